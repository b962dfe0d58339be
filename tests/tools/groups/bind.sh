# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086,SC2154
#
# bind, unbind, set: one VF now

# bound_to NAME [ADDRESS] - the driver, "" for none
bound_to()
{
	is "driver of ${2-$VF}" "$(driver "${2-$VF}")" "$1"
}

knob()
{
	echo "$2" >"$root/knobs/$1"
}

there_and_back()
{
	local before

	new_tree
	before=$(snapshot)
	ends 0 bind $VF && bound_to virtio_vfio_pci &&
		is override "$(override $VF)" virtio_vfio_pci &&
		bound_to virtio-pci "$(vf 2)" &&
		ends 0 unbind $VF && rmdir "$root/sys/bus/pci/drivers/virtio_vfio_pci" 2>/dev/null
	rm -r "$root/sys/bus/pci/drivers/virtio_vfio_pci"
	same "$before"
}

there_and_back_without_autoprobe()
{
	local before

	new_tree
	echo 0 >"$(dev $PF)/sriov_drivers_autoprobe"
	undriven "$(vf 2)"
	mkdir "$root/sys/bus/pci/drivers/virtio_vfio_pci"
	touch "$root/sys/bus/pci/drivers/virtio_vfio_pci/unbind"
	before=$(snapshot)
	ends 0 bind $VF "$(vf 2)" && bound_to virtio_vfio_pci &&
		bound_to virtio_vfio_pci "$(vf 2)" &&
		ends 0 unbind "$(vf 2)" $VF && same "$before"
}

twice()
{
	local before

	new_tree
	ends 0 bind $VF && ends 0 set transitional=on $VF || return
	before=$(snapshot)
	silent ends 0 bind $VF && silent ends 0 set transitional=on $VF &&
		same "$before" && ends 0 unbind $VF || return
	before=$(snapshot)
	silent ends 0 unbind $VF && same "$before"
}

short_address()
{
	new_tree
	ends 0 bind 3B:00.1 && bound_to virtio_vfio_pci
}

# refused STATUS TEXT NEXT - to bind the first VF changes nothing
refused()
{
	local before

	before=$(snapshot)
	silent ends "$1" bind $VF && prints "$VF: " && prints "$2" &&
		prints "next: $3" && same "$before"
}

interface_up()
{
	new_tree
	echo 0x1003 >"$(dev $VF)/virtio1/net/eth1/flags"
	refused 4 "its network interface eth1 is up" "take the interface down"
}

interface_in_bridge()
{
	new_tree
	mkdir "$(dev $VF)/virtio1/net/eth1/master"
	refused 4 "eth1 belongs to another" "take the interface down"
}

interface_elsewhere()
{
	new_tree
	rmdir "$root"/sys/bus/pci/devices/$VF/virtio1/net/eth1 2>/dev/null
	rm -r "$(dev $VF)/virtio1/net"
	refused 4 "in another network namespace" "take the interface down"
}

block_device()
{
	new_tree
	ln -sfn ../../../../bus/virtio/drivers/virtio_blk "$(dev $VF)/virtio1/driver"
	refused 4 "the host uses it by virtio_blk" "take"
}

open_in_vfio()
{
	new_tree
	ln -sfn ../../drivers/vfio-pci "$(dev $VF)/driver"
	new_process 4242 /dev/vfio/3 vmm -name web
	refused 4 "vmm (guest web), process 4242, has it open" "stop the VM"
}

override_of_others()
{
	new_tree
	echo vfio-pci >"$(dev $VF)/driver_override"
	refused 4 "driver_override was set to vfio-pci" \
		"echo > /sys/bus/pci/devices/$VF/driver_override"
}

override_of_driverctl()
{
	new_tree
	mkdir "$root/etc/driverctl.d"
	echo vfio-pci >"$root/etc/driverctl.d/pci-$VF"
	refused 4 "driverctl has an override" "driverctl --noprobe unset-override $VF"
}

no_module()
{
	new_tree
	rm -r "$root/lib/modules/$KERNEL/updates"
	depmod -b "$root" $KERNEL
	refused 1 "not installed for the running kernel" "apt install linux-headers-"
}

blacklisted_module()
{
	new_tree
	knob insert 1
	refused 1 "could not be loaded" "virtio-vfio doctor"
}

not_a_vf()
{
	local before

	new_tree
	before=$(snapshot)
	silent ends 1 bind $PF && prints "$PF: is no VF" || return
	silent ends 1 bind 0000:99:00.0 && prints "no such device" || return
	echo 0x8086 >"$(dev $VF)/vendor"
	silent ends 1 bind $VF && prints "no virtio device"
}

