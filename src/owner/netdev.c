// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's network interface while the PF is reset.
 *
 * virtio_net can be frozen for a suspend, when no process runs. A reset comes
 * while they do, and an interface that is set down between being frozen and
 * being restored waits for ever, with the RTNL held. So it is put out of
 * reach first: absent, and down, although nobody is told.
 */
#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "pf.h"

static int park(struct device *dev, void *opaque)
{
	struct virtio_owner *owner = opaque;
	struct net_device *netdev;

	if (!dev->class || strcmp(dev->class->name, "net"))
		return 0;

	netdev = to_net_dev(dev);
	netif_device_detach(netdev);
	if (!netif_running(netdev))
		return 0;

	clear_bit(__LINK_STATE_START, &netdev->state);
	netdev->netdev_ops->ndo_stop(netdev);
	netdev->flags &= ~IFF_UP;
	dev_hold(netdev);
	owner->parked = netdev;
	return 1;
}

/**
 * virtio_owner_park_netdev - put the network interface out of reach
 * @owner: the PF, with its virtio device locked until it is unparked
 */
void virtio_owner_park_netdev(struct virtio_owner *owner)
{
	rtnl_lock();
	device_for_each_child(&owner->vdev.dev, owner, park);
	rtnl_unlock();
}

/**
 * virtio_owner_unpark_netdev - undo virtio_owner_park_netdev()
 * @owner: the PF; its virtio device is restored
 */
void virtio_owner_unpark_netdev(struct virtio_owner *owner)
{
	struct net_device *netdev = owner->parked;

	if (!netdev)
		return;

	rtnl_lock();
	/* Set up by someone else already, it has all that is needed. */
	if (!(netdev->flags & IFF_UP)) {
		set_bit(__LINK_STATE_START, &netdev->state);
		if (netdev->netdev_ops->ndo_open(netdev)) {
			clear_bit(__LINK_STATE_START, &netdev->state);
		} else {
			netdev->flags |= IFF_UP;
			netif_tx_wake_all_queues(netdev);
		}
	}
	rtnl_unlock();

	owner->parked = NULL;
	dev_put(netdev);
}
