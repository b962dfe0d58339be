// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that fails, answers late, too little or not at all.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define ANY		0xffffffffU
#define TIMEOUT_MS	500
/* The timer ticks of a busy machine lag behind its clock. */
#define EARLY_MS	50
#define LATE_MS		3000
#define SLACK_MS	slow(700)

FIXTURE(faults)
{
	struct vdev v;
};

FIXTURE_SETUP(faults)
{
	if (target_is("oracle"))
		SKIP(return, "no admin commands");
	vdev_init(&self->v);
	log_expect("admin command error");
	log_expect("LEGACY_");
	card_defaults();
	if (target_is("ours"))
		ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
	io_enable(&self->v);
	log_mark();
}

FIXTURE_TEARDOWN(faults)
{
	if (target_is("oracle"))
		return;
	card_defaults();
	vdev_close(&self->v);
	if (target_is("ours"))
		admin_timeout_default();
}

static void fail_command(uint32_t opcode, uint16_t status)
{
	card_set_number("fail-status", status);
	card_set_number("fail-opcode", opcode);
}

TEST_F(faults, status_to_errno)
{
	static const struct {
		uint16_t status;
		int error;
	} cases[] = {
		{ 6, EIO }, { 11, EAGAIN }, { 12, ENOMEM }, { 16, EIO },
		{ 22, EINVAL }, { 28, EIO }, { 1, EIO }, { 200, EIO },
		{ 512, EIO }, { 4096, EIO }, { 0xffff, EIO },
	};
	struct vdev *v = &self->v;
	uint8_t value = 1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fail_command(CMD_COMMON_READ, cases[i].status);
		EXPECT_EQ(-cases[i].error, bar0_read(v, REG_STATUS, &value, 1)) {
			TH_LOG("status %u", cases[i].status);
		}
		fail_command(CMD_COMMON_WRITE, cases[i].status);
		EXPECT_EQ(-cases[i].error,
			  bar0_write(v, REG_STATUS, &value, 1)) {
			TH_LOG("status %u", cases[i].status);
		}
	}

	/* A failure does not outlive its cause. */
	fail_command(ANY, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(v, REG_STATUS, 1));
}

TEST_F(faults, fails_once)
{
	struct vdev *v = &self->v;
	uint8_t value;

	card_set_number("fail-count", 1);
	fail_command(CMD_COMMON_READ, EAGAIN);
	EXPECT_EQ(-EAGAIN, bar0_read(v, REG_STATUS, &value, 1));
	EXPECT_EQ(1, bar0_read(v, REG_STATUS, &value, 1));
	EXPECT_EQ(1, card_get("cmd-errors"));
}

TEST_F(faults, device_config_errors)
{
	struct vdev *v = &self->v;
	uint8_t value[6];

	fail_command(CMD_DEV_READ, EINVAL);
	EXPECT_EQ(-EINVAL, bar0_read(v, 20, value, 4));
	fail_command(CMD_DEV_WRITE, 28);
	EXPECT_EQ(-EIO, bar0_write(v, 20, value, 4));
}

/* What depends on a feature may not be there; it is then not asked for again. */
TEST_F(faults, optional_field_refused)
{
	struct vdev *v = &self->v;
	unsigned int real = io_get(v, 30, 2);

	fail_command(CMD_DEV_READ, EINVAL);
	EXPECT_EQ(0xffff, io_get(v, 30, 2));
	fail_command(ANY, 0);
	card_set("counters-reset", "true");
	EXPECT_EQ(0xffff, io_get(v, 30, 2));
	EXPECT_EQ(0, card_get("cmd-5"));
	EXPECT_NE(0xffff, io_get(v, 28, 2));

	vdev_close(v);
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	io_enable(v);
	EXPECT_EQ(real, io_get(v, 30, 2));
}

TEST_F(faults, log_names_what_failed)
{
	struct vdev *v = &self->v;
	char prefix[160];
	uint8_t value;

	if (!target_is("ours"))
		SKIP(return, "the words of our driver");

	snprintf(prefix, sizeof(prefix),
		 "virtio_vfio_pci %s: LEGACY_COMMON_CFG_READ of Device Status (offset 18): error -5, status 0x10, qualifier",
		 v->bdf);
	fail_command(CMD_COMMON_READ, 16);
	EXPECT_EQ(-EIO, bar0_read(v, REG_STATUS, &value, 1));
	EXPECT_EQ(1, log_count(prefix));

	snprintf(prefix, sizeof(prefix),
		 "virtio_vfio_pci %s: LEGACY_DEV_CFG_WRITE of device configuration (offset 2): error -12, status 0xc",
		 v->bdf);
	fail_command(CMD_DEV_WRITE, ENOMEM);
	EXPECT_EQ(-ENOMEM, bar0_write(v, 22, &value, 1));
	EXPECT_EQ(1, log_count(prefix));
}

TEST_F(faults, log_is_limited)
{
	struct vdev *v = &self->v;
	unsigned int i, lines;
	uint8_t value;

	if (!target_is("ours"))
		SKIP(return, "the kernel's own admin queue logs each failure");

	fail_command(CMD_COMMON_READ, 16);
	for (i = 0; i < 300; i++)
		EXPECT_EQ(-EIO, bar0_read(v, REG_STATUS, &value, 1));
	lines = log_count(v->bdf);
	EXPECT_GE(20, lines);
	EXPECT_LE(1, lines);
	/* What is left out is counted. */
	EXPECT_EQ(300 - lines, vf_get(v->bdf, "log_suppressed"));
}

