// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the VMM of a guest may do with a VF, rightly or wrongly: the operations
 * of the fuzzer's threads, see fuzz.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib.h"

#define PAGE		4096
#define BUFFER		8192
#define WORDS		(BUFFER / sizeof(uint32_t))
/* As vfio-pci has it on each kernel; what it says itself is asked elsewhere. */
#define REGION(index)	((uint64_t)(index) << 40)
#define REGIONS		(VFIO_PCI_NUM_REGIONS + 2)
#define BAR4_SIZE	0x8000
#define CONFIG_SIZE	4096
#define HOLE		0x80000000U

static int events[EVENTS];
static __thread union {
	uint8_t bytes[BUFFER];
	uint32_t words[WORDS];
} buffer;

uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return rng_next(rng) % n;
}

static bool one_in(struct rng *rng, unsigned int n)
{
	return !rng_below(rng, n);
}

struct op op_make(uint64_t seed, unsigned int thread, uint64_t n,
		  const struct op_kind *kinds)
{
	struct rng rng = { seed };
	unsigned int weights = 0;
	struct op op = { };
	uint64_t left;

	rng.state = rng_next(&rng) ^ thread;
	rng.state = rng_next(&rng) ^ n;
	for (op.kind = kinds; op.kind->weight; op.kind++)
		weights += op.kind->weight;
	left = rng_below(&rng, weights);
	for (op.kind = kinds; left >= op.kind->weight; op.kind++)
		left -= op.kind->weight;
	if (op.kind->make)
		op.kind->make(&rng, &op);
	return op;
}

