// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space of a transitional device: identity, the I/O BAR's
 * register, PCI_COMMAND's I/O Space bit, at any offset and length.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define CONFIG_MAX	4096

FIXTURE(config_space)
{
	struct vdev v;
};

FIXTURE_SETUP(config_space)
{
	ASSERT_EQ(0, vdev_open(&self->v, env("VFIO_BDF")));
}

FIXTURE_TEARDOWN(config_space)
{
	vdev_close(&self->v);
}

TEST_F(config_space, identity)
{
	struct vdev *v = &self->v;

	EXPECT_EQ(0x1af4, config_get(v, PCI_VENDOR_ID, 2));
	EXPECT_EQ(0x1000, config_get(v, PCI_DEVICE_ID, 2));
	EXPECT_EQ(0, config_get(v, PCI_REVISION_ID, 1));
	EXPECT_EQ(0x1af4, config_get(v, PCI_SUBSYSTEM_VENDOR_ID, 2));
	EXPECT_EQ(1, config_get(v, PCI_SUBSYSTEM_ID, 2));
	EXPECT_EQ(0x0200, config_get(v, PCI_CLASS_DEVICE, 2));
}

/* Whatever an access begins and ends in, it gives what its bytes give. */
TEST_F(config_space, read_any_offset_and_length)
{
	struct vdev *v = &self->v;
	uint8_t bytes[CONFIG_MAX], got[CONFIG_MAX];
	unsigned int offset, len;

	ASSERT_GE(sizeof(bytes), v->config_size);
	io_enable(v);
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0x1234c000);
	for (offset = 0; offset < v->config_size; offset++)
		bytes[offset] = config_get(v, offset, 1);
	EXPECT_EQ(1, bytes[PCI_COMMAND] & PCI_COMMAND_IO);
	EXPECT_EQ(0xc0, bytes[PCI_BASE_ADDRESS_0 + 1]);

	for (offset = 0; offset < 0x50; offset++) {
		for (len = 1; len <= 0x50; len++) {
			ASSERT_EQ(len, config_read(v, offset, got, len));
			ASSERT_EQ(0, memcmp(got, bytes + offset, len)) {
				TH_LOG("%u bytes at %#x", len, offset);
			}
		}
	}
	ASSERT_EQ(v->config_size, config_read(v, 0, got, v->config_size));
	EXPECT_EQ(0, memcmp(got, bytes, v->config_size));
	EXPECT_GT(0, config_read(v, v->config_size, got, 1));
	EXPECT_GT(0, config_read(v, v->config_size - 1, got, 2));
}

/*
 * No write changes who the device is, wherever it begins and ends. What it
 * covers besides gets the value that it has.
 */
TEST_F(config_space, identity_is_read_only)
{
	static const bool fixed[PCI_STD_HEADER_SIZEOF] = {
		[PCI_VENDOR_ID] = true, [PCI_VENDOR_ID + 1] = true,
		[PCI_DEVICE_ID] = true, [PCI_DEVICE_ID + 1] = true,
		[PCI_REVISION_ID] = true, [PCI_CLASS_PROG] = true,
		[PCI_CLASS_DEVICE] = true, [PCI_CLASS_DEVICE + 1] = true,
		[PCI_SUBSYSTEM_VENDOR_ID] = true,
		[PCI_SUBSYSTEM_VENDOR_ID + 1] = true,
		[PCI_SUBSYSTEM_ID] = true, [PCI_SUBSYSTEM_ID + 1] = true,
	};
	uint8_t header[PCI_STD_HEADER_SIZEOF], got[sizeof(header)], write[8];
	struct vdev *v = &self->v;
	unsigned int offset, len, i;

	io_enable(v);
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0x1234c000);
	ASSERT_EQ(sizeof(header), config_read(v, 0, header, sizeof(header)));

	for (offset = 0; offset < sizeof(header); offset++) {
		for (len = 1; len <= 8 && offset + len <= sizeof(header); len++) {
			for (i = 0; i < len; i++)
				write[i] = header[offset + i] ^
					   (fixed[offset + i] ? 0xff : 0);
			ASSERT_EQ(len, config_write(v, offset, write, len));
			config_read(v, 0, got, sizeof(got));
			ASSERT_EQ(0, memcmp(got, header, sizeof(got))) {
				TH_LOG("%u bytes at %#x", len, offset);
			}
		}
	}
}

