// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's virtqueues and their interrupts.
 */
#include <linux/iopoll.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "pf.h"

#define VECTOR_CONFIG		0
#define GHOST_SIZE		256
#define RESET_POLL_US		1000
#define RESET_TIMEOUT_US	(10 * USEC_PER_SEC)

/* How interrupts are shared out, from the best that can be had down. */
static const struct layout {
	bool each;	/* a vector for each queue, else one for all */
	bool admin;	/* a vector for the admin virtqueue, else VECTOR_CONFIG */
} layouts[] = {
	{ .each = true, .admin = true },
	{ .each = true },
	{ .admin = true },
	{ },
};

/* What virtio_owner_find_vqs() was asked for. */
struct request {
	struct virtio_owner *owner;
	unsigned int nvqs;
	struct virtqueue **vqs;
	struct virtqueue_info *infos;
	struct irq_affinity *affinity;
	bool admin;
};

static irqreturn_t vqs_interrupt(int irq, void *opaque)
{
	struct virtio_owner *owner = opaque;
	irqreturn_t ret = IRQ_NONE;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&owner->lock, flags);
	for (i = 0; i < owner->nvqs; i++) {
		if (owner->vqs[i].listening &&
		    vring_interrupt(irq, owner->vqs[i].vq) == IRQ_HANDLED)
			ret = IRQ_HANDLED;
	}
	spin_unlock_irqrestore(&owner->lock, flags);

	return ret;
}

static void admin_interrupt(int irq, struct virtio_owner *owner)
{
	unsigned long flags;

	spin_lock_irqsave(&owner->lock, flags);
	if (owner->admin.listening)
		vring_interrupt(irq, owner->admin.vq);
	spin_unlock_irqrestore(&owner->lock, flags);
}

static irqreturn_t config_interrupt(int irq, void *opaque)
{
	struct virtio_owner *owner = opaque;

	virtio_owner_check(owner);
	virtio_config_changed(&owner->vdev);
	admin_interrupt(irq, owner);
	return IRQ_HANDLED;
}

static irqreturn_t intx_interrupt(int irq, void *opaque)
{
	struct virtio_owner *owner = opaque;
	u8 isr = ioread8(owner->mdev.isr);

	if (!isr)
		return IRQ_NONE;

	if (isr & VIRTIO_PCI_ISR_CONFIG)
		config_interrupt(irq, opaque);
	else
		admin_interrupt(irq, owner);
	vqs_interrupt(irq, opaque);
	return IRQ_HANDLED;
}

void virtio_owner_synchronize_cbs(struct virtio_device *vdev)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	unsigned int v;

	if (owner->intx)
		synchronize_irq(owner->pdev->irq);
	for (v = 0; v < owner->nvectors; v++)
		synchronize_irq(pci_irq_vector(owner->pdev, v));
}

/* A queue that can't be notified is broken, virtio_ring says. */
static bool notify(struct virtqueue *vq)
{
	if (!vq->priv)
		return false;

	iowrite16(vq->index, (void __force __iomem *)vq->priv);
	return true;
}

/* The notify structure is 2-byte aligned, and so must a queue's address be. */
static void __iomem *map_notify(struct virtio_owner *owner, u16 index)
{
	struct virtio_pci_modern_device *mdev = &owner->mdev;
	u64 offset;

	vp_iowrite16(index, &mdev->common->queue_select);
	offset = vp_ioread16(&mdev->common->queue_notify_off);
	offset *= mdev->notify_offset_multiplier;
	if (offset & 1 || offset > U32_MAX) {
		dev_err(&owner->pdev->dev,
			"queue %u: invalid notify offset %#llx\n", index,
			offset);
		return NULL;
	}

	return vp_modern_map_vq_notify(mdev, index, NULL);
}

/* Tell the device where the queue is; it stays disabled. */
static int set_up_queue(struct virtio_owner *owner, struct virtqueue *vq,
			u16 vector)
{
	struct virtio_pci_modern_device *mdev = &owner->mdev;

	vp_modern_set_queue_size(mdev, vq->index, virtqueue_get_vring_size(vq));
	vp_modern_queue_address(mdev, vq->index, virtqueue_get_desc_addr(vq),
				virtqueue_get_avail_addr(vq),
				virtqueue_get_used_addr(vq));

	if (vector != VIRTIO_MSI_NO_VECTOR &&
	    vp_modern_queue_vector(mdev, vq->index, vector) != vector)
		return -EBUSY;

	return 0;
}

