// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio_pci_owner gives the driver of the PF's virtio device that virtio_net
 * doesn't ask for, by the driver in kmod/pf_user.c; and what it makes of a PF
 * that is other than the lab's card is by default.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "kmod/admin_command.h"
#include "kmod/pf_user.h"
#include "lib.h"
#include "pf.h"

#define NVFS		3
#define SOON_MS		slow(2000)
#define CONFIG_LEN	0x1000	/* as the card's capability has it */

/* Of the card, without VIRTIO_NET_F_MQ enabled by its driver */
#define RX		0
#define TX		1
#define CONTROL		4
#define ALL_QUEUES	5

FIXTURE(pf_device)
{
	struct vdev v;
	int user;
};

/* Have a driver take the PF's virtio device, or none if it is NULL. */
static int give_to(const char *driver)
{
	char path[128], id[32], link[256];
	ssize_t len;
	int ret;

	ret = pf_virtio_id(id, sizeof(id));
	if (ret)
		return ret;

	snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/driver", id);
	len = readlink(path, link, sizeof(link) - 1);
	if (len > 0) {
		link[len] = 0;
		snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s/unbind",
			 strrchr(link, '/') + 1);
		ret = sysfs_write(path, id);
		if (ret)
			return ret;
	}
	if (!driver)
		return 0;

	snprintf(path, sizeof(path), "/sys/bus/virtio/drivers/%s/bind", driver);
	return sysfs_write(path, id);
}

/* What pf_user asks for. */
struct wish {
	unsigned int queues;
	unsigned int unnamed;
	unsigned int silent;
	bool spread;
};

static void user_param(const char *name, unsigned int value)
{
	char path[128], text[12];

	snprintf(path, sizeof(path), "/sys/module/pf_user/parameters/%s", name);
	snprintf(text, sizeof(text), "%u", value);
	if (sysfs_write(path, text))
		abort();
}

static int take(struct wish wish)
{
	user_param("queues", wish.queues);
	user_param("unnamed", wish.unnamed);
	user_param("silent", wish.silent);
	user_param("spread", wish.spread);
	return give_to("pf_user");
}

/* Enough for a packet: RX and TX. */
static int take_two(void)
{
	return take((struct wish){ .queues = 2 });
}

static int user_call(int fd, unsigned int request, struct pf_user_call *call)
{
	return ioctl(fd, request, call) ? -errno : 0;
}

static int on_queue(int fd, unsigned int request, unsigned int queue)
{
	struct pf_user_call call = { .queue = queue };

	return user_call(fd, request, &call);
}

static struct pf_user_call queue_info(int fd, unsigned int queue)
{
	struct pf_user_call call = { .queue = queue };

	if (user_call(fd, PF_USER_QUEUE, &call))
		abort();
	return call;
}

/* How many MSI-X vectors of the PF are in use. */
static unsigned int count_vectors(void)
{
	char path[128];
	unsigned int n;
	glob_t found;

	pf_path(path, sizeof(path), "msi_irqs/*");
	n = glob(path, 0, NULL, &found) ? 0 : found.gl_pathc;
	globfree(&found);
	return n;
}

FIXTURE_SETUP(pf_device)
{
	card_defaults();
	vdev_init(&self->v);
	log_expect("LEGACY_");
	ASSERT_EQ(0, have_vfs(NVFS));
	ASSERT_EQ(0, vdev_open(&self->v, bdfs[0]));
	io_enable(&self->v);
	self->user = open(PF_USER_PATH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->user);
	log_mark();
}

FIXTURE_TEARDOWN(pf_device)
{
	card_defaults();
	param_set("admin_timeout", "10000");
	close(self->user);
	vdev_close(&self->v);
	if (give_to("virtio_net"))
		bind_pf(NVFS);
}

/* The admin virtqueue works, and its interrupt. */
static void check_admin(struct __test_metadata *_metadata, struct vdev *v)
{
	uint64_t start;

	card_set_number("delay-ms", 50);
	start = now_us();
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	EXPECT_GT(SOON_MS, (now_us() - start) / 1000);
	card_set_number("delay-ms", 0);
}

