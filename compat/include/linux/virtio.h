/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_H
#define COMPAT_LINUX_VIRTIO_H

#include_next <linux/virtio.h>
/* For register_virtio_device(). */
#include <linux/virtio_config.h>

#endif