/**
 * virtio_owner_vq_setup - create a queue
 * @owner: the PF, between FEATURES_OK and DRIVER_OK
 * @index: which queue
 * @callback: as for vring_create_virtqueue(), as are @name and @ctx
 * @name: lives as long as the queue
 * @ctx: one per buffer
 * @msix_vector: the vector to tell the device, or VIRTIO_MSI_NO_VECTOR
 *
 * It is enabled when virtio_owner_find_vqs() is done.
 *
 * Return: the queue; ERR_PTR: -ENOENT if the device has none or it is in use,
 * -EBUSY if the device has no resources for the vector, -EINVAL for what can't
 * be used, -ENOMEM.
 */
struct virtqueue *virtio_owner_vq_setup(struct virtio_owner *owner, u16 index,
					vq_callback_t *callback,
					const char *name, bool ctx,
					u16 msix_vector)
{
	struct virtio_pci_modern_device *mdev = &owner->mdev;
	void __iomem *address;
	struct virtqueue *vq;
	unsigned int size;
	int ret;

	size = vp_modern_get_queue_size(mdev, index);
	if (!size || vp_modern_get_queue_enable(mdev, index))
		return ERR_PTR(-ENOENT);
	if (!__virtio_test_bit(&owner->vdev, VIRTIO_F_RING_PACKED))
		size = rounddown_pow_of_two(size);

	address = map_notify(owner, index);
	if (!address)
		return ERR_PTR(-EINVAL);

	vq = vring_create_virtqueue(index, size, SMP_CACHE_BYTES, &owner->vdev,
				    true, true, ctx, notify, callback, name);
	if (!vq) {
		ret = -ENOMEM;
		goto unmap;
	}

	vq->num_max = size;
	vq->priv = (void __force *)address;
	ret = set_up_queue(owner, vq, msix_vector);
	if (ret)
		goto del_vq;

	return vq;

del_vq:
	vring_del_virtqueue(vq);
unmap:
	if (!mdev->notify_base)
		pci_iounmap(owner->pdev, address);
	return ERR_PTR(ret);
}

/**
 * virtio_owner_vq_delete - delete a queue
 * @vq: from virtio_owner_vq_setup(); the device has been reset since it was
 *	enabled, or it never was, and its interrupts are synchronised
 */
void virtio_owner_vq_delete(struct virtqueue *vq)
{
	struct virtio_owner *owner = to_virtio_owner(vq->vdev);
	struct virtio_pci_modern_device *mdev = &owner->mdev;

	if (owner->nvectors)
		vp_modern_queue_vector(mdev, vq->index, VIRTIO_MSI_NO_VECTOR);
	if (vq->priv && !mdev->notify_base)
		pci_iounmap(owner->pdev, (void __force __iomem *)vq->priv);
	vring_del_virtqueue(vq);
}

static void free_vectors(struct virtio_owner *owner)
{
	unsigned int v;

	if (!owner->irqs)
		return;

	for (v = 0; v < owner->nvectors; v++)
		free_cpumask_var(owner->irqs[v].affinity);
	kfree(owner->irqs);
	owner->irqs = NULL;
	owner->nvectors = 0;
}

static int alloc_vectors(struct virtio_owner *owner, unsigned int nvectors)
{
	unsigned int v;

	owner->irqs = kcalloc(nvectors, sizeof(*owner->irqs), GFP_KERNEL);
	if (!owner->irqs)
		return -ENOMEM;

	for (v = 0; v < nvectors; v++) {
		if (!zalloc_cpumask_var(&owner->irqs[v].affinity, GFP_KERNEL))
			goto free;
		owner->nvectors++;
	}

	return 0;

free:
	free_vectors(owner);
	return -ENOMEM;
}

static int request_vector(struct virtio_owner *owner, u16 vector,
			  irq_handler_t handler, const char *name, void *cookie)
{
	struct virtio_owner_irq *irq = &owner->irqs[vector];
	int ret;

	snprintf(irq->name, sizeof(irq->name), "%s-%s",
		 dev_name(&owner->vdev.dev), name);
	ret = request_irq(pci_irq_vector(owner->pdev, vector), handler, 0,
			  irq->name, cookie);
	if (!ret)
		irq->cookie = cookie;

	return ret;
}

