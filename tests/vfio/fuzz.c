// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads do with VFs what a guest's VMM may do, rightly or wrongly,
 * while one for each VF opens, binds, switches and resets it as a host may, and
 * one has the card fail in all ways it can. Nothing may hang or end in an error
 * that is not documented, and afterwards all works.
 *
 * VFS are the VFs, of which the first are used. OPS is how many operations the
 * first kind of thread does in all. What a thread does follows from SEED; only
 * what happens beside it doesn't. A thread's name is its number and that of its
 * operation, which is what the kernel shows when it stops with one; with
 * SHOW="THREAD N" the program prints that operation and those before it, and
 * runs nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fuzz.h"
#include "lib.h"

#define DRIVER		"virtio_vfio_pci"
#define TARGETS		3
#define GUESTS		6
#define CARD		(GUESTS + TARGETS)
#define THREADS		(CARD + 1)
#define LAST		12	/* operations that a message shows */
#define MESSAGES	8
#define OPS_DEFAULT	100000
#define PROGRESS	2000	/* operations from one line in the log to the next */
#define LIMIT_MS	slow(30000)
#define TICK_MS		5
#define NONE		"4294967295"
#define TIMEOUT_S	14400

struct state {
	struct target target;	/* its file, or /dev/null */
	struct vdev v;		/* its group and container; for the host's thread */
	atomic_ulong close_at;	/* us; 0 for never */
	atomic_bool open;
	unsigned int bound;	/* how often */
};

struct thread {
	unsigned int number;
	struct state *state;	/* NULL: the card's */
	const struct op_kind *kinds;
	uint64_t ops;		/* 0: until the others have done */
	pthread_t id;
	atomic_ulong n;
	atomic_ulong began;	/* us; 0 while it does nothing */
	atomic_long results[LAST];
};

/* Which of the VFs each of the first threads has. */
static const unsigned int of_guest[GUESTS] = { 0, 0, 0, 1, 1, 2 };
static struct state states[TARGETS];
static struct thread threads[THREADS];
static uint64_t seed;
static atomic_uint guests_left;
static atomic_uint wrong;
static int null_fd;

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

static const struct op_kind *kinds_of(unsigned int thread);

/* The operations of a thread up to number @n; results of those that it has had. */
static void show(unsigned int thread, uint64_t n, const struct thread *had)
{
	uint64_t i = n >= LAST ? n - LAST + 1 : 0;
	struct op op;

	for (; i <= n; i++) {
		op = op_make(seed, thread, i, kinds_of(thread));
		printf("# %u-%lu: %s: index %u, request %#x, offset %#lx, length %#lx, value %#lx",
		       thread, i, op.kind->name, op.index, op.request,
		       op.offset, op.len, op.value);
		if (had && i < n)
			printf(": %ld", had->results[i % LAST]);
		printf("\n");
	}
}

static void show_all(void)
{
	unsigned int i;

	printf("# seed %lu, the last operations of each thread:\n", seed);
	for (i = 0; i < THREADS; i++)
		show(i, threads[i].n, &threads[i]);
	fflush(stdout);
}

static void fail(const char *format, ...)
{
	unsigned int before = atomic_fetch_add(&wrong, 1);
	va_list args;

	if (before >= MESSAGES)
		return;
	flockfile(stdout);
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	if (!before)
		show_all();
	fflush(stdout);
	funlockfile(stdout);
}

/* Where a kernel that stops has it on its console. */
static void say(const char *format, ...)
{
	char line[160] = "<6>fuzz: ";
	size_t len = strlen(line);
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		fail("/dev/kmsg: %s", strerror(errno));
	close(fd);
}

/* As what the file is to everybody changes, nobody meets somebody else's. */
static void swap(struct state *state, int fd)
{
	if (dup3(fd, state->target.fd, O_CLOEXEC) < 0)
		fail("dup3: %s", strerror(errno));
	state->open = fd != null_fd;
}

static void close_target(struct state *state)
{
	swap(state, null_fd);
	vdev_close(&state->v);
}

