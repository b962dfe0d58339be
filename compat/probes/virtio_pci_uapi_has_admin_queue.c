// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_pci.h>

#ifdef FACT
struct virtio_pci_modern_common_cfg probe = {
	.admin_queue_index = 0,
};
#endif