static void release_irqs(struct virtio_owner *owner)
{
	unsigned int v;

	if (owner->intx)
		free_irq(owner->pdev->irq, owner);
	owner->intx = false;

	for (v = 0; v < owner->nvectors; v++) {
		int irq = pci_irq_vector(owner->pdev, v);

		if (!owner->irqs[v].cookie)
			continue;
		irq_update_affinity_hint(irq, NULL);
		free_irq(irq, owner->irqs[v].cookie);
	}
}

/* The virtio core resets the device first if the queues were enabled. */
void virtio_owner_del_vqs(struct virtio_device *vdev)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	unsigned int i;

	release_irqs(owner);

	virtio_owner_avq_down(owner);
	memset(&owner->admin, 0, sizeof(owner->admin));
	for (i = 0; i < owner->nvqs; i++) {
		if (owner->vqs[i].vq)
			virtio_owner_vq_delete(owner->vqs[i].vq);
	}
	kfree(owner->vqs);
	owner->vqs = NULL;
	owner->nvqs = 0;

	if (owner->nvectors) {
		vp_modern_config_vector(&owner->mdev, VIRTIO_MSI_NO_VECTOR);
		pci_free_irq_vectors(owner->pdev);
	}
	free_vectors(owner);
	owner->ghost = false;
}

static void listen(struct virtio_owner *owner, struct virtio_owner_vq *queue)
{
	spin_lock_irq(&owner->lock);
	queue->listening = true;
	spin_unlock_irq(&owner->lock);
}

static int find_vq(struct request *rq, unsigned int index,
		   const struct virtqueue_info *info, u16 vector)
{
	struct virtio_owner *owner = rq->owner;
	struct virtio_owner_vq *queue = &owner->vqs[index];
	struct virtqueue *vq;

	if (index >= vp_modern_get_num_queues(&owner->mdev))
		return -ENOENT;

	queue->vector = info->callback ? vector : VIRTIO_MSI_NO_VECTOR;
	vq = virtio_owner_vq_setup(owner, index, info->callback, info->name,
				   info->ctx, queue->vector);
	if (IS_ERR(vq))
		return PTR_ERR(vq);

	queue->vq = vq;
	if (!info->callback)
		return 0;

	if (owner->each)
		return request_vector(owner, vector, vring_interrupt,
				      info->name, vq);

	listen(owner, queue);
	return 0;
}

/* The device's own queues, from @vector on, or all at it if they share. */
static int find_own_vqs(struct request *rq, u16 vector)
{
	struct virtio_owner *owner = rq->owner;
	struct virtio_owner_vq *queues;
	unsigned int i, index = 0;
	int ret;

	queues = kcalloc(rq->nvqs, sizeof(*queues), GFP_KERNEL);
	if (!queues)
		return -ENOMEM;

	spin_lock_irq(&owner->lock);
	owner->vqs = queues;
	owner->nvqs = rq->nvqs;
	spin_unlock_irq(&owner->lock);

	for (i = 0; i < rq->nvqs; i++) {
		const struct virtqueue_info *info = &rq->infos[i];

		rq->vqs[i] = NULL;
		if (!info->name)
			continue;

		ret = find_vq(rq, index, info, vector);
		if (ret)
			return ret;

		rq->vqs[i] = owner->vqs[index++].vq;
		if (owner->each && info->callback)
			vector++;
	}

	return 0;
}

/* The PF's own device is worth having without an admin virtqueue. */
static int find_admin_vq(struct request *rq, u16 vector, bool own_vector)
{
	struct virtio_owner *owner = rq->owner;
	int ret;

	if (!rq->admin)
		return 0;

	owner->admin.vector = vector;
	ret = virtio_owner_avq_up(owner, vector);
	if (ret == -EBUSY && own_vector)
		return ret;
	if (ret) {
		dev_err(&owner->pdev->dev, "no admin virtqueue: %d\n", ret);
		return 0;
	}

	owner->admin.vq = owner->avq.vq;
	if (own_vector)
		return request_vector(owner, vector, vring_interrupt, "admin",
				      owner->admin.vq);

	listen(owner, &owner->admin);
	return 0;
}

static unsigned int count_interrupts(const struct request *rq)
{
	unsigned int i, n = 0;

	for (i = 0; i < rq->nvqs; i++)
		n += rq->infos[i].name && rq->infos[i].callback;

	return n;
}

