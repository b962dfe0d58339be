# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086,SC2154
#
# enable and disable --pf, and what the udev rule calls

# The module is loaded, so that what comes and goes is not its driver.
load_module()
{
	mkdir "$root/sys/bus/pci/drivers/virtio_vfio_pci"
	touch "$root/sys/bus/pci/drivers/virtio_vfio_pci/unbind"
}

transitional()
{
	is "transitional of $1" "$(<"$(dev $1)/virtio_vfio/transitional")" "$2"
}

autoprobe()
{
	is autoprobe "$(<"$(dev $PF)/sriov_drivers_autoprobe")" $1
}

# A VF that comes when its PF is opted in has no driver.
new_vf()
{
	undriven "$@"
	for address; do
		echo '(null)' >"$(dev $address)/driver_override"
	done
}

opted_in()
{
	new_tree 4
	load_module
	ends 0 enable --pf $PF "$@"
}

pf_there_and_back()
{
	local before

	new_tree 3
	load_module
	undriven "$(vf 3)"
	ends 0 bind "$(vf 3)" || return
	before=$(snapshot)
	ends 0 enable --pf $PF --transitional || return
	for i in 1 2 3; do
		bound_to virtio_vfio_pci "$(vf $i)" &&
			transitional "$(vf $i)" 1 || return
	done
	autoprobe 0 && ends 0 disable --pf $PF && autoprobe 1 &&
		bound_to virtio_vfio_pci "$(vf 3)" && transitional "$(vf 3)" 0 &&
		same "$before"
}

# Without the policy the kernel would have bound what came in between.
pf_back_with_new_vfs()
{
	opted_in || return
	new_vf "$(vf 2)"
	ends 0 udev --now "$(vf 2)" && bound_to virtio_vfio_pci "$(vf 2)" &&
		ends 0 disable --pf $PF && bound_to virtio-pci "$(vf 2)"
}

pf_back_with_vfs_not_yet_bound()
{
	opted_in || return
	new_vf "$(vf 2)"
	rm "$root/run/virtio-vfio/$(vf 2)" || return
	is "driver" "$(driver "$(vf 2)")" "" &&
		ends 0 disable --pf $PF && bound_to virtio-pci "$(vf 2)" || return

	undriven "$(vf 2)"
	ends 0 disable --pf $PF && is "driver" "$(driver "$(vf 2)")" ""
}

pf_back_without_autoprobe()
{
	local before

	new_tree
	load_module
	echo 0 >"$(dev $PF)/sriov_drivers_autoprobe"
	undriven $VF
	before=$(snapshot)
	ends 0 enable --pf $PF && bound_to virtio_vfio_pci &&
		ends 0 disable --pf $PF && same "$before"
}

pf_twice()
{
	local before

	opted_in --transitional || return
	before=$(snapshot)
	silent ends 0 enable --pf $PF --transitional && same "$before" &&
		ends 0 disable --pf $PF || return
	before=$(snapshot)
	silent ends 0 disable --pf $PF && same "$before"
}

pf_changed()
{
	opted_in --transitional && ends 0 enable --pf $PF &&
		transitional $VF 0 && ends 0 enable --pf $PF --transitional &&
		transitional $VF 1
}

pf_in_use()
{
	new_tree
	load_module
	echo 0x1003 >"$(dev $VF)/virtio1/net/eth1/flags"
	ends 0 enable --pf $PF && prints "$VF: its network interface eth1 is up" &&
		prints "when they are free" && bound_to virtio-pci &&
		bound_to virtio_vfio_pci "$(vf 2)" || return
	new_process 4242 /dev/vfio/4 vmm -name web
	ends 0 disable --pf $PF && prints "$(vf 2): vmm (guest web)" &&
		bound_to virtio_vfio_pci "$(vf 2)" || return
	rm -r "$root/proc/4242"
	ends 0 disable --pf $PF && bound_to virtio-pci "$(vf 2)"
}

