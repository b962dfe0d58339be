// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only virtio_pci_owner does: a queue that is shared fairly, a device that
 * is given up, and a PF that comes and goes under VFs in use.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "kmod/admin_command.h"
#include "lib.h"
#include "pf.h"

#define NVFS		3
#define READERS		4
#define GIVEN_UP	"admin virtqueue given up"
#define TAKEN_UP	"admin virtqueue taken up again"
#define SOON_MS		slow(2000)

static bool unplugged;

FIXTURE(owner)
{
	struct vdev v;
	struct vdev other;
};

FIXTURE_SETUP(owner)
{
	card_defaults();
	vdev_init(&self->v);
	vdev_init(&self->other);
	log_expect("LEGACY_");
	log_expect(GIVEN_UP);
	log_expect("callbacks suppressed");
	ASSERT_EQ(0, have_vfs(NVFS));
	ASSERT_EQ(0, vdev_open(&self->v, bdfs[0]));
	ASSERT_EQ(0, vdev_open(&self->other, bdfs[1]));
	io_enable(&self->v);
	io_enable(&self->other);
	log_mark();
}

FIXTURE_TEARDOWN(owner)
{
	if (!unplugged)
		card_defaults();
	param_set("admin_timeout", "10000");
	vdev_close(&self->v);
	vdev_close(&self->other);
}

/* Threads that read a register until they are told to stop. */
struct readers {
	struct vdev *v;
	pthread_t threads[READERS];
	atomic_bool stop;
	atomic_ulong good;
	atomic_ulong bad;
	atomic_ulong worst_ms;
};

static void *read_on(void *arg)
{
	struct readers *r = arg;
	uint64_t start, ms;
	uint8_t value;

	while (!r->stop) {
		start = now_us();
		if (bar0_read(r->v, REG_STATUS, &value, 1) == 1) {
			r->good++;
		} else {
			r->bad++;
			usleep(1000);
		}
		ms = (now_us() - start) / 1000;
		if (ms > r->worst_ms)
			r->worst_ms = ms;
	}
	return NULL;
}

static void readers_start(struct readers *r, struct vdev *v)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	r->v = v;
	for (i = 0; i < READERS; i++)
		pthread_create(&r->threads[i], NULL, read_on, r);
}

static void readers_stop(struct readers *r)
{
	unsigned int i;

	r->stop = true;
	for (i = 0; i < READERS; i++)
		pthread_join(r->threads[i], NULL);
}

/* Something that takes as long as VFs are open, in a thread of its own. */
struct action {
	pthread_t thread;
	int (*run)(void);
	atomic_bool done;
	int ret;
};

static void *act(void *arg)
{
	struct action *action = arg;

	action->ret = action->run();
	action->done = true;
	return NULL;
}

static void action_start(struct action *action, int (*run)(void))
{
	memset(action, 0, sizeof(*action));
	action->run = run;
	pthread_create(&action->thread, NULL, act, action);
}

static void *wait_for_reset(void *arg)
{
	struct waiter *w = arg;
	uint64_t start = now_us();
	uint8_t zero = 0;

	w->ret = bar0_write(w->v, REG_STATUS, &zero, 1);
	w->ms = (now_us() - start) / 1000;
	return NULL;
}

static void waiter_start(struct waiter *w, struct vdev *v)
{
	w->v = v;
	pthread_create(&w->thread, NULL, wait_for_register, w);
	msleep(300);
}

static void check_given_up(struct __test_metadata *_metadata,
			   struct vdev *v, struct vdev *other)
{
	struct vdev *both[] = { v, other, v, other };
	uint64_t start;
	unsigned int i;
	uint8_t value;

	for (i = 0; i < 4; i++) {
		start = now_us();
		EXPECT_EQ(-EIO, bar0_read(both[i], REG_STATUS, &value, 1));
		EXPECT_GT(SOON_MS / 2, (now_us() - start) / 1000);
	}
	EXPECT_EQ(1, log_count(GIVEN_UP));
}

static void check_new_binding(struct __test_metadata *_metadata,
			      struct vdev *v, struct vdev *other)
{
	vdev_close(v);
	vdev_close(other);
	ASSERT_EQ(0, bind_pf(NVFS));
	ASSERT_EQ(0, vdev_open(v, bdfs[0]));
	io_enable(v);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
}