static int find_vqs_msix(struct request *rq, const struct layout *layout)
{
	struct virtio_owner *owner = rq->owner;
	unsigned int first = 1 + layout->admin, nvectors, flags = PCI_IRQ_MSIX;
	struct irq_affinity affinity, *spread = NULL;
	int ret;

	nvectors = first + (layout->each ? count_interrupts(rq) : 1);
	ret = alloc_vectors(owner, nvectors);
	if (ret)
		return ret;

	if (layout->each && rq->affinity) {
		flags |= PCI_IRQ_AFFINITY;
		affinity = *rq->affinity;
		affinity.pre_vectors += first;
		spread = &affinity;
	}
	ret = pci_alloc_irq_vectors_affinity(owner->pdev, nvectors, nvectors,
					     flags, spread);
	if (ret < 0) {
		free_vectors(owner);
		return ret;
	}

	owner->each = layout->each;
	ret = request_vector(owner, VECTOR_CONFIG, config_interrupt, "config",
			     owner);
	if (ret)
		goto del_vqs;
	if (vp_modern_config_vector(&owner->mdev, VECTOR_CONFIG)) {
		ret = -EBUSY;
		goto del_vqs;
	}

	if (!layout->each) {
		ret = request_vector(owner, first, vqs_interrupt, "virtqueues",
				     owner);
		if (ret)
			goto del_vqs;
	}

	ret = find_own_vqs(rq, first);
	if (ret)
		goto del_vqs;

	ret = find_admin_vq(rq, layout->admin ? 1 : VECTOR_CONFIG,
			    layout->admin);
	if (ret)
		goto del_vqs;

	return 0;

del_vqs:
	virtio_owner_del_vqs(&owner->vdev);
	return ret;
}

static int find_vqs_intx(struct request *rq)
{
	struct virtio_owner *owner = rq->owner;
	int ret;

	owner->each = false;
	ret = request_irq(owner->pdev->irq, intx_interrupt, IRQF_SHARED,
			  dev_name(&owner->vdev.dev), owner);
	if (ret)
		return ret;
	owner->intx = true;

	ret = find_own_vqs(rq, VIRTIO_MSI_NO_VECTOR);
	if (!ret)
		ret = find_admin_vq(rq, VIRTIO_MSI_NO_VECTOR, false);
	if (ret)
		virtio_owner_del_vqs(&owner->vdev);

	return ret;
}

/* Virtio 1.4, 4.1.4.3: an index that the own queues leave free. */
static bool has_admin_vq(struct virtio_owner *owner, unsigned int nvqs)
{
	u16 index, num;

	if (!__virtio_test_bit(&owner->vdev, VIRTIO_F_ADMIN_VQ))
		return false;

	index = vp_ioread16(&owner->tail->admin_queue_index);
	num = vp_ioread16(&owner->tail->admin_queue_num);
	if (!num || index < nvqs) {
		dev_err(&owner->pdev->dev,
			"invalid admin virtqueues: %u from index %u\n", num,
			index);
		return false;
	}

	owner->avq_index = index;
	return true;
}

/* Queues for a driver to hold, without a device behind them. */
static int find_ghost_vqs(struct request *rq)
{
	struct virtio_owner *owner = rq->owner;
	unsigned int i, index = 0;
	struct virtqueue *vq;

	owner->vqs = kcalloc(rq->nvqs, sizeof(*owner->vqs), GFP_KERNEL);
	if (!owner->vqs)
		return -ENOMEM;
	owner->nvqs = rq->nvqs;
	owner->each = false;

	for (i = 0; i < rq->nvqs; i++) {
		const struct virtqueue_info *info = &rq->infos[i];

		rq->vqs[i] = NULL;
		if (!info->name)
			continue;

		vq = vring_create_virtqueue(index, GHOST_SIZE, SMP_CACHE_BYTES,
					    &owner->vdev, true, true, info->ctx,
					    notify, info->callback, info->name);
		if (!vq) {
			virtio_owner_del_vqs(&owner->vdev);
			return -ENOMEM;
		}
		vq->num_max = GHOST_SIZE;
		/* virtio_ring leaves it as it was in memory. */
		vq->priv = NULL;
		__virtqueue_break(vq);
		owner->vqs[index++].vq = vq;
		rq->vqs[i] = vq;
	}

	return 0;
}

