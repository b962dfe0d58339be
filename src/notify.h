/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_NOTIFY_H
#define VIRTIO_VFIO_NOTIFY_H

#include <linux/compiler.h>
#include <linux/types.h>

struct virtio_vfio_device;

/* Why a driver notification may not be written to the notify address. */
enum virtio_vfio_notify_block {
	VIRTIO_VFIO_NOTIFY_NO_ADDRESS,	/* closed, or the device gave none */
	VIRTIO_VFIO_NOTIFY_IO_OFF,	/* I/O Space is off in PCI_COMMAND */
	VIRTIO_VFIO_NOTIFY_RESET,	/* the function is being reset */
	VIRTIO_VFIO_NOTIFY_LOW_POWER,	/* userspace let it suspend */
	VIRTIO_VFIO_NOTIFY_D3,		/* its power state is being changed */
};

/**
 * struct virtio_vfio_notify - the doorbell of one VF
 * @blocked: bit mask of enum virtio_vfio_notify_block; @addr may be written
 *	to while it is 0, under rcu_read_lock()
 * @addr: where LEGACY_NOTIFY_INFO says notifications go
 */
struct virtio_vfio_notify {
	unsigned long blocked;
	void __iomem *addr;
};

/**
 * virtio_vfio_notify_init - set up the doorbell of a closed device
 * @vf: the device
 */
void virtio_vfio_notify_init(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_notify_open - find and map the notify address
 * @vf: an enabled device; no other call on its doorbell may run
 *
 * Without a usable address notifications become admin commands.
 */
void virtio_vfio_notify_open(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_notify_close - undo virtio_vfio_notify_open()
 * @vf: the device
 *
 * Context: sleeps until no notification is being written.
 */
void virtio_vfio_notify_close(struct virtio_vfio_device *vf);

/**
 * virtio_vfio_notify_block - keep notifications from the notify address
 * @vf: the device
 * @why: the reason, cleared by virtio_vfio_notify_unblock()
 *
 * Context: sleeps until no notification is being written.
 * Return: whether the reason is new.
 */
bool virtio_vfio_notify_block(struct virtio_vfio_device *vf,
			      enum virtio_vfio_notify_block why);
void virtio_vfio_notify_unblock(struct virtio_vfio_device *vf,
				enum virtio_vfio_notify_block why);

/**
 * virtio_vfio_notify - send a driver notification
 * @vf: an open transitional device
 * @queue: virtqueue index
 *
 * Virtio 1.4, "Legacy Interfaces", VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO. Takes
 * no lock and allocates nothing while the device is up and has a notify
 * address; else sleeps as virtio_vfio_admin_access(). Never waits for another
 * thread's register access.
 *
 * Return: 0, also if I/O Space is off and so nothing is sent, or a negative
 * errno as virtio_vfio_admin_access() gives it.
 */
int virtio_vfio_notify(struct virtio_vfio_device *vf, u16 queue);

/**
 * virtio_vfio_notify_atomic - send a driver notification if that takes one store
 * @vf: an open transitional device
 * @queue: virtqueue index
 *
 * Context: any. Takes no lock and allocates nothing.
 * Return: true if it was sent or, with I/O Space off, dropped; false if it
 * takes virtio_vfio_notify(), which sleeps.
 */
bool virtio_vfio_notify_atomic(struct virtio_vfio_device *vf, u16 queue);

#endif
