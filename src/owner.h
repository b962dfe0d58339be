/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_OWNER_H
#define VIRTIO_VFIO_OWNER_H

#include <linux/types.h>
#include <linux/virtio_pci.h>

struct device;
struct pci_dev;

/**
 * struct virtio_vfio_admin_status - how the device answered a command
 * @status: VIRTIO_ADMIN_STATUS_*, 0 if the device gave no status
 * @qualifier: VIRTIO_ADMIN_STATUS_Q_*, -1 if the provider can't tell
 */
struct virtio_vfio_admin_status {
	u16 status;
	int qualifier;
};

/**
 * struct virtio_vfio_owner_ops - a way to the owner device's admin virtqueue
 * @bounded: a command ends by itself in bounded time and when its caller is
 *	killed, so it can be executed by the caller; else a worker does it
 * @get: take what the commands of one path need; NULL may be a right answer.
 *	An ERR_PTR() if there is no memory
 * @put: give it back; may be called while the device still has a command
 * @probe: whether the owner device serves the legacy commands for @vf:
 *	0 or a negative errno; may sleep until the device answers
 * @access: one of the four VIRTIO_ADMIN_CMD_LEGACY_*_CFG_* commands for @len
 *	bytes at @offset, which name one field; @buf is little-endian and from
 *	kmalloc; may sleep until the device answers
 * @notify_info: VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO; fills
 *	VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO entries, unchecked, in the order in
 *	which they are to be preferred; may sleep until the device answers
 *
 * Virtio 1.4, 2.13 "Group administration commands", "Legacy Interfaces".
 * Commands for one member device may be under way in parallel, each with a
 * @path of its own, which is what @get gave. All return 0 or a negative errno,
 * as virtio_vfio_status_to_errno() has it.
 */
struct virtio_vfio_owner_ops {
	bool bounded;
	void *(*get)(struct pci_dev *vf);
	void (*put)(void *path);
	int (*probe)(struct pci_dev *vf, void *path);
	int (*access)(struct pci_dev *vf, void *path, u16 opcode, u8 offset,
		      u8 *buf, u8 len, struct virtio_vfio_admin_status *status);
	int (*notify_info)(struct pci_dev *vf, void *path,
			   struct virtio_admin_cmd_notify_info_data *entries,
			   struct virtio_vfio_admin_status *status);
};

/* The admin virtqueue of the kernel's own virtio_pci. */
extern const struct virtio_vfio_owner_ops virtio_vfio_owner_kernel;
/* That of virtio_pci_owner. */
extern const struct virtio_vfio_owner_ops virtio_vfio_owner_driver;

/**
 * virtio_vfio_status_to_errno - turn an admin command's status into an errno
 * @status: VIRTIO_ADMIN_STATUS_* as the device gave it
 *
 * Return: 0 for OK; the negative errno for statuses that mean one to the
 * caller; -EIO for all others, known or not.
 */
int virtio_vfio_status_to_errno(u16 status);

#endif
