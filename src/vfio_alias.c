// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's vfio_pci: alias, by which libvirt finds the driver by itself.
 * Built in only where the operator decided so, see docs/policy.md.
 *
 * The driver doesn't use this table, so what it can be bound to and how is the
 * same with and without it.
 */
#include <linux/module.h>
#include <linux/pci.h>

static const struct pci_device_id virtio_vfio_alias[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1041) },
	{ }
};
MODULE_DEVICE_TABLE(pci, virtio_vfio_alias);
