// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel module, installed and loaded, by libkmod.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "function.h"
#include "module.h"

#define CONFIG_DIRS 5

#define unused __attribute__((unused))

static void quiet(void *data unused, int priority unused,
		  const char *file unused, int line unused,
		  const char *fn unused, const char *format unused,
		  va_list args unused)
{
}

static struct kmod_ctx *open_kmod(const char *kernel)
{
	static const char * const dirs[CONFIG_DIRS] = {
		"/etc/modprobe.d", "/run/modprobe.d",
		"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
		"/lib/modprobe.d",
	};
	const char *config[CONFIG_DIRS + 1] = { NULL };
	struct path names[CONFIG_DIRS];
	struct kmod_ctx *ctx;
	int i;

	for (i = 0; i < CONFIG_DIRS; i++) {
		names[i] = path("%s", dirs[i]);
		config[i] = names[i].s;
	}

	ctx = kmod_new(path("/lib/modules/%s", kernel).s, config);
	if (!ctx)
		abort();
	kmod_set_log_fn(ctx, quiet, NULL);
	return ctx;
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static void read_info(struct module *module, struct kmod_module *mod)
{
	struct kmod_list *info = NULL, *entry;
	const char *key, *value;

	if (kmod_module_get_info(mod, &info) < 0)
		return;

	kmod_list_foreach(entry, info) {
		key = kmod_module_info_get_key(entry);
		value = kmod_module_info_get_value(entry);
		if (!strcmp(key, "version"))
			snprintf(module->version, sizeof(module->version),
				 "%s", value);
		else if (!strcmp(key, "srcversion"))
			snprintf(module->srcversion, sizeof(module->srcversion),
				 "%s", value);
		else if (!strcmp(key, "signer"))
			snprintf(module->signer, sizeof(module->signer), "%s",
				 value);
		else if (!strcmp(key, "sig_id"))
			module->is_signed = true;
		else if (!strcmp(key, "alias"))
			module->alias |= starts_with(value, "vfio_pci:");
	}
	kmod_module_info_free_list(info);
}

/* libvirt reads the text, not the index that depmod makes beside it. */
static bool alias_is_listed(const char *kernel)
{
	char line[512], module[64];
	bool listed = false;
	FILE *file;

	file = fopen(path("/lib/modules/%s/modules.alias", kernel).s, "re");
	if (!file)
		return false;
	while (!listed && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "alias vfio_pci:%*s %63s", module) == 1)
			listed = !strcmp(module, DRIVER);
	}
	fclose(file);
	return listed;
}

/* Where DKMS puts modules depends on the distribution. */
static bool is_dkms(const char *file)
{
	return strstr(file, "/updates/dkms/" DRIVER ".ko") ||
	       strstr(file, "/extra/" DRIVER ".ko");
}

static bool is_packaged(const char *kernel)
{
	return !access(path("/lib/modules/%s/" ALIAS_DIR "/" DRIVER ".ko",
			    kernel).s, F_OK);
}

int module_read(struct module *module, const char *kernel)
{
	char running[sizeof(module->kernel)];
	struct kmod_module *mod = NULL;
	struct kmod_ctx *ctx;
	const char *file = NULL;

	memset(module, 0, sizeof(*module));
	snprintf(module->kernel, sizeof(module->kernel), "%s", kernel);
	module_running_kernel(running, sizeof(running));
	module->running = !strcmp(kernel, running);
	module->listed = alias_is_listed(kernel);

	ctx = open_kmod(kernel);
	if (!kmod_module_new_from_name(ctx, DRIVER, &mod))
		file = kmod_module_get_path(mod);
	if (file && !access(file, F_OK)) {
		snprintf(module->path, sizeof(module->path), "%s",
			 file + strlen(file_root()));
		module->dkms = is_dkms(file);
		module->packaged = !module->dkms && is_packaged(kernel);
		read_info(module, mod);
	}
	kmod_module_unref(mod);
	kmod_unref(ctx);
	return module->path[0] ? 0 : -ENOENT;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct module *)a)->kernel,
			  ((const struct module *)b)->kernel);
}

/* What a kernel leaves when it is removed is no kernel. */
size_t module_read_all(struct module **modules)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	*modules = NULL;
	dir = opendir(path("/lib/modules").s);
	if (!dir)
		return 0;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    strlen(entry->d_name) >= sizeof((*modules)->kernel) ||
		    !file_exists(path("/lib/modules/%s/modules.dep",
				      entry->d_name)))
			continue;
		*modules = realloc(*modules, (count + 1) * sizeof(**modules));
		if (!*modules)
			abort();
		module_read(&(*modules)[count++], entry->d_name);
	}
	closedir(dir);

	if (count)
		qsort(*modules, count, sizeof(**modules), by_name);
	return count;
}

void module_running_kernel(char *release, size_t size)
{
	if (file_read(path("/proc/sys/kernel/osrelease"), release, size) <= 0)
		snprintf(release, size, "unknown");
}

bool module_is_loaded(void)
{
	return file_exists(path("/sys/bus/pci/drivers/" DRIVER));
}

/* One of what tells modules apart: 1 if both have it and it is the same. */
static int is_same(const char *file, const char *installed)
{
	char running[64];

	file_read(path("/sys/module/" DRIVER "/%s", file), running,
		  sizeof(running));
	if (!running[0] || !installed[0])
		return -1;
	return !strcmp(running, installed);
}

/* The same sources have the same srcversion, whatever version they are. */
int module_is_current(const struct module *module)
{
	int source = is_same("srcversion", module->srcversion);

	return is_same("version", module->version) ? source : 0;
}

