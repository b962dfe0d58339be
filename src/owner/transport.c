// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio device's configuration: registers, status, features, reset.
 * Virtio 1.4, 4.1.4 "Virtio Structure PCI Capabilities".
 */
#include <linux/iopoll.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "pf.h"

#define RESET_POLL_US		1000
#define RESET_TIMEOUT_US	(10 * USEC_PER_SEC)
#define ALL_ONES		0xff

/*
 * Return: what the device does that it can't be used until it is reset, NULL
 * if it can be.
 */
static const char *virtio_owner_dead(struct virtio_owner *owner)
{
	u8 status;

	status = vp_modern_get_status(&owner->mdev);
	if (status == ALL_ONES || owner->wedged ||
	    pci_channel_offline(owner->pdev))
		return "is gone";
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return "needs a reset";

	return NULL;
}

/**
 * virtio_owner_check - have no one wait for commands of a dead device
 * @owner: the PF
 *
 * Any context, without the lock of the admin virtqueue.
 */
void virtio_owner_check(struct virtio_owner *owner)
{
	const char *why = virtio_owner_dead(owner);

	if (why)
		virtio_owner_avq_break(owner, why);
}

/**
 * virtio_owner_break_if_dead - end what waits for a device that doesn't work
 * @owner: the PF
 *
 * Drivers that wait for an answer, with or without a lock held, see their
 * queues broken and go on. May sleep.
 */
void virtio_owner_break_if_dead(struct virtio_owner *owner)
{
	if (!virtio_owner_dead(owner))
		return;

	virtio_break_device(&owner->vdev);
	virtio_owner_check(owner);
}

static bool in_device_config(struct virtio_owner *owner, unsigned int offset,
			     unsigned int len)
{
	size_t size = owner->mdev.device ? owner->mdev.device_len : 0;

	if (owner->ghost)
		return false;

	return offset <= size && len <= size - offset;
}

/* What the device configuration doesn't have reads as zero. */
static void virtio_owner_get(struct virtio_device *vdev, unsigned int offset,
			     void *buf, unsigned int len)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	void __iomem *field = owner->mdev.device + offset;
	__le32 dword;
	__le16 word;

	if (!in_device_config(owner, offset, len)) {
		memset(buf, 0, len);
		return;
	}

	switch (len) {
	case 2:
		word = cpu_to_le16(ioread16(field));
		memcpy(buf, &word, sizeof(word));
		break;
	case 8:
		dword = cpu_to_le32(ioread32(field + sizeof(dword)));
		memcpy(buf + sizeof(dword), &dword, sizeof(dword));
		fallthrough;
	case 4:
		dword = cpu_to_le32(ioread32(field));
		memcpy(buf, &dword, sizeof(dword));
		break;
	default:
		while (len--)
			((u8 *)buf)[len] = ioread8(field + len);
	}
}

static void virtio_owner_set(struct virtio_device *vdev, unsigned int offset,
			     const void *buf, unsigned int len)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	void __iomem *field = owner->mdev.device + offset;
	unsigned int i;
	__le32 dword;
	__le16 word;

	if (!in_device_config(owner, offset, len))
		return;

	switch (len) {
	case 2:
		memcpy(&word, buf, sizeof(word));
		iowrite16(le16_to_cpu(word), field);
		break;
	case 4:
	case 8:
		for (i = 0; i < len; i += sizeof(dword)) {
			memcpy(&dword, buf + i, sizeof(dword));
			iowrite32(le32_to_cpu(dword), field + i);
		}
		break;
	default:
		for (i = 0; i < len; i++)
			iowrite8(((const u8 *)buf)[i], field + i);
	}
}

static u32 virtio_owner_generation(struct virtio_device *vdev)
{
	return vp_modern_generation(&to_virtio_owner(vdev)->mdev);
}

/* A device that is gone or stuck in a reset must look as if it were reset. */
static u8 virtio_owner_get_status(struct virtio_device *vdev)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	u8 status;

	if (owner->ghost)
		return owner->ghost_status;
	if (owner->wedged)
		return 0;

	status = vp_modern_get_status(&owner->mdev);
	return status == ALL_ONES ? 0 : status;
}

static void virtio_owner_set_status(struct virtio_device *vdev, u8 status)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);

	if (owner->ghost)
		owner->ghost_status = status;
	if (owner->ghost || owner->wedged)
		return;

	vp_modern_set_status(&owner->mdev, status);
	/* Before that the device must not be sent anything. */
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_owner_avq_open(owner);
}

static int wait_for_reset(struct virtio_owner *owner)
{
	u8 status;
	int ret;

	ret = read_poll_timeout(vp_modern_get_status, status,
				!status || status == ALL_ONES, RESET_POLL_US,
				RESET_TIMEOUT_US, false, &owner->mdev);
	if (status == ALL_ONES)
		return -ENODEV;

	return ret;
}

/*
 * A device that does not finish its reset could still write to memory that
 * is about to be freed, unless its bus mastering is off.
 */
static void virtio_owner_reset(struct virtio_device *vdev)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	int ret;

	virtio_owner_avq_stop(owner);
	owner->ghost_status = 0;
	if (owner->ghost)
		return;

	vp_modern_set_status(&owner->mdev, 0);
	ret = wait_for_reset(owner);
	if (ret && !owner->wedged) {
		pci_clear_master(owner->pdev);
		owner->wedged = true;
		dev_err(&owner->pdev->dev, "virtio reset failed: %d\n", ret);
	} else if (!ret && owner->wedged) {
		pci_set_master(owner->pdev);
		owner->wedged = false;
	}

	virtio_owner_synchronize_cbs(vdev);
}

