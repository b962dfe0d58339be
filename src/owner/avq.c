// SPDX-License-Identifier: GPL-2.0-only
/*
 * The administration virtqueue: commands in, answers out, each wait bounded.
 *
 * A command belongs to its user, and to the device too from when it is put
 * into the queue until the device gives it back or has been reset. A user who
 * gives up leaves it to the device.
 */
#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "../log.h"
#include "avq.h"
#include "pf.h"
#include "virtio_pci_owner.h"

static uint admin_timeout = 10000;
module_param(admin_timeout, uint, 0644);
MODULE_PARM_DESC(admin_timeout,
		 "How long the device may take for an admin command, in ms (default 10000)");

/* How long a caller looks for the answer itself before it sleeps. */
#define SPIN_NS		(20 * NSEC_PER_USEC)
/* How often a caller that waits looks for a device that is gone. */
#define LOOK_MS		100
/* What a device that missed a deadline gets to show that it lives. */
#define ALIVE_MS	1000
/* One for what it reads, one for what it writes. */
#define DESCRIPTORS	2

enum cmd_state {
	CMD_IDLE,	/* the user's alone */
	CMD_PENDING,	/* waits for room */
	CMD_SENT,	/* the device's, and a caller waits */
	CMD_LOST,	/* the device's, and nobody waits */
};

/* The layouts are the specification's. */
struct cmd_head {
	__le16 opcode;
	__le16 group;
	u8 reserved[12];
	__le64 member;
	u8 data[];
};

struct cmd_answer {
	__le16 status;
	__le16 qualifier;
	u8 reserved[4];
	u8 result[];
};

/**
 * struct virtio_pci_owner_cmd - one command
 * @kref: the user's, and the device's while it has it
 * @node: in the queue's lists, under its lock
 * @done: the caller's wait is over
 * @state: under the queue's lock
 * @ret: what the caller gets
 * @used: bytes that the device says it wrote
 * @head: what the device reads
 * @head_len: bytes of it
 * @head_max: bytes that there is room for
 * @answer: what the device writes
 * @answer_len: bytes of it
 * @answer_max: bytes that there is room for
 */
struct virtio_pci_owner_cmd {
	struct kref kref;
	struct list_head node;
	struct completion done;
	enum cmd_state state;
	int ret;
	unsigned int used;
	struct cmd_head *head;
	size_t head_len;
	size_t head_max;
	struct cmd_answer *answer;
	size_t answer_len;
	size_t answer_max;
};

static void cmd_release(struct kref *kref)
{
	struct virtio_pci_owner_cmd *cmd =
		container_of(kref, struct virtio_pci_owner_cmd, kref);

	kfree(cmd->answer);
	kfree(cmd->head);
	kfree(cmd);
}

struct virtio_pci_owner_cmd *virtio_pci_owner_cmd_alloc(size_t data,
							size_t result)
{
	struct virtio_pci_owner_cmd *cmd = kzalloc(sizeof(*cmd), GFP_KERNEL);

	if (!cmd)
		return NULL;

	kref_init(&cmd->kref);
	init_completion(&cmd->done);
	cmd->head_max = sizeof(*cmd->head) + data;
	cmd->answer_max = sizeof(*cmd->answer) + result;
	/* Each is mapped for DMA by itself, so none shares a cache line. */
	cmd->head = kzalloc(L1_CACHE_ALIGN(cmd->head_max), GFP_KERNEL);
	cmd->answer = kzalloc(L1_CACHE_ALIGN(cmd->answer_max), GFP_KERNEL);
	if (!cmd->head || !cmd->answer) {
		kref_put(&cmd->kref, cmd_release);
		return NULL;
	}

	return cmd;
}
EXPORT_SYMBOL_GPL(virtio_pci_owner_cmd_alloc);

void virtio_pci_owner_cmd_free(struct virtio_pci_owner_cmd *cmd)
{
	if (cmd)
		kref_put(&cmd->kref, cmd_release);
}
EXPORT_SYMBOL_GPL(virtio_pci_owner_cmd_free);

