// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that takes its time for a reset: the write of 0 to Device Status, and
 * what else resets it, returns when it's over.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define RESET_MS	400
/* Long enough to do something else meanwhile, less than the default bound. */
#define BESIDE_MS	1500
#define LONG_MS		4000
#define BOUND_MS	600
/* The card's clock starts before ours, and a machine may be busy. */
#define EARLY_MS	20
#define SLACK_MS	2500
#define DEFAULT_BOUND	"2000"
#define NOT_RESET	"not reset after"
#define IN_USE		(STATUS_ACKNOWLEDGE | STATUS_DRIVER)

FIXTURE(reset)
{
	struct vdev v;
};

FIXTURE_SETUP(reset)
{
	if (!target_is("ours"))
		SKIP(return, "nobody else waits for a reset");
	vdev_init(&self->v);
	card_defaults();
	log_expect(NOT_RESET);
	ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
	io_enable(&self->v);
	log_mark();
}

FIXTURE_TEARDOWN(reset)
{
	if (!target_is("ours"))
		return;
	param_set("legacy_reset_timeout", DEFAULT_BOUND);
	card_defaults();
	vdev_close(&self->v);
}

static void use(struct vdev *v)
{
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, IN_USE);
}

/* A device that a driver has up, and whose reset takes @ms. */
static void use_slow(struct vdev *v, unsigned int ms)
{
	use(v);
	card_set_number("reset-ms", ms);
}

static unsigned int ms_since(uint64_t start)
{
	return (now_us() - start) / 1000;
}

static unsigned int reset_ms(struct vdev *v)
{
	uint64_t start = now_us();

	io_set(v, REG_STATUS, 1, 0);
	return ms_since(start);
}

static bool in_time(unsigned int ms, unsigned int expected)
{
	if (ms >= expected - EARLY_MS && ms < expected + SLACK_MS)
		return true;
	printf("# took %u ms, not %u\n", ms, expected);
	return false;
}

TEST_F(reset, returns_when_done)
{
	struct vdev *v = &self->v;

	use_slow(v, RESET_MS);
	EXPECT_TRUE(in_time(reset_ms(v), RESET_MS));
	EXPECT_EQ(0, card_get("resets-pending"));
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_active"));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
	EXPECT_EQ(0, log_count(NOT_RESET));

	/* And it can be used again. */
	use(v);
	EXPECT_EQ(IN_USE, io_get(v, REG_STATUS, 1));
}

/* Where it is done at once, that costs one look. */
TEST_F(reset, at_once_is_one_read_more)
{
	struct vdev *v = &self->v;

	use(v);
	card_set("counters-reset", "true");
	io_set(v, REG_STATUS, 1, 0);
	EXPECT_EQ(1, card_get("cmd-2"));
	EXPECT_EQ(1, card_get("cmd-3"));
	EXPECT_EQ(2, card_get("cmds-total"));

	/* No other write of the register has one. */
	use(v);
	EXPECT_EQ(3, card_get("cmd-2"));
	EXPECT_EQ(1, card_get("cmd-3"));
}

TEST_F_TIMEOUT(reset, any_write_that_covers_status, 60)
{
	static const struct {
		unsigned int offset;
		unsigned int len;
	} writes[] = {
		{ REG_QUEUE_NOTIFY, 3 }, { REG_QUEUE_NOTIFY, 4 },
		{ REG_QUEUE_NOTIFY + 1, 2 }, { REG_STATUS, 2 },
		{ REG_STATUS, 4 }, { REG_QUEUE_SEL, 8 },
	};
	struct vdev *v = &self->v;
	uint8_t zeroes[8] = { };
	uint64_t start;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		use_slow(v, RESET_MS);
		start = now_us();
		EXPECT_EQ(writes[i].len, bar0_write(v, writes[i].offset, zeroes,
						    writes[i].len));
		EXPECT_TRUE(in_time(ms_since(start), RESET_MS)) {
			TH_LOG("%u bytes at %u", writes[i].len,
			       writes[i].offset);
		}
		EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
		card_set_number("reset-ms", 0);
	}
}