int fuzz_events(void)
{
	unsigned int i;

	for (i = 0; i < EVENTS; i++) {
		events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (events[i] < 0)
			return -errno;
	}
	return 0;
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* Bytes that follow from a number. */
static void fill(uint64_t value, size_t len)
{
	struct rng rng = { value };
	size_t i;

	for (i = 0; i < len; i += sizeof(value)) {
		memcpy(buffer.bytes + i, &value, sizeof(value));
		value = value < 256 ? value : rng_next(&rng);
	}
}

/* Small numbers mean something to most registers, and others next to nothing. */
static uint64_t make_value(struct rng *rng)
{
	static const uint8_t statuses[] = { 0, 1, 3, 7, 0x80, 0x40 };

	switch (rng_below(rng, 4)) {
	case 0: return statuses[rng_below(rng, sizeof(statuses))];
	case 1: return rng_below(rng, 8);
	case 2: return 1ULL << rng_below(rng, 64);
	default: return rng_next(rng);
	}
}

static void make_width(struct rng *rng, struct op *op, uint64_t max)
{
	op->len = one_in(rng, 8) ? rng_below(rng, max) :
				   1ULL << rng_below(rng, 4);
}

static void make_bar0(struct rng *rng, struct op *op)
{
	static const uint8_t registers[][2] = {
		{ REG_HOST_FEATURES, 4 }, { REG_GUEST_FEATURES, 4 },
		{ REG_QUEUE_PFN, 4 }, { REG_QUEUE_SIZE, 2 },
		{ REG_QUEUE_SEL, 2 }, { REG_STATUS, 1 }, { REG_ISR, 1 },
		{ REG_CONFIG_VECTOR, 2 }, { REG_QUEUE_VECTOR, 2 },
		{ 20, 1 }, { 25, 1 }, { 26, 2 }, { 28, 2 }, { 30, 2 },
	};
	const uint8_t *at;

	op->index = VFIO_PCI_BAR0_REGION_INDEX;
	op->value = make_value(rng);
	if (one_in(rng, 3)) {
		op->offset = rng_below(rng, BAR0_SIZE + 8);
		make_width(rng, op, 2 * BAR0_SIZE);
		return;
	}
	at = registers[rng_below(rng, sizeof(registers) / sizeof(*registers))];
	op->offset = at[0];
	op->len = at[1];
}

static void make_notify(struct rng *rng, struct op *op)
{
	op->index = VFIO_PCI_BAR0_REGION_INDEX;
	op->offset = REG_QUEUE_NOTIFY;
	op->len = 2;
	op->value = one_in(rng, 4) ? rng_next(rng) : rng_below(rng, 6);
}

static void make_config(struct rng *rng, struct op *op)
{
	op->index = VFIO_PCI_CONFIG_REGION_INDEX;
	op->offset = rng_below(rng, one_in(rng, 8) ? CONFIG_SIZE + 16 :
			       one_in(rng, 2) ? 64 : 256);
	make_width(rng, op, 600);
	op->value = make_value(rng);
}

/* I/O and Memory Space on, or now and then off: else little would get through. */
static void make_command(struct rng *rng, struct op *op)
{
	op->index = VFIO_PCI_CONFIG_REGION_INDEX;
	op->offset = 4;
	op->len = 2;
	op->value = one_in(rng, 8) ? rng_below(rng, 8) : 7;
}

static void make_region(struct rng *rng, struct op *op)
{
	op->index = one_in(rng, 2) ? 4 : rng_below(rng, REGIONS);
	if (one_in(rng, 64))
		op->index = rng_next(rng) & 0xffffff;
	op->offset = rng_below(rng, BAR4_SIZE + 64);
	if (one_in(rng, 32))
		op->offset = rng_next(rng) >> rng_below(rng, 64);
	make_width(rng, op, 300);
	op->value = make_value(rng);
}

static off_t position(const struct op *op)
{
	return REGION(op->index) + op->offset;
}

static long run_read(struct target *target, const struct op *op)
{
	return result(pread(target->fd, buffer.bytes, op->len, position(op)));
}

static long run_write(struct target *target, const struct op *op)
{
	fill(op->value, op->len);
	return result(pwrite(target->fd, buffer.bytes, op->len, position(op)));
}

/* Memory that ends before the access does. */
static void make_hole(struct rng *rng, struct op *op)
{
	void (*const makes[])(struct rng *, struct op *) = {
		make_bar0, make_notify, make_config, make_region,
	};

	makes[rng_below(rng, 4)](rng, op);
	op->request = rng_below(rng, op->len + 1) | (one_in(rng, 2) ? HOLE : 0);
}

static long run_hole(struct target *target, const struct op *op)
{
	uint8_t *pages, *buf;
	long ret;

	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -errno;
	munmap(pages + PAGE, PAGE);
	buf = pages + PAGE - (op->request & ~HOLE);
	ret = result(op->request & HOLE ?
		     pread(target->fd, buf, op->len, position(op)) :
		     pwrite(target->fd, buf, op->len, position(op)));
	munmap(pages, PAGE);
	return ret;
}

static void make_argsz(struct rng *rng, struct op *op, unsigned int right)
{
	op->len = one_in(rng, 16) ? rng_next(rng) >> rng_below(rng, 64) :
		  one_in(rng, 4) ? rng_below(rng, 64) : right;
}

static void make_info(struct rng *rng, struct op *op)
{
	static const uint32_t requests[] = {
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
	};

	op->request = requests[rng_below(rng, 4)];
	op->index = rng_below(rng, 12);
	op->value = one_in(rng, 8) ? rng_next(rng) : 0;
	make_argsz(rng, op, sizeof(struct vfio_region_info));
}

/* What all of VFIO's structures begin with, and numbers behind it. */
static long run_info(struct target *target, const struct op *op)
{
	fill(op->value, 256);
	buffer.words[0] = op->len;
	buffer.words[1] = op->value;
	buffer.words[2] = op->index;
	return result(ioctl(target->fd, op->request, buffer.words));
}

static void make_ioeventfd(struct rng *rng, struct op *op)
{
	static const uint32_t widths[] = {
		VFIO_DEVICE_IOEVENTFD_8, VFIO_DEVICE_IOEVENTFD_16,
		VFIO_DEVICE_IOEVENTFD_32, VFIO_DEVICE_IOEVENTFD_64, 0,
		VFIO_DEVICE_IOEVENTFD_16 | VFIO_DEVICE_IOEVENTFD_8,
	};

	op->request = one_in(rng, 4) ? widths[rng_below(rng, 6)] :
				       VFIO_DEVICE_IOEVENTFD_16;
	op->offset = one_in(rng, 4) ? REGION(rng_below(rng, REGIONS)) +
				      rng_below(rng, BAR4_SIZE) : REG_QUEUE_NOTIFY;
	op->value = one_in(rng, 8) ? rng_next(rng) : rng_below(rng, 6);
	op->index = rng_below(rng, EVENTS);
	make_argsz(rng, op, sizeof(struct vfio_device_ioeventfd));
}

static int event_of(uint32_t index)
{
	return index < EVENTS / 2 ? events[index] : -1;
}

static long run_ioeventfd(struct target *target, const struct op *op)
{
	struct vfio_device_ioeventfd request = {
		.argsz = op->len,
		.flags = op->request,
		.offset = op->offset,
		.data = op->value,
		.fd = op->index == EVENTS - 1 ? (int)op->value :
						event_of(op->index),
	};

	return result(ioctl(target->fd, VFIO_DEVICE_IOEVENTFD, &request));
}

static void make_irqs(struct rng *rng, struct op *op)
{
	op->index = one_in(rng, 2) ? VFIO_PCI_MSIX_IRQ_INDEX :
				     rng_below(rng, VFIO_PCI_NUM_IRQS + 1);
	op->request = one_in(rng, 8) ? rng_next(rng) :
		      1 << rng_below(rng, 3) | 8 << rng_below(rng, 3);
	op->offset = one_in(rng, 2) ? 0 : rng_below(rng, 10);
	op->value = one_in(rng, 16) ? rng_next(rng) : rng_below(rng, 10);
	make_argsz(rng, op, sizeof(struct vfio_irq_set) + 10 * sizeof(int));
}

static long run_irqs(struct target *target, const struct op *op)
{
	struct vfio_irq_set *set = (void *)buffer.words;
	unsigned int i;

	for (i = 0; i < EVENTS; i++)
		((int32_t *)set->data)[i] = event_of((i + op->value) % EVENTS);
	set->argsz = op->len;
	set->flags = op->request;
	set->index = op->index;
	set->start = op->offset;
	set->count = op->value;
	return result(ioctl(target->fd, VFIO_DEVICE_SET_IRQS, set));
}

static void make_feature(struct rng *rng, struct op *op)
{
	static const uint32_t power[] = {
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
	};

	op->request = VFIO_DEVICE_FEATURE_SET | power[rng_below(rng, 3)];
	if (one_in(rng, 2))
		op->request = rng_below(rng, 14) | rng_below(rng, 8) << 16;
	if (one_in(rng, 16))
		op->request = rng_next(rng);
	op->value = make_value(rng);
	make_argsz(rng, op, sizeof(struct vfio_device_feature));
}

static long run_feature(struct target *target, const struct op *op)
{
	long ret;

	fill(op->value, 256);
	buffer.words[0] = op->len;
	buffer.words[1] = op->request;
	ret = ioctl(target->fd, VFIO_DEVICE_FEATURE, buffer.words);
	/* Some give a file. */
	if (ret > 0)
		close(ret);
	return result(ret);
}

/* Not one of those that have an operation of their own or give a file. */
static void make_ioctl(struct rng *rng, struct op *op)
{
	do {
		op->request = _IO(VFIO_TYPE, VFIO_BASE + rng_below(rng, 48));
	} while (op->request == VFIO_DEVICE_FEATURE ||
		 op->request == VFIO_DEVICE_RESET);
	op->index = rng_below(rng, 16);
	op->value = one_in(rng, 2) ? rng_next(rng) : rng_below(rng, 64);
	make_argsz(rng, op, 32);
}

static long run_ioctl(struct target *target, const struct op *op)
{
	fill(op->value, 256);
	buffer.words[0] = op->len;
	switch (op->index) {
	case 0: return result(ioctl(target->fd, op->request, NULL));
	case 1: return result(ioctl(target->fd, op->request, op->value));
	default: return result(ioctl(target->fd, op->request, buffer.words));
	}
}

static long run_reset(struct target *target, const struct op *op)
{
	return result(ioctl(target->fd, VFIO_DEVICE_RESET));
}

static void make_map(struct rng *rng, struct op *op)
{
	op->index = one_in(rng, 2) ? 4 : rng_below(rng, REGIONS);
	op->offset = rng_below(rng, 10) * PAGE;
	op->len = (1 + rng_below(rng, 9)) * PAGE;
	op->request = one_in(rng, 4) ? MAP_PRIVATE : MAP_SHARED;
}

static long run_map(struct target *target, const struct op *op)
{
	void *map = mmap(NULL, op->len, PROT_READ | PROT_WRITE, op->request,
			 target->fd, position(op));

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, op->len);
	return 0;
}

