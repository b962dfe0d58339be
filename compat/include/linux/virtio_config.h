/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_CONFIG_H
#define COMPAT_LINUX_VIRTIO_CONFIG_H

#include <linux/virtio.h>
#include "compat-config.h"

#if COMPAT_VIRTIO_CONFIG_HAS_VIRTQUEUE_INFO
#include_next <linux/virtio_config.h>
#else

#include <linux/build_bug.h>
#include <linux/mutex.h>
#include <linux/slab.h>

struct irq_affinity;
struct virtio_shm_region;

typedef void vq_callback_t(struct virtqueue *vq);

struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

/*
 * The kernel's table, laid out as it is there, in which find_vqs may have the
 * newest kernel's type too, until the device is registered.
 */
struct virtio_config_ops {
	void (*get)(struct virtio_device *vdev, unsigned int offset, void *buf,
		    unsigned int len);
	void (*set)(struct virtio_device *vdev, unsigned int offset,
		    const void *buf, unsigned int len);
	u32 (*generation)(struct virtio_device *vdev);
	u8 (*get_status)(struct virtio_device *vdev);
	void (*set_status)(struct virtio_device *vdev, u8 status);
	void (*reset)(struct virtio_device *vdev);
	union {
		int (*find_vqs)(struct virtio_device *vdev, unsigned int nvqs,
				struct virtqueue *vqs[],
				struct virtqueue_info vqs_info[],
				struct irq_affinity *desc);
		int (*compat_native_find_vqs)(struct virtio_device *vdev,
					      unsigned int nvqs,
					      struct virtqueue *vqs[],
					      vq_callback_t *callbacks[],
					      const char * const names[],
					      const bool *ctx,
					      struct irq_affinity *desc);
	};
	void (*del_vqs)(struct virtio_device *vdev);
	void (*synchronize_cbs)(struct virtio_device *vdev);
	u64 (*get_features)(struct virtio_device *vdev);
	int (*finalize_features)(struct virtio_device *vdev);
	const char *(*bus_name)(struct virtio_device *vdev);
	int (*set_vq_affinity)(struct virtqueue *vq,
			       const struct cpumask *cpu_mask);
	const struct cpumask *(*get_vq_affinity)(struct virtio_device *vdev,
						 int index);
	bool (*get_shm_region)(struct virtio_device *vdev,
			       struct virtio_shm_region *region, u8 id);
	int (*disable_vq_and_reset)(struct virtqueue *vq);
	int (*enable_vq_after_reset)(struct virtqueue *vq);
};

/* Its inline functions use find_vqs as well. */
#define virtio_config_ops	compat_native_virtio_config_ops
#define find_vqs		compat_native_find_vqs
#include_next <linux/virtio_config.h>
#undef find_vqs
#undef virtio_config_ops

#define COMPAT_SAME_OFFSET(member)					\
	static_assert(offsetof(struct virtio_config_ops, member) ==	\
		      offsetof(struct compat_native_virtio_config_ops, member))

COMPAT_SAME_OFFSET(reset);
COMPAT_SAME_OFFSET(compat_native_find_vqs);
COMPAT_SAME_OFFSET(del_vqs);
COMPAT_SAME_OFFSET(synchronize_cbs);
COMPAT_SAME_OFFSET(get_features);
COMPAT_SAME_OFFSET(get_vq_affinity);
COMPAT_SAME_OFFSET(disable_vq_and_reset);
COMPAT_SAME_OFFSET(enable_vq_after_reset);
static_assert(sizeof(struct virtio_config_ops) ==
	      sizeof(struct compat_native_virtio_config_ops));

/**
 * struct compat_virtio_config - the operations of a module's devices
 * @native: what the kernel calls
 * @ops: what src/ has filled in
 */
struct compat_virtio_config {
	struct virtio_config_ops native;
	const struct virtio_config_ops *ops;
};

static inline int compat_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
				  struct virtqueue *vqs[],
				  vq_callback_t *callbacks[],
				  const char * const names[], const bool *ctx,
				  struct irq_affinity *desc)
{
	const struct compat_virtio_config *config =
		container_of(vdev->config, struct compat_virtio_config, native);
	struct virtqueue_info *info;
	unsigned int i;
	int ret;

	info = kcalloc(nvqs, sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;

	for (i = 0; i < nvqs; i++) {
		info[i].name = names[i];
		info[i].callback = callbacks[i];
		info[i].ctx = ctx && ctx[i];
	}

	ret = config->ops->find_vqs(vdev, nvqs, vqs, info, desc);
	kfree(info);
	return ret;
}

/*
 * A module has one table, so there is one place to turn it into. That is filled
 * in once: devices that are registered already use it.
 */
static inline int compat_register_virtio_device(struct virtio_device *vdev)
{
	static struct compat_virtio_config config;
	static DEFINE_MUTEX(lock);

	mutex_lock(&lock);
	if (!config.ops) {
		config.native = *vdev->config;
		config.native.compat_native_find_vqs = compat_find_vqs;
		config.ops = vdev->config;
	}
	mutex_unlock(&lock);

	vdev->config = &config.native;
	return register_virtio_device(vdev);
}

#define register_virtio_device	compat_register_virtio_device

#endif

#if !COMPAT_VIRTIO_CONFIG_UAPI_HAS_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA	38
#endif

#if !COMPAT_VIRTIO_CONFIG_UAPI_HAS_ADMIN_VQ
#define VIRTIO_F_ADMIN_VQ		41
#endif

#endif
