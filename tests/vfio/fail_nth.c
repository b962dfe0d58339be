// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can fail for want of memory is repeated with its first allocation
 * failing, then its second, until it has none left to fail: each time it
 * succeeds all the same or says ENOMEM, and the next try works. Needs a kernel
 * with /proc/self/fail-nth; what such a failure leaks is for kmemleak to find.
 *
 * Where devices are made, only allocations count that the module makes itself or
 * not far below what it calls. Of the others there are hundreds, and the kernel
 * has trouble with some: vfio_create_group() drops a group that it has not
 * finished with a warning, and leaks the IOMMU group; pci_iov_add_virtfn() leaves
 * the resources of a VF that it has not finished where they are, and has a BUG_ON
 * for the next who wants them.
 *
 * VFIO_BDF is a VF that can be transitional.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"
#include "pf.h"

#define DRIVER		"virtio_vfio_pci"
#define OWNER		"virtio_pci_owner"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define INJECT		"/sys/kernel/debug/"
#define ALLOCATIONS	5000	/* more than anything here makes */
#define LAST_FUNCTION	4096	/* its size at most */

FIXTURE(fail_nth)
{
	const char *bdf;
	struct vdev v;
};

/* What the test at hand works on. */
static struct vdev *vdev;
static const char *bdf;

FIXTURE_SETUP(fail_nth)
{
	static const char * const settings[][2] = {
		{ INJECT "failslab/ignore-gfp-wait", "N" },
		{ INJECT "failslab/verbose", "0" },
		{ INJECT "fail_page_alloc/ignore-gfp-wait", "N" },
		{ INJECT "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ INJECT "fail_page_alloc/min-order", "0" },
		{ INJECT "fail_page_alloc/verbose", "0" },
	};
	unsigned int i;

	vdev_init(&self->v);
	if (access(FAIL_NTH, W_OK))
		SKIP(return, "the kernel has no " FAIL_NTH);
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		ASSERT_EQ(0, sysfs_write(settings[i][0], settings[i][1]));

	self->bdf = env("VFIO_BDF");
	bdf = self->bdf;
	vdev = &self->v;
	card_defaults();
	log_expect("failed with error -12");
	log_expect("Failed to execute command");
	log_expect("error -12, status");
	log_expect("device_add_groups() failed");
	log_expect("no admin virtqueue: -12");
	log_expect("kmemleak: Cannot allocate");
	log_expect("DMA-API: cacheline tracking ENOMEM");
	ASSERT_EQ(0, param_set("transitional", "Y"));
	ASSERT_EQ(0, pci_bind(bdf, DRIVER));
	ASSERT_EQ(1, vf_get(bdf, "transitional"));
}

FIXTURE_TEARDOWN(fail_nth)
{
	vdev_close(&self->v);
	param_set("transitional", "N");
}

/*
 * Something that a process asks the kernel for. What @run calls before and after
 * the kernel must not have anything fail that is not counted in its result.
 */
struct request {
	const char *name;
	const char *near;	/* the module that counts; NULL for whoever allocates */
	int frames;		/* how near; three are the allocation's own */
	int (*run)(void);	/* 0 or a negative errno */
	void (*undo)(void);	/* after it has succeeded; NULL if nothing is left */
	bool (*complete)(void);	/* whether it has done all it should */
	bool partly;		/* the kernel may succeed without all of that */
};

/* The addresses of a module's functions, 0 and all ones for no module. */
static void module_text(const char *name, uint64_t *start, uint64_t *end)
{
	char line[512], type, module[64];
	uint64_t address;
	FILE *file;

	*start = name ? ~0ULL : 0;
	*end = name ? 0 : ~0ULL;
	file = fopen("/proc/kallsyms", "re");
	if (!file)
		abort();
	while (name && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx %c %*s [%63[^]]]", &address, &type,
			   module) != 3 ||
		    !strchr("tT", type) || strcmp(module, name))
			continue;
		if (address < *start)
			*start = address;
		if (address + LAST_FUNCTION > *end)
			*end = address + LAST_FUNCTION;
	}
	fclose(file);
}

