// SPDX-License-Identifier: GPL-2.0-only
/*
 * No regression: what isn't transitional is the same under our driver as under
 * vfio-pci, field by field.
 *
 * VFIO_BDF is a VF. The function in ORACLE, if set, is no VF and has an I/O
 * BAR0 of its own. With LEGACY_SUPPORTED=0 the card serves no legacy commands,
 * and the VF isn't transitional although the module parameter asks for it.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define DRIVER		"virtio_vfio_pci"
#define PARAMETER	"/sys/module/" DRIVER "/parameters/transitional"

#define REGIONS		(VFIO_PCI_NUM_REGIONS + 1)	/* one that isn't */
#define IRQS		(VFIO_PCI_NUM_IRQS + 1)
#define INFO_MAX	512
#define OFFSETS		64
#define WIDTHS		4
#define CONFIG_SIZE	4096
#define EDGES		8
#define FEATURES	16
#define PROBES		4
#define BARS		7	/* 6 and the ROM, not in this order */

/* What an access did: bytes or negative errno, and what was read. */
struct access {
	int64_t result;
	uint64_t value;
};

struct region {
	int result;
	uint8_t info[INFO_MAX];		/* struct vfio_region_info and caps */
	/* Memory and I/O Space off and on */
	struct access read[2][OFFSETS][WIDTHS];
	struct access edge_read[EDGES];
	struct access edge_write[EDGES];
	int map_read;
	int map_write;
};

struct irq {
	int info_result;
	struct vfio_irq_info info;
	int enable;
	int disable;
};

/* All that userspace can see of a device. */
struct picture {
	struct vfio_device_info device;
	struct region region[REGIONS];
	struct irq irq[IRQS];
	struct access config[CONFIG_SIZE];
	uint32_t command;
	uint32_t sized[BARS];
	int feature[FEATURES][PROBES];
	int hot_reset;
	unsigned int hot_reset_devices;
	int bad_ioctl;
	int reset;
	uint32_t command_after_reset;
};

static struct access do_read(struct vdev *v, uint64_t offset, size_t len)
{
	struct access access = { };

	access.result = pread(v->fd, &access.value, len, offset);
	if (access.result < 0)
		access.result = -errno;
	return access;
}

static struct access do_write(struct vdev *v, uint64_t offset, uint64_t value,
			      size_t len)
{
	struct access access = { .value = value };

	access.result = pwrite(v->fd, &access.value, len, offset);
	if (access.result < 0)
		access.result = -errno;
	return access;
}

static int result(int ret)
{
	return ret < 0 ? -errno : ret;
}

static int try_map(struct vdev *v, uint64_t offset, int protection)
{
	size_t size = sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, size, protection, MAP_SHARED, v->fd, offset);

	if (memory == MAP_FAILED)
		return -errno;
	munmap(memory, size);
	return 0;
}

static void picture_reads(struct vdev *v, struct region *region,
			  unsigned int space)
{
	struct vfio_region_info *info = (void *)region->info;
	unsigned int offset, width;

	for (offset = 0; offset < OFFSETS; offset++)
		for (width = 0; width < WIDTHS; width++)
			region->read[space][offset][width] =
				do_read(v, info->offset + offset, 1 << width);
}

/* Around the end, far behind it, nothing, and much. */
static void picture_edges(struct vdev *v, struct region *region)
{
	struct vfio_region_info *info = (void *)region->info;
	const struct {
		uint64_t offset;
		size_t len;
	} edges[EDGES] = {
		{ info->size - 1, 1 },
		{ info->size - 1, 2 },
		{ info->size - 2, 4 },
		{ info->size - 4, 8 },
		{ info->size, 1 },
		{ info->size, 4 },
		{ info->size + 0x100000, 4 },
		{ 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < EDGES; i++) {
		region->edge_read[i] = do_read(v, info->offset +
					       edges[i].offset, edges[i].len);
		/* What lies inside is best left alone. */
		if (edges[i].offset >= info->size || !edges[i].len)
			region->edge_write[i] =
				do_write(v, info->offset + edges[i].offset, 0,
					 edges[i].len);
	}
}

static void picture_region(struct vdev *v, unsigned int index,
			   struct region *region)
{
	struct vfio_region_info *info = (void *)region->info;

	info->argsz = sizeof(region->info);
	info->index = index;
	region->result = result(ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, info));
	/* VFIO's offsets are what is used where it gives none. */
	if (region->result)
		info->offset = (uint64_t)index << 40;

	picture_edges(v, region);
	region->map_read = try_map(v, info->offset, PROT_READ);
	region->map_write = try_map(v, info->offset, PROT_READ | PROT_WRITE);
}

