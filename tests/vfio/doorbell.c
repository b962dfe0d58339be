// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver notifications: which way they take, and that they wait for nobody.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define RINGS		10
#define SLOW_MS		1000
#define THREADS		8

FIXTURE(doorbell)
{
	struct vdev v;
};

FIXTURE_SETUP(doorbell)
{
	if (target_is("oracle"))
		SKIP(return, "no admin commands");
	vdev_init(&self->v);
	card_defaults();
}

FIXTURE_TEARDOWN(doorbell)
{
	if (target_is("oracle"))
		return;
	card_defaults();
	vdev_close(&self->v);
}

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

static void ring(struct vdev *v, unsigned int times)
{
	while (times--)
		io_set(v, REG_QUEUE_NOTIFY, 2, times & 1);
}

static void check_way(struct __test_metadata *_metadata, struct vdev *v,
		      const char *entries, const char *way)
{
	static const char * const ways[] = {
		"notify-member", "notify-owner", "notify-cmd"
	};
	unsigned int i;

	ASSERT_EQ(0, open_with_entries(v, entries)) {
		TH_LOG("entries %s", entries);
	}
	ring(v, RINGS);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(strcmp(way, ways[i]) ? 0 : RINGS, card_get(ways[i])) {
			TH_LOG("entries %s, way %u", entries, i);
		}
	vdev_close(v);
}

TEST_F(doorbell, member_address)
{
	check_way(_metadata, &self->v, "\"member\"", "notify-member");
}

TEST_F(doorbell, owner_address)
{
	check_way(_metadata, &self->v, "\"owner\"", "notify-owner");
}

/*
 * The kernel shows the first entry of each kind and not their order, so of two
 * valid ones either may be taken where the owner's is first.
 */
TEST_F(doorbell, first_of_two)
{
	struct vdev *v = &self->v;

	check_way(_metadata, v, "\"member,owner\"", "notify-member");
	ASSERT_EQ(0, open_with_entries(v, "\"owner,member\""));
	ring(v, RINGS);
	EXPECT_EQ(0, card_get("notify-cmd"));
	EXPECT_EQ(RINGS, card_get("notify-owner") + card_get("notify-member"));
}

TEST_F(doorbell, no_entry)
{
	check_way(_metadata, &self->v, "\"\"", "notify-cmd");
	check_way(_metadata, &self->v, "\"end,member\"", "notify-cmd");
}

static void check_invalid(struct __test_metadata *_metadata, struct vdev *v,
			  const char *entry, const char *owner_entry)
{
	char entries[64];

	log_expect("notify address ignored");
	if (target_is("ours"))
		ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
	log_mark();

	snprintf(entries, sizeof(entries), "\"%s\"", entry);
	check_way(_metadata, v, entries, "notify-cmd");
	EXPECT_EQ(1, log_count("notify address ignored: flags 2"));
	snprintf(entries, sizeof(entries), "\"%s\"", owner_entry);
	check_way(_metadata, v, entries, "notify-cmd");
	snprintf(entries, sizeof(entries), "\"%s,owner\"", entry);
	check_way(_metadata, v, entries, "notify-owner");
	snprintf(entries, sizeof(entries), "\"%s,member\"", owner_entry);
	check_way(_metadata, v, entries, "notify-member");
}

TEST_F(doorbell, out_of_range_ignored)
{
	check_invalid(_metadata, &self->v, "oob", "oob:owner");
}

TEST_F(doorbell, misaligned_ignored)
{
	check_invalid(_metadata, &self->v, "misaligned", "misaligned:owner");
}

TEST_F(doorbell, bad_bar_ignored)
{
	check_invalid(_metadata, &self->v, "badbar", "badbar:owner");
}

TEST_F(doorbell, absent_bar_ignored)
{
	check_invalid(_metadata, &self->v, "nobar", "nobar:owner");
}

TEST_F(doorbell, reserved_flags_ignored)
{
	check_way(_metadata, &self->v, "\"badflags\"", "notify-cmd");
	check_way(_metadata, &self->v, "\"badflags,owner\"", "notify-owner");
}

/* LEGACY_NOTIFY_INFO is optional. */
TEST_F(doorbell, without_notify_info)
{
	log_expect("LEGACY_NOTIFY_INFO");
	log_expect("admin command error");
	card_set_number("fail-opcode", CMD_NOTIFY_INFO);
	card_set_number("fail-status", EINVAL);
	check_way(_metadata, &self->v, "\"member\"", "notify-cmd");
}

TEST_F(doorbell, takes_no_admin_command)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	ring(v, RINGS);
	EXPECT_EQ(0, card_get("cmds-total"));
}

TEST_F(doorbell, as_part_of_a_wider_write)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	io_set(v, REG_QUEUE_SEL, 4, 1 << 16);
	EXPECT_EQ(1, card_get("notify-member"));
	EXPECT_EQ(1, card_get("cmd-2"));
}

