// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pci.h>
#if IS_ENABLED(CONFIG_VIRTIO_PCI_ADMIN_LEGACY)
#include <linux/virtio_pci_admin.h>
#endif

#ifdef FACT
bool (*probe)(struct pci_dev *pdev) = virtio_pci_admin_has_legacy_io;
#endif