TEST_F_TIMEOUT(reset, bound, 60)
{
	struct vdev *v = &self->v;
	char line[80];

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "600"));
	use_slow(v, LONG_MS);
	EXPECT_TRUE(in_time(reset_ms(v), BOUND_MS));
	EXPECT_EQ(1, card_get("resets-pending"));
	EXPECT_EQ(1, vf_get(v->bdf, "legacy_reset_timeout"));
	snprintf(line, sizeof(line), "virtio_vfio_pci %s: not reset after 600 ms",
		 v->bdf);
	EXPECT_EQ(1, log_count(line));

	/* What the guest sees then is the device's. */
	EXPECT_EQ(IN_USE, io_get(v, REG_STATUS, 1));
	msleep(LONG_MS);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(1, vf_get(v->bdf, "legacy_reset_timeout"));
}

TEST_F_TIMEOUT(reset, bound_by_default, 60)
{
	struct vdev *v = &self->v;

	use_slow(v, LONG_MS);
	EXPECT_TRUE(in_time(reset_ms(v), 2000));
	EXPECT_EQ(1, vf_get(v->bdf, "legacy_reset_timeout"));
}

TEST_F(reset, no_bound_no_look)
{
	struct vdev *v = &self->v;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "0"));
	use_slow(v, LONG_MS);
	card_set("counters-reset", "true");
	io_set(v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, card_get("cmd-3"));
	EXPECT_EQ(1, card_get("resets-pending"));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
}

TEST_F_TIMEOUT(reset, log_is_limited, 60)
{
	struct vdev *v = &self->v;
	unsigned int i, lines;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "1"));
	use_slow(v, 20 * 1000);
	for (i = 0; i < 100; i++)
		io_set(v, REG_STATUS, 1, 0);
	lines = log_count(v->bdf);
	EXPECT_LE(1, lines);
	EXPECT_GE(20, lines);
	EXPECT_EQ(100 - lines, vf_get(v->bdf, "log_suppressed"));
	EXPECT_EQ(100, vf_get(v->bdf, "legacy_reset_timeout"));
}

/* A device may also refuse to answer while it is busy with its reset. */
TEST_F(reset, device_says_try_again)
{
	struct vdev *v = &self->v;

	log_expect("admin command error");
	use(v);
	card_set("counters-reset", "true");
	card_set_number("fail-count", 5);
	card_set_number("fail-status", EAGAIN);
	card_set_number("fail-opcode", CMD_COMMON_READ);
	io_set(v, REG_STATUS, 1, 0);
	EXPECT_EQ(6, card_get("cmd-3"));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
	EXPECT_EQ(0, log_count("LEGACY_COMMON_CFG_READ"));
}

TEST_F(reset, device_fails)
{
	struct vdev *v = &self->v;
	uint8_t zero = 0;

	log_expect("admin command error");
	log_expect("LEGACY_COMMON_CFG_");
	use(v);
	card_set_number("fail-status", 16);
	card_set_number("fail-opcode", CMD_COMMON_READ);
	EXPECT_EQ(-EIO, bar0_write(v, REG_STATUS, &zero, 1));
	EXPECT_EQ(1, log_count("LEGACY_COMMON_CFG_READ of Device Status"));
	card_set_number("fail-opcode", CMD_COMMON_WRITE);
	EXPECT_EQ(-EIO, bar0_write(v, REG_STATUS, &zero, 1));
	EXPECT_EQ(1, log_count("LEGACY_COMMON_CFG_WRITE of Device Status"));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
}

TEST_F_TIMEOUT(reset, waiter_can_be_killed, 60)
{
	struct vdev *v = &self->v;
	uint8_t zero = 0;
	uint64_t start;
	pid_t child;
	int status;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "10000"));
	use_slow(v, LONG_MS);
	child = fork();
	if (!child) {
		bar0_write(v, REG_STATUS, &zero, 1);
		_exit(0);
	}
	msleep(500);
	start = now_us();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_GT(SLACK_MS, ms_since(start));
	EXPECT_EQ(1, card_get("resets-pending"));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
}