/* Who is in a call still has the VF open. */
static int open_target(struct state *state)
{
	uint64_t end = now_us() + LIMIT_MS * 1000ULL;
	int ret;

	do {
		ret = vdev_open(&state->v, state->target.bdf);
		if (!ret)
			break;
		usleep(TICK_MS * 1000);
	} while (now_us() < end);
	if (ret) {
		fail("%s can't be opened: %s", state->target.bdf, strerror(-ret));
		return ret;
	}

	swap(state, state->v.fd);
	close(state->v.fd);
	state->v.fd = -1;
	return 0;
}

static struct state *state_of(struct target *target)
{
	return (void *)((char *)target - offsetof(struct state, target));
}

/* The card may refuse what has to be asked for this. */
static int bind_target(struct state *state)
{
	int ret = pci_bind(state->target.bdf, DRIVER);

	state->bound++;
	if (!ret)
		vf_set(state->target.bdf, "transitional", "1");
	return ret;
}

static void make_host(struct rng *rng, struct op *op)
{
	op->value = rng_below(rng, 60);
	op->request = rng_below(rng, 6);
}

static long run_reopen(struct target *target, const struct op *op)
{
	close_target(state_of(target));
	if (!op->request)
		msleep(op->value);
	return open_target(state_of(target));
}

static long run_switch(struct target *target, const struct op *op)
{
	int ret;

	close_target(state_of(target));
	ret = vf_set(target->bdf, "transitional", op->request ? "1" : "0");
	open_target(state_of(target));
	return ret;
}

/* Its user closes it when that is under way, sooner or later. */
static long run_rebind(struct target *target, const struct op *op)
{
	struct state *state = state_of(target);
	int ret;

	state->close_at = now_us() + op->value * 1000;
	ret = pci_unbind(target->bdf);
	while (state->close_at)
		usleep(1000);
	vdev_close(&state->v);
	if (!ret)
		ret = bind_target(state);
	if (!ret)
		open_target(state);
	return ret;
}

static long run_pause(struct target *target, const struct op *op)
{
	msleep(8 * op->value);
	return 0;
}

static long run_host_reset(struct target *target, const struct op *op)
{
	return pci_reset(target->bdf);
}

static long run_admin_timeout(struct target *target, const struct op *op)
{
	static const char * const values[2][6] = {
		{ "0", "0", "0", "500", "50", "1" },
		{ "10000", "500", "500", "200", "50", "1" },
	};

	return param_set("admin_timeout",
			 values[provider_is("owner")][op->request]);
}

static long run_reset_timeout(struct target *target, const struct op *op)
{
	static const char * const values[] = {
		"2000", "2000", "500", "50", "1", "0",
	};

	return param_set("legacy_reset_timeout", values[op->request]);
}

static const int host_errors[] = { EBUSY, EOPNOTSUPP, EAGAIN, 0 };
static const int no_errors[] = { 0 };

static const struct op_kind host_ops[] = {
	{ "close and open", 40, make_host, run_reopen, no_errors },
	{ "switch", 10, make_host, run_switch, host_errors },
	{ "unbind and bind", 25, make_host, run_rebind, no_errors },
	{ "host's reset", 10, make_host, run_host_reset, host_errors },
	{ "admin_timeout", 10, make_host, run_admin_timeout, no_errors },
	{ "legacy_reset_timeout", 5, make_host, run_reset_timeout, no_errors },
	{ "pause", 100, make_host, run_pause, no_errors },
	{ }
};

static const char * const entries[] = {
	"member", "owner", "oob", "misaligned", "badbar", "nobar", "badflags",
	"end", "oob:owner", "badbar:owner",
};

static void make_card(struct rng *rng, struct op *op)
{
	static const uint16_t statuses[] = { 11, 12, 16, 22, 28, 1, 200, 0xffff };

	op->request = rng_below(rng, 8);
	op->offset = statuses[rng_below(rng, 8)];
	op->value = rng_next(rng) & 0xffff;
	op->len = 1 + rng_below(rng, 25);
}

/* One of the commands for VFs, or all. */
static void set_opcode(const char *name, const struct op *op)
{
	if (op->request < CMD_COMMON_WRITE)
		card_set(name, NONE);
	else
		card_set_number(name, op->request > CMD_NOTIFY_INFO ?
				CMD_COMMON_READ : op->request);
}

