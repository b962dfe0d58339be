/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_OWNER_PF_H
#define VIRTIO_OWNER_PF_H

#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci_modern.h>
#include <linux/workqueue.h>

#include "avq.h"

/**
 * struct virtio_owner_common_tail - the end of the common configuration
 * @notify_config_data: not used here
 * @queue_reset: resets the selected queue, with VIRTIO_F_RING_RESET
 * @admin_queue_index: of the first admin virtqueue, with VIRTIO_F_ADMIN_VQ
 * @admin_queue_num: how many admin virtqueues there are
 *
 * Virtio 1.4, 4.1.4.3 "Common configuration structure layout", from byte 56
 * on, which virtio_pci_modern_dev does not map on every kernel.
 */
struct virtio_owner_common_tail {
	__le16 notify_config_data;
	__le16 queue_reset;
	__le16 admin_queue_index;
	__le16 admin_queue_num;
};

/**
 * struct virtio_owner_vq - a queue with its share of the interrupts
 * @vq: the queue, NULL where there is none
 * @vector: its MSI-X vector, VIRTIO_MSI_NO_VECTOR if none
 * @listening: interrupts that it shares go to it
 */
struct virtio_owner_vq {
	struct virtqueue *vq;
	u16 vector;
	bool listening;
};

/**
 * struct virtio_owner_irq - an MSI-X vector
 * @name: in /proc/interrupts
 * @cookie: what the handler was requested with, NULL if it wasn't
 * @affinity: the mask last asked for, which the interrupt core points to
 */
struct virtio_owner_irq {
	char name[64];
	void *cookie;
	cpumask_var_t affinity;
};

/**
 * struct virtio_owner - a PF and its virtio device
 * @vdev: the PF's own virtio device; holds the reference on this structure
 * @pdev: the PF
 * @mdev: its virtio structures
 * @tail: the end of the common configuration, NULL if the device has none
 * @wedged: the device was gone or did not finish its last reset, and its bus
 *	mastering is off
 * @ghost: the device did not come back to a driver that had let go of it for
 *	a while; until it is let go of again the driver has to do with none
 * @ghost_status: what the driver takes for the status
 * @lock: protects @vqs and @admin against interrupts that queues share
 * @vqs: queues by their index, NULL while there are none
 * @nvqs: entries in @vqs
 * @irqs: the MSI-X vectors, NULL while there are none
 * @nvectors: entries in @irqs
 * @each: each queue has a vector of its own
 * @intx: the PF's INTx is requested
 * @admin: the admin virtqueue's share of the interrupts
 * @avq_index: the admin virtqueue's index, set before virtio_owner_avq_up()
 * @avq: the admin virtqueue
 * @give_up: breaks the queues of a device that its driver waits for too long
 * @frozen: the virtio device is frozen; under the PF's device lock
 * @let_go: its driver was taken away for a reset; under the PF's device lock
 * @quiesced: VFs that wait for the end of a reset; under the PF's device lock
 * @nquiesced: entries in @quiesced
 */
struct virtio_owner {
	struct virtio_device vdev;
	struct pci_dev *pdev;
	struct virtio_pci_modern_device mdev;
	struct virtio_owner_common_tail __iomem *tail;
	bool wedged;
	bool ghost;
	u8 ghost_status;

	spinlock_t lock;	/* queues and the interrupts they share */
	struct virtio_owner_vq *vqs;
	unsigned int nvqs;
	struct virtio_owner_irq *irqs;
	unsigned int nvectors;
	bool each;
	bool intx;

	struct virtio_owner_vq admin;
	u16 avq_index;
	struct virtio_owner_avq avq;

	struct delayed_work give_up;
	bool frozen;
	bool let_go;
	struct pci_dev **quiesced;
	unsigned int nquiesced;
};

static inline struct virtio_owner *to_virtio_owner(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_owner, vdev);
}

/* pci_drv.c; pci_iov_get_pf_drvdata() wants it, its drvdata is the owner. */
extern struct pci_driver virtio_owner_driver;

/* transport.c */
int virtio_owner_transport_init(struct virtio_owner *owner);
void virtio_owner_transport_exit(struct virtio_owner *owner);
void virtio_owner_check(struct virtio_owner *owner);
void virtio_owner_break_if_dead(struct virtio_owner *owner);

/* vqs.c */
int virtio_owner_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			  struct virtqueue *vqs[],
			  struct virtqueue_info vqs_info[],
			  struct irq_affinity *desc);
void virtio_owner_del_vqs(struct virtio_device *vdev);
void virtio_owner_synchronize_cbs(struct virtio_device *vdev);
int virtio_owner_set_vq_affinity(struct virtqueue *vq,
				 const struct cpumask *mask);
const struct cpumask *virtio_owner_get_vq_affinity(struct virtio_device *vdev,
						   int index);
int virtio_owner_disable_vq_and_reset(struct virtqueue *vq);
int virtio_owner_enable_vq_after_reset(struct virtqueue *vq);
struct virtqueue *virtio_owner_vq_setup(struct virtio_owner *owner, u16 index,
					vq_callback_t *callback,
					const char *name, bool ctx,
					u16 msix_vector);
void virtio_owner_vq_delete(struct virtqueue *vq);

/* quiesce.c */
struct pci_dev *virtio_owner_next_vf(struct pci_dev *pf, struct pci_dev *vf);
int virtio_owner_quiesce_init(struct virtio_owner *owner);
void virtio_owner_quiesce_exit(struct virtio_owner *owner);
void virtio_owner_quiesce_vfs(struct virtio_owner *owner);
void virtio_owner_resume_vfs(struct virtio_owner *owner);

#endif
