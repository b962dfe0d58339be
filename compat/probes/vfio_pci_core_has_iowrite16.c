// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio_pci_core.h>

#ifdef FACT
int (*probe)(struct vfio_pci_core_device *vdev, bool test_mem, u16 val,
	     void __iomem *io) = vfio_pci_core_iowrite16;
#endif