TEST_F(config_space, bar0_sizes_like_an_io_bar)
{
	struct vdev *v = &self->v;
	uint32_t size = vdev_region(v, VFIO_PCI_BAR0_REGION_INDEX).size;

	config_set(v, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	EXPECT_EQ(~(size - 1) | 1, config_get(v, PCI_BASE_ADDRESS_0, 4));
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0);
	EXPECT_EQ(1, config_get(v, PCI_BASE_ADDRESS_0, 4));
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0xc080);
	EXPECT_EQ(0xc081, config_get(v, PCI_BASE_ADDRESS_0, 4));
}

TEST_F(config_space, bar0_write_any_overlap)
{
	static const uint8_t pattern[12] = {
		0x40, 0x81, 0xc2, 0x03, 0x44, 0x85, 0xc6, 0x07, 0x48, 0x89,
		0xca, 0x0b
	};
	struct vdev *v = &self->v;
	unsigned int offset, len, i;
	uint8_t want[4], around[12];
	uint32_t got;

	ASSERT_EQ(12, config_read(v, PCI_CACHE_LINE_SIZE, around, 12));

	for (offset = PCI_CACHE_LINE_SIZE; offset < 0x18; offset++) {
		for (len = 1; len <= 0x18 - offset; len++) {
			config_set(v, PCI_BASE_ADDRESS_0, 4, 0xaabbcc80);
			memcpy(want, "\x80\xcc\xbb\xaa", 4);
			for (i = 0; i < len; i++)
				if (offset + i >= PCI_BASE_ADDRESS_0 &&
				    offset + i < PCI_BASE_ADDRESS_1)
					want[offset + i - PCI_BASE_ADDRESS_0] =
						pattern[i];
			want[0] = (want[0] & 0xc0) | 1;

			ASSERT_EQ(len, config_write(v, offset, pattern, len));
			got = config_get(v, PCI_BASE_ADDRESS_0, 4);
			ASSERT_EQ(0, memcmp(&got, want, 4)) {
				TH_LOG("%u bytes at %#x: BAR0 %#x", len, offset,
				       got);
			}
		}
	}
	config_write(v, PCI_CACHE_LINE_SIZE, around, 12);
}

TEST_F(config_space, io_space_bit_by_any_write)
{
	struct vdev *v = &self->v;
	unsigned int first, last;
	uint8_t buf[8];

	for (first = 0; first <= PCI_COMMAND; first++) {
		for (last = PCI_COMMAND; last < 8; last++) {
			config_set(v, PCI_COMMAND, 1, 0);
			ASSERT_EQ(0, config_get(v, PCI_COMMAND, 1) &
					PCI_COMMAND_IO);
			memset(buf, 0, sizeof(buf));
			buf[PCI_COMMAND - first] = PCI_COMMAND_IO;
			ASSERT_EQ(last - first + 1,
				  config_write(v, first, buf, last - first + 1));
			ASSERT_EQ(PCI_COMMAND_IO, config_get(v, PCI_COMMAND, 1) &
						  PCI_COMMAND_IO) {
				TH_LOG("bytes %u to %u", first, last);
			}
		}
	}

	/* Its neighbours leave it alone. */
	config_set(v, PCI_COMMAND + 1, 1, 0);
	config_set(v, PCI_REVISION_ID, 1, 0);
	EXPECT_EQ(PCI_COMMAND_IO, config_get(v, PCI_COMMAND, 2) &
				  PCI_COMMAND_IO);
}

