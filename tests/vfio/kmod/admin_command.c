// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the tests call what virtio_pci_owner exports, and what it has for a machine
 * that sleeps. For nothing else: root can send any admin command by it.
 *
 * The symbols are looked up at run time, so that this builds without the symbol
 * versions of a module that was built elsewhere.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "admin_command.h"
#include "virtio_pci_owner.h"

static struct virtio_pci_owner_cmd *(*cmd_alloc)(size_t data, size_t result);
static void (*cmd_free)(struct virtio_pci_owner_cmd *cmd);
static int (*execute)(struct pci_dev *vf, struct virtio_pci_owner_cmd *cmd,
		      struct virtio_pci_owner_request *rq);

static void run(struct pci_dev *vf, struct virtio_pci_owner_request *rq,
		struct admin_command *command)
{
	struct virtio_pci_owner_cmd *cmd = cmd_alloc(rq->data_len, rq->result_len);

	if (!cmd) {
		command->ret = -ENOMEM;
		return;
	}

	command->ret = execute(vf, cmd, rq);
	command->status = rq->status;
	command->qualifier = rq->qualifier;
	command->used = rq->used;
	cmd_free(cmd);
}

/* The caller's result goes in, too, to show what of it stays as it was. */
static int copy_and_run(struct pci_dev *vf, struct admin_command *command)
{
	struct virtio_pci_owner_request rq = {
		.group = command->group,
		.opcode = command->opcode,
		.data_len = command->data_len,
		.result_len = command->result_len,
	};
	void *data, *result;
	int ret = 0;

	data = memdup_user(u64_to_user_ptr(command->data), rq.data_len);
	if (IS_ERR(data))
		return PTR_ERR(data);
	result = memdup_user(u64_to_user_ptr(command->result), rq.result_len);
	if (IS_ERR(result)) {
		kfree(data);
		return PTR_ERR(result);
	}

	rq.data = data;
	rq.result = result;
	run(vf, &rq, command);
	if (copy_to_user(u64_to_user_ptr(command->result), result, rq.result_len))
		ret = -EFAULT;
	kfree(result);
	kfree(data);
	return ret;
}

static int call_pm(struct device *dev, bool resume)
{
	const struct dev_pm_ops *pm;
	int ret = -ENODEV;

	device_lock(dev);
	pm = dev->driver ? dev->driver->pm : NULL;
	if (pm)
		ret = resume ? pm->resume(dev) : pm->suspend(dev);
	device_unlock(dev);
	return ret;
}

static long admin_command_ioctl(struct file *file, unsigned int request,
				unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct admin_command command;
	struct pci_dev *pdev;
	int ret;

	if (request != ADMIN_COMMAND && request != ADMIN_SUSPEND &&
	    request != ADMIN_RESUME)
		return -ENOTTY;
	if (copy_from_user(&command, user, sizeof(command)))
		return -EFAULT;
	if (command.data_len > ADMIN_COMMAND_MAX ||
	    command.result_len > ADMIN_COMMAND_MAX)
		return -EINVAL;

	pdev = pci_get_domain_bus_and_slot(0, command.bus, command.devfn);
	if (!pdev)
		return -ENODEV;

	if (request == ADMIN_COMMAND)
		ret = copy_and_run(pdev, &command);
	else
		ret = call_pm(&pdev->dev, request == ADMIN_RESUME);
	pci_dev_put(pdev);
	if (ret)
		return ret;

	return copy_to_user(user, &command, sizeof(command)) ? -EFAULT : 0;
}

static const struct file_operations admin_command_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = admin_command_ioctl,
};

static struct miscdevice admin_command_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtio_admin_command",
	.mode = 0600,
	.fops = &admin_command_fops,
};

static void put_symbols(void)
{
	if (cmd_alloc)
		symbol_put(virtio_pci_owner_cmd_alloc);
	if (cmd_free)
		symbol_put(virtio_pci_owner_cmd_free);
	if (execute)
		symbol_put(virtio_pci_owner_execute);
}

static int __init admin_command_init(void)
{
	int ret = -ENOENT;

	cmd_alloc = symbol_get(virtio_pci_owner_cmd_alloc);
	cmd_free = symbol_get(virtio_pci_owner_cmd_free);
	execute = symbol_get(virtio_pci_owner_execute);
	if (cmd_alloc && cmd_free && execute)
		ret = misc_register(&admin_command_device);
	if (ret)
		put_symbols();
	return ret;
}
module_init(admin_command_init);

static void __exit admin_command_exit(void)
{
	misc_deregister(&admin_command_device);
	put_symbols();
}
module_exit(admin_command_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Admin commands for the tests of virtio_pci_owner");
