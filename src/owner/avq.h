/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_OWNER_AVQ_H
#define VIRTIO_OWNER_AVQ_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct virtio_owner;
struct virtio_pci_owner_cmd;
struct virtio_pci_owner_request;
struct virtqueue;

/* Group types with a list of commands each, by their number. */
#define VIRTIO_OWNER_GROUPS	2

/**
 * struct virtio_owner_avq - the administration virtqueue
 * @lock: protects all that follows but @list_lock; taken in interrupts
 * @vq: the queue, NULL while there is none
 * @open: commands are taken
 * @broken: why they fail, NULL if they don't
 * @silent: broken because an answer did not come, which a late one mends
 * @answers: commands that the device has answered
 * @resets: how often the queue was stopped
 * @lost: commands that it has not answered and nobody waits for
 * @pending: commands that wait for room in the queue, first come first served
 * @sent: commands that the device has
 * @list_lock: serialises asking for the lists
 * @list_ret: how that went last, under @list_lock
 * @listed: bit mask of groups whose list was asked for since the last reset
 * @refused: bit mask of groups whose list the device refused since then
 * @cmds: commands that may be used, a bit mask for each group
 * @check_lock: serialises the use of @check
 * @check: asks whether the device is alive
 * @log: bounds what a device that comes and goes makes us log
 */
struct virtio_owner_avq {
	spinlock_t lock;	/* the queue and its commands */
	struct virtqueue *vq;
	bool open;
	const char *broken;
	bool silent;
	u64 answers;
	unsigned int resets;
	unsigned int lost;
	struct list_head pending;
	struct list_head sent;
	struct mutex list_lock;	/* one asks for the lists */
	int list_ret;
	unsigned long listed;
	unsigned long refused;
	u64 cmds[VIRTIO_OWNER_GROUPS];
	struct mutex check_lock; /* one asks for a sign of life */
	struct virtio_pci_owner_cmd *check;
	struct ratelimit_state log;
};

/**
 * virtio_owner_avq_init - set up what outlives resets
 * @owner: the PF
 *
 * Return: 0 or -ENOMEM.
 */
int virtio_owner_avq_init(struct virtio_owner *owner);

/**
 * virtio_owner_avq_exit - undo virtio_owner_avq_init()
 * @owner: the PF, without an admin virtqueue
 */
void virtio_owner_avq_exit(struct virtio_owner *owner);

/**
 * virtio_owner_avq_up - make the queue
 * @owner: the PF; ADMIN_VQ was negotiated and @owner->avq_index checked
 * @vector: the queue's MSI-X vector or VIRTIO_MSI_NO_VECTOR
 *
 * Return: 0 or a negative errno.
 */
int virtio_owner_avq_up(struct virtio_owner *owner, u16 vector);

/**
 * virtio_owner_avq_open - take commands, if there is a queue for them
 * @owner: the PF; its status is DRIVER_OK
 */
void virtio_owner_avq_open(struct virtio_owner *owner);

/**
 * virtio_owner_avq_stop - take no more commands, before the device is reset
 * @owner: the PF
 *
 * Whoever waits gets -EIO; whoever comes later -ENODEV.
 */
void virtio_owner_avq_stop(struct virtio_owner *owner);

/**
 * virtio_owner_avq_down - remove the queue, after the device was reset
 * @owner: the PF; it must not write to memory any more, and the queue's
 *	interrupt be off
 */
void virtio_owner_avq_down(struct virtio_owner *owner);

/**
 * virtio_owner_avq_break - give the queue up, until the device is reset
 * @owner: the PF
 * @why: what the device does, for the message: "needs a reset"
 *
 * Whoever waits or comes later gets -EIO.
 *
 * Context: any.
 */
void virtio_owner_avq_break(struct virtio_owner *owner, const char *why);

/* cmds.c: commands that may be used, a bit for each opcode */
extern const u64 virtio_owner_known_cmds;

/**
 * virtio_owner_result_fits - whether an answer has the size it claims
 * @rq: the command
 * @result: the command specific result
 * @len: bytes of it that the device wrote
 *
 * Return: if so.
 */
bool virtio_owner_result_fits(const struct virtio_pci_owner_request *rq,
			      const void *result, size_t len);

#endif
