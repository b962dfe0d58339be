// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a register access costs. Not a test: prints one number, nanoseconds
 * for a read of Device Status in the best of many short rounds, which is what
 * compares from one way to the admin virtqueue to another on a noisy machine.
 */
#include <stdio.h>
#include <time.h>

#include "lib.h"

#define ROUNDS		200
#define READS		20

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(void)
{
	uint64_t best = UINT64_MAX;
	struct vdev v;
	int i, n;

	vdev_init(&v);
	if (vdev_open(&v, env("VFIO_BDF")))
		return 1;
	io_enable(&v);

	for (i = 0; i < ROUNDS; i++) {
		uint64_t start = now_ns(), took;

		for (n = 0; n < READS; n++)
			io_get(&v, REG_STATUS, 1);
		took = (now_ns() - start) / READS;
		if (took < best)
			best = took;
	}

	printf("%llu\n", (unsigned long long)best);
	vdev_close(&v);
	return 0;
}
