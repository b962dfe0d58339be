// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin commands that virtio_pci_owner has for other modules, by way of the
 * module in kmod/, against a card that has all of virtio 1.4's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "kmod/admin_command.h"
#include "lib.h"

#define SELF		0
#define SRIOV		1

/* Virtio 1.4, 2.13 "Group administration commands"; libc's headers are older */
#define LIST_QUERY	0x0
#define CAP_LIST	0x7
#define CAP_GET		0x8
#define CAP_SET		0x9
#define OBJ_CREATE	0xa
#define OBJ_MODIFY	0xb
#define OBJ_QUERY	0xc
#define OBJ_DESTROY	0xd
#define PARTS_METADATA	0xe
#define PARTS_GET	0xf
#define PARTS_SET	0x10
#define MODE_SET	0x11
#define ALL_CMDS	0x3ffff
#define LEGACY_CMDS	0x7f

#define ENXIO_STATUS	6
#define ENOMEM_STATUS	12
#define EBUSY_STATUS	16
#define EEXIST_STATUS	17
#define EINVAL_STATUS	22
#define ENOSPC_STATUS	28
#define INVALID_FIELD	3

#define LIMIT		8	/* of the card, objects to get and to set each */
#define OBJ_GET		0
#define OBJ_SET		1
#define METADATA_SIZE	0
#define METADATA_COUNT	1
#define METADATA_LIST	2
#define SELECTED	0
#define ALL		1
#define OPTIONAL	1

#define PART_DRV_FEATURES	0x101
#define PART_DEVICE_STATUS	0x103

struct object_data {
	uint16_t type;
	uint16_t reserved;
	uint32_t id;
	union {
		uint64_t flags;
		struct {
			uint8_t kind;
			uint8_t padding[7];
		};
	};
	uint8_t specific[8];
};

struct part {
	uint16_t type;
	uint8_t flags;
	uint8_t reserved;
	uint8_t selector[8];
	uint32_t length;
} __attribute__((packed));

FIXTURE(admin_commands)
{
	struct vdev v;
	int fd;
	uint8_t result[1024];
	struct admin_command last;
};

