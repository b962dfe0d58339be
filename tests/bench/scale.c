// SPDX-License-Identifier: GPL-2.0-only
/*
 * scale vfs N... | scale memory N... | scale configure N... - what N VFs of PF cost
 *
 * vfs is from nothing until all are open, and prints lines of "NAME-N NUMBER" for
 * each N: by the host's clock in nanoseconds all of it (vfs), its parts (create,
 * bind, open), and for how much of it this process had a processor (busy). memory
 * prints bytes for each VF: what less is free (memory), and the slabs' part in it
 * (slab), when all are bound, and when they are open, too. The slabs are the ones to
 * compare: free memory moves by what the kernel keeps at hand for other things, too.
 * configure prints how many nanoseconds it takes until a legacy driver has come up
 * on all N at the same time: with a card that answers at once (configure), and with
 * one that does so after LATE_MS (configure-late).
 *
 * DRIVER is what they are bound to, and TARGET "ours" if they are then made
 * transitional. The PF has no VFs before and after that.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../vfio/lib.h"

#define MAX_VFS	240
#define LATE_MS	10
#define QUEUES	3
#define ROUNDS	20

static char bdfs[MAX_VFS][32];
static struct vdev vdevs[MAX_VFS];

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void check(int ret, const char *what, const char *bdf)
{
	if (!ret)
		return;
	fprintf(stderr, "scale: %s of %s: %s\n", what, bdf, strerror(-ret));
	exit(1);
}

static void report(const char *name, unsigned int vfs, long long value)
{
	printf("%s-%u %lld\n", name, vfs, value);
	fflush(stdout);
}

static void set_vfs(unsigned int vfs)
{
	char path[128], number[16];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs",
		 env("PF"));
	snprintf(number, sizeof(number), "%u", vfs);
	check(sysfs_write(path, number), "sriov_numvfs", env("PF"));
}

static void create(unsigned int vfs)
{
	char path[128], link[256];
	unsigned int i;
	ssize_t len;

	set_vfs(vfs);
	for (i = 0; i < vfs; i++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%u",
			 env("PF"), i);
		len = readlink(path, link, sizeof(link) - 1);
		check(len < 0, "virtfn", env("PF"));
		link[len] = 0;
		snprintf(bdfs[i], sizeof(bdfs[i]), "%s", strrchr(link, '/') + 1);
	}
}

static void bind_all(unsigned int vfs)
{
	bool ours = !strcmp(env("TARGET"), "ours");
	unsigned int i;

	for (i = 0; i < vfs; i++) {
		check(pci_bind(bdfs[i], env("DRIVER")), "bind", bdfs[i]);
		if (ours)
			check(vf_set(bdfs[i], "transitional", "1"),
			      "transitional", bdfs[i]);
	}
}

static void open_all(unsigned int vfs)
{
	unsigned int i;

	for (i = 0; i < vfs; i++)
		check(vdev_open(&vdevs[i], bdfs[i]), "open", bdfs[i]);
}

static void remove_all(unsigned int vfs)
{
	unsigned int i;

	for (i = 0; i < vfs; i++)
		vdev_close(&vdevs[i]);
	set_vfs(0);
}

static void measure_time(unsigned int vfs)
{
	uint64_t busy = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t start = clock_ns(CLOCK_MONOTONIC), created, bound, opened;

	create(vfs);
	created = clock_ns(CLOCK_MONOTONIC);
	bind_all(vfs);
	bound = clock_ns(CLOCK_MONOTONIC);
	open_all(vfs);
	opened = clock_ns(CLOCK_MONOTONIC);
	busy = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - busy;

	report("create", vfs, created - start);
	report("bind", vfs, bound - created);
	report("open", vfs, opened - bound);
	report("vfs", vfs, opened - start);
	report("busy", vfs, busy);
	remove_all(vfs);
}

/* Bytes. */
static long long bytes_of(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128], format[32];
	long long kib = -1;

	snprintf(format, sizeof(format), "%s: %%lld", name);
	while (file && kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, format, &kib);
	check(kib < 0, name, "/proc/meminfo");
	fclose(file);
	return kib * 1024;
}

