// SPDX-License-Identifier: GPL-2.0-only
/*
 * Admin commands for a member device.
 *
 * virtio_pci_owner bounds the wait for an answer. The kernel's admin virtqueue
 * waits for ever and can't be interrupted. Where that must not be, a command is
 * executed by a worker, and the caller waits for that one killably and for a
 * bounded time. A command that was given up belongs to the worker until the
 * device answers or the PF's driver goes. The detour multiplies the cost of a
 * register access, so those make it only if admin_timeout is set.
 */
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "admin.h"
#include "owner.h"
#include "owner/virtio_pci_owner.h"
#include "virtio_vfio.h"

static uint admin_timeout;
module_param(admin_timeout, uint, 0644);
MODULE_PARM_DESC(admin_timeout,
		 "How long the owner device may take for an admin command where virtio_pci drives it, in ms (default 0: register accesses wait for ever)");

/* For what is no register access, in ms. */
#define RARE_TIMEOUT	10000

/* The command that asks whether there are any; no opcode of the spec. */
#define OPCODE_PROBE	0xffff

static struct workqueue_struct *workqueue;

/**
 * struct virtio_vfio_cmd - one admin command
 * @kref: held by the path and by the worker
 * @work: executes it
 * @done: the worker has finished
 * @busy: under way, or given up and not finished; under the path's lock
 * @owner: the way to the owner device
 * @vf: the member device
 * @path: what owner->get() gave
 * @opcode: the command
 * @offset: of an access
 * @len: of an access
 * @ret: the result
 * @status: the device's answer
 * @data: of an access
 * @entries: of LEGACY_NOTIFY_INFO
 */
struct virtio_vfio_cmd {
	struct kref kref;
	struct work_struct work;
	struct completion done;
	bool busy;
	const struct virtio_vfio_owner_ops *owner;
	struct pci_dev *vf;
	void *path;
	u16 opcode;
	u8 offset;
	u8 len;
	int ret;
	struct virtio_vfio_admin_status status;
	u8 data[8];
	struct virtio_admin_cmd_notify_info_data
		entries[VIRTIO_ADMIN_CMD_MAX_NOTIFY_INFO];
};

static void cmd_release(struct kref *kref)
{
	struct virtio_vfio_cmd *cmd =
		container_of(kref, struct virtio_vfio_cmd, kref);

	cmd->owner->put(cmd->path);
	pci_dev_put(cmd->vf);
	kfree(cmd);
}

static void cmd_call(struct virtio_vfio_cmd *cmd)
{
	const struct virtio_vfio_owner_ops *owner = cmd->owner;

	switch (cmd->opcode) {
	case OPCODE_PROBE:
		cmd->ret = owner->probe(cmd->vf, cmd->path);
		break;
	case VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO:
		cmd->ret = owner->notify_info(cmd->vf, cmd->path, cmd->entries,
					      &cmd->status);
		break;
	default:
		cmd->ret = owner->access(cmd->vf, cmd->path, cmd->opcode,
					 cmd->offset, cmd->data, cmd->len,
					 &cmd->status);
	}
}

static void cmd_work(struct work_struct *work)
{
	struct virtio_vfio_cmd *cmd =
		container_of(work, struct virtio_vfio_cmd, work);

	cmd_call(cmd);
	complete(&cmd->done);
	kref_put(&cmd->kref, cmd_release);
	/* virtio_vfio_admin_stop() waits until this function has returned. */
	module_put(THIS_MODULE);
}

/* Caller holds the path's lock and has filled in what @opcode needs. */
static int cmd_execute(struct virtio_vfio_cmd *cmd, u16 opcode, bool bounded)
{
	unsigned int timeout = READ_ONCE(admin_timeout);
	long left;

	cmd->opcode = opcode;
	cmd->status = (struct virtio_vfio_admin_status){ .qualifier = -1 };
	if (cmd->owner->bounded || (!timeout && !bounded)) {
		cmd_call(cmd);
		return cmd->ret;
	}

	cmd->busy = true;
	reinit_completion(&cmd->done);
	kref_get(&cmd->kref);
	__module_get(THIS_MODULE);
	queue_work(workqueue, &cmd->work);

	left = wait_for_completion_killable_timeout(&cmd->done,
						    msecs_to_jiffies(timeout ?: RARE_TIMEOUT));
	if (left < 0)
		return -EINTR;
	if (!left)
		return -ETIMEDOUT;

	cmd->busy = false;
	return cmd->ret;
}

