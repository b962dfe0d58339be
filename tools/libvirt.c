// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether libvirt picks the driver by itself: a build switch that DKMS reads
 * at every build, or a choice for depmod between two builds that are there,
 * and a build or depmod for each kernel that has it the other way.
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

#define BUILD_SECONDS 900

/**
 * struct decision - where it is kept that libvirt picks the driver by itself
 * @file: read by whatever makes it so, DKMS or depmod
 * @line: what is there then
 * @word: makes any line one that says so
 * @text: of the file as the tool writes it
 */
struct decision {
	const char *file;
	const char *line;
	const char *word;
	const char *text;
};

#define DKMS_LINE "MAKE[0]+=\" VFIO_ALIAS=y\""
#define DEPMOD_LINE "override " DRIVER " * " ALIAS_DIR

enum { BY_DKMS, BY_DEPMOD, DECISIONS };

static const struct decision decisions[DECISIONS] = {
	[BY_DKMS] = {
		"/etc/dkms/virtio-vfio.conf", DKMS_LINE, "VFIO_ALIAS=y",
		"# Written by \"virtio-vfio enable --libvirt\", see virtio-vfio(8).\n"
		"# DKMS reads this after the package's dkms.conf, whenever it builds the\n"
		"# module. It then has the vfio_pci: alias by which libvirt picks it.\n"
		"# \"virtio-vfio disable --libvirt\" removes this file and builds the\n"
		"# module without.\n"
		DKMS_LINE "\n"
	},
	[BY_DEPMOD] = {
		"/etc/depmod.d/virtio-vfio.conf", DEPMOD_LINE, ALIAS_DIR,
		"# Written by \"virtio-vfio enable --libvirt\", see virtio-vfio(8).\n"
		"# Packages of prebuilt modules have two builds of this one. depmod reads\n"
		"# this and takes the one with the vfio_pci: alias by which libvirt picks\n"
		"# it. \"virtio-vfio disable --libvirt\" removes this file and has depmod\n"
		"# take the other.\n"
		DEPMOD_LINE "\n"
	},
};

/**
 * struct found - one of these as it is
 * @exists: the file does
 * @is_ours: as the tool wrote it; else it is the operator's own
 * @enabled: it says so
 */
struct found {
	bool exists;
	bool is_ours;
	bool enabled;
};

/* A comment is no switch. */
static bool has_switch(const char *text, const char *word)
{
	while (text) {
		text += strspn(text, "\n");
		if (*text != '#' && strstr(text, word) &&
		    strcspn(text, "\n") > (size_t)(strstr(text, word) - text))
			return true;
		text = strchr(text, '\n');
	}

	return false;
}

static struct found read_decision(const struct decision *decision)
{
	struct found found;
	char text[8192];
	int len;

	len = file_read(path("%s", decision->file), text, sizeof(text));
	found.exists = len != -ENOENT;
	found.enabled = len > 0 && has_switch(text, decision->word);
	found.is_ours = len > 0 && !strncmp(text, decision->text, len) &&
			decision->text[len] == '\n' && !decision->text[len + 1];
	return found;
}

bool libvirt_is_enabled(void)
{
	return read_decision(&decisions[BY_DKMS]).enabled ||
	       read_decision(&decisions[BY_DEPMOD]).enabled;
}

/* Debian has it in the first, newer packages for Fedora's kin in the second. */
static const char *find_dkms(void)
{
	static const char * const files[] = { "/usr/sbin/dkms", "/usr/bin/dkms" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (file_exists(path("%s", files[i])))
			return files[i];
	}

	return NULL;
}

