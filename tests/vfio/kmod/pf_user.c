// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for the virtio network device of a PF that asks the PF's driver for
 * what virtio_net doesn't. It has one device at a time, and gets it by name, for
 * virtio_net comes first. What queues it wants is in the parameters.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "pf_user.h"

#define PACKET_LEN	72	/* with a header of 12 bytes */
#define ANSWER_MS	5000

static uint queues = 2;
module_param(queues, uint, 0644);
MODULE_PARM_DESC(queues, "How many");

static ulong unnamed;
module_param(unnamed, ulong, 0644);
MODULE_PARM_DESC(unnamed, "Those without a name, as a mask");

static ulong silent;
module_param(silent, ulong, 0644);
MODULE_PARM_DESC(silent, "Those without a callback, as a mask");

static bool spread;
module_param(spread, bool, 0644);
MODULE_PARM_DESC(spread, "Have the interrupts spread over the processors");

static bool stubborn;
module_param(stubborn, bool, 0644);
MODULE_PARM_DESC(stubborn, "Let go of the device only when its queues are broken");

static DEFINE_MUTEX(lock);	/* the device and what follows */
static struct virtio_device *device;
static struct virtqueue *vqs[PF_USER_QUEUES];
static u8 *packet;
static DECLARE_COMPLETION(answered);

/* In /proc/interrupts */
static const char * const queue_names[PF_USER_QUEUES] = {
	"q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7",
};

static void answer(struct virtqueue *vq)
{
	complete(&answered);
}

static int find_queues(struct virtio_device *vdev)
{
	struct irq_affinity affinity = {};
	struct irq_affinity *desc = spread ? &affinity : NULL;
	unsigned int i;
#ifdef HAS_VIRTQUEUE_INFO
	struct virtqueue_info infos[PF_USER_QUEUES] = {};

	for (i = 0; i < queues; i++) {
		infos[i].name = unnamed & BIT(i) ? NULL : queue_names[i];
		infos[i].callback = silent & BIT(i) ? NULL : answer;
	}
	return virtio_find_vqs(vdev, queues, vqs, infos, desc);
#else
	vq_callback_t *callbacks[PF_USER_QUEUES] = {};
	const char *names[PF_USER_QUEUES] = {};

	for (i = 0; i < queues; i++) {
		names[i] = unnamed & BIT(i) ? NULL : queue_names[i];
		callbacks[i] = silent & BIT(i) ? NULL : answer;
	}
	return virtio_find_vqs(vdev, queues, vqs, callbacks, names, desc);
#endif
}

static int pf_user_probe(struct virtio_device *vdev)
{
	int ret = -EBUSY;

	mutex_lock(&lock);
	if (device)
		goto unlock;

	ret = -EINVAL;
	if (!queues || queues > PF_USER_QUEUES)
		goto unlock;

	memset(vqs, 0, sizeof(vqs));
	ret = find_queues(vdev);
	if (ret)
		goto unlock;

	virtio_device_ready(vdev);
	device = vdev;
unlock:
	mutex_unlock(&lock);
	return ret;
}

static void let_go(struct virtio_device *vdev)
{
	unsigned int i;

	mutex_lock(&lock);
	device = NULL;
	virtio_reset_device(vdev);
	/* The admin virtqueue is a queue of the device, but none of this driver. */
	for (i = 0; i < PF_USER_QUEUES; i++) {
		if (vqs[i])
			virtqueue_detach_unused_buf(vqs[i]);
	}
	vdev->config->del_vqs(vdev);
	mutex_unlock(&lock);
}

static void pf_user_remove(struct virtio_device *vdev)
{
	while (READ_ONCE(stubborn) && !virtqueue_is_broken(vqs[0]))
		msleep(20);

	let_go(vdev);
}

static int pf_user_freeze(struct virtio_device *vdev)
{
	let_go(vdev);
	return 0;
}

