/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of one device bound to virtio_vfio_pci.
 */
#ifndef VIRTIO_VFIO_H
#define VIRTIO_VFIO_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

#include "admin.h"
#include "bar0.h"
#include "config.h"
#include "log.h"
#include "notify.h"
#include "reset.h"

struct virtio_vfio_type;

/**
 * struct virtio_vfio_device - a PCI function bound to this driver
 * @core: what vfio_pci_core keeps; the driver data of the function points here
 * @type: the row of the device type table, NULL if it has none
 * @refusal: why the function can't be transitional, NULL if it can;
 *	constant while bound
 * @state_lock: protects @transitional and @open
 * @transitional: show the function as a transitional device; constant while
 *	the VFIO device is open, so readers on an open device need no lock
 * @open: the VFIO device is open
 * @registers: the way register accesses take to the owner device
 * @notifications: the way driver notifications take to the owner device when
 *	they have no notify address
 * @config: the part of configuration space that the function itself lacks
 * @bar0: the legacy registers as the guest's driver has left them
 * @notify: the doorbell
 * @reset: resets by Device Status
 * @ioeventfds: what is tied to eventfds; protected by @core.ioeventfds_lock
 * @log: limits what a guest or a device can make the driver log
 */
struct virtio_vfio_device {
	struct vfio_pci_core_device core;
	const struct virtio_vfio_type *type;
	const char *refusal;
	struct mutex state_lock;	/* transitional and open */
	bool transitional;
	bool open;
	struct virtio_vfio_admin_path registers;
	struct virtio_vfio_admin_path notifications;
	struct virtio_vfio_config config;
	struct virtio_vfio_bar0 bar0;
	struct virtio_vfio_notify notify;
	struct virtio_vfio_reset reset;
	struct list_head ioeventfds;
	struct virtio_vfio_log log;
};

static inline struct virtio_vfio_device *
to_virtio_vfio(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct virtio_vfio_device, core.vdev);
}

#endif