TEST_F_TIMEOUT(owner, needs_reset, 60)
{
	struct waiter w;

	card_set_number("delay-ms", 3000);
	waiter_start(&w, &self->v);
	card_set("needs-reset", "true");
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EIO, w.ret);
	EXPECT_GT(SOON_MS, w.ms);
	card_set_number("delay-ms", 0);
	check_given_up(_metadata, &self->v, &self->other);
	check_new_binding(_metadata, &self->v, &self->other);
}

TEST_F_TIMEOUT(owner, reads_all_ones, 60)
{
	struct waiter w;

	card_set_number("delay-ms", 3000);
	waiter_start(&w, &self->v);
	card_set("gone", "true");
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EIO, w.ret);
	EXPECT_GT(SOON_MS, w.ms);
	check_given_up(_metadata, &self->v, &self->other);
	card_set("gone", "false");
	card_set_number("delay-ms", 0);
	check_new_binding(_metadata, &self->v, &self->other);
}

/* Who waits for a reset of a VF doesn't wait for a card that is gone. */
TEST_F_TIMEOUT(owner, gone_in_a_reset, 60)
{
	struct waiter w;

	ASSERT_EQ(0, param_set("legacy_reset_timeout", "30000"));
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	card_set_number("reset-ms", 30000);
	w.v = &self->v;
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_for_reset, &w));
	while (!card_get("resets-pending"))
		;
	card_set("gone", "true");
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EIO, w.ret);
	EXPECT_GT(SOON_MS, w.ms);
	check_given_up(_metadata, &self->v, &self->other);
	card_set("gone", "false");
	card_set_number("reset-ms", 0);
	ASSERT_EQ(0, param_set("legacy_reset_timeout", "2000"));
	check_new_binding(_metadata, &self->v, &self->other);
}

/* A card whose answers are all too late, and come all the same. */
TEST_F_TIMEOUT(owner, log_is_limited, 120)
{
	unsigned int given_up = 0, lines, i;
	uint8_t value;

	vdev_close(&self->v);
	vdev_close(&self->other);
	ASSERT_EQ(0, bind_pf(NVFS));
	ASSERT_EQ(0, vdev_open(&self->v, bdfs[0]));
	io_enable(&self->v);
	log_mark();
	ASSERT_EQ(0, param_set("admin_timeout", "40"));
	card_set_number("delay-ms", 120);
	for (i = 0; i < 1000 && given_up < 30; i++) {
		if (bar0_read(&self->v, REG_STATUS, &value, 1) == -ETIMEDOUT)
			given_up++;
		msleep(40);
	}
	EXPECT_EQ(30, given_up);
	card_set_number("delay-ms", 0);
	ASSERT_EQ(0, param_set("admin_timeout", "10000"));
	lines = log_count("admin virtqueue");
	EXPECT_LE(2, lines);
	EXPECT_GE(20, lines);
	check_new_binding(_metadata, &self->v, &self->other);
}

TEST_F_TIMEOUT(owner, answers_nothing, 60)
{
	unsigned int taken_up = 0;
	uint64_t start;
	uint8_t value;
	int i;

	ASSERT_EQ(0, param_set("admin_timeout", "300"));
	card_set_number("delay-ms", 4000);
	start = now_us();
	EXPECT_EQ(-ETIMEDOUT, bar0_read(&self->v, REG_STATUS, &value, 1));
	EXPECT_GT(SOON_MS, (now_us() - start) / 1000);
	check_given_up(_metadata, &self->v, &self->other);

	/* What comes late is what takes it back. */
	card_set_number("delay-ms", 0);
	for (i = 0; i < 200 && !taken_up; i++) {
		msleep(100);
		taken_up = log_count(TAKEN_UP);
	}
	ASSERT_EQ(1, taken_up);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
	EXPECT_EQ(0, io_get(&self->other, REG_STATUS, 1));
}

struct caller {
	pthread_t thread;
	struct vdev *v;
	bool notify;
	bool failed;
};

#define CALLS	10
#define CALL_MS	slow(20)

/* Notifications have a path of their own when they are commands. */
static void *call(void *arg)
{
	struct caller *c = arg;
	uint8_t status[2] = {};
	int i, ret;

	for (i = 0; i < CALLS; i++) {
		ret = c->notify ? bar0_write(c->v, REG_QUEUE_NOTIFY, status, 2) :
				  bar0_read(c->v, REG_STATUS, status, 1);
		if (ret < 1)
			c->failed = true;
	}
	return NULL;
}

