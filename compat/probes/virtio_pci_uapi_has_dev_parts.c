// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_pci.h>

#ifdef FACT
struct virtio_dev_parts_cap probe = {
	.get_parts_resource_objects_limit = VIRTIO_ADMIN_CMD_DEV_PARTS_GET,
};
#endif
