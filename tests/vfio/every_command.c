// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each admin command of the legacy interface with each way in which a card can
 * fail it: the call of userspace that causes the command ends in time, other
 * VFs go on, and the device can be used again.
 */
#include <errno.h>
#include <string.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define ANY		0xffffffff
#define TIMEOUT_MS	300
/* What needs no answer from the card; slow machines take their time. */
#define QUICK_MS	slow(2000)
#define LATE_MS		1500
/* The timer ticks of a busy machine lag behind its clock. */
#define EARLY_MS	50
#define SLACK_MS	slow(1200)	/* with the second in which a card shows life */
#define CONFIG		20	/* the device configuration, without MSI-X */

static const unsigned int commands[] = {
	CMD_COMMON_WRITE, CMD_COMMON_READ, CMD_DEV_WRITE, CMD_DEV_READ,
	CMD_NOTIFY_INFO,
};

#define COMMANDS	(sizeof(commands) / sizeof(*commands))

FIXTURE(every_command)
{
	struct vdev v;
	struct vdev other;
	uint8_t value;
};

FIXTURE_SETUP(every_command)
{
	card_defaults();
	vdev_init(&self->v);
	vdev_init(&self->other);
	log_expect("LEGACY_");
	log_expect("admin command error");
	log_expect("Failed to execute command");
	ASSERT_EQ(0, rebind_transitional(env("OTHER_BDF")));
	ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
	ASSERT_EQ(0, vdev_open(&self->other, env("OTHER_BDF")));
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
	io_enable(&self->other);
	io_enable(&self->v);
}

FIXTURE_TEARDOWN(every_command)
{
	card_defaults();
	admin_timeout_default();
	vdev_close(&self->v);
	vdev_close(&self->other);
}

/* What makes the driver send the command; a register's length or an error. */
static int provoke(struct vdev *v, unsigned int cmd, uint8_t *value)
{
	switch (cmd) {
	case CMD_COMMON_WRITE:
		/* Not Device Status, where 0 brings reads with it. */
		return bar0_write(v, REG_QUEUE_SEL, value, 1);
	case CMD_COMMON_READ:
		return bar0_read(v, REG_STATUS, value, 1);
	case CMD_DEV_WRITE:
		return bar0_write(v, CONFIG, value, 1);
	case CMD_DEV_READ:
		return bar0_read(v, CONFIG, value, 1);
	default:
		vdev_close(v);
		if (vdev_open(v, env("VFIO_BDF")))
			return -EIO;
		io_enable(v);
		return 1;
	}
}

/* The one command under test, to completion; also how long it took. */
static int timed(struct vdev *v, unsigned int cmd, uint64_t *ms)
{
	uint64_t start = now_us();
	uint8_t value = 0;
	int ret = provoke(v, cmd, &value);

	*ms = (now_us() - start) / 1000;
	return ret;
}

static bool is_read(unsigned int cmd)
{
	return cmd == CMD_COMMON_READ || cmd == CMD_DEV_READ;
}

/* Whether the device has a notify address or not, it can be opened. */
static int expected(unsigned int cmd, int error)
{
	return cmd == CMD_NOTIFY_INFO ? 1 : error;
}

static void check_usable(struct __test_metadata *_metadata, struct vdev *v)
{
	uint8_t value = 0;
	unsigned int i;

	for (i = 0; i < COMMANDS; i++) {
		unsigned int cmd = commands[i];

		EXPECT_EQ(1, provoke(v, cmd, &value)) {
			TH_LOG("command %u", cmd);
		}
	}
}

static void check_status(struct __test_metadata *_metadata, struct vdev *v,
			 struct vdev *other, unsigned int status)
{
	unsigned int i;
	uint64_t ms;

