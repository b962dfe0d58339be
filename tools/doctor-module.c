// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks that are about the module: there, loadable, current, and with or
 * without its alias as decided.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "file.h"
#include "function.h"
#include "libvirt.h"
#include "module.h"
#include "report.h"

/* Four bytes of attributes, and then the value. */
#define SECURE_BOOT "/sys/firmware/efi/efivars/" \
	"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static bool secure_boot(void)
{
	unsigned char data[5] = { 0 };
	bool on;
	int fd;

	fd = open(path(SECURE_BOOT).s, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	on = read(fd, data, sizeof(data)) == sizeof(data) && data[4] == 1;
	close(fd);
	return on;
}

static bool signature_enforced(void)
{
	char text[128];

	if (file_read(path("/sys/module/module/parameters/sig_enforce"), text,
		      sizeof(text)) > 0 && *text == 'Y')
		return true;

	return file_read(path("/sys/kernel/security/lockdown"), text,
			 sizeof(text)) > 0 && !strstr(text, "[none]");
}

/*
 * Whether the kernel has a key of that name in one of its keyrings. Only root
 * sees any of them.
 */
static bool key_is_missing(const char *signer)
{
	bool some = false, found = false;
	char line[512], text[144];
	const char *name;
	FILE *file;

	/* Its organization may come before, its ID comes after. */
	snprintf(text, sizeof(text), "%s:", signer);
	file = fopen(path("/proc/keys").s, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		name = strstr(line, " asymmetri ");
		if (!name)
			continue;
		some = true;
		found = strstr(name, text);
	}
	fclose(file);
	return some && !found;
}

static void check_signature(struct doctor *doctor, const struct module *module)
{
	bool enforced = secure_boot() || signature_enforced();

	if (!enforced)
		doctor_say(doctor, GOOD, "signature", NULL,
			   "this kernel loads modules without one");
	else if (module->is_signed && !module_is_loaded() &&
		 key_is_missing(module->signer))
		doctor_say(doctor, BAD, "signature",
			   "mokutil --import /var/lib/dkms/mok.pub, reboot, and enroll it",
			   "signed by \"%s\", and this kernel has no such key: it refuses the module",
			   module->signer);
	else if (module->is_signed)
		doctor_say(doctor, module_is_loaded() ? GOOD : NOTE,
			   "signature", module_is_loaded() ? NULL :
			   module->packaged ? "mokutil --list-enrolled" :
			   "mokutil --test-key /var/lib/dkms/mok.pub",
			   "signed by \"%s\"%s", module->signer,
			   module_is_loaded() ? "" :
			   "; whether the kernel trusts that key shows when it is loaded");
	else if (module->packaged)
		doctor_say(doctor, BAD, "signature",
			   "a package that was built with SIGN_KEY and SIGN_CERT, and mokutil --import of that certificate",
			   "this kernel loads signed modules only, and %s isn't",
			   module->path);
	else
		doctor_say(doctor, BAD, "signature",
			   INSTALL
			   "openssl mokutil, let DKMS build anew, mokutil --import /var/lib/dkms/mok.pub, reboot, and enroll it",
			   "this kernel loads signed modules only, and %s isn't",
			   module->path);
}

static void check_loaded(struct doctor *doctor, const struct module *module)
{
	if (!module_is_loaded())
		doctor_say(doctor, GOOD, "loaded module", NULL,
			   "none; it is loaded when a VF is bound");
	else if (module_is_current(module))
		doctor_say(doctor, GOOD, "loaded module", NULL,
			   "the one that is installed");
	else
		doctor_say(doctor, NOTE, "loaded module",
			   "with no VF bound, modprobe -r " DRIVER,
			   "not the one that is installed; that is used from the next reboot");
}

static void check_alias(struct doctor *doctor, const struct module *module)
{
	bool decided = libvirt_is_enabled();
	char mend[96];

	snprintf(mend, sizeof(mend), "virtio-vfio %s --libvirt",
		 decided ? "enable" : "disable");
	if (module->listed == decided)
		doctor_say(doctor, GOOD, "libvirt's alias", NULL,
			   decided ? "in modules.alias, as decided" :
			   "not in modules.alias, as decided");
	else if (module->alias != module->listed)
		doctor_say(doctor, BAD, "libvirt's alias", "depmod",
			   "modules.alias is not what the modules say");
	else
		doctor_say(doctor, BAD, "libvirt's alias", mend,
			   decided ? "missing, although enabled: libvirt takes vfio-pci" :
			   "in modules.alias, although not enabled: libvirt takes the driver");
}

static void check_trap(struct doctor *doctor, const struct module *module)
{
	char trap[512];

	if (!module_trap(trap, sizeof(trap)))
		doctor_say(doctor, GOOD, "modprobe.d", NULL,
			   "nothing keeps the module out");
	else
		doctor_say(doctor, BAD, "modprobe.d",
			   "remove that; virtio-vfio disable --libvirt is how to opt out",
			   "%s keeps the module out; libvirt %s", trap,
			   module->listed ?
			   "picks it all the same, and refuses to start the domain" :
			   "refuses to start a domain that names it");
}

void doctor_module(struct doctor *doctor)
{
	struct module module;
	char mend[128];
	char release[72];

	module_running_kernel(release, sizeof(release));
	if (module_read(&module, release)) {
		snprintf(mend, sizeof(mend),
			 INSTALL "virtio-vfio-dkms " HEADERS "%s",
			 release);
		doctor_say(doctor, BAD, "module", mend,
			   DRIVER " is not installed for the running kernel, %s",
			   release);
		check_trap(doctor, &module);
		return;
	}

	if (module.dkms || module.packaged)
		doctor_say(doctor, GOOD, "module", NULL, "%s, version %s",
			   module.path, module.version);
	else
		doctor_say(doctor, NOTE, "module", "dkms status virtio-vfio",
			   "%s is not built by DKMS", module.path);
	check_loaded(doctor, &module);
	check_signature(doctor, &module);
	check_alias(doctor, &module);
	check_trap(doctor, &module);
}
