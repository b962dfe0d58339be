// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio device types that can be shown as transitional, a row each.
 */
#include <linux/kernel.h>
#include <linux/pci_ids.h>
#include <linux/virtio_ids.h>

#include "legacy_type.h"

/* mac, status, max_virtqueue_pairs, mtu */
static const u8 net_fields[] = { 6, 2, 2, 2, 0 };

static const struct virtio_vfio_type types[] = {
	{ 0x1041, VIRTIO_TRANS_ID_NET, VIRTIO_ID_NET, net_fields, 8 },
};

const struct virtio_vfio_type *virtio_vfio_type_find(u16 vendor, u16 device)
{
	unsigned int i;

	if (vendor != PCI_VENDOR_ID_REDHAT_QUMRANET)
		return NULL;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].modern_id == device)
			return &types[i];

	return NULL;
}

unsigned int virtio_vfio_type_config_len(const struct virtio_vfio_type *type)
{
	unsigned int len = 0;
	const u8 *field;

	for (field = type->fields; *field; field++)
		len += *field;

	return len;
}

unsigned int virtio_vfio_type_field_end(const struct virtio_vfio_type *type,
					unsigned int offset)
{
	unsigned int end = 0;
	const u8 *field;

	for (field = type->fields; *field && end <= offset; field++)
		end += *field;

	return end;
}
