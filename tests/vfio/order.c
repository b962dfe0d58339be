// SPDX-License-Identifier: GPL-2.0-only
/*
 * A card that answers late, after random times, and out of order: accesses of
 * one VF keep their order, those of different VFs don't wait for each other.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kselftest_harness.h"
#include "lib.h"

#define MAX_VFS		8
#define THREADS		4
#define JITTER_MS	slow(10)
#define DELAY_MS	40
#define OPS		40	/* of each thread */

FIXTURE(order)
{
	struct vdev v[MAX_VFS];
	unsigned int n;
};

FIXTURE_SETUP(order)
{
	char *vfs = strdup(env("VFS")), *bdf;

	if (!target_is("ours"))
		SKIP(return, "about our driver");
	card_defaults();
	for (bdf = strtok(vfs, " "); bdf && self->n < MAX_VFS;
	     bdf = strtok(NULL, " ")) {
		ASSERT_EQ(0, rebind_transitional(bdf));
		ASSERT_EQ(0, vdev_open(&self->v[self->n], bdf));
		io_enable(&self->v[self->n++]);
	}
	ASSERT_EQ(MAX_VFS, self->n);
	free(vfs);
}

FIXTURE_TEARDOWN(order)
{
	if (!target_is("ours"))
		return;
	card_defaults();
	while (self->n)
		vdev_close(&self->v[--self->n]);
}

/* One access to Queue Select, whose written values are all different. */
struct op {
	bool write;
	uint16_t value;
	uint64_t begun;
	uint64_t done;
};

struct thread {
	pthread_t thread;
	struct vdev *v;
	unsigned int first;	/* value to write */
	struct op ops[OPS];
};

static void *select_queues(void *arg)
{
	struct thread *t = arg;
	struct op *op;
	unsigned int i;

	for (i = 0; i < OPS; i++) {
		op = &t->ops[i];
		op->write = i & 1;
		op->value = t->first + i;
		op->begun = now_us();
		if (op->write)
			io_set(t->v, REG_QUEUE_SEL, 2, op->value);
		else
			op->value = io_get(t->v, REG_QUEUE_SEL, 2);
		op->done = now_us();
	}
	return NULL;
}

static const struct op *written(const struct thread *t, uint16_t value)
{
	unsigned int i, n;

	for (n = 0; n < THREADS; n++)
		for (i = 0; i < OPS; i++)
			if (t[n].ops[i].write && t[n].ops[i].value == value)
				return &t[n].ops[i];
	return NULL;
}

/* Whether a write began after one had ended, and ended before a time. */
static bool overwritten(const struct thread *t, uint64_t after, uint64_t before)
{
	unsigned int i, n;

	for (n = 0; n < THREADS; n++)
		for (i = 0; i < OPS; i++)
			if (t[n].ops[i].write && t[n].ops[i].begun > after &&
			    t[n].ops[i].done < before)
				return true;
	return false;
}

/*
 * Whether the accesses could have been done one after the other, each between
 * its begin and its end: no read gives what was overwritten before it began, or
 * what nobody had begun to write.
 */
static unsigned int out_of_order(const struct thread *t)
{
	const struct op *read, *write;
	unsigned int i, n, bad = 0;
	uint64_t done;

	for (n = 0; n < THREADS; n++) {
		for (i = 0; i < OPS; i++) {
			read = &t[n].ops[i];
			if (read->write)
				continue;
			write = written(t, read->value);
			done = write ? write->done : 0;
			if ((!write && read->value) ||
			    (write && write->begun > read->done) ||
			    overwritten(t, done, read->begun))
				bad++;
		}
	}
	return bad;
}

