// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_pci.h>

#ifdef FACT
struct virtio_admin_cmd_notify_info_data probe = {
	.flags = VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_MEM,
};
#endif