/* What somebody else does while one thread waits in a reset. */
struct beside {
	struct vdev *v;
	pthread_t thread;
	unsigned int ms;
};

static void *do_reset(void *arg)
{
	struct beside *b = arg;

	b->ms = reset_ms(b->v);
	return NULL;
}

static int begin_reset(struct beside *b, struct vdev *v)
{
	b->v = v;
	use_slow(v, BESIDE_MS);
	if (pthread_create(&b->thread, NULL, do_reset, b))
		return -1;
	while (!card_get("resets-pending"))
		;
	return 0;
}

TEST_F_TIMEOUT(reset, other_registers_wait, 60)
{
	static const unsigned int registers[] = {
		REG_HOST_FEATURES, REG_QUEUE_SEL, REG_ISR, 24,
	};
	struct vdev *v = &self->v;
	struct beside b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		ASSERT_EQ(0, begin_reset(&b, v));
		io_get(v, registers[i], 1);
		EXPECT_EQ(0, card_get("resets-pending")) {
			TH_LOG("register %u", registers[i]);
		}
		pthread_join(b.thread, NULL);
		EXPECT_TRUE(in_time(b.ms, BESIDE_MS));
		card_set_number("reset-ms", 0);
	}
}

static void check_doorbell(struct __test_metadata *_metadata, struct vdev *v,
			   const char *counter)
{
	struct beside b;

	card_set("counters-reset", "true");
	ASSERT_EQ(0, begin_reset(&b, v));
	io_set(v, REG_QUEUE_NOTIFY, 2, 1);
	EXPECT_EQ(1, card_get("resets-pending"));
	EXPECT_EQ(1, card_get(counter));
	pthread_join(b.thread, NULL);
}

TEST_F(reset, doorbell_does_not_wait)
{
	check_doorbell(_metadata, &self->v, "notify-member");
}

TEST_F(reset, doorbell_by_command_does_not_wait)
{
	struct vdev *v = &self->v;

	vdev_close(v);
	card_set("notify-entries", "\"\"");
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	io_enable(v);
	check_doorbell(_metadata, v, "notify-cmd");
}

TEST_F(reset, other_vf_does_not_wait)
{
	struct vdev other;
	struct beside b;

	ASSERT_EQ(0, rebind_transitional(env("OTHER_BDF")));
	ASSERT_EQ(0, vdev_open(&other, env("OTHER_BDF")));
	io_enable(&other);
	ASSERT_EQ(0, begin_reset(&b, &self->v));
	io_set(&other, REG_STATUS, 1, 0);
	EXPECT_EQ(0, io_get(&other, REG_STATUS, 1));
	EXPECT_EQ(1, card_get("resets-pending"));
	pthread_join(b.thread, NULL);
	vdev_close(&other);
}

/* The function's own reset, which may leave the virtio device behind. */
static void check_function_reset(struct __test_metadata *_metadata,
				 struct vdev *v, int (*reset)(struct vdev *v))
{
	uint64_t start;

	use_slow(v, RESET_MS);
	card_set("reset-flr", "true");
	start = now_us();
	ASSERT_EQ(0, reset(v));
	EXPECT_LE(RESET_MS - EARLY_MS, ms_since(start));
	EXPECT_EQ(0, card_get("resets-pending"));
	io_enable(v);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(0, vf_get(v->bdf, "legacy_reset_timeout"));
}

TEST_F(reset, vfio_reset)
{
	check_function_reset(_metadata, &self->v, vdev_reset);
}

TEST_F(reset, flr)
{
	check_function_reset(_metadata, &self->v, vdev_flr);
}

TEST_F(reset, host_reset)
{
	check_function_reset(_metadata, &self->v, vdev_host_reset);
}

