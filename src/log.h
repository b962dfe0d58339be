/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_LOG_H
#define VIRTIO_VFIO_LOG_H

#include <linux/atomic.h>
#include <linux/ratelimit.h>

/*
 * With one more that says how many were left out, there can be twice as many
 * lines in a minute that has the end of one interval and the start of the next.
 */
#define VIRTIO_VFIO_LOG_LINES	9
#define VIRTIO_VFIO_LOG_SECONDS	60

/**
 * struct virtio_vfio_log - bounds what a guest or a device can make us log
 * @limit: lines in so many seconds
 * @suppressed: how many were left out
 */
struct virtio_vfio_log {
	struct ratelimit_state limit;
	atomic_t suppressed;
};

static inline void virtio_vfio_log_init(struct virtio_vfio_log *log)
{
	ratelimit_state_init(&log->limit, VIRTIO_VFIO_LOG_SECONDS * HZ,
			     VIRTIO_VFIO_LOG_LINES);
}

/**
 * virtio_vfio_log_ok - whether there may be one more line
 * @log: the bound
 *
 * Return: if so; else the line is counted.
 */
static inline bool virtio_vfio_log_ok(struct virtio_vfio_log *log)
{
	if (__ratelimit(&log->limit))
		return true;

	atomic_inc(&log->suppressed);
	return false;
}

#endif
