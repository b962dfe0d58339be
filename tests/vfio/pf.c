// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF under virtio_pci_owner, as the tests of that have it come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kmod/admin_command.h"
#include "lib.h"
#include "pf.h"

char bdfs[MANY_VFS][32];

void pf_path(char *buf, size_t size, const char *name)
{
	snprintf(buf, size, "/sys/bus/pci/devices/%s/%s", env("PF"), name);
}

int pf_write(const char *name, const char *value)
{
	char path[128];

	pf_path(path, sizeof(path), name);
	return sysfs_write(path, value);
}

/* Find out the address of a VF. */
static int name_vf(unsigned int i)
{
	char path[128], link[256], text[24];
	ssize_t len;

	snprintf(text, sizeof(text), "virtfn%u", i);
	pf_path(path, sizeof(path), text);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	snprintf(bdfs[i], sizeof(bdfs[i]), "%s", strrchr(link, '/') + 1);
	return 0;
}

int make_vfs(unsigned int n)
{
	unsigned int i;
	char text[24];
	int ret;

	ret = pf_write("sriov_numvfs", "0");
	if (ret)
		return ret;
	ret = pf_write("sriov_drivers_autoprobe", "0");
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%u", n);
	ret = pf_write("sriov_numvfs", text);
	if (ret)
		return ret;

	for (i = 0; i < n; i++) {
		ret = name_vf(i);
		if (!ret)
			ret = rebind_transitional(bdfs[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int have_vfs(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (name_vf(i) || vf_get(bdfs[i], "transitional") != 1)
			return make_vfs(n);
	}
	return 0;
}

int bind_pf(unsigned int vfs)
{
	char driver[64];
	int ret, i;

	pci_driver(env("PF"), driver, sizeof(driver));
	if (driver[0]) {
		ret = pci_unbind(env("PF"));
		if (ret)
			return ret;
	}
	ret = pci_bind(env("PF"), "virtio_pci_owner");
	if (ret)
		return ret;

	/* udev names its interface meanwhile. */
	ret = make_vfs(vfs);
	for (i = 0; i < 50 && ret == -EBUSY; i++) {
		msleep(100);
		ret = make_vfs(vfs);
	}
	return ret;
}

int pf_virtio_id(char *buf, size_t size)
{
	char path[128];
	int i;

	for (i = 0; i < 64; i++) {
		snprintf(buf, size, "virtio%d", i);
		pf_path(path, sizeof(path), buf);
		if (!access(path, F_OK))
			return 0;
	}
	return -ENODEV;
}

bool netdev_is_back(void)
{
	char path[64];
	int i;

	snprintf(path, sizeof(path), "/sys/class/net/%s", env("PF_NETDEV"));
	for (i = 0; i < 200 && access(path, F_OK); i++)
		msleep(100);
	return !access(path, F_OK);
}

int pf_pm(unsigned int request)
{
	struct admin_command command = {};
	unsigned int bus, slot, function;
	int fd, ret;

	if (sscanf(env("PF"), "0000:%x:%x.%u", &bus, &slot, &function) != 3)
		return -EINVAL;
	command.bus = bus;
	command.devfn = slot << 3 | function;
	fd = open(ADMIN_COMMAND_PATH, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, request, &command) ? -errno : 0;
	close(fd);
	return ret;
}

void *wait_for_register(void *waiter)
{
	struct waiter *w = waiter;
	uint64_t start = now_us();
	uint8_t value;

	w->ret = bar0_read(w->v, REG_STATUS, &value, 1);
	w->ms = (now_us() - start) / 1000;
	return NULL;
}