pf_group()
{
	local group

	group=$(id -gn)
	new_tree
	load_module
	touch "$root/dev/vfio/3" "$root/dev/vfio/4"
	chmod 600 "$root/dev/vfio/3"
	ends 0 enable --pf $PF --group "$group" &&
		is node "$(stat -c '%G %a' "$root/dev/vfio/3")" "$group 660" &&
		ends 2 enable --pf $PF --group no-such-group &&
		prints "there is no such group"
}

pf_refused()
{
	local before

	new_tree
	load_module
	before=$(snapshot)
	silent ends 1 enable --pf $VF && prints "is for its PF $PF" &&
		silent ends 1 enable --pf 0000:99:00.0 && same "$before" || return
	rm "$(dev $PF)/sriov_totalvfs"
	silent ends 1 enable --pf $PF && prints "has no SR-IOV"
}

pf_rolled_back()
{
	local before

	new_tree
	load_module
	before=$(snapshot)
	knob sriov_drivers_autoprobe 5
	ends 1 enable --pf $PF && prints "sriov_drivers_autoprobe" &&
		[[ ! -e $root/etc/virtio-vfio/pf ]] && bound_to virtio-pci
}

pf_one_fails()
{
	opted_in || return
	ends 0 disable --pf $PF || return
	knob unbind.$VF 16
	ends 1 enable --pf $PF && prints "$VF: could not be bound" &&
		bound_to virtio-pci && is override "$(override $VF)" "" &&
		bound_to virtio_vfio_pci "$(vf 2)"
}

pf_gone()
{
	opted_in || return
	rm -r "$(dev $PF)"
	ends 0 disable --pf $PF && [[ ! -e $root/etc/virtio-vfio/pf ]]
}

