// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_IOEVENTFD on Queue Notify. BAR0 is no BAR that vfio_pci_core
 * could do this for.
 */
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vfio_pci_core.h>
#include <linux/virtio_pci.h>

#include "ioeventfd.h"
#include "notify.h"
#include "virtio_vfio.h"

/* vfio_pci_core's own bound for one device, which it doesn't tell. */
#define IOEVENTFDS_MAX	1000

/**
 * struct virtio_vfio_ioeventfd - a value of Queue Notify tied to an eventfd
 * @next: in the device's list, under ioeventfds_lock
 * @virqfd: the kernel's hold on the eventfd, NULL once that was closed
 * @vf: the device
 * @data: what would be written, of which the low 16 bits are
 */
struct virtio_vfio_ioeventfd {
	struct list_head next;
	struct virqfd *virqfd;
	struct virtio_vfio_device *vf;
	u64 data;
};

/* Called with the eventfd's lock held. Return: whether it takes the thread. */
static int ioeventfd_handler(void *opaque, void *unused)
{
	struct virtio_vfio_ioeventfd *ioeventfd = opaque;

	return !virtio_vfio_notify_atomic(ioeventfd->vf, ioeventfd->data);
}

/* Nobody is there to tell of an error. */
static void ioeventfd_thread(void *opaque, void *unused)
{
	struct virtio_vfio_ioeventfd *ioeventfd = opaque;

	virtio_vfio_notify(ioeventfd->vf, ioeventfd->data);
}

static struct virtio_vfio_ioeventfd *
ioeventfd_find(struct virtio_vfio_device *vf, u64 data)
{
	struct virtio_vfio_ioeventfd *ioeventfd;

	list_for_each_entry(ioeventfd, &vf->ioeventfds, next)
		if (ioeventfd->data == data)
			return ioeventfd;

	return NULL;
}

static int ioeventfd_add(struct virtio_vfio_device *vf, u64 data, int fd)
{
	struct virtio_vfio_ioeventfd *ioeventfd;
	int ret;

	if (vf->core.ioeventfds_nr >= IOEVENTFDS_MAX)
		return -ENOSPC;

	ioeventfd = kzalloc(sizeof(*ioeventfd), GFP_KERNEL_ACCOUNT);
	if (!ioeventfd)
		return -ENOMEM;

	ioeventfd->vf = vf;
	ioeventfd->data = data;
	ret = vfio_virqfd_enable(ioeventfd, ioeventfd_handler, ioeventfd_thread,
				 NULL, &ioeventfd->virqfd, fd);
	if (ret) {
		kfree(ioeventfd);
		return ret;
	}

	list_add(&ioeventfd->next, &vf->ioeventfds);
	vf->core.ioeventfds_nr++;
	return 0;
}

static void ioeventfd_remove(struct virtio_vfio_ioeventfd *ioeventfd)
{
	vfio_virqfd_disable(&ioeventfd->virqfd);
	list_del(&ioeventfd->next);
	ioeventfd->vf->core.ioeventfds_nr--;
	kfree(ioeventfd);
}

static int ioeventfd_change(struct virtio_vfio_device *vf, u64 data, int fd)
{
	struct virtio_vfio_ioeventfd *ioeventfd = ioeventfd_find(vf, data);

	lockdep_assert_held(&vf->core.ioeventfds_lock);

	if (fd >= 0)
		return ioeventfd ? -EEXIST : ioeventfd_add(vf, data, fd);

	if (!ioeventfd)
		return -ENODEV;

	ioeventfd_remove(ioeventfd);
	return 0;
}

int virtio_vfio_ioeventfd(struct virtio_vfio_device *vf,
			  const struct vfio_device_ioeventfd *request)
{
	int ret;

	if (request->argsz < offsetofend(struct vfio_device_ioeventfd, fd) ||
	    request->flags != VFIO_DEVICE_IOEVENTFD_16 || request->fd < -1 ||
	    (request->offset & VFIO_PCI_OFFSET_MASK) != VIRTIO_PCI_QUEUE_NOTIFY)
		return -EINVAL;

	if (!vf->notify.addr)
		return -EOPNOTSUPP;

	mutex_lock(&vf->core.ioeventfds_lock);
	ret = ioeventfd_change(vf, request->data, request->fd);
	mutex_unlock(&vf->core.ioeventfds_lock);
	return ret;
}

void virtio_vfio_ioeventfd_close(struct virtio_vfio_device *vf)
{
	struct virtio_vfio_ioeventfd *ioeventfd, *tmp;

	mutex_lock(&vf->core.ioeventfds_lock);
	list_for_each_entry_safe(ioeventfd, tmp, &vf->ioeventfds, next)
		ioeventfd_remove(ioeventfd);
	mutex_unlock(&vf->core.ioeventfds_lock);
}