static uint64_t cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A queue of 4 holds two commands; the card takes its time for each. */
TEST_F_TIMEOUT(owner, parallel_callers, 120)
{
	struct caller callers[2 * MANY_VFS] = {};
	struct vdev vfs[MANY_VFS];
	uint64_t start, cpu, took;
	unsigned int i;

	vdev_close(&self->v);
	vdev_close(&self->other);
	card_set_number("admin-size", 4);
	card_set("notify-entries", "\"\"");
	ASSERT_EQ(0, bind_pf(MANY_VFS));
	for (i = 0; i < MANY_VFS; i++) {
		vdev_init(&vfs[i]);
		ASSERT_EQ(0, vdev_open(&vfs[i], bdfs[i]));
		io_enable(&vfs[i]);
	}

	card_set_number("delay-ms", CALL_MS);
	start = now_us();
	cpu = cpu_ms();
	for (i = 0; i < 2 * MANY_VFS; i++) {
		callers[i].v = &vfs[i / 2];
		callers[i].notify = i & 1;
		pthread_create(&callers[i].thread, NULL, call, &callers[i]);
	}
	for (i = 0; i < 2 * MANY_VFS; i++) {
		pthread_join(callers[i].thread, NULL);
		EXPECT_FALSE(callers[i].failed);
	}
	took = (now_us() - start) / 1000;
	cpu = cpu_ms() - cpu;
	TH_LOG("%u commands in %llu ms, %llu ms of them on a CPU",
	       2 * MANY_VFS * CALLS, (unsigned long long)took,
	       (unsigned long long)cpu);
	/*
	 * Two at a time, and whoever waits for room sleeps: others would take all
	 * of both processors. The host's own machine may have other things to do,
	 * which counts as time on a CPU here.
	 */
	EXPECT_LE(2 * MANY_VFS * CALLS * CALL_MS / 2, took);
	EXPECT_GT(took, cpu);

	card_set_number("delay-ms", 0);
	for (i = 0; i < MANY_VFS; i++)
		vdev_close(&vfs[i]);
	card_set_number("admin-size", 64);
	ASSERT_EQ(0, bind_pf(NVFS));
}

/* Two commands fill a queue of 4: what the third caller waits for is room. */
static void small_queue(struct __test_metadata *_metadata, struct vdev *v)
{
	unsigned int i;

	card_set_number("admin-size", 4);
	ASSERT_EQ(0, bind_pf(NVFS));
	for (i = 0; i < NVFS; i++) {
		vdev_init(&v[i]);
		ASSERT_EQ(0, vdev_open(&v[i], bdfs[i]));
		io_enable(&v[i]);
	}
	log_mark();
}

static void big_queue(struct __test_metadata *_metadata, struct vdev *v)
{
	unsigned int i;

	card_set("needs-reset", "false");
	card_set_number("delay-ms", 0);
	for (i = 0; i < NVFS; i++)
		vdev_close(&v[i]);
	card_set_number("admin-size", 64);
	ASSERT_EQ(0, bind_pf(NVFS));
}

TEST_F_TIMEOUT(owner, no_room_in_time, 60)
{
	struct waiter w[NVFS];
	struct vdev v[NVFS];
	unsigned int i;

	vdev_close(&self->v);
	vdev_close(&self->other);
	small_queue(_metadata, v);
	ASSERT_EQ(0, param_set("admin_timeout", "1500"));
	card_set_number("delay-ms", 20000);
	for (i = 0; i < NVFS; i++)
		waiter_start(&w[i], &v[i]);
	for (i = 0; i < NVFS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(-ETIMEDOUT, w[i].ret);
		EXPECT_LE(1400, w[i].ms);
		EXPECT_GT(1500 + 2 * SOON_MS, w[i].ms);
	}
	EXPECT_EQ(1, log_count(GIVEN_UP));
	big_queue(_metadata, v);
}

TEST_F_TIMEOUT(owner, no_room_ever, 60)
{
	struct waiter w[NVFS];
	struct vdev v[NVFS];
	unsigned int i;

	vdev_close(&self->v);
	vdev_close(&self->other);
	small_queue(_metadata, v);
	card_set_number("delay-ms", 20000);
	for (i = 0; i < NVFS; i++)
		waiter_start(&w[i], &v[i]);
	card_set("needs-reset", "true");
	for (i = 0; i < NVFS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(-EIO, w[i].ret);
		EXPECT_GT(SOON_MS, w[i].ms);
	}
	big_queue(_metadata, v);
}

