/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MODULE_H
#define MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* Below a kernel's directory; depmod takes a module from there only if told so. */
#define ALIAS_DIR "virtio-vfio-alias"

/**
 * struct module - our module as it is installed for a kernel
 * @kernel: the kernel's release
 * @running: that is the running one
 * @path: the module's file, "" if there is none
 * @version: of it; "" if it has none, as the kernel's own
 * @srcversion: of it
 * @signer: who signed it, "" if it is not signed
 * @is_signed: whether it is
 * @dkms: it is where DKMS puts modules
 * @packaged: it came in a package of prebuilt modules, which has another build
 *	in ALIAS_DIR
 * @alias: it has a vfio_pci: alias
 * @listed: modules.alias has that
 */
struct module {
	char kernel[72];
	bool running;
	char path[512];
	char version[32];
	char srcversion[32];
	char signer[128];
	bool is_signed;
	bool dkms;
	bool packaged;
	bool alias;
	bool listed;
};

/**
 * module_read_all - for each kernel in /lib/modules, by name
 * @modules: gets an array for the caller to free(), or NULL
 *
 * Return: how many there are
 */
size_t module_read_all(struct module **modules);

/* For one kernel. Return: 0, or -ENOENT if the module isn't there. */
int module_read(struct module *module, const char *kernel);

/* The running kernel's release, "unknown" if it can't be read. */
void module_running_kernel(char *release, size_t size);

/* Whether the driver is there. */
bool module_is_loaded(void);

/* Whether it is the one that is installed: 1, 0, or -1 if that can't be told. */
int module_is_current(const struct module *module);

/**
 * module_load - load the module, as modprobe would do it
 *
 * Return: 0; -ENOENT if it isn't installed for the running kernel; -EPERM if
 *	a blacklist or an install command keeps it out; or a negative errno
 */
int module_load(void);

/**
 * module_trap - find what in modprobe.d or on the command line keeps it out
 * @buf: gets a description
 * @size: of @buf
 *
 * Return: whether there is something
 */
bool module_trap(char *buf, size_t size);

/**
 * module_option - what modprobe.d sets for a parameter of the module
 * @name: the parameter
 * @value: gets its value, "" if it isn't set
 * @size: of @value
 */
void module_option(const char *name, char *value, size_t size);

#endif
