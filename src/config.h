/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_CONFIG_H
#define VIRTIO_VFIO_CONFIG_H

#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/types.h>

struct virtio_vfio_device;

/* The fields that a transitional device has of its own lie below this offset. */
#define VIRTIO_VFIO_CONFIG_OVERLAY_END	(PCI_SUBSYSTEM_ID + 2)

/**
 * struct virtio_vfio_config - configuration space that a VF does not have
 * @bar0: the I/O BAR's register, little-endian, as the guest wrote it
 * @power_lock: serialises what can change the power state
 *
 * The I/O Space bit of PCI_COMMAND is VIRTIO_VFIO_NOTIFY_IO_OFF, inverted.
 */
struct virtio_vfio_config {
	u8 bar0[4];
	struct mutex power_lock;	/* the power state and its block */
};

/**
 * virtio_vfio_config_read - read configuration space of a transitional device
 * @vf: the device, open
 * @buf: where to, userspace
 * @count: bytes
 * @ppos: VFIO file offset, advanced
 *
 * Virtio 1.4, "Legacy Interfaces: A Note on PCI Device Discovery".
 *
 * Return: bytes read or a negative errno, as vfio_pci_core_read().
 */
ssize_t virtio_vfio_config_read(struct virtio_vfio_device *vf,
				char __user *buf, size_t count, loff_t *ppos);
ssize_t virtio_vfio_config_write(struct virtio_vfio_device *vf,
				 const char __user *buf, size_t count,
				 loff_t *ppos);

/**
 * virtio_vfio_config_io_enabled - whether PCI_COMMAND lets I/O accesses in
 * @vf: the device
 *
 * Return: the state of the I/O Space bit.
 */
bool virtio_vfio_config_io_enabled(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_config_reset - what a function reset does to it
 * @vf: the device
 */
void virtio_vfio_config_reset(struct virtio_vfio_device *vf);

#endif
