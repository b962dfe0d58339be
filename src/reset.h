/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_RESET_H
#define VIRTIO_VFIO_RESET_H

#include <linux/atomic.h>

struct virtio_vfio_device;

/**
 * struct virtio_vfio_reset - resets of one VF
 * @timeouts: how many were not finished within legacy_reset_timeout
 */
struct virtio_vfio_reset {
	atomic_t timeouts;
};

/**
 * virtio_vfio_reset_device - reset the device as the guest's driver asks for it
 * @vf: an open transitional device
 *
 * Writes 0 to Device Status and waits until it reads 0. Legacy drivers free
 * their rings right after that write, without a look at the register (virtio
 * 1.4, "Legacy Interfaces: Device Initialization"). Register accesses of other
 * threads wait meanwhile, notifications don't.
 *
 * Context: sleeps as virtio_vfio_admin_access(), and killably for
 * legacy_reset_timeout at most.
 * Return: 0, also if the device was not reset in time, which is counted and
 * logged; or a negative errno as virtio_vfio_admin_access() gives it.
 */
int virtio_vfio_reset_device(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_reset_finish - see to it that a device is reset
 * @vf: a device that has a type; its function was reset, or should have been
 *
 * Costs one read of Device Status if that is 0. Else the device is reset by
 * that register.
 *
 * Context: sleeps for legacy_reset_timeout for each of the path and the
 * device, and for one command to be answered, at most 10 s or admin_timeout.
 */
void virtio_vfio_reset_finish(struct virtio_vfio_device *vf);

#endif
