// SPDX-License-Identifier: GPL-2.0-only
/*
 * The legacy registers behind BAR0, at every width and offset.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define VECTOR_NONE	0xffff

FIXTURE(bar0)
{
	struct vdev v;
};

FIXTURE_SETUP(bar0)
{
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
	io_enable(&self->v);
	io_set(&self->v, REG_STATUS, 1, 0);
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (!target_is("oracle"))
		card_set("counters-reset", "true");
}

FIXTURE_TEARDOWN(bar0)
{
	io_set(&self->v, REG_STATUS, 1, 0);
	vdev_close(&self->v);
}

TEST_F(bar0, region_info)
{
	struct vfio_region_info info =
		vdev_region(&self->v, VFIO_PCI_BAR0_REGION_INDEX);

	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		  info.flags);
	EXPECT_EQ(BAR0_SIZE, info.size);
	EXPECT_EQ(0, info.offset);
}

/* A caller that leaves no room for the answer is told so. */
TEST_F(bar0, region_info_needs_room)
{
	struct vfio_region_info info = {
		.argsz = offsetof(struct vfio_region_info, offset),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};

	EXPECT_EQ(-1, ioctl(self->v.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(bar0, no_mmap)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->v.fd, self->v.bar0));
}

TEST_F(bar0, registers)
{
	struct vdev *v = &self->v;
	uint16_t size;

	EXPECT_NE(0, io_get(v, REG_HOST_FEATURES, 4));
	EXPECT_NE(0xffffffff, io_get(v, REG_HOST_FEATURES, 4));
	EXPECT_EQ(STATUS_ACKNOWLEDGE | STATUS_DRIVER, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(0, io_get(v, REG_ISR, 1));

	io_set(v, REG_QUEUE_SEL, 2, 1);
	EXPECT_EQ(1, io_get(v, REG_QUEUE_SEL, 2));
	size = io_get(v, REG_QUEUE_SIZE, 2);
	EXPECT_LE(64, size);
	EXPECT_EQ(0, size & (size - 1));
	EXPECT_EQ(0, io_get(v, REG_QUEUE_PFN, 4));
	io_set(v, REG_QUEUE_PFN, 4, 0x12345);
	EXPECT_EQ(0x12345, io_get(v, REG_QUEUE_PFN, 4));

	io_set(v, REG_QUEUE_SEL, 2, 0);
	EXPECT_EQ(0, io_get(v, REG_QUEUE_PFN, 4));
	io_set(v, REG_QUEUE_SEL, 2, 200);
	EXPECT_EQ(0, io_get(v, REG_QUEUE_SIZE, 2));

	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_QUEUE_SEL, 2, 1);
	EXPECT_EQ(0, io_get(v, REG_QUEUE_PFN, 4));
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

/* A legacy driver acknowledges features by one write and can read it back. */
TEST_F(bar0, driver_features)
{
	struct vdev *v = &self->v;
	uint32_t features = io_get(v, REG_HOST_FEATURES, 4) & 0x00010020;

	EXPECT_EQ(0x00010020, features);
	io_set(v, REG_GUEST_FEATURES, 4, features);
	EXPECT_EQ(features, io_get(v, REG_GUEST_FEATURES, 4));
}

static unsigned int device_config(struct vdev *v, uint8_t *config,
				  unsigned int start)
{
	unsigned int i;

	for (i = 0; i < NET_CONFIG_LEN; i++)
		config[i] = io_get(v, start + i, 1);
	return config[8] | config[9] << 8;
}

TEST_F(bar0, device_config)
{
	struct vdev *v = &self->v;
	static const uint8_t oui[3] = { 0x52, 0x54, 0x00 };
	uint8_t config[NET_CONFIG_LEN];
	unsigned int mtu;

	/* QEMU's own has one pair here for want of a multi-queue backend. */
	EXPECT_LE(target_is("oracle") ? 1 : 2, device_config(v, config, 20));
	EXPECT_EQ(0, memcmp(config, oui, sizeof(oui)));
	EXPECT_EQ(1, io_get(v, 26, 2));
	mtu = io_get(v, 30, 2);
	EXPECT_LE(1280, mtu);
	EXPECT_GE(9216, mtu);
}

/* A legacy driver sets its MAC address byte by byte. */
TEST_F(bar0, write_device_config)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef };
	struct vdev *v = &self->v;
	uint8_t before[NET_CONFIG_LEN], after[NET_CONFIG_LEN];
	unsigned int i;

	io_set(v, REG_GUEST_FEATURES, 4, 1 << 5);
	device_config(v, before, 20);
	for (i = 0; i < sizeof(mac); i++)
		io_set(v, 20 + i, 1, mac[i]);
	device_config(v, after, 20);
	EXPECT_EQ(0, memcmp(after, mac, sizeof(mac)));
	EXPECT_EQ(0, memcmp(after + 6, before + 6, sizeof(after) - 6));

	io_set(v, 20, 4, 0x44332211);
	io_set(v, 24, 2, 0x6655);
	device_config(v, after, 20);
	EXPECT_EQ(0, memcmp(after, "\x11\x22\x33\x44\x55\x66", 6));

	/* A reset of the device brings its own back. */
	io_set(v, REG_STATUS, 1, 0);
	device_config(v, after, 20);
	EXPECT_EQ(0, memcmp(after, before, sizeof(after)));
}

