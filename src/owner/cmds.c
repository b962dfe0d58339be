// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin commands that this driver knows, and what an answer to one has to
 * look like: virtio 1.4, 2.13 "Group administration commands".
 */
#include <linux/bits.h>
#include <linux/virtio_pci.h>

#include "avq.h"
#include "virtio_pci_owner.h"

/* All up to the last one that virtio 1.4 has. */
const u64 virtio_owner_known_cmds = GENMASK_ULL(VIRTIO_ADMIN_CMD_DEV_MODE_SET, 0);

/* Parts one after the other, each as long as its header says. */
static bool parts_fit(const u8 *parts, size_t len)
{
	const struct virtio_dev_part_hdr *hdr;

	while (len >= sizeof(*hdr)) {
		hdr = (const void *)parts;
		parts += sizeof(*hdr);
		len -= sizeof(*hdr);
		if (le32_to_cpu(hdr->length) > len)
			return false;
		parts += le32_to_cpu(hdr->length);
		len -= le32_to_cpu(hdr->length);
	}

	return !len;
}

static bool metadata_fits(const struct virtio_pci_owner_request *rq,
			  const void *result, size_t len)
{
	const struct virtio_admin_cmd_dev_parts_metadata_data *data = rq->data;
	const struct virtio_admin_cmd_dev_parts_metadata_result *metadata = result;
	size_t list = offsetof(struct virtio_admin_cmd_dev_parts_metadata_result,
			       hdr_list.hdrs);

	if (len < list)
		return false;
	if (rq->data_len < sizeof(*data) ||
	    data->type != VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_TYPE_LIST)
		return true;

	return le32_to_cpu(metadata->hdr_list.count) <=
	       (len - list) / sizeof(struct virtio_dev_part_hdr);
}

bool virtio_owner_result_fits(const struct virtio_pci_owner_request *rq,
			      const void *result, size_t len)
{
	switch (rq->opcode) {
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ:
	case VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ:
		return len == rq->result_len;
	case VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO:
		/* Half an entry would be another address. */
		return !(len % sizeof(struct virtio_admin_cmd_notify_info_data));
	case VIRTIO_ADMIN_CMD_LIST_QUERY:
	case VIRTIO_ADMIN_CMD_CAP_ID_LIST_QUERY:
		return len >= sizeof(__le64);
	case VIRTIO_ADMIN_CMD_DEV_PARTS_METADATA_GET:
		return metadata_fits(rq, result, len);
	case VIRTIO_ADMIN_CMD_DEV_PARTS_GET:
		return parts_fit(result, len);
	default:
		return true;
	}
}