static int run_dkms(const char *action, const struct module *module)
{
	const char * const argv[] = {
		find_dkms(), action, "-m", "virtio-vfio", "-v",
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

static int run_depmod(const struct module *module)
{
	const char * const argv[] = { "/usr/sbin/depmod", module->kernel, NULL };

	if (!run_command(argv, BUILD_SECONDS))
		return DONE;

	return refuse(FAILED, module->kernel, "see what depmod says above",
		      "depmod failed");
}

static bool is_to_change(const struct module *module, bool alias)
{
	if (!module->path[0] || module->alias == alias)
		return false;
	if (module->packaged)
		return true;
	if (!module->dkms) {
		say(module->kernel, "%s is not DKMS's, and stays as it is",
		    module->path);
		return false;
	}
	if (!file_exists(path("/lib/modules/%s/build", module->kernel))) {
		say(module->kernel, "waits for the kernel's headers: " INSTALL HEADERS "%s",
		    module->kernel);
		return false;
	}

	return true;
}

static int build(const struct module *module, bool alias)
{
	int ret;

	say(module->kernel, "building the module %s the alias",
	    alias ? "with" : "without");
	fflush(stdout);
	ret = run_dkms("build", module);
	return ret ? ret : run_dkms("install", module);
}

/* The module that is replaced stays in use until it is loaded anew, and works
 * the same.
 */
static int change_module(const struct module *module, bool alias)
{
	struct module now;
	int ret;

	ret = module->packaged ? run_depmod(module) : build(module, alias);
	if (ret)
		return ret;

	module_read(&now, module->kernel);
	if (now.alias == alias && now.listed == alias)
		return DONE;

	return refuse(FAILED, module->kernel, "virtio-vfio doctor",
		      "%s, but modules.alias %s", module->packaged ?
		      "depmod ran" : "the module was built anew", now.listed ?
		      "still has its alias" : "does not have its alias");
}

static int change_modules(bool alias, bool stop)
{
	struct module *modules;
	size_t count, i;
	int ret = DONE;

	count = module_read_all(&modules);
	for (i = 0; i < count; i++) {
		if (stop && run_interrupted())
			ret = refuse(FAILED, modules[i].kernel,
				     "the same command again", "interrupted");
		else if (is_to_change(&modules[i], alias))
			ret = worse(ret, change_module(&modules[i], alias));
		if (ret && stop)
			break;
	}
	free(modules);
	return ret;
}

static int write_decision(const struct decision *decision, bool enable)
{
	return enable ? file_replace(path("%s", decision->file),
				     decision->text) :
			file_remove(path("%s", decision->file));
}

/* An operator's own file has to say it already. */
static int check_decision(const struct decision *decision, bool enable)
{
	struct found found = read_decision(decision);
	char next[160];

	if (!found.exists || found.is_ours || found.enabled == enable)
		return DONE;

	snprintf(next, sizeof(next), enable ?
		 "add the line %s to it, and then the same command again" :
		 "take %s out of it, and then the same command again",
		 enable ? decision->line : decision->word);
	return refuse(FAILED, decision->file, next,
		      "was not written by this tool");
}

/**
 * change - decide and have it so, or leave all as it was
 * @enable: what was decided
 * @used: which of the files count on this host; what isn't decided any more is
 *	taken out of the others, too
 *
 * Return: an exit status
 */
static int change(bool enable, const bool *used)
{
	struct found before[DECISIONS];
	bool writes[DECISIONS];
	bool enabled = libvirt_is_enabled();
	int ret = DONE, i;

	for (i = 0; i < DECISIONS; i++) {
		before[i] = read_decision(&decisions[i]);
		writes[i] = (used[i] || !enable) &&
			    (!before[i].exists || before[i].is_ours);
		if (used[i] || !enable)
			ret = worse(ret, check_decision(&decisions[i], enable));
	}
	if (ret)
		return ret;

	for (i = 0; i < DECISIONS && !ret; i++) {
		if (writes[i])
			ret = write_decision(&decisions[i], enable);
		if (ret)
			ret = refuse(FAILED, decisions[i].file,
				     ret == -EACCES ? "run this as root" : NULL,
				     "can't be written: %s", strerror(-ret));
	}
	if (!ret)
		ret = change_modules(enable, true);
	if (!ret || enabled == enable)
		return ret;

	say("libvirt", "going back to how it was");
	for (i = 0; i < DECISIONS; i++) {
		if (writes[i])
			write_decision(&decisions[i], before[i].enabled);
	}
	change_modules(enabled, false);
	return ret;
}

static bool some_are_packaged(void)
{
	struct module *modules;
	bool packaged = false;
	size_t count, i;

	count = module_read_all(&modules);
	for (i = 0; i < count; i++)
		packaged |= modules[i].packaged;
	free(modules);
	return packaged;
}

int libvirt_enable(bool enable)
{
	bool used[DECISIONS];
	int ret;

	used[BY_DKMS] = find_dkms();
	used[BY_DEPMOD] = some_are_packaged();
	if (!used[BY_DKMS] && !used[BY_DEPMOD])
		return refuse(FAILED, "libvirt", INSTALL "virtio-vfio-dkms",
			      "there is neither DKMS, which builds the module with or without its alias, nor a package of prebuilt modules, which has both");
	if (!run_lock("libvirt", LOCK_SECONDS))
		return FAILED;

	ret = change(enable, used);
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