static void field_get(struct __test_metadata *_metadata, int fd,
		      unsigned int offset, unsigned int len, void *field)
{
	struct pf_user_call call = { .offset = offset, .len = len };

	memset(call.field, 0x5a, sizeof(call.field));
	EXPECT_EQ(0, user_call(fd, PF_USER_GET, &call));
	memcpy(field, call.field, len);
	/* And no more than was asked for. */
	EXPECT_EQ(0x5a, call.field[len]);
}

static void netdev_get(const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", env("PF_NETDEV"),
		 name);
	if (sysfs_read(path, buf, size))
		abort();
}

TEST_F(pf_device, configuration_is_read)
{
	static const unsigned int lens[] = { 1, 2, 3, 4, 6, 8 };
	uint8_t bytes[NET_CONFIG_LEN], field[8];
	char mac[32], mtu[16], text[32];
	unsigned int i, offset;
	uint16_t word;

	ASSERT_TRUE(netdev_is_back());
	netdev_get("address", mac, sizeof(mac));
	netdev_get("mtu", mtu, sizeof(mtu));
	ASSERT_EQ(0, take_two());

	for (i = 0; i < sizeof(bytes); i++)
		field_get(_metadata, self->user, i, 1, &bytes[i]);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0],
		 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
	EXPECT_STREQ(mac, text);
	memcpy(&word, bytes + 10, sizeof(word));
	EXPECT_EQ(atoi(mtu), word);

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (offset = 0; offset + lens[i] <= sizeof(bytes); offset++) {
			field_get(_metadata, self->user, offset, lens[i], field);
			EXPECT_EQ(0, memcmp(field, bytes + offset, lens[i]))
				TH_LOG("%u bytes at %u", lens[i], offset);
		}
	}
}

/* What is not there is zero, and not what lies behind it. */
TEST_F(pf_device, configuration_ends)
{
	static const unsigned int beyond[][2] = {
		{ CONFIG_LEN - 2, 4 }, { CONFIG_LEN, 1 }, { CONFIG_LEN, 8 },
		{ ~0U, 2 }, { ~0U - 3, 8 },
	};
	static const uint8_t zero[8];
	uint8_t field[8];
	char text[128];
	unsigned int i;

	ASSERT_EQ(0, take_two());
	field_get(_metadata, self->user, CONFIG_LEN - 4, 4, field);
	EXPECT_NE(0, memcmp(field, zero, 4));
	card_set("counters-reset", "true");
	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		struct pf_user_call call = {
			.offset = beyond[i][0], .len = beyond[i][1],
		};

		field_get(_metadata, self->user, call.offset, call.len, field);
		EXPECT_EQ(0, memcmp(field, zero, call.len));
		EXPECT_EQ(0, user_call(self->user, PF_USER_SET, &call));
	}
	card_get_text("config-written", text, sizeof(text));
	EXPECT_STREQ("", text);
}

TEST_F(pf_device, configuration_is_written)
{
	static const struct {
		unsigned int len;
		const char *written;
	} writes[] = {
		{ 1, "16/1=0x1" },
		{ 2, "16/2=0x201" },
		{ 3, "16/1=0x1 17/1=0x2 18/1=0x3" },
		{ 4, "16/4=0x4030201" },
		{ 8, "16/4=0x4030201 20/4=0x8070605" },
	};
	char text[128];
	unsigned int i;

	ASSERT_EQ(0, take_two());
	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		struct pf_user_call call = {
			.offset = 16, .len = writes[i].len,
			.field = { 1, 2, 3, 4, 5, 6, 7, 8 },
		};

		card_set("counters-reset", "true");
		EXPECT_EQ(0, user_call(self->user, PF_USER_SET, &call));
		card_get_text("config-written", text, sizeof(text));
		EXPECT_STREQ(writes[i].written, text);
	}
}