static void make_event(struct rng *rng, struct op *op)
{
	op->index = rng_below(rng, EVENTS / 2);
	op->value = 1 + rng_below(rng, 3);
}

static long run_signal(struct target *target, const struct op *op)
{
	return result(write(event_of(op->index), &op->value, sizeof(op->value)));
}

/* Whatever it was tied to loses it. */
static long run_renew(struct target *target, const struct op *op)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	long ret;

	if (fd < 0)
		return -errno;
	ret = result(dup3(fd, event_of(op->index), O_CLOEXEC));
	close(fd);
	return ret;
}

static const char * const files[] = {
	"transitional", "legacy_supported", "legacy_active",
	"legacy_reset_timeout", "log_suppressed",
};

static void make_file(struct rng *rng, struct op *op)
{
	op->index = rng_below(rng, sizeof(files) / sizeof(*files));
	op->value = rng_below(rng, 3);
}

static long run_file_read(struct target *target, const struct op *op)
{
	return vf_get(target->bdf, files[op->index]);
}

static long run_file_write(struct target *target, const struct op *op)
{
	static const char * const values[] = { "0", "1", "x" };

	return vf_set(target->bdf, files[op->index], values[op->value]);
}

static void make_kill(struct rng *rng, struct op *op)
{
	op->value = rng_below(rng, 5000);
	op->offset = one_in(rng, 2) ? REG_STATUS : REG_QUEUE_SEL;
	op->len = 8;
	op->request = one_in(rng, 2) ? HOLE : 0;
}

