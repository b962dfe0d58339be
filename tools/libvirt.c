// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether libvirt picks the driver by itself: a build switch that DKMS reads
 * at every build, and a build for each kernel that was built the other way.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "function.h"
#include "libvirt.h"
#include "module.h"
#include "report.h"
#include "run.h"

#define OVERRIDE "/etc/dkms/virtio-vfio.conf"
#define SWITCH "MAKE[0]+=\" VFIO_ALIAS=y\""
#define BUILD_SECONDS 900

static const char override_text[] =
	"# Written by \"virtio-vfio enable --libvirt\", see virtio-vfio(8).\n"
	"# DKMS reads this after the package's dkms.conf, whenever it builds the\n"
	"# module. It then has the vfio_pci: alias by which libvirt picks it.\n"
	"# \"virtio-vfio disable --libvirt\" removes this file and builds the\n"
	"# module without.\n"
	SWITCH "\n";

/* A comment is no switch. */
static bool has_switch(const char *text)
{
	while (text) {
		text += strspn(text, "\n");
		if (*text != '#' && strstr(text, "VFIO_ALIAS=y") &&
		    strcspn(text, "\n") >
		    (size_t)(strstr(text, "VFIO_ALIAS=y") - text))
			return true;
		text = strchr(text, '\n');
	}

	return false;
}

/* Return: whether there is an override; it may be the operator's own. */
static bool read_override(bool *is_ours, bool *enabled)
{
	char text[8192];
	int len;

	len = file_read(path(OVERRIDE), text, sizeof(text));
	*enabled = len > 0 && has_switch(text);
	*is_ours = len > 0 && !strncmp(text, override_text, len) &&
		   override_text[len] == '\n' && !override_text[len + 1];
	return len != -ENOENT;
}

bool libvirt_is_enabled(void)
{
	bool is_ours, enabled;

	read_override(&is_ours, &enabled);
	return enabled;
}

static int run_dkms(const char *action, const struct module *module)
{
	const char * const argv[] = {
		"/usr/sbin/dkms", action, "-m", "virtio-vfio", "-v",
		module->version, "-k", module->kernel, "--force", NULL
	};
	int ret;

	ret = run_command(argv, BUILD_SECONDS);
	if (!ret)
		return DONE;

	return refuse(FAILED, module->kernel, "see what dkms says above",
		      ret == -ETIMEDOUT ? "%s took more than %d s" :
		      "%s failed", action, BUILD_SECONDS);
}

static bool is_to_be_built(const struct module *module, bool alias)
{
	if (!module->path[0] || module->alias == alias)
		return false;
	if (!module->dkms) {
		say(module->kernel, "%s is not DKMS's, and stays as it is",
		    module->path);
		return false;
	}
	if (!file_exists(path("/lib/modules/%s/build", module->kernel))) {
		say(module->kernel, "waits for the kernel's headers: apt install linux-headers-%s",
		    module->kernel);
		return false;
	}

	return true;
}

/* The build that is replaced stays in use until the module is loaded anew,
 * and works the same.
 */
static int build(const struct module *module, bool alias)
{
	struct module now;
	int ret;

	say(module->kernel, "building the module %s the alias",
	    alias ? "with" : "without");
	fflush(stdout);
	ret = run_dkms("build", module);
	if (!ret)
		ret = run_dkms("install", module);
	if (ret)
		return ret;

	module_read(&now, module->kernel);
	if (now.alias == alias && now.listed == alias)
		return DONE;

	return refuse(FAILED, module->kernel, "virtio-vfio doctor",
		      "the module was built anew, but modules.alias %s",
		      now.listed ? "still has its alias" :
		      "does not have its alias");
}

static int build_all(bool alias, bool stop)
{
	struct module *modules;
	size_t count, i;
	int ret = DONE;

	count = module_read_all(&modules);
	for (i = 0; i < count; i++) {
		if (stop && run_interrupted())
			ret = refuse(FAILED, modules[i].kernel,
				     "the same command again", "interrupted");
		else if (is_to_be_built(&modules[i], alias))
			ret = worse(ret, build(&modules[i], alias));
		if (ret && stop)
			break;
	}
	free(modules);
	return ret;
}

static int write_override(bool enable)
{
	return enable ? file_replace(path(OVERRIDE), override_text) :
			file_remove(path(OVERRIDE));
}

static int change(bool enable)
{
	bool exists, is_ours, enabled;
	int ret;

	exists = read_override(&is_ours, &enabled);
	if (exists && !is_ours && enabled != enable)
		return refuse(FAILED, OVERRIDE, enable ?
			      "add the line " SWITCH " to it, and then the same command again" :
			      "take VFIO_ALIAS=y out of it, and then the same command again",
			      "was not written by this tool");
	if (!exists || is_ours) {
		ret = write_override(enable);
		if (ret)
			return refuse(FAILED, OVERRIDE,
				      ret == -EACCES ? "run this as root" : NULL,
				      "can't be written: %s", strerror(-ret));
	}

	ret = build_all(enable, true);
	if (!ret || enabled == enable)
		return ret;

	say("libvirt", "going back to how it was");
	if (!exists || is_ours)
		write_override(enabled);
	build_all(enabled, false);
	return ret;
}

int libvirt_enable(bool enable)
{
	int ret;

	if (!file_exists(path("/usr/sbin/dkms")))
		return refuse(FAILED, "libvirt", "apt install virtio-vfio-dkms",
			      "DKMS is not installed, and it is what builds the module with or without its alias");
	if (!run_lock("libvirt", LOCK_SECONDS))
		return FAILED;

	ret = change(enable);
	if (!ret)
		say("libvirt", enable ?
		    "10.0 and later bind managed VFs to " DRIVER :
		    "binds managed VFs to vfio-pci");
	run_unlock();
	return ret;
}

/* libvirt.so.0.11003.0 is 11.3.0. */
bool libvirt_version(int *major, int *minor)
{
	static const char * const dirs[] = { "/usr/lib64", "/usr/lib/*" };
	bool found = false;
	glob_t names;
	int version;
	char *name;
	size_t i;

	for (i = 0; !found && i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (!glob(path("%s/libvirt.so.0.*", dirs[i]).s, 0, NULL,
			  &names)) {
			name = strstr(names.gl_pathv[0], "libvirt.so.0.");
			found = sscanf(name, "libvirt.so.0.%d", &version) == 1;
			*major = found ? version / 1000 : 0;
			*minor = found ? version % 1000 : 0;
		}
		globfree(&names);
	}

	return found;
}
