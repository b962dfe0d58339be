// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFs while their PF is reset.
 *
 * A PF's function level reset takes its VFs with it. The PCI core saves and
 * restores the PF's configuration only, and tells only the PF's driver.
 */
#include <linux/delay.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>

#include "pf.h"

#define POLL_MS		10
#define LOCK_MS		1000
#define APPEAR_MS	1000

/**
 * virtio_owner_next_vf - walk over the VFs of a PF
 * @pf: the PF
 * @vf: the VF to go on from, whose reference is put; NULL to begin
 *
 * Return: a VF with a reference, NULL after the last.
 */
struct pci_dev *virtio_owner_next_vf(struct pci_dev *pf, struct pci_dev *vf)
{
	while ((vf = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, vf))) {
		if (vf->is_virtfn && pci_physfn(vf) == pf)
			break;
	}

	return vf;
}

static const struct pci_error_handlers *handlers(struct pci_dev *vf)
{
	struct pci_driver *driver = to_pci_driver(vf->dev.driver);

	return vf->dev.driver ? driver->err_handler : NULL;
}

/*
 * Who holds the lock of a VF is about to remove it, waits for its user to let
 * go, or resets the whole bus, VFs included; none of that ends by waiting.
 */
static bool lock_vf(struct pci_dev *vf, unsigned long deadline)
{
	while (!pci_dev_trylock(vf)) {
		if (time_after(jiffies, deadline))
			return false;
		msleep(POLL_MS);
	}

	return true;
}

static void quiesce(struct pci_dev *vf)
{
	const struct pci_error_handlers *err = handlers(vf);

	/* Configuration comes back in D0. */
	pm_runtime_get_sync(&vf->dev);
	if (err && err->reset_prepare)
		err->reset_prepare(vf);

	pci_save_state(vf);
	pci_write_config_word(vf, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	pci_wait_for_pending_transaction(vf);
}

static void resume(struct pci_dev *vf, unsigned long deadline)
{
	const struct pci_error_handlers *err = handlers(vf);
	u32 command;

	for (;;) {
		pci_read_config_dword(vf, PCI_COMMAND, &command);
		if (!PCI_POSSIBLE_ERROR(command) ||
		    time_after(jiffies, deadline))
			break;
		msleep(POLL_MS);
	}

	pci_restore_state(vf);
	if (err && err->reset_done)
		err->reset_done(vf);
	pm_runtime_put(&vf->dev);
}

/**
 * virtio_owner_quiesce_init - have room for all VFs that the PF may have
 * @owner: the PF
 *
 * A reset can't be refused, so it can't wait for memory either.
 *
 * Return: 0 or -ENOMEM.
 */
int virtio_owner_quiesce_init(struct virtio_owner *owner)
{
	owner->quiesced = kcalloc(pci_sriov_get_totalvfs(owner->pdev),
				  sizeof(*owner->quiesced), GFP_KERNEL);
	return owner->quiesced ? 0 : -ENOMEM;
}

/**
 * virtio_owner_quiesce_exit - undo virtio_owner_quiesce_init()
 * @owner: the PF
 */
void virtio_owner_quiesce_exit(struct virtio_owner *owner)
{
	kfree(owner->quiesced);
}

/**
 * virtio_owner_quiesce_vfs - stop all VFs before the PF is reset
 * @owner: the PF, its device locked
 *
 * Their drivers are told, their bus mastering is switched off, and they stay
 * locked until virtio_owner_resume_vfs(). Waits for at most LOCK_MS for
 * locks in all, and leaves out the VFs whose lock it doesn't get.
 */
void virtio_owner_quiesce_vfs(struct virtio_owner *owner)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(LOCK_MS);
	int nvfs = pci_num_vf(owner->pdev);
	struct pci_dev *vf = NULL;

	if (owner->nquiesced)
		return;

	while ((vf = virtio_owner_next_vf(owner->pdev, vf))) {
		if (owner->nquiesced == nvfs || !lock_vf(vf, deadline))
			continue;
		quiesce(vf);
		owner->quiesced[owner->nquiesced++] = pci_dev_get(vf);
	}
}

/**
 * virtio_owner_resume_vfs - undo virtio_owner_quiesce_vfs()
 * @owner: the PF, its device locked, its configuration restored
 *
 * Waits for at most APPEAR_MS for the VFs to come back.
 */
void virtio_owner_resume_vfs(struct virtio_owner *owner)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(APPEAR_MS);
	unsigned int i;

	for (i = 0; i < owner->nquiesced; i++) {
		struct pci_dev *vf = owner->quiesced[i];

		resume(vf, deadline);
		pci_dev_unlock(vf);
		pci_dev_put(vf);
	}

	owner->nquiesced = 0;
}