/* One without a name is none, and has no index of its own. */
TEST_F(pf_device, queue_without_name)
{
	struct pf_user_call call;
	unsigned int i, index = 0;

	ASSERT_EQ(0, take((struct wish){ .queues = 4, .unnamed = 1 << 1 }));
	EXPECT_EQ(2 + 3, count_vectors());
	for (i = 0; i < 4; i++) {
		call = queue_info(self->user, i);
		if (i == 1) {
			EXPECT_EQ(0, call.size);
			continue;
		}
		EXPECT_LT(0, call.size);
		EXPECT_EQ(index++, call.index);
	}
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, 1 + TX));
	check_admin(_metadata, &self->v);
}

TEST_F(pf_device, queue_without_interrupt)
{
	struct pf_user_call call = { .queue = TX, .cpus = 1 };

	ASSERT_EQ(0, take((struct wish){ .queues = 2, .silent = 1 << TX }));
	EXPECT_EQ(2 + 1, count_vectors());
	EXPECT_EQ(-EINVAL, user_call(self->user, PF_USER_SET_AFFINITY, &call));
	EXPECT_EQ(0, queue_info(self->user, TX).cpus);
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_admin(_metadata, &self->v);
}

/* A request for what isn't there fails, and leaves nothing behind. */
TEST_F(pf_device, more_queues_than_there_are)
{
	log_expect("failed with error -2");
	EXPECT_EQ(-ENOENT, take((struct wish){ .queues = ALL_QUEUES + 1 }));
	EXPECT_EQ(0, count_vectors());
	ASSERT_EQ(0, take((struct wish){ .queues = ALL_QUEUES }));
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_admin(_metadata, &self->v);
}

TEST_F(pf_device, spread_interrupts)
{
	unsigned int cpus[2], i;

	/* The lab has two processors. */
	ASSERT_EQ(0, take((struct wish){ .queues = 2, .spread = true }));
	for (i = 0; i < 2; i++)
		cpus[i] = queue_info(self->user, i).cpus;
	EXPECT_EQ(3, cpus[0] | cpus[1]);
	EXPECT_EQ(0, cpus[0] & cpus[1]);
	EXPECT_EQ(0, queue_info(self->user, 2).cpus);
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_admin(_metadata, &self->v);

	/* The kernel has no more vectors to spread than processors. */
	ASSERT_EQ(0, take((struct wish){ .queues = 4, .spread = true }));
	EXPECT_EQ(2 + 1, count_vectors());
	EXPECT_EQ(0, queue_info(self->user, TX).cpus);
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_admin(_metadata, &self->v);
}

/* What irqbalance is told of a queue's interrupt. */
static int told_affinity(const char *queue)
{
	char line[512], wanted[80], id[32], path[64], hint[32];
	int irq = -1, number;
	FILE *file;

	if (pf_virtio_id(id, sizeof(id)))
		return -ENODEV;
	snprintf(wanted, sizeof(wanted), " %s-%s\n", id, queue);
	file = fopen("/proc/interrupts", "re");
	if (!file)
		return -errno;
	while (irq < 0 && fgets(line, sizeof(line), file)) {
		if (strstr(line, wanted) && sscanf(line, "%d:", &number) == 1)
			irq = number;
	}
	fclose(file);

	snprintf(path, sizeof(path), "/proc/irq/%d/affinity_hint", irq);
	number = sysfs_read(path, hint, sizeof(hint));
	return number ? number : (int)strtol(hint, NULL, 16);
}

TEST_F(pf_device, affinity_of_a_queue)
{
	struct pf_user_call call = { .queue = TX };

	ASSERT_EQ(0, take_two());
	for (call.cpus = 1; call.cpus <= 2; call.cpus++) {
		EXPECT_EQ(0, user_call(self->user, PF_USER_SET_AFFINITY, &call));
		EXPECT_EQ(call.cpus, told_affinity("q1"));
		EXPECT_EQ(0, told_affinity("q0"));
	}
	call.cpus = 0;
	EXPECT_EQ(0, user_call(self->user, PF_USER_SET_AFFINITY, &call));
	EXPECT_EQ(0, told_affinity("q1"));
}