static pid_t read_in_child(struct vdev *v)
{
	uint8_t value;
	pid_t child = fork();

	if (!child)
		_exit(bar0_read(v, REG_STATUS, &value, 1) == 1);
	msleep(300);
	return child;
}

/* One process waits for the card, another for the first; both can be killed. */
TEST_F_TIMEOUT(owner, killed_while_it_waits, 60)
{
	pid_t children[2];
	uint64_t start;
	int status, i;
	uint8_t value;

	card_set_number("delay-ms", 6000);
	for (i = 0; i < 2; i++)
		children[i] = read_in_child(&self->v);
	start = now_us();
	for (i = 1; i >= 0; i--) {
		ASSERT_EQ(0, kill(children[i], SIGKILL));
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_GT(3000, (now_us() - start) / 1000);

	/* Its command is the card's until it is answered. */
	EXPECT_EQ(-EIO, bar0_read(&self->v, REG_STATUS, &value, 1));
	card_set_number("delay-ms", 0);
	EXPECT_EQ(0, io_get(&self->other, REG_STATUS, 1));
	for (i = 0; i < 100 && bar0_read(&self->v, REG_STATUS, &value, 1) < 0; i++)
		msleep(100);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
	EXPECT_EQ(0, log_count(GIVEN_UP));
}

static int unbind_pf(void)
{
	return pci_unbind(env("PF"));
}

static int remove_pf(void)
{
	return pf_write("remove", "1");
}

static int remove_vfs(void)
{
	return pf_write("sriov_numvfs", "0");
}

/* VFs in use go the VFIO way: the user is asked, and waited for. */
static void check_goes(struct __test_metadata *_metadata, struct vdev *v,
		       struct vdev *other, int (*run)(void))
{
	struct action action;
	struct readers r;
	int request, i;

	vdev_close(other);
	request = event_enable(v, VFIO_PCI_REQ_IRQ_INDEX);
	ASSERT_LE(0, request);
	log_expect("Relaying device request to user");
	readers_start(&r, v);
	action_start(&action, run);
	EXPECT_TRUE(eventfd_wait(request, 20000));
	msleep(300);
	EXPECT_FALSE(action.done);
	readers_stop(&r);
	EXPECT_GT(SOON_MS, r.worst_ms);
	vdev_close(v);
	close(request);

	for (i = 0; i < 150 && !action.done; i++)
		msleep(100);
	ASSERT_TRUE(action.done);
	pthread_join(action.thread, NULL);
	EXPECT_EQ(0, action.ret);
}

TEST_F_TIMEOUT(owner, vfs_removed_while_open, 60)
{
	check_goes(_metadata, &self->v, &self->other, remove_vfs);
	ASSERT_EQ(0, make_vfs(NVFS));
}

TEST_F_TIMEOUT(owner, pf_unbound_while_open, 60)
{
	check_goes(_metadata, &self->v, &self->other, unbind_pf);
	check_new_binding(_metadata, &self->v, &self->other);
}

static void check_comes_back(struct __test_metadata *_metadata,
			     struct vdev *v, struct vdev *other)
{
	char path[128];
	struct stat st;
	int i;

	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/rescan", "1"));
	pf_path(path, sizeof(path), "driver");
	for (i = 0; i < 50 && stat(path, &st); i++)
		msleep(100);
	check_new_binding(_metadata, v, other);
}

TEST_F_TIMEOUT(owner, pf_removed_while_open, 60)
{
	check_goes(_metadata, &self->v, &self->other, remove_pf);
	check_comes_back(_metadata, &self->v, &self->other);
}

static int unplug_pf(void)
{
	char path[128];
	int i;

	unplugged = true;
	card_unplug();
	pf_path(path, sizeof(path), "");
	for (i = 0; i < 300 && !access(path, F_OK); i++)
		msleep(100);
	return access(path, F_OK) ? 0 : -EBUSY;
}

/*
 * Pulled out, with VFs bound and traffic on the PF: nothing answers any more,
 * and no one may wait for that. (For a VF that is open the PCI core does, a
 * minute, unless a hotplug slot told it that the card is gone.)
 */
TEST_F_TIMEOUT(owner, surprise_removal, 60)
{
	uint64_t start;

	/* The PCI core and the network driver have their say. */
	log_expect(env("PF"));
	log_expect("virtio");
	log_expect("device inaccessible");
	vdev_close(&self->v);
	vdev_close(&self->other);
	card_set("gone", "true");
	start = now_us();
	EXPECT_EQ(0, remove_pf());
	EXPECT_GT(5 * SOON_MS, (now_us() - start) / 1000);
	card_set("gone", "false");
	check_comes_back(_metadata, &self->v, &self->other);
}

TEST_F_TIMEOUT(owner, pf_reset_while_open, 60)
{
	struct readers r;
	int i;

	readers_start(&r, &self->v);
	msleep(200);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, pf_write("reset", "1"));
		msleep(200);
	}
	readers_stop(&r);
	EXPECT_GT(slow(5000), r.worst_ms);
	EXPECT_LT(0, r.good);

	/* The PF's interface has its name again ... */
	EXPECT_TRUE(netdev_is_back());

	/* ... and the VF is as after a reset of its own. */
	io_enable(&self->v);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
	io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
	EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(&self->v, REG_STATUS, 1));
	card_set("counters-reset", "true");
	io_set(&self->v, REG_QUEUE_NOTIFY, 2, 0);
	EXPECT_EQ(1, card_get("notify-member"));
}