static struct virtio_owner *avq_owner(struct virtio_owner_avq *avq)
{
	return container_of(avq, struct virtio_owner, avq);
}

/* The device has done with a command. Caller holds the lock. */
static void cmd_returned(struct virtio_owner_avq *avq,
			 struct virtio_pci_owner_cmd *cmd, int ret)
{
	enum cmd_state state = cmd->state;

	list_del(&cmd->node);
	cmd->state = CMD_IDLE;
	if (state == CMD_LOST) {
		avq->lost--;
	} else {
		cmd->ret = ret;
		complete(&cmd->done);
	}
	kref_put(&cmd->kref, cmd_release);
}

/* Caller holds the lock. */
static void fail_all(struct virtio_owner_avq *avq, int ret)
{
	struct virtio_pci_owner_cmd *cmd, *next;

	list_for_each_entry_safe(cmd, next, &avq->pending, node) {
		list_del(&cmd->node);
		cmd->state = CMD_IDLE;
		cmd->ret = ret;
		complete(&cmd->done);
	}

	list_for_each_entry(cmd, &avq->sent, node) {
		if (cmd->state != CMD_SENT)
			continue;
		cmd->state = CMD_LOST;
		avq->lost++;
		cmd->ret = ret;
		complete(&cmd->done);
	}
}

/* Caller holds the lock. */
static void set_broken(struct virtio_owner_avq *avq, const char *why,
		       bool silent)
{
	if (avq->broken) {
		/* Answers don't mend what else there is. */
		avq->silent &= silent;
		return;
	}

	avq->broken = why;
	avq->silent = silent;
	fail_all(avq, -EIO);
	if (__ratelimit(&avq->log))
		dev_err(&avq_owner(avq)->pdev->dev,
			"admin virtqueue given up: the device %s\n", why);
}

void virtio_owner_avq_break(struct virtio_owner *owner, const char *why)
{
	struct virtio_owner_avq *avq = &owner->avq;
	unsigned long flags;

	spin_lock_irqsave(&avq->lock, flags);
	if (avq->vq)
		set_broken(avq, why, false);
	spin_unlock_irqrestore(&avq->lock, flags);
}

/* Hand the device what there is room for. Caller holds the lock. */
static void send_pending(struct virtio_owner_avq *avq)
{
	struct scatterlist head, answer, *sgs[DESCRIPTORS] = { &head, &answer };
	struct virtio_pci_owner_cmd *cmd, *next;
	bool sent = false;

	if (!avq->open || avq->broken)
		return;

	list_for_each_entry_safe(cmd, next, &avq->pending, node) {
		if (avq->vq->num_free < DESCRIPTORS)
			break;

		sg_init_one(&head, cmd->head, cmd->head_len);
		sg_init_one(&answer, cmd->answer, cmd->answer_len);
		cmd->ret = virtqueue_add_sgs(avq->vq, sgs, 1, 1, cmd, GFP_ATOMIC);
		if (cmd->ret) {
			list_del(&cmd->node);
			cmd->state = CMD_IDLE;
			complete(&cmd->done);
			continue;
		}

		kref_get(&cmd->kref);
		cmd->state = CMD_SENT;
		list_move_tail(&cmd->node, &avq->sent);
		sent = true;
	}

	if (sent)
		virtqueue_kick(avq->vq);
}

/* Caller holds the lock. */
static void take_answers(struct virtio_owner_avq *avq)
{
	struct virtio_pci_owner_cmd *cmd;
	unsigned int used;

	while ((cmd = virtqueue_get_buf(avq->vq, &used))) {
		avq->answers++;
		cmd->used = used;
		cmd_returned(avq, cmd, 0);
	}
}

/* What the answers make possible. Caller holds the lock. */
static void go_on(struct virtio_owner_avq *avq)
{
	if (avq->broken && avq->silent && !avq->lost) {
		avq->broken = NULL;
		if (__ratelimit(&avq->log))
			dev_info(&avq_owner(avq)->pdev->dev,
				 "admin virtqueue taken up again: the device has answered\n");
	}
	send_pending(avq);
}