/* Caller holds the lock; keeps it only if the command is there to be used. */
static int path_locked(struct virtio_vfio_admin_path *path)
{
	if (path->cmd->busy && !try_wait_for_completion(&path->cmd->done)) {
		mutex_unlock(&path->lock);
		return -EIO;
	}

	return 0;
}

int virtio_vfio_admin_lock(struct virtio_vfio_admin_path *path)
{
	if (mutex_lock_killable(&path->lock))
		return -EINTR;

	return path_locked(path);
}

int virtio_vfio_admin_trylock(struct virtio_vfio_admin_path *path)
{
	return mutex_trylock(&path->lock) ? path_locked(path) : -EBUSY;
}

void virtio_vfio_admin_unlock(struct virtio_vfio_admin_path *path)
{
	mutex_unlock(&path->lock);
}

static const char *register_name(u16 opcode, u8 offset)
{
	static const char * const names[] = {
		[VIRTIO_PCI_HOST_FEATURES] = "Device Features",
		[VIRTIO_PCI_GUEST_FEATURES] = "Driver Features",
		[VIRTIO_PCI_QUEUE_PFN] = "Queue Address",
		[VIRTIO_PCI_QUEUE_NUM] = "Queue Size",
		[VIRTIO_PCI_QUEUE_SEL] = "Queue Select",
		[VIRTIO_PCI_QUEUE_NOTIFY] = "Queue Notify",
		[VIRTIO_PCI_STATUS] = "Device Status",
		[VIRTIO_PCI_ISR] = "ISR Status",
		[VIRTIO_MSI_CONFIG_VECTOR] = "Configuration Vector",
		[VIRTIO_MSI_QUEUE_VECTOR] = "Queue Vector",
	};

	switch (opcode) {
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE:
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ:
		while (offset && offset < ARRAY_SIZE(names) && !names[offset])
			offset--;
		return offset < ARRAY_SIZE(names) ? names[offset] : "register";
	case VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO:
		return "notify addresses";
	default:
		return "device configuration";
	}
}

static const char *command_name(u16 opcode)
{
	switch (opcode) {
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE:
		return "LEGACY_COMMON_CFG_WRITE";
	case VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ:
		return "LEGACY_COMMON_CFG_READ";
	case VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_WRITE:
		return "LEGACY_DEV_CFG_WRITE";
	case VIRTIO_ADMIN_CMD_LEGACY_DEV_CFG_READ:
		return "LEGACY_DEV_CFG_READ";
	default:
		return "LEGACY_NOTIFY_INFO";
	}
}

void virtio_vfio_admin_log(struct virtio_vfio_device *vf,
			   const struct virtio_vfio_admin_path *path, int ret)
{
	const struct virtio_vfio_cmd *cmd = path->cmd;
	char qualifier[12] = "not given";

	if (!virtio_vfio_log_ok(&vf->log))
		return;

	/* The worker may still be writing to a command that was given up. */
	if (ret == -ETIMEDOUT || ret == -EINTR) {
		pci_warn(vf->core.pdev, "%s of %s (offset %u): %s\n",
			 command_name(cmd->opcode),
			 register_name(cmd->opcode, cmd->offset), cmd->offset,
			 ret == -EINTR ? "caller killed" : "no answer in time");
		return;
	}

	if (cmd->status.qualifier >= 0)
		snprintf(qualifier, sizeof(qualifier), "%#x",
			 cmd->status.qualifier);

	pci_warn(vf->core.pdev,
		 "%s of %s (offset %u): error %d, status %#x, qualifier %s\n",
		 command_name(cmd->opcode),
		 register_name(cmd->opcode, cmd->offset), cmd->offset, ret,
		 cmd->status.status, qualifier);
}