TEST_F(doorbell, lost_without_io_space)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	config_set(v, PCI_COMMAND, 2, config_get(v, PCI_COMMAND, 2) &
				      ~PCI_COMMAND_IO);
	ring(v, RINGS);
	EXPECT_EQ(0, card_get("notify-member"));
	EXPECT_EQ(0, card_get("notify-cmd"));
	io_enable(v);
	ring(v, RINGS);
	EXPECT_EQ(RINGS, card_get("notify-member"));
}

/* A legacy driver has no need of memory BARs, and a VF no such bit. */
TEST_F(doorbell, needs_no_memory_space)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	config_set(v, PCI_COMMAND, 2, config_get(v, PCI_COMMAND, 2) &
				      ~PCI_COMMAND_MEMORY);
	ring(v, RINGS);
	EXPECT_EQ(RINGS, card_get("notify-member"));
}

TEST_F(doorbell, works_after_resets)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	ASSERT_EQ(0, vdev_reset(v));
	io_enable(v);
	ring(v, RINGS);
	EXPECT_EQ(RINGS, card_get("notify-member"));
	ASSERT_EQ(0, vdev_flr(v));
	io_enable(v);
	ring(v, RINGS);
	EXPECT_EQ(2 * RINGS, card_get("notify-member"));
}

/* A guest's notification must not be lost because the host let it sleep. */
TEST_F(doorbell, works_in_low_power)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	ASSERT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY));
	msleep(100);
	ring(v, RINGS);
	EXPECT_EQ(RINGS, card_get("notify-member"));
	EXPECT_EQ(0, vdev_low_power(v, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT));
	ring(v, RINGS);
	EXPECT_EQ(2 * RINGS, card_get("notify-member"));
}

/* D3 is the guest's own doing, and nothing is there to be notified. */
TEST_F(doorbell, works_after_d3)
{
	struct vdev *v = &self->v;
	unsigned int pm;
	uint16_t queue = 0;

	ASSERT_EQ(0, open_with_entries(v, "\"member\""));
	pm = find_capability(v, PCI_CAP_ID_PM);
	ASSERT_NE(0, pm);

	config_set(v, pm + PCI_PM_CTRL, 2, 3);
	ASSERT_EQ(3, config_get(v, pm + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK);
	bar0_write(v, REG_QUEUE_NOTIFY, &queue, sizeof(queue));
	EXPECT_EQ(0, card_get("notify-member"));

	config_set(v, pm + PCI_PM_CTRL, 2, 0);
	io_enable(v);
	ring(v, RINGS);
	EXPECT_EQ(RINGS, card_get("notify-member"));
}

struct load {
	struct vdev *v;
	atomic_bool stop;
	atomic_ulong worst_us;
	atomic_ulong rings;
	atomic_ulong reads;
};

static void *ring_until_stopped(void *arg)
{
	struct load *load = arg;
	unsigned long worst, took;
	uint64_t start;

	while (!load->stop) {
		start = now_us();
		io_set(load->v, REG_QUEUE_NOTIFY, 2, 1);
		took = now_us() - start;
		worst = load->worst_us;
		while (took > worst &&
		       !atomic_compare_exchange_weak(&load->worst_us, &worst,
						     took))
			;
		load->rings++;
		usleep(1000);
	}
	return NULL;
}

static void *read_until_stopped(void *arg)
{
	struct load *load = arg;

	while (!load->stop) {
		io_get(load->v, REG_HOST_FEATURES, 4);
		load->reads++;
	}
	return NULL;
}

/* 8 vCPUs notify while two others wait in register accesses of a second each. */
static void check_no_wait(struct __test_metadata *_metadata, struct vdev *v,
			  const char *entries)
{
	pthread_t ringers[THREADS], readers[2];
	struct load load = { .v = v };
	unsigned int i;

	ASSERT_EQ(0, open_with_entries(v, entries));
	card_set_number("delay-opcode", CMD_COMMON_READ);
	card_set_number("delay-ms", SLOW_MS);

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL,
					    read_until_stopped, &load));
	msleep(100);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&ringers[i], NULL,
					    ring_until_stopped, &load));
	msleep(2500);
	load.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(ringers[i], NULL);
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);

	TH_LOG("%lu notifications, worst %lu us, %lu reads", load.rings,
	       load.worst_us, load.reads);
	EXPECT_LT(100, load.rings);
	EXPECT_LE(2, load.reads);
	EXPECT_GT(SLOW_MS / 2 * 1000, load.worst_us);
}

TEST_F_TIMEOUT(doorbell, does_not_wait_for_registers, 60)
{
	check_no_wait(_metadata, &self->v, "\"member\"");
}

TEST_F_TIMEOUT(doorbell, by_command_does_not_wait_for_registers, 60)
{
	check_no_wait(_metadata, &self->v, "\"\"");
}

TEST_HARNESS_MAIN
