/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_VFIO_PF_USER_H
#define TESTS_VFIO_PF_USER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PF_USER_QUEUES	8
#define PF_USER_FIELD	16

/*
 * One call of the configuration operations of a virtio device. @queue is one of
 * those that were asked for, @index and @size are what it got.
 */
struct pf_user_call {
	__u32 queue;
	__u32 index;
	__u32 size;		/* 0 if there is no such queue */
	__u32 offset;
	__u32 len;		/* of @field */
	__u8 field[PF_USER_FIELD];
	__u32 cpus;		/* the first 32, as a mask; 0 for none */
};

/* Device configuration */
#define PF_USER_GET		_IOWR('v', 8, struct pf_user_call)
#define PF_USER_SET		_IOW('v', 9, struct pf_user_call)
/* @index, @size and the @cpus that get_vq_affinity() tells */
#define PF_USER_QUEUE		_IOWR('v', 10, struct pf_user_call)
#define PF_USER_SET_AFFINITY	_IOW('v', 11, struct pf_user_call)
/* disable_vq_and_reset(), enable_vq_after_reset() */
#define PF_USER_DISABLE		_IOW('v', 12, struct pf_user_call)
#define PF_USER_ENABLE		_IOW('v', 13, struct pf_user_call)
/* A packet, and the wait for its interrupt, or without one if it has none. */
#define PF_USER_SEND		_IOW('v', 14, struct pf_user_call)

#define PF_USER_PATH		"/dev/virtio_pf_user"

#endif