/* The kernel's exports keep to themselves how much of a result there is. */
static void expect_reply(struct __test_metadata *_metadata, struct vdev *v,
			 uint32_t value)
{
	uint32_t features = 0;

	if (provider_is("owner")) {
		EXPECT_EQ(-EIO, bar0_read(v, REG_HOST_FEATURES, &features, 4));
		EXPECT_EQ(0, features);
	} else {
		EXPECT_EQ(value, io_get(v, REG_HOST_FEATURES, 4));
	}
}

TEST_F(faults, short_reply)
{
	struct vdev *v = &self->v;
	uint32_t features = io_get(v, REG_HOST_FEATURES, 4);

	card_set_number("reply-size-delta", -1);
	expect_reply(_metadata, v, features | 0xff000000);
	card_set_number("reply-size-delta", -4);
	expect_reply(_metadata, v, 0xffffffff);
}

TEST_F(faults, oversized_reply)
{
	struct vdev *v = &self->v;
	uint32_t features = io_get(v, REG_HOST_FEATURES, 4);

	card_set_number("reply-size-delta", 8);
	expect_reply(_metadata, v, features);
	card_set_number("reply-size-delta", 0);
	EXPECT_EQ(features, io_get(v, REG_HOST_FEATURES, 4));
}

TEST_F_TIMEOUT(faults, late_answer, 60)
{
	struct vdev *v = &self->v;
	uint64_t start, took;
	uint8_t value;

	if (!target_is("ours"))
		SKIP(return, "no bound on the wait");

	ASSERT_EQ(0, param_set("admin_timeout", "500"));
	card_set_number("delay-opcode", CMD_COMMON_READ);
	card_set_number("delay-ms", LATE_MS);

	start = now_us();
	EXPECT_EQ(-ETIMEDOUT, bar0_read(v, REG_STATUS, &value, 1));
	took = (now_us() - start) / 1000;
	EXPECT_LE(TIMEOUT_MS - EARLY_MS, took);
	EXPECT_GE(TIMEOUT_MS + SLACK_MS, took);

	/* Nobody waits again for a device that is known to be silent ... */
	start = now_us();
	EXPECT_EQ(-EIO, bar0_read(v, REG_STATUS, &value, 1));
	EXPECT_GT(slow(TIMEOUT_MS / 2), (now_us() - start) / 1000);

	/* ... its notifications go on ... */
	card_set("counters-reset", "true");
	io_set(v, REG_QUEUE_NOTIFY, 2, 0);
	EXPECT_EQ(1, card_get("notify-member"));

	/* ... and when it has answered it is as before. */
	card_set_number("delay-ms", 0);
	msleep(LATE_MS + SLACK_MS);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

TEST_F_TIMEOUT(faults, late_answer_by_default, 60)
{
	struct vdev *v = &self->v;
	uint64_t start = now_us();
	uint8_t value;

	if (!target_is("ours"))
		SKIP(return, "no bound on the wait");

	card_set_number("delay-opcode", CMD_COMMON_READ);
	card_set_number("delay-ms", LATE_MS);
	EXPECT_EQ(1, bar0_read(v, REG_STATUS, &value, 1));
	EXPECT_LE(LATE_MS - EARLY_MS, (now_us() - start) / 1000);
}

TEST_F_TIMEOUT(faults, waiter_can_be_killed, 60)
{
	struct vdev *v = &self->v;
	uint64_t start;
	uint8_t value;
	pid_t child;
	int status;

	if (!target_is("ours"))
		SKIP(return, "the wait can't be interrupted");

	ASSERT_EQ(0, param_set("admin_timeout", "10000"));
	card_set_number("delay-opcode", CMD_COMMON_READ);
	card_set_number("delay-ms", LATE_MS);
	child = fork();
	if (!child) {
		bar0_read(v, REG_STATUS, &value, 1);
		_exit(0);
	}
	msleep(300);
	start = now_us();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_GT(SLACK_MS, (now_us() - start) / 1000);

	card_set_number("delay-ms", 0);
	msleep(LATE_MS);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

/* Other VFs have nothing to do with it. */
static void *read_other(void *arg)
{
	struct vdev other;
	void *result = NULL;

	if (vdev_open(&other, env("OTHER_BDF")))
		return NULL;
	io_enable(&other);
	if (io_get(&other, REG_HOST_FEATURES, 4) != ANY)
		result = arg;
	vdev_close(&other);
	return result;
}

/*
 * The card answers this command only when the PF is reset, so it comes last:
 * one entry of the kernel's admin virtqueue stays in use.
 */
TEST_F_TIMEOUT(faults, zz_no_answer, 60)
{
	struct vdev *v = &self->v;
	const char *bdf = env("VFIO_BDF");
	pthread_t thread;
	uint8_t value;
	void *result;

	if (!target_is("ours"))
		SKIP(return, "would leave an unkillable process behind");

	ASSERT_EQ(0, rebind_transitional(env("OTHER_BDF")));
	ASSERT_EQ(0, param_set("admin_timeout", "500"));
	card_set_number("drop-opcode", CMD_COMMON_READ);
	EXPECT_EQ(-ETIMEDOUT, bar0_read(v, REG_STATUS, &value, 1));
	card_set_number("drop-opcode", ANY);
	EXPECT_EQ(-EIO, bar0_read(v, REG_STATUS, &value, 1));

	ASSERT_EQ(0, admin_timeout_default());
	pthread_create(&thread, NULL, read_other, v);
	pthread_join(thread, &result);
	EXPECT_TRUE(result == v);

	/* It can be closed and unbound, and comes back usable. */
	vdev_close(v);
	ASSERT_EQ(0, pci_unbind(bdf));
	ASSERT_EQ(0, rebind_transitional(bdf));
	ASSERT_EQ(0, vdev_open(v, bdf));
	io_enable(v);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

TEST_HARNESS_MAIN
