// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same over and over: what a guest with a legacy driver does to a VF from when
 * it's bound until it's unbound, and SR-IOV off and on with VFs bound. The kernel
 * has as much memory in use after the last round as after the first hundred, or
 * quarter, by when its own caches have what they want. What grows in each of
 * TRIES runs is lost; the host's own processes may take something in one.
 *
 * ROUNDS and SRIOV_ROUNDS say how many; VFS are the VFs, of which four are used.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define DRIVER		"virtio_vfio_pci"
#define NVFS		4
#define NVFS_TEXT	"4"
#define WARM_UP		100
#define ROUNDS		1000
#define SRIOV_ROUNDS	200
#define QUEUES		3	/* receive, transmit, control */
#define PAGE		4096
#define QUEUE_PAGES	8	/* more than any of them has */
/*
 * Processes come and go, and address space that is free is only given back in
 * bulk, so there may be so many bytes more, and so many for each round.
 */
#define NOISE_BYTES	(256 * 1024)
#define LEAK_BYTES	64
#define TRIES		3
#define MAX_CACHES	1024
#define TIMEOUT_S	3600

static char bdfs[NVFS][32];

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atoi(value) : otherwise;
}

/* Free objects on partly used pages of other caches would count as used. */
static void shrink_caches(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 entry->d_name);
		if (entry->d_name[0] != '.')
			sysfs_write(path, "1");
	}
	if (dir)
		closedir(dir);
}

struct cache {
	char name[64];
	long long bytes;
};

struct memory {
	struct cache caches[MAX_CACHES];
	unsigned int ncaches;
	long long slab;
	long long percpu;
	long long vmalloc;
};

/* Bytes of all objects that are allocated. */
static void read_caches(struct memory *memory)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	long long objects, size;
	struct cache *cache;
	char line[512];

	while (file && fgets(line, sizeof(line), file) &&
	       memory->ncaches < MAX_CACHES) {
		cache = &memory->caches[memory->ncaches];
		if (sscanf(line, "%63s %lld %*d %lld", cache->name, &objects,
			   &size) != 3)
			continue;
		cache->bytes = objects * size;
		memory->slab += cache->bytes;
		memory->ncaches++;
	}
	if (file)
		fclose(file);
}

static long long meminfo_bytes(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t len = strlen(name);
	long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			kib = atoll(line + len + 1);
	if (file)
		fclose(file);
	return kib * 1024;
}

/* When all that is freed later has been, and nobody holds what nobody needs. */
static void measure(struct memory *memory)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		msleep(500);
		sysfs_write("/proc/sys/vm/drop_caches", "3");
		shrink_caches();
	}
	*memory = (struct memory){
		.percpu = meminfo_bytes("Percpu"),
		.vmalloc = meminfo_bytes("VmallocUsed"),
	};
	read_caches(memory);
}

static void log_caches(struct __test_metadata *_metadata,
		       const struct memory *before, const struct memory *after)
{
	const struct cache *old = before->caches, *new;
	unsigned int i;

	for (new = after->caches; new < after->caches + after->ncaches; new++) {
		for (i = 0; i < before->ncaches; i++)
			if (!strcmp(old[i].name, new->name))
				break;
		if (i < before->ncaches &&
		    new->bytes - old[i].bytes > NOISE_BYTES / 16)
			TH_LOG("slab %s: %+lld bytes", new->name,
			       new->bytes - old[i].bytes);
	}
}

static bool is_flat(struct __test_metadata *_metadata, const char *what,
		    long long before, long long after, unsigned int rounds)
{
	TH_LOG("%s: %lld KiB, %+lld bytes in %u rounds", what, before / 1024,
	       after - before, rounds);
	return before + NOISE_BYTES + rounds * LEAK_BYTES > after;
}

/* Both parts of a soak, and what is used after each. */
static void soak(struct __test_metadata *_metadata, unsigned int rounds,
		 int (*run)(unsigned int rounds))
{
	unsigned int first = rounds < 4 * WARM_UP ? rounds / 4 : WARM_UP;
	static struct memory before, after;
	uint64_t start = now_us();
	bool flat = false;
	unsigned int i;

	ASSERT_LT(0, first);
	ASSERT_EQ(0, run(first));
	measure(&after);
	ASSERT_LT(0, after.slab);
	rounds -= first;
	for (i = 0; i < TRIES && !flat; i++) {
		before = after;
		ASSERT_EQ(0, run(rounds));
		measure(&after);
		TH_LOG("%u rounds and %u times %u in %lu s", first, i + 1,
		       rounds, (now_us() - start) / 1000000);
		flat = is_flat(_metadata, "slabs", before.slab, after.slab,
			       rounds);
		if (!flat)
			log_caches(_metadata, &before, &after);
		flat &= is_flat(_metadata, "per-CPU", before.percpu,
				after.percpu, rounds);
		flat &= is_flat(_metadata, "vmalloc", before.vmalloc,
				after.vmalloc, rounds);
	}
	EXPECT_TRUE(flat);
}