static void picture_irq(struct vdev *v, unsigned int index, struct irq *irq)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} enable = {
		.set = {
			.argsz = sizeof(enable),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
		.fd = eventfd(0, EFD_CLOEXEC),
	};
	struct vfio_irq_set disable = {
		.argsz = sizeof(disable),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	irq->info.argsz = sizeof(irq->info);
	irq->info.index = index;
	irq->info_result = result(ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO,
					&irq->info));
	irq->enable = result(ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &enable));
	irq->disable = result(ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &disable));
	close(enable.fd);
}

static void picture_features(struct vdev *v, struct picture *p)
{
	static const uint32_t probes[PROBES] = {
		VFIO_DEVICE_FEATURE_PROBE,
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET,
		VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET,
		VFIO_DEVICE_FEATURE_GET,
	};
	uint8_t buffer[INFO_MAX];
	struct vfio_device_feature *feature = (void *)buffer;
	unsigned int i, k;

	for (i = 0; i < FEATURES; i++) {
		for (k = 0; k < PROBES; k++) {
			memset(buffer, 0, sizeof(buffer));
			feature->argsz = sizeof(buffer);
			feature->flags = probes[k] | i;
			p->feature[i][k] = result(ioctl(v->fd,
							VFIO_DEVICE_FEATURE,
							feature));
		}
	}
}

/* What a BAR says after all ones were written tells its kind and size. */
static void picture_sizes(struct vdev *v, struct picture *p)
{
	static const uint8_t bars[BARS] = {
		PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_1, PCI_BASE_ADDRESS_2,
		PCI_BASE_ADDRESS_3, PCI_BASE_ADDRESS_4, PCI_BASE_ADDRESS_5,
		PCI_ROM_ADDRESS,
	};
	unsigned int i;

	for (i = 0; i < BARS; i++) {
		config_set(v, bars[i], 4, 0xffffffff);
		p->sized[i] = config_get(v, bars[i], 4);
	}
}

static void picture_hot_reset(struct vdev *v, struct picture *p)
{
	struct vfio_pci_hot_reset_info info = { .argsz = sizeof(info) };

	p->hot_reset = result(ioctl(v->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				    &info));
	p->hot_reset_devices = info.count;
}

static int picture_take(struct picture *p, const char *bdf)
{
	struct vdev v;
	unsigned int i;
	int ret;

	ret = vdev_open(&v, bdf);
	if (ret)
		return ret;

	p->device = v.info;
	for (i = 0; i < CONFIG_SIZE; i++)
		p->config[i] = do_read(&v, v.config + i, 1);
	for (i = 0; i < REGIONS; i++)
		picture_region(&v, i, &p->region[i]);
	for (i = 0; i < REGIONS; i++)
		picture_reads(&v, &p->region[i], 0);

	config_set(&v, PCI_COMMAND, 2, 0xffff & ~PCI_COMMAND_MASTER);
	p->command = config_get(&v, PCI_COMMAND, 2);
	/* A legacy device may have an interrupt to tell from before. */
	do_read(&v, v.bar0 + REG_ISR, 1);
	for (i = 0; i < REGIONS; i++)
		picture_reads(&v, &p->region[i], 1);
	for (i = 0; i < IRQS; i++)
		picture_irq(&v, i, &p->irq[i]);

	picture_features(&v, p);
	picture_hot_reset(&v, p);
	p->bad_ioctl = result(ioctl(v.fd, _IO(VFIO_TYPE, VFIO_BASE + 99)));
	picture_sizes(&v, p);
	p->reset = vdev_reset(&v);
	p->command_after_reset = config_get(&v, PCI_COMMAND, 4);
	vdev_close(&v);
	return 0;
}

FIXTURE(same)
{
	const struct picture *vfio;
	const struct picture *ours;
};

FIXTURE_VARIANT(same)
{
	unsigned int index;
	bool vf;
	const char *transitional;	/* module parameter */
};

FIXTURE_VARIANT_ADD(same, not_opted_in)
{
	.index = 0,
	.vf = true,
	.transitional = "N",
};