pf_interrupted()
{
	local status=0

	begin unbind enable --pf $PF
	kill -TERM $pid
	wait $pid || status=$?
	is status $status 1 && prints "1 of its 2 VFs were not looked at" &&
		bound_to virtio_vfio_pci && bound_to virtio-pci "$(vf 2)" &&
		rm "$root"/knobs/* && ends 0 enable --pf $PF &&
		bound_to virtio_vfio_pci "$(vf 2)"
}

fact "enable, disable --pf: all is as before" pf_there_and_back
fact "enable, disable --pf: also VFs that came in between" pf_back_with_new_vfs
fact "enable, disable --pf: also VFs that nothing was done about yet" \
	pf_back_with_vfs_not_yet_bound
fact "enable, disable --pf: also where autoprobe was off" pf_back_without_autoprobe
fact "enable, disable --pf: a second time changes nothing" pf_twice
fact "enable --pf: transitional can be changed" pf_changed
fact "enable, disable --pf: what is in use waits" pf_in_use
fact "enable --pf: the group may open the VFs" pf_group
fact "enable --pf: refused for what has no VFs" pf_refused
fact "enable --pf: rolled back if autoprobe can't be set" pf_rolled_back
fact "enable --pf: one VF's failure is rolled back, the others go on" pf_one_fails
fact "disable --pf: a card that is gone" pf_gone
fact "enable --pf: a signal comes between two VFs" pf_interrupted

udev_not_opted_in()
{
	local before

	new_tree
	load_module
	new_vf "$(vf 2)"
	before=$(snapshot)
	silent ends 0 udev $PF && silent ends 0 udev $VF &&
		silent ends 0 udev --now "$(vf 2)" && same "$before" || return
	mkdir -p "$root/etc/virtio-vfio/pf"
	printf 'transitional=on\ngroup=\n' >"$root/etc/virtio-vfio/pf/0000:aa:00.0"
	silent ends 0 udev --now $VF
}

# The policy was decided before the host booted.
udev_after_boot()
{
	new_tree 2
	load_module
	mkdir -p "$root/etc/virtio-vfio/pf"
	printf 'transitional=on\ngroup=\n' >"$root/etc/virtio-vfio/pf/$PF"
	ends 0 udev $PF && autoprobe 0 && bound_to virtio-pci || return
	# One that virtio-pci had before, and one that came later.
	new_vf "$(vf 2)"
	ends 0 udev $VF && ends 0 udev "$(vf 2)" || return
	for address in $VF "$(vf 2)"; do
		bound_to virtio_vfio_pci $address && transitional $address 1 || return
	done
	ends 0 disable --pf $PF && autoprobe 1 && bound_to virtio-pci &&
		bound_to virtio-pci "$(vf 2)"
}

udev_again()
{
	opted_in --transitional && silent ends 0 udev $PF &&
		silent ends 0 udev $VF && silent ends 0 udev --now $VF
}

# left_alone TEXT - an event for the first VF changes nothing and tells why
left_alone()
{
	local before

	before=$(snapshot)
	silent ends 0 udev --now $VF && prints "$VF: $1" && same "$before" &&
		is lines "$(grep -c "^virtio-vfio: $VF" "$root/out")" 1
}

# policy_alone [VFS] - opted in, and nothing happened yet
policy_alone()
{
	new_tree "${1-8}"
	load_module
	mkdir -p "$root/etc/virtio-vfio/pf"
	printf 'transitional=on\ngroup=\n' >"$root/etc/virtio-vfio/pf/$PF"
}

udev_in_use()
{
	policy_alone
	echo 0x1003 >"$(dev $VF)/virtio1/net/eth1/flags"
	left_alone "its network interface eth1 is up"
}

udev_others_override()
{
	policy_alone
	echo vfio-pci >"$(dev $VF)/driver_override"
	left_alone "its driver_override was set to vfio-pci" || return
	echo '(null)' >"$(dev $VF)/driver_override"
	ln -sfn ../../drivers/vfio-pci "$(dev $VF)/driver"
	left_alone "vfio-pci was bound to it by someone else"
}

# When it came it was told of, as where driverctl takes it.
udev_taken()
{
	policy_alone
	echo vfio-pci >"$(dev $VF)/driver_override"
	ln -sfn ../../drivers/vfio-pci "$(dev $VF)/driver"
	ACTION=bind silent ends 0 udev $VF && is output "$(<"$root/out")" "" &&
		bound_to vfio-pci
}

udev_bad_policy()
{
	local text before

	policy_alone
	for text in "" "transitional=1" "transitional=on" "group=" \
		$'transitional=on\ngroup=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; do
		echo "$text" >"$root/etc/virtio-vfio/pf/$PF"
		before=$(snapshot)
		silent ends 1 udev $VF && prints "can't be understood" &&
			silent ends 1 udev $PF && same "$before" || return
	done
}

# Bound by somebody else: libvirt, or an operator.
udev_bind_event()
{
	policy_alone
	ends 0 bind $VF && transitional $VF 0 && ends 0 udev $VF &&
		transitional $VF 1 && bound_to virtio_vfio_pci
}

# What libvirt does to a VF in the course of a domain: it writes an override,
# unbinds, probes; and later clears the override, unbinds, probes.
udev_after_libvirt()
{
	opted_in --transitional || return
	echo vfio-pci >"$(dev $VF)/driver_override"
	undriven $VF
	ACTION=unbind silent ends 0 udev $VF && is output "$(<"$root/out")" "" ||
		return
	ln -sfn ../../drivers/vfio-pci "$(dev $VF)/driver"
	undriven $VF
	echo >"$(dev $VF)/driver_override"
	ACTION=unbind ends 0 udev $VF && bound_to virtio_vfio_pci &&
		transitional $VF 1 && ends 0 disable --pf $PF && bound_to virtio-pci
}

udev_after_unbind()
{
	opted_in || return
	ends 0 unbind $VF && bound_to virtio-pci &&
		ACTION=unbind silent ends 0 udev $VF &&
		bound_to virtio-pci || return
	# Nor what had its driver taken by hand.
	undriven "$(vf 2)"
	ACTION=unbind silent ends 0 udev "$(vf 2)"
}

udev_gone()
{
	opted_in || return
	[[ -e $root/run/virtio-vfio/$VF ]] || return
	rm -r "$(dev $VF)"
	silent ends 0 udev $VF && [[ ! -e $root/run/virtio-vfio/$VF ]]
}

# What it was before it went says nothing about the one that came.
udev_new_one()
{
	policy_alone
	mkdir -p "$root/run/virtio-vfio"
	printf 'driver=vfio-pci\ntransitional=0\nby=command\n' \
		>"$root/run/virtio-vfio/$VF"
	ends 0 udev --now $VF && ends 0 disable --pf $PF && bound_to virtio-pci
}

udev_before_module()
{
	policy_alone
	rm -r "$root/sys/bus/pci/drivers/virtio_vfio_pci" \
		"$root/lib/modules/$KERNEL/updates"
	depmod -b "$root" $KERNEL
	new_vf $VF "$(vf 2)" "$(vf 3)"
	ends 0 udev $PF && ends 0 udev $VF && prints "waits for" && bound_to "" &&
		is override "$(override $VF)" virtio_vfio_pci &&
		ends 0 udev "$(vf 2)" || return
	# It is there now; the first VF to need it brings all that wait.
	module $KERNEL version=0.1.0
	ends 0 udev "$(vf 3)" || return
	for i in 1 2 3; do
		bound_to virtio_vfio_pci "$(vf $i)" &&
			ends 0 udev "$(vf $i)" && transitional "$(vf $i)" 1 || return
	done
	ends 0 disable --pf $PF && bound_to virtio-pci
}

# One that virtio-pci has keeps it until the module is there.
udev_keeps_without_module()
{
	policy_alone
	rm -r "$root/sys/bus/pci/drivers/virtio_vfio_pci" \
		"$root/lib/modules/$KERNEL/updates"
	depmod -b "$root" $KERNEL
	silent ends 1 udev $VF && prints "not installed" && bound_to virtio-pci
}

udev_by_systemd()
{
	policy_alone
	mkdir -p "$root/run/systemd/system" "$root/bin"
	cat >"$root/bin/systemctl" <<-END
		#!/bin/sh
		echo "\$*" >>$root/started
	END
	chmod +x "$root/bin/systemctl"
	silent ends 0 udev $VF && bound_to virtio-pci &&
		is started "$(cat "$root/started")" \
			"--no-block start virtio-vfio@$VF.service" &&
		ends 0 udev $PF && autoprobe 0 && ends 0 udev --now $VF &&
		bound_to virtio_vfio_pci && ends 0 udev $VF &&
		is "units started" "$(wc -l <"$root/started")" 1
}

udev_at_once()
{
	local i failed=0 pids=() many=${MANY-8}

	policy_alone $many
	for ((i = 5; i <= many; i++)); do
		new_vf "$(vf $i)"
	done
	tool udev $PF
	for i in $(seq $many) $(seq $many -1 1); do
		tool udev "$(vf $i)" >>"$root/outs" 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait $pid || failed=1
	done
	((!failed)) || { cat "$root/outs"; return 1; }
	for ((i = 1; i <= many; i++)); do
		bound_to virtio_vfio_pci "$(vf $i)" &&
			transitional "$(vf $i)" 1 || return
	done
	is "times a VF was bound" "$(grep -c drivers_probe "$root/writes")" $many
}

fact "udev: VFs whose PF isn't opted in are not touched" udev_not_opted_in
fact "udev: after a boot, VFs with a driver and without" udev_after_boot
fact "udev: a second event changes nothing" udev_again
fact "udev: one that is in use is left alone" udev_in_use
fact "udev: one that is someone else's is left alone" udev_others_override
fact "udev: one that is being taken is not told of again" udev_taken
fact "udev: a policy that can't be understood changes nothing" udev_bad_policy
fact "udev: one that someone else bound becomes transitional" udev_bind_event
fact "udev: one that libvirt gives back is bound again" udev_after_libvirt
fact "udev: one that was unbound by command or by hand stays so" udev_after_unbind
fact "udev: what was known of a VF goes with it" udev_gone
fact "udev: what was known of another VF with its address is not used" udev_new_one
fact "udev: VFs that come before the module wait for it" udev_before_module
fact "udev: without the module a VF keeps its driver" udev_keeps_without_module
fact "udev: systemd does what may take long" udev_by_systemd
fact "udev: many VFs at once, each twice" udev_at_once
