/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_VFIO_IOEVENTFD_H
#define VIRTIO_VFIO_IOEVENTFD_H

#include <linux/vfio.h>

struct virtio_vfio_device;

/**
 * virtio_vfio_ioeventfd - tie a value of Queue Notify to an eventfd, or untie it
 * @vf: an open transitional device
 * @request: VFIO_DEVICE_IOEVENTFD's argument, with an offset in BAR0
 *
 * Each signal of the eventfd then is a driver notification, without userspace:
 * what a guest's own write of that value would be at that time. One that can't
 * be sent at once, nor dropped, goes to a worker, where several may become one.
 *
 * What is tied stays so across resets. It counts against the limit that
 * vfio_pci_core has for all BARs of a device.
 *
 * Context: sleeps; serialised by vfio_pci_core's ioeventfds_lock.
 * Return: 0; -EINVAL for anything but 2 bytes at Queue Notify; -EEXIST if the
 * value is tied already; -ENODEV if it is to be untied and isn't tied; -ENOSPC
 * at the limit; -EOPNOTSUPP if notifications of this device are admin commands,
 * which can wait for ever in a worker that all VFIO devices share; -ENOMEM; what
 * vfio_virqfd_enable() says of the file descriptor.
 */
int virtio_vfio_ioeventfd(struct virtio_vfio_device *vf,
			  const struct vfio_device_ioeventfd *request);

/**
 * virtio_vfio_ioeventfd_close - untie all
 * @vf: the device, whose doorbell is still open
 *
 * Context: sleeps until no eventfd's notification is under way.
 */
void virtio_vfio_ioeventfd_close(struct virtio_vfio_device *vf);

#endif