FIXTURE_VARIANT_ADD(same, no_commands)
{
	.index = 1,
	.vf = true,
	.transitional = "Y",
};

FIXTURE_VARIANT_ADD(same, other_function)
{
	.index = 2,
	.transitional = "Y",
};

/*
 * Each test is a process of its own. The first of a variant takes the pictures,
 * which takes seconds, and the others look at them.
 */
static struct album {
	bool taken;
	struct picture vfio;
	struct picture ours;
} *albums;

static __attribute__((constructor)) void share_albums(void)
{
	albums = mmap(NULL, 3 * sizeof(*albums), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (albums == MAP_FAILED)
		abort();
}

static int take_both(const char *bdf, struct picture *vfio,
		     struct picture *ours)
{
	int ret;

	ret = pci_bind(bdf, "vfio-pci");
	if (!ret)
		ret = picture_take(vfio, bdf);
	if (!ret)
		ret = pci_bind(bdf, DRIVER);
	if (!ret && vf_get(bdf, "transitional"))
		ret = -EBUSY;
	if (!ret)
		ret = picture_take(ours, bdf);
	return ret;
}

FIXTURE_SETUP(same)
{
	const char *bdf = getenv(variant->vf ? "VFIO_BDF" : "ORACLE");
	const char *supported = getenv("LEGACY_SUPPORTED");
	bool commands = !supported || strcmp(supported, "0");
	struct album *album = &albums[variant->index];
	char driver[32], parameter[8];
	int ret, opted_in = 0;

	if (!bdf || !*bdf)
		SKIP(return, "no function to bind");
	if (variant->vf && *variant->transitional == 'Y' && commands)
		SKIP(return, "the card is set to serve legacy commands");

	/* The kernel's own line where a PF serves some commands but not these. */
	if (!commands)
		log_expect("Failed to execute command on admin vq: -95");

	self->vfio = &album->vfio;
	self->ours = &album->ours;
	if (album->taken)
		return;

	pci_driver(bdf, driver, sizeof(driver));
	if (!strcmp(driver, DRIVER))
		opted_in = vf_get(bdf, "transitional");
	ASSERT_EQ(0, sysfs_read(PARAMETER, parameter, sizeof(parameter)));
	ASSERT_EQ(0, param_set("transitional", variant->transitional));

	memset(album, 0, sizeof(*album));
	ret = take_both(bdf, &album->vfio, &album->ours);

	param_set("transitional", parameter);
	pci_bind(bdf, *driver ? driver : "\n");
	if (opted_in)
		vf_set(bdf, "transitional", "1");
	ASSERT_EQ(0, ret);
	album->taken = true;
}

FIXTURE_TEARDOWN(same)
{
}

/* Say where it differs; @return: whether it does. */
static bool differs(const void *one, const void *other, size_t size,
		    const char *what, unsigned int index)
{
	const uint8_t *a = one, *b = other;
	size_t i;

	for (i = 0; i < size && a[i] == b[i]; i++)
		;
	if (i == size)
		return false;
	printf("# %s %u: byte %zu is %#x under vfio-pci, %#x under ours\n",
	       what, index, i, a[i], b[i]);
	return true;
}

static bool access_differs(const struct access *a, const struct access *b,
			   const char *what, unsigned int index,
			   unsigned int offset)
{
	if (a->result == b->result && a->value == b->value)
		return false;
	printf("# %s %u, %#x: %lld (%#llx) under vfio-pci, %lld (%#llx) under ours\n",
	       what, index, offset, (long long)a->result,
	       (unsigned long long)a->value, (long long)b->result,
	       (unsigned long long)b->value);
	return true;
}

TEST_F(same, device_info)
{
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, self->vfio->device.num_regions);
	EXPECT_EQ(self->vfio->device.argsz, self->ours->device.argsz);
	EXPECT_EQ(self->vfio->device.flags, self->ours->device.flags);
	EXPECT_EQ(self->vfio->device.num_regions,
		  self->ours->device.num_regions);
	EXPECT_EQ(self->vfio->device.num_irqs, self->ours->device.num_irqs);
	EXPECT_EQ(self->vfio->device.cap_offset, self->ours->device.cap_offset);
}

