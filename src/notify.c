// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver notifications: from Queue Notify to the notify address.
 *
 * A notification is one store. What makes the store unsafe (reset, low power,
 * close) sets a bit first and then waits for an RCU grace period, so the store
 * itself needs neither vfio_pci_core's memory_lock nor a runtime PM reference.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/rcupdate.h>
#include <linux/virtio_pci.h>

#include "notify.h"
#include "virtio_vfio.h"

/* Any state but a plain one: rare, so it may take locks. */
static int notify_slow(struct virtio_vfio_device *vf, u16 queue)
{
	struct pci_dev *pdev = vf->core.pdev;
	__le16 data = cpu_to_le16(queue);
	int ret;

	ret = pm_runtime_resume_and_get(&pdev->dev);
	if (ret)
		return ret;

	if (vf->notify.addr)
		ret = vfio_pci_core_iowrite16(&vf->core, true, queue,
					      vf->notify.addr);
	else
		ret = virtio_vfio_admin_access(vf, &vf->notifications,
					       VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE,
					       VIRTIO_PCI_QUEUE_NOTIFY,
					       &data, sizeof(data));

	pm_runtime_put(&pdev->dev);
	return ret;
}

bool virtio_vfio_notify_atomic(struct virtio_vfio_device *vf, u16 queue)
{
	unsigned long blocked;

	rcu_read_lock();
	/* Pairs with the release in virtio_vfio_notify_unblock(). */
	blocked = smp_load_acquire(&vf->notify.blocked);
	if (likely(!blocked)) {
		writew(queue, vf->notify.addr);
		rcu_read_unlock();
		return true;
	}
	rcu_read_unlock();

	return blocked & BIT(VIRTIO_VFIO_NOTIFY_IO_OFF);
}

int virtio_vfio_notify(struct virtio_vfio_device *vf, u16 queue)
{
	if (likely(virtio_vfio_notify_atomic(vf, queue)))
		return 0;

	return notify_slow(vf, queue);
}

bool virtio_vfio_notify_block(struct virtio_vfio_device *vf,
			      enum virtio_vfio_notify_block why)
{
	bool new = !test_and_set_bit(why, &vf->notify.blocked);

	synchronize_rcu_expedited();
	return new;
}

void virtio_vfio_notify_unblock(struct virtio_vfio_device *vf,
				enum virtio_vfio_notify_block why)
{
	clear_bit_unlock(why, &vf->notify.blocked);
}

/*
 * The checks that virtio 1.4 asks of the driver, and that the BAR is memory.
 * Return: the device whose BAR the entry points into, NULL if it is invalid.
 */
static struct pci_dev *
notify_entry_device(struct virtio_vfio_device *vf,
		    const struct virtio_admin_cmd_notify_info_data *entry)
{
	u64 offset = le64_to_cpu(entry->offset);
	struct pci_dev *pdev;

	switch (entry->flags) {
	case VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_DEV:
		pdev = pci_physfn(vf->core.pdev);
		break;
	case VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_OWNER_MEM:
		pdev = vf->core.pdev;
		break;
	default:
		return NULL;
	}

	if (!entry->bar || entry->bar >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(pdev, entry->bar) & IORESOURCE_MEM) ||
	    !pci_resource_start(pdev, entry->bar))
		return NULL;

	if (offset % sizeof(__le16) ||
	    pci_resource_len(pdev, entry->bar) < sizeof(__le16) ||
	    offset > pci_resource_len(pdev, entry->bar) - sizeof(__le16))
		return NULL;

	return pdev;
}

static void __iomem *
notify_entry_map(struct virtio_vfio_device *vf,
		 const struct virtio_admin_cmd_notify_info_data *entry)
{
	struct pci_dev *pdev = notify_entry_device(vf, entry);

	if (!pdev) {
		if (virtio_vfio_log_ok(&vf->log))
			pci_warn(vf->core.pdev,
				 "notify address ignored: flags %u, BAR %u, offset %#llx\n",
				 entry->flags, entry->bar,
				 le64_to_cpu(entry->offset));
		return NULL;
	}

	return pci_iomap_range(pdev, entry->bar, le64_to_cpu(entry->offset),
			       sizeof(__le16));
}

void virtio_vfio_notify_open(struct virtio_vfio_device *vf)
{
	struct virtio_admin_cmd_notify_info_data
		entries[VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO];
	unsigned int i;

	if (virtio_vfio_admin_notify_info(vf, entries))
		return;

	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		if (entries[i].flags == VIRTIO_ADMIN_CMD_NOTIFY_INFO_FLAGS_END)
			return;

		vf->notify.addr = notify_entry_map(vf, &entries[i]);
		if (vf->notify.addr) {
			virtio_vfio_notify_unblock(vf,
						   VIRTIO_VFIO_NOTIFY_NO_ADDRESS);
			return;
		}
	}
}

void virtio_vfio_notify_close(struct virtio_vfio_device *vf)
{
	virtio_vfio_notify_block(vf, VIRTIO_VFIO_NOTIFY_NO_ADDRESS);
	if (vf->notify.addr)
		pci_iounmap(vf->core.pdev, vf->notify.addr);

	virtio_vfio_notify_init(vf);
}

void virtio_vfio_notify_init(struct virtio_vfio_device *vf)
{
	vf->notify.addr = NULL;
	vf->notify.blocked = BIT(VIRTIO_VFIO_NOTIFY_NO_ADDRESS) |
			     BIT(VIRTIO_VFIO_NOTIFY_IO_OFF);
}
