# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Functions for scripts that run inside the lab host: VFs and nested guests.
# To be sourced. Everything returns non-zero and says why on stderr when it
# fails; nothing exits the caller.
#
# A nested guest has a name and a directory $GUEST_RUN/NAME with
#   pid, console, log      QEMU's process id, the guest's console, QEMU's stderr
#   ctl.in, ctl.out        the guest's second serial port: commands and answers
#   mon.in, mon.out        QEMU's monitor
#   broken                 there once a command was not answered in time

: "${GUEST_RUN:=/run/virtio-vfio-guest}"
: "${GUEST_IMAGE:=/usr/lib/virtio-vfio-lab/guest}"
: "${GUEST_ACCEL:=kvm}"
: "${GUEST_QEMU:=qemu-system-x86_64}"
: "${GUEST_MACHINE:=pc}"
: "${GUEST_MEMORY:=320}"
# Two vCPUs on an emulated host CPU's SVM hang at times on a busy machine.
: "${GUEST_CPUS:=1}"
: "${GUEST_BOOT_TIMEOUT:=180}"
: "${GUEST_EXEC_TIMEOUT:=120}"

PCI_DEVICES=/sys/bus/pci/devices
GUEST_TRACE=/sys/kernel/tracing

say_error()
{
	echo "$*" >&2
	return 1
}

# --- VFs ---------------------------------------------------------------------

# vf_driver BDF - the driver it is bound to, or nothing
vf_driver()
{
	local link=$PCI_DEVICES/$1/driver

	if [[ -e $link ]]; then
		basename "$(readlink -f "$link")"
	fi
}

# vf_bind BDF [DRIVER] - bind it to that driver alone
vf_bind()
{
	local vf=$1 driver=${2:-virtio_vfio_pci}

	vf_unbind "$vf" || return
	modprobe "$driver" || return
	echo "$driver" >"$PCI_DEVICES/$vf/driver_override" || return
	echo "$vf" >/sys/bus/pci/drivers_probe || return
	[[ $(vf_driver "$vf") == "${driver//_/-}" ||
	   $(vf_driver "$vf") == "$driver" ]] ||
		say_error "$vf: not bound to $driver" || return
	# Debian's 6.1 lets no one open it while udev reads its uevent file.
	udevadm settle --timeout=30
}

# vf_unbind BDF - leave it without a driver
vf_unbind()
{
	local vf=$1

	if [[ -e $PCI_DEVICES/$vf/driver ]]; then
		echo "$vf" >"$PCI_DEVICES/$vf/driver/unbind" || return
	fi
	echo >"$PCI_DEVICES/$vf/driver_override"
}

# vf_attr BDF NAME - one of the driver's attributes of the VF
vf_attr()
{
	cat "$PCI_DEVICES/$1/virtio_vfio/$2"
}

# vf_transitional BDF [0|1]
vf_transitional()
{
	echo "${2:-1}" >"$PCI_DEVICES/$1/virtio_vfio/transitional"
}

# --- nested guests -----------------------------------------------------------

guest_dir()
{
	echo "$GUEST_RUN/$1"
}

guest_running()
{
	local dir=$GUEST_RUN/$1

	[[ -e $dir/pid ]] && kill -0 "$(<"$dir/pid")" 2>/dev/null
}

# guest_processor DIR - where it is, and what of its stack could be return addresses
guest_processor()
{
	printf '%s\n' "info registers" "x /96gx \$esp" 1<>"$1/mon.in"
	timeout 3 cat "$1/mon.out" | tr -d '\r' | awk '
		/^RIP=/ { print }
		/^[0-9a-f]+: 0x/ { for (i = 2; i <= NF; i++)
			if ($i ~ /^0xffffffff/) addresses = addresses " " $i }
		END { print addresses }'
}

# guest_watch - have the host's kernel remember where guests were when they stopped
#
# Once in many hours QEMU's emulated processor gives a guest the registers of its
# host: it goes on behind the host's VMRUN with the host's page tables, and stands
# still or is reset. There the trace ends, with what was before.
guest_watch()
{
	local exits=$GUEST_TRACE/events/kvm/kvm_exit vmrun

	[[ -d $GUEST_TRACE ]] || return
	vmrun=$(cat /sys/module/kvm_amd/sections/.noinstr.text) || return
	mountpoint -q "$GUEST_TRACE" || mount -t tracefs tracefs "$GUEST_TRACE" || return
	printf 'traceoff if guest_rip > %s && guest_rip < 0x%x' "$vmrun" \
		"$((vmrun + 2048))" >"$exits/trigger" || return
	echo 1 >"$exits/enable"
}

