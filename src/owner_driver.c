// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner device's admin virtqueue by way of virtio_pci_owner, where that
 * drives the PF. A command is executed in its caller, with the status and the
 * qualifier as the device gave them, and each path has a command of its own.
 */
#include <linux/err.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/virtio_pci.h>

#include "owner.h"
#include "owner/virtio_pci_owner.h"

/* The longest register that is accessed in one go. */
#define REGISTER_MAX	8

#define NOTIFY_INFO_LEN							\
	(VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO *				\
	 sizeof(struct virtio_admin_cmd_notify_info_data))

static void *owner_driver_get(struct pci_dev *vf)
{
	return virtio_pci_owner_cmd_alloc(sizeof(struct virtio_admin_cmd_legacy_wr_data) +
					  REGISTER_MAX, NOTIFY_INFO_LEN) ?:
	       ERR_PTR(-ENOMEM);
}

static void owner_driver_put(void *path)
{
	virtio_pci_owner_cmd_free(path);
}

static int execute(struct pci_dev *vf, void *path,
		   struct virtio_pci_owner_request *rq,
		   struct virtio_vfio_admin_status *status)
{
	int ret = virtio_pci_owner_execute(vf, path, rq);

	status->status = rq->status;
	status->qualifier = rq->qualifier;
	return ret ?: virtio_vfio_status_to_errno(rq->status);
}

static int owner_driver_access(struct pci_dev *vf, void *path, u16 opcode,
			       u8 offset, u8 *buf, u8 len,
			       struct virtio_vfio_admin_status *status)
{
	u8 data[sizeof(struct virtio_admin_cmd_legacy_wr_data) + REGISTER_MAX] = {};
	struct virtio_pci_owner_request rq = {
		.group = VIRTIO_ADMIN_GROUP_TYPE_SRIOV,
		.opcode = opcode,
		.data = data,
	};

	if (WARN_ON_ONCE(len > REGISTER_MAX))
		return -EINVAL;

	/* Both kinds begin with the offset. */
	data[0] = offset;
	switch (opcode) {
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE:
	case VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE:
		memcpy(data + sizeof(struct virtio_admin_cmd_legacy_wr_data),
		       buf, len);
		rq.data_len = sizeof(struct virtio_admin_cmd_legacy_wr_data) + len;
		break;
	default:
		rq.data_len = sizeof(struct virtio_admin_cmd_legacy_rd_data);
		rq.result = buf;
		rq.result_len = len;
	}

	return execute(vf, path, &rq, status);
}

static int owner_driver_probe(struct pci_dev *vf, void *path)
{
	static const u16 needed[] = {
		VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE,
		VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ,
		VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE,
		VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ,
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(needed); i++)
		ret = virtio_pci_owner_supports(vf, VIRTIO_ADMIN_GROUP_TYPE_SRIOV,
						needed[i]);
	return ret;
}

static int
owner_driver_notify_info(struct pci_dev *vf, void *path,
			 struct virtio_admin_cmd_notify_info_data *entries,
			 struct virtio_vfio_admin_status *status)
{
	struct virtio_pci_owner_request rq = {
		.group = VIRTIO_ADMIN_GROUP_TYPE_SRIOV,
		.opcode = VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO,
		.result = entries,
		.result_len = NOTIFY_INFO_LEN,
	};

	/* What the device did not write is the end of the list. */
	memset(entries, 0, NOTIFY_INFO_LEN);
	return execute(vf, path, &rq, status);
}

const struct virtio_vfio_owner_ops virtio_vfio_owner_driver = {
	.bounded = true,
	.get = owner_driver_get,
	.put = owner_driver_put,
	.probe = owner_driver_probe,
	.access = owner_driver_access,
	.notify_info = owner_driver_notify_info,
};
