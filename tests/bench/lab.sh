#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lab.sh - in the lab host: the accesses of accesses.c on one VF, under vfio-pci,
# upstream's driver and ours, in turn; lines of TARGET NAME VALUE
#
# TARGET is vfio, upstream, ours-kernel (virtio_pci drives the PF) or ours-owner
# (virtio_pci_owner does).

set -eu
cd "$(dirname "$(realpath "$0")")"
read -ra vfs <<<"$VFS"
export VFIO_BDF=${vfs[0]} TARGET
devices=/sys/bus/pci/devices
ours=virtio_vfio_pci
upstream=/usr/lib/virtio-vfio-lab/upstream/virtio-vfio-pci.ko

# bind DRIVER - or none
bind()
{
	local vf=$devices/$VFIO_BDF

	[[ ! -e $vf/driver ]] || echo "$VFIO_BDF" >"$vf/driver/unbind"
	echo "$1" >"$vf/driver_override"
	[[ ! $1 ]] || echo "$VFIO_BDF" >/sys/bus/pci/drivers_probe
}

measure()
{
	local driver=$ours

	case $1 in
	vfio) driver=vfio-pci; modprobe $driver ;;
	upstream) insmod "$upstream" ;;
	ours-*)
		modprobe $ours
		PF_NETDEV=$(pf-driver "${1#ours-}")
		echo ${#vfs[@]} >"$devices/$PF/sriov_numvfs"
		ip link set "$PF_NETDEV" up
		;;
	esac
	bind $driver
	[[ $1 != ours-* ]] || echo 1 >"$devices/$VFIO_BDF/virtio_vfio/transitional"

	TARGET=${1%%-*}
	./accesses | sed "s/^/$1 /"
	echo "$1 module-size $(<"/sys/module/${driver//-/_}/coresize")"
	bind ""
	[[ $1 != upstream ]] || rmmod $ours
}

ip link set "$PF_NETDEV" up
for target in vfio upstream ours-kernel ours-owner; do
	measure $target
done