/* Take answers, and have an interrupt for the next. Caller holds the lock. */
static void take_all_answers(struct virtio_owner_avq *avq)
{
	do {
		virtqueue_disable_cb(avq->vq);
		take_answers(avq);
	} while (!virtqueue_is_broken(avq->vq) &&
		 !virtqueue_enable_cb(avq->vq));
}

static void avq_answered(struct virtqueue *vq)
{
	struct virtio_owner_avq *avq = &to_virtio_owner(vq->vdev)->avq;
	unsigned long flags;

	spin_lock_irqsave(&avq->lock, flags);
	if (avq->vq) {
		take_all_answers(avq);
		go_on(avq);
	}
	spin_unlock_irqrestore(&avq->lock, flags);
}

/*
 * A device that is quick is spared the interrupt, and the caller the sleep. Who
 * looks takes everybody's answers, and when it stops to look while the device
 * has any command, the next answer gives an interrupt.
 *
 * Return: whether the wait is over.
 */
static bool look_for_answer(struct virtio_owner_avq *avq,
			    struct virtio_pci_owner_cmd *cmd)
{
	bool stop, over;
	u64 end = 0;

	do {
		spin_lock_irq(&avq->lock);
		if (avq->vq && cmd->state != CMD_PENDING) {
			take_answers(avq);
			go_on(avq);
		}
		stop = cmd->state != CMD_SENT || need_resched() ||
		       (end && ktime_get_ns() > end);
		if (stop && avq->vq && !list_empty(&avq->sent)) {
			take_all_answers(avq);
			go_on(avq);
		}
		over = cmd->state != CMD_PENDING && cmd->state != CMD_SENT;
		spin_unlock_irq(&avq->lock);

		if (!stop && !end)
			end = ktime_get_ns() + SPIN_NS;
		cpu_relax();
	} while (!stop);

	return over;
}

static bool submit(struct virtio_owner_avq *avq,
		   struct virtio_pci_owner_cmd *cmd, u64 *answers, int *ret)
{
	bool taken = false;

	spin_lock_irq(&avq->lock);
	*answers = avq->answers;
	if (!avq->open)
		*ret = -ENODEV;
	else if (avq->broken || cmd->state != CMD_IDLE)
		*ret = -EIO;
	else
		taken = true;

	if (taken) {
		reinit_completion(&cmd->done);
		cmd->state = CMD_PENDING;
		/* One that goes out at once is looked for, see below. */
		if (list_empty(&avq->pending) && avq->vq->num_free >= DESCRIPTORS)
			virtqueue_disable_cb(avq->vq);
		list_add_tail(&cmd->node, &avq->pending);
		send_pending(avq);
	}
	spin_unlock_irq(&avq->lock);

	return taken;
}

/*
 * Nobody waits for a command any more.
 * Return: whether it was answered after all.
 */
static bool give_up(struct virtio_owner_avq *avq,
		    struct virtio_pci_owner_cmd *cmd)
{
	bool answered = false;

	spin_lock_irq(&avq->lock);
	switch (cmd->state) {
	case CMD_PENDING:
		list_del(&cmd->node);
		cmd->state = CMD_IDLE;
		break;
	case CMD_SENT:
		cmd->state = CMD_LOST;
		avq->lost++;
		break;
	default:
		answered = true;
	}
	spin_unlock_irq(&avq->lock);

	return answered;
}

/*
 * Have a command executed.
 * Return: 0 if the device has answered; else as virtio_pci_owner_execute().
 */