/*
 * The bytes of all registers, each read as a driver would. Reading none of
 * them changes any.
 */
static void read_model(struct vdev *v, uint8_t *model)
{
	static const uint8_t width[] = { 4, 4, 4, 2, 2, 2, 1, 1 };
	unsigned int i, offset = 0;
	uint32_t value;

	memset(model, 0xff, BAR0_SIZE);
	for (i = 0; i < sizeof(width); i++) {
		value = io_get(v, offset, width[i]);
		memcpy(model + offset, &value, width[i]);
		offset += width[i];
	}
	device_config(v, model + offset, offset);
}

TEST_F(bar0, read_any_offset_and_length)
{
	struct vdev *v = &self->v;
	uint8_t model[BAR0_SIZE], got[BAR0_SIZE];
	unsigned int offset, len;

	if (target_is("oracle"))
		SKIP(return, "QEMU answers byte reads at a register's start only");

	io_set(v, REG_GUEST_FEATURES, 4, 0x00010020);
	io_set(v, REG_QUEUE_SEL, 2, 1);
	io_set(v, REG_QUEUE_PFN, 4, 0x0abcdef);
	read_model(v, model);

	for (offset = 0; offset < BAR0_SIZE; offset++) {
		for (len = 1; len <= 8 && offset + len <= BAR0_SIZE; len++) {
			ASSERT_EQ(len, bar0_read(v, offset, got, len));
			ASSERT_EQ(0, memcmp(got, model + offset, len)) {
				TH_LOG("%u bytes at %u", len, offset);
			}
		}
	}
	ASSERT_EQ(BAR0_SIZE, bar0_read(v, 0, got, BAR0_SIZE));
	EXPECT_EQ(0, memcmp(got, model, BAR0_SIZE));

	/* The card refuses what does not name one field. */
	EXPECT_EQ(0, card_get("cmd-errors"));
	io_set(v, REG_QUEUE_PFN, 4, 0);
}

TEST_F(bar0, one_command_per_register)
{
	struct vdev *v = &self->v;

	if (target_is("oracle"))
		SKIP(return, "no admin commands");

	io_get(v, REG_QUEUE_PFN, 4);
	EXPECT_EQ(1, card_get("cmd-3"));
	io_get(v, REG_STATUS, 2);
	EXPECT_EQ(3, card_get("cmd-3"));
	io_get(v, REG_GUEST_FEATURES + 2, 4);
	EXPECT_EQ(5, card_get("cmd-3"));
	io_get(v, 18, 4);
	EXPECT_EQ(7, card_get("cmd-3"));
	EXPECT_EQ(1, card_get("cmd-5"));
	io_get(v, 20, 4);
	EXPECT_EQ(2, card_get("cmd-5"));
	io_get(v, 24, 4);
	EXPECT_EQ(4, card_get("cmd-5"));
	EXPECT_EQ(0, card_get("cmd-errors"));
}