/* As the virtio core does it when a ring changes. */
static void restart(struct __test_metadata *_metadata, int fd,
		    unsigned int queue)
{
	EXPECT_EQ(-EBUSY, on_queue(fd, PF_USER_ENABLE, queue));
	EXPECT_EQ(0, on_queue(fd, PF_USER_DISABLE, queue));
	EXPECT_EQ(0, on_queue(fd, PF_USER_ENABLE, queue));
	EXPECT_EQ(-EBUSY, on_queue(fd, PF_USER_ENABLE, queue));
}

/* From a vector for all to one for each, and INTx if there are too few. */
TEST_F_TIMEOUT(pf_device, fewer_vectors, 60)
{
	static const unsigned int used[] = { 0, 0, 2, 3, 3, 5, 6, 6, 6 };
	struct pf_user_call call = { .queue = TX, .cpus = 1 };
	unsigned int vectors;

	for (vectors = 8; vectors; vectors--) {
		give_to(NULL);
		card_set_number("vectors", vectors);
		ASSERT_EQ(0, take((struct wish){
			.queues = ALL_QUEUES, .silent = 1 << CONTROL,
		}));
		EXPECT_EQ(used[vectors], count_vectors());
		EXPECT_EQ(0, user_call(self->user, PF_USER_SET_AFFINITY, &call));
		restart(_metadata, self->user, TX);
		restart(_metadata, self->user, CONTROL);
		EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX))
			TH_LOG("%u vectors", vectors);
		check_admin(_metadata, &self->v);
	}
	give_to(NULL);
	EXPECT_EQ(0, count_vectors());
}

/* As by bind_pf(), but without VFs, and probe's own result. */
static int bind_pf_alone(void)
{
	int ret = pci_unbind(env("PF"));

	if (!ret)
		ret = pf_write("driver_override", "virtio_pci_owner");
	return ret ? ret : sysfs_write("/sys/bus/pci/drivers/virtio_pci_owner/bind",
				       env("PF"));
}

static void set_quirks(const char *words)
{
	char text[128];

	snprintf(text, sizeof(text), "\"%s\"", words);
	card_set("quirks", text);
}

/* The card as it should be, and all is well. */
static void check_cured(struct __test_metadata *_metadata, struct vdev *v)
{
	vdev_close(v);
	card_defaults();
	ASSERT_EQ(0, bind_pf(NVFS));
	ASSERT_EQ(0, vdev_open(v, bdfs[0]));
	io_enable(v);
	check_admin(_metadata, v);
}

/* A vector that reads back as none is one that the card has no room for. */
TEST_F(pf_device, no_room_for_vectors)
{
	static const struct {
		const char *quirk;
		unsigned int vectors;
	} cases[] = {
		{ "config-vector", 0 },
		{ "queue-vector", 0 },
		{ "admin-vector", 1 + 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		give_to(NULL);
		set_quirks(cases[i].quirk);
		ASSERT_EQ(0, take_two());
		EXPECT_EQ(cases[i].vectors, count_vectors());
		EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
		check_admin(_metadata, &self->v);
	}

	give_to(NULL);
	set_quirks("");
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(2 + 2, count_vectors());

	/* Nor when a queue comes back. */
	EXPECT_EQ(0, on_queue(self->user, PF_USER_DISABLE, TX));
	set_quirks("queue-vector");
	EXPECT_EQ(-EBUSY, on_queue(self->user, PF_USER_ENABLE, TX));
	set_quirks("");
	EXPECT_EQ(0, on_queue(self->user, PF_USER_ENABLE, TX));
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
}

/* The PF's own device is worth having without an admin virtqueue. */
TEST_F(pf_device, no_admin_virtqueue)
{
	static const struct {
		const char *quirk;
		unsigned int size;
		const char *message;
	} cases[] = {
		{ "own-admin", 64, "invalid admin virtqueues: 1 from index 0" },
		{ "absent-admin", 64, "no admin virtqueue: -2" },
		{ "", 1, "no admin virtqueue: -22" },
	};
	uint8_t value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		log_expect(cases[i].message);
		set_quirks(cases[i].quirk);
		card_set_number("admin-size", cases[i].size);
		give_to(NULL);
		log_mark();
		ASSERT_EQ(0, take_two());
		EXPECT_EQ(1, log_count(cases[i].message));
		EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
		EXPECT_EQ(-ENODEV, bar0_read(&self->v, REG_STATUS, &value, 1));
		/* There is none to give up. */
		card_set("needs-reset", "true");
		EXPECT_EQ(0, log_count("admin virtqueue given up"));
	}

	card_defaults();
	give_to(NULL);
	ASSERT_EQ(0, take_two());
	check_admin(_metadata, &self->v);
}

