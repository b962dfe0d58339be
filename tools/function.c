// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions of virtio's, as libpci and sysfs show them.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pci/pci.h>

#include "file.h"
#include "function.h"

#define VENDOR_VIRTIO 0x1af4

/* libpci ends the program on an error unless told otherwise. */
static jmp_buf pci_failed;

__attribute__((noreturn, format(printf, 1, 2)))
static void pci_error(char *msg __attribute__((unused)), ...)
{
	longjmp(pci_failed, 1);
}

__attribute__((format(printf, 1, 2)))
static void pci_quiet(char *msg __attribute__((unused)), ...)
{
}

static struct pci_access *pci;

static void pci_close(void)
{
	pci_cleanup(pci);
}

/* Once, for the names that it looks up come from a long file. */
static void pci_open(void)
{
	if (pci)
		return;

	pci = pci_alloc();
	atexit(pci_close);
	pci->method = PCI_ACCESS_SYS_BUS_PCI;
	pci_set_param(pci, "sysfs.path", path("/sys/bus/pci").s);
	pci->error = pci_error;
	pci->warning = pci_quiet;
	pci->debug = pci_quiet;
	pci_init(pci);
}

static long read_flag(const char *address, const char *name)
{
	long value;

	if (file_read_number(path("/sys/bus/pci/devices/%s/virtio_vfio/%s",
				  address, name), &value))
		return -1;

	return value == 0 || value == 1 ? value : -1;
}

static int full_address(char *full, const char *address)
{
	unsigned int domain = 0, bus, slot, fn;
	int end = 0;

	if (sscanf(address, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &fn,
		   &end) != 4 || address[end]) {
		domain = 0;
		end = 0;
		if (sscanf(address, "%2x:%2x.%1x%n", &bus, &slot, &fn,
			   &end) != 3 || address[end])
			return -EINVAL;
	}
	if (slot > 31 || fn > 7)
		return -EINVAL;

	snprintf(full, ADDRESS_SIZE, "%04x:%02x:%02x.%x", domain, bus, slot, fn);
	return 0;
}

static long read_group(const char *address)
{
	char name[16], *end;
	long group;

	if (file_read_link(path("/sys/bus/pci/devices/%s/iommu_group", address),
			   name, sizeof(name)) <= 0)
		return -1;

	group = strtol(name, &end, 10);
	return *end ? -1 : group;
}

int function_read(struct function *fn, const char *address)
{
	char full[ADDRESS_SIZE];
	long vendor, device;
	int ret;

	/* @address may be that of @fn. */
	ret = full_address(full, address);
	memset(fn, 0, sizeof(*fn));
	if (ret)
		return ret;

	memcpy(fn->address, full, sizeof(full));
	address = fn->address;
	if (!file_exists(path("/sys/bus/pci/devices/%s", address)))
		return -ENODEV;
	if (file_read_number(path("/sys/bus/pci/devices/%s/vendor", address),
			     &vendor) || vendor != VENDOR_VIRTIO)
		return -ENXIO;

	if (!file_read_number(path("/sys/bus/pci/devices/%s/device", address),
			      &device))
		fn->device = device;
	file_read_link(path("/sys/bus/pci/devices/%s/physfn", address),
		       fn->pf, sizeof(fn->pf));
	file_read_link(path("/sys/bus/pci/devices/%s/driver", address),
		       fn->driver, sizeof(fn->driver));
	file_read(path("/sys/bus/pci/devices/%s/driver_override", address),
		  fn->override, sizeof(fn->override));
	if (!strcmp(fn->override, "(null)"))
		fn->override[0] = '\0';
	fn->iommu_group = read_group(address);

	fn->transitional = read_flag(address, "transitional");
	fn->legacy_supported = read_flag(address, "legacy_supported");
	fn->legacy_active = read_flag(address, "legacy_active");
	fn->migration_supported = read_flag(address, "migration_supported");
	return 0;
}

bool function_is_pf(const struct function *fn)
{
	return !fn->pf[0] &&
	       file_exists(path("/sys/bus/pci/devices/%s/sriov_totalvfs",
				fn->address));
}

const char *function_type(const struct function *fn)
{
	static const char * const types[] = {
		[1] = "net", [2] = "block", [3] = "console", [4] = "entropy",
		[5] = "balloon", [8] = "scsi", [16] = "gpu", [18] = "input",
		[19] = "vsock", [20] = "crypto", [26] = "fs",
	};
	unsigned int type = fn->device - 0x1040;

	if (fn->device < 0x1040 || type >= sizeof(types) / sizeof(*types) ||
	    !types[type])
		return "other";

	return types[type];
}

size_t function_vfs(const struct function *pf, struct function **vfs)
{
	char address[ADDRESS_SIZE];
	size_t count = 0;
	long total;
	long i;

	*vfs = NULL;
	if (file_read_number(path("/sys/bus/pci/devices/%s/sriov_numvfs",
				  pf->address), &total) || total <= 0)
		return 0;
	if (total > 0xffff)
		total = 0xffff;

	*vfs = calloc(total, sizeof(**vfs));
	if (!*vfs)
		abort();

	for (i = 0; i < total; i++) {
		if (file_read_link(path("/sys/bus/pci/devices/%s/virtfn%ld",
					pf->address, i),
				   address, sizeof(address)) > 0 &&
		    !function_read(&(*vfs)[count], address))
			count++;
	}

	return count;
}

static int by_address(const void *a, const void *b)
{
	return strcmp(((const struct function *)a)->address,
		      ((const struct function *)b)->address);
}

int function_pfs(struct function **pfs)
{
	char address[ADDRESS_SIZE];
	struct function *found;
	struct pci_dev *dev;
	size_t count = 0;

	*pfs = NULL;
	if (setjmp(pci_failed))
		return -1;
	pci_open();
	pci_scan_bus(pci);

	for (dev = pci->devices; dev; dev = dev->next)
		count++;
	found = calloc(count + 1, sizeof(*found));
	if (!found)
		abort();

	count = 0;
	for (dev = pci->devices; dev; dev = dev->next) {
		snprintf(address, sizeof(address), "%04x:%02x:%02x.%x",
			 (unsigned int)dev->domain, dev->bus, dev->dev,
			 dev->func);
		if (!function_read(&found[count], address) &&
		    function_is_pf(&found[count]))
			count++;
	}

	qsort(found, count, sizeof(*found), by_address);
	*pfs = found;
	return count;
}

void function_name(const struct function *fn, char *buf, size_t size)
{
	snprintf(buf, size, "%04x:%04x", VENDOR_VIRTIO, fn->device);
	if (setjmp(pci_failed))
		return;
	pci_open();
	pci_lookup_name(pci, buf, size, PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
			VENDOR_VIRTIO, fn->device);
}

int function_has_feature(const struct function *pf, unsigned int bit)
{
	char pattern[PATH_MAX], features[160] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(pattern, sizeof(pattern), "%s",
		 path("/sys/bus/pci/devices/%s", pf->address).s);
	dir = opendir(pattern);
	if (!dir)
		return -1;

	while ((entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "virtio", 6) &&
		    file_read(path("/sys/bus/pci/devices/%s/%s/features",
				   pf->address, entry->d_name),
			      features, sizeof(features)) > 0)
			break;
	}
	closedir(dir);

	if (strspn(features, "01") != strlen(features) ||
	    strlen(features) <= bit)
		return -1;

	return features[bit] == '1';
}
