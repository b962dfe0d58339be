#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lab.sh VFS - in the lab host: the accesses of accesses.c on one VF, and scale.c
# with up to VFS of them, if any, under vfio-pci, upstream's driver and ours, in
# turn; lines of TARGET NAME VALUE
#
# TARGET is vfio, upstream, ours-kernel (virtio_pci drives the PF) or ours-owner
# (virtio_pci_owner does).

set -euo pipefail
cd "$(dirname "$(realpath "$0")")"
export VFIO_BDF TARGET DRIVER
pf=/sys/bus/pci/devices/$PF
ours=virtio_vfio_pci
upstream=/usr/lib/virtio-vfio-lab/upstream/virtio-vfio-pci.ko

vfs=$1 sizes=(1 16 64)
((vfs < 240)) || sizes+=(240)

# module_size FILE... - all their text, data and bss, in bytes
module_size()
{
	local file unpacked

	unpacked=$(mktemp -d)
	for file; do
		case $file in
		*.xz) xz -dc "$file" >"$unpacked/$(basename "$file" .xz)" ;;
		*) cp "$file" "$unpacked" ;;
		esac
	done
	size "$unpacked"/*.ko | awk 'NR > 1 { text += $1; data += $2; bss += $3 }
		END { print "module-text", text; print "module-data", data
			print "module-bss", bss }'
	rm -r "$unpacked"
}

one_vf()
{
	echo 1 >"$pf/sriov_numvfs"
	VFIO_BDF=$(basename "$(readlink "$pf/virtfn0")")
	./accesses
	echo 0 >"$pf/sriov_numvfs"
}

measure()
{
	local files

	DRIVER=$ours
	case $1 in
	vfio)
		DRIVER=vfio-pci
		modprobe $DRIVER
		files=$(modinfo -n $DRIVER)
		;;
	upstream)
		insmod "$upstream"
		files=$upstream
		;;
	ours-*)
		modprobe $ours
		files=$(modinfo -n $ours)
		[[ $1 != *-owner ]] || files+=" $(modinfo -n virtio_pci_owner)"
		PF_NETDEV=$(pf-driver "${1#ours-}")
		ip link set "$PF_NETDEV" up
		;;
	esac

	TARGET=${1%%-*}
	{
		one_vf
		((vfs == 0)) || ./scale vfs "${sizes[@]}"
		((vfs == 0)) || ./scale memory 64
		((vfs == 0)) || [[ $1 == vfio ]] || ./scale configure 1 8 32
		# shellcheck disable=SC2086 # one or two
		module_size $files
	} | sed -u "s/^/$1 /"
	[[ $1 != upstream ]] || rmmod $ours
}

# Who looks at new devices is no part of what they cost.
udevadm settle --timeout=60
udevadm control --exit
echo 0 >"$pf/sriov_drivers_autoprobe"
ip link set "$PF_NETDEV" up
echo "kernel $(uname -r)"
for target in vfio upstream ours-kernel ours-owner; do
	measure $target
done