static void count_near(struct __test_metadata *_metadata,
		       const struct request *request)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc" };
	uint64_t start, end;
	char path[64], text[32];
	unsigned int i;

	module_text(request->near, &start, &end);
	ASSERT_LT(start, end);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), INJECT "%s/stacktrace-depth",
			 kinds[i]);
		snprintf(text, sizeof(text), "%d", request->frames);
		ASSERT_EQ(0, sysfs_write(path, text));
		snprintf(path, sizeof(path), INJECT "%s/require-start",
			 kinds[i]);
		snprintf(text, sizeof(text), "%#lx", start);
		ASSERT_EQ(0, sysfs_write(path, text));
		snprintf(path, sizeof(path), INJECT "%s/require-end", kinds[i]);
		snprintf(text, sizeof(text), "%#lx", end);
		ASSERT_EQ(0, sysfs_write(path, text));
	}
}

/* Open all the time, for to open it is something that could be made to fail. */
static int fail_nth_fd;

static void fail_nth_set(unsigned int n)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth_fd, text, len, 0) != len)
		abort();
}

/* Return: whether the failure is still to come. */
static bool fail_nth_clear(void)
{
	char text[12];
	ssize_t len = pread(fail_nth_fd, text, sizeof(text) - 1, 0);

	fail_nth_set(0);
	if (len < 0)
		abort();
	text[len] = 0;
	return atoi(text) > 0;
}

static void expect_complete(struct __test_metadata *_metadata,
			    const struct request *request, unsigned int n)
{
	if (request->complete)
		EXPECT_TRUE(request->complete())
			TH_LOG("%s, allocation %u", request->name, n);
}

static void every_allocation(struct __test_metadata *_metadata,
			     const struct request *request)
{
	unsigned int n, failed = 0;
	bool left;
	int ret;

	count_near(_metadata, request);
	fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fail_nth_fd);
	for (n = 1; n <= ALLOCATIONS; n++) {
		fail_nth_set(n);
		ret = request->run();
		left = fail_nth_clear();
		if (ret) {
			failed++;
			EXPECT_EQ(-ENOMEM, ret)
				TH_LOG("%s, allocation %u", request->name, n);
		} else {
			if (left || !request->partly)
				expect_complete(_metadata, request, n);
			if (request->undo)
				request->undo();
		}
		if (left)
			break;

		ASSERT_EQ(0, request->run())
			TH_LOG("%s, after allocation %u", request->name, n);
		expect_complete(_metadata, request, n);
		if (request->undo)
			request->undo();
	}
	close(fail_nth_fd);
	EXPECT_EQ(0, ret);
	EXPECT_GE(ALLOCATIONS, n);
	TH_LOG("%s: %u allocations, of which %u matter", request->name, n - 1,
	       failed);
}

/* This one returns what probe returned, unlike drivers_probe. */
static int bind(void)
{
	return sysfs_write("/sys/bus/pci/drivers/" DRIVER "/bind", bdf);
}

static void unbind(void)
{
	if (pci_unbind(bdf))
		abort();
}

/* What the PF can do is asked for once, until its reset. */
static void unbind_and_forget(void)
{
	unbind();
	if (provider_is("owner") && pci_reset(env("PF")))
		abort();
}

static bool is_transitional(void)
{
	return vf_get(bdf, "transitional") == 1;
}

TEST_F_TIMEOUT(fail_nth, bind, 600)
{
	static const struct request request = {
		"bind", DRIVER, 10, bind, unbind_and_forget, is_transitional,
	};

	unbind_and_forget();
	every_allocation(_metadata, &request);
	ASSERT_EQ(0, bind());
	EXPECT_TRUE(is_transitional());
}

static int set_transitional(void)
{
	return vf_set(bdf, "transitional", "1");
}

TEST_F_TIMEOUT(fail_nth, transitional, 300)
{
	static const struct request request = {
		"transitional", NULL, 0, set_transitional,
	};

	every_allocation(_metadata, &request);
	EXPECT_TRUE(is_transitional());
}

