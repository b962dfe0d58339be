// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pci.h>

#ifdef FACT
#include <linux/virtio_pci_admin.h>

bool (*probe)(struct pci_dev *pdev) = virtio_pci_admin_has_legacy_io;
#endif
