// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses a function: a process by VFIO, or the host as a network interface.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "users.h"

/* QEMU's option is "-name guest=NAME,..." or "-name NAME,...". */
static void guest_name(long pid, char *guest, size_t size)
{
	char args[8192], *arg, *end;
	size_t len;
	FILE *file;

	guest[0] = '\0';
	file = fopen(path("/proc/%ld/cmdline", pid).s, "re");
	if (!file)
		return;
	len = fread(args, 1, sizeof(args) - 1, file);
	fclose(file);
	args[len] = '\0';

	end = args + len;
	for (arg = args; arg < end; arg += strlen(arg) + 1) {
		if (strcmp(arg, "-name") || arg + strlen(arg) + 1 >= end)
			continue;
		arg += strlen(arg) + 1;
		if (!strncmp(arg, "guest=", 6))
			arg += 6;
		snprintf(guest, size, "%.*s", (int)strcspn(arg, ","), arg);
		return;
	}
}

static void make_printable(char *text)
{
	for (; *text; text++) {
		if (!isprint((unsigned char)*text))
			*text = '?';
	}
}

static void add_user(struct users *users, long pid, const char *node)
{
	struct user *user = calloc(1, sizeof(*user));
	char comm[32], guest[96];

	if (!user)
		abort();

	file_read(path("/proc/%ld/comm", pid), comm, sizeof(comm));
	guest_name(pid, guest, sizeof(guest));
	snprintf(user->node, sizeof(user->node), "%s", node);
	user->pid = pid;
	snprintf(user->name, sizeof(user->name), guest[0] ? "%s (guest %s)" : "%s",
		 comm, guest);
	make_printable(user->name);
	user->next = users->first;
	users->first = user;
}

static void read_process(struct users *users, long pid)
{
	struct path fds = path("/proc/%ld/fd", pid);
	struct dirent *entry;
	char target[64];
	ssize_t len;
	DIR *dir;

	dir = opendir(fds.s);
	if (!dir) {
		if (errno == EACCES || errno == EPERM)
			users->complete = false;
		return;
	}

	while ((entry = readdir(dir))) {
		len = readlink(path("/proc/%ld/fd/%s", pid, entry->d_name).s,
			       target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (!strncmp(target, "/dev/vfio/", 10) &&
		    strcmp(target, "/dev/vfio/vfio"))
			add_user(users, pid, target);
	}
	closedir(dir);
}

struct users users_read(void)
{
	struct users users = { .complete = true };
	struct dirent *entry;
	char *end;
	long pid;
	DIR *dir;

	dir = opendir(path("/proc").s);
	if (!dir) {
		users.complete = false;
		return users;
	}

	while ((entry = readdir(dir))) {
		pid = strtol(entry->d_name, &end, 10);
		if (pid > 0 && !*end)
			read_process(&users, pid);
	}
	closedir(dir);
	return users;
}

void users_free(struct users *users)
{
	struct user *user;

	while ((user = users->first)) {
		users->first = user->next;
		free(user);
	}
}

/* The device's own node, where the kernel has one beside the group's. */
static void own_node(const struct function *fn, char *node, size_t size)
{
	struct dirent *entry;
	DIR *dir;

	snprintf(node, size, "none");
	dir = opendir(path("/sys/bus/pci/devices/%s/vfio-dev", fn->address).s);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(node, size, "/dev/vfio/devices/%s",
				 entry->d_name);
	}
	closedir(dir);
}

const struct user *users_next(const struct function *fn,
			      const struct user *from)
{
	char group[64], noiommu[64], node[288];

	snprintf(group, sizeof(group), "/dev/vfio/%ld", fn->iommu_group);
	snprintf(noiommu, sizeof(noiommu), "/dev/vfio/noiommu-%ld",
		 fn->iommu_group);
	own_node(fn, node, sizeof(node));

	for (; from; from = from->next) {
		if (!strcmp(from->node, group) || !strcmp(from->node, noiommu) ||
		    !strcmp(from->node, node))
			return from;
	}

	return NULL;
}

/* A network interface that is up, or part of a bridge, bond and the like. */
static bool interface_refusal(const struct function *fn, const char *virtio,
			      char *buf, size_t size)
{
	bool seen = false, refused = false;
	struct dirent *entry;
	long flags;
	DIR *dir;

	dir = opendir(path("/sys/bus/pci/devices/%s/%s/net", fn->address,
			   virtio).s);
	while (dir && !refused && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		seen = true;
		refused = true;
		if (file_read_number(path("/sys/bus/pci/devices/%s/%s/net/%s/flags",
					  fn->address, virtio, entry->d_name),
				     &flags))
			snprintf(buf, size, "the state of its network interface %s can't be read",
				 entry->d_name);
		else if (flags & IFF_UP)
			snprintf(buf, size, "its network interface %s is up",
				 entry->d_name);
		else if (file_exists(path("/sys/bus/pci/devices/%s/%s/net/%s/master",
					  fn->address, virtio, entry->d_name)))
			snprintf(buf, size, "its network interface %s belongs to another",
				 entry->d_name);
		else
			refused = false;
	}
	if (dir)
		closedir(dir);

	if (!seen) {
		snprintf(buf, size, "its network interface is in another network namespace");
		refused = true;
	}
	return refused;
}

static bool virtio_refusal(const struct function *fn, char *buf, size_t size)
{
	bool refused = false;
	struct dirent *entry;
	char driver[32];
	DIR *dir;

	dir = opendir(path("/sys/bus/pci/devices/%s", fn->address).s);
	if (!dir)
		return false;

	while (!refused && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "virtio", 6) ||
		    !strcmp(entry->d_name, "virtio_vfio"))
			continue;
		if (file_read_link(path("/sys/bus/pci/devices/%s/%s/driver",
					fn->address, entry->d_name),
				   driver, sizeof(driver)) <= 0)
			continue;
		if (!strcmp(driver, "virtio_net")) {
			refused = interface_refusal(fn, entry->d_name, buf, size);
		} else {
			snprintf(buf, size, "the host uses it by %s", driver);
			refused = true;
		}
	}
	closedir(dir);
	return refused;
}

bool users_refusal(const struct function *fn, const struct users *users,
		   char *buf, size_t size)
{
	const struct user *user;

	buf[0] = '\0';
	user = fn->iommu_group < 0 ? NULL : users_next(fn, users->first);
	if (user) {
		snprintf(buf, size, "%s, process %ld, has it open", user->name,
			 user->pid);
		return true;
	}

	return virtio_refusal(fn, buf, size);
}
