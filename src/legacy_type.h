/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_LEGACY_TYPE_H
#define VIRTIO_VFIO_LEGACY_TYPE_H

#include <linux/types.h>

/**
 * struct virtio_vfio_type - what differs between virtio device types
 * @modern_id: PCI device ID of the virtio 1.x device
 * @transitional_id: PCI device ID of the transitional device
 * @virtio_id: virtio device type, the transitional device's subsystem ID
 * @fields: sizes in bytes of the legacy device configuration's fields in
 *	their order, ended by 0 (virtio 1.4, 5.x "Device configuration layout")
 * @mandatory: bytes of that configuration which every device of the type has;
 *	what follows depends on features
 */
struct virtio_vfio_type {
	u16 modern_id;
	u16 transitional_id;
	u16 virtio_id;
	const u8 *fields;
	u8 mandatory;
};

/**
 * virtio_vfio_type_find - look up the row of a PCI device
 * @vendor: PCI vendor ID
 * @device: PCI device ID
 *
 * Return: the row, or NULL for a device that has no transitional form here.
 */
const struct virtio_vfio_type *virtio_vfio_type_find(u16 vendor, u16 device);

/**
 * virtio_vfio_type_config_len - length of a type's legacy device configuration
 * @type: the row
 *
 * Return: bytes, with all optional fields.
 */
unsigned int virtio_vfio_type_config_len(const struct virtio_vfio_type *type);

/**
 * virtio_vfio_type_field_end - where the field that holds a byte ends
 * @type: the row
 * @offset: bytes into the device configuration, less than its length
 *
 * Return: offset of the byte after the field.
 */
unsigned int virtio_vfio_type_field_end(const struct virtio_vfio_type *type,
					unsigned int offset);

#endif
