/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VFIO_PCI_CORE_H
#define COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/vfio.h>
#include_next <linux/vfio_pci_core.h>

#if !COMPAT_VFIO_OPS_HAS_GET_REGION_INFO_CAPS
static inline int vfio_pci_ioctl_get_region_info(struct vfio_device *vdev,
						 struct vfio_region_info *info,
						 struct vfio_info_cap *caps)
{
	return COMPAT_VFIO_ASK_IOCTL;
}
#endif

#if !COMPAT_VFIO_OPS_HAS_MATCH_TOKEN_UUID
/* vfio_pci_core_match() checks the token here. */
#define vfio_pci_core_match_token_uuid	NULL
#endif

#endif