static int unbind_other(void)
{
	return pci_unbind(bdfs[1]);
}

/* Who unbinds a VF holds its lock until the user lets go; others aren't held up. */
TEST_F_TIMEOUT(owner, pf_reset_while_a_vf_goes, 60)
{
	struct action action;
	uint64_t start;
	int i;

	log_expect("No device request channel registered");
	action_start(&action, unbind_other);
	msleep(300);
	EXPECT_FALSE(action.done);
	start = now_us();
	EXPECT_EQ(0, pf_write("reset", "1"));
	TH_LOG("%lu ms", (now_us() - start) / 1000);
	EXPECT_FALSE(action.done);
	io_enable(&self->v);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));

	vdev_close(&self->other);
	for (i = 0; i < 150 && !action.done; i++)
		msleep(100);
	ASSERT_TRUE(action.done);
	pthread_join(action.thread, NULL);
	EXPECT_EQ(0, action.ret);
}

TEST_F_TIMEOUT(owner, error_recovery_while_open, 60)
{
	struct readers r;

	log_expect("AER: ");
	log_expect("PCIe Bus Error");
	log_expect("  device [1af4:1041] error status/mask");
	log_expect("CmpltTO");
	log_expect("can't recover");
	readers_start(&r, &self->v);
	msleep(200);
	card_inject_aer();
	msleep(500);
	readers_stop(&r);
	EXPECT_EQ(0, r.bad);
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
}

static int on_netdev(const char *format)
{
	char command[160];

	snprintf(command, sizeof(command), format, env("PF_NETDEV"));
	return system(command);
}

/* Answers come late enough for their interrupt to be waited for. */
static void check_interrupts(struct __test_metadata *_metadata, struct vdev *v)
{
	EXPECT_TRUE(netdev_is_back());
	EXPECT_EQ(0, on_netdev("ip link set %s up"));
	on_netdev("ping -c 2 -W 1 -I %s 192.0.2.99 >/dev/null 2>&1");
	card_set_number("delay-ms", 50);
	EXPECT_EQ(0, io_get(v, REG_STATUS, 1));
	card_set_number("delay-ms", 0);
}

/* The PF's queues share its INTx. */
TEST_F_TIMEOUT(owner, without_msi, 60)
{
	struct waiter w;

	vdev_close(&self->v);
	vdev_close(&self->other);
	ASSERT_EQ(0, pf_write("msi_bus", "0"));
	EXPECT_EQ(0, bind_pf(NVFS));
	EXPECT_EQ(0, vdev_open(&self->v, bdfs[0]));
	io_enable(&self->v);
	check_interrupts(_metadata, &self->v);

	/* What changed is in the same register as whose interrupt it is. */
	card_set_number("delay-ms", 3000);
	log_mark();
	waiter_start(&w, &self->v);
	card_set("needs-reset", "true");
	pthread_join(w.thread, NULL);
	EXPECT_EQ(-EIO, w.ret);
	EXPECT_GT(SOON_MS, w.ms);
	card_set("needs-reset", "false");
	card_set_number("delay-ms", 0);

	vdev_close(&self->v);
	ASSERT_EQ(0, pf_write("msi_bus", "1"));
	ASSERT_EQ(0, bind_pf(NVFS));
}