struct memory {
	long long free, slab;
};

/* Without what the kernel gives back when somebody asks. */
static struct memory memory(void)
{
	msleep(500);
	check(sysfs_write("/proc/sys/vm/drop_caches", "3"), "drop_caches", "all");
	check(sysfs_write("/proc/sys/vm/compact_memory", "1"), "compact_memory",
	      "all");
	return (struct memory){ bytes_of("MemFree"), bytes_of("Slab") };
}

static void report_memory(const char *state, unsigned int vfs,
			  const struct memory *before)
{
	struct memory after = memory();
	char name[64];

	snprintf(name, sizeof(name), "memory-%s", state);
	report(name, vfs, (before->free - after.free) / vfs);
	snprintf(name, sizeof(name), "slab-%s", state);
	report(name, vfs, (after.slab - before->slab) / vfs);
}

static void measure_memory(unsigned int vfs)
{
	struct memory before;

	create(vfs);
	before = memory();
	bind_all(vfs);
	report_memory("bound", vfs, &before);
	open_all(vfs);
	report_memory("open", vfs, &before);
	remove_all(vfs);
}

/* As far as it needs no memory. */
static void *driver_up(void *arg)
{
	struct vdev *v = arg;
	unsigned int i;

	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	io_set(v, REG_GUEST_FEATURES, 4, io_get(v, REG_HOST_FEATURES, 4));
	for (i = 0; i < QUEUES; i++) {
		io_set(v, REG_QUEUE_SEL, 2, i);
		io_get(v, REG_QUEUE_SIZE, 2);
		io_get(v, REG_QUEUE_PFN, 4);
	}
	io_get(v, REG_STATUS, 1);
	return NULL;
}

/* To wake another processor costs more than a command: each has its turn. */
static uint64_t all_up(unsigned int vfs, unsigned int round)
{
	unsigned int i, cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	pthread_t threads[MAX_VFS];
	pthread_attr_t attr;
	cpu_set_t cpu;

	pthread_attr_init(&attr);
	for (i = 0; i < vfs; i++) {
		CPU_ZERO(&cpu);
		CPU_SET((i + round) % cpus, &cpu);
		pthread_attr_setaffinity_np(&attr, sizeof(cpu), &cpu);
		check(-pthread_create(&threads[i], &attr, driver_up, &vdevs[i]),
		      "a thread", bdfs[i]);
	}
	pthread_attr_destroy(&attr);
	for (i = 0; i < vfs; i++)
		pthread_join(threads[i], NULL);
	return clock_ns(CLOCK_MONOTONIC) - start;
}

static void measure_configure(unsigned int vfs)
{
	uint64_t least = UINT64_MAX, ns;
	unsigned int i;

	create(vfs);
	bind_all(vfs);
	open_all(vfs);
	for (i = 0; i < vfs; i++)
		io_enable(&vdevs[i]);
	for (i = 0; i < ROUNDS; i++) {
		ns = all_up(vfs, i);
		least = ns < least ? ns : least;
	}
	report("configure", vfs, least);
	card_set_number("delay-ms", LATE_MS);
	report("configure-late", vfs, all_up(vfs, 0));
	card_set_number("delay-ms", 0);
	remove_all(vfs);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		unsigned int vfs = strtoul(argv[i], NULL, 10);

		if (!vfs || vfs > MAX_VFS) {
			fprintf(stderr, "scale: 1 to %u VFs\n", MAX_VFS);
			return 2;
		}
		if (!strcmp(argv[1], "memory"))
			measure_memory(vfs);
		else if (!strcmp(argv[1], "configure"))
			measure_configure(vfs);
		else
			measure_time(vfs);
	}
	return 0;
}