TEST_F(bar0, write_any_part)
{
	struct vdev *v = &self->v;
	unsigned int i;

	if (target_is("oracle"))
		SKIP(return, "QEMU takes a register's write at its start only");

	/* By bytes and words. */
	io_set(v, REG_QUEUE_SEL, 2, 0);
	for (i = 0; i < 4; i++)
		io_set(v, REG_QUEUE_PFN + i, 1, 0x11 * (4 - i));
	EXPECT_EQ(0x11223344, io_get(v, REG_QUEUE_PFN, 4));
	io_set(v, REG_QUEUE_PFN + 1, 2, 0xaabb);
	EXPECT_EQ(0x11aabb44, io_get(v, REG_QUEUE_PFN, 4));

	/* Across two registers: Driver Features and Queue Address. */
	io_set(v, REG_GUEST_FEATURES + 2, 4, 0x55660001);
	EXPECT_EQ(0x0001, io_get(v, REG_GUEST_FEATURES + 2, 2));
	EXPECT_EQ(0x11aa5566, io_get(v, REG_QUEUE_PFN, 4));
	io_set(v, REG_QUEUE_PFN, 4, 0);

	/* Across three: Queue Select, Queue Notify; then status and ISR. */
	io_set(v, REG_QUEUE_SIZE, 4, 1 << 16);
	EXPECT_EQ(1, io_get(v, REG_QUEUE_SEL, 2));
	io_set(v, REG_STATUS, 2, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(0, card_get("cmd-errors"));
}

TEST_F(bar0, beyond_device_config)
{
	struct vdev *v = &self->v;
	uint8_t buf[BAR0_SIZE];
	unsigned int offset;

	for (offset = 20 + NET_CONFIG_LEN; offset < BAR0_SIZE; offset += 4) {
		EXPECT_EQ(0xffffffff, io_get(v, offset, 4));
		EXPECT_EQ(0xffff, io_get(v, offset, 2));
		EXPECT_EQ(0xff, io_get(v, offset, 1));
		io_set(v, offset, 4, 0);
		EXPECT_EQ(0xffffffff, io_get(v, offset, 4));
	}

	/* The end of the BAR: cut off, then nothing. */
	EXPECT_EQ(2, bar0_read(v, BAR0_SIZE - 2, buf, 4));
	EXPECT_EQ(2, bar0_write(v, BAR0_SIZE - 2, buf, 4));
	EXPECT_EQ(-EINVAL, bar0_read(v, BAR0_SIZE, buf, 1));
	EXPECT_EQ(-EINVAL, bar0_write(v, BAR0_SIZE, buf, 1));
	EXPECT_EQ(-EINVAL, bar0_read(v, 0x100000, buf, 4));
	if (!target_is("oracle"))
		EXPECT_EQ(0, card_get("cmd-errors"));
}

TEST_F(bar0, msix_moves_device_config)
{
	struct vdev *v = &self->v;
	uint8_t at_20[NET_CONFIG_LEN], at_24[NET_CONFIG_LEN];
	int fds[3];

	device_config(v, at_20, 20);
	ASSERT_EQ(0, msix_enable(v, fds, 3));
	device_config(v, at_24, 24);
	EXPECT_EQ(0, memcmp(at_20, at_24, NET_CONFIG_LEN));

	ASSERT_EQ(0, msix_disable(v));
	device_config(v, at_24, 20);
	EXPECT_EQ(0, memcmp(at_20, at_24, NET_CONFIG_LEN));
}

TEST_F(bar0, msix_vectors)
{
	struct vdev *v = &self->v;
	int fds[3];

	ASSERT_EQ(0, msix_enable(v, fds, 3));
	io_set(v, REG_QUEUE_SEL, 2, 0);
	EXPECT_EQ(VECTOR_NONE, io_get(v, REG_CONFIG_VECTOR, 2));
	EXPECT_EQ(VECTOR_NONE, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_CONFIG_VECTOR, 2, 0);
	io_set(v, REG_QUEUE_VECTOR, 2, 2);
	EXPECT_EQ(0, io_get(v, REG_CONFIG_VECTOR, 2));
	EXPECT_EQ(2, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_QUEUE_SEL, 2, 1);
	EXPECT_EQ(VECTOR_NONE, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_QUEUE_VECTOR, 2, 1000);
	EXPECT_EQ(VECTOR_NONE, io_get(v, REG_QUEUE_VECTOR, 2));
	io_set(v, REG_CONFIG_VECTOR, 2, VECTOR_NONE);
	EXPECT_EQ(VECTOR_NONE, io_get(v, REG_CONFIG_VECTOR, 2));
	io_set(v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, msix_disable(v));
}

/* Its address is read in one piece, so it is one address. */
TEST_F(bar0, config_changes_while_it_is_read)
{
	struct vdev *v = &self->v;
	uint8_t config[NET_CONFIG_LEN];
	unsigned int i, k;

	if (target_is("oracle"))
		SKIP(return, "its configuration doesn't change");

	card_set("config-churn", "true");
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(6, bar0_read(v, 20, config, 6));
		for (k = 1; k < 6; k++)
			EXPECT_EQ(config[0], config[k]);
	}
	/* Nothing is remembered, and no two fields are read as one. */
	if (target_is("ours")) {
		ASSERT_EQ(sizeof(config), bar0_read(v, 20, config, sizeof(config)));
		for (k = 1; k < sizeof(config); k++)
			EXPECT_EQ(config[0] + (k < 6 ? 0 : (k - 4) / 2), config[k]);
	}
	card_set("config-churn", "false");
}

