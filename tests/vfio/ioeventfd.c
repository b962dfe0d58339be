// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds whose signals are driver notifications: VFIO_DEVICE_IOEVENTFD on
 * Queue Notify.
 *
 * On the oracle, which has a BAR0 of its own, vfio_pci_core answers: what is
 * asked there is how VFIO does this for any BAR.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define WIDTH		VFIO_DEVICE_IOEVENTFD_16
#define LIMIT		1000	/* of vfio_pci_core, for one device */
#define SIGNALS		10
#define SLOW_MS		1000
#define LATE_MS		5000
#define STRESS_MS	3000
#define THREADS		4

/* The card's notify address in the VF's BAR4 is counted, whoever writes to it. */
#define BAR4_NOTIFY	0x6002

/* What VFIO has for any BAR. */
FIXTURE(any_bar)
{
	struct vdev v;
	int event;
};

/* What there is to Queue Notify, and which notifications arrive. */
FIXTURE(ioeventfd)
{
	struct vdev v;
	int event;
};

static int open_with_entries(struct vdev *v, const char *entries)
{
	int ret;

	card_set("notify-entries", entries);
	ret = vdev_open(v, env("VFIO_BDF"));
	if (ret)
		return ret;
	io_enable(v);
	card_set("counters-reset", "true");
	return 0;
}

FIXTURE_SETUP(any_bar)
{
	vdev_init(&self->v);
	card_defaults();
	ASSERT_EQ(0, open_with_entries(&self->v, "\"member\""));
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(any_bar)
{
	close(self->event);
	vdev_close(&self->v);
}

FIXTURE_SETUP(ioeventfd)
{
	if (!target_is("ours"))
		SKIP(return, "about our driver and the card");
	vdev_init(&self->v);
	card_defaults();
	ASSERT_EQ(0, open_with_entries(&self->v, "\"member\""));
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(ioeventfd)
{
	if (!target_is("ours"))
		return;
	card_defaults();
	close(self->event);
	vdev_close(&self->v);
}

static int tie(struct vdev *v, uint64_t value, int event)
{
	return vdev_ioeventfd(v, v->bar0 + REG_QUEUE_NOTIFY, WIDTH, value, event);
}

static int untie(struct vdev *v, uint64_t value)
{
	return tie(v, value, -1);
}

static void signal_times(int event, unsigned int times)
{
	while (times--)
		eventfd_write(event, 1);
}

/* Whether so many notifications come, those of a worker in their time. */
static bool notified(long long times)
{
	uint64_t end = now_us() + LATE_MS * 1000;

	while (card_get("notify-member") < times && now_us() < end)
		msleep(20);
	return card_get("notify-member") >= times;
}

static void io_disable(struct vdev *v)
{
	config_set(v, PCI_COMMAND, 2, config_get(v, PCI_COMMAND, 2) &
				      ~PCI_COMMAND_IO);
}

TEST_F(ioeventfd, signal_is_a_notification)
{
	ASSERT_EQ(0, tie(&self->v, 1, self->event));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
	EXPECT_EQ(0, card_get("cmds-total"));
}

TEST_F(ioeventfd, owner_address)
{
	vdev_close(&self->v);
	ASSERT_EQ(0, open_with_entries(&self->v, "\"owner\""));
	ASSERT_EQ(0, tie(&self->v, 1, self->event));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-owner"));
	EXPECT_EQ(0, card_get("cmds-total"));
}

/* A worker that waits for an admin command would keep all of VFIO waiting. */
TEST_F(ioeventfd, refused_without_address)
{
	vdev_close(&self->v);
	ASSERT_EQ(0, open_with_entries(&self->v, "\"\""));
	EXPECT_EQ(-EOPNOTSUPP, tie(&self->v, 1, self->event));
	EXPECT_EQ(-EOPNOTSUPP, untie(&self->v, 1));
	io_set(&self->v, REG_QUEUE_NOTIFY, 2, 1);
	EXPECT_EQ(1, card_get("notify-cmd"));
}

/* As for any device under vfio-pci that has no BAR0. */
TEST_F(ioeventfd, refused_if_not_transitional)
{
	struct vdev *v = &self->v;

	vdev_close(v);
	ASSERT_EQ(0, vf_set(env("VFIO_BDF"), "transitional", "0"));
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	EXPECT_EQ(-EINVAL, tie(v, 1, self->event));
	vdev_close(v);
	EXPECT_EQ(0, vf_set(env("VFIO_BDF"), "transitional", "1"));
}

TEST_F(any_bar, value_is_tied_once)
{
	struct vdev *v = &self->v;
	int other = eventfd(0, EFD_CLOEXEC);

	EXPECT_EQ(0, tie(v, 1, self->event));
	EXPECT_EQ(-EEXIST, tie(v, 1, self->event));
	EXPECT_EQ(-EEXIST, tie(v, 1, other));
	EXPECT_EQ(0, tie(v, 2, self->event));
	EXPECT_EQ(0, untie(v, 1));
	EXPECT_EQ(0, tie(v, 1, other));
	close(other);
}

TEST_F(any_bar, untied)
{
	struct vdev *v = &self->v;

	EXPECT_EQ(-ENODEV, untie(v, 1));
	ASSERT_EQ(0, tie(v, 1, self->event));
	EXPECT_EQ(-ENODEV, untie(v, 2));
	EXPECT_EQ(0, untie(v, 1));
	EXPECT_EQ(-ENODEV, untie(v, 1));
	signal_times(self->event, SIGNALS);
	if (target_is("ours"))
		EXPECT_EQ(0, card_get("notify-member"));
}

/* A driver that rings one queue notifies that one alone. */
TEST_F(ioeventfd, each_value_has_its_own)
{
	struct vdev *v = &self->v;
	int other = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, tie(v, 0, self->event));
	ASSERT_EQ(0, tie(v, 1, other));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
	ASSERT_EQ(0, untie(v, 0));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
	signal_times(other, 1);
	EXPECT_EQ(SIGNALS + 1, card_get("notify-member"));
	close(other);
}

TEST_F(any_bar, bad_requests)
{
	static const uint32_t flags[] = {
		0, 3, 6, 15, 1 << 4, WIDTH | 1 << 4, WIDTH | 1U << 31,
	};
	uint64_t at = self->v.bar0 + REG_QUEUE_NOTIFY;
	struct vfio_device_ioeventfd request = {
		.argsz = offsetof(struct vfio_device_ioeventfd, fd),
		.flags = WIDTH, .offset = at, .fd = self->event,
	};
	struct vdev *v = &self->v;
	unsigned int i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		EXPECT_EQ(-EINVAL, vdev_ioeventfd(v, at, flags[i], 1, self->event)) {
			TH_LOG("flags %#x", flags[i]);
		}
	EXPECT_EQ(-EINVAL, tie(v, 1, -2));
	EXPECT_EQ(-EBADF, tie(v, 1, 1000000));
	EXPECT_EQ(-EINVAL, tie(v, 1, v->fd));
	EXPECT_EQ(-1, ioctl(v->fd, VFIO_DEVICE_IOEVENTFD, &request));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(v->fd, VFIO_DEVICE_IOEVENTFD, NULL));
	EXPECT_EQ(EFAULT, errno);
	/* Nothing was left behind. */
	EXPECT_EQ(-ENODEV, untie(v, 1));
}

