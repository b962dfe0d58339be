// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio_pci_core.h>

#ifdef FACT
struct vfio_pci_device_ops probe = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};
#endif