/* Reading ISR Status clears it, and only what was read. */
TEST_F(bar0, isr_set_between_reads)
{
	struct vdev *v = &self->v;

	if (target_is("oracle"))
		SKIP(return, "has no knob for it");

	EXPECT_EQ(0, io_get(v, REG_ISR, 1));
	card_set_number("raise-isr", 1);
	EXPECT_EQ(1, io_get(v, REG_ISR, 1));
	card_set_number("raise-isr", 2);
	card_set_number("raise-isr", 1);
	EXPECT_EQ(3, io_get(v, REG_ISR, 1));
	EXPECT_EQ(0, io_get(v, REG_ISR, 1));

	/* Accesses to its neighbours leave it alone. */
	card_set_number("raise-isr", 1);
	io_get(v, REG_STATUS, 1);
	io_get(v, 20, 1);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(1, io_get(v, REG_ISR, 1));
}

/* A legacy driver knows no such bit; it is shown nevertheless. */
/* Nothing happens to the device. */
TEST_F(bar0, caller_has_no_memory)
{
	static const unsigned int registers[] = {
		REG_HOST_FEATURES, REG_QUEUE_NOTIFY, REG_STATUS, 24,
	};
	struct vdev *v = &self->v;
	unsigned int i, len;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		len = registers[i] == REG_QUEUE_NOTIFY ? 2 : 1;
		EXPECT_EQ(-EFAULT, bar0_read(v, registers[i], NULL, len));
		EXPECT_EQ(-EFAULT, bar0_write(v, registers[i], NULL, len));
	}
	EXPECT_EQ(STATUS_ACKNOWLEDGE | STATUS_DRIVER, io_get(v, REG_STATUS, 1));
	if (!target_is("oracle"))
		EXPECT_EQ(0, card_get("notify-member"));
}

TEST_F(bar0, needs_reset)
{
	struct vdev *v = &self->v;

	if (target_is("oracle"))
		SKIP(return, "has no knob for it");

	card_set("vfs-need-reset", "true");
	EXPECT_EQ(0x40 | STATUS_ACKNOWLEDGE | STATUS_DRIVER,
		  io_get(v, REG_STATUS, 1));
	io_set(v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(v, REG_STATUS, 1));
}

static void *select_and_read(void *arg)
{
	struct vdev *v = arg;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		if (io_get(v, REG_STATUS, 1) !=
		    (STATUS_ACKNOWLEDGE | STATUS_DRIVER))
			return arg;
		io_get(v, 24, 4);
	}
	return NULL;
}

TEST_F(bar0, parallel_accesses)
{
	pthread_t threads[8];
	void *failed;
	unsigned int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, select_and_read,
					    &self->v));
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		EXPECT_TRUE(!failed);
	}
}

TEST_HARNESS_MAIN
