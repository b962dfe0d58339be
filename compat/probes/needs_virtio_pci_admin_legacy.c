// SPDX-License-Identifier: GPL-2.0-only
/* needs: legacy commands in virtio_pci (CONFIG_VIRTIO_PCI_ADMIN_LEGACY) */
#include <linux/virtio_pci_admin.h>

bool probe(struct pci_dev *pdev);
bool probe(struct pci_dev *pdev)
{
	return virtio_pci_admin_has_legacy_io(pdev);
}
