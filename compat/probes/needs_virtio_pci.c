// SPDX-License-Identifier: GPL-2.0-only
/* needs: virtio_pci and its library (CONFIG_VIRTIO_PCI, CONFIG_VIRTIO_PCI_LIB) */
#ifdef FACT
#if !IS_ENABLED(CONFIG_VIRTIO_PCI) || !IS_ENABLED(CONFIG_VIRTIO_PCI_LIB)
#error CONFIG_VIRTIO_PCI or CONFIG_VIRTIO_PCI_LIB is off
#endif
#endif
