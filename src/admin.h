/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_ADMIN_H
#define VIRTIO_VFIO_ADMIN_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/virtio_pci.h>

struct pci_dev;
struct virtio_vfio_cmd;
struct virtio_vfio_device;

/**
 * struct virtio_vfio_admin_path - one admin command at a time for one VF
 * @lock: held while a command is under way
 * @cmd: the command, reused
 *
 * Two paths of one VF do not wait for each other.
 */
struct virtio_vfio_admin_path {
	struct mutex lock;	/* one command at a time */
	struct virtio_vfio_cmd *cmd;
};

int virtio_vfio_admin_start(void);
void virtio_vfio_admin_stop(void);

/**
 * virtio_vfio_admin_init - set up a path
 * @path: the path
 * @vf: the member device
 *
 * Return: 0 or -ENOMEM.
 */
int virtio_vfio_admin_init(struct virtio_vfio_admin_path *path,
			   struct pci_dev *vf);

/**
 * virtio_vfio_admin_release - undo virtio_vfio_admin_init()
 * @path: the path; no command may be started any more
 *
 * A command that the device has not answered keeps what it needs until then.
 */
void virtio_vfio_admin_release(struct virtio_vfio_admin_path *path);

/**
 * virtio_vfio_admin_probe - whether the owner device serves legacy commands
 * @path: a path of the VF
 *
 * Context: sleeps until the device answers, at most admin_timeout or 10 s.
 * Return: 0 or a negative errno.
 */
int virtio_vfio_admin_probe(struct virtio_vfio_admin_path *path);

/**
 * virtio_vfio_admin_lock - take a path for several commands in a row
 * @path: the path
 *
 * Context: sleeps until other users of the path have done.
 * Return: 0, and the path is taken until virtio_vfio_admin_unlock(); -EINTR if
 * the caller is killed; -EIO if the device still has a command of this path
 * that was given up.
 */
int virtio_vfio_admin_lock(struct virtio_vfio_admin_path *path);
/* The same without a wait: -EBUSY if somebody else has the path. */
int virtio_vfio_admin_trylock(struct virtio_vfio_admin_path *path);
void virtio_vfio_admin_unlock(struct virtio_vfio_admin_path *path);

/**
 * virtio_vfio_admin_access_locked - virtio_vfio_admin_access() on a taken path
 * @path: the path, taken
 * @opcode: as there
 * @offset: as there
 * @buf: as there
 * @len: as there
 * @bounded: bound the wait for the device also where admin_timeout doesn't, by
 *	10 s
 *
 * Logs nothing; virtio_vfio_admin_log() does.
 *
 * Return: as virtio_vfio_admin_access(). After -ETIMEDOUT and -EINTR the path
 * can't be used before it has been taken anew.
 */
int virtio_vfio_admin_access_locked(struct virtio_vfio_admin_path *path,
				    u16 opcode, u8 offset, void *buf, u8 len,
				    bool bounded);

/**
 * virtio_vfio_admin_log - say which command of a path failed
 * @vf: the device that the message names
 * @path: the path, taken
 * @ret: what its last command returned, not 0
 */
void virtio_vfio_admin_log(struct virtio_vfio_device *vf,
			   const struct virtio_vfio_admin_path *path, int ret);

/**
 * virtio_vfio_admin_access - read or write within one legacy register
 * @vf: the device, for messages
 * @path: the path to take
 * @opcode: VIRTIO_ADMIN_CMD_LEGACY_{COMMON,DEV}_CFG_{READ,WRITE}
 * @offset: bytes into the common or the device configuration
 * @buf: little-endian value; as it was if a read fails
 * @len: bytes, 8 at most
 *
 * Context: sleeps for the path's lock and until the device answers, at most
 * admin_timeout each where that is set or virtio_pci_owner drives the PF.
 * Return: 0; what virtio_vfio_status_to_errno() says; -ETIMEDOUT if the device
 * does not answer in time, and -EIO from then on until it does; -EINTR if the
 * caller is killed.
 */
int virtio_vfio_admin_access(struct virtio_vfio_device *vf,
			     struct virtio_vfio_admin_path *path, u16 opcode,
			     u8 offset, void *buf, u8 len);

/**
 * virtio_vfio_admin_notify_info - read the notify addresses of a VF
 * @vf: the device
 * @entries: VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO of them, unchecked
 *
 * Context: as virtio_vfio_admin_access().
 * Return: as virtio_vfio_admin_access(); -EOPNOTSUPP, which is not logged, if
 * the device is known to lack the command.
 */
int virtio_vfio_admin_notify_info(struct virtio_vfio_device *vf,
				  struct virtio_admin_cmd_notify_info_data *entries);

#endif
