// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_pci_owner: drives the PF of a virtio card as the kernel's virtio_pci
 * does, with an admin virtqueue whose commands are all there and whose waits
 * end.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "pf.h"

/* What a virtio driver gets to let go of the device, or to take it up again. */
#define GIVE_UP_MS	10000

static void virtio_owner_release(struct device *dev)
{
	struct virtio_device *vdev = container_of(dev, struct virtio_device,
						  dev);

	kfree(to_virtio_owner(vdev));
}

/*
 * Drivers of virtio devices poll their control queue for ever, some with a
 * lock held that others need; on a broken queue they stop.
 */
static void give_up(struct work_struct *work)
{
	struct virtio_owner *owner = container_of(to_delayed_work(work),
						  struct virtio_owner, give_up);

	dev_err(&owner->pdev->dev, "virtio device given up: no answer\n");
	virtio_break_device(&owner->vdev);
}

static void begin_wait(struct virtio_owner *owner)
{
	schedule_delayed_work(&owner->give_up, msecs_to_jiffies(GIVE_UP_MS));
}

static void end_wait(struct virtio_owner *owner)
{
	cancel_delayed_work_sync(&owner->give_up);
}

static int virtio_owner_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	struct virtio_owner *owner;
	int ret;

	/* An ID from new_id would take every virtio device there is. */
	if (id->vendor != (u32)PCI_ANY_ID || pdev->is_virtfn ||
	    pdev->vendor != PCI_VENDOR_ID_REDHAT_QUMRANET)
		return -ENODEV;

	owner = kzalloc(sizeof(*owner), GFP_KERNEL);
	if (!owner)
		return -ENOMEM;

	/*
	 * Who unloads virtio_vfio_pci by modprobe -r, has what it uses unloaded,
	 * too. That must not take the PF and its network.
	 */
	ret = -ENODEV;
	if (!try_module_get(THIS_MODULE))
		goto free;

	owner->pdev = pdev;
	owner->vdev.dev.parent = &pdev->dev;
	owner->vdev.dev.release = virtio_owner_release;
	INIT_DELAYED_WORK(&owner->give_up, give_up);
	pci_set_drvdata(pdev, owner);

	ret = pci_enable_device(pdev);
	if (ret)
		goto put_module;

	ret = virtio_owner_transport_init(owner);
	if (ret)
		goto disable;

	ret = virtio_owner_avq_init(owner);
	if (ret)
		goto exit_transport;

	ret = virtio_owner_quiesce_init(owner);
	if (ret)
		goto exit_avq;

	pci_set_master(pdev);
	ret = register_virtio_device(&owner->vdev);
	if (ret)
		goto unregister;

	/* What slot_reset restores. */
	pci_save_state(pdev);
	return 0;

unregister:
	virtio_owner_quiesce_exit(owner);
	virtio_owner_avq_exit(owner);
	virtio_owner_transport_exit(owner);
	pci_disable_device(pdev);
	put_device(&owner->vdev.dev);
	module_put(THIS_MODULE);
	return ret;

exit_avq:
	virtio_owner_avq_exit(owner);
exit_transport:
	virtio_owner_transport_exit(owner);
disable:
	pci_disable_device(pdev);
put_module:
	module_put(THIS_MODULE);
free:
	kfree(owner);
	return ret;
}

static int virtio_owner_freeze(struct virtio_owner *owner)
{
	int ret;

	if (owner->frozen)
		return 0;

	virtio_owner_break_if_dead(owner);
	begin_wait(owner);
	ret = virtio_device_freeze(&owner->vdev);
	end_wait(owner);
	if (ret)
		return ret;

	/* A device without a driver has no one else to do this. */
	virtio_owner_avq_stop(owner);
	owner->frozen = true;
	return 0;
}

/*
 * A driver that was frozen can't be removed, at least virtio_net, until it was
 * restored. If the device doesn't let it, it is restored to no device.
 */
static int virtio_owner_thaw(struct virtio_owner *owner)
{
	struct virtio_device *vdev = &owner->vdev;
	int ret;

	if (!owner->frozen)
		return 0;

	owner->frozen = false;
	owner->ghost = false;
	begin_wait(owner);
	ret = virtio_device_restore(vdev);
	if (ret) {
		virtio_reset_device(vdev);
		virtio_owner_del_vqs(vdev);
		owner->ghost = true;
		virtio_device_restore(vdev);
		virtio_config_changed(vdev);
	}
	end_wait(owner);

	return ret;
}

/* Removing VFs waits until their users have closed them. */
static void virtio_owner_remove(struct pci_dev *pdev)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);

	if (!pci_device_is_present(pdev))
		owner->wedged = true;
	virtio_owner_check(owner);
	pci_disable_sriov(pdev);

	get_device(&owner->vdev.dev);
	/* Pulled, or given up by the PCI core, while it was frozen. */
	if (owner->frozen && !pci_enable_device(pdev))
		pci_set_master(pdev);
	virtio_owner_thaw(owner);
	virtio_owner_break_if_dead(owner);
	begin_wait(owner);
	unregister_virtio_device(&owner->vdev);
	end_wait(owner);

	virtio_owner_quiesce_exit(owner);
	virtio_owner_avq_exit(owner);
	virtio_owner_transport_exit(owner);
	if (pci_is_enabled(pdev))
		pci_disable_device(pdev);
	put_device(&owner->vdev.dev);
	module_put(THIS_MODULE);
}

