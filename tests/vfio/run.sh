#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [PROVIDER/]TARGET... - the VFIO tests, in the lab host (see
# tests/lab/run)
#
# TARGET is one of
#   oracle   QEMU's own transitional device under vfio-pci: says what is right
#   witness  upstream's driver on a VF: what it fails is in witness-failures
#   ours     our driver on a VF
#   reduced  our driver, with a card that serves fewer admin commands
#   on-pf    our driver on the PF, which is never transitional
#   commands the admin commands that virtio_pci_owner has for other modules
#   owner    what only virtio_pci_owner does, with our driver on VFs; at its end
#            the card is unplugged
#   cost     how long a register access takes with one provider and the other
#   load     both modules, loaded and unloaded 100 times
#   own-bar0 our driver, with a card whose VFs have a BAR0 (vf-bar0=on)
#   fail     our driver, with each allocation failing in turn, on a kernel that
#            can do that
#   fuzz     our driver on some VFs, with a host and a card that do what they
#            like; OPS and SEED say how much and what
#   soak     our driver, bound and used ROUNDS times, and with SR-IOV off and on
#            SRIOV_ROUNDS times
#   late     our driver, with a card that fails or doesn't answer; under the
#            kernel's provider the VFs are not to be used any more after that
# PROVIDER is what drives the PF: kernel, the kernel's virtio_pci (the default),
# or owner, virtio_pci_owner.
#
# PROGRAMS limits what runs of each, KERNEL is a name for the kernel in what is
# printed, which is KTAP. SLOWNESS is how many times longer all may take.

set -u
cd "$(dirname "$(realpath "$0")")" || exit 1
: "${PF:?run this in the lab host}"
read -ra vfs <<<"$VFS"
module=virtio_vfio_pci
kernel=${KERNEL:-$(uname -r)}
tests=0 failed=0 witnessed='' PROVIDER=kernel

verdict()
{
	((++tests))
	[[ $1 == ok ]] || ((++failed))
	echo "$1 $tests $2"
}

# A line of a program's KTAP, under a name that says which target it was. What
# the witness fails and a list says so with a reason, is as it should be.
result()
{
	local line=$1 ok=ok name reason

	[[ $line != not* ]] || ok="not ok"
	name=$label.${line#*ok +([0-9]) }
	if [[ $TARGET != witness || $name == *"# SKIP"* ]]; then
		verdict "$ok" "$name"
		return
	fi

	name=${name#"$label."}
	reason=$(awk -v name="$name" '$1 == name { $1 = ""; print; exit }' \
		witness-failures)
	witnessed+=" $name "
	name=$label.$name
	if [[ ! $reason ]]; then
		verdict "$ok" "$name"
	elif [[ $ok == ok ]]; then
		verdict "not ok" "$name passes, but is on the list of failures"
	else
		verdict ok "$name fails as listed:$reason"
	fi
}

# program NAME [SECONDS] - run one for $TARGET on $VFIO_BDF, for so long at most
program()
{
	local line status=0 log before=$tests start=$SECONDS

	[[ " ${PROGRAMS-$1} " == *" $1 "* ]] || return 0
	echo "# $label: $1"
	log=$(timeout $((${2:-300} * ${SLOWNESS:-1})) "./$1" 2>&1) || status=$?
	while IFS= read -r line; do
		case $line in
		"ok "[0-9]* | "not ok "[0-9]*) result "$line" ;;
		"# "*" RUN "* | "# "*" OK "* | "TAP version"* | 1..*) ;;
		"#"*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done <<<"$log"
	echo "# $((SECONDS - start)) s"
	((tests > before)) || verdict "not ok" "$label.$1 ended with status $status and no result"
}

bind()
{
	local device=/sys/bus/pci/devices/$1

	[[ ! -e $device/driver ]] || echo "$1" >"$device/driver/unbind"
	echo "$2" >"$device/driver_override"
	[[ ! $2 ]] || echo "$1" >/sys/bus/pci/drivers_probe
}

make_transitional()
{
	bind "$1" $module
	echo 1 >"/sys/bus/pci/devices/$1/virtio_vfio/transitional"
}