/* A queue of the PF's virtio device is reset alone, the others work on. */
TEST_F_TIMEOUT(owner, queues_change_size, 60)
{
	ASSERT_TRUE(netdev_is_back());
	ASSERT_EQ(0, on_netdev("ip link set %s up"));
	EXPECT_EQ(0, on_netdev("ethtool -G %s rx 64 tx 64"));
	check_interrupts(_metadata, &self->v);
	EXPECT_EQ(0, on_netdev("ethtool -g %s | sed '1,/^Current/d' | grep -q '^TX:\t*64$'"));
	EXPECT_EQ(0, on_netdev("ethtool -G %s rx 256 tx 256"));
	check_interrupts(_metadata, &self->v);
}

TEST_F_TIMEOUT(owner, pf_sleeps_and_wakes, 60)
{
	uint8_t value;
	int i;

	ASSERT_TRUE(netdev_is_back());
	ASSERT_EQ(0, on_netdev("ip link set %s up"));
	for (i = 0; i < 3; i++) {
		io_set(&self->v, REG_STATUS, 1, STATUS_ACKNOWLEDGE);
		ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
		EXPECT_GT(0, bar0_read(&self->v, REG_STATUS, &value, 1));
		ASSERT_EQ(0, pf_pm(ADMIN_RESUME));
		EXPECT_EQ(STATUS_ACKNOWLEDGE, io_get(&self->v, REG_STATUS, 1));
		io_set(&self->v, REG_STATUS, 1, 0);
		check_interrupts(_metadata, &self->v);
	}
}

/* Its virtio driver has to be given something to be removed from. */
TEST_F_TIMEOUT(owner, pf_does_not_wake, 60)
{
	uint64_t start;
	uint8_t value;

	log_expect("virtio reset failed");
	log_expect("Failed to disable ");
	log_expect("Failed to set MAC filter table");
	log_expect("Fail to set num of queue pairs");
	log_expect("Unexpected TXQ");
	ASSERT_TRUE(netdev_is_back());
	ASSERT_EQ(0, on_netdev("ip link set %s up"));
	ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
	card_set("gone", "true");
	start = now_us();
	EXPECT_GT(0, pf_pm(ADMIN_RESUME));
	EXPECT_GT(5 * SOON_MS, (now_us() - start) / 1000);
	EXPECT_GT(0, bar0_read(&self->v, REG_STATUS, &value, 1));
	EXPECT_EQ(0, on_netdev("ip link set %s down"));
	card_set("gone", "false");
	check_new_binding(_metadata, &self->v, &self->other);
	check_interrupts(_metadata, &self->v);
}

TEST_F_TIMEOUT(owner, pf_unbound_while_it_sleeps, 60)
{
	ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
	check_new_binding(_metadata, &self->v, &self->other);
	check_interrupts(_metadata, &self->v);
}

TEST_F_TIMEOUT(owner, pf_pulled_while_it_sleeps, 60)
{
	uint64_t start;

	log_expect(env("PF"));
	log_expect("virtio");
	log_expect("device inaccessible");
	vdev_close(&self->v);
	vdev_close(&self->other);
	ASSERT_EQ(0, pf_pm(ADMIN_SUSPEND));
	card_set("gone", "true");
	start = now_us();
	EXPECT_EQ(0, remove_pf());
	EXPECT_GT(5 * SOON_MS, (now_us() - start) / 1000);
	card_set("gone", "false");
	check_comes_back(_metadata, &self->v, &self->other);
}

TEST_F(owner, virtio_driver_away)
{
	char id[32];
	uint8_t value;

	ASSERT_EQ(0, pf_virtio_id(id, sizeof(id)));
	ASSERT_EQ(0, sysfs_write("/sys/bus/virtio/drivers/virtio_net/unbind", id));
	EXPECT_EQ(-ENODEV, bar0_read(&self->v, REG_STATUS, &value, 1));
	ASSERT_EQ(0, sysfs_write("/sys/bus/virtio/drivers/virtio_net/bind", id));
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
}

/* The module that uses it would be left with calls into nothing. */
TEST_F(owner, unload_order)
{
	EXPECT_NE(0, system("rmmod virtio_pci_owner 2>/dev/null"));
	EXPECT_EQ(0, io_get(&self->v, REG_STATUS, 1));
}

/* The last test, for there is no card after it. */
TEST_F_TIMEOUT(owner, zz_unplugged_while_open, 90)
{
	check_goes(_metadata, &self->v, &self->other, unplug_pf);
}

TEST_HARNESS_MAIN