/* A size that is no power of 2 is one for packed rings only. */
TEST_F(pf_device, rings)
{
	static const char * const quirks[] = { "", "packed" };
	char path[128], id[32], features[80];
	unsigned int i, n;

	ASSERT_EQ(0, pf_virtio_id(id, sizeof(id)));
	snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/features", id);
	for (i = 0; i < ARRAY_SIZE(quirks); i++) {
		set_quirks(quirks[i]);
		card_set_number("admin-size", 5);
		give_to(NULL);
		ASSERT_EQ(0, take_two());
		ASSERT_EQ(0, sysfs_read(path, features, sizeof(features)));
		EXPECT_EQ(i ? '1' : '0', features[34]);
		for (n = 0; n < 20; n++) {
			EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
			io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
			EXPECT_EQ(STATUS_ACKNOWLEDGE,
				  io_get(&self->v, REG_STATUS, 1));
			io_set(&self->v, REG_STATUS, 1, 0);
		}
		check_admin(_metadata, &self->v);
	}
	card_defaults();
	give_to(NULL);
}

/* Common configuration without queue reset and admin virtqueues. */
TEST_F_TIMEOUT(pf_device, card_before_virtio_1_2, 60)
{
	vdev_close(&self->v);
	log_expect("can't be transitional");
	set_quirks("old");
	ASSERT_EQ(0, bind_pf_alone());
	EXPECT_EQ(-EOPNOTSUPP, make_vfs(1));
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(1 + 2, count_vectors());
	EXPECT_EQ(-ENOENT, on_queue(self->user, PF_USER_DISABLE, TX));
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_cured(_metadata, &self->v);
}

TEST_F_TIMEOUT(pf_device, no_virtio_1_device, 60)
{
	vdev_close(&self->v);
	log_expect("no VIRTIO_F_VERSION_1");
	log_expect("failed with error -22");
	set_quirks("no-common");
	EXPECT_EQ(-ENODEV, bind_pf_alone());

	log_mark();
	set_quirks("no-version-1");
	ASSERT_EQ(0, bind_pf_alone());
	EXPECT_LT(0, log_count("no VIRTIO_F_VERSION_1"));
	EXPECT_EQ(-EINVAL, give_to("virtio_net"));
	EXPECT_EQ(-EBUSY, pf_write("sriov_numvfs", "1"));
	check_cured(_metadata, &self->v);
}

TEST_F_TIMEOUT(pf_device, no_vfs, 60)
{
	vdev_close(&self->v);
	ASSERT_EQ(0, pf_write("sriov_numvfs", "0"));
	set_quirks("no-sr-iov");
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(-EINVAL, pf_write("sriov_numvfs", "1"));

	set_quirks("no-vfs");
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(-EIO, pf_write("sriov_numvfs", "1"));
	card_set("gone", "true");
	EXPECT_EQ(-EBUSY, pf_write("sriov_numvfs", "1"));
	card_set("gone", "false");
	EXPECT_EQ(0, give_to(NULL));
	EXPECT_EQ(-EBUSY, pf_write("sriov_numvfs", "1"));

	set_quirks("");
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(0, make_vfs(NVFS));
}

