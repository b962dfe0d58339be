// SPDX-License-Identifier: GPL-2.0-only
/*
 * What accesses to a VFIO device cost: a line "NAME NUMBER" for each, in
 * nanoseconds by the host's clock, which in the bench counts instructions. The
 * number is that of the best of several short rounds.
 *
 * VFIO_BDF is the device, DRIVER what it is to be bound to, and TARGET what that
 * makes it: "ours", "upstream" (both transitional) or "vfio" (under vfio-pci).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../vfio/lib.h"

#define ROUNDS		30
#define CALLS		20
/* Each waits for a reply that comes so late. */
#define LATE_MS		400
#define WAITERS_MAX	8

/* An access: read or @write @len bytes at @offset of @fd; zeroes or what is there. */
struct access {
	const char *name;
	int fd;
	uint64_t offset;
	unsigned int len;
	bool write;
	bool keep;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "accesses: %s of %s: %m\n", what, env("VFIO_BDF"));
	exit(1);
}

static void report(const char *name, uint64_t ns)
{
	printf("%s %llu\n", name, (unsigned long long)ns);
	fflush(stdout);
}

static uint64_t one_round(const struct access *a)
{
	uint8_t value[8] = {};
	uint64_t start;
	ssize_t ret = 0;
	int i;

	/* What is written is what was there. */
	if (a->keep && pread(a->fd, value, a->len, a->offset) < 0)
		fail(a->name);

	start = now_ns();
	for (i = 0; i < CALLS && ret >= 0; i++)
		ret = a->write ? pwrite(a->fd, value, a->len, a->offset) :
				 pread(a->fd, value, a->len, a->offset);
	if (ret < 0)
		fail(a->name);
	return (now_ns() - start) / CALLS;
}

/*
 * Rounds are on each processor in turn: where an answer's interrupt comes to
 * another one than the caller's, waking it costs more than all drivers together.
 */
static void move(int round)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(round % sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("moving to another processor for an access");
}

static uint64_t best(const struct access *a, int rounds)
{
	uint64_t least = ULLONG_MAX, ns;

	for (; rounds; rounds--) {
		move(rounds);
		ns = one_round(a);
		if (ns < least)
			least = ns;
	}
	return least;
}

/* The modern notify address, by the capability that says where it is. */
static uint64_t modern_notify(struct vdev *v)
{
	unsigned int pos = config_get(v, PCI_CAPABILITY_LIST, 1);

	for (; pos; pos = config_get(v, pos + 1, 1)) {
		if (config_get(v, pos, 1) != PCI_CAP_ID_VNDR ||
		    config_get(v, pos + 3, 1) != 2)
			continue;
		return vdev_region(v, config_get(v, pos + 4, 1)).offset +
		       config_get(v, pos + 8, 4);
	}

	fail("finding the notify capability");
	return 0;
}

struct waiters {
	struct vdev *v;
	atomic_bool stop;
	pthread_t thread[WAITERS_MAX];
};

static void *read_status(void *arg)
{
	struct waiters *w = arg;
	uint8_t status;

	while (!w->stop)
		bar0_read(w->v, REG_STATUS, &status, 1);
	return NULL;
}

/*
 * What an access costs while others wait, and one that has nothing to do with the
 * device: the file of a process with several threads costs more by itself.
 */
static void measure_with_waiters(struct vdev *v, const struct access *a,
				 const struct access *null, int number)
{
	struct waiters w = { .v = v };
	char name[64];
	int i;

	card_set_number("delay-ms", LATE_MS);
	for (i = 0; i < number; i++)
		if (pthread_create(&w.thread[i], NULL, read_status, &w))
			fail("starting a thread");
	msleep(LATE_MS / 4);
	snprintf(name, sizeof(name), "%s-%d-waiting", a->name, number);
	report(name, best(a, ROUNDS));
	snprintf(name, sizeof(name), "%s-%d-waiting", null->name, number);
	report(name, best(null, ROUNDS));
	w.stop = true;
	card_set_number("delay-ms", 0);
	for (i = 0; i < number; i++)
		pthread_join(w.thread[i], NULL);
}

static void measure_registers(struct vdev *v)
{
	static const struct {
		const char *name;
		unsigned int offset, len;
		bool write, keep;
	} registers[] = {
		{ "register-read-1", REG_STATUS, 1 },
		{ "register-read-2", REG_QUEUE_SIZE, 2 },
		{ "register-read-4", REG_HOST_FEATURES, 4 },
		{ "register-write-1", REG_STATUS, 1, true, true },
		{ "register-write-2", REG_QUEUE_SEL, 2, true, true },
		{ "register-write-4", REG_GUEST_FEATURES, 4, true, true },
		/* Last, for that is a reset. */
		{ "register-write-reset", REG_STATUS, 1, true, false },
	};
	uint8_t acknowledge = 1;
	size_t i;

	if (bar0_write(v, REG_STATUS, &acknowledge, 1) < 0)
		fail("writing Device Status");
	for (i = 0; i < sizeof(registers) / sizeof(*registers); i++)
		report(registers[i].name, best(&(struct access){
			registers[i].name, v->fd, v->bar0 + registers[i].offset,
			registers[i].len, registers[i].write,
			registers[i].keep }, ROUNDS));
}

