// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space of a transitional device: the function's own, with the
 * identity and the I/O BAR laid over it byte by byte.
 */
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "config.h"
#include "legacy_type.h"
#include "virtio_vfio.h"

bool virtio_vfio_config_io_enabled(struct virtio_vfio_device *vf)
{
	return !test_bit(VIRTIO_VFIO_NOTIFY_IO_OFF, &vf->notify.blocked);
}

void virtio_vfio_config_reset(struct virtio_vfio_device *vf)
{
	set_bit(VIRTIO_VFIO_NOTIFY_IO_OFF, &vf->notify.blocked);
	memset(vf->config.bar0, 0, sizeof(vf->config.bar0));
}

/*
 * Copy what an access of @count bytes at @pos shares with a field.
 * Return: 0 or -EFAULT.
 */
static int overlay(char __user *buf, loff_t pos, size_t count,
		   unsigned int field, const void *value, size_t len)
{
	size_t in_buf, in_field, shared;
	loff_t offset;

	if (!vfio_pci_core_range_intersect_range(pos, count, field, len,
						 &offset, &shared, &in_field))
		return 0;

	in_buf = offset;
	return copy_to_user(buf + in_buf, value + in_field, shared) ? -EFAULT : 0;
}

static int overlay_command(struct virtio_vfio_device *vf, char __user *buf,
			   loff_t pos, size_t count)
{
	u8 command;

	if (pos > PCI_COMMAND || pos + count <= PCI_COMMAND)
		return 0;

	if (get_user(command, (u8 __user *)buf + PCI_COMMAND - pos))
		return -EFAULT;

	command &= ~PCI_COMMAND_IO;
	if (virtio_vfio_config_io_enabled(vf))
		command |= PCI_COMMAND_IO;

	return put_user(command, (u8 __user *)buf + PCI_COMMAND - pos);
}

static void bar0_register(struct virtio_vfio_device *vf, u8 value[4])
{
	u32 mask = ~(vf->bar0.size - 1);
	u32 bar;

	memcpy(&bar, vf->config.bar0, sizeof(bar));
	bar = (le32_to_cpu((__force __le32)bar) & mask) |
	      PCI_BASE_ADDRESS_SPACE_IO;
	bar = (__force u32)cpu_to_le32(bar);
	memcpy(value, &bar, sizeof(bar));
}

static int overlay_all(struct virtio_vfio_device *vf, char __user *buf,
		       loff_t pos, size_t count)
{
	__le16 device = cpu_to_le16(vf->type->transitional_id);
	__le16 subsystem[] = {
		cpu_to_le16(PCI_VENDOR_ID_REDHAT_QUMRANET),
		cpu_to_le16(vf->type->virtio_id),
	};
	u8 revision = 0;
	u8 bar0[4];

	bar0_register(vf, bar0);

	if (overlay_command(vf, buf, pos, count) ||
	    overlay(buf, pos, count, PCI_DEVICE_ID, &device, sizeof(device)) ||
	    overlay(buf, pos, count, PCI_REVISION_ID, &revision,
		    sizeof(revision)) ||
	    overlay(buf, pos, count, PCI_BASE_ADDRESS_0, bar0, sizeof(bar0)) ||
	    overlay(buf, pos, count, PCI_SUBSYSTEM_VENDOR_ID, subsystem,
		    sizeof(subsystem)))
		return -EFAULT;

	return 0;
}

ssize_t virtio_vfio_config_read(struct virtio_vfio_device *vf,
				char __user *buf, size_t count, loff_t *ppos)
{
	loff_t pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;

	ret = vfio_pci_core_read(&vf->core.vdev, buf, count, ppos);
	if (ret <= 0)
		return ret;

	return overlay_all(vf, buf, pos, ret) ? -EFAULT : ret;
}

/* Take over the bytes of a write that belong to the I/O BAR. */
static int capture(struct virtio_vfio_device *vf, const char __user *buf,
		   loff_t pos, size_t count)
{
	size_t in_field, shared;
	loff_t in_buf;
	u8 command;

	if (pos <= PCI_COMMAND && pos + count > PCI_COMMAND) {
		if (get_user(command, (u8 __user *)buf + PCI_COMMAND - pos))
			return -EFAULT;

		if (command & PCI_COMMAND_IO)
			virtio_vfio_notify_unblock(vf, VIRTIO_VFIO_NOTIFY_IO_OFF);
		else
			set_bit(VIRTIO_VFIO_NOTIFY_IO_OFF, &vf->notify.blocked);
	}

	if (vfio_pci_core_range_intersect_range(pos, count, PCI_BASE_ADDRESS_0,
						sizeof(vf->config.bar0),
						&in_buf, &shared, &in_field) &&
	    copy_from_user(vf->config.bar0 + in_field, buf + in_buf, shared))
		return -EFAULT;

	return 0;
}

/* In D3 the function answers no notification; vfio_pci_core knows when. */
static ssize_t write_power_state(struct virtio_vfio_device *vf,
				 const char __user *buf, size_t count,
				 loff_t *ppos)
{
	struct virtio_vfio_config *config = &vf->config;
	ssize_t ret;

	mutex_lock(&config->power_lock);
	virtio_vfio_notify_block(vf, VIRTIO_VFIO_NOTIFY_D3);
	ret = vfio_pci_core_write(&vf->core.vdev, buf, count, ppos);
	if (vf->core.pdev->current_state == PCI_D0)
		virtio_vfio_notify_unblock(vf, VIRTIO_VFIO_NOTIFY_D3);
	mutex_unlock(&config->power_lock);
	return ret;
}

ssize_t virtio_vfio_config_write(struct virtio_vfio_device *vf,
				 const char __user *buf, size_t count,
				 loff_t *ppos)
{
	loff_t pos = *ppos & VFIO_PCI_OFFSET_MASK;
	unsigned int pm_cap = vf->core.pdev->pm_cap;
	ssize_t ret;

	if (pm_cap && pos < pm_cap + PCI_PM_SIZEOF && pos + count > pm_cap)
		ret = write_power_state(vf, buf, count, ppos);
	else
		ret = vfio_pci_core_write(&vf->core.vdev, buf, count, ppos);

	if (ret <= 0 || pos >= VIRTIO_VFIO_CONFIG_OVERLAY_END)
		return ret;

	return capture(vf, buf, pos, ret) ? -EFAULT : ret;
}
