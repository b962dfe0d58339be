// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks that are about PFs and their VFs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "file.h"
#include "function.h"
#include "policy.h"

/* Whether that is bad is for the operator's decision to say. */
static void check_driver(struct doctor *doctor, const struct function *pf,
			 bool opted_in)
{
	enum verdict verdict = opted_in ? BAD : NOTE;
	char mend[128];

	snprintf(mend, sizeof(mend), "echo %s > /sys/bus/pci/drivers_probe",
		 pf->address);
	if (!strcmp(pf->driver, OWNER_DRIVER))
		doctor_say(doctor, GOOD, pf->address, NULL, "driven by "
			   OWNER_DRIVER);
	else if (strcmp(pf->driver, PF_DRIVER))
		doctor_say(doctor, verdict, pf->address, mend,
			   "driven by %s: its admin virtqueue can't be reached",
			   pf->driver[0] ? pf->driver : "nothing");
	else if (function_has_feature(pf, VIRTIO_F_ADMIN_VQ) == 1)
		doctor_say(doctor, GOOD, pf->address, NULL,
			   "driven by " PF_DRIVER " with an admin virtqueue");
	else
		doctor_say(doctor, verdict, pf->address, NULL,
			   "driven by " PF_DRIVER ": card or kernel have no admin virtqueue");
}

static void check_policy(struct doctor *doctor, const struct function *pf,
			 bool *opted_in)
{
	struct policy policy;
	char mend[64];
	long autoprobe;
	int ret;

	ret = policy_read(pf->address, &policy);
	*opted_in = !ret;
	if (ret == -ENOENT)
		return;
	snprintf(mend, sizeof(mend), "virtio-vfio enable --pf %s", pf->address);
	if (ret) {
		doctor_say(doctor, BAD, pf->address, mend,
			   "its policy file can't be understood");
		return;
	}

	ret = file_read_number(path("/sys/bus/pci/devices/%s/sriov_drivers_autoprobe",
				    pf->address), &autoprobe);
	if (ret || autoprobe)
		doctor_say(doctor, BAD, pf->address, mend,
			   "opted in, but sriov_drivers_autoprobe %s: the host's drivers race for its VFs",
			   ret ? "can't be read" : "is on");
}

static void check_isolation(struct doctor *doctor, const struct function *vf)
{
	struct dirent *entry;
	size_t others = 0;
	DIR *dir;

	dir = opendir(path("/sys/bus/pci/devices/%s/iommu_group/devices",
			   vf->address).s);
	while (dir && (entry = readdir(dir)))
		others += entry->d_name[0] != '.' &&
			  strcmp(entry->d_name, vf->address);
	if (dir)
		closedir(dir);
	if (others)
		doctor_say(doctor, BAD, vf->address,
			   "switch ACS on in the firmware's setup, or use another slot",
			   "shares its IOMMU group with %zu other%s, which go to the same guest or to none",
			   others, others == 1 ? "" : "s");
}

/* What the driver counted since the VF was bound. */
static void check_count(struct doctor *doctor, const struct function *vf,
			const char *file, const char *what)
{
	long count;

	if (!file_read_number(path("/sys/bus/pci/devices/%s/virtio_vfio/%s",
				   vf->address, file), &count) && count > 0)
		doctor_say(doctor, NOTE, vf->address, "dmesg", "%s: %ld",
			   what, count);
}

static void check_vf(struct doctor *doctor, const struct function *vf,
		     bool opted_in)
{
	char mend[128];

	check_isolation(doctor, vf);

	if (file_exists(path("/etc/driverctl.d/pci-%s", vf->address))) {
		snprintf(mend, sizeof(mend), "driverctl %sunset-override %s",
			 opted_in ? "--noprobe " : "", vf->address);
		doctor_say(doctor, opted_in ? BAD : NOTE, vf->address, mend,
			   "driverctl has an override for it, so it is left alone");
	} else if (vf->override[0] && strcmp(vf->override, DRIVER)) {
		snprintf(mend, sizeof(mend),
			 "echo > /sys/bus/pci/devices/%s/driver_override",
			 vf->address);
		doctor_say(doctor, NOTE, vf->address, mend,
			   "its driver_override is %s, set by someone else",
			   vf->override);
	} else if (opted_in && strcmp(vf->driver, DRIVER)) {
		snprintf(mend, sizeof(mend), "virtio-vfio enable --pf %s",
			 vf->pf);
		doctor_say(doctor, NOTE, vf->address, mend,
			   "not bound, although its PF is opted in");
	}
	if (!vf->legacy_supported)
		doctor_say(doctor, NOTE, vf->address, "dmesg",
			   "can't be transitional; binding and setting it logs why");
	check_count(doctor, vf, "legacy_reset_timeout",
		    "resets by a guest that took too long");
	check_count(doctor, vf, "log_suppressed",
		    "lines left out of the kernel log");
}

void doctor_pfs(struct doctor *doctor)
{
	struct function *pfs, *vfs;
	bool opted_in;
	size_t n, j;
	int count, i;

	count = function_pfs(&pfs);
	if (count <= 0)
		doctor_say(doctor, NOTE, "PFs", "lspci -d 1af4:",
			   "there is no virtio device with SR-IOV");
	for (i = 0; i < count; i++) {
		check_policy(doctor, &pfs[i], &opted_in);
		check_driver(doctor, &pfs[i], opted_in);
		n = function_vfs(&pfs[i], &vfs);
		for (j = 0; j < n; j++)
			check_vf(doctor, &vfs[j], opted_in);
		free(vfs);
	}
	free(pfs);
}
