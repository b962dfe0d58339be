// SPDX-License-Identifier: GPL-2.0-only
/* needs: virtio_pci with its library for drivers (CONFIG_VIRTIO_PCI) */
#include <linux/pci.h>
#include <linux/virtio.h>

#ifdef FACT
#if !IS_ENABLED(CONFIG_VIRTIO_PCI)
#error CONFIG_VIRTIO_PCI is off
#endif
#include <linux/virtio_pci_modern.h>
#endif