static void measure_config(struct vdev *v)
{
	static const struct {
		const char *name;
		unsigned int offset, len;
		bool write;
	} fields[] = {
		{ "config-read-device-id", PCI_DEVICE_ID, 2, false },
		{ "config-read-all-64", 0, 4, false },
		{ "config-read-untouched", PCI_CAPABILITY_LIST, 1, false },
		{ "config-write-bar0", PCI_BASE_ADDRESS_0, 4, true },
		{ "config-write-untouched", PCI_INTERRUPT_LINE, 1, true },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		report(fields[i].name, best(&(struct access){
			fields[i].name, v->fd, v->config + fields[i].offset,
			fields[i].len, fields[i].write, fields[i].write }, ROUNDS));
}

static void rebind(void)
{
	int ret = pci_bind(env("VFIO_BDF"), env("DRIVER"));

	if (!ret && !strcmp(env("TARGET"), "ours"))
		ret = vf_set(env("VFIO_BDF"), "transitional", "1");
	if (ret) {
		errno = -ret;
		fail("binding");
	}
}

static void measure_bind(void)
{
	uint64_t start, least = ULLONG_MAX;
	int i;

	for (i = 0; i < 6; i++) {
		move(i);
		if (pci_unbind(env("VFIO_BDF")))
			fail("unbinding");
		start = now_ns();
		rebind();
		start = now_ns() - start;
		least = start < least ? start : least;
	}
	report("bind", least);
}

static uint64_t best_signal(int event)
{
	uint64_t least = ULLONG_MAX, ns;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		move(round);
		ns = now_ns();
		for (i = 0; i < CALLS; i++)
			if (eventfd_write(event, 1))
				fail("signalling an eventfd");
		ns = (now_ns() - ns) / CALLS;
		least = ns < least ? ns : least;
	}
	return least;
}

/*
 * An eventfd's signal with nobody there, and when it is a doorbell: the kernel
 * does what lies between, whoever signals. Upstream's driver doesn't have it.
 */
static void measure_eventfd(struct vdev *v, uint64_t doorbell)
{
	int event = eventfd(0, EFD_NONBLOCK);

	report("eventfd-write", best_signal(event));
	if (!vdev_ioeventfd(v, doorbell, VFIO_DEVICE_IOEVENTFD_16, 0, event))
		report("doorbell-eventfd", best_signal(event));
	close(event);
}

static void measure_open(struct vdev *v)
{
	uint64_t start, opened = ULLONG_MAX, reset = ULLONG_MAX;
	uint64_t closed = ULLONG_MAX, t;
	int i;

	for (i = 0; i < 6; i++) {
		move(i);
		start = now_ns();
		if (vdev_open(v, env("VFIO_BDF")))
			fail("opening");
		t = now_ns();
		opened = t - start < opened ? t - start : opened;
		if (vdev_reset(v))
			fail("reset");
		start = now_ns();
		reset = start - t < reset ? start - t : reset;
		vdev_close(v);
		t = now_ns();
		closed = t - start < closed ? t - start : closed;
	}
	report("open", opened);
	report("reset", reset);
	report("close", closed);
}

int main(void)
{
	const char *target = env("TARGET");
	bool legacy = strcmp(target, "vfio");
	struct access doorbell = { "doorbell", .len = 2, .write = true };
	struct access null = { "null-write", .len = 2, .write = true };
	struct vdev v;
	int number;

	null.fd = open("/dev/null", O_WRONLY);
	report(null.name, best(&null, ROUNDS));

	measure_bind();
	measure_open(&v);
	if (vdev_open(&v, env("VFIO_BDF")))
		fail("opening");
	io_enable(&v);

	doorbell.fd = v.fd;
	doorbell.offset = legacy ? v.bar0 + REG_QUEUE_NOTIFY : modern_notify(&v);
	report("doorbell", best(&doorbell, ROUNDS));
	measure_eventfd(&v, doorbell.offset);
	measure_config(&v);
	if (!legacy)
		goto out;

	measure_registers(&v);
	for (number = 1; number <= WAITERS_MAX; number = number > 1 ? number * 2 : 4)
		measure_with_waiters(&v, &doorbell, &null, number);
out:
	vdev_close(&v);
	return 0;
}