/* Addresses that can't be written to by 16 bits each. */
TEST_F_TIMEOUT(pf_device, notify_addresses, 60)
{
	static const char * const cases[][2] = {
		{ "notify-odd", "queue 1: invalid notify offset 0x1" },
		{ "notify-far", "queue 0: invalid notify offset 0x100000000" },
		{ "notify-out", "bad notification offset" },
	};
	char words[64];
	unsigned int i;

	vdev_close(&self->v);
	log_expect("failed with error -22");
	log_expect("no VIRTIO_F_VERSION_1");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		log_expect(cases[i][1]);
		log_expect("notify offset");
		/* virtio_net leaks memory when it can't have its queues. */
		snprintf(words, sizeof(words), "%s,no-version-1", cases[i][0]);
		set_quirks(words);
		ASSERT_EQ(0, bind_pf_alone());
		set_quirks(cases[i][0]);
		log_mark();
		EXPECT_EQ(-EINVAL, take_two());
		EXPECT_LT(0, log_count(cases[i][1]))
			TH_LOG("%s", cases[i][0]);
		EXPECT_EQ(0, count_vectors());
	}

	/* Too many for one mapping, so each has its own. */
	set_quirks("notify-apart");
	ASSERT_EQ(0, bind_pf(NVFS));
	ASSERT_EQ(0, vdev_open(&self->v, bdfs[0]));
	io_enable(&self->v);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, take_two());
		EXPECT_EQ(i ? 0 : 2 + 2, count_vectors());
		EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
		check_admin(_metadata, &self->v);
		set_quirks("notify-apart,queue-vector");
	}
	check_cured(_metadata, &self->v);
}

/* A device whose reset does not end is nobody's; that of the function cures it. */
TEST_F_TIMEOUT(pf_device, reset_that_does_not_end, 60)
{
	uint64_t start;
	uint8_t value;

	log_expect("virtio reset failed");
	ASSERT_EQ(0, take_two());
	set_quirks("stuck");
	start = now_us();
	EXPECT_EQ(-ETIMEDOUT, on_queue(self->user, PF_USER_DISABLE, TX));
	EXPECT_LE(9900, (now_us() - start) / 1000);
	start = now_us();
	EXPECT_EQ(0, give_to(NULL));
	EXPECT_LE(9900, (now_us() - start) / 1000);
	EXPECT_EQ(1, log_count("virtio reset failed: -110"));
	EXPECT_EQ(-ENODEV, take_two());
	EXPECT_EQ(-ENODEV, bar0_read(&self->v, REG_STATUS, &value, 1));

	EXPECT_EQ(0, pf_write("reset", "1"));
	io_enable(&self->v);
	ASSERT_EQ(0, take_two());
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, TX));
	check_admin(_metadata, &self->v);
	set_quirks("");
}

/* A driver that has let go of a device gets back what it can hold, if no device. */
TEST_F_TIMEOUT(pf_device, does_not_wake, 60)
{
	static const uint8_t zero[8];
	uint8_t field[8];
	unsigned int i;

	log_expect("virtio reset failed");
	log_expect("device inaccessible");
	ASSERT_EQ(0, take((struct wish){ .queues = 3, .unnamed = 1 << 1 }));
	ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
	EXPECT_EQ(-ENODEV, on_queue(self->user, PF_USER_QUEUE, 0));
	ASSERT_EQ(0, pf_pm(ADMIN_RESUME));
	EXPECT_EQ(0, on_queue(self->user, PF_USER_SEND, 2));

	ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
	card_set("gone", "true");
	EXPECT_GT(0, pf_pm(ADMIN_RESUME));
	for (i = 0; i < 3; i++) {
		struct pf_user_call call = queue_info(self->user, i);

		EXPECT_EQ(i != 1, call.size != 0);
		EXPECT_EQ(i == 2, call.index);
		EXPECT_EQ(0, call.cpus);
	}
	EXPECT_EQ(-EIO, on_queue(self->user, PF_USER_SEND, 2));
	EXPECT_EQ(-ENOENT, on_queue(self->user, PF_USER_DISABLE, 2));
	field_get(_metadata, self->user, 0, 8, field);
	EXPECT_EQ(0, memcmp(field, zero, 8));
	EXPECT_EQ(0, count_vectors());
	card_set("gone", "false");
	check_cured(_metadata, &self->v);
}

