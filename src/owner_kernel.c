// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner device's admin virtqueue by way of what the kernel's virtio_pci
 * exports. It gives a status as a negative number and keeps the qualifier to
 * itself, and of LEGACY_NOTIFY_INFO's entries it shows the first of each kind.
 */
#include <linux/device.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_pci_admin.h>

#include "owner.h"

int virtio_vfio_status_to_errno(u16 status)
{
	switch (status) {
	case VIRTIO_ADMIN_STATUS_OK:
		return 0;
	case EAGAIN:
	case ENOMEM:
	case EINVAL:
		return -(int)status;
	default:
		return -EIO;
	}
}

/*
 * The exports mix a device's statuses with errors of their own. Those are no
 * statuses of virtio 1.4, except for -ENOMEM, which means the same as both.
 */
static int split_result(int ret, struct virtio_vfio_admin_status *status)
{
	status->status = 0;
	status->qualifier = -1;

	switch (ret) {
	case 0:
	case -EIO:
	case -ENODEV:
	case -EOPNOTSUPP:
	case -ENOENT:
		return ret;
	default:
		status->status = -ret;
		return virtio_vfio_status_to_errno(status->status);
	}
}

static int hold_virtio_device(struct device *dev, void *data)
{
	struct device **held = data;

	if (!dev->bus || strcmp(dev->bus->name, "virtio"))
		return 0;

	*held = get_device(dev);
	return 1;
}

/*
 * A command whose caller gave up is completed when the PF's driver goes, and
 * then still names the PF's virtio device.
 */
static void *owner_kernel_get(struct pci_dev *vf)
{
	struct device *held = NULL;

	device_for_each_child(&pci_physfn(vf)->dev, &held, hold_virtio_device);
	return held;
}

static void owner_kernel_put(void *path)
{
	put_device(path);
}

static int owner_kernel_access(struct pci_dev *vf, void *path, u16 opcode,
			       u8 offset, u8 *buf, u8 len,
			       struct virtio_vfio_admin_status *status)
{
	int (*io)(struct pci_dev *pdev, u8 offset, u8 size, u8 *buf);

	switch (opcode) {
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ:
		io = virtio_pci_admin_legacy_common_io_read;
		break;
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE:
		io = virtio_pci_admin_legacy_common_io_write;
		break;
	case VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ:
		io = virtio_pci_admin_legacy_device_io_read;
		break;
	default:
		io = virtio_pci_admin_legacy_device_io_write;
		break;
	}

	return split_result(io(vf, offset, len, buf), status);
}

/*
 * virtio_pci_admin_has_legacy_io() wants LEGACY_NOTIFY_INFO too, which is
 * optional. Reading Device Status has no side effect and settles the rest.
 */
static int owner_kernel_probe(struct pci_dev *vf, void *path)
{
	struct virtio_vfio_admin_status status;
	u8 *device_status;
	int ret;

	if (virtio_pci_admin_has_legacy_io(vf))
		return 0;

	device_status = kzalloc(sizeof(*device_status), GFP_KERNEL);
	if (!device_status)
		return -ENOMEM;

	ret = owner_kernel_access(vf, path,
				  VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ,
				  VIRTIO_PCI_STATUS, device_status,
				  sizeof(*device_status), &status);
	kfree(device_status);
	return ret;
}

static int
owner_kernel_notify_info(struct pci_dev *vf, void *path,
			 struct virtio_admin_cmd_notify_info_data *entries,
			 struct virtio_vfio_admin_status *status)
{
	static const u8 kinds[] = {
		VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_MEM,
		VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_DEV,
	};
	unsigned int i, n = 0;
	u64 offset;
	int ret;
	u8 bar;

	memset(entries, 0, sizeof(*entries) * VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO);

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ret = virtio_pci_admin_legacy_io_notify_info(vf, kinds[i], &bar,
							     &offset);
		if (ret == -ENOENT)
			continue;
		if (ret)
			return split_result(ret, status);

		entries[n].flags = kinds[i];
		entries[n].bar = bar;
		entries[n].offset = cpu_to_le64(offset);
		n++;
	}

	return 0;
}

const struct virtio_vfio_owner_ops virtio_vfio_owner_kernel = {
	.get = owner_kernel_get,
	.put = owner_kernel_put,
	.probe = owner_kernel_probe,
	.access = owner_kernel_access,
	.notify_info = owner_kernel_notify_info,
};
