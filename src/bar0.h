/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_BAR0_H
#define VIRTIO_VFIO_BAR0_H

#include <linux/types.h>

struct virtio_vfio_device;

/**
 * struct virtio_vfio_bar0 - the emulated I/O BAR
 * @size: bytes, a power of two
 * @config_len: bytes of device configuration that the device has been found
 *	to have, at most its type's
 * @active: a legacy driver has the device up
 */
struct virtio_vfio_bar0 {
	u32 size;
	unsigned int config_len;
	bool active;
};

/**
 * virtio_vfio_bar0_init - size the BAR for the device's type
 * @vf: a device that has a type
 */
void virtio_vfio_bar0_init(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_bar0_reset - forget what the guest's driver did
 * @vf: the device
 */
void virtio_vfio_bar0_reset(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_bar0_rw - access the legacy registers
 * @vf: an open transitional device
 * @buf: userspace memory, read from if @write
 * @count: bytes, any number; what passes the BAR's end is cut off
 * @ppos: VFIO file offset, advanced
 * @write: the direction
 *
 * Virtio 1.4, "Legacy Interfaces: A Note on PCI Device Layout". Each register
 * touched becomes one admin command, but for 0 written to Device Status, see
 * virtio_vfio_reset_device(). With I/O Space off in PCI_COMMAND reads
 * give all ones and writes are lost, as on a bus.
 *
 * Context: sleeps as virtio_vfio_admin_access().
 * Return: bytes done or a negative errno; -EINVAL beyond the BAR.
 */
ssize_t virtio_vfio_bar0_rw(struct virtio_vfio_device *vf, char __user *buf,
			    size_t count, loff_t *ppos, bool write);

#endif