static int get_device(void)
{
	vdev->fd = ioctl(vdev->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	return vdev->fd < 0 ? -errno : 0;
}

static void put_device(void)
{
	close(vdev->fd);
	vdev->fd = -1;
}

/* Its group and container stay open; they are none of the driver's. */
TEST_F_TIMEOUT(fail_nth, open, 300)
{
	static const struct request request = {
		"open", NULL, 0, get_device, put_device,
	};

	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	put_device();
	every_allocation(_metadata, &request);
	ASSERT_EQ(0, get_device());
	io_enable(&self->v);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
}

static int reset(void)
{
	return ioctl(vdev->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

TEST_F_TIMEOUT(fail_nth, reset, 300)
{
	static const struct request request = { "reset", NULL, 0, reset };

	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	every_allocation(_metadata, &request);
}

/* An access that is the whole of the region: all of its registers. */
static int read_bar0(void)
{
	char buf[BAR0_SIZE];
	ssize_t ret = bar0_read(vdev, 0, buf, sizeof(buf));

	return ret < 0 ? ret : 0;
}

static int write_bar0(void)
{
	uint32_t features = 0;
	ssize_t ret = bar0_write(vdev, REG_GUEST_FEATURES, &features,
				 sizeof(features));

	return ret < 0 ? ret : 0;
}

static int notify(void)
{
	uint16_t queue = 0;
	ssize_t ret = bar0_write(vdev, REG_QUEUE_NOTIFY, &queue, sizeof(queue));

	return ret < 0 ? ret : 0;
}

static int read_config(void)
{
	char buf[PCI_STD_HEADER_SIZEOF];
	ssize_t ret = config_read(vdev, 0, buf, sizeof(buf));

	return ret < 0 ? ret : 0;
}

static int write_config(void)
{
	uint16_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			   PCI_COMMAND_MASTER;
	ssize_t ret = config_write(vdev, PCI_COMMAND, &command, sizeof(command));

	return ret < 0 ? ret : 0;
}

TEST_F_TIMEOUT(fail_nth, accesses, 300)
{
	static const struct request requests[] = {
		{ "read of BAR0", NULL, 0, read_bar0 },
		{ "write of BAR0", NULL, 0, write_bar0 },
		{ "notification", NULL, 0, notify },
		{ "read of configuration space", NULL, 0, read_config },
		{ "write of configuration space", NULL, 0, write_config },
	};
	unsigned int i;

	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	io_enable(&self->v);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		every_allocation(_metadata, &requests[i]);
	vdev_close(&self->v);

	/* Without an address a notification is a command. */
	card_set("notify-entries", "\"\"");
	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	io_enable(&self->v);
	every_allocation(_metadata, &requests[2]);
}

static int event;

static int tie(void)
{
	return vdev_ioeventfd(vdev, vdev->bar0 + REG_QUEUE_NOTIFY,
			      VFIO_DEVICE_IOEVENTFD_16, 1, event);
}

static void untie(void)
{
	if (vdev_ioeventfd(vdev, vdev->bar0 + REG_QUEUE_NOTIFY,
			   VFIO_DEVICE_IOEVENTFD_16, 1, -1))
		abort();
}

static bool is_tied(void)
{
	return tie() == -EEXIST;
}

TEST_F_TIMEOUT(fail_nth, ioeventfd, 300)
{
	static const struct request request = {
		"ioeventfd", NULL, 0, tie, untie, is_tied,
	};

	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, event);
	every_allocation(_metadata, &request);
	EXPECT_EQ(0, tie());
	EXPECT_EQ(0, eventfd_write(event, 1));
	close(event);
}

static int sriov_enable(void)
{
	char path[128];

	pf_path(path, sizeof(path), "sriov_numvfs");
	return sysfs_write(path, "1");
}

static void sriov_disable(void)
{
	char path[128];

	pf_path(path, sizeof(path), "sriov_numvfs");
	if (sysfs_write(path, "0"))
		abort();
}

static bool has_vf(void)
{
	char path[128];

	pf_path(path, sizeof(path), "virtfn0");
	return !access(path, F_OK);
}

TEST_F_TIMEOUT(fail_nth, sriov, 900)
{
	static const struct request request = {
		"sriov_numvfs", OWNER, 6, sriov_enable, sriov_disable, has_vf,
	};

	if (!provider_is("owner"))
		SKIP(return, OWNER "'s");

	sriov_disable();
	every_allocation(_metadata, &request);
	ASSERT_EQ(0, sriov_enable());
}

static int bind_owner(void)
{
	return sysfs_write("/sys/bus/pci/drivers/" OWNER "/bind", env("PF"));
}

static void unbind_pf(void)
{
	if (pci_unbind(env("PF")))
		abort();
}

/* Its virtio device has a driver, and so the PF an admin virtqueue. */
static bool has_netdev(void)
{
	char path[128];
	glob_t found;
	bool ret;

	pf_path(path, sizeof(path), "virtio*/net/*");
	ret = !glob(path, 0, NULL, &found);
	globfree(&found);
	return ret;
}

static int reset_pf(void)
{
	char path[128];

	pf_path(path, sizeof(path), "reset");
	return sysfs_write(path, "1");
}

/* A reset of the PF takes the VF's configuration, which its driver brings back. */
static bool vf_is_master(void)
{
	char path[128];
	uint16_t command = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (pread(fd, &command, sizeof(command), PCI_COMMAND) < 0)
		command = 0;
	close(fd);
	return command & PCI_COMMAND_MASTER;
}

static bool is_back(void)
{
	return vf_is_master() && has_netdev();
}

TEST_F_TIMEOUT(fail_nth, pf_reset, 900)
{
	static const struct request requests[] = {
		{ "reset of the PF", OWNER, 8, reset_pf, NULL, is_back },
		/* Who fails to take its device up does at the next. */
		{ "reset of the PF", "virtio_net", 6, reset_pf, NULL, is_back,
		  true },
	};
	unsigned int i;

	if (!provider_is("owner"))
		SKIP(return, OWNER "'s");

	log_expect("no driver after a reset: ");
	ASSERT_EQ(0, vdev_open(&self->v, bdf));
	io_enable(&self->v);
	ASSERT_TRUE(vf_is_master());
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		every_allocation(_metadata, &requests[i]);
	EXPECT_TRUE(has_netdev());
}

/*
 * The PF's virtio device, which a driver for tests takes from virtio_net, for
 * that leaks memory when it can't have its queues.
 */
static char virtio_id[32];

static int virtio_driver(const char *driver, const char *action)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s/%s", driver,
		 action);
	return sysfs_write(path, virtio_id);
}

