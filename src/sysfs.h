/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_SYSFS_H
#define VIRTIO_VFIO_SYSFS_H

#include <linux/sysfs.h>

/* The directory virtio_vfio/ of each function bound to the driver. */
extern const struct attribute_group *virtio_vfio_groups[];

#endif
