// SPDX-License-Identifier: GPL-2.0-only
/*
 * outw DEVICE - in a guest: what a legacy virtio driver's notification costs, an
 * outw to Queue Notify in BAR0, in nanoseconds by the guest's clock; the best of
 * several short rounds
 *
 * The guest's kernel does it, as for a driver, when two bytes are written to the
 * file of the BAR, since QEMU's TCG lets no program of a nested guest use ports.
 * What the way there costs is taken off: three bytes take it, too, and are refused
 * where two would be given to outw.
 *
 * It rings the queue of received packets, whose driver may be up: the device looks
 * whether there are new buffers, as it does at any time.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS		30
#define CALLS		20
#define QUEUE_NOTIFY	16

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t best(int fd, size_t len, ssize_t expected)
{
	uint64_t least = ULLONG_MAX, ns;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		ns = now_ns();
		for (i = 0; i < CALLS; i++) {
			if (pwrite(fd, "\0\0", len, QUEUE_NOTIFY) != expected) {
				perror("outw: writing to BAR0");
				exit(1);
			}
		}
		ns = (now_ns() - ns) / CALLS;
		least = ns < least ? ns : least;
	}
	return least;
}

int main(int argc, char **argv)
{
	uint64_t with, without;
	char path[128];
	int fd;

	if (argc != 2)
		return 2;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", argv[1]);
	fd = open(path, O_RDWR);
	if (fd < 0) {
		perror(path);
		return 1;
	}
	with = best(fd, 2, 2);
	without = best(fd, 3, -1);
	printf("%lld\n", (long long)(with - without));
	return 0;
}
