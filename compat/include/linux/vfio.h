/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VFIO_H
#define COMPAT_LINUX_VFIO_H

#include_next <linux/vfio.h>
#include "compat-config.h"

#if !COMPAT_VFIO_OPS_HAS_IOMMUFD
#define vfio_iommufd_physical_bind		NULL
#define vfio_iommufd_physical_unbind		NULL
#define vfio_iommufd_physical_attach_ioas	NULL
#define vfio_iommufd_physical_detach_ioas	NULL
#endif

#if !COMPAT_VFIO_OPS_HAS_GET_REGION_INFO_CAPS || \
	!COMPAT_VFIO_OPS_HAS_MATCH_TOKEN_UUID || \
	!COMPAT_VFIO_OPS_HAS_IOMMUFD

#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>

struct iommufd_ctx;

/* struct vfio_device_ops of the newest kernel, as far as src/ fills it in. */
struct compat_vfio_device_ops {
	char *name;
	int (*init)(struct vfio_device *vdev);
	void (*release)(struct vfio_device *vdev);
	int (*bind_iommufd)(struct vfio_device *vdev,
			    struct iommufd_ctx *ictx,
			    u32 *out_device_id);
	void (*unbind_iommufd)(struct vfio_device *vdev);
	int (*attach_ioas)(struct vfio_device *vdev, u32 *pt_id);
	void (*detach_ioas)(struct vfio_device *vdev);
	int (*open_device)(struct vfio_device *vdev);
	void (*close_device)(struct vfio_device *vdev);
	ssize_t (*read)(struct vfio_device *vdev, char __user *buf,
			size_t count, loff_t *ppos);
	ssize_t (*write)(struct vfio_device *vdev,
			 const char __user *buf, size_t count,
			 loff_t *ppos);
	long (*ioctl)(struct vfio_device *vdev, unsigned int cmd,
		      unsigned long arg);
	int (*get_region_info_caps)(struct vfio_device *vdev,
				    struct vfio_region_info *info,
				    struct vfio_info_cap *caps);
	int (*mmap)(struct vfio_device *vdev,
		    struct vm_area_struct *vma);
	void (*request)(struct vfio_device *vdev, unsigned int count);
	int (*match)(struct vfio_device *vdev, char *buf);
	int (*match_token_uuid)(struct vfio_device *vdev,
				const uuid_t *uuid);
	int (*device_feature)(struct vfio_device *device, u32 flags,
			      void __user *arg, size_t argsz);
};

static const struct compat_vfio_device_ops *compat_vfio_ops __maybe_unused;

/* What the shadow of a region info helper returns for "ask the old ioctl". */
#define COMPAT_VFIO_ASK_IOCTL	(-ENOIOCTLCMD)

static inline long compat_vfio_get_region_info(struct vfio_device *vdev,
					       unsigned long arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = {};
	int ret;

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;

	if (info.argsz < minsz)
		return -EINVAL;

	ret = compat_vfio_ops->get_region_info_caps(vdev, &info, NULL);
	if (ret == COMPAT_VFIO_ASK_IOCTL)
		return compat_vfio_ops->ioctl(vdev, VFIO_DEVICE_GET_REGION_INFO,
					      arg);
	if (ret)
		return ret;

	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

static inline long compat_vfio_ioctl(struct vfio_device *vdev,
				     unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_DEVICE_GET_REGION_INFO)
		return compat_vfio_get_region_info(vdev, arg);

	return compat_vfio_ops->ioctl(vdev, cmd, arg);
}

/*
 * A module has one set of operations, so there is one place to turn it into.
 * That is filled in once: devices that are open already use it.
 */
static inline const struct vfio_device_ops *
compat_vfio_native_ops(const struct compat_vfio_device_ops *ops)
{
	static struct vfio_device_ops native;
	static DEFINE_MUTEX(lock);

	mutex_lock(&lock);
	if (compat_vfio_ops)
		goto unlock;

	compat_vfio_ops = ops;
	native.name = ops->name;
	native.init = ops->init;
	native.release = ops->release;
	native.open_device = ops->open_device;
	native.close_device = ops->close_device;
	native.read = ops->read;
	native.write = ops->write;
	native.mmap = ops->mmap;
	native.request = ops->request;
	native.match = ops->match;
	native.device_feature = ops->device_feature;
#if COMPAT_VFIO_OPS_HAS_IOMMUFD
	native.bind_iommufd = ops->bind_iommufd;
	native.unbind_iommufd = ops->unbind_iommufd;
	native.attach_ioas = ops->attach_ioas;
	native.detach_ioas = ops->detach_ioas;
#endif
#if COMPAT_VFIO_OPS_HAS_GET_REGION_INFO_CAPS
	native.ioctl = ops->ioctl;
	native.get_region_info_caps = ops->get_region_info_caps;
#else
	native.ioctl = compat_vfio_ioctl;
#endif
#if COMPAT_VFIO_OPS_HAS_MATCH_TOKEN_UUID
	native.match_token_uuid = ops->match_token_uuid;
#endif

unlock:
	mutex_unlock(&lock);
	return &native;
}

#undef vfio_alloc_device
#define vfio_alloc_device(dev_struct, member, dev, ops)			\
	container_of(_vfio_alloc_device(sizeof(struct dev_struct) +	\
			BUILD_BUG_ON_ZERO(offsetof(struct dev_struct,	\
						   member)),		\
			dev, compat_vfio_native_ops(ops)),		\
		     struct dev_struct, member)

#define vfio_device_ops compat_vfio_device_ops

#endif
#endif