TEST_F(ioeventfd, queue_notify_alone)
{
	static const unsigned int others[] = {
		0, REG_QUEUE_SEL, 15, 17, REG_STATUS, REG_CONFIG_VECTOR,
		BAR0_SIZE - 2, BAR0_SIZE - 1, BAR0_SIZE, 1 << 16,
	};
	static const uint32_t widths[] = {
		VFIO_DEVICE_IOEVENTFD_8, VFIO_DEVICE_IOEVENTFD_32,
		VFIO_DEVICE_IOEVENTFD_64,
	};
	struct vdev *v = &self->v;
	unsigned int i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		EXPECT_EQ(-EINVAL, vdev_ioeventfd(v, v->bar0 + others[i], WIDTH,
						  1, self->event)) {
			TH_LOG("offset %u", others[i]);
		}
	for (i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		EXPECT_EQ(-EINVAL, vdev_ioeventfd(v, v->bar0 + REG_QUEUE_NOTIFY,
						  widths[i], 1, self->event)) {
			TH_LOG("width %u", widths[i]);
		}
}

/* What isn't BAR0 is vfio_pci_core's, as ever. */
TEST_F(ioeventfd, other_regions)
{
	struct vdev *v = &self->v;
	uint64_t bar4;

	EXPECT_EQ(-EINVAL, vdev_ioeventfd(v, v->config, WIDTH, 1, self->event));
	bar4 = vdev_region(v, VFIO_PCI_BAR4_REGION_INDEX).offset;
	ASSERT_EQ(0, vdev_ioeventfd(v, bar4 + BAR4_NOTIFY, WIDTH, 1,
				    self->event));
	EXPECT_EQ(-EEXIST, vdev_ioeventfd(v, bar4 + BAR4_NOTIFY, WIDTH, 1,
					  self->event));
	signal_times(self->event, 1);
	EXPECT_TRUE(notified(1));
	EXPECT_EQ(-ENODEV, untie(v, 1));
	EXPECT_EQ(0, vdev_ioeventfd(v, bar4 + BAR4_NOTIFY, WIDTH, 1, -1));
}

TEST_F_TIMEOUT(any_bar, limit_of_the_device, 120)
{
	struct vdev *v = &self->v;
	unsigned int value;

	for (value = 0; value < LIMIT; value++)
		ASSERT_EQ(0, tie(v, value, self->event)) {
			TH_LOG("value %u", value);
		}
	EXPECT_EQ(-ENOSPC, tie(v, LIMIT, self->event));
	EXPECT_EQ(-EEXIST, tie(v, 0, self->event));
	EXPECT_EQ(0, untie(v, LIMIT / 2));
	EXPECT_EQ(0, tie(v, LIMIT, self->event));
	EXPECT_EQ(-ENOSPC, tie(v, LIMIT / 2, self->event));

	/* Closing makes room for all of them again. */
	vdev_close(v);
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	io_enable(v);
	for (value = 0; value < LIMIT; value++)
		ASSERT_EQ(0, tie(v, value, self->event));
	EXPECT_EQ(-ENOSPC, tie(v, LIMIT, self->event));
}

TEST_F(ioeventfd, limit_counts_all_bars)
{
	struct vdev *v = &self->v;
	unsigned int value;
	uint64_t bar4;

	bar4 = vdev_region(v, VFIO_PCI_BAR4_REGION_INDEX).offset;
	ASSERT_EQ(0, vdev_ioeventfd(v, bar4 + BAR4_NOTIFY, WIDTH, 1,
				    self->event));
	for (value = 0; value < LIMIT - 1; value++)
		ASSERT_EQ(0, tie(v, value, self->event));
	EXPECT_EQ(-ENOSPC, tie(v, LIMIT, self->event));
	EXPECT_EQ(0, vdev_ioeventfd(v, bar4 + BAR4_NOTIFY, WIDTH, 1, -1));
	EXPECT_EQ(0, tie(v, LIMIT, self->event));
}

TEST_F(ioeventfd, close_unties_all)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, tie(v, 0, self->event));
	ASSERT_EQ(0, tie(v, 1, self->event));
	vdev_close(v);
	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(0, card_get("notify-member"));
	EXPECT_EQ(-ENODEV, untie(v, 1));
	EXPECT_EQ(0, tie(v, 0, self->event));
}

