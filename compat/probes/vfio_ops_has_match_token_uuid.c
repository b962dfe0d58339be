// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio_pci_core.h>

#ifdef FACT
struct vfio_device_ops probe = {
	.match_token_uuid = vfio_pci_core_match_token_uuid,
};
#endif
