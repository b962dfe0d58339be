// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virtio-vfio status": what was decided at each level, and what of that is in
 * force.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "function.h"
#include "libvirt.h"
#include "module.h"
#include "policy.h"
#include "report.h"
#include "show.h"
#include "table.h"

static struct json_object *describe_kernel(const struct module *module)
{
	struct json_object *object = json_object_new_object();
	bool built = module->path[0];

	add_string(object, "kernel", module->kernel);
	add_bool(object, "running", module->running);
	add_name(object, "module", module->path);
	add_name(object, "source", !built ? "" :
		 module->dkms ? "dkms" :
		 module->packaged ? "package" : "other");
	add_name(object, "version", module->version);
	add_flag(object, "signed", built ? module->is_signed : -1);
	add_name(object, "signer", module->signer);
	add_flag(object, "alias", built ? module->alias : -1);
	add_bool(object, "alias_listed", module->listed);
	return object;
}

static struct json_object *describe_kernels(void)
{
	struct json_object *list = json_object_new_array();
	struct module *modules;
	size_t count, i;

	count = module_read_all(&modules);
	for (i = 0; i < count; i++)
		json_object_array_add(list, describe_kernel(&modules[i]));
	free(modules);
	return list;
}

static struct json_object *describe_loaded(void)
{
	struct json_object *object;
	struct module module;
	char text[72];

	if (!module_is_loaded())
		return NULL;

	object = json_object_new_object();
	file_read(path("/sys/module/" DRIVER "/version"), text, sizeof(text));
	add_name(object, "version", text);
	file_read(path("/sys/module/" DRIVER "/srcversion"), text, sizeof(text));
	add_name(object, "srcversion", text);
	file_read(path("/sys/module/" DRIVER "/parameters/transitional"), text,
		  sizeof(text));
	add_flag(object, "transitional", *text ? *text == 'Y' : -1);
	module_running_kernel(text, sizeof(text));
	module_read(&module, text);
	add_name(object, "installed", module.version);
	add_flag(object, "current", module_is_current(&module));
	return object;
}

static struct json_object *describe_pf(const char *address)
{
	struct json_object *object = json_object_new_object();
	struct policy policy;
	struct function *vfs;
	struct function pf;
	long bound = 0;
	size_t count = 0, i;
	int ret;

	ret = policy_read(address, &policy);
	add_string(object, "pf", address);
	add_bool(object, "valid", !ret);
	add_flag(object, "transitional", ret ? -1 : policy.transitional);
	add_name(object, "group", policy.group);

	ret = function_read(&pf, address);
	add_bool(object, "present", !ret);
	if (!ret) {
		count = function_vfs(&pf, &vfs);
		for (i = 0; i < count; i++)
			bound += !strcmp(vfs[i].driver, DRIVER);
		free(vfs);
	}
	add_int(object, "vfs", count);
	add_int(object, "vfs_bound", bound);
	return object;
}

static struct json_object *describe_pfs(void)
{
	struct json_object *list = json_object_new_array();
	struct dirent **entries;
	struct function fn;
	int count, i;

	count = scandir(path("/etc/virtio-vfio/pf").s, &entries, NULL,
			alphasort);
	for (i = 0; i < count; i++) {
		/* Whether it is there or not, it has to be an address. */
		function_read(&fn, entries[i]->d_name);
		if (!strcmp(fn.address, entries[i]->d_name))
			json_object_array_add(list, describe_pf(fn.address));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return list;
}

static struct json_object *describe(void)
{
	struct json_object *object = json_object_new_object();
	struct json_object *transitional = json_object_new_object();
	char option[16];

	add_bool(object, "libvirt", libvirt_is_enabled());
	json_object_object_add(object, "kernels", describe_kernels());
	json_object_object_add(object, "loaded", describe_loaded());
	json_object_object_add(object, "pfs", describe_pfs());
	module_option("transitional", option, sizeof(option));
	add_name(transitional, "modprobe", option);
	json_object_object_add(object, "transitional_by_default", transitional);
	return object;
}

static void print_kernels(struct json_object *kernels)
{
	static const struct column columns[] = {
		{ "KERNEL", "kernel" }, { "RUNNING", "running" },
		{ "MODULE", "source" }, { "VERSION", "version" },
		{ "SIGNED", "signed" }, { "ALIAS", "alias" },
		{ "IN MODULES.ALIAS", "alias_listed" }, { NULL, NULL }
	};

	if (json_object_array_length(kernels))
		table_print(kernels, columns);
	else
		printf("No kernel is installed here.\n");
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return value ? json_object_get_string(value) : "unknown";
}

static void print_loaded(struct json_object *loaded)
{
	struct json_object *current;

	if (!loaded) {
		printf("The module is not loaded.\n");
		return;
	}
	printf("Loaded: version %s.\n", text_of(loaded, "version"));
	current = json_object_object_get(loaded, "current");
	if (current && !json_object_get_boolean(current))
		printf("Installed: version %s; used once the module is loaded anew.\n",
		       text_of(loaded, "installed"));
}

static void print_pfs(struct json_object *pfs)
{
	static const struct column columns[] = {
		{ "PF", "pf" }, { "PRESENT", "present" }, { "VALID", "valid" },
		{ "TRANSITIONAL", "transitional" }, { "GROUP", "group" },
		{ "VFS", "vfs" }, { "BOUND", "vfs_bound" }, { NULL, NULL }
	};

	if (json_object_array_length(pfs))
		table_print(pfs, columns);
	else
		printf("No PF is opted in.\n");
}

int show_status(bool json)
{
	struct json_object *status = describe();
	struct json_object *option;

	if (json) {
		print_json(status);
		return DONE;
	}

	printf("libvirt picks the driver by itself: %s\n\n",
	       json_object_get_boolean(json_object_object_get(status, "libvirt")) ?
	       "enabled" : "disabled");
	print_kernels(json_object_object_get(status, "kernels"));
	print_loaded(json_object_object_get(status, "loaded"));
	printf("\nudev binds VFs as they appear:\n\n");
	print_pfs(json_object_object_get(status, "pfs"));
	option = json_object_object_get(json_object_object_get(status,
							       "transitional_by_default"),
					"modprobe");
	printf("\nVFs bound by anyone are transitional (modprobe.d): %s\n",
	       option ? json_object_get_string(option) : "N");
	json_object_put(status);
	return DONE;
}
