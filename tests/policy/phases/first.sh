# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A host that just got the package, and then what the operator may ask of it.

: "${pf_dir:?}" "${ours:?}"

# --- nobody opted in ---------------------------------------------------------

fresh_vfs()
{
	make_vfs 4 && calm && left_to_host 4 &&
		wait_for 20 test -d "$PCI_DEVICES/$(vf 3)"/virtio*/net
}

fresh_quiet()
{
	is journal "$(journalctl -q -b -t virtio-vfio)" "" &&
		is "the units' journal" "$(journalctl -q -b -u 'virtio-vfio@*' 2>/dev/null)" "" &&
		is "in /run" "$(ls /run/virtio-vfio 2>/dev/null)" "" &&
		is driver "$(ls -d "$ours" 2>/dev/null)" "" && none_failed
}

# doctor_says STATUS BAD - its exit status, and whether it names something bad
doctor_says()
{
	local said status=0 bad=no

	said=$(virtio-vfio doctor) || status=$?
	! grep -q '^bad ' <<<"$said" || bad=yes
	[[ $status:$bad == "$1:$2" ]] || say_error "status $status: $said"
}

doctor_blacklist()
{
	local status=0 file=/run/modprobe.d/check-policy.conf

	mkdir -p "${file%/*}"
	echo "blacklist virtio_vfio_pci" >"$file"
	doctor_says 3 yes || status=1
	rm "$file"
	return $status
}

# --- enable and disable ------------------------------------------------------

enable_with_one_up()
{
	local up nic said

	up=$(vf 1)
	nic=$(vf_nic "$up")
	ip link set "$nic" up || return
	host_state >/run/before
	said=$(enable 2>&1) || { echo "$said"; return 1; }
	[[ $said == *"$up: its network interface $nic is up"* ]] ||
		say_error "doesn't say why: $said" || return
	calm && is driver "$(vf_driver "$up")" virtio-pci &&
		is driver_override "$(vf_override "$up")" "(null)" &&
		is interface "$(vf_nic "$up")" "$nic" &&
		[[ $(ip link show "$nic" up) ]]
}

enabled_others()
{
	local vf

	for vf in "$(vf 0)" "$(vf 2)" "$(vf 3)"; do
		is "$vf's driver" "$(vf_driver "$vf")" virtio_vfio_pci &&
			is transitional "$(vf_attr "$vf" transitional)" 1 &&
			is "$vf's node" "$(stat -c '%G %a' "$(vf_node "$vf")")" "kvm 660" ||
			return
	done
	none_failed
}

# The host's driver had it before, and policy doesn't take it from there until the
# VF appears anew.
unbind_lasts()
{
	local vf

	vf=$(vf 0)
	virtio-vfio unbind "$vf" && calm && is "$vf's driver" "$(vf_driver "$vf")" virtio-pci &&
		is driver_override "$(vf_override "$vf")" "(null)" || return
	coldplug "$vf" && calm && enabled_others
}

disable_restores()
{
	virtio-vfio disable --pf "$PF" && calm &&
		diff /run/before <(host_state) && none_failed
}

# --- VFs as they appear ------------------------------------------------------

new_vfs()
{
	local vf

	make_vfs 0 && modprobe -r virtio_vfio_pci && enable || return
	[[ ! -e $ours ]] || say_error "the module is loaded already" || return
	make_vfs 8 && wait_for 60 bound 8 && calm && bound 8 || return
	for vf in $(vfs); do
		is "$vf's group" "$(stat -c %G "$(vf_node "$vf")")" kvm || return
	done
	none_failed
}

make_vfs_with_many_events()
{
	make_vfs 8 || return
	for _ in 1 2 3; do
		udevadm trigger --action=add --subsystem-match=pci \
			--attr-match=vendor=0x1af4 &
	done
	wait
}

all_bound()
{
	wait_for 90 bound 8 && calm && bound 8 && none_failed
}

off_and_on()
{
	make_vfs_with_many_events && sleep 0.5 &&
		make_vfs_with_many_events && all_bound
}

many_events()
{
	local place vf

	make_vfs 0 && calm || return
	place=$(now)
	make_vfs_with_many_events && all_bound || return
	for vf in $(vfs); do
		is "$vf was bound so often" \
			"$(said_since "$place" "$vf: bound to")" 1 || return
	done
}

# Loading the module stands for what takes long; each VF waits for it.
slow_module()
{
	local file=/run/modprobe.d/check-policy.conf start status=0

	make_vfs 0 && modprobe -r virtio_vfio_pci || return
	mkdir -p "${file%/*}"
	echo "install virtio_vfio_pci sleep 20;" \
		"modprobe --ignore-install virtio_vfio_pci" >"$file"
	start=$SECONDS
	make_vfs 8 || return
	udevadm trigger --action=change --settle /sys/class/net/lo &&
		udevadm settle --timeout=20 || status=1
	if [[ -e $ours ]]; then
		echo "udev was busy for $((SECONDS - start)) s, until VFs were bound"
		status=1
	fi
	wait_for 90 bound 8 || status=1
	rm "$file"
	((status == 0)) && calm && none_failed
}

# --- other people's decisions ------------------------------------------------

