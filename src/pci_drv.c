// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_vfio_pci: a VFIO variant driver for virtio SR-IOV virtual functions.
 *
 * It shows a VF that has no legacy interface of its own as a transitional
 * device, by way of the owner device's admin virtqueue.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

#include "admin.h"
#include "sysfs.h"
#include "vfio_dev.h"
#include "virtio_vfio.h"

static bool transitional;
module_param(transitional, bool, 0644);
MODULE_PARM_DESC(transitional,
		 "Show newly bound VFs as transitional where the PF can do it (default off)");

/*
 * Legacy rings and configuration are in the guest's byte order and ordered
 * strongly, which only the same little-endian x86 on both sides can promise.
 * Return: why the function can't be transitional, NULL if it can; ERR_PTR if
 * there was no way to find out, which says nothing about the PF.
 */
static const char *transitional_refusal(struct virtio_vfio_device *vf)
{
	struct pci_dev *pdev = vf->core.pdev;

	if (!IS_ENABLED(CONFIG_X86))
		return "legacy devices need a little-endian x86 host";
	if (!vf->type)
		return "not a VF of a virtio type with a transitional form";
	if (pci_resource_flags(pdev, 0))
		return "it has a BAR0 of its own";

	switch (virtio_vfio_admin_probe(&vf->registers)) {
	case 0:
		return NULL;
	case -ENOMEM:
		return ERR_PTR(-ENOMEM);
	case -EINTR:
		return ERR_PTR(-EINTR);
	default:
		return "its PF serves no legacy admin commands";
	}
}

/* As vfio-pci has it: BARs can be exported as dma-bufs. */
static const struct vfio_pci_device_ops virtio_vfio_device_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};

static int virtio_vfio_probe(struct pci_dev *pdev,
			     const struct pci_device_id *id)
{
	struct virtio_vfio_device *vf;
	int ret;

	vf = vfio_alloc_device(virtio_vfio_device, core.vdev, &pdev->dev,
			       &virtio_vfio_ops);
	if (IS_ERR(vf))
		return PTR_ERR(vf);

	vf->refusal = transitional_refusal(vf);
	if (IS_ERR(vf->refusal)) {
		ret = PTR_ERR(vf->refusal);
		goto put_device;
	}
	vf->transitional = transitional && !vf->refusal;

	compat_vfio_pci_set_device_ops(&vf->core, &virtio_vfio_device_ops);
	dev_set_drvdata(&pdev->dev, &vf->core);
	ret = vfio_pci_core_register_device(&vf->core);
	if (ret)
		goto put_device;

	return 0;

put_device:
	vfio_put_device(&vf->core.vdev);
	return ret;
}

static void virtio_vfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static void virtio_vfio_reset_prepare(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct virtio_vfio_device *vf = to_virtio_vfio(&core->vdev);

	if (vf->transitional)
		virtio_vfio_notify_block(vf, VIRTIO_VFIO_NOTIFY_RESET);
}

static void virtio_vfio_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct virtio_vfio_device *vf = to_virtio_vfio(&core->vdev);

	if (!vf->type)
		return;

	virtio_vfio_config_reset(vf);
	if (vf->transitional)
		virtio_vfio_reset_finish(vf);
	virtio_vfio_bar0_reset(vf);
	virtio_vfio_notify_unblock(vf, VIRTIO_VFIO_NOTIFY_RESET);
}

static const struct pci_error_handlers virtio_vfio_err_handlers = {
	.reset_prepare = virtio_vfio_reset_prepare,
	.reset_done = virtio_vfio_reset_done,
	.error_detected = vfio_pci_core_aer_err_detected,
};

/*
 * No ID table: the driver is bound by driver_override or new_id, and no alias
 * in modules.alias makes libvirt prefer it to vfio-pci.
 */
static struct pci_driver virtio_vfio_driver = {
	.name = KBUILD_MODNAME,
	.probe = virtio_vfio_probe,
	.remove = virtio_vfio_remove,
	.dev_groups = virtio_vfio_groups,
	.err_handler = &virtio_vfio_err_handlers,
	.driver_managed_dma = true,
};

static int __init virtio_vfio_module_init(void)
{
	int ret;

	ret = virtio_vfio_admin_start();
	if (ret)
		return ret;

	ret = pci_register_driver(&virtio_vfio_driver);
	if (ret)
		virtio_vfio_admin_stop();

	return ret;
}
module_init(virtio_vfio_module_init);

static void __exit virtio_vfio_module_exit(void)
{
	pci_unregister_driver(&virtio_vfio_driver);
	virtio_vfio_admin_stop();
}
module_exit(virtio_vfio_module_exit);

MODULE_DESCRIPTION("VFIO variant driver for virtio SR-IOV virtual functions");
MODULE_AUTHOR("virtio-vfio maintainers");
MODULE_VERSION(VIRTIO_VFIO_VERSION);
MODULE_LICENSE("GPL");
