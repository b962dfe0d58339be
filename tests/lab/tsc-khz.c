// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the frequency of this machine's TSC in kHz, which is that of the
 * emulated one, too.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct sample {
	uint64_t tsc;
	int64_t ns;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Of many, the one whose two halves are the closest: nobody came in between. */
static struct sample sample(void)
{
	uint64_t before, after, best = UINT64_MAX;
	struct sample sample = { };
	int64_t ns;
	int i;

	for (i = 0; i < 1000; i++) {
		before = __builtin_ia32_rdtsc();
		ns = now_ns();
		after = __builtin_ia32_rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		sample.tsc = before + best / 2;
		sample.ns = ns;
	}
	return sample;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct sample first, second;

	first = sample();
	nanosleep(&pause, NULL);
	second = sample();
	printf("%.0f\n", (second.tsc - first.tsc) * 1e6 / (second.ns - first.ns));
	return 0;
}