static void read_vfs(void)
{
	char vfs[512], *next = vfs, *bdf;
	unsigned int i;

	snprintf(vfs, sizeof(vfs), "%s", env("VFS"));
	for (i = 0; i < NVFS && (bdf = strsep(&next, " ")); i++)
		snprintf(bdfs[i], sizeof(bdfs[i]), "%s", bdf);
}

FIXTURE(soak)
{
};

FIXTURE_SETUP(soak)
{
	read_vfs();
	ASSERT_NE(0, bdfs[NVFS - 1][0]);
	card_defaults();
}

FIXTURE_TEARDOWN(soak)
{
}

/* Its queues are empty, so all memory that there is will do. */
static void driver_up(struct vdev *v, const struct dma *dma)
{
	unsigned int i;

	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	io_set(v, REG_GUEST_FEATURES, 4, io_get(v, REG_HOST_FEATURES, 4));
	io_set(v, REG_CONFIG_VECTOR, 2, 0);
	for (i = 0; i < QUEUES; i++) {
		io_set(v, REG_QUEUE_SEL, 2, i);
		io_get(v, REG_QUEUE_SIZE, 2);
		io_set(v, REG_QUEUE_PFN, 4,
		       dma->iova / PAGE + i * QUEUE_PAGES);
		io_set(v, REG_QUEUE_VECTOR, 2, i);
	}
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER |
				 STATUS_DRIVER_OK);
	for (i = 0; i < QUEUES; i++)
		io_set(v, REG_QUEUE_NOTIFY, 2, i);
}

static int use(struct vdev *v)
{
	int fds[QUEUES], ret, i;
	struct dma dma;

	ret = dma_alloc(v, &dma);
	if (ret)
		return ret;
	io_enable(v);
	ret = msix_enable(v, fds, QUEUES);
	if (!ret) {
		driver_up(v, &dma);
		if (vf_get(v->bdf, "legacy_active") != 1)
			ret = -EIO;
	}
	if (!ret)
		ret = vdev_reset(v);
	for (i = 0; i < QUEUES; i++)
		close(fds[i]);
	dma_free(v, &dma);
	return ret;
}

struct rounds {
	pthread_t thread;
	const char *bdf;
	unsigned int n;
	int ret;
};

static void *run_rounds(void *arg)
{
	struct rounds *rounds = arg;
	struct vdev v;

	for (; rounds->n && !rounds->ret; rounds->n--) {
		rounds->ret = rebind_transitional(rounds->bdf);
		if (!rounds->ret)
			rounds->ret = vdev_open(&v, rounds->bdf);
		if (rounds->ret)
			break;
		rounds->ret = use(&v);
		vdev_close(&v);
		if (!rounds->ret)
			rounds->ret = pci_unbind(rounds->bdf);
	}
	return NULL;
}

/* Most of a round is waiting for function resets, which VFs do side by side. */
static int run_on_all(unsigned int n)
{
	struct rounds rounds[NVFS] = { };
	int i, ret = 0;

	for (i = 0; i < NVFS; i++) {
		rounds[i].bdf = bdfs[i];
		rounds[i].n = n / NVFS + (i < n % NVFS);
		pthread_create(&rounds[i].thread, NULL, run_rounds, &rounds[i]);
	}
	for (i = 0; i < NVFS; i++) {
		pthread_join(rounds[i].thread, NULL);
		if (rounds[i].ret)
			ret = rounds[i].ret;
	}
	return ret;
}

TEST_F_TIMEOUT(soak, guests, TIMEOUT_S)
{
	soak(_metadata, number("ROUNDS", ROUNDS), run_on_all);
}

static int set_vfs(const char *n)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs",
		 env("PF"));
	return sysfs_write(path, n);
}

static int run_sriov(unsigned int n)
{
	unsigned int i;
	int ret = 0;

	for (; n && !ret; n--) {
		ret = set_vfs("0");
		if (!ret)
			ret = set_vfs(NVFS_TEXT);
		for (i = 0; i < NVFS && !ret; i++)
			ret = rebind_transitional(bdfs[i]);
	}
	return ret;
}

TEST_F_TIMEOUT(soak, sriov, TIMEOUT_S)
{
	soak(_metadata, number("SRIOV_ROUNDS", SRIOV_ROUNDS), run_sriov);
}

TEST_HARNESS_MAIN