TEST_F(config_space, io_space_gates_bar0)
{
	struct vdev *v = &self->v;

	io_enable(v);
	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);

	config_set(v, PCI_COMMAND, 2, config_get(v, PCI_COMMAND, 2) &
				      ~PCI_COMMAND_IO);
	EXPECT_EQ(0xff, io_get(v, REG_STATUS, 1));
	EXPECT_EQ(0xffffffff, io_get(v, REG_HOST_FEATURES, 4));
	EXPECT_EQ(-EFAULT, bar0_read(v, REG_STATUS, NULL, 1));
	io_set(v, REG_STATUS, 1, 0);

	io_enable(v);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(v, REG_STATUS, 1));
	io_set(v, REG_STATUS, 1, 0);
}

static void check_reset_clears(struct __test_metadata *_metadata,
			       struct vdev *v, int (*reset)(struct vdev *v))
{
	if (target_is("oracle"))
		SKIP(return, "vfio-pci keeps a real BAR's register over a reset");

	io_enable(v);
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0xc080);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	ASSERT_EQ(0, reset(v));
	EXPECT_EQ(0, config_get(v, PCI_COMMAND, 2) & PCI_COMMAND_IO);
	EXPECT_EQ(1, config_get(v, PCI_BASE_ADDRESS_0, 4));
	io_enable(v);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

TEST_F(config_space, reset_clears_io_space_and_bar0)
{
	check_reset_clears(_metadata, &self->v, vdev_reset);
}

TEST_F(config_space, flr_clears_io_space_and_bar0)
{
	check_reset_clears(_metadata, &self->v, vdev_flr);
}

TEST_F(config_space, host_reset_clears_io_space_and_bar0)
{
	check_reset_clears(_metadata, &self->v, vdev_host_reset);
}

TEST_F(config_space, open_starts_without_io_space)
{
	struct vdev *v = &self->v;

	if (target_is("oracle"))
		SKIP(return, "vfio-pci takes it over from the host");

	io_enable(v);
	config_set(v, PCI_BASE_ADDRESS_0, 4, 0xc080);
	vdev_close(v);
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	EXPECT_EQ(0, config_get(v, PCI_COMMAND, 2) & PCI_COMMAND_IO);
	EXPECT_EQ(1, config_get(v, PCI_BASE_ADDRESS_0, 4));
}

/* All that is not identity or I/O BAR is the VF's own. */
TEST_F(config_space, rest_is_as_without_transitional)
{
	struct vdev *v = &self->v;
	uint8_t with[CONFIG_MAX], without[CONFIG_MAX];
	struct vfio_region_info region[VFIO_PCI_NUM_REGIONS], now;
	unsigned int i, size = v->config_size;

	if (!target_is("ours"))
		SKIP(return, "can't be switched");

	ASSERT_GE(sizeof(with), size);
	ASSERT_EQ(size, config_read(v, 0, with, size));
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		if (i != VFIO_PCI_VGA_REGION_INDEX)
			region[i] = vdev_region(v, i);
	vdev_close(v);

	ASSERT_EQ(0, vf_set(env("VFIO_BDF"), "transitional", "0"));
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));
	ASSERT_EQ(size, config_read(v, 0, without, size));
	EXPECT_EQ(0x1041, config_get(v, PCI_DEVICE_ID, 2));
	EXPECT_EQ(0, config_get(v, PCI_BASE_ADDRESS_0, 4));
	for (i = VFIO_PCI_BAR1_REGION_INDEX; i < VFIO_PCI_VGA_REGION_INDEX; i++) {
		now = vdev_region(v, i);
		EXPECT_EQ(0, memcmp(&now, &region[i], sizeof(now)));
	}
	vdev_close(v);
	ASSERT_EQ(0, vf_set(env("VFIO_BDF"), "transitional", "1"));
	ASSERT_EQ(0, vdev_open(v, env("VFIO_BDF")));

	for (i = 0; i < size; i++) {
		if (i == PCI_DEVICE_ID || i == PCI_DEVICE_ID + 1 ||
		    i == PCI_REVISION_ID || i == PCI_BASE_ADDRESS_0 ||
		    (i >= PCI_SUBSYSTEM_VENDOR_ID && i < PCI_SUBSYSTEM_ID + 2))
			continue;
		EXPECT_EQ(without[i], with[i]) {
			TH_LOG("byte %#x", i);
		}
	}
}

TEST_HARNESS_MAIN