int module_load(void)
{
	struct kmod_module *mod = NULL;
	struct module module;
	char release[72];
	struct kmod_ctx *ctx;
	int ret;

	if (module_is_loaded())
		return 0;

	module_running_kernel(release, sizeof(release));
	ret = module_read(&module, release);
	if (ret)
		return ret;

	ctx = open_kmod(release);
	ret = kmod_module_new_from_name(ctx, DRIVER, &mod);
	if (!ret)
		ret = kmod_module_probe_insert_module(mod,
						      KMOD_PROBE_APPLY_BLACKLIST,
						      NULL, NULL, NULL, NULL);
	if (ret > 0)
		ret = -EPERM;
	kmod_module_unref(mod);
	kmod_unref(ctx);

	if (!ret && !module_is_loaded())
		ret = -EPERM;
	return ret;
}

static bool is_ours(const char *name, size_t len)
{
	size_t i;

	if (len != strlen(DRIVER))
		return false;
	for (i = 0; i < len; i++) {
		if ((name[i] == '-' ? '_' : name[i]) != DRIVER[i])
			return false;
	}
	return true;
}

static bool command_line_trap(char *buf, size_t size)
{
	static const char * const options[] = {
		"module_blacklist=", "modprobe.blacklist=",
	};
	char line[4096], *option, *name, *save;
	size_t i, len;

	file_read(path("/proc/cmdline"), line, sizeof(line));
	for (option = strtok_r(line, " ", &save); option;
	     option = strtok_r(NULL, " ", &save)) {
		for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
			if (!starts_with(option, options[i]))
				continue;
			name = option + strlen(options[i]);
			for (; *name; name += len + !!name[len]) {
				len = strcspn(name, ",");
				if (!is_ours(name, len))
					continue;
				snprintf(buf, size, "\"%s\" on the kernel's command line",
					 option);
				return true;
			}
		}
	}

	return false;
}

static bool has_line(char *text, const char *what)
{
	char *line, *word, *name, *lines, *words;

	for (line = strtok_r(text, "\n", &lines); line;
	     line = strtok_r(NULL, "\n", &lines)) {
		word = strtok_r(line, " \t", &words);
		name = strtok_r(NULL, " \t", &words);
		if (word && name && !strcmp(word, what) &&
		    is_ours(name, strlen(name)))
			return true;
	}

	return false;
}

/* libkmod doesn't tell which of the files has a line. */
static void find_file(const char *what, char *buf, size_t size)
{
	static const char * const dirs[] = {
		"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib",
	};
	bool found = false;
	char text[16384];
	const char *name;
	glob_t names;
	size_t i, j;

	snprintf(buf, size, "modprobe.d");
	for (i = 0; !found && i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (glob(path("%s/modprobe.d/*.conf", dirs[i]).s, 0, NULL,
			 &names))
			continue;
		for (j = 0; !found && j < names.gl_pathc; j++) {
			name = names.gl_pathv[j] + strlen(file_root());
			file_read(path("%s", name), text, sizeof(text));
			found = has_line(text, what);
			if (found)
				snprintf(buf, size, "%s", name);
		}
		globfree(&names);
	}
}

static bool config_trap(struct kmod_config_iter *iter, const char *what,
			char *buf, size_t size)
{
	const char *key, *value;
	bool found = false;
	char file[256];

	while (iter && !found && kmod_config_iter_next(iter)) {
		key = kmod_config_iter_get_key(iter);
		value = kmod_config_iter_get_value(iter);
		if (!is_ours(key, strlen(key)))
			continue;
		found = true;
		find_file(what, file, sizeof(file));
		snprintf(buf, size, "\"%s %s%s%s\" in %s", what, key,
			 value ? " " : "", value ? value : "", file);
	}
	kmod_config_iter_free_iter(iter);
	return found;
}

bool module_trap(char *buf, size_t size)
{
	struct kmod_ctx *ctx;
	char release[72];
	bool found;

	buf[0] = '\0';
	module_running_kernel(release, sizeof(release));
	ctx = open_kmod(release);
	found = config_trap(kmod_config_get_blacklists(ctx), "blacklist", buf,
			    size) ||
		config_trap(kmod_config_get_install_commands(ctx), "install",
			    buf, size) ||
		command_line_trap(buf, size);
	kmod_unref(ctx);
	return found;
}

/* The last of several counts, as it does for the kernel. */
static void find_option(const char *options, const char *name, char *value,
			size_t size)
{
	size_t len = strlen(name);

	while (*options) {
		options += strspn(options, " \t");
		if (!strncmp(options, name, len) && options[len] == '=')
			snprintf(value, size, "%.*s",
				 (int)strcspn(options + len + 1, " \t"),
				 options + len + 1);
		options += strcspn(options, " \t");
	}
}

void module_option(const char *name, char *value, size_t size)
{
	struct kmod_config_iter *iter;
	struct kmod_ctx *ctx;
	char release[72];
	const char *key;

	value[0] = '\0';
	module_running_kernel(release, sizeof(release));
	ctx = open_kmod(release);
	iter = kmod_config_get_options(ctx);
	while (iter && kmod_config_iter_next(iter)) {
		key = kmod_config_iter_get_key(iter);
		if (is_ours(key, strlen(key)))
			find_option(kmod_config_iter_get_value(iter), name,
				    value, size);
	}
	kmod_config_iter_free_iter(iter);
	kmod_unref(ctx);
}
