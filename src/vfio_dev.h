/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_VFIO_DEV_H
#define VIRTIO_VFIO_VFIO_DEV_H

#include <linux/vfio.h>

extern const struct vfio_device_ops virtio_vfio_ops;

#endif