TEST_F(same, region_info)
{
	const struct region *a = self->vfio->region, *b = self->ours->region;
	const struct vfio_region_info *info;
	unsigned int i;

	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(a[i].result, b[i].result)
			TH_LOG("region %u", i);
		EXPECT_FALSE(differs(a[i].info, b[i].info, INFO_MAX,
				     "info of region", i));
	}

	info = (void *)a[VFIO_PCI_CONFIG_REGION_INDEX].info;
	EXPECT_NE(0, info->size);
	EXPECT_EQ(-EINVAL, a[VFIO_PCI_NUM_REGIONS].result);
}

TEST_F(same, config_space)
{
	unsigned int i;
	bool any = false;

	for (i = 0; i < CONFIG_SIZE; i++)
		any |= access_differs(&self->vfio->config[i],
				      &self->ours->config[i],
				      "configuration space", 0, i);
	EXPECT_FALSE(any);
	EXPECT_EQ(1, self->vfio->config[PCI_VENDOR_ID].result);
	EXPECT_EQ(0xf4, self->vfio->config[PCI_VENDOR_ID].value);
}

TEST_F(same, command_and_bar_sizes)
{
	unsigned int i;

	EXPECT_EQ(self->vfio->command, self->ours->command);
	for (i = 0; i < BARS; i++) {
		EXPECT_EQ(self->vfio->sized[i], self->ours->sized[i])
			TH_LOG("BAR %u", i);
	}
}

TEST_F(same, reads)
{
	const struct region *a = self->vfio->region, *b = self->ours->region;
	unsigned int i, offset, width;
	bool any = false;

	for (i = 0; i < REGIONS; i++)
		for (offset = 0; offset < OFFSETS; offset++)
			for (width = 0; width < WIDTHS; width++) {
				any |= access_differs(&a[i].read[0][offset][width],
						      &b[i].read[0][offset][width],
						      "off, region", i, offset);
				any |= access_differs(&a[i].read[1][offset][width],
						      &b[i].read[1][offset][width],
						      "on, region", i, offset);
			}
	EXPECT_FALSE(any);
}

TEST_F(same, accesses_at_the_end)
{
	const struct region *a = self->vfio->region, *b = self->ours->region;
	unsigned int i, k;
	bool any = false;

	for (i = 0; i < REGIONS; i++) {
		for (k = 0; k < EDGES; k++) {
			any |= access_differs(&a[i].edge_read[k],
					      &b[i].edge_read[k],
					      "read, region", i, k);
			any |= access_differs(&a[i].edge_write[k],
					      &b[i].edge_write[k],
					      "write, region", i, k);
		}
	}
	EXPECT_FALSE(any);
}

TEST_F(same, mappings)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++) {
		EXPECT_EQ(self->vfio->region[i].map_read,
			  self->ours->region[i].map_read)
			TH_LOG("region %u", i);
		EXPECT_EQ(self->vfio->region[i].map_write,
			  self->ours->region[i].map_write)
			TH_LOG("region %u", i);
	}
}

TEST_F(same, irqs)
{
	const struct irq *a = self->vfio->irq, *b = self->ours->irq;
	unsigned int i;

	for (i = 0; i < IRQS; i++)
		EXPECT_FALSE(differs(&a[i], &b[i], sizeof(a[i]), "irq", i));
	EXPECT_EQ(0, a[VFIO_PCI_MSIX_IRQ_INDEX].enable);
	EXPECT_EQ(0, a[VFIO_PCI_MSIX_IRQ_INDEX].disable);
}

TEST_F(same, features)
{
	unsigned int i, k;

	for (i = 0; i < FEATURES; i++) {
		for (k = 0; k < PROBES; k++) {
			EXPECT_EQ(self->vfio->feature[i][k],
				  self->ours->feature[i][k])
				TH_LOG("feature %u, probe %u", i, k);
		}
	}
}

TEST_F(same, other_ioctls)
{
	EXPECT_EQ(self->vfio->bad_ioctl, self->ours->bad_ioctl);
	EXPECT_NE(0, self->ours->bad_ioctl);
	EXPECT_EQ(self->vfio->hot_reset, self->ours->hot_reset);
	EXPECT_EQ(self->vfio->hot_reset_devices, self->ours->hot_reset_devices);
}

TEST_F(same, reset)
{
	EXPECT_EQ(self->vfio->reset, self->ours->reset);
	EXPECT_EQ(self->vfio->command_after_reset,
		  self->ours->command_after_reset);
}

TEST_HARNESS_MAIN
