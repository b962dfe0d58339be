// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VFIO device. One that is not transitional goes straight to
 * vfio_pci_core.
 */
#include <linux/pm_runtime.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/virtio_pci.h>

#include "ioeventfd.h"
#include "legacy_type.h"
#include "sysfs.h"
#include "vfio_dev.h"
#include "virtio_vfio.h"

static int virtio_vfio_init(struct vfio_device *core_vdev)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);
	struct pci_dev *pdev = to_pci_dev(core_vdev->dev);
	int ret;

	ret = vfio_pci_core_init_dev(core_vdev);
	if (ret)
		return ret;

	mutex_init(&vf->state_lock);
	mutex_init(&vf->config.power_lock);
	virtio_vfio_log_init(&vf->log);
	INIT_LIST_HEAD(&vf->ioeventfds);
	virtio_vfio_notify_init(vf);

	if (pdev->is_virtfn)
		vf->type = virtio_vfio_type_find(pdev->vendor, pdev->device);
	if (!vf->type)
		return 0;

	virtio_vfio_bar0_init(vf);
	ret = virtio_vfio_admin_init(&vf->registers, pdev);
	if (ret)
		goto release_core;

	ret = virtio_vfio_admin_init(&vf->notifications, pdev);
	if (ret)
		goto release_registers;

	return 0;

release_registers:
	virtio_vfio_admin_release(&vf->registers);
release_core:
	vfio_pci_core_release_dev(core_vdev);
	return ret;
}

static void virtio_vfio_release(struct vfio_device *core_vdev)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);

	virtio_vfio_admin_release(&vf->notifications);
	virtio_vfio_admin_release(&vf->registers);
	mutex_destroy(&vf->config.power_lock);
	mutex_destroy(&vf->state_lock);
	vfio_pci_core_release_dev(core_vdev);
}

static void mark_open(struct virtio_vfio_device *vf, bool open)
{
	mutex_lock(&vf->state_lock);
	vf->open = open;
	mutex_unlock(&vf->state_lock);
}

static int virtio_vfio_open_device(struct vfio_device *core_vdev)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);
	int ret;

	mark_open(vf, true);

	ret = vfio_pci_core_enable(&vf->core);
	if (ret) {
		mark_open(vf, false);
		return ret;
	}

	if (vf->transitional) {
		virtio_vfio_config_reset(vf);
		virtio_vfio_bar0_reset(vf);
		virtio_vfio_notify_open(vf);
	}

	vfio_pci_core_finish_enable(&vf->core);
	return 0;
}

static void virtio_vfio_close_device(struct vfio_device *core_vdev)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);
	struct device *dev = core_vdev->dev;

	if (vf->transitional) {
		virtio_vfio_ioeventfd_close(vf);
		virtio_vfio_notify_close(vf);
		pm_runtime_get_noresume(dev);
	}

	vfio_pci_core_close_device(core_vdev);

	/* It may not have reset the function: while that is unbound, it can't. */
	if (vf->transitional) {
		virtio_vfio_reset_finish(vf);
		pm_runtime_put(dev);
		virtio_vfio_bar0_reset(vf);
	}

	mark_open(vf, false);
}

/*
 * Whether configuration space is the function's own there, and a write none of
 * the power state, which the doorbell has to know of.
 */
static bool is_plain_config(const struct virtio_vfio_device *vf, loff_t pos,
			    size_t count, bool write)
{
	unsigned int pm_cap = vf->core.pdev->pm_cap;

	pos &= VFIO_PCI_OFFSET_MASK;
	return pos >= VIRTIO_VFIO_CONFIG_OVERLAY_END &&
	       (!write || pos >= pm_cap + PCI_PM_SIZEOF || pos + count <= pm_cap);
}

static ssize_t virtio_vfio_read(struct vfio_device *core_vdev, char __user *buf,
				size_t count, loff_t *ppos)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);

	if (vf->transitional && count) {
		switch (VFIO_PCI_OFFSET_TO_INDEX(*ppos)) {
		case VFIO_PCI_CONFIG_REGION_INDEX:
			if (is_plain_config(vf, *ppos, count, false))
				break;
			return virtio_vfio_config_read(vf, buf, count, ppos);
		case VFIO_PCI_BAR0_REGION_INDEX:
			return virtio_vfio_bar0_rw(vf, buf, count, ppos, false);
		}
	}

	return vfio_pci_core_read(core_vdev, buf, count, ppos);
}

