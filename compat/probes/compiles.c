// SPDX-License-Identifier: GPL-2.0-only
/* If this fails, so would every other probe, and for no reason of its own. */
#include <linux/module.h>
#include <linux/pci.h>

int compiles(struct pci_dev *pdev);
int compiles(struct pci_dev *pdev)
{
	return pdev->device;
}
