/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_H
#define COMPAT_LINUX_VIRTIO_H

#include_next <linux/virtio.h>
/* For register_virtio_device(). */
#include <linux/virtio_config.h>

/* A kernel that can't sleep has neither, and calls nothing that would. */
#ifndef CONFIG_PM_SLEEP
static inline int virtio_device_freeze(struct virtio_device *dev)
{
	return -EOPNOTSUPP;
}

static inline int virtio_device_restore(struct virtio_device *dev)
{
	return -EOPNOTSUPP;
}
#endif

#endif