# The PF's driver asks what the PF can do when it's bound. Its VFs go with it.
rebind_owner()
{
	PF_NETDEV=$(pf-driver "$PROVIDER") || return
	export PF_NETDEV
	echo ${#vfs[@]} >"/sys/bus/pci/devices/$PF/sriov_numvfs"
	ip link set "$PF_NETDEV" up
}

run_oracle()
{
	bind "$ORACLE" vfio-pci
	VFIO_BDF=$ORACLE
	for program in config_space bar0 ring ioeventfd; do
		program $program
	done
	bind "$ORACLE" ""
}

run_witness()
{
	local name

	rmmod $module 2>/dev/null
	modprobe vfio-pci
	insmod /usr/lib/virtio-vfio-lab/upstream/virtio-vfio-pci.ko || return
	VFIO_BDF=${vfs[0]}
	bind "$VFIO_BDF" $module
	for program in config_space bar0 doorbell ring faults; do
		program $program
	done
	card set fail-opcode 4294967295
	bind "$VFIO_BDF" ""
	rmmod $module

	[[ ! ${PROGRAMS-} ]] || return 0
	while read -r name _; do
		[[ ! $name || $name == \#* || $witnessed == *" $name "* ]] ||
			verdict "not ok" "$label.$name is on the list of failures and did not run"
	done <witness-failures
}

run_ours()
{
	local off="not ok"

	[[ $(</sys/module/$module/parameters/transitional) != N ]] || off=ok
	verdict "$off" "$label.transitional_is_off_by_default"

	VFIO_BDF=${vfs[0]}
	make_transitional "$VFIO_BDF"
	export OTHER_BDF=${vfs[1]}
	for program in config_space bar0 doorbell ring ioeventfd reset optin; do
		program $program
	done
	VFIO_BDF=${vfs[1]}
	program same_as_vfio
	program order
}

run_reduced()
{
	local all

	all=$(card get supported-cmds)
	# What the kernel says of a probe for commands that the card lacks.
	[[ $PROVIDER != kernel ]] ||
		echo "<6>expect: Failed to execute command on admin vq" >/dev/kmsg
	card set supported-cmds $((all & ~(1 << 6))) # without LEGACY_NOTIFY_INFO
	rebind_owner
	label+=.without-notify-info
	VFIO_BDF=${vfs[0]}
	program optin

	card set supported-cmds 3 # the two list commands
	rebind_owner
	label=${label%.*}.without-legacy
	export LEGACY_SUPPORTED=0
	program optin
	VFIO_BDF=${vfs[1]}
	program same_as_vfio
	card set supported-cmds "$all"

	# A card that takes the specification by the letter refuses what the
	# kernel's driver of the PF asks before there are VFs, and that asks once.
	if [[ $PROVIDER == kernel ]]; then
		echo "<6>expect: admin command error: status(0x16)" >/dev/kmsg
	else
		unset LEGACY_SUPPORTED
	fi
	card set letter true
	rebind_owner
	label=${label%.*}.by-the-letter
	VFIO_BDF=${vfs[0]}
	program optin
	card set letter false

	unset LEGACY_SUPPORTED
	rebind_owner
}

run_on-pf()
{
	echo 0 >"/sys/bus/pci/devices/$PF/sriov_numvfs"
	VFIO_BDF=$PF
	bind "$PF" $module
	export LEGACY_SUPPORTED=0
	program optin
	program same_as_vfio
	unset LEGACY_SUPPORTED
	rebind_owner
}

# load_kmod NAME... - modules that are for tests alone, built where they run if they
# didn't come along
load_kmod()
{
	local name

	if [[ ! -d /tmp/kmod ]]; then
		cp -r kmod /tmp/kmod
		[[ -e kmod/pf_user.ko ]] ||
			make -s -C "/lib/modules/$(uname -r)/build" M=/tmp/kmod \
				OWNER="$(echo /usr/src/virtio-vfio-*/src/owner)" modules \
				>/tmp/kmod/log 2>&1 || sed 's/^/# /' /tmp/kmod/log
	fi
	for name; do
		insmod "/tmp/kmod/$name.ko" || return
	done
}

run_commands()
{
	load_kmod admin_command || return
	VFIO_BDF=${vfs[0]}
	program admin_commands
	rmmod admin_command
	rebind_owner
}

run_owner()
{
	load_kmod admin_command pf_user || return
	VFIO_BDF=${vfs[0]}
	program pf_device
	rmmod pf_user
	export OTHER_BDF=${vfs[1]}
	make_transitional "$VFIO_BDF"
	program owner
	rmmod admin_command
}

# What a register access costs by way of each driver of the PF. A machine with
# other things to do hides the difference, but doesn't turn it around.
run_cost()
{
	local provider cost=()

	[[ ! ${PROGRAMS-} ]] || return 0
	for provider in kernel owner; do
		PROVIDER=$provider
		rebind_owner
		VFIO_BDF=${vfs[0]}
		make_transitional "$VFIO_BDF"
		cost+=("$(./cost)")
	done
	echo "# $label: a read of Device Status takes ${cost[0]} ns by way of virtio_pci, ${cost[1]} ns by virtio_pci_owner"
	verdict "$( ((cost[1] > 0 && cost[1] < cost[0] * 5 / 4)) && echo ok || echo "not ok")" \
		"$label.owner_is_no_slower"
}

run_load()
{
	local i good=0

	card set letter false
	for vf in "${vfs[@]}"; do
		bind "$vf" ""
	done
	bind "$PF" ""
	for ((i = 0; i < 100; i++)); do
		modprobe -r $module virtio_pci_owner && modprobe $module &&
			[[ -d /sys/module/virtio_pci_owner ]] && ((++good))
	done
	verdict "$( ((good == 100)) && echo ok || echo "not ok")" \
		"$label.100_times_loaded_and_unloaded"
	rebind_owner
}

run_own-bar0()
{
	VFIO_BDF=${vfs[0]}
	export LEGACY_SUPPORTED=0
	program optin
	program same_as_vfio
	unset LEGACY_SUPPORTED
}

run_fail()
{
	[[ $PROVIDER != owner ]] || load_kmod pf_user || return
	rebind_owner
	VFIO_BDF=${vfs[0]}
	program fail_nth 1200
	[[ $PROVIDER != owner ]] || rmmod pf_user
	rebind_owner
}

run_fuzz()
{
	rebind_owner
	VFIO_BDF=${vfs[0]}
	program fuzz 14400
	verdict "$(modprobe -r $module && modprobe $module && echo ok || echo "not ok")" \
		"$label.can_be_unloaded"
}

run_soak()
{
	rebind_owner
	# Its workers come and go, and their memory with them.
	udevadm settle --timeout=30
	udevadm control --exit
	VFIO_BDF=${vfs[0]}
	program soak 3600
	/lib/systemd/systemd-udevd --daemon
	rebind_owner
}

run_late()
{
	VFIO_BDF=${vfs[2]}
	export OTHER_BDF=${vfs[3]}
	program every_command
	program faults
	[[ $PROVIDER == kernel ]] || rebind_owner
}

# Messages above info since this began that no test has announced.
unexpected_messages()
{
	local expected

	expected=$(dmesg --level info | sed -n 's/^.*expect: //p' | sort -u)
	dmesg --level emerg,alert,crit,err,warn |
		awk -v begin="$begin" '{ t = $0; gsub(/[][ ]/, " ", t) }
			split(t, f, " ") && f[1] + 0 > begin' |
		grep -vF "${expected:-nothing was announced}"
}

shopt -s extglob
begin=$(cut -d ' ' -f 1 /proc/uptime)
export TARGET PROVIDER VFIO_BDF
modprobe $module
ip link set "$PF_NETDEV" up

# The root port passes on what the card reports only with SERR# on, which is
# firmware's to do.
port=$(dirname "$(readlink -f "/sys/bus/pci/devices/$PF")")
setpci -s "${port##*/}" BRIDGE_CONTROL=2:2

# Nobody's test, but the lab's own: emulation is slow at times.
for text in "loading out-of-tree module taints kernel" "hrtimer: interrupt took"; do
	echo "<6>expect: $text" >/dev/kmsg
done
# From 7.x on, virtio_net asks the PF for capabilities, which the card has none of.
echo "<6>expect: Failed to execute command on admin vq: -95" >/dev/kmsg
# Newer kernels tell of each function reset under a driver that isn't told.
for bdf in $PF $VFS $ORACLE; do
	echo "<6>expect: vfio-pci $bdf: reset" >/dev/kmsg
done
echo "KTAP version 1"
for target; do
	provider=kernel
	[[ $target != */* ]] || provider=${target%%/*}
	label=$kernel/$target
	target=${target#*/}
	case $target in
	oracle | witness) TARGET=$target ;;
	*) TARGET=ours; modprobe $module ;;
	esac
	if [[ $provider != "$PROVIDER" ]]; then
		PROVIDER=$provider
		rebind_owner || verdict "not ok" "$kernel/$provider could not be bound"
	fi
	"run_$target" || verdict "not ok" "$label could not be run"
done

messages=$(unexpected_messages)
if [[ $messages ]]; then
	echo "# ${messages//$'\n'/$'\n'# }"
	verdict "not ok" "$kernel: the kernel log has messages that no test provoked"
else
	verdict ok "$kernel: the kernel log has no message that no test provoked"
fi
echo "1..$tests"
((failed == 0))