static long run_fail(struct target *target, const struct op *op)
{
	card_set_number("fail-status", op->offset);
	card_set_number("fail-count", 1 + op->value % 8);
	set_opcode("fail-opcode", op);
	msleep(op->len);
	card_set("fail-opcode", NONE);
	return 0;
}

static long run_size(struct target *target, const struct op *op)
{
	card_set_number("reply-size-delta", (int)(op->value % 20) - 10);
	msleep(op->len);
	card_set_number("reply-size-delta", 0);
	return 0;
}

static long run_garbage(struct target *target, const struct op *op)
{
	set_opcode("garbage-opcode", op);
	msleep(op->len);
	card_set("garbage-opcode", NONE);
	return 0;
}

static long run_delay(struct target *target, const struct op *op)
{
	set_opcode("delay-opcode", op);
	card_set_number("delay-ms", op->value % 40);
	msleep(op->len);
	card_set_number("delay-ms", 0);
	return 0;
}

static long run_jitter(struct target *target, const struct op *op)
{
	card_set("delay-opcode", NONE);
	card_set_number("jitter-ms", op->value % 20);
	msleep(op->len);
	card_set_number("jitter-ms", 0);
	return 0;
}

static long run_reset_ms(struct target *target, const struct op *op)
{
	card_set("reset-flr", op->request % 2 ? "true" : "false");
	card_set_number("reset-ms", op->value % 100);
	msleep(op->len);
	card_set_number("reset-ms", 0);
	return 0;
}

static long run_churn(struct target *target, const struct op *op)
{
	card_set("config-churn", "true");
	msleep(op->len);
	card_set("config-churn", "false");
	return 0;
}

static long run_isr(struct target *target, const struct op *op)
{
	card_set_number("raise-isr", op->value & 0xff);
	return 0;
}

static long run_need_reset(struct target *target, const struct op *op)
{
	card_set("vfs-need-reset", "true");
	return 0;
}

static long run_entries(struct target *target, const struct op *op)
{
	unsigned int i, n = op->request % 5, left = op->value;
	char list[64] = "\"";

	for (i = 0; i < n; i++, left /= 10) {
		strcat(list, i ? "," : "");
		strcat(list, entries[left % 10]);
	}
	card_set("notify-entries", strcat(list, "\""));
	msleep(10 * op->len);
	card_set("notify-entries", "\"member\"");
	return 0;
}

static long run_aer(struct target *target, const struct op *op)
{
	card_inject_aer();
	return 0;
}

/*
 * What virtio_pci_owner alone survives. A reset is what ends it, and may be
 * refused where somebody else has a device's lock.
 */
static long run_drop(struct target *target, const struct op *op)
{
	if (!provider_is("owner"))
		return 0;
	set_opcode("drop-opcode", op);
	msleep(op->len);
	card_set("drop-opcode", NONE);
	return pci_reset(env("PF"));
}

static long run_dead(struct target *target, const struct op *op)
{
	if (!provider_is("owner"))
		return 0;
	card_set("needs-reset", "true");
	msleep(op->len);
	return pci_reset(env("PF"));
}

static long run_pf_reset(struct target *target, const struct op *op)
{
	return provider_is("owner") ? pci_reset(env("PF")) : 0;
}

static const struct op_kind card_ops[] = {
	{ "fails", 20, make_card, run_fail, no_errors },
	{ "size of replies", 20, make_card, run_size, no_errors },
	{ "garbage", 10, make_card, run_garbage, no_errors },
	{ "delay", 20, make_card, run_delay, no_errors },
	{ "jitter", 20, make_card, run_jitter, no_errors },
	{ "slow reset", 15, make_card, run_reset_ms, no_errors },
	{ "churn", 5, make_card, run_churn, no_errors },
	{ "ISR", 5, make_card, run_isr, no_errors },
	{ "VFs need a reset", 5, make_card, run_need_reset, no_errors },
	{ "notify entries", 10, make_card, run_entries, no_errors },
	{ "AER", 2, make_card, run_aer, no_errors },
	{ "no answer", 2, make_card, run_drop, host_errors },
	{ "PF needs a reset", 2, make_card, run_dead, host_errors },
	{ "PF's reset", 2, make_card, run_pf_reset, host_errors },
	{ }
};

