/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_PCI_ADMIN_H
#define COMPAT_LINUX_VIRTIO_PCI_ADMIN_H

#include "compat-config.h"

#if COMPAT_VIRTIO_PCI_HAS_ADMIN_LEGACY
#include_next <linux/virtio_pci_admin.h>
#else

#include <linux/errno.h>
#include <linux/pci.h>
#include <linux/types.h>

/* A virtio_pci that sends no legacy commands serves none to any VF. */
static inline bool virtio_pci_admin_has_legacy_io(struct pci_dev *pdev)
{
	return false;
}

static inline int
virtio_pci_admin_legacy_common_io_write(struct pci_dev *pdev, u8 offset,
					u8 size, u8 *buf)
{
	return -EOPNOTSUPP;
}

static inline int
virtio_pci_admin_legacy_common_io_read(struct pci_dev *pdev, u8 offset,
				       u8 size, u8 *buf)
{
	return -EOPNOTSUPP;
}

static inline int
virtio_pci_admin_legacy_device_io_write(struct pci_dev *pdev, u8 offset,
					u8 size, u8 *buf)
{
	return -EOPNOTSUPP;
}

static inline int
virtio_pci_admin_legacy_device_io_read(struct pci_dev *pdev, u8 offset,
				       u8 size, u8 *buf)
{
	return -EOPNOTSUPP;
}

static inline int
virtio_pci_admin_legacy_io_notify_info(struct pci_dev *pdev, u8 req_bar_flags,
				       u8 *bar, u64 *bar_offset)
{
	return -EOPNOTSUPP;
}

#endif
#endif