static int run(struct virtio_owner *owner, struct virtio_pci_owner_cmd *cmd,
	       unsigned int timeout, u64 *answers)
{
	struct virtio_owner_avq *avq = &owner->avq;
	unsigned long end = jiffies + msecs_to_jiffies(timeout);
	long left;
	int ret;

	if (!submit(avq, cmd, answers, &ret))
		return ret;
	if (look_for_answer(avq, cmd))
		return cmd->ret;

	do {
		left = clamp_t(long, end - jiffies, 0, msecs_to_jiffies(LOOK_MS));
		left = wait_for_completion_killable_timeout(&cmd->done, left);
		if (!left)
			virtio_owner_check(owner);
	} while (!left && time_before(jiffies, end));

	if (left <= 0 && !give_up(avq, cmd))
		return left ? -EINTR : -ETIMEDOUT;

	return cmd->ret;
}

static void fill(struct virtio_pci_owner_cmd *cmd,
		 const struct virtio_pci_owner_request *rq, u64 member)
{
	memset(cmd->head, 0, sizeof(*cmd->head));
	cmd->head->opcode = cpu_to_le16(rq->opcode);
	cmd->head->group = cpu_to_le16(rq->group);
	/* The self group's only member is 0. */
	if (rq->group == VIRTIO_ADMIN_GROUP_TYPE_SRIOV)
		cmd->head->member = cpu_to_le64(member);
	memcpy(cmd->head->data, rq->data, rq->data_len);
	cmd->head_len = sizeof(*cmd->head) + rq->data_len;
	cmd->answer_len = sizeof(*cmd->answer) + rq->result_len;
}

/* What the device says that it wrote is checked; nothing older gets out. */
static int take(struct virtio_pci_owner_cmd *cmd,
		struct virtio_pci_owner_request *rq)
{
	size_t used = cmd->used;

	if (used < sizeof(*cmd->answer) || used > cmd->answer_len)
		return -EIO;

	rq->status = le16_to_cpu(cmd->answer->status);
	rq->qualifier = le16_to_cpu(cmd->answer->qualifier);
	used -= sizeof(*cmd->answer);
	if (rq->status != VIRTIO_ADMIN_STATUS_OK)
		return 0;
	if (!virtio_owner_result_fits(rq, cmd->answer->result, used))
		return -EIO;

	rq->used = used;
	memcpy(rq->result, cmd->answer->result, used);
	return 0;
}

/*
 * A command was not answered in time. The device is alive if it answered
 * others meanwhile, or if it answers now.
 */
static void check_alive(struct virtio_owner *owner, u64 member, u64 answers,
			unsigned int timeout)
{
	const struct virtio_pci_owner_request rq = {
		.group = VIRTIO_ADMIN_GROUP_TYPE_SRIOV,
		.opcode = VIRTIO_ADMIN_CMD_LIST_QUERY,
		.result_len = sizeof(__le64),
	};
	struct virtio_owner_avq *avq = &owner->avq;
	int ret = 0;
	u64 now;

	/* Whoever asks already decides for all. */
	if (!mutex_trylock(&avq->check_lock))
		return;

	if (READ_ONCE(avq->answers) == answers) {
		/* One that is still unanswered is not asked again. */
		if (READ_ONCE(avq->check->state) == CMD_IDLE)
			fill(avq->check, &rq, member);
		ret = run(owner, avq->check, min_t(unsigned int, timeout, ALIVE_MS),
			  &now);
	}

	spin_lock_irq(&avq->lock);
	if ((ret == -ETIMEDOUT || ret == -EIO) && avq->open &&
	    avq->answers == answers)
		set_broken(avq, "does not answer", true);
	spin_unlock_irq(&avq->lock);
	mutex_unlock(&avq->check_lock);
}

static int execute(struct virtio_owner *owner, struct virtio_pci_owner_cmd *cmd,
		   u64 member, struct virtio_pci_owner_request *rq)
{
	unsigned int timeout = READ_ONCE(admin_timeout);
	u64 answers;
	int ret;

	rq->status = 0;
	rq->qualifier = -1;
	rq->used = 0;
	if (WARN_ON_ONCE(sizeof(*cmd->head) + rq->data_len > cmd->head_max ||
			 sizeof(*cmd->answer) + rq->result_len > cmd->answer_max))
		return -EINVAL;

	/* The device may still read and write what it has not answered. */
	if (READ_ONCE(cmd->state) != CMD_IDLE)
		return -EIO;

	fill(cmd, rq, member);
	ret = run(owner, cmd, timeout, &answers);
	if (ret == -ETIMEDOUT)
		check_alive(owner, member, answers, timeout);
	if (ret)
		return ret;

	return take(cmd, rq);
}

