# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The next boot of a host whose operator had opted the PF in, and where the VFs
# are there before udev is.

: "${pf_dir:?}"

vfs_before_udev()
{
	is "the unit that makes VFs" "$(systemctl is-active vfs-first)" active &&
		wait_for 60 bound 4 && calm && bound 4 &&
		is autoprobe "$(<"$pf_dir/sriov_drivers_autoprobe")" 0 && none_failed
}

# position TEXT - of the last such line in this boot's journal
position()
{
	journalctl -q -b -o cat | grep -nF -- "$1" | tail -n 1 | cut -d : -f 1
}

before_libvirt()
{
	local last start

	last=$(position ": bound to virtio_vfio_pci")
	start=$(position "Started libvirtd.service")
	((last && start && last < start)) ||
		say_error "bound: line ${last:-none}, libvirt: line ${start:-none}"
}

# number TEXT - of lines that are this, on standard input
number()
{
	grep -cF -- "$1"
}

json()
{
	local status list

	status=$(virtio-vfio status --json)
	list=$(virtio-vfio list --json)
	is "status: PF" "$(number "\"pf\": \"$PF\"" <<<"$status")" 1 &&
		is "status: group" "$(number '"group": "kvm"' <<<"$status")" 1 &&
		is "status: VFs" "$(number '"vfs": 4' <<<"$status")" 1 &&
		is "status: bound" "$(number '"vfs_bound": 4' <<<"$status")" 1 &&
		is "list: driver" "$(number '"driver": "virtio_vfio_pci"' <<<"$list")" 4 &&
		# The policy of the PF, and each VF.
		is "list: transitional" "$(number '"transitional": true' <<<"$list")" 5
}

replug()
{
	echo 1 >"$pf_dir/remove"
	wait_for 20 test ! -e "$pf_dir" || return
	echo 1 >/sys/bus/pci/rescan
	wait_for 30 test -e "$pf_dir/driver" && calm || return
	is autoprobe "$(<"$pf_dir/sriov_drivers_autoprobe")" 0 &&
		make_vfs 4 && wait_for 60 bound 4 && calm && bound 4 && none_failed
}

disable_after_boot()
{
	virtio-vfio disable --pf "$PF" && calm && left_to_host 4 || return
	make_vfs 0 && make_vfs 8 && calm && left_to_host 8 && none_failed &&
		is "driverctl's list" "$(driverctl list-overrides)" ""
}

# With one VF in use, which keeps its driver, and nothing else of it.
purged()
{
	local used holder said vf

	make_vfs 4 && enable && calm && bound 4 || return
	used=$(vf 1)
	sleep 300 <>"$(vf_node "$used")" >/dev/null 2>&1 &
	holder=$!
	wait_for 10 grep -qx sleep "/proc/$holder/comm" || return
	said=$(apt-get -qq -y -o Dpkg::Use-Pty=0 purge virtio-vfio-tools 2>&1) ||
		{ echo "$said"; return 1; }
	[[ $said == *"$used: sleep, process $holder, has it open"* ]] ||
		say_error "doesn't say why: $said" || return
	calm
	for vf in $(vfs); do
		[[ $vf == "$used" ]] || is "$vf's driver" "$(vf_driver "$vf")" virtio-pci &&
			is "$vf's driver_override" "$(vf_override "$vf")" "(null)" ||
			return
	done
	is "$used's driver" "$(vf_driver "$used")" virtio_vfio_pci || return
	kill "$holder" && wait "$holder"
	echo "$used" >"$PCI_DEVICES/$used/driver/unbind" &&
		echo "$used" >/sys/bus/pci/drivers_probe && calm && left_to_host 4 &&
		is "left" "$(ls -d /etc/virtio-vfio /run/virtio-vfio 2>/dev/null)" ""
}

fact "boot: VFs that were there before udev are bound" vfs_before_udev
fact "boot: that is done before libvirt starts" before_libvirt
fact "boot: status and list have it as JSON" json
fact "the PF is pulled and plugged in: VFs are bound again" replug
fact "disable: leaves the host as if it had never been" disable_after_boot
fact "purge: leaves the host as if it had never been" purged