/* The next reset of the PF is another chance. */
TEST_F_TIMEOUT(pf_device, no_driver_after_a_reset, 60)
{
	uint8_t value;

	log_expect("no VIRTIO_F_VERSION_1");
	log_expect("failed with error -22");
	log_expect("no driver after a reset");
	set_quirks("no-version-1");
	EXPECT_EQ(0, pf_write("reset", "1"));
	EXPECT_EQ(1, log_count("no driver after a reset"));
	io_enable(&self->v);
	EXPECT_EQ(-ENODEV, bar0_read(&self->v, REG_STATUS, &value, 1));
	set_quirks("");
	EXPECT_EQ(0, pf_write("reset", "1"));
	EXPECT_EQ(0, log_count("no driver after a reset"));
	EXPECT_TRUE(netdev_is_back());
	io_enable(&self->v);
	check_admin(_metadata, &self->v);
}

static int command_of(const char *bdf)
{
	uint16_t command = 0;
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = pread(fd, &command, sizeof(command), PCI_COMMAND);
	close(fd);
	return ret == sizeof(command) ? command : -EIO;
}

/*
 * A reset of the PF is over for its VFs when they answer again, whatever drives
 * them; vfio-pci isn't told of it.
 */
TEST_F_TIMEOUT(pf_device, vfs_come_back_late, 60)
{
	struct vdev other;
	uint64_t start;

	ASSERT_EQ(0, pci_bind(bdfs[1], "vfio-pci"));
	ASSERT_EQ(0, vdev_open(&other, bdfs[1]));
	io_enable(&other);
	ASSERT_NE(0, command_of(bdfs[0]) & PCI_COMMAND_MASTER);
	ASSERT_NE(0, command_of(bdfs[1]) & PCI_COMMAND_MASTER);
	set_quirks("vfs-late");
	start = now_us();
	EXPECT_EQ(0, pf_write("reset", "1"));
	EXPECT_LE(800, (now_us() - start) / 1000);
	EXPECT_NE(0, command_of(bdfs[0]) & PCI_COMMAND_MASTER);
	EXPECT_NE(0xffff, command_of(bdfs[0]));
	EXPECT_NE(0, command_of(bdfs[1]) & PCI_COMMAND_MASTER);
	EXPECT_NE(0xffff, command_of(bdfs[1]));
	io_enable(&self->v);
	check_admin(_metadata, &self->v);
	vdev_close(&other);
}

/* What isn't the PF of a virtio card is left alone, whoever asks. */
TEST_F(pf_device, takes_no_other_device)
{
	static const char * const drivers = "/sys/bus/pci/drivers/virtio_pci_owner/";
	static const char * const bridge = "0000:00:00.0";
	char path[128], driver[64];

	ASSERT_EQ(0, pci_unbind(bdfs[1]));
	ASSERT_EQ(0, pci_unbind(bridge));
	snprintf(path, sizeof(path), "%sbind", drivers);
	EXPECT_EQ(0, pci_bind(bdfs[1], "virtio_pci_owner"));
	EXPECT_EQ(-ENODEV, sysfs_write(path, bdfs[1]));
	EXPECT_EQ(0, pci_bind(bdfs[1], "\n"));
	EXPECT_EQ(0, pci_bind(bridge, "virtio_pci_owner"));
	EXPECT_EQ(-ENODEV, sysfs_write(path, bridge));
	EXPECT_EQ(0, pci_bind(bridge, "\n"));

	snprintf(path, sizeof(path), "%snew_id", drivers);
	EXPECT_EQ(0, sysfs_write(path, "0x1af4 0x1041"));
	EXPECT_EQ(0, sysfs_write("/sys/bus/pci/drivers_probe", bdfs[1]));
	pci_driver(bdfs[1], driver, sizeof(driver));
	EXPECT_STRNE("virtio_pci_owner", driver);
	snprintf(path, sizeof(path), "%sremove_id", drivers);
	EXPECT_EQ(0, sysfs_write(path, "0x1af4 0x1041"));
}