# guest_has_hosts_registers - whether that has happened
guest_has_hosts_registers()
{
	[[ $(cat "$GUEST_TRACE/tracing_on" 2>/dev/null) == 0 ]]
}

# guest_why NAME - what is known about a guest that does not answer
guest_why()
{
	local dir=$GUEST_RUN/$1

	{
		if guest_running "$1"; then
			echo "guest $1: its processor, twice:"
			guest_processor "$dir"
			guest_processor "$dir"
		else
			echo "guest $1: QEMU has ended"
		fi
		tail -n 20 "$dir/log"
		echo "guest $1: end of its console:"
		tail -n 30 "$dir/console" | tr -d '\r'
		if guest_has_hosts_registers; then
			echo "guest $1: it got the host's registers from QEMU:"
			tail -n 40 "$GUEST_TRACE/trace"
		fi
	} >&2
	return 1
}

# guest_accel - make the accelerator usable
guest_accel()
{
	[[ $GUEST_ACCEL == kvm* && ! -e /dev/kvm ]] || return 0
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null
	[[ -e /dev/kvm ]] || say_error "no /dev/kvm for nested guests"
}

# guest_make_dir NAME - the directory for its files
guest_make_dir()
{
	local dir=$GUEST_RUN/$1

	rm -rf "$dir"
	mkdir -p "$dir" && mkfifo "$dir/"{ctl,mon}.{in,out} && : >"$dir/console"
}

# guest_append legacy|modern - its kernel's command line
guest_append()
{
	local append="console=ttyS0,115200 quiet panic=-1 mitigations=off"

	append+=" tsc=reliable no_timer_check random.trust_cpu=on nokaslr"
	# An emulated host CPU has no performance counters, and KVM complains.
	append+=" initcall_blacklist=init_hw_perf_events"
	[[ $1 != legacy ]] || append+=" virtio_pci.force_legacy=1"
	echo "$append"
}

# guest_start NAME legacy|modern BDF|QEMU-ARGUMENTS... - start and do not wait
#
# The VF is named by its address; instead of one, any arguments for QEMU can
# be given. "legacy" makes the guest's kernel use the legacy interface of a
# transitional device.
guest_start()
{
	local name=$1 mode=$2 dir=$GUEST_RUN/$1 device cpu=host
	shift 2

	guest_running "$name" && { say_error "guest $name runs"; return; }
	guest_accel && guest_make_dir "$name" || return
	device=("$@")
	[[ $# != 1 ]] || device=(-device "vfio-pci,host=$1,id=vf")
	[[ $GUEST_ACCEL == kvm* ]] || cpu=max

	"$GUEST_QEMU" -name "$name" -machine "$GUEST_MACHINE" -accel "$GUEST_ACCEL" \
		-cpu "$cpu" -smp "$GUEST_CPUS" -m "$GUEST_MEMORY" \
		-nodefaults -no-user-config -display none \
		-kernel "$GUEST_IMAGE/vmlinuz" -initrd "$GUEST_IMAGE/initramfs" \
		-append "$(guest_append "$mode")" -serial "file:$dir/console" \
		-chardev "pipe,id=ctl,path=$dir/ctl" -serial chardev:ctl \
		-chardev "pipe,id=mon,path=$dir/mon" -mon mon \
		"${device[@]}" </dev/null >"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
}

# guest_hear NAME FD UNTIL - a line from the control channel into `heard`
#
# Waits in short steps, so what a step got of a line is kept for the next one.
# 124 when SECONDS has reached UNTIL, 125 when QEMU has ended.
guest_hear()
{
	local part

	heard=
	while ((SECONDS < $3)); do
		if IFS= read -r -t 1 -u "$2" part; then
			heard+=$part
			return
		fi
		heard+=$part
		guest_running "$1" || return 125
	done
	return 124
}

# guest_lost NAME TEXT - give up on it
guest_lost()
{
	: >"$GUEST_RUN/$1/broken"
	echo "guest $1: $2" >&2
	guest_why "$1"
}

# guest_ready NAME [SECONDS] - wait for a guest that was started or rebooted
guest_ready()
{
	local name=$1 fd heard='' begin=$SECONDS
	local end=$((SECONDS + ${2:-$GUEST_BOOT_TIMEOUT}))

	exec {fd}<>"$GUEST_RUN/$name/ctl.out" || return
	while [[ $heard != *@ready ]]; do
		guest_hear "$name" "$fd" "$end" || {
			exec {fd}>&-
			guest_lost "$name" "not up after $((SECONDS - begin)) s"
			return
		}
	done
	exec {fd}>&-
}

# guest_answer NAME FD ID - print what came before the end of that command and
# return its status
guest_answer()
{
	local heard='' begun='' end=$((SECONDS + GUEST_EXEC_TIMEOUT + 10))

	while guest_hear "$1" "$2" "$end"; do
		case $heard in
		*"@end $3 "*)
			printf '%s' "${heard%@end "$3" *}"
			return "${heard##* }"
			;;
		"@begin $3")
			begun=1
			;;
		@ready)
			guest_lost "$1" "has rebooted"
			return 125
			;;
		*)
			[[ -z $begun ]] || printf '%s\n' "$heard"
			;;
		esac
	done
	guest_lost "$1" "no answer"
	return 124
}