static void virtio_owner_shutdown(struct pci_dev *pdev)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);

	virtio_break_device(&owner->vdev);
	virtio_synchronize_cbs(&owner->vdev);
	virtio_reset_device(&owner->vdev);
}

/* VFs need their PF's admin virtqueue, so it sleeps last and wakes first. */
static void link_vfs(struct pci_dev *pdev)
{
	struct pci_dev *vf = NULL;

	while ((vf = virtio_owner_next_vf(pdev, vf)))
		device_link_add(&vf->dev, &pdev->dev, DL_FLAG_STATELESS);
}

static int virtio_owner_sriov_configure(struct pci_dev *pdev, int num_vfs)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);
	struct virtio_device *vdev = &owner->vdev;
	int ret;

	if (pci_vfs_assigned(pdev))
		return -EPERM;

	if (!num_vfs) {
		pci_disable_sriov(pdev);
		return 0;
	}

	if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return -EBUSY;
	if (!__virtio_test_bit(vdev, VIRTIO_F_SR_IOV))
		return -EINVAL;

	ret = pci_enable_sriov(pdev, num_vfs);
	if (ret)
		return ret;

	link_vfs(pdev);
	return num_vfs;
}

static int virtio_owner_suspend(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	int ret;

	ret = virtio_owner_freeze(pci_get_drvdata(pdev));
	if (!ret)
		pci_disable_device(pdev);

	return ret;
}

static int virtio_owner_resume(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	int ret;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;

	pci_set_master(pdev);
	return virtio_owner_thaw(pci_get_drvdata(pdev));
}

static DEFINE_SIMPLE_DEV_PM_OPS(virtio_owner_pm_ops, virtio_owner_suspend,
				virtio_owner_resume);

/*
 * Drivers of virtio devices are frozen for a suspend, when no process runs. A
 * reset of the PF comes while they do, so its virtio device loses the driver
 * meanwhile, as if it were unbound and bound again. Its VFs stay.
 */
static void virtio_owner_let_go(struct virtio_owner *owner)
{
	virtio_owner_break_if_dead(owner);
	owner->let_go |= !!owner->vdev.dev.driver;
	begin_wait(owner);
	device_release_driver(&owner->vdev.dev);
	end_wait(owner);
}

static void virtio_owner_take_up(struct virtio_owner *owner)
{
	struct virtio_device *vdev = &owner->vdev;
	int ret;

	/*
	 * Also one that was stuck before; the virtio core resets none it knows. One
	 * that has its driver is as it was.
	 */
	device_lock(&vdev->dev);
	if (vdev->dev.driver) {
		owner->let_go = false;
	} else {
		virtio_reset_device(vdev);
		virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	}
	device_unlock(&vdev->dev);

	/* Who has unbound it before wants it to stay so. */
	if (!owner->let_go)
		return;

	begin_wait(owner);
	ret = device_attach(&vdev->dev);
	end_wait(owner);

	/* 0 means that none would have it; the next reset is another chance. */
	owner->let_go = ret <= 0;
	if (ret <= 0)
		dev_err(&owner->pdev->dev, "no driver after a reset: %d\n", ret);
}

static void virtio_owner_reset_prepare(struct pci_dev *pdev)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);

	virtio_owner_quiesce_vfs(owner);
	virtio_owner_let_go(owner);
}

static void virtio_owner_reset_done(struct pci_dev *pdev)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);

	virtio_owner_take_up(owner);
	virtio_owner_resume_vfs(owner);
}

/* The PCI core tells the drivers of the VFs by itself. */
static pci_ers_result_t virtio_owner_error_detected(struct pci_dev *pdev,
						    pci_channel_state_t state)
{
	struct virtio_owner *owner = pci_get_drvdata(pdev);

	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		virtio_owner_let_go(owner);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		virtio_owner_break_if_dead(owner);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t virtio_owner_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return pci_device_is_present(pdev) ? PCI_ERS_RESULT_RECOVERED :
					     PCI_ERS_RESULT_DISCONNECT;
}

static void virtio_owner_error_resume(struct pci_dev *pdev)
{
	virtio_owner_take_up(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers virtio_owner_err_handlers = {
	.error_detected = virtio_owner_error_detected,
	.slot_reset = virtio_owner_slot_reset,
	.resume = virtio_owner_error_resume,
	.reset_prepare = virtio_owner_reset_prepare,
	.reset_done = virtio_owner_reset_done,
};

/* No ID table: a PF is bound by driver_override only. */
struct pci_driver virtio_owner_driver = {
	.name = KBUILD_MODNAME,
	.probe = virtio_owner_probe,
	.remove = virtio_owner_remove,
	.shutdown = virtio_owner_shutdown,
	.sriov_configure = virtio_owner_sriov_configure,
	.err_handler = &virtio_owner_err_handlers,
	.driver.pm = pm_sleep_ptr(&virtio_owner_pm_ops),
};
module_pci_driver(virtio_owner_driver);

MODULE_DESCRIPTION("Owner device driver for virtio SR-IOV physical functions");
MODULE_AUTHOR("virtio-vfio maintainers");
MODULE_VERSION(VIRTIO_VFIO_VERSION);
MODULE_LICENSE("GPL");
