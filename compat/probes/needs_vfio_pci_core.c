// SPDX-License-Identifier: GPL-2.0-only
/* needs: vfio_pci_core (CONFIG_VFIO_PCI_CORE) with checked MMIO access */
#include <linux/vfio_pci_core.h>

#if !IS_ENABLED(CONFIG_VFIO_PCI_CORE)
#error CONFIG_VFIO_PCI_CORE is off
#endif

int probe(struct vfio_pci_core_device *core, void __iomem *io);
int probe(struct vfio_pci_core_device *core, void __iomem *io)
{
	return vfio_pci_core_iowrite16(core, true, 0, io);
}
