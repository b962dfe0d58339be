// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/bus/pci/devices/<function>/virtio_vfio/
 */
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "sysfs.h"
#include "virtio_vfio.h"

static struct virtio_vfio_device *dev_to_virtio_vfio(struct device *dev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);

	return container_of(core, struct virtio_vfio_device, core);
}

static ssize_t transitional_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct virtio_vfio_device *vf = dev_to_virtio_vfio(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(vf->transitional));
}

static ssize_t transitional_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct virtio_vfio_device *vf = dev_to_virtio_vfio(dev);
	bool transitional;
	int ret;

	ret = kstrtobool(buf, &transitional);
	if (ret)
		return ret;

	if (transitional && vf->refusal) {
		if (virtio_vfio_log_ok(&vf->log))
			dev_info(dev, "can't be transitional: %s\n",
				 vf->refusal);
		return -EOPNOTSUPP;
	}

	mutex_lock(&vf->state_lock);
	if (vf->open)
		ret = -EBUSY;
	else
		WRITE_ONCE(vf->transitional, transitional);
	mutex_unlock(&vf->state_lock);

	return ret ? ret : count;
}
static DEVICE_ATTR_RW(transitional);

static ssize_t legacy_supported_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", !dev_to_virtio_vfio(dev)->refusal);
}
static DEVICE_ATTR_RO(legacy_supported);

static ssize_t legacy_active_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct virtio_vfio_device *vf = dev_to_virtio_vfio(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(vf->bar0.active));
}
static DEVICE_ATTR_RO(legacy_active);

static ssize_t legacy_reset_timeout_show(struct device *dev,
					 struct device_attribute *attr,
					 char *buf)
{
	struct virtio_vfio_device *vf = dev_to_virtio_vfio(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&vf->reset.timeouts));
}
static DEVICE_ATTR_RO(legacy_reset_timeout);

static ssize_t log_suppressed_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct virtio_vfio_device *vf = dev_to_virtio_vfio(dev);

	return sysfs_emit(buf, "%u\n",
			  (unsigned int)atomic_read(&vf->log.suppressed));
}
static DEVICE_ATTR_RO(log_suppressed);

static struct attribute *virtio_vfio_attrs[] = {
	&dev_attr_transitional.attr,
	&dev_attr_legacy_supported.attr,
	&dev_attr_legacy_active.attr,
	&dev_attr_legacy_reset_timeout.attr,
	&dev_attr_log_suppressed.attr,
	NULL
};

static const struct attribute_group virtio_vfio_group = {
	.name = "virtio_vfio",
	.attrs = virtio_vfio_attrs,
};

const struct attribute_group *virtio_vfio_groups[] = {
	&virtio_vfio_group,
	NULL
};
