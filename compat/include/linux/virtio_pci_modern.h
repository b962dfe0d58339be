/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VIRTIO_PCI_MODERN_H
#define COMPAT_LINUX_VIRTIO_PCI_MODERN_H

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#if !COMPAT_VIRTIO_PCI_UAPI_HAS_ADMIN_QUEUE
/* The kernel's own lies here and is shorter. */
#define virtio_pci_modern_common_cfg	compat_native_modern_common_cfg
#endif

#include_next <linux/virtio_pci_modern.h>

#undef virtio_pci_modern_common_cfg

#endif
