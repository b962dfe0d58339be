/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUNCTION_H
#define FUNCTION_H

#include <stdbool.h>
#include <stddef.h>

#define DRIVER "virtio_vfio_pci"
#define PF_DRIVER "virtio-pci"
#define OWNER_DRIVER "virtio_pci_owner"

/* "0000:3b:00.1"; domains can have more than four digits. */
#define ADDRESS_SIZE 24

/**
 * struct function - a PCI function of virtio's, as sysfs shows it
 * @address: in full
 * @pf: the PF's address if this is a VF, else ""
 * @device: PCI device ID, 0 if it can't be read
 * @driver: bound to it, "" if none
 * @override: driver_override, "" if none
 * @iommu_group: or -1 if there is none
 * @transitional: 1 or 0, -1 if not bound to our driver or unreadable
 * @legacy_supported: likewise
 * @legacy_active: likewise
 * @migration_supported: likewise
 */
struct function {
	char address[ADDRESS_SIZE];
	char pf[ADDRESS_SIZE];
	unsigned int device;
	char driver[64];
	char override[64];
	long iommu_group;
	int transitional;
	int legacy_supported;
	int legacy_active;
	int migration_supported;
};

/**
 * function_read - look at one function
 * @fn: gets what is there; what can't be read counts as absent
 * @address: in full, or without the domain if that is 0
 *
 * Return: 0, -EINVAL if @address is none, -ENODEV if nothing is there,
 *	-ENXIO if it isn't virtio's
 */
int function_read(struct function *fn, const char *address);

/* Whether it has VFs, as opposed to being one or neither. */
bool function_is_pf(const struct function *fn);

/* "net", "block" and so on, by the device ID. */
const char *function_type(const struct function *fn);

/**
 * function_vfs - the VFs of a PF, in the order of their numbers
 * @pf: the PF
 * @vfs: gets an array for the caller to free(), or NULL
 *
 * Return: how many there are
 */
size_t function_vfs(const struct function *pf, struct function **vfs);

/**
 * function_pfs - all PFs of virtio's, by address
 * @pfs: gets an array for the caller to free(), or NULL
 *
 * Return: how many there are, or -1 if libpci finds no PCI here
 */
int function_pfs(struct function **pfs);

/**
 * function_name - vendor and device in words, by libpci
 * @fn: the function
 * @buf: gets them
 * @size: of @buf
 */
void function_name(const struct function *fn, char *buf, size_t size);

/* Whether the driver of a PF negotiated a virtio feature; -1 if unknown. */
int function_has_feature(const struct function *pf, unsigned int bit);
#define VIRTIO_F_ADMIN_VQ 41

#endif