/* A device that refuses for good is not asked for each command again. */
static int refused(struct virtio_owner_avq *avq, u16 group, u16 status,
		   unsigned int resets)
{
	if (status == EAGAIN || status == ENOMEM)
		return -EIO;

	spin_lock_irq(&avq->lock);
	if (avq->resets == resets)
		avq->refused |= BIT(group);
	spin_unlock_irq(&avq->lock);

	return -EOPNOTSUPP;
}

static int ask_for_list(struct virtio_owner *owner, u64 member, u16 group)
{
	struct virtio_owner_avq *avq = &owner->avq;
	struct virtio_pci_owner_cmd *cmd;
	__le64 list = 0;
	struct virtio_pci_owner_request query = {
		.group = group,
		.opcode = VIRTIO_ADMIN_CMD_LIST_QUERY,
		.result = &list,
		.result_len = sizeof(list),
	}, use = {
		.group = group,
		.opcode = VIRTIO_ADMIN_CMD_LIST_USE,
		.data = &list,
		.data_len = sizeof(list),
	};
	unsigned int resets = READ_ONCE(avq->resets);
	int ret;

	cmd = virtio_pci_owner_cmd_alloc(sizeof(list), sizeof(list));
	if (!cmd)
		return -ENOMEM;

	ret = execute(owner, cmd, member, &query);
	if (!ret && query.status)
		ret = refused(avq, group, query.status, resets);
	if (ret)
		goto free;

	list &= cpu_to_le64(virtio_owner_known_cmds);
	ret = execute(owner, cmd, member, &use);
	if (!ret && use.status)
		ret = refused(avq, group, use.status, resets);
	if (ret)
		goto free;

	/* What was agreed on does not outlive a reset. */
	spin_lock_irq(&avq->lock);
	if (avq->resets == resets) {
		avq->cmds[group] = le64_to_cpu(list);
		avq->refused &= ~BIT(group);
		/* Pairs with the acquire in has_command(). */
		smp_store_release(&avq->listed, avq->listed | BIT(group));
	}
	spin_unlock_irq(&avq->lock);

free:
	virtio_pci_owner_cmd_free(cmd);
	return ret;
}

/*
 * Cards may refuse to be asked before there are VFs, so a VF's use asks; @again
 * even if the device refused before.
 */
static int has_command(struct virtio_owner *owner, u64 member, u16 group,
		       u16 opcode, bool again)
{
	struct virtio_owner_avq *avq = &owner->avq;
	int ret = 0;

	if (group >= VIRTIO_OWNER_GROUPS || opcode >= 64)
		return -EOPNOTSUPP;

	/* Pairs with the release in ask_for_list(). */
	if (!(smp_load_acquire(&avq->listed) & BIT(group))) {
		bool waited = !mutex_trylock(&avq->list_lock);

		if (waited && mutex_lock_killable(&avq->list_lock))
			return -EINTR;
		/* Who waited for an answer in vain doesn't wait for another. */
		if (waited && avq->list_ret == -ETIMEDOUT) {
			ret = -EIO;
		} else if (!again && READ_ONCE(avq->refused) & BIT(group)) {
			ret = -EOPNOTSUPP;
		} else if (!(avq->listed & BIT(group))) {
			ret = ask_for_list(owner, member, group);
			avq->list_ret = ret;
		}
		mutex_unlock(&avq->list_lock);
		if (ret)
			return ret;
	}

	return avq->cmds[group] & BIT_ULL(opcode) ? 0 : -EOPNOTSUPP;
}