someones_override()
{
	local vf place

	vf=$(vf 2)
	virtio-vfio unbind "$vf" && calm || return
	echo vfio-pci >"$PCI_DEVICES/$vf/driver_override"
	place=$(now)
	coldplug "$vf" && calm || return
	is driver "$(vf_driver "$vf")" "" &&
		is driver_override "$(vf_override "$vf")" vfio-pci &&
		is "lines in the journal" "$(said_since "$place" \
			"$vf: its driver_override was set to vfio-pci by someone else")" 1 &&
		is "all lines" "$(said_since "$place" "$vf")" 1 || return

	echo >"$PCI_DEVICES/$vf/driver_override"
	virtio-vfio bind "$vf" && wait_for 20 bound 8
}

driverctl_takes()
{
	local vf

	vf=$(vf 1)
	driverctl set-override "$vf" vfio-pci && calm || return
	is driver "$(vf_driver "$vf")" vfio-pci &&
		is driver_override "$(vf_override "$vf")" vfio-pci && none_failed
}

# With an override that driverctl keeps for when it comes.
driverctl_keeps()
{
	local vf place

	vf=$(vf 1)
	place=$(now)
	make_vfs 8 && wait_for 60 driver_is "$vf" vfio-pci && calm || return
	driver_is "$vf" vfio-pci && is "bound VFs" "$(lines 1 \
		"$ours"/0000:*/virtio_vfio/transitional)" 7 &&
		is "lines in the journal" "$(said_since "$place" \
			"$vf: driverctl has an override for it")" 1 &&
		is "all lines" "$(said_since "$place" "$vf")" 1 || return
	coldplug "$vf" && calm && driver_is "$vf" vfio-pci && none_failed
}

driver_is()
{
	is driver "$(vf_driver "$1")" "$2"
}

# As the tool tells the operator to.
driverctl_gives()
{
	local vf said next

	vf=$(vf 1)
	said=$(virtio-vfio bind "$vf" 2>&1)
	is status $? 4 || { echo "$said"; return 1; }
	next=$(sed -n 's/^  next: //p' <<<"$said")
	[[ $next == *driverctl*unset-override* ]] || say_error "$said" || return
	$next && virtio-vfio bind "$vf" && wait_for 20 bound 8 && calm && bound 8 &&
		is overrides "$(ls /etc/driverctl.d)" "" && none_failed
}

in_use()
{
	local vf holder said

	make_vfs 8 && wait_for 60 bound 8 && calm || return
	vf=$(vf 5)
	sleep 300 <>"$(vf_node "$vf")" >/dev/null 2>&1 &
	holder=$!
	wait_for 10 grep -qx sleep "/proc/$holder/comm" || return
	said=$(virtio-vfio disable --pf "$PF" 2>&1) || { echo "$said"; return 1; }
	[[ $said == *"$vf: sleep, process $holder, has it open"* ]] ||
		say_error "doesn't say why: $said" || return
	calm
	is driver "$(vf_driver "$vf")" virtio_vfio_pci &&
		is transitional "$(vf_attr "$vf" transitional)" 1 &&
		is "bound VFs" "$(lines virtio_vfio_pci "$ours"/0000:*/driver_override)" 1 ||
		return

	kill "$holder" && wait "$holder"
	virtio-vfio disable --pf "$PF" && calm && left_to_host 8 && none_failed &&
		is "driverctl's list" "$(driverctl list-overrides)" ""
}

# --- for the next boot -------------------------------------------------------

leave_policy()
{
	cat >/etc/systemd/system/vfs-first.service <<-END
		[Unit]
		DefaultDependencies=no
		Before=systemd-udevd-kernel.socket systemd-udevd.service
		Before=systemd-udev-trigger.service

		[Service]
		Type=oneshot
		RemainAfterExit=yes
		# The PF's driver makes VFs once virtio_net has set it up.
		ExecStart=/sbin/modprobe virtio_net
		ExecStart=/bin/sh -c 'echo 4 >$pf_dir/sriov_numvfs'

		[Install]
		WantedBy=sysinit.target
	END
	systemctl enable vfs-first.service && enable
}

fact "fresh: new VFs go to the host's driver" fresh_vfs
fact "fresh: nothing of ours ran" fresh_quiet
fact "doctor: nothing is bad, and the exit status 0" doctor_says 0 no
fact "doctor: the exit status is 3 if something is bad" doctor_blacklist
fact "enable: a VF whose interface is up is left alone and named" enable_with_one_up
fact "enable: the others are bound, transitional and the group's" enabled_others
fact "unbind: the host's driver keeps the VF" unbind_lasts
fact "disable: all is as it was" disable_restores
fact "udev: new VFs are bound, and the module is loaded for them" new_vfs
fact "udev: SR-IOV goes off and on while units run" off_and_on
fact "udev: repeated and concurrent events bind each VF once" many_events
fact "udev: other events don't wait for a slow bind" slow_module
fact "udev: somebody's driver_override is left alone" someones_override
fact "driverctl: may take a VF that is bound" driverctl_takes
fact "driverctl: its override is left alone when the VF appears" driverctl_keeps
fact "driverctl: gives the VF back as the tool says" driverctl_gives
fact "disable: a VF that is open stays until it is free" in_use
fact "the policy can be left for the next boot" leave_policy