FIXTURE_SETUP(admin_commands)
{
	unsigned int bus, slot, function;
	int fields;

	card_defaults();
	card_set_number("supported-cmds", ALL_CMDS);
	card_set("letter", "true");
	/* What a card has is asked for once, until a reset. */
	ASSERT_EQ(0, pci_reset(env("PF")));
	ASSERT_EQ(0, rebind_transitional(env("VFIO_BDF")));
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
	io_enable(&self->v);

	fields = sscanf(env("VFIO_BDF"), "0000:%x:%x.%u", &bus, &slot,
			&function);
	ASSERT_EQ(3, fields);
	self->last.bus = bus;
	self->last.devfn = slot << 3 | function;
	self->fd = open(ADMIN_COMMAND_PATH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(admin_commands)
{
	card_defaults();
	pci_reset(env("PF"));
	close(self->fd);
	vdev_close(&self->v);
}

/* Status if the device answered, or a negative errno. */
static int command(struct _test_data_admin_commands *self, uint16_t group,
		   uint16_t opcode, const void *data, size_t data_len,
		   size_t result_len)
{
	struct admin_command *c = &self->last;

	c->group = group;
	c->opcode = opcode;
	c->data = (uintptr_t)data;
	c->data_len = data_len;
	c->result = (uintptr_t)self->result;
	c->result_len = result_len;
	memset(self->result, 0x77, sizeof(self->result));
	if (ioctl(self->fd, ADMIN_COMMAND, c))
		return -errno;
	return c->ret ? c->ret : c->status;
}

static int set_limits(struct _test_data_admin_commands *self, uint16_t id,
		      uint8_t get, uint8_t set)
{
	uint8_t data[16] = { id, id >> 8, [8] = get, [9] = set };

	return command(self, SELF, CAP_SET, data, sizeof(data), 0);
}

static int object(struct _test_data_admin_commands *self, uint16_t opcode,
		  uint32_t id, uint8_t specific)
{
	struct object_data data = { .id = id, .specific = { specific } };

	return command(self, SRIOV, opcode, &data, sizeof(data),
		       opcode == OBJ_QUERY ? 8 : 0);
}

static int metadata(struct _test_data_admin_commands *self, uint32_t id,
		    uint8_t kind, size_t room)
{
	struct object_data data = { .id = id, .kind = kind };

	return command(self, SRIOV, PARTS_METADATA, &data, 16, room);
}

static int get_all(struct _test_data_admin_commands *self, uint32_t id)
{
	struct object_data data = { .id = id, .kind = ALL };

	return command(self, SRIOV, PARTS_GET, &data, 16, sizeof(self->result));
}

static int set_mode(struct _test_data_admin_commands *self, uint8_t flags)
{
	uint8_t data[8] = { flags };

	return command(self, SRIOV, MODE_SET, data, sizeof(data), 0);
}

static uint32_t result32(struct _test_data_admin_commands *self)
{
	uint32_t value;

	memcpy(&value, self->result, sizeof(value));
	return value;
}

/* One object to get and one to set parts. */
static void make_objects(struct __test_metadata *_metadata,
			 struct _test_data_admin_commands *self)
{
	ASSERT_EQ(0, set_limits(self, 0, 1, 1));
	ASSERT_EQ(0, object(self, OBJ_CREATE, 0, OBJ_GET));
	ASSERT_EQ(0, object(self, OBJ_CREATE, 1, OBJ_SET));
}

/* Each group has its own list; the member of the self group is number 0. */
TEST_F(admin_commands, lists)
{
	uint64_t list;

	ASSERT_EQ(0, command(self, SELF, LIST_QUERY, NULL, 0, 8));
	EXPECT_EQ(8, self->last.used);
	memcpy(&list, self->result, 8);
	EXPECT_EQ(0x383, list);
	ASSERT_EQ(0, command(self, SRIOV, LIST_QUERY, NULL, 0, 8));
	memcpy(&list, self->result, 8);
	EXPECT_EQ(ALL_CMDS & ~0x380, list);
	EXPECT_EQ(-EOPNOTSUPP, command(self, SRIOV, CAP_LIST, NULL, 0, 8));
	EXPECT_EQ(-EOPNOTSUPP, command(self, SELF, MODE_SET, NULL, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, command(self, 2, LIST_QUERY, NULL, 0, 8));
}

TEST_F(admin_commands, what_the_card_lacks)
{
	card_set_number("supported-cmds", LEGACY_CMDS);
	ASSERT_EQ(0, pci_reset(env("PF")));
	card_set("counters-reset", "true");
	EXPECT_EQ(-EOPNOTSUPP, command(self, SELF, CAP_LIST, NULL, 0, 8));
	EXPECT_EQ(-EOPNOTSUPP, set_mode(self, 0));
	EXPECT_EQ(0, card_get("cmd-7"));
	EXPECT_EQ(0, card_get("cmd-17"));
}

TEST_F(admin_commands, capabilities)
{
	uint8_t none[8] = { 1 };
	uint8_t parts[8] = {};

	ASSERT_EQ(0, command(self, SELF, CAP_LIST, NULL, 0, 8));
	EXPECT_EQ(1, result32(self));
	ASSERT_EQ(0, command(self, SELF, CAP_GET, parts, 8, 8));
	EXPECT_EQ(2, self->last.used);
	EXPECT_EQ(LIMIT, self->result[0]);
	EXPECT_EQ(LIMIT, self->result[1]);
	EXPECT_EQ(0x77, self->result[2]);
	EXPECT_EQ(ENXIO_STATUS, command(self, SELF, CAP_GET, none, 8, 8));
	EXPECT_EQ(ENXIO_STATUS, set_limits(self, 1, 1, 1));
	EXPECT_EQ(EINVAL_STATUS, set_limits(self, 0, LIMIT + 1, 1));
	EXPECT_EQ(INVALID_FIELD, self->last.qualifier);
	EXPECT_EQ(0, set_limits(self, 0, LIMIT, LIMIT));
	EXPECT_EQ(0, self->last.qualifier);
}

TEST_F(admin_commands, objects)
{
	EXPECT_EQ(EINVAL_STATUS, object(self, OBJ_CREATE, 0, OBJ_GET));
	make_objects(_metadata, self);
	EXPECT_EQ(EEXIST_STATUS, object(self, OBJ_CREATE, 0, OBJ_GET));
	EXPECT_EQ(EINVAL_STATUS, object(self, OBJ_CREATE, 2, OBJ_GET));
	EXPECT_EQ(EBUSY_STATUS, set_limits(self, 0, 0, 0));

	ASSERT_EQ(0, object(self, OBJ_QUERY, 1, 0));
	EXPECT_EQ(8, self->last.used);
	EXPECT_EQ(OBJ_SET, self->result[0]);
	ASSERT_EQ(0, object(self, OBJ_MODIFY, 1, OBJ_GET));
	ASSERT_EQ(0, object(self, OBJ_QUERY, 1, 0));
	EXPECT_EQ(OBJ_GET, self->result[0]);

	EXPECT_EQ(0, object(self, OBJ_DESTROY, 1, 0));
	EXPECT_EQ(ENXIO_STATUS, object(self, OBJ_DESTROY, 1, 0));
	EXPECT_EQ(ENXIO_STATUS, object(self, OBJ_QUERY, 1, 0));
	EXPECT_EQ(ENXIO_STATUS, object(self, OBJ_MODIFY, 1, OBJ_SET));
	EXPECT_EQ(ENOSPC_STATUS, object(self, OBJ_CREATE, 1, OBJ_GET));
	EXPECT_EQ(0, object(self, OBJ_CREATE, 1, OBJ_SET));
}

/* Objects belong to a reset's life, as the lists do. */
TEST_F(admin_commands, reset_destroys_objects)
{
	make_objects(_metadata, self);
	ASSERT_EQ(0, pci_reset(env("PF")));
	EXPECT_EQ(ENXIO_STATUS, object(self, OBJ_QUERY, 0, 0));
}

TEST_F(admin_commands, parts_metadata)
{
	uint32_t count, size;

	EXPECT_EQ(ENXIO_STATUS, metadata(self, 0, METADATA_COUNT, 8));
	make_objects(_metadata, self);
	ASSERT_EQ(0, metadata(self, 0, METADATA_COUNT, 8));
	count = result32(self);
	EXPECT_LT(4, count);
	ASSERT_EQ(0, metadata(self, 0, METADATA_SIZE, 8));
	size = result32(self);
	ASSERT_EQ(0, metadata(self, 0, METADATA_LIST, sizeof(self->result)));
	EXPECT_EQ(count, result32(self));
	EXPECT_EQ(8 + count * sizeof(struct part), self->last.used);
	EXPECT_EQ(ENOMEM_STATUS, metadata(self, 0, METADATA_LIST, 64));
	EXPECT_EQ(ENXIO_STATUS, metadata(self, 1, METADATA_COUNT, 8));

	ASSERT_EQ(0, get_all(self, 0));
	EXPECT_EQ(size, self->last.used);
}

/* The value of a part of what was got last. */
static uint8_t *find_part(struct _test_data_admin_commands *self, uint16_t type)
{
	size_t at = 0;
	struct part part;

	while (at + sizeof(part) <= self->last.used) {
		memcpy(&part, self->result + at, sizeof(part));
		at += sizeof(part);
		if (part.type == type)
			return self->result + at;
		at += part.length;
	}
	return NULL;
}

TEST_F(admin_commands, selected_parts)
{
	struct {
		struct object_data data;
	} request = { .data.kind = SELECTED };
	struct part part = { .type = PART_DEVICE_STATUS, .length = 1 };
	uint8_t buf[32];

	make_objects(_metadata, self);
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	memcpy(buf, &request.data, 16);
	memcpy(buf + 16, &part, 16);
	ASSERT_EQ(0, command(self, SRIOV, PARTS_GET, buf, 32,
			     sizeof(self->result)));
	EXPECT_EQ(17, self->last.used);
	ASSERT_NE(NULL, find_part(self, PART_DEVICE_STATUS));
	EXPECT_EQ(STATUS_ACKNOWLEDGE, *find_part(self, PART_DEVICE_STATUS));
}

/* All that a VF has comes back, on another day. */
TEST_F(admin_commands, parts_come_back)
{
	struct object_data data = { .id = 1 };
	uint8_t saved[1032];
	size_t len;

	make_objects(_metadata, self);
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	io_set(&self->v, REG_GUEST_FEATURES, 4, 1 << 5);
	ASSERT_EQ(0, get_all(self, 0));
	memcpy(saved, &data, 8);
	memcpy(saved + 8, self->result, self->last.used);
	len = (8 + self->last.used + 7) / 8 * 8;
	memset(saved + 8 + self->last.used, 0, len - 8 - self->last.used);

	io_set(&self->v, REG_STATUS, 1, 0);
	EXPECT_EQ(EBUSY_STATUS, command(self, SRIOV, PARTS_SET, saved, len, 0));
	ASSERT_EQ(0, set_mode(self, 1));
	ASSERT_EQ(0, command(self, SRIOV, PARTS_SET, saved, len, 0));
	ASSERT_EQ(0, set_mode(self, 0));
	EXPECT_EQ(STATUS_ACKNOWLEDGE | STATUS_DRIVER,
		  io_get(&self->v, REG_STATUS, 1));
	EXPECT_EQ(1 << 5, io_get(&self->v, REG_GUEST_FEATURES, 4));
}

TEST_F(admin_commands, wrong_parts_refused)
{
	struct part part = { .type = PART_DEVICE_STATUS, .length = 2 };
	uint8_t buf[32] = { [4] = 1 };

	make_objects(_metadata, self);
	ASSERT_EQ(0, set_mode(self, 1));
	memcpy(buf + 8, &part, sizeof(part));
	EXPECT_EQ(EINVAL_STATUS, command(self, SRIOV, PARTS_SET, buf, 32, 0));
	EXPECT_EQ(INVALID_FIELD, self->last.qualifier);
	part.type = 0x5ff;
	memcpy(buf + 8, &part, sizeof(part));
	EXPECT_EQ(EINVAL_STATUS, command(self, SRIOV, PARTS_SET, buf, 32, 0));
	part.flags = OPTIONAL;
	memcpy(buf + 8, &part, sizeof(part));
	EXPECT_EQ(0, command(self, SRIOV, PARTS_SET, buf, 32, 0));
	EXPECT_EQ(0, set_mode(self, 0));
}

/* What a device says that it wrote is not believed; nothing else gets out. */
TEST_F(admin_commands, answers_of_wrong_sizes)
{
	struct object_data parts = { .id = 0, .kind = ALL };

	make_objects(_metadata, self);
	card_set_number("reply-size-delta", -1);
	EXPECT_EQ(-EIO, command(self, SELF, CAP_LIST, NULL, 0, 8));
	EXPECT_EQ(0x77, self->result[0]);
	EXPECT_EQ(-EIO, metadata(self, 0, METADATA_COUNT, 8));
	EXPECT_EQ(0x77, self->result[0]);
	EXPECT_EQ(-EIO, metadata(self, 0, METADATA_LIST, sizeof(self->result)));
	EXPECT_EQ(0x77, self->result[0]);
	EXPECT_EQ(-EIO, get_all(self, 0));
	EXPECT_EQ(0x77, self->result[0]);

	card_set_number("reply-size-delta", 8);
	EXPECT_EQ(-EIO, command(self, SELF, CAP_LIST, NULL, 0, 8));
	EXPECT_EQ(0x77, self->result[0]);
	EXPECT_EQ(-EIO, object(self, OBJ_QUERY, 0, 0));
	EXPECT_EQ(0x77, self->result[0]);

	/* The last part would reach beyond the room for all. */
	card_set_number("reply-size-delta", 0);
	EXPECT_EQ(-EIO, command(self, SRIOV, PARTS_GET, &parts, 16, 64));
	EXPECT_EQ(0x77, self->result[0]);
	EXPECT_EQ(0, get_all(self, 0));
}

TEST_F(admin_commands, answers_of_garbage)
{
	make_objects(_metadata, self);
	card_set_number("garbage-opcode", PARTS_METADATA);
	EXPECT_EQ(-EIO, metadata(self, 0, METADATA_LIST, sizeof(self->result)));
	EXPECT_EQ(0x77, self->result[0]);
	card_set_number("garbage-opcode", PARTS_GET);
	EXPECT_EQ(-EIO, get_all(self, 0));
	EXPECT_EQ(0x77, self->result[0]);
	card_set_number("garbage-opcode", 0xffffffff);
	EXPECT_EQ(0, get_all(self, 0));
}

/* More of the list than the driver knows of is not asked for. */
TEST_F(admin_commands, list_of_garbage)
{
	/* The reset of the PF has the VF's driver reset the VF, or try. */
	log_expect("LEGACY_COMMON_CFG_READ of Device Status");
	card_set_number("garbage-opcode", LIST_QUERY);
	ASSERT_EQ(0, pci_reset(env("PF")));
	EXPECT_EQ(-EOPNOTSUPP, command(self, SELF, 0x12, NULL, 0, 8));
	EXPECT_EQ(0, card_get("cmds-total") > 100);
	card_set_number("garbage-opcode", 0xffffffff);
	ASSERT_EQ(0, pci_reset(env("PF")));
	EXPECT_EQ(0, command(self, SELF, CAP_LIST, NULL, 0, 8));
}

/* A VF that is stopped sees notifications and does nothing about them. */
TEST_F(admin_commands, modes)
{
	EXPECT_EQ(0, set_mode(self, 1));
	EXPECT_EQ(0, set_mode(self, 1));
	card_set("counters-reset", "true");
	io_set(&self->v, REG_QUEUE_NOTIFY, 2, 0);
	EXPECT_EQ(1, card_get("notify-member"));
	EXPECT_EQ(0, set_mode(self, 0));
	EXPECT_EQ(0, set_mode(self, 0));
}

/* All of them fail alike: with what the device says, at once, for once. */
TEST_F(admin_commands, errors)
{
	static const uint16_t opcodes[] = {
		OBJ_CREATE, OBJ_MODIFY, OBJ_QUERY, OBJ_DESTROY, PARTS_METADATA,
		PARTS_GET, PARTS_SET, MODE_SET, CAP_LIST, CAP_GET, CAP_SET,
	};
	uint8_t data[24] = {};
	unsigned int i;

	for (i = 0; i < sizeof(opcodes) / sizeof(*opcodes); i++) {
		uint16_t group = opcodes[i] < OBJ_CREATE ? SELF : SRIOV;

		card_set_number("fail-status", 0xabcd);
		card_set_number("fail-qualifier", 0x4321);
		card_set_number("fail-opcode", opcodes[i]);
		EXPECT_EQ(0xabcd, command(self, group, opcodes[i], data, 24, 8));
		EXPECT_EQ(0x4321, self->last.qualifier);
		EXPECT_EQ(0x77, self->result[0]);
		card_set_number("fail-opcode", 0xffffffff);
	}
}

/* Each one that is kept by the card costs its caller the bound, no more. */
TEST_F_TIMEOUT(admin_commands, never_answered, 60)
{
	static const uint16_t opcodes[] = {
		OBJ_CREATE, OBJ_MODIFY, OBJ_QUERY, OBJ_DESTROY, PARTS_METADATA,
		PARTS_GET, PARTS_SET, MODE_SET, CAP_LIST, CAP_GET, CAP_SET,
	};
	uint8_t data[24] = {};
	uint64_t start, ms;
	unsigned int i;

	EXPECT_EQ(0, command(self, SELF, CAP_LIST, NULL, 0, 8));
	ASSERT_EQ(0, param_set("admin_timeout", "300"));
	for (i = 0; i < sizeof(opcodes) / sizeof(*opcodes); i++) {
		uint16_t group = opcodes[i] < OBJ_CREATE ? SELF : SRIOV;

		card_set_number("drop-opcode", opcodes[i]);
		start = now_us();
		EXPECT_EQ(-ETIMEDOUT,
			  command(self, group, opcodes[i], data, 24, 8));
		ms = (now_us() - start) / 1000;
		/* A tick may be almost over when a wait begins. */
		EXPECT_LE(295, ms);
		EXPECT_GT(1500, ms);
		card_set_number("drop-opcode", 0xffffffff);
		EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
	}
	param_set("admin_timeout", "10000");
	ASSERT_EQ(0, pci_reset(env("PF")));
	EXPECT_EQ(0, command(self, SELF, CAP_LIST, NULL, 0, 8));
}

TEST_HARNESS_MAIN