static const struct op_kind *kinds_of(unsigned int thread)
{
	return thread < GUESTS ? guest_ops : thread < CARD ? host_ops : card_ops;
}

static bool is_expected(long ret, const int *errors)
{
	for (; ret < 0 && *errors; errors++)
		if (*errors == -ret)
			return true;
	return ret >= 0;
}

static void run_one(struct thread *thread, uint64_t n)
{
	struct op op = op_make(seed, thread->number, n, thread->kinds);
	char name[16];
	long ret;

	snprintf(name, sizeof(name), "fuzz-%u-%lu", thread->number, n);
	prctl(PR_SET_NAME, name);
	thread->n = n;
	thread->began = now_us();
	ret = op.kind->run(thread->state ? &thread->state->target : NULL, &op);
	thread->began = 0;
	thread->results[n % LAST] = ret;
	if (!is_expected(ret, op.kind->errors))
		fail("operation %u-%lu, %s: %s", thread->number, n,
		     op.kind->name, strerror(-ret));
}

static void *run_thread(void *arg)
{
	struct thread *thread = arg;
	uint64_t n;

	for (n = 0; thread->ops ? n < thread->ops : guests_left > 0; n++) {
		if (!(n % PROGRESS))
			say("seed %lu, thread %u at %lu", seed, thread->number, n);
		/* Closed it has little to do with us. */
		if (thread->ops && !thread->state->open)
			msleep(TICK_MS);
		run_one(thread, n);
	}
	if (thread->ops)
		guests_left--;
	return NULL;
}

/* A thread that hangs may be one that can't be ended. */
static void look_for_hangs(void)
{
	uint64_t began, now = now_us();
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		began = threads[i].began;
		if (!began || began + LIMIT_MS * 1000ULL > now)
			continue;
		fail("operation %u-%lu has not ended after %lu ms", i,
		     threads[i].n, (now - began) / 1000);
		say("seed %lu, thread %u hangs at %lu", seed, i, threads[i].n);
		_exit(1);
	}
}

static void close_those_due(void)
{
	unsigned int i;

	for (i = 0; i < TARGETS; i++) {
		if (!states[i].close_at || now_us() < states[i].close_at)
			continue;
		swap(&states[i], null_fd);
		states[i].close_at = 0;
	}
}

static void run_threads(void)
{
	uint64_t ops = number("OPS", OPS_DEFAULT);
	unsigned int i;

	guests_left = GUESTS;
	for (i = 0; i < THREADS; i++) {
		threads[i].number = i;
		threads[i].kinds = kinds_of(i);
		if (i < GUESTS) {
			threads[i].state = &states[of_guest[i]];
			threads[i].ops = ops / GUESTS + (i < ops % GUESTS);
		} else if (i < CARD) {
			threads[i].state = &states[i - GUESTS];
		}
		pthread_create(&threads[i].id, NULL, run_thread, &threads[i]);
	}
	for (i = 0; i < THREADS; i++) {
		while (pthread_tryjoin_np(threads[i].id, NULL)) {
			msleep(TICK_MS);
			close_those_due();
			look_for_hangs();
		}
	}
}

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A command that the device has not answered yet holds the module, too. */
static int users_of_module(void)
{
	uint64_t end = now_us() + LIMIT_MS * 1000ULL;
	char users[16];

	do {
		msleep(50);
		if (sysfs_read("/sys/module/" DRIVER "/refcnt", users,
			       sizeof(users)))
			return -1;
	} while (atoi(users) && now_us() < end);
	return atoi(users);
}