/* Nobody can signal it any more; the value is as tied as before. */
TEST_F(any_bar, closed_eventfd)
{
	struct vdev *v = &self->v;
	int other = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, tie(v, 1, other));
	ASSERT_EQ(0, tie(v, 2, self->event));
	close(other);
	EXPECT_EQ(-EEXIST, tie(v, 1, self->event));
	EXPECT_EQ(0, untie(v, 1));
	EXPECT_EQ(0, tie(v, 1, self->event));
}

TEST_F(ioeventfd, signalled_before)
{
	signal_times(self->event, 1);
	ASSERT_EQ(0, tie(&self->v, 1, self->event));
	EXPECT_TRUE(notified(1));
}

/* What came while I/O Space was off must not come later. */
TEST_F(ioeventfd, lost_without_io_space)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, tie(v, 1, self->event));
	io_disable(v);
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(0, card_get("notify-member"));
	io_enable(v);
	msleep(100);
	EXPECT_EQ(0, card_get("notify-member"));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
}

/* All kinds of resets switch I/O Space off and leave what is tied. */
TEST_F(ioeventfd, stays_across_resets)
{
	int (*const resets[])(struct vdev *v) = {
		vdev_reset, vdev_flr, vdev_host_reset
	};
	struct vdev *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, tie(v, 1, self->event));
	for (i = 0; i < sizeof(resets) / sizeof(*resets); i++) {
		card_set("counters-reset", "true");
		ASSERT_EQ(0, resets[i](v));
		signal_times(self->event, SIGNALS);
		EXPECT_EQ(0, card_get("notify-member")) {
			TH_LOG("reset %u", i);
		}
		io_enable(v);
		signal_times(self->event, SIGNALS);
		EXPECT_EQ(SIGNALS, card_get("notify-member")) {
			TH_LOG("reset %u", i);
		}
	}
	EXPECT_EQ(-EEXIST, tie(v, 1, self->event));
}

static void set_power(struct vdev *v, unsigned int state)
{
	unsigned int pm = find_capability(v, PCI_CAP_ID_PM);

	config_set(v, pm + PCI_PM_CTRL, 2, state);
}

TEST_F(ioeventfd, lost_in_d3)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, tie(v, 1, self->event));
	set_power(v, 3);
	signal_times(self->event, SIGNALS);
	msleep(100);
	EXPECT_EQ(0, card_get("notify-member"));
	set_power(v, 0);
	io_enable(v);
	EXPECT_EQ(0, card_get("notify-member"));
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
}