/* The list of commands is asked for once, by the first who wants one. */
static void forget_list(void)
{
	if (give_to(NULL) || take_two())
		abort();
}

/* Who waits for another's answer doesn't wait once more, and can be killed. */
TEST_F_TIMEOUT(pf_device, list_that_is_not_answered, 60)
{
	struct vdev other;
	struct waiter first = { .v = &self->v }, second = { .v = &other };
	char driver[64];
	uint64_t start;
	pid_t child;
	int status;

	log_expect("admin virtqueue given up");
	log_expect("failed with error -4");
	ASSERT_EQ(0, vdev_open(&other, bdfs[1]));
	io_enable(&other);
	ASSERT_EQ(0, pci_unbind(bdfs[2]));
	forget_list();
	ASSERT_EQ(0, param_set("admin_timeout", "6000"));
	card_set_number("drop-opcode", 0);
	ASSERT_EQ(0, pthread_create(&first.thread, NULL, wait_for_register, &first));
	msleep(300);
	ASSERT_EQ(0, pthread_create(&second.thread, NULL, wait_for_register, &second));
	child = fork();
	if (!child)
		_exit(!sysfs_write("/sys/bus/pci/drivers/virtio_vfio_pci/bind",
				   bdfs[2]));
	msleep(300);
	start = now_us();
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_GT(3000, (now_us() - start) / 1000);
	pci_driver(bdfs[2], driver, sizeof(driver));
	EXPECT_STREQ("", driver);

	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	EXPECT_EQ(-ETIMEDOUT, first.ret);
	EXPECT_EQ(-EIO, second.ret);
	EXPECT_GT(first.ms + 3000, second.ms);
	card_set_number("drop-opcode", 0xffffffff);
	vdev_close(&other);
	forget_list();
	check_admin(_metadata, &self->v);
	EXPECT_EQ(0, rebind_transitional(bdfs[2]));
}

/* What is refused for good isn't asked again, and what isn't is. */
TEST_F(pf_device, list_that_is_refused)
{
	static const struct {
		unsigned int opcode;
		unsigned int status;
		int first;
		int second;
		unsigned int asked;
	} cases[] = {
		{ 0, EINVAL, -EOPNOTSUPP, -EOPNOTSUPP, 0 },
		{ 1, EINVAL, -EOPNOTSUPP, -EOPNOTSUPP, 0 },
		{ 0, EAGAIN, -EIO, 1, 1 },
		{ 1, ENOMEM, -EIO, 1, 1 },
	};
	uint8_t value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		forget_list();
		card_set_number("fail-status", cases[i].status);
		card_set_number("fail-opcode", cases[i].opcode);
		EXPECT_EQ(cases[i].first,
			  bar0_read(&self->v, REG_STATUS, &value, 1));
		card_defaults();
		EXPECT_EQ(cases[i].second,
			  bar0_read(&self->v, REG_STATUS, &value, 1));
		EXPECT_EQ(cases[i].asked, card_get("cmd-0"));
	}
	forget_list();
	check_admin(_metadata, &self->v);
}

/* A driver that hangs is told that its queues are broken. */
TEST_F_TIMEOUT(pf_device, driver_that_does_not_let_go, 60)
{
	uint64_t start, ms;

	log_expect("virtio device given up");
	vdev_close(&self->v);
	ASSERT_EQ(0, take_two());
	user_param("stubborn", 1);
	start = now_us();
	EXPECT_EQ(0, pci_unbind(env("PF")));
	ms = (now_us() - start) / 1000;
	user_param("stubborn", 0);
	EXPECT_LE(9900, ms);
	EXPECT_GT(10000 + slow(10000), ms);
	EXPECT_EQ(1, log_count("virtio device given up: no answer"));
	ASSERT_EQ(0, bind_pf(NVFS));
}

TEST_HARNESS_MAIN
