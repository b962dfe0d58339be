// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_config.h>

#ifdef FACT
struct virtqueue_info probe = {
	.name = "",
};
#endif