TEST_F_TIMEOUT(reset, vfio_reset_bound, 60)
{
	struct vdev *v = &self->v;
	uint64_t start;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "600"));
	use_slow(v, LONG_MS);
	card_set("reset-flr", "true");
	start = now_us();
	ASSERT_EQ(0, vdev_reset(v));
	EXPECT_GT(BOUND_MS + SLACK_MS, ms_since(start));
	EXPECT_LE(BOUND_MS - EARLY_MS, ms_since(start));
	EXPECT_EQ(1, vf_get(v->bdf, "legacy_reset_timeout"));
	EXPECT_EQ(1, log_count(NOT_RESET));
}

/* An access that is under way doesn't hold it up for longer. */
TEST_F_TIMEOUT(reset, host_reset_beside_an_access, 60)
{
	struct vdev *v = &self->v;
	struct beside b = { .v = v };
	uint64_t start;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "600"));
	card_set_number("delay-opcode", CMD_COMMON_WRITE);
	card_set_number("delay-ms", LONG_MS);
	card_set("counters-reset", "true");
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, do_reset, &b));
	while (!card_get("cmd-2"))
		;
	start = now_us();
	EXPECT_EQ(0, vdev_host_reset(v));
	EXPECT_GT(BOUND_MS + SLACK_MS, ms_since(start));
	pthread_join(b.thread, NULL);
}

static unsigned int close_ms(struct vdev *v)
{
	uint64_t start = now_us();

	vdev_close(v);
	return ms_since(start);
}

TEST_F(reset, close)
{
	struct vdev *v = &self->v;

	use_slow(v, RESET_MS);
	card_set("reset-flr", "true");
	EXPECT_LE(RESET_MS - EARLY_MS, close_ms(v));
	EXPECT_EQ(0, card_get("resets-pending"));
	EXPECT_EQ(0, vf_get(env("VFIO_BDF"), "legacy_reset_timeout"));
}

/* One look, where the function reset has done it. */
TEST_F(reset, close_looks_once)
{
	struct vdev *v = &self->v;

	use_slow(v, RESET_MS);
	card_set("counters-reset", "true");
	vdev_close(v);
	EXPECT_EQ(1, card_get("cmds-total"));
	EXPECT_EQ(1, card_get("cmd-3"));
}

/* Nobody but Device Status resets this one. */
TEST_F(reset, close_without_function_reset)
{
	struct vdev *v = &self->v;
	char bdf[32], path[128];

	snprintf(bdf, sizeof(bdf), "%s", v->bdf);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method",
		 bdf);
	vdev_close(v);
	log_expect("All device reset methods disabled by user");
	ASSERT_EQ(0, sysfs_write(path, "\n"));
	ASSERT_EQ(0, vdev_open(v, bdf));
	io_enable(v);
	use_slow(v, RESET_MS);
	card_set("counters-reset", "true");
	EXPECT_TRUE(in_time(close_ms(v), RESET_MS));
	EXPECT_EQ(1, card_get("cmd-2"));
	EXPECT_EQ(0, card_get("resets-pending"));
	EXPECT_EQ(0, sysfs_write(path, "default"));
}

/* While the function is being unbound nobody can reset it when it's closed. */
TEST_F_TIMEOUT(reset, unbind, 60)
{
	struct vdev *v = &self->v;
	char bdf[32];
	pid_t child;
	int status;
	int event;

	snprintf(bdf, sizeof(bdf), "%s", v->bdf);
	event = event_enable(v, VFIO_PCI_REQ_IRQ_INDEX);
	ASSERT_LE(0, event);
	use_slow(v, RESET_MS);
	card_set("counters-reset", "true");
	child = fork();
	if (!child) {
		vdev_close(v);
		_exit(pci_unbind(bdf) ? 1 : 0);
	}
	EXPECT_TRUE(eventfd_wait(event, LONG_MS));
	EXPECT_LE(RESET_MS - EARLY_MS, close_ms(v));
	EXPECT_EQ(0, card_get("resets-pending"));
	EXPECT_EQ(1, card_get("cmd-2"));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