int virtio_pci_owner_supports(struct pci_dev *vf, u16 group, u16 opcode)
{
	struct virtio_owner *owner =
		pci_iov_get_pf_drvdata(vf, &virtio_owner_driver);

	if (IS_ERR_OR_NULL(owner))
		return -ENODEV;

	return has_command(owner, pci_iov_vf_id(vf) + 1, group, opcode, true);
}
EXPORT_SYMBOL_GPL(virtio_pci_owner_supports);

bool virtio_pci_owner_drives(struct pci_dev *vf)
{
	return !IS_ERR_OR_NULL(pci_iov_get_pf_drvdata(vf, &virtio_owner_driver));
}
EXPORT_SYMBOL_GPL(virtio_pci_owner_drives);

int virtio_pci_owner_execute(struct pci_dev *vf,
			     struct virtio_pci_owner_cmd *cmd,
			     struct virtio_pci_owner_request *rq)
{
	struct virtio_owner *owner =
		pci_iov_get_pf_drvdata(vf, &virtio_owner_driver);
	u64 member = pci_iov_vf_id(vf) + 1;
	int ret;

	if (IS_ERR_OR_NULL(owner))
		return -ENODEV;

	ret = has_command(owner, member, rq->group, rq->opcode, false);
	if (ret)
		return ret;

	return execute(owner, cmd, member, rq);
}
EXPORT_SYMBOL_GPL(virtio_pci_owner_execute);

int virtio_owner_avq_init(struct virtio_owner *owner)
{
	struct virtio_owner_avq *avq = &owner->avq;

	spin_lock_init(&avq->lock);
	ratelimit_state_init(&avq->log, VIRTIO_VFIO_LOG_SECONDS * HZ,
			     VIRTIO_VFIO_LOG_LINES);
	INIT_LIST_HEAD(&avq->pending);
	INIT_LIST_HEAD(&avq->sent);
	mutex_init(&avq->list_lock);
	mutex_init(&avq->check_lock);
	avq->check = virtio_pci_owner_cmd_alloc(0, sizeof(__le64));
	return avq->check ? 0 : -ENOMEM;
}

void virtio_owner_avq_exit(struct virtio_owner *owner)
{
	virtio_pci_owner_cmd_free(owner->avq.check);
}

int virtio_owner_avq_up(struct virtio_owner *owner, u16 vector)
{
	struct virtio_owner_avq *avq = &owner->avq;
	struct virtqueue *vq;

	/* With a context virtio_ring allocates no table for each command. */
	vq = virtio_owner_vq_setup(owner, owner->avq_index, avq_answered, "admin",
				   true, vector);
	if (IS_ERR(vq))
		return PTR_ERR(vq);

	if (vq->num_free < DESCRIPTORS) {
		virtio_owner_vq_delete(vq);
		return -EINVAL;
	}

	spin_lock_irq(&avq->lock);
	avq->vq = vq;
	avq->broken = NULL;
	spin_unlock_irq(&avq->lock);
	return 0;
}

void virtio_owner_avq_open(struct virtio_owner *owner)
{
	struct virtio_owner_avq *avq = &owner->avq;

	spin_lock_irq(&avq->lock);
	avq->open = avq->vq;
	spin_unlock_irq(&avq->lock);
}

void virtio_owner_avq_stop(struct virtio_owner *owner)
{
	struct virtio_owner_avq *avq = &owner->avq;

	spin_lock_irq(&avq->lock);
	avq->open = false;
	avq->resets++;
	avq->listed = 0;
	avq->refused = 0;
	fail_all(avq, -EIO);
	spin_unlock_irq(&avq->lock);
}

void virtio_owner_avq_down(struct virtio_owner *owner)
{
	struct virtio_owner_avq *avq = &owner->avq;
	struct virtio_pci_owner_cmd *cmd;
	struct virtqueue *vq;

	virtio_owner_avq_stop(owner);

	spin_lock_irq(&avq->lock);
	vq = avq->vq;
	avq->vq = NULL;
	while (vq && (cmd = virtqueue_detach_unused_buf(vq)))
		cmd_returned(avq, cmd, -EIO);
	spin_unlock_irq(&avq->lock);

	if (vq)
		virtio_owner_vq_delete(vq);
}
