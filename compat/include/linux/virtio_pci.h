/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_PCI_H
#define COMPAT_LINUX_VIRTIO_PCI_H

#include_next <linux/virtio_pci.h>
#include "compat-config.h"

#if !COMPAT_VIRTIO_PCI_UAPI_HAS_ADMIN_QUEUE
/* Virtio 1.4, 4.1.4.3 "Common configuration structure layout" */
struct virtio_pci_modern_common_cfg {
	struct virtio_pci_common_cfg cfg;
	__le16 queue_notify_data;
	__le16 queue_reset;
	__le16 admin_queue_index;
	__le16 admin_queue_num;
};
#endif

#if !COMPAT_VIRTIO_PCI_UAPI_HAS_ADMIN_LEGACY
/* Virtio 1.4, 2.13 "Group administration commands" */
#define VIRTIO_ADMIN_STATUS_OK				0

#define VIRTIO_ADMIN_GROUP_TYPE_SRIOV			0x1

#define VIRTIO_ADMIN_CMD_LIST_QUERY			0x0
#define VIRTIO_ADMIN_CMD_LIST_USE			0x1
#define VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE	0x2
#define VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ		0x3
#define VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE		0x4
#define VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ		0x5
#define VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO		0x6

struct virtio_admin_cmd_legacy_wr_data {
	__u8 offset;
	__u8 reserved[7];
	__u8 registers[];
};

struct virtio_admin_cmd_legacy_rd_data {
	__u8 offset;
};

#define VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_END		0
#define VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_DEV	0x1
#define VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_MEM	0x2

#define VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO		4

struct virtio_admin_cmd_notify_info_data {
	__u8 flags;
	__u8 bar;
	__u8 padding[6];
	__le64 offset;
};
#endif

#if !COMPAT_VIRTIO_PCI_UAPI_HAS_DEV_PARTS
/* Virtio 1.4, 2.13.3 to 2.13.6: capabilities, resource objects, device parts */
#define VIRTIO_ADMIN_CMD_CAP_ID_LIST_QUERY		0x7
#define VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_GET		0xe
#define VIRTIO_ADMIN_CMD_DEV_PARTS_GET			0xf
#define VIRTIO_ADMIN_CMD_DEV_MODE_SET			0x11

#define VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_LIST	2

struct virtio_admin_cmd_resource_obj_cmd_hdr {
	__le16 type;
	__u8 reserved[2];
	__le32 id;
};

struct virtio_admin_cmd_dev_parts_metadata_data {
	struct virtio_admin_cmd_resource_obj_cmd_hdr hdr;
	__u8 type;
	__u8 reserved[7];
};

struct virtio_dev_part_hdr {
	__le16 part_type;
	__u8 flags;
	__u8 reserved;
	__u8 selector[8];
	__le32 length;
};

/* The list of headers, which is the longest of its forms. */
struct virtio_admin_cmd_dev_parts_metadata_result {
	struct {
		__le32 count;
		__le32 reserved;
		struct virtio_dev_part_hdr hdrs[];
	} hdr_list;
};
#endif

#endif