/* As a guest's own write: not lost because the host let the device sleep. */
TEST_F(ioeventfd, wakes_from_low_power)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, tie(v, 1, self->event));
	ASSERT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
	msleep(100);
	signal_times(self->event, 1);
	EXPECT_TRUE(notified(1));
	EXPECT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
	card_set("counters-reset", "true");
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
}

struct load {
	struct vdev *v;
	int event;
	atomic_bool stop;
	atomic_ulong done;
	atomic_uint failed;
};

static void *read_until_stopped(void *arg)
{
	struct load *load = arg;

	while (!load->stop)
		io_get(load->v, REG_HOST_FEATURES, 4);
	return NULL;
}

/* While two vCPUs wait in register accesses of a second each. */
TEST_F_TIMEOUT(ioeventfd, does_not_wait_for_registers, 60)
{
	struct load load = { .v = &self->v };
	unsigned int signals = 0, i;
	pthread_t readers[2];
	uint64_t end, start, worst = 0;

	ASSERT_EQ(0, tie(&self->v, 1, self->event));
	card_set_number("delay-opcode", CMD_COMMON_READ);
	card_set_number("delay-ms", SLOW_MS);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL,
					    read_until_stopped, &load));
	for (end = now_us() + 2 * SLOW_MS * 1000; now_us() < end; signals++) {
		start = now_us();
		signal_times(self->event, 1);
		if (now_us() - start > worst)
			worst = now_us() - start;
		usleep(1000);
	}
	load.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);

	TH_LOG("%u signals, worst %lu us", signals, (unsigned long)worst);
	EXPECT_EQ(signals, card_get("notify-member"));
	EXPECT_GT(SLOW_MS / 2 * 1000, worst);
}

static void *signal_until_stopped(void *arg)
{
	struct load *load = arg;

	while (!load->stop) {
		signal_times(load->event, SIGNALS);
		load->done += SIGNALS;
		/* Who changes things needs a processor, too. */
		usleep(500);
	}
	return NULL;
}

static void *tie_until_stopped(void *arg)
{
	struct load *load = arg;

	while (!load->stop) {
		if (tie(load->v, 7, load->event) || untie(load->v, 7))
			load->failed++;
		load->done++;
	}
	return NULL;
}

/* Whatever makes the store unsafe, with signals coming from all sides. */
TEST_F_TIMEOUT(ioeventfd, signals_under_change, 120)
{
	struct load load = { .v = &self->v, .event = self->event };
	struct load ties = { .v = &self->v, .event = self->event };
	pthread_t threads[THREADS], tier;
	struct vdev *v = &self->v;
	unsigned int i, rounds;
	uint64_t end;

	ASSERT_EQ(0, tie(v, 0, self->event));
	ASSERT_EQ(0, tie(v, 1, self->event));
	ASSERT_EQ(0, pthread_create(&tier, NULL, tie_until_stopped, &ties));
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    signal_until_stopped, &load));

	end = now_us() + STRESS_MS * 1000;
	for (rounds = 0; now_us() < end; rounds++) {
		io_enable(v);
		EXPECT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
		usleep(1000);
		EXPECT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
		set_power(v, 3);
		set_power(v, 0);
		EXPECT_EQ(0, rounds % 2 ? vdev_reset(v) : vdev_host_reset(v));
		io_enable(v);
		io_disable(v);
	}
	load.stop = true;
	ties.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(tier, NULL);

	TH_LOG("%u rounds, %lu signals, %lu times tied", rounds, load.done,
	       ties.done);
	EXPECT_EQ(0, ties.failed);
	EXPECT_LT(1, ties.done);
	EXPECT_LT(SIGNALS, load.done);

	io_enable(v);
	ASSERT_EQ(0, untie(v, 0));
	card_set("counters-reset", "true");
	signal_times(self->event, SIGNALS);
	EXPECT_EQ(SIGNALS, card_get("notify-member"));
}

/* The file goes away while signals come. */
TEST_F_TIMEOUT(ioeventfd, signals_while_closed, 120)
{
	struct load load = { .event = self->event };
	pthread_t threads[THREADS];
	struct vdev *v = &self->v;
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    signal_until_stopped, &load));
	for (i = 0; i < SIGNALS; i++) {
		ASSERT_EQ(0, tie(v, i, self->event));
		msleep(20);
		vdev_close(v);
		ASSERT_EQ(0, open_with_entries(v, "\"member\""));
		EXPECT_EQ(0, card_get("notify-member"));
	}
	load.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

TEST_HARNESS_MAIN
