// SPDX-License-Identifier: GPL-2.0-only
/*
 * The legacy registers: an access to BAR0 is taken apart into accesses that
 * name one register each.
 */
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "bar0.h"
#include "legacy_type.h"
#include "virtio_vfio.h"

/* The longest register that is read or written in one go. */
#define REGISTER_MAX	8

/* Sizes of the common configuration's registers, ended by 0. */
static const u8 common_registers[] = { 4, 4, 4, 2, 2, 2, 1, 1, 2, 2, 0 };

/**
 * struct piece - the part of an access that names one register
 * @common: in the common configuration, else in the device's
 * @offset: bytes into that configuration
 * @len: bytes
 */
struct piece {
	bool common;
	unsigned int offset;
	unsigned int len;
};

void virtio_vfio_bar0_init(struct virtio_vfio_device *vf)
{
	unsigned int len = virtio_vfio_type_config_len(vf->type);

	vf->bar0.size = roundup_pow_of_two(VIRTIO_PCI_CONFIG_OFF(true) + len);
	virtio_vfio_bar0_reset(vf);
}

void virtio_vfio_bar0_reset(struct virtio_vfio_device *vf)
{
	vf->bar0.config_len = virtio_vfio_type_config_len(vf->type);
	WRITE_ONCE(vf->bar0.active, false);
}

/*
 * The vector registers are there, and device configuration begins behind
 * them, while MSI-X is enabled, which for a VFIO device is while userspace has
 * it set up.
 */
static unsigned int device_config_start(struct virtio_vfio_device *vf)
{
	return VIRTIO_PCI_CONFIG_OFF(READ_ONCE(vf->core.irq_type) ==
				     VFIO_PCI_MSIX_IRQ_INDEX);
}

static struct piece first_piece(struct virtio_vfio_device *vf, unsigned int pos,
				size_t count, unsigned int config_start)
{
	struct piece piece = { .common = pos < config_start };
	unsigned int len = virtio_vfio_type_config_len(vf->type);
	unsigned int end = 0;
	const u8 *size;

	if (piece.common) {
		piece.offset = pos;
		for (size = common_registers; *size && end <= pos; size++)
			end += *size;
	} else {
		piece.offset = pos - config_start;
		end = piece.offset < len ?
		      virtio_vfio_type_field_end(vf->type, piece.offset) :
		      vf->bar0.size;
	}

	piece.len = min3(count, (size_t)(end - piece.offset),
			 (size_t)REGISTER_MAX);
	return piece;
}

static u16 piece_opcode(const struct piece *piece, bool write)
{
	if (piece->common)
		return write ? VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE :
			       VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ;

	return write ? VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE :
		       VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ;
}

static void track_status(struct virtio_vfio_device *vf, u8 status)
{
	if (!status)
		WRITE_ONCE(vf->bar0.active, false);
	else if (status & (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER))
		WRITE_ONCE(vf->bar0.active, true);
}

/*
 * Read or write one register. A field that depends on a feature which the
 * device lacks is refused; a legacy device reads as all ones there.
 */
static int access_piece(struct virtio_vfio_device *vf, const struct piece *piece,
			u8 *value, bool write)
{
	int ret;

	if (!piece->common && piece->offset >= READ_ONCE(vf->bar0.config_len))
		return 0;

	if (write && piece->common && piece->len == sizeof(__le16) &&
	    piece->offset == VIRTIO_PCI_QUEUE_NOTIFY)
		return virtio_vfio_notify(vf, value[0] | value[1] << 8);

	if (write && piece->common && piece->offset == VIRTIO_PCI_STATUS &&
	    !value[0])
		ret = virtio_vfio_reset_device(vf);
	else
		ret = virtio_vfio_admin_access(vf, &vf->registers,
					       piece_opcode(piece, write),
					       piece->offset, value,
					       piece->len);
	if (ret == -EINVAL && !piece->common &&
	    piece->offset >= vf->type->mandatory) {
		WRITE_ONCE(vf->bar0.config_len, piece->offset);
		return 0;
	}
	if (ret)
		return ret;

	if (write && piece->common && piece->offset == VIRTIO_PCI_STATUS)
		track_status(vf, value[0]);

	return 0;
}

static int rw_pieces(struct virtio_vfio_device *vf, char __user *buf,
		     unsigned int pos, size_t count, bool write)
{
	unsigned int config_start = device_config_start(vf);
	u8 value[REGISTER_MAX];
	struct piece piece;
	int ret;

	for (; count; count -= piece.len) {
		piece = first_piece(vf, pos, count, config_start);
		memset(value, 0xff, sizeof(value));

		if (write && copy_from_user(value, buf, piece.len))
			return -EFAULT;

		ret = access_piece(vf, &piece, value, write);
		if (ret)
			return ret;

		if (!write && copy_to_user(buf, value, piece.len))
			return -EFAULT;

		buf += piece.len;
		pos += piece.len;
	}

	return 0;
}

static int fill_ones(char __user *buf, size_t count)
{
	static const u8 ones[REGISTER_MAX] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	size_t len;

	for (; count; count -= len, buf += len) {
		len = min(count, sizeof(ones));
		if (copy_to_user(buf, ones, len))
			return -EFAULT;
	}

	return 0;
}

ssize_t virtio_vfio_bar0_rw(struct virtio_vfio_device *vf, char __user *buf,
			    size_t count, loff_t *ppos, bool write)
{
	struct device *dev = &vf->core.pdev->dev;
	loff_t pos = *ppos & VFIO_PCI_OFFSET_MASK;
	int ret;

	if (pos >= vf->bar0.size)
		return -EINVAL;

	count = min(count, (size_t)(vf->bar0.size - pos));

	if (!virtio_vfio_config_io_enabled(vf)) {
		ret = write ? 0 : fill_ones(buf, count);
	} else {
		ret = pm_runtime_resume_and_get(dev);
		if (ret)
			return ret;

		ret = rw_pieces(vf, buf, pos, count, write);
		pm_runtime_put(dev);
	}
	if (ret)
		return ret;

	*ppos += count;
	return count;
}