# Whatever the driver does, the VF has the one that it had.
rolled_back()
{
	local before

	new_tree
	mkdir "$root/sys/bus/pci/drivers/virtio_vfio_pci"
	touch "$root/sys/bus/pci/drivers/virtio_vfio_pci/unbind"
	"$@"
	before=$(snapshot)
	ends 1 bind $VF && prints "could not be bound" &&
		prints_not "given back" && same "$before" &&
		bound_to virtio-pci
}

probe_fails()
{
	touch "$root/knobs/noprobe.virtio_vfio_pci"
}

# The knob is gone when the old driver is to come back.
unbind_fails()
{
	knob unbind.$VF 16
}

override_fails()
{
	knob driver_override 5
	# Nor can it be taken back.
	return 0
}

write_fails()
{
	local before

	new_tree
	before=$(snapshot)
	override_fails
	ends 1 bind $VF && prints "could not be bound" && bound_to virtio-pci
	rm "$root/knobs/driver_override"
	ends 0 unbind $VF && rm -r "$root/sys/bus/pci/drivers/virtio_vfio_pci" &&
		same "$before"
}

# The tool's patience ends before the driver's, which goes on all the same.
unbind_hangs()
{
	local start=$SECONDS

	new_tree
	knob unbind.$VF hang
	ends 1 bind $VF && prints "a driver took more than 2 s" || return
	((SECONDS - start < 6)) || { echo "$((SECONDS - start)) s"; return 1; }
	is override "$(override $VF)" ""
}

unbind_rolled_back()
{
	new_tree
	ends 0 bind $VF || return
	touch "$root/knobs/noprobe.virtio-pci"
	ends 1 unbind $VF && prints "could not be given back to virtio-pci" &&
		bound_to virtio_vfio_pci &&
		rm "$root/knobs/noprobe.virtio-pci" && ends 0 unbind $VF &&
		bound_to virtio-pci
}

unbind_in_use()
{
	local before

	new_tree
	ends 0 bind $VF || return
	new_process 4242 /dev/vfio/3 vmm
	before=$(snapshot)
	silent ends 4 unbind $VF && prints "process 4242" && same "$before"
}

# As the README does it.
bound_by_hand()
{
	new_tree
	ends 0 bind $VF && rm -r "$root/run/virtio-vfio" &&
		ends 0 unbind $VF && bound_to virtio-pci &&
		is override "$(override $VF)" ""
}

others_driver()
{
	new_tree
	ln -sfn ../../drivers/vfio-pci "$(dev $VF)/driver"
	silent ends 1 unbind $VF && prints "is bound to vfio-pci"
}

set_there_and_back()
{
	new_tree
	ends 0 bind $VF && ends 0 set transitional=on $VF &&
		is transitional "$(<"$(dev $VF)/virtio_vfio/transitional")" 1 &&
		ends 0 set transitional=off $VF &&
		is transitional "$(<"$(dev $VF)/virtio_vfio/transitional")" 0
}

set_refused()
{
	new_tree
	ends 1 set transitional=on $VF && prints "not bound" &&
		prints "next: virtio-vfio bind $VF" || return
	ends 0 bind $VF || return
	echo 0 >"$(dev $VF)/virtio_vfio/legacy_supported"
	ends 1 set transitional=on $VF && prints "can't be transitional" || return
	knob transitional 16
	ends 4 set transitional=on $VF && prints "it is open in VFIO" || return
	new_process 4242 /dev/vfio/3 vmm -name web
	ends 4 set transitional=on $VF && prints "guest web"
}

# One that is refused, one that isn't.
each_for_itself()
{
	new_tree
	echo 0x1003 >"$(dev $VF)/virtio1/net/eth1/flags"
	ends 4 bind $VF "$(vf 2)" && bound_to virtio-pci &&
		bound_to virtio_vfio_pci "$(vf 2)" || return
	ends 1 bind $VF 0000:99:00.0
}

# begin ATTRIBUTE ARG... - run the tool until it writes to that; sets $pid
begin()
{
	new_tree
	knob "$1" slow
	# In the background bash has SIGINT ignored.
	(
		trap - INT
		exec "${TOOL[@]}" "${@:2}"
	) >"$root/out" 2>&1 &
	pid=$!
	until grep -qs "$1 " "$root/writes"; do
		sleep 0.02
	done
}

