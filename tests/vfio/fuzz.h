/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzer's threads share, see fuzz.c.
 */
#ifndef TESTS_VFIO_FUZZ_H
#define TESTS_VFIO_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EVENTS		16	/* eventfds that all threads use */

/* A VF under test. Its file is at the same descriptor however often it's opened. */
struct target {
	char bdf[32];
	int fd;
};

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
/* A number from 0 to @n - 1. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/*
 * One operation, which follows from the seed, the thread and its number alone.
 * What the fields mean is the operation's own.
 */
struct op {
	const struct op_kind *kind;
	uint32_t index;
	uint32_t request;
	uint64_t offset;
	uint64_t len;
	uint64_t value;
};

/**
 * struct op_kind - what can be done
 * @name: for messages
 * @weight: how often, to compare with the others of a list
 * @make: fill in an operation's fields
 * @run: do it. Return: 0 or more, or a negative errno
 * @errors: errnos that it may end with, ended by 0
 */
struct op_kind {
	const char *name;
	unsigned int weight;
	void (*make)(struct rng *rng, struct op *op);
	long (*run)(struct target *target, const struct op *op);
	const int *errors;
};

/* The operation @n of a thread, out of a list that a weight of 0 ends. */
struct op op_make(uint64_t seed, unsigned int thread, uint64_t n,
		  const struct op_kind *kinds);
/* What the VMM of a guest may do with a VF. */
extern const struct op_kind guest_ops[];
/* Make the eventfds. Return: 0 or a negative errno. */
int fuzz_events(void);

#endif