static u64 virtio_owner_get_features(struct virtio_device *vdev)
{
	return vp_modern_get_features(&to_virtio_owner(vdev)->mdev);
}

static bool takes_feature(struct virtio_owner *owner, unsigned int bit)
{
	switch (bit) {
	case VIRTIO_F_SR_IOV:
		return pci_find_ext_capability(owner->pdev,
					       PCI_EXT_CAP_ID_SRIOV);
	case VIRTIO_F_RING_RESET:
	case VIRTIO_F_ADMIN_VQ:
		return owner->tail;
	}

	return false;
}

/*
 * Not all that the transport takes gets here from the virtio core of each
 * kernel, so the device is asked.
 */
static int virtio_owner_finalize_features(struct virtio_device *vdev)
{
	static const unsigned int bits[] = {
		VIRTIO_F_SR_IOV, VIRTIO_F_RING_RESET, VIRTIO_F_ADMIN_VQ,
	};
	struct virtio_owner *owner = to_virtio_owner(vdev);
	unsigned int i;
	u64 offered;

	if (owner->ghost)
		return 0;
	if (owner->wedged)
		return -ENODEV;

	offered = vp_modern_get_features(&owner->mdev);

	vring_transport_features(vdev);
	__virtio_clear_bit(vdev, VIRTIO_F_NOTIFICATION_DATA);

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (offered & BIT_ULL(bits[i]) && takes_feature(owner, bits[i]))
			__virtio_set_bit(vdev, bits[i]);
	}

	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "no VIRTIO_F_VERSION_1\n");
		return -EINVAL;
	}

	vp_modern_set_features(&owner->mdev, vdev->features);
	return 0;
}

static const char *virtio_owner_bus_name(struct virtio_device *vdev)
{
	return pci_name(to_virtio_owner(vdev)->pdev);
}

static const struct virtio_config_ops virtio_owner_config_ops = {
	.get = virtio_owner_get,
	.set = virtio_owner_set,
	.generation = virtio_owner_generation,
	.get_status = virtio_owner_get_status,
	.set_status = virtio_owner_set_status,
	.reset = virtio_owner_reset,
	.find_vqs = virtio_owner_find_vqs,
	.del_vqs = virtio_owner_del_vqs,
	.synchronize_cbs = virtio_owner_synchronize_cbs,
	.get_features = virtio_owner_get_features,
	.finalize_features = virtio_owner_finalize_features,
	.bus_name = virtio_owner_bus_name,
	.set_vq_affinity = virtio_owner_set_vq_affinity,
	.get_vq_affinity = virtio_owner_get_vq_affinity,
	.disable_vq_and_reset = virtio_owner_disable_vq_and_reset,
	.enable_vq_after_reset = virtio_owner_enable_vq_after_reset,
};

/* Map the common configuration's end, which not every device has. */
static void map_tail(struct virtio_owner *owner)
{
	const u32 start = sizeof(struct virtio_pci_common_cfg);
	const u32 end = start + sizeof(*owner->tail);
	struct pci_dev *pdev = owner->pdev;
	u32 offset, length;
	u8 type, bar;
	int pos;

	for (pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR); pos;
	     pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_CFG_TYPE,
				     &type);
		pci_read_config_byte(pdev, pos + VIRTIO_PCI_CAP_BAR, &bar);
		/* The first whose BAR exists is the one in use. */
		if (type == VIRTIO_PCI_CAP_COMMON_CFG &&
		    bar < PCI_STD_NUM_BARS && pci_resource_len(pdev, bar))
			break;
	}
	if (!pos)
		return;

	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_OFFSET, &offset);
	pci_read_config_dword(pdev, pos + VIRTIO_PCI_CAP_LENGTH, &length);
	if (length < end || (u64)offset + end > pci_resource_len(pdev, bar) ||
	    !IS_ALIGNED(offset, sizeof(u32)))
		return;

	owner->tail = pci_iomap_range(pdev, bar, offset + start,
				      sizeof(*owner->tail));
}

/**
 * virtio_owner_transport_init - find and map the virtio structures
 * @owner: the PF, enabled, with @pdev set
 *
 * Return: 0 or a negative errno, -ENODEV for what isn't a virtio 1.x device.
 */
int virtio_owner_transport_init(struct virtio_owner *owner)
{
	int ret;

	spin_lock_init(&owner->lock);
	owner->mdev.pci_dev = owner->pdev;
	ret = vp_modern_probe(&owner->mdev);
	if (ret)
		return ret;

	map_tail(owner);
	owner->vdev.id = owner->mdev.id;
	owner->vdev.config = &virtio_owner_config_ops;
	return 0;
}

/**
 * virtio_owner_transport_exit - undo virtio_owner_transport_init()
 * @owner: the PF; its virtio device is not registered any more
 */
void virtio_owner_transport_exit(struct virtio_owner *owner)
{
	if (owner->tail)
		pci_iounmap(owner->pdev, owner->tail);
	vp_modern_remove(&owner->mdev);
}