static int find_queues(void)
{
	return virtio_driver("pf_user", "bind");
}

static void delete_queues(void)
{
	if (virtio_driver("pf_user", "unbind"))
		abort();
}

static bool has_queues(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/pf_user/%s",
		 virtio_id);
	return !access(path, F_OK);
}

/* A vector for each queue, one for all, and none. */
TEST_F_TIMEOUT(fail_nth, queues, 900)
{
	static const struct request request = {
		"queues of the PF", OWNER, 8, find_queues, delete_queues,
		has_queues,
	};
	static const unsigned int vectors[] = { 8, 2, 1 };
	unsigned int i;

	if (!provider_is("owner"))
		SKIP(return, OWNER "'s");

	ASSERT_EQ(0, pf_virtio_id(virtio_id, sizeof(virtio_id)));
	ASSERT_EQ(0, virtio_driver("virtio_net", "unbind"));
	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		card_set_number("vectors", vectors[i]);
		every_allocation(_metadata, &request);
	}
	card_defaults();
	ASSERT_EQ(0, virtio_driver("virtio_net", "bind"));
}

/* Comes last, for VFs don't outlive it. */
TEST_F_TIMEOUT(fail_nth, zz_pf, 900)
{
	static const struct request request = {
		"bind of the PF", OWNER, 8, bind_owner, unbind_pf, has_netdev, true,
	};
	char path[128];

	if (!provider_is("owner"))
		SKIP(return, OWNER "'s");

	unbind_pf();
	every_allocation(_metadata, &request);
	ASSERT_EQ(0, bind_owner());
	pf_path(path, sizeof(path), "sriov_drivers_autoprobe");
	ASSERT_EQ(0, sysfs_write(path, "0"));
	ASSERT_EQ(0, sriov_enable());
	EXPECT_EQ(0, rebind_transitional(bdf));
}

TEST_HARNESS_MAIN
