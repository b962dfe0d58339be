# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the phases ask of VFs, udev, systemd and the journal. To be sourced.

: "${PF_NETDEV:?run this in the lab host}"
pf_dir=$PCI_DEVICES/$PF
ours=/sys/bus/pci/drivers/virtio_vfio_pci

# --- waiting -----------------------------------------------------------------

# wait_for SECONDS COMMAND... - until it succeeds; else what it said last
wait_for()
{
	local end=$((SECONDS + $1)) said

	until said=$("${@:2}" 2>&1); do
		if ((SECONDS >= end)); then
			echo "not within $1 s: ${*:2}"
			echo "$said"
			return 1
		fi
		sleep 0.3
	done
}

no_jobs()
{
	local jobs

	jobs=$(systemctl list-jobs --no-legend 'virtio-vfio@*' 'driverctl@*')
	echo "$jobs"
	[[ ! $jobs ]]
}

# What a unit did may be an event again.
calm()
{
	for _ in 1 2 3; do
		udevadm settle --timeout=300 || return
		wait_for 300 no_jobs || return
	done
}

# --- VFs ---------------------------------------------------------------------

make_vfs()
{
	echo 0 >"$pf_dir/sriov_numvfs" && echo "$1" >"$pf_dir/sriov_numvfs"
}

# vf NUMBER - the address of one, from 0
vf()
{
	basename "$(readlink "$pf_dir/virtfn$1")"
}

vfs()
{
	local link

	for link in "$pf_dir"/virtfn*; do
		[[ ! -e $link ]] || basename "$(readlink "$link")"
	done
}

vf_override()
{
	cat "$PCI_DEVICES/$1/driver_override"
}

vf_nic()
{
	basename "$PCI_DEVICES/$1"/virtio*/net/*
}

vf_node()
{
	echo "/dev/vfio/$(basename "$(readlink "$PCI_DEVICES/$1/iommu_group")")"
}

# lines TEXT FILE... - in how many of them it is
lines()
{
	grep -lxF "$1" "${@:2}" 2>/dev/null | wc -l
}

# bound N - all VFs, as many as that, are bound to ours and transitional
bound()
{
	is VFs "$(vfs | wc -l)" "$1" &&
		is "bound VFs" "$(lines virtio_vfio_pci "$ours"/0000:*/driver_override)" "$1" &&
		is "transitional VFs" "$(lines 1 "$ours"/0000:*/virtio_vfio/transitional)" "$1"
}

# left_to_host N - they are as if there were no policy
left_to_host()
{
	local vf

	is autoprobe "$(<"$pf_dir/sriov_drivers_autoprobe")" 1 &&
		is VFs "$(vfs | wc -l)" "$1" || return
	for vf in $(vfs); do
		is "$vf's driver" "$(vf_driver "$vf")" virtio-pci &&
			is "$vf's driver_override" "$(vf_override "$vf")" "(null)" ||
			return
	done
	[[ ! -e /etc/virtio-vfio ]] || say_error "/etc/virtio-vfio is there"
}

# All that enabling changes.
host_state()
{
	local vf

	grep -H . "$pf_dir/sriov_drivers_autoprobe"
	for vf in $(vfs); do
		echo "$vf $(vf_driver "$vf") $(vf_override "$vf")" \
			"$(vf_attr "$vf" transitional 2>/dev/null)"
	done
	stat -c '%n %G %a' /dev/vfio/*
	find /etc/virtio-vfio /etc/driverctl.d -type f 2>/dev/null
	driverctl list-overrides 2>/dev/null
}

# --- systemd -----------------------------------------------------------------

none_failed()
{
	is "failed units" "$(systemctl --failed --no-legend --plain)" ""
}

# A place in the journal. (With a cursor of another tag's line journalctl leaves
# out the first that it should show.)
now()
{
	local place=check-policy-$RANDOM$RANDOM

	logger -t virtio-vfio "$place" && echo "$place"
}

# said_since PLACE TEXT - how often the tool said it, run by udev
said_since()
{
	journalctl --sync
	journalctl -q -b -t virtio-vfio -o cat | sed "1,/^$1\$/d" | grep -cF -- "$2"
}

enable()
{
	virtio-vfio enable --pf "$PF" --transitional --group kvm
}

# Events of a function that is there, as at boot.
coldplug()
{
	udevadm trigger --action=add "$PCI_DEVICES/$1"
}