/* A notification, the one access whose speed a running guest feels. */
static ssize_t write_notify(struct virtio_vfio_device *vf,
			    const char __user *buf, loff_t *ppos)
{
	u16 queue;
	int ret;

	if (get_user(queue, (const u16 __user *)buf))
		return -EFAULT;

	ret = virtio_vfio_notify(vf, le16_to_cpu((__force __le16)queue));
	if (ret)
		return ret;

	*ppos += sizeof(queue);
	return sizeof(queue);
}

static ssize_t virtio_vfio_write(struct vfio_device *core_vdev,
				 const char __user *buf, size_t count,
				 loff_t *ppos)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);

	if (vf->transitional && count) {
		if (*ppos == VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_BAR0_REGION_INDEX) +
			     VIRTIO_PCI_QUEUE_NOTIFY && count == sizeof(u16))
			return write_notify(vf, buf, ppos);

		switch (VFIO_PCI_OFFSET_TO_INDEX(*ppos)) {
		case VFIO_PCI_CONFIG_REGION_INDEX:
			if (is_plain_config(vf, *ppos, count, true))
				break;
			return virtio_vfio_config_write(vf, buf, count, ppos);
		case VFIO_PCI_BAR0_REGION_INDEX:
			return virtio_vfio_bar0_rw(vf, (char __user *)buf,
						   count, ppos, true);
		}
	}

	return vfio_pci_core_write(core_vdev, buf, count, ppos);
}

static long virtio_vfio_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
			      unsigned long arg)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);
	struct vfio_device_ioeventfd request;

	if (vf->transitional && cmd == VFIO_DEVICE_IOEVENTFD) {
		if (copy_from_user(&request, (void __user *)arg,
				   offsetofend(typeof(request), fd)))
			return -EFAULT;

		if (VFIO_PCI_OFFSET_TO_INDEX(request.offset) ==
		    VFIO_PCI_BAR0_REGION_INDEX)
			return virtio_vfio_ioeventfd(vf, &request);
	}

	return vfio_pci_core_ioctl(core_vdev, cmd, arg);
}

static int virtio_vfio_get_region_info(struct vfio_device *core_vdev,
				       struct vfio_region_info *info,
				       struct vfio_info_cap *caps)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);

	if (!vf->transitional || info->index != VFIO_PCI_BAR0_REGION_INDEX)
		return vfio_pci_ioctl_get_region_info(core_vdev, info, caps);

	info->offset = VFIO_PCI_INDEX_TO_OFFSET(info->index);
	info->size = vf->bar0.size;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

/*
 * Userspace that lets the device suspend also lets go of its notify address.
 * Until it asks for the device back, notifications wake it the slow way.
 */
static int change_low_power(struct virtio_vfio_device *vf, u32 flags,
			    void __user *arg, size_t argsz, bool entry)
{
	bool blocked = false;
	int ret;

	mutex_lock(&vf->config.power_lock);
	if (entry)
		blocked = virtio_vfio_notify_block(vf,
						   VIRTIO_VFIO_NOTIFY_LOW_POWER);

	ret = vfio_pci_core_ioctl_feature(&vf->core.vdev, flags, arg, argsz);

	if (ret ? blocked : !entry)
		virtio_vfio_notify_unblock(vf, VIRTIO_VFIO_NOTIFY_LOW_POWER);
	mutex_unlock(&vf->config.power_lock);

	return ret;
}

static int virtio_vfio_device_feature(struct vfio_device *core_vdev, u32 flags,
				      void __user *arg, size_t argsz)
{
	struct virtio_vfio_device *vf = to_virtio_vfio(core_vdev);

	if (vf->transitional && (flags & VFIO_DEVICE_FEATURE_SET) &&
	    !(flags & VFIO_DEVICE_FEATURE_PROBE)) {
		switch (flags & VFIO_DEVICE_FEATURE_MASK) {
		case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
		case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
			return change_low_power(vf, flags, arg, argsz, true);
		case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
			return change_low_power(vf, flags, arg, argsz, false);
		}
	}

	return vfio_pci_core_ioctl_feature(core_vdev, flags, arg, argsz);
}

const struct vfio_device_ops virtio_vfio_ops = {
	.name = "virtio-vfio-pci",
	.init = virtio_vfio_init,
	.release = virtio_vfio_release,
	.open_device = virtio_vfio_open_device,
	.close_device = virtio_vfio_close_device,
	.ioctl = virtio_vfio_ioctl,
	.get_region_info_caps = virtio_vfio_get_region_info,
	.device_feature = virtio_vfio_device_feature,
	.read = virtio_vfio_read,
	.write = virtio_vfio_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};
