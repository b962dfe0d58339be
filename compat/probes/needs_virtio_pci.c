// SPDX-License-Identifier: GPL-2.0-only
/* needs: virtio_pci with its library for drivers (CONFIG_VIRTIO_PCI) */
#include <linux/pci.h>

#ifdef FACT
#if !IS_ENABLED(CONFIG_VIRTIO_PCI) || !IS_ENABLED(CONFIG_VIRTIO_PCI_LIB)
#error CONFIG_VIRTIO_PCI is off, or older than its library
#endif
#endif