/* All VFs at a time, by several threads each. */
TEST_F_TIMEOUT(order, kept_within_a_vf, 120)
{
	static struct thread threads[MAX_VFS][THREADS];
	unsigned int vf, i;

	for (vf = 0; vf < self->n; vf++)
		io_set(&self->v[vf], REG_QUEUE_SEL, 2, 0);
	card_set("counters-reset", "true");
	card_set_number("jitter-ms", JITTER_MS);
	for (vf = 0; vf < self->n; vf++) {
		for (i = 0; i < THREADS; i++) {
			threads[vf][i].v = &self->v[vf];
			threads[vf][i].first = 1 + i * OPS;
			ASSERT_EQ(0, pthread_create(&threads[vf][i].thread, NULL,
						    select_queues,
						    &threads[vf][i]));
		}
	}
	for (vf = 0; vf < self->n; vf++)
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[vf][i].thread, NULL);

	for (vf = 0; vf < self->n; vf++)
		EXPECT_EQ(0, out_of_order(threads[vf])) {
			TH_LOG("VF %u", vf);
		}
	EXPECT_EQ(MAX_VFS * THREADS * OPS, card_get("cmds-total"));
	/* The card did mix them, and had no more than one of each VF. */
	EXPECT_LT(MAX_VFS * OPS, card_get("overtaken"));
	EXPECT_EQ(1, card_get("parallel-member"));
	EXPECT_EQ(MAX_VFS, card_get("parallel"));
	TH_LOG("%lld of %lld answers overtook another", card_get("overtaken"),
	       card_get("cmds-total"));
}

struct vf {
	pthread_t thread;
	struct vdev *v;
	unsigned int number;
	unsigned int bad;
};

/* What a legacy driver does before there are rings. */
static void *configure(void *arg)
{
	struct vf *vf = arg;
	struct vdev *v = vf->v;
	unsigned int queue, i;

	vf->bad = 0;
	io_set(v, REG_STATUS, 1, 0);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	io_set(v, REG_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	io_set(v, REG_GUEST_FEATURES, 4, io_get(v, REG_HOST_FEATURES, 4) & 0x20);
	vf->bad += io_get(v, REG_GUEST_FEATURES, 4) != 0x20;
	/* The card's MAC addresses end with the number of the VF. */
	for (i = 0; i < 6; i++)
		vf->bad += io_get(v, 20 + i, 1) !=
			   (i == 0 ? 0x52 : i == 1 ? 0x54 :
			    i == 5 ? vf->number + 1 : 0);
	for (queue = 0; queue < 2; queue++) {
		io_set(v, REG_QUEUE_SEL, 2, queue);
		vf->bad += !io_get(v, REG_QUEUE_SIZE, 2);
		io_set(v, REG_QUEUE_PFN, 4, 0x1000 * (vf->number + 1) + queue);
		vf->bad += io_get(v, REG_QUEUE_PFN, 4) !=
			   0x1000 * (vf->number + 1) + queue;
	}
	io_set(v, REG_STATUS, 1, 0);
	return NULL;
}

/* @return: ms that it takes for so many VFs at once. */
static unsigned int configure_many(struct __test_metadata *_metadata,
				   struct vdev *v, unsigned int n)
{
	struct vf vfs[MAX_VFS];
	uint64_t start = now_us();
	unsigned int i;

	for (i = 0; i < n; i++) {
		vfs[i].v = &v[i];
		vfs[i].number = i;
		ASSERT_EQ(0, pthread_create(&vfs[i].thread, NULL, configure,
					    &vfs[i]));
	}
	for (i = 0; i < n; i++) {
		pthread_join(vfs[i].thread, NULL);
		EXPECT_EQ(0, vfs[i].bad) {
			TH_LOG("VF %u of %u", i, n);
		}
	}
	return (now_us() - start) / 1000;
}

TEST_F_TIMEOUT(order, vfs_in_parallel, 120)
{
	unsigned int one, eight;

	card_set_number("delay-ms", DELAY_MS);
	one = configure_many(_metadata, self->v, 1);
	card_set("counters-reset", "true");
	eight = configure_many(_metadata, self->v, MAX_VFS);
	TH_LOG("1 VF in %u ms, %u VFs in %u ms", one, MAX_VFS, eight);
	EXPECT_EQ(MAX_VFS, card_get("parallel"));
	EXPECT_GT(4 * one, eight);
}

/* Each VF gets its own answers, whichever comes first. */
TEST_F_TIMEOUT(order, answers_are_not_mixed_up, 120)
{
	unsigned int i;

	card_set("counters-reset", "true");
	card_set_number("jitter-ms", JITTER_MS);
	for (i = 0; i < 5; i++)
		configure_many(_metadata, self->v, MAX_VFS);
	EXPECT_LT(MAX_VFS, card_get("overtaken"));
	EXPECT_EQ(0, card_get("cmd-errors"));
}

TEST_HARNESS_MAIN