int virtio_vfio_admin_probe(struct virtio_vfio_admin_path *path)
{
	int ret;

	ret = virtio_vfio_admin_lock(path);
	if (ret)
		return ret;

	ret = cmd_execute(path->cmd, OPCODE_PROBE, true);
	virtio_vfio_admin_unlock(path);
	return ret;
}

int virtio_vfio_admin_access_locked(struct virtio_vfio_admin_path *path,
				    u16 opcode, u8 offset, void *buf, u8 len,
				    bool bounded)
{
	struct virtio_vfio_cmd *cmd = path->cmd;
	int ret;

	if (WARN_ON_ONCE(len > sizeof(cmd->data)))
		return -EINVAL;

	cmd->offset = offset;
	cmd->len = len;
	memcpy(cmd->data, buf, len);
	ret = cmd_execute(cmd, opcode, bounded);
	if (!ret)
		memcpy(buf, cmd->data, len);

	return ret;
}

int virtio_vfio_admin_access(struct virtio_vfio_device *vf,
			     struct virtio_vfio_admin_path *path, u16 opcode,
			     u8 offset, void *buf, u8 len)
{
	int ret;

	ret = virtio_vfio_admin_lock(path);
	if (ret)
		return ret;

	ret = virtio_vfio_admin_access_locked(path, opcode, offset, buf, len,
					      false);
	if (ret)
		virtio_vfio_admin_log(vf, path, ret);

	virtio_vfio_admin_unlock(path);
	return ret;
}

int virtio_vfio_admin_notify_info(struct virtio_vfio_device *vf,
				  struct virtio_admin_cmd_notify_info_data *entries)
{
	struct virtio_vfio_admin_path *path = &vf->registers;
	struct virtio_vfio_cmd *cmd = path->cmd;
	int ret;

	ret = virtio_vfio_admin_lock(path);
	if (ret)
		return ret;

	cmd->offset = 0;
	ret = cmd_execute(cmd, VIRTIO_ADMIN_CMD_LEGACY_NOTIFY_INFO, true);
	if (!ret)
		memcpy(entries, cmd->entries, sizeof(cmd->entries));
	else if (ret != -EOPNOTSUPP)
		virtio_vfio_admin_log(vf, path, ret);

	virtio_vfio_admin_unlock(path);
	return ret;
}

int virtio_vfio_admin_init(struct virtio_vfio_admin_path *path,
			   struct pci_dev *vf)
{
	struct virtio_vfio_cmd *cmd;
	int ret;

	cmd = kzalloc(sizeof(*cmd), GFP_KERNEL);
	if (!cmd)
		return -ENOMEM;

	cmd->owner = virtio_pci_owner_drives(vf) ? &virtio_vfio_owner_driver :
						   &virtio_vfio_owner_kernel;
	cmd->path = cmd->owner->get(vf);
	if (IS_ERR(cmd->path)) {
		ret = PTR_ERR(cmd->path);
		kfree(cmd);
		return ret;
	}

	kref_init(&cmd->kref);
	INIT_WORK(&cmd->work, cmd_work);
	init_completion(&cmd->done);
	cmd->vf = pci_dev_get(vf);
	mutex_init(&path->lock);
	path->cmd = cmd;
	return 0;
}

void virtio_vfio_admin_release(struct virtio_vfio_admin_path *path)
{
	if (!path->cmd)
		return;

	kref_put(&path->cmd->kref, cmd_release);
	mutex_destroy(&path->lock);
}

int virtio_vfio_admin_start(void)
{
	/*
	 * Unanswered commands of one VF must not keep those of others waiting. A
	 * worker of the caller's processor needs no interrupt to begin.
	 */
	workqueue = alloc_workqueue("virtio_vfio", WQ_PERCPU, WQ_MAX_ACTIVE);
	return workqueue ? 0 : -ENOMEM;
}

void virtio_vfio_admin_stop(void)
{
	destroy_workqueue(workqueue);
}