signal_between()
{
	local status=0

	begin drivers_probe bind $VF "$(vf 2)"
	kill -$1 $pid
	wait $pid || status=$?
	is status $status 1 && prints "interrupted" &&
		bound_to virtio_vfio_pci && bound_to virtio-pci "$(vf 2)" &&
		is "override of the second" "$(override "$(vf 2)")" "(null)"
}

killed()
{
	begin drivers_probe bind $VF
	kill -KILL $pid
	wait $pid
	rm "$root"/knobs/*
	ends 0 "$1" $VF && bound_to "$2" && ends 0 unbind $VF &&
		bound_to virtio-pci && is override "$(override $VF)" ""
}

# Half way back.
killed_unbind()
{
	new_tree
	echo 0 >"$(dev $PF)/sriov_drivers_autoprobe"
	ends 0 bind $VF || return
	rm "$root/writes"
	knob drivers_probe slow
	(exec "${TOOL[@]}" unbind $VF) >"$root/out" 2>&1 &
	pid=$!
	until grep -qs "drivers_probe " "$root/writes"; do
		sleep 0.02
	done
	kill -KILL $pid
	wait $pid
	rm "$root"/knobs/*
	sleep 1
	[[ $1 != bind ]] || { ends 0 bind $VF && bound_to virtio_vfio_pci; } || return
	ends 0 unbind $VF && bound_to virtio-pci &&
		is override "$(override $VF)" ""
}

locked_out()
{
	local before status

	begin drivers_probe bind $VF
	kill -STOP $pid
	rm "$root"/knobs/*
	sleep 1
	before=$(snapshot)
	silent ends 1 bind "$(vf 2)" && prints "another run has it locked" &&
		same "$before"
	status=$?
	kill -CONT $pid
	wait $pid
	return $status
}

at_once()
{
	local i

	new_tree 16
	for i in {1..16}; do
		tool bind "$(vf $i)" "$(vf $((i % 16 + 1)))" >"$root/out$i" 2>&1 ||
			echo "$i: $(<"$root/out$i")" &
	done >"$root/failures"
	wait
	[[ ! -s $root/failures ]] || { cat "$root/failures"; return 1; }
	for i in {1..16}; do
		bound_to virtio_vfio_pci "$(vf $i)" || return
	done
	is "times the first was bound" \
		"$(grep -c "drivers_probe $VF" "$root/writes")" 1
}

fact "bind, unbind: the VF is as before" there_and_back
fact "bind, unbind: also where autoprobe is off" there_and_back_without_autoprobe
fact "bind, unbind, set: a second time changes nothing" twice
fact "bind: an address without its domain, in capitals" short_address
fact "bind: refused if the interface is up" interface_up
fact "bind: refused if the interface is in a bridge" interface_in_bridge
fact "bind: refused if the interface is in another namespace" interface_elsewhere
fact "bind: refused if it is a disk" block_device
fact "bind: refused if it is open in VFIO" open_in_vfio
fact "bind: refused if someone set driver_override" override_of_others
fact "bind: refused if driverctl will set it" override_of_driverctl
fact "bind: refused without the module" no_module
fact "bind: refused if the module is kept out" blacklisted_module
fact "bind: refused for what is no virtio VF" not_a_vf
fact "bind: rolled back if the probe fails" rolled_back probe_fails
fact "bind: rolled back if the old driver does not let go" rolled_back unbind_fails
fact "bind: what can't be rolled back is told, and unbind does it later" write_fails
fact "bind: a driver that hangs is not waited for" unbind_hangs
fact "unbind: rolled back if the old driver fails" unbind_rolled_back
fact "unbind: refused if it is open in VFIO" unbind_in_use
fact "unbind: one that was bound by hand" bound_by_hand
fact "unbind: leaves another driver alone" others_driver
fact "set: on and off" set_there_and_back
fact "set: refused, with the reason" set_refused
fact "bind: one VF's refusal is not another's" each_for_itself
fact "bind: SIGTERM has to wait for the VF" signal_between TERM
fact "bind: SIGINT has to wait for the VF" signal_between INT
fact "bind: goes on where a run was killed half way" killed bind virtio_vfio_pci
fact "unbind: puts right what was killed half way" killed unbind virtio-pci
fact "unbind: goes on where one was killed half way" killed_unbind unbind
fact "bind: takes back what an unbind left that was killed" killed_unbind bind
fact "bind: refused if the lock can't be had" locked_out
fact "bind: 16 at once, each twice" at_once