int virtio_owner_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			  struct virtqueue *vqs[],
			  struct virtqueue_info vqs_info[],
			  struct irq_affinity *desc)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);
	struct request rq = {
		.owner = owner,
		.nvqs = nvqs,
		.vqs = vqs,
		.infos = vqs_info,
		.affinity = desc,
	};
	struct virtqueue *vq;
	unsigned int i;
	int ret = -ENOSPC;

	if (owner->ghost)
		return find_ghost_vqs(&rq);

	rq.admin = has_admin_vq(owner, nvqs);
	for (i = 0; ret && i < ARRAY_SIZE(layouts); i++) {
		if (rq.admin || !layouts[i].admin)
			ret = find_vqs_msix(&rq, &layouts[i]);
	}
	if (ret && owner->pdev->irq)
		ret = find_vqs_intx(&rq);
	if (ret)
		return ret;

	/* Only a reset takes this back. */
	virtio_device_for_each_vq(vdev, vq)
		vp_modern_set_queue_enable(&owner->mdev, vq->index, true);

	return 0;
}

/* Only for a queue with a vector of its own; it's best effort. */
int virtio_owner_set_vq_affinity(struct virtqueue *vq,
				 const struct cpumask *mask)
{
	struct virtio_owner *owner = to_virtio_owner(vq->vdev);
	u16 vector = owner->vqs[vq->index].vector;
	int irq;

	if (!vq->callback)
		return -EINVAL;
	if (!owner->each)
		return 0;

	irq = pci_irq_vector(owner->pdev, vector);
	if (!mask)
		return irq_update_affinity_hint(irq, NULL);

	cpumask_copy(owner->irqs[vector].affinity, mask);
	return irq_set_affinity_and_hint(irq, owner->irqs[vector].affinity);
}

const struct cpumask *virtio_owner_get_vq_affinity(struct virtio_device *vdev,
						   int index)
{
	struct virtio_owner *owner = to_virtio_owner(vdev);

	if (!owner->each || index < 0 || index >= owner->nvqs ||
	    owner->vqs[index].vector == VIRTIO_MSI_NO_VECTOR)
		return NULL;

	return pci_irq_get_affinity(owner->pdev, owner->vqs[index].vector);
}

/* Virtio 1.4, 4.1.4.3: wait until both registers read 0. */
static int reset_queue(struct virtio_owner *owner, u16 index)
{
	struct virtio_pci_common_cfg __iomem *common = owner->mdev.common;
	u16 busy;

	vp_iowrite16(index, &common->queue_select);
	vp_iowrite16(1, &owner->tail->queue_reset);

	return read_poll_timeout(vp_ioread16, busy,
				 !busy && !vp_ioread16(&common->queue_enable),
				 RESET_POLL_US, RESET_TIMEOUT_US, false,
				 &owner->tail->queue_reset);
}

int virtio_owner_disable_vq_and_reset(struct virtqueue *vq)
{
	struct virtio_owner *owner = to_virtio_owner(vq->vdev);
	struct virtio_owner_vq *queue = &owner->vqs[vq->index];
	int ret;

	if (owner->ghost || !__virtio_test_bit(vq->vdev, VIRTIO_F_RING_RESET))
		return -ENOENT;

	ret = reset_queue(owner, vq->index);
	if (ret)
		return ret;

	spin_lock_irq(&owner->lock);
	queue->listening = false;
	spin_unlock_irq(&owner->lock);
	if (IS_ENABLED(CONFIG_VIRTIO_HARDEN_NOTIFICATION))
		__virtqueue_break(vq);
	if (owner->each && queue->vector != VIRTIO_MSI_NO_VECTOR)
		synchronize_irq(pci_irq_vector(owner->pdev, queue->vector));

	vq->reset = true;
	return 0;
}

int virtio_owner_enable_vq_after_reset(struct virtqueue *vq)
{
	struct virtio_owner *owner = to_virtio_owner(vq->vdev);
	struct virtio_owner_vq *queue = &owner->vqs[vq->index];
	int ret;

	if (!vq->reset || vp_modern_get_queue_enable(&owner->mdev, vq->index))
		return -EBUSY;

	ret = set_up_queue(owner, vq, queue->vector);
	if (ret)
		return ret;

	if (vq->callback && !owner->each)
		listen(owner, queue);
	if (IS_ENABLED(CONFIG_VIRTIO_HARDEN_NOTIFICATION))
		__virtqueue_unbreak(vq);

	vp_modern_set_queue_enable(&owner->mdev, vq->index, true);
	vq->reset = false;
	return 0;
}
