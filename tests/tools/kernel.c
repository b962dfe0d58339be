// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does when sysfs is written to, for a tree of plain files.
 * Linked into the tool under test, in front of write() and of what loads
 * a module.
 *
 * A file knobs/ATTRIBUTE or knobs/ATTRIBUTE.ADDRESS in the tree makes writes to
 * that attribute fail with the errno that it has in it, or take as long as
 * "slow", which the tool waits for, or "hang", which it doesn't.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS "virtio_vfio_pci"

/* The linker's --wrap has these. */
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __wrap_kmod_module_probe_insert_module(struct kmod_module *mod,
					   unsigned int flags,
					   const char *options, const void *run,
					   const void *data, const void *print);

static const char *at(const char *fmt, ...)
{
	static char names[8][PATH_MAX];
	static int next;
	char *name = names[next++ % 8];
	va_list args;
	int len;

	len = snprintf(name, PATH_MAX, "%s/", getenv("VIRTIO_VFIO_ROOT"));
	va_start(args, fmt);
	vsnprintf(name + len, PATH_MAX - len, fmt, args);
	va_end(args);
	return name;
}

static bool exists(const char *name)
{
	return !access(name, F_OK);
}

static void get(const char *name, char *buf, size_t size)
{
	FILE *file = fopen(name, "r");

	if (!file || !fgets(buf, size, file))
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

static void remove_all(const char *name)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf %s", name);
	if (system(command))
		abort();
}

static int knob(const char *attribute, const char *address)
{
	const char *name = at("knobs/%s.%s", attribute, address);
	char text[16];

	if (!exists(name))
		name = at("knobs/%s", attribute);
	if (!exists(name))
		return 0;

	get(name, text, sizeof(text));
	if (!strcmp(text, "slow"))
		usleep(600000);
	if (!strcmp(text, "hang"))
		sleep(6);
	return atoi(text);
}

static void new_net(const char *address)
{
	const char *virtio = at("sys/bus/pci/devices/%s/virtio9", address);

	mkdir(virtio, 0755);
	if (symlink("../../../../bus/virtio/drivers/virtio_net",
		    at("sys/bus/pci/devices/%s/virtio9/driver", address)))
		return;
	mkdir(at("sys/bus/pci/devices/%s/virtio9/net", address), 0755);
	mkdir(at("sys/bus/pci/devices/%s/virtio9/net/eth9", address), 0755);
	put(at("sys/bus/pci/devices/%s/virtio9/net/eth9/flags", address),
	    "0x1002\n");
}

static void new_vfio(const char *address)
{
	mkdir(at("sys/bus/pci/devices/%s/virtio_vfio", address), 0755);
	put(at("sys/bus/pci/devices/%s/virtio_vfio/transitional", address), "0\n");
	put(at("sys/bus/pci/devices/%s/virtio_vfio/legacy_supported", address),
	    exists(at("knobs/unsupported")) ? "0\n" : "1\n");
	put(at("sys/bus/pci/devices/%s/virtio_vfio/legacy_active", address), "0\n");
}

static void probe(const char *address)
{
	char driver[64], autoprobe[8], target[128];

	if (exists(at("sys/bus/pci/devices/%s/driver", address)))
		return;
	get(at("sys/bus/pci/devices/%s/driver_override", address), driver,
	    sizeof(driver));
	/* How sysfs shows one that was never set. */
	if (!strcmp(driver, "(null)"))
		driver[0] = '\0';
	get(at("sys/bus/pci/devices/%s/physfn/sriov_drivers_autoprobe", address),
	    autoprobe, sizeof(autoprobe));
	if (!driver[0] && *autoprobe == '0')
		return;
	if (!driver[0])
		snprintf(driver, sizeof(driver), "virtio-pci");
	if (!exists(at("sys/bus/pci/drivers/%s", driver)) ||
	    exists(at("knobs/noprobe.%s", driver)))
		return;

	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	if (symlink(target, at("sys/bus/pci/devices/%s/driver", address)))
		return;
	if (!strcmp(driver, OURS))
		new_vfio(address);
	else if (!strcmp(driver, "virtio-pci"))
		new_net(address);
}

static void unbind(const char *address)
{
	unlink(at("sys/bus/pci/devices/%s/driver", address));
	remove_all(at("sys/bus/pci/devices/%s/virtio*", address));
}

static int check_transitional(const char *address, const char *value)
{
	char supported[8];

	get(at("sys/bus/pci/devices/%s/virtio_vfio/legacy_supported", address),
	    supported, sizeof(supported));
	return *value == '1' && *supported != '1' ? EOPNOTSUPP : 0;
}

static ssize_t store(int fd, const char *value, size_t len)
{
	if (ftruncate(fd, 0))
		return -1;

	return !strcmp(value, "\n") ? (ssize_t)len :
				      __real_write(fd, value, len);
}

/* Writes to sysfs are logged for the tests to see. */
static ssize_t sysfs_write(int fd, const char *name, const char *value,
			   size_t len)
{
	const char *attribute = strrchr(name, '/') + 1;
	const char *address = value;
	char device[64] = "";
	int err = 0;
	FILE *log;

	log = fopen(at("writes"), "a");
	fprintf(log, "%s %s\n", name + strlen(at("sys")), value);
	fclose(log);

	if (sscanf(name + strlen(at("sys/bus/pci")), "/devices/%63[^/]", device) == 1)
		address = device;
	err = knob(attribute, address);
	if (!err && !strcmp(attribute, "transitional"))
		err = check_transitional(address, value);
	if (err) {
		errno = err;
		return -1;
	}

	if (!strcmp(attribute, "drivers_probe"))
		probe(address);
	else if (!strcmp(attribute, "unbind"))
		unbind(address);
	else
		return store(fd, value, len);

	return len;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	char name[PATH_MAX], link[32], value[256];
	const char *sys = at("sys/");
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (n < 0 || len >= sizeof(value))
		return __real_write(fd, buf, len);
	name[n] = '\0';
	if (strncmp(name, sys, strlen(sys)))
		return __real_write(fd, buf, len);

	memcpy(value, buf, len);
	value[len] = '\0';
	return sysfs_write(fd, name, value, len);
}

/* A driver that comes takes what waits for it. */
int __wrap_kmod_module_probe_insert_module(struct kmod_module *mod,
					   unsigned int flags,
					   const char *options, const void *run,
					   const void *data, const void *print)
{
	struct dirent *entry;
	char driver[64];
	int err;
	DIR *dir;

	(void)mod; (void)flags; (void)options; (void)run; (void)data; (void)print;
	err = knob("insert", "");
	if (err)
		return err == EPERM ? 1 : -err;

	mkdir(at("sys/bus/pci/drivers/" OURS), 0755);
	put(at("sys/bus/pci/drivers/" OURS "/unbind"), "");
	dir = opendir(at("sys/bus/pci/devices"));
	while (dir && (entry = readdir(dir))) {
		get(at("sys/bus/pci/devices/%s/driver_override", entry->d_name),
		    driver, sizeof(driver));
		if (!strcmp(driver, OURS))
			probe(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return 0;
}
