// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks that are about the host: IOMMU, Secure Boot, libvirt.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "file.h"
#include "libvirt.h"

static bool has_entries(struct path p)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = opendir(p.s);
	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

static bool file_contains(struct path p, const char *text)
{
	char line[8192];
	bool found = false;
	FILE *file;

	file = fopen(p.s, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	return found;
}

static void check_iommu(struct doctor *doctor)
{
	bool amd = file_contains(path("/proc/cpuinfo"), "AuthenticAMD");
	char mend[256];

	if (has_entries(path("/sys/kernel/iommu_groups"))) {
		doctor_say(doctor, GOOD, "IOMMU", NULL, "on");
		return;
	}

	snprintf(mend, sizeof(mend),
		 "add \"%siommu=pt\" to GRUB_CMDLINE_LINUX in /etc/default/grub, then \"update-grub\" and reboot",
		 amd ? "" : "intel_iommu=on ");
	doctor_say(doctor, BAD, "IOMMU", mend,
		   "off: no VF can be given to a guest");
}

/* The names of interrupt chips show it. */
static void check_interrupt_remapping(struct doctor *doctor)
{
	char unsafe[8];

	if (file_contains(path("/proc/interrupts"), "IR-")) {
		doctor_say(doctor, GOOD, "interrupt remapping", NULL, "on");
		return;
	}

	file_read(path("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
		  unsafe, sizeof(unsafe));
	if (*unsafe == 'Y')
		doctor_say(doctor, NOTE, "interrupt remapping", NULL,
			   "off, and VFIO is told to do without: a guest can send any interrupt");
	else
		doctor_say(doctor, BAD, "interrupt remapping",
			   "switch it on in the firmware's setup, and take intremap=off from the kernel's command line",
			   "off: VFIO will refuse to give devices to guests");
}

static void check_libvirt(struct doctor *doctor)
{
	bool enabled = libvirt_is_enabled();
	int major, minor;

	if (!libvirt_version(&major, &minor))
		doctor_say(doctor, GOOD, "libvirt", NULL, "not installed");
	else if (major < 10)
		doctor_say(doctor, enabled ? BAD : NOTE, "libvirt",
			   enabled ? "install libvirt 10.0 or later" : NULL,
			   "%d.%d binds managed VFs to vfio-pci; for this driver bind the VF, use managed='no'",
			   major, minor);
	else
		doctor_say(doctor, GOOD, "libvirt", NULL,
			   "%d.%d binds managed VFs to %s; <driver model='virtio_vfio_pci'/> always works",
			   major, minor,
			   enabled ? "virtio_vfio_pci by itself" :
			   "vfio-pci unless told otherwise");
}

void doctor_host(struct doctor *doctor)
{
	check_iommu(doctor);
	check_interrupt_remapping(doctor);
	check_libvirt(doctor);
}
