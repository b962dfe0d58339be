#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The steps of the demo inside the lab host, each with the commands that a user
# would type and what they say.

set -euo pipefail

# shellcheck source=tests/lab/guest/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"

host_ip=192.0.2.1
guest_ip=192.0.2.11
size=100

steps=0
step()
{
	echo
	echo "== $((++steps)). $*"
}

# show COMMAND... - as typed, then run it
show()
{
	echo "\$ $*"
	eval "$*"
}

# in_guest COMMAND - the same for the guest
in_guest()
{
	echo "guest# $1"
	guest_exec demo "$1"
}

# waiting COMMAND... - a dot a second while it runs; leaves its output in `said`
waiting()
{
	local dots status=0

	while sleep 1; do printf .; done &
	dots=$!
	said=$("$@" 2>&1) || status=$?
	kill "$dots"
	wait "$dots" 2>/dev/null || :
	echo
	((status == 0)) || echo "$said"
	return "$status"
}

ended()
{
	local status=$?

	((status == 0)) || {
		echo
		echo "== The demo failed in step $steps."
	}
	guest_kill demo
}
trap ended EXIT

read -r vf _ <<<"$VFS"
sys=$PCI_DEVICES/$vf

step "The package is installed; DKMS has built the module for this kernel"
show uname -r
show "dpkg-query -W 'virtio-vfio-*'"
show "dkms status 2>/dev/null"
show modinfo -F version virtio_vfio_pci
show modinfo -F filename virtio_vfio_pci

step "The card: a physical function with its VFs"
show lspci -nn -s "${PF%.*}"
show cat "$PCI_DEVICES/$PF/sriov_numvfs"

step "A VF is bound to virtio_vfio_pci and made transitional"
show modprobe virtio_vfio_pci
show "echo virtio_vfio_pci >$sys/driver_override"
show "echo $vf >/sys/bus/pci/drivers_probe"
show cat "$sys/virtio_vfio/legacy_supported"
show "echo 1 >$sys/virtio_vfio/transitional"
show "grep . $sys/virtio_vfio/*"

step "A guest gets the VF; its kernel is told to use the legacy interface"
echo "\$ qemu-system-x86_64 -accel kvm ... -device vfio-pci,host=$vf \\"
echo "      -append '... virtio_pci.force_legacy=1'"
printf "the guest boots "
guest_start demo legacy "$vf"
waiting guest_ready demo

step "What the guest sees: a transitional device, driven as a legacy one"
in_guest "lspci -n -s 00:02.0"
in_guest "lspci -vv -s 00:02.0 2>/dev/null | grep -E 'Region 0|MSI-X|driver'"
echo "guest# feature bit 32 (VERSION_1): $(guest_exec demo \
	"cut -c 33 /sys/bus/virtio/devices/virtio0/features")"
show cat "$sys/virtio_vfio/legacy_active"

step "Ping over the card, from the guest to the PF's interface $PF_NETDEV"
show "ip addr add $host_ip/24 dev $PF_NETDEV"
show "ip link set $PF_NETDEV up"
guest_exec demo "netup $guest_ip/24 >/dev/null"
in_guest "ping -c 3 $host_ip"

step "A transfer of $size MB, with checksums"
files=$(mktemp -d)
head -c "${size}M" /dev/urandom >"$files/data"
sum=$(sha256sum <"$files/data" | cut -d' ' -f1)
net_serve "$files" "$host_ip" 80
printf "the guest downloads "
begin=$SECONDS
waiting guest_get demo "http://$host_ip/data" /tmp/data
echo "$size MB in $((SECONDS - begin)) s"
echo "sent:     $sum"
echo "received: $said"
[[ $said == "$sum" ]]

step "The guest powers off; the VF is free again"
guest_stop demo
show cat "$sys/virtio_vfio/legacy_active"
show "echo $vf >$sys/driver/unbind"
kill "$NET_SERVER"

echo
echo "== Done: a legacy guest sent traffic over a VF of a modern card."