# guest_exec NAME COMMAND - run it by the guest's shell: output and status
#
# The command is ended after GUEST_EXEC_TIMEOUT seconds. 124 when the guest does
# not answer, 125 when it has ended or rebooted.
guest_exec()
{
	local name=$1 dir=$GUEST_RUN/$1 fd id=$BASHPID.$RANDOM status

	[[ ! -e $dir/broken ]] || { say_error "guest $name is lost"; return 125; }
	guest_running "$name" || { guest_why "$name"; return 125; }
	exec {fd}<>"$dir/ctl.out" || return
	printf '%s %s %s\n' "$id" "$GUEST_EXEC_TIMEOUT" \
		"$(base64 -w 0 <<<"$2")" >"$dir/ctl.in"
	guest_answer "$name" "$fd" "$id"
	status=$?
	exec {fd}>&-
	return "$status"
}

# guest_ended NAME [SECONDS] - wait for QEMU to end
guest_ended()
{
	local end=$((SECONDS + ${2:-60}))

	while guest_running "$1"; do
		((SECONDS < end)) || { say_error "guest $1 runs on"; return; }
		sleep 0.2
	done
}

# guest_stop NAME - power it off from inside, by force where that fails
guest_stop()
{
	local name=$1

	guest_running "$name" || return 0
	guest_later "$name" "poweroff -f" && guest_ended "$name" && return
	guest_kill "$name"
	return 1
}

# guest_kill NAME - end QEMU at once
guest_kill()
{
	local dir=$GUEST_RUN/$1

	guest_running "$1" || return 0
	kill -9 "$(<"$dir/pid")"
	guest_ended "$1"
}

# guest_reboot NAME - reset it from inside and wait until it is back
guest_reboot()
{
	guest_later "$1" "reboot -f" && guest_ready "$1"
}

# guest_later NAME COMMAND - for commands that leave no one to answer
guest_later()
{
	guest_exec "$1" "(sleep 0.2; $2) >/dev/null 2>&1 3>&- &"
}

# --- traffic -----------------------------------------------------------------
#
# Every guest offers its /tmp over HTTP, and the host a directory of its own.

# net_serve DIR ADDRESS PORT - offer files over HTTP; leaves the process id in
# NET_SERVER
net_serve()
{
	busybox httpd -f -p "$2:$3" -h "$1" </dev/null >/dev/null 2>&1 &
	# shellcheck disable=SC2034
	NET_SERVER=$!
}

# guest_get NAME URL FILE - download into a file of the guest; prints SHA-256
guest_get()
{
	guest_exec "$1" "wget -q -O $3 $2 && sha256sum <$3 | cut -d' ' -f1"
}

# host_get URL - download to the host; prints SHA-256
host_get()
(
	set -o pipefail
	timeout "$GUEST_EXEC_TIMEOUT" busybox wget -q -O - "$1" |
		sha256sum | cut -d' ' -f1
)