/* What a run provokes, and what others say of it. */
static void expect_messages(void)
{
	static const char * const texts[] = {
		"LEGACY_", "not reset after", "notify address ignored",
		"callbacks suppressed", "can't be transitional",
		"admin command error", "Failed to execute command",
		"admin virtqueue given up", "No device request channel",
		"Relaying device request to user", "AER: ", "PCIe Bus Error",
		"  device [1af4:1041] error status/mask", "CmpltTO",
		"can't recover", "DMAR: ", "device inaccessible",
		"can't reserve",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		log_expect(texts[i]);
}

FIXTURE(fuzz)
{
	uint64_t began;
	unsigned int files;
};

FIXTURE_SETUP(fuzz)
{
	char vfs[512], *next = vfs, *bdf;
	unsigned int i;

	seed = number("SEED", 1);
	expect_messages();
	log_mark();
	snprintf(vfs, sizeof(vfs), "%s", env("VFS"));
	card_defaults();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, fuzz_events());
	for (i = 0; i < TARGETS; i++) {
		bdf = strsep(&next, " ");
		ASSERT_NE(NULL, bdf);
		snprintf(states[i].target.bdf, sizeof(states[i].target.bdf),
			 "%s", bdf);
		states[i].target.fd = dup(null_fd);
		vdev_init(&states[i].v);
		ASSERT_EQ(0, bind_target(&states[i]));
	}
	self->files = open_files();
	for (i = 0; i < TARGETS; i++)
		ASSERT_EQ(0, open_target(&states[i]));
	self->began = now_us();
}

FIXTURE_TEARDOWN(fuzz)
{
	card_defaults();
	admin_timeout_default();
	param_set("legacy_reset_timeout", "2000");
}

static void expect_works(struct __test_metadata *_metadata, const char *bdf)
{
	struct vdev v;

	ASSERT_EQ(0, rebind_transitional(bdf));
	ASSERT_EQ(0, vdev_open(&v, bdf));
	io_enable(&v);
	EXPECT_EQ(0x1000, config_get(&v, 2, 2));
	io_set(&v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(&v, REG_STATUS, 1));
	card_set("counters-reset", "true");
	io_set(&v, REG_QUEUE_NOTIFY, 2, 0);
	EXPECT_EQ(1, card_get("notify-member"));
	EXPECT_EQ(0, card_get("cmds-total"));
	io_set(&v, REG_STATUS, 1, 0);
	EXPECT_EQ(0, io_get(&v, REG_STATUS, 1));
	vdev_close(&v);
}

TEST_F_TIMEOUT(fuzz, random_operations, TIMEOUT_S)
{
	uint64_t ops = number("OPS", OPS_DEFAULT), host = 0;
	unsigned int i;

	run_threads();
	for (i = GUESTS; i < CARD; i++)
		host += threads[i].n + 1;
	TH_LOG("seed %lu: %lu operations, %lu of the host's, %lu of the card's; "
	       "%lld commands in %lu ms",
	       seed, ops, host, threads[CARD].n + 1, card_get("cmds-total"),
	       (now_us() - self->began) / 1000);
	EXPECT_EQ(0, wrong);
	/* Some got as far as the device. Where all is slow, VFs are closed longer. */
	EXPECT_LT(ops / 10 / slow(1), card_get("cmds-total"));

	for (i = 0; i < TARGETS; i++)
		close_target(&states[i]);
	EXPECT_EQ(self->files, open_files());

	card_defaults();
	ASSERT_EQ(0, admin_timeout_default());
	ASSERT_EQ(0, param_set("legacy_reset_timeout", "2000"));
	for (i = 0; i < TARGETS; i++)
		expect_works(_metadata, states[i].target.bdf);
	for (i = 0; i < TARGETS; i++)
		EXPECT_EQ(0, pci_unbind(states[i].target.bdf));
	EXPECT_EQ(0, users_of_module());
}

static void __attribute__((constructor)) show_and_exit(void)
{
	const char *what = getenv("SHOW");
	unsigned int thread;
	uint64_t n;

	if (!what)
		return;
	if (sscanf(what, "%u %lu", &thread, &n) != 2 || thread >= THREADS) {
		fprintf(stderr, "fuzz: SHOW=\"THREAD N\"\n");
		exit(2);
	}
	seed = number("SEED", 1);
	show(thread, n, NULL);
	exit(0);
}

TEST_HARNESS_MAIN