	for (i = 0; i < COMMANDS; i++) {
		unsigned int cmd = commands[i];

		card_set_number("fail-status", status);
		card_set_number("fail-opcode", cmd);
		EXPECT_EQ(expected(cmd, -EIO), timed(v, cmd, &ms)) {
			TH_LOG("command %u", cmd);
		}
		EXPECT_GT(QUICK_MS, ms);
		card_set_number("fail-opcode", ANY);
		EXPECT_EQ(0, io_get(other, REG_STATUS, 1));
		check_usable(_metadata, v);
	}
	card_set_number("fail-status", 22);
}

TEST_F(every_command, error)
{
	check_status(_metadata, &self->v, &self->other, 16);
}

TEST_F(every_command, garbage)
{
	check_status(_metadata, &self->v, &self->other, 0xabcd);
}

/* Under the kernel's own driver of the PF nobody is told of the length. */
static void check_length(struct __test_metadata *_metadata, struct vdev *v,
			 struct vdev *other, int delta)
{
	int error = provider_is("owner") ? -EIO : 1;
	unsigned int i;
	uint64_t ms;

	for (i = 0; i < COMMANDS; i++) {
		unsigned int cmd = commands[i];

		card_set_number("reply-size-delta", delta);
		EXPECT_EQ(is_read(cmd) ? error : 1, timed(v, cmd, &ms)) {
			TH_LOG("command %u", cmd);
		}
		EXPECT_GT(QUICK_MS, ms);
		card_set_number("reply-size-delta", 0);
		EXPECT_EQ(0, io_get(other, REG_STATUS, 1));
		check_usable(_metadata, v);
	}
}

TEST_F(every_command, short_reply)
{
	check_length(_metadata, &self->v, &self->other, -1);
}

TEST_F(every_command, oversized_reply)
{
	check_length(_metadata, &self->v, &self->other, 8);
}

TEST_F_TIMEOUT(every_command, late, 60)
{
	struct vdev *v = &self->v;
	unsigned int i;
	uint64_t ms;

	ASSERT_EQ(0, param_set("admin_timeout", "300"));
	for (i = 0; i < COMMANDS; i++) {
		unsigned int cmd = commands[i];

		card_set_number("delay-opcode", cmd);
		card_set_number("delay-ms", LATE_MS);
		EXPECT_EQ(expected(cmd, -ETIMEDOUT), timed(v, cmd, &ms)) {
			TH_LOG("command %u", cmd);
		}
		EXPECT_LE(TIMEOUT_MS - EARLY_MS, ms);
		EXPECT_GT(TIMEOUT_MS + SLACK_MS, ms);
		card_set_number("delay-ms", 0);
		EXPECT_EQ(0, io_get(&self->other, REG_STATUS, 1));

		msleep(LATE_MS);
		check_usable(_metadata, v);
	}
}

TEST_F_TIMEOUT(every_command, never, 60)
{
	struct vdev *v = &self->v;
	unsigned int i;
	uint64_t ms;

	if (!provider_is("owner"))
		SKIP(return, "the kernel's own wait has no end, see faults.zz_no_answer");

	ASSERT_EQ(0, param_set("admin_timeout", "300"));
	for (i = 0; i < COMMANDS; i++) {
		unsigned int cmd = commands[i];

		card_set_number("drop-opcode", cmd);
		EXPECT_EQ(expected(cmd, -ETIMEDOUT), timed(v, cmd, &ms)) {
			TH_LOG("command %u", cmd);
		}
		EXPECT_LE(TIMEOUT_MS - EARLY_MS, ms);
		EXPECT_GT(TIMEOUT_MS + SLACK_MS, ms);
		card_set_number("drop-opcode", ANY);

		/* The VF knows, and nobody else need care. */
		EXPECT_EQ(expected(cmd, -EIO), timed(v, cmd, &ms));
		EXPECT_GT(QUICK_MS, ms);
		EXPECT_EQ(0, io_get(&self->other, REG_STATUS, 1));

		vdev_close(v);
		ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
		ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
		io_enable(v);
		check_usable(_metadata, v);
	}
}

TEST_HARNESS_MAIN