static int send(struct virtqueue *vq)
{
	unsigned long end = jiffies + msecs_to_jiffies(ANSWER_MS);
	struct scatterlist sg;
	unsigned int len;
	int ret;

	reinit_completion(&answered);
	sg_init_one(&sg, packet, PACKET_LEN);
	ret = virtqueue_add_outbuf(vq, &sg, 1, packet, GFP_KERNEL);
	if (ret)
		return ret;
	if (!virtqueue_kick(vq))
		return -EIO;

	if (vq->callback && !wait_for_completion_timeout(&answered, end - jiffies))
		return -ETIMEDOUT;
	while (!virtqueue_get_buf(vq, &len)) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		msleep(20);
	}
	return virtqueue_enable_cb(vq) ? 0 : -EIO;
}

static u32 affinity_of(int queue)
{
	const struct cpumask *mask =
		device->config->get_vq_affinity(device, queue);

	return mask ? *cpumask_bits(mask) : 0;
}

static int set_affinity(struct virtqueue *vq, u32 cpus)
{
	struct cpumask mask = {};

	*cpumask_bits(&mask) = cpus;
	return device->config->set_vq_affinity(vq, cpus ? &mask : NULL);
}

static int with_queue(struct pf_user_call *call, unsigned int request)
{
	struct virtqueue *vq = call->queue < PF_USER_QUEUES ? vqs[call->queue] :
							      NULL;

	if (request == PF_USER_QUEUE) {
		call->index = vq ? vq->index : 0;
		call->size = vq ? virtqueue_get_vring_size(vq) : 0;
		call->cpus = affinity_of(vq ? vq->index : call->queue);
		return 0;
	}
	if (!vq)
		return -ENOENT;

	switch (request) {
	case PF_USER_SET_AFFINITY:
		return set_affinity(vq, call->cpus);
	case PF_USER_DISABLE:
		return device->config->disable_vq_and_reset(vq);
	case PF_USER_ENABLE:
		return device->config->enable_vq_after_reset(vq);
	case PF_USER_SEND:
		return send(vq);
	default:
		return -ENOTTY;
	}
}

static int with_device(struct pf_user_call *call, unsigned int request)
{
	if (!device)
		return -ENODEV;
	if (call->len > PF_USER_FIELD)
		return -EINVAL;

	switch (request) {
	case PF_USER_GET:
		device->config->get(device, call->offset, call->field, call->len);
		return 0;
	case PF_USER_SET:
		device->config->set(device, call->offset, call->field, call->len);
		return 0;
	default:
		return with_queue(call, request);
	}
}

static long pf_user_ioctl(struct file *file, unsigned int request,
			  unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct pf_user_call call;
	int ret;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;

	mutex_lock(&lock);
	ret = with_device(&call, request);
	mutex_unlock(&lock);
	if (ret)
		return ret;

	return copy_to_user(user, &call, sizeof(call)) ? -EFAULT : 0;
}

static const struct file_operations pf_user_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = pf_user_ioctl,
};

static struct miscdevice pf_user_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtio_pf_user",
	.mode = 0600,
	.fops = &pf_user_fops,
};

static const struct virtio_device_id pf_user_ids[] = {
	{ VIRTIO_ID_NET, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static const unsigned int pf_user_features[] = {
	VIRTIO_NET_F_MAC, VIRTIO_NET_F_MTU, VIRTIO_NET_F_MQ,
	VIRTIO_NET_F_CTRL_VQ,
};

static struct virtio_driver pf_user_driver = {
	.feature_table = pf_user_features,
	.feature_table_size = ARRAY_SIZE(pf_user_features),
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.id_table = pf_user_ids,
	.probe = pf_user_probe,
	.remove = pf_user_remove,
	.freeze = pf_user_freeze,
	/* With the same wishes it asks for the same. */
	.restore = pf_user_probe,
};

static int __init pf_user_init(void)
{
	int ret;

	packet = kzalloc(PACKET_LEN, GFP_KERNEL);
	if (!packet)
		return -ENOMEM;
	ret = misc_register(&pf_user_device);
	if (ret)
		goto free;
	ret = register_virtio_driver(&pf_user_driver);
	if (ret)
		goto deregister;

	return 0;

deregister:
	misc_deregister(&pf_user_device);
free:
	kfree(packet);
	return ret;
}
module_init(pf_user_init);

static void __exit pf_user_exit(void)
{
	unregister_virtio_driver(&pf_user_driver);
	misc_deregister(&pf_user_device);
	kfree(packet);
}
module_exit(pf_user_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A PF's virtio device for the tests of virtio_pci_owner");
