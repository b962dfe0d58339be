// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets that take their time. Until Device Status reads 0 the device may use
 * its rings, whose memory a legacy driver gives away as soon as its write has
 * returned.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/virtio_pci.h>

#include "reset.h"
#include "virtio_vfio.h"

static uint legacy_reset_timeout = 2000;
module_param(legacy_reset_timeout, uint, 0644);
MODULE_PARM_DESC(legacy_reset_timeout,
		 "How long a reset by a legacy driver may take before it is told that it is done, in ms (default 2000, 0: no look)");

/* From one look at the device to the next: from, doubled, up to. */
#define FIRST_US	1000U
#define LAST_US		20000U

static int access_status(struct virtio_vfio_device *vf, u16 opcode, u8 *status,
			 bool bounded)
{
	return virtio_vfio_admin_access_locked(&vf->registers, opcode,
					       VIRTIO_PCI_STATUS, status,
					       sizeof(*status), bounded);
}

static void count_timeout(struct virtio_vfio_device *vf, unsigned int timeout)
{
	atomic_inc(&vf->reset.timeouts);
	if (virtio_vfio_log_ok(&vf->log))
		pci_warn(vf->core.pdev, "not reset after %u ms\n", timeout);
}

/*
 * A device that is busy with its reset may also say so by its answer. The last
 * look comes after the time is up.
 */
static int wait_until_reset(struct virtio_vfio_device *vf, unsigned int timeout,
			    bool bounded)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout);
	unsigned int us = FIRST_US;
	bool last = !timeout;
	u8 status;
	int ret;

	while (!last) {
		last = time_after(jiffies, end);
		ret = access_status(vf, VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ,
				    &status, bounded);
		if (ret ? ret != -EAGAIN && ret != -ENOMEM : !status)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;

		if (!last)
			usleep_range(us, us + us / 4);
		us = min(us * 2, LAST_US);
	}

	if (timeout)
		count_timeout(vf, timeout);
	return 0;
}

/* Caller has taken the path. */
static int reset_and_wait(struct virtio_vfio_device *vf, unsigned int timeout,
			  bool bounded)
{
	u8 status = 0;
	int ret;

	ret = access_status(vf, VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_WRITE,
			    &status, bounded);
	return ret ?: wait_until_reset(vf, timeout, bounded);
}

int virtio_vfio_reset_device(struct virtio_vfio_device *vf)
{
	unsigned int timeout = READ_ONCE(legacy_reset_timeout);
	int ret;

	ret = virtio_vfio_admin_lock(&vf->registers);
	if (ret)
		return ret;

	ret = reset_and_wait(vf, timeout, false);
	if (ret)
		virtio_vfio_admin_log(vf, &vf->registers, ret);

	virtio_vfio_admin_unlock(&vf->registers);
	return ret;
}

/* An access that the device doesn't answer must not hold up a function's reset. */
static int lock_in_time(struct virtio_vfio_device *vf, unsigned int timeout)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout);
	int ret;

	for (;;) {
		ret = virtio_vfio_admin_trylock(&vf->registers);
		if (ret != -EBUSY || time_after(jiffies, end))
			return ret;
		usleep_range(FIRST_US, 2 * FIRST_US);
	}
}

void virtio_vfio_reset_finish(struct virtio_vfio_device *vf)
{
	unsigned int timeout = READ_ONCE(legacy_reset_timeout);
	u8 status = 0;
	int ret;

	if (!timeout)
		return;

	ret = lock_in_time(vf, timeout);
	if (ret == -EBUSY)
		count_timeout(vf, timeout);
	if (ret)
		return;

	ret = access_status(vf, VIRTIO_ADMIN_CMD_LEGACY_COMMON_CFG_READ,
			    &status, true);
	if (!ret && status)
		ret = reset_and_wait(vf, timeout, true);
	/* Without the PF's driver there is nobody to ask. */
	if (ret && ret != -ENODEV)
		virtio_vfio_admin_log(vf, &vf->registers, ret);

	virtio_vfio_admin_unlock(&vf->registers);
}