/* Who waits for the device is killed. */
static long run_kill(struct target *target, const struct op *op)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			op->request & HOLE ? run_read(target, op) :
					     run_write(target, op);
	}
	usleep(op->value);
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) == child ? 0 : -errno;
}

/* See virtio_vfio_pci(7); EINTR is for those who don't live to see it. */
static const int access_errors[] = {
	EINVAL, EIO, EAGAIN, ENOMEM, ETIMEDOUT, ENODEV, EOPNOTSUPP, EFAULT, 0
};

/*
 * As it is in vfio_pci_core up to 6.12: who are the first to access a BAR, in
 * parallel, are in each other's way.
 */
static const int bar_errors[] = {
	EBUSY, EINVAL, EIO, EAGAIN, ENOMEM, ETIMEDOUT, ENODEV, EOPNOTSUPP,
	EFAULT, 0
};

static const int ioctl_errors[] = {
	ENOTTY, EINVAL, EFAULT, EBUSY, ENOSPC, EEXIST, ENODEV, EOPNOTSUPP,
	EPERM, EBADF, EAGAIN, ENOMEM, EIO, ERANGE, 0
};

static const int file_errors[] = {
	ENOENT, ENODEV, EBUSY, EINVAL, EOPNOTSUPP, EACCES, 0
};

static const int map_errors[] = { EBUSY, EINVAL, ENODEV, EPERM, EAGAIN, 0 };

static const int event_errors[] = { EAGAIN, 0 };

static const int no_errors[] = { 0 };

const struct op_kind guest_ops[] = {
	{ "read of region", 2500, make_bar0, run_read, access_errors },
	{ "write of region", 2000, make_bar0, run_write, access_errors },
	{ "write of region", 1000, make_notify, run_write, access_errors },
	{ "read of region", 800, make_config, run_read, access_errors },
	{ "write of region", 300, make_config, run_write, access_errors },
	{ "write of region", 500, make_command, run_write, access_errors },
	{ "read of region", 500, make_region, run_read, bar_errors },
	{ "write of region", 200, make_region, run_write, bar_errors },
	{ "access with a hole", 100, make_hole, run_hole, bar_errors },
	{ "info", 300, make_info, run_info, ioctl_errors },
	{ "ioeventfd", 500, make_ioeventfd, run_ioeventfd, ioctl_errors },
	{ "irqs", 300, make_irqs, run_irqs, ioctl_errors },
	{ "feature", 200, make_feature, run_feature, ioctl_errors },
	{ "ioctl", 200, make_ioctl, run_ioctl, ioctl_errors },
	{ "reset", 4, NULL, run_reset, ioctl_errors },
	{ "map", 100, make_map, run_map, map_errors },
	{ "signal", 300, make_event, run_signal, event_errors },
	{ "new eventfd", 50, make_event, run_renew, no_errors },
	{ "read of file", 60, make_file, run_file_read, file_errors },
	{ "write of file", 40, make_file, run_file_write, file_errors },
	{ "killed access", 2, make_kill, run_kill, no_errors },
	{ }
};
