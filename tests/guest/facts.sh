# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the groups ask of a VF, a guest and the host. To be sourced.

: "${TRANSFER_MB:=100}"
: "${RELOADS:=20}"

host_ip=192.0.2.1
host_files=
guest_nic=/sys/bus/virtio/devices/virtio0

host_setup()
{
	host_files=$(mktemp -d /var/tmp/check-guest.XXXXXX) || return
	ip addr flush dev "$PF_NETDEV" && ip link set "$PF_NETDEV" up &&
		ip addr add "$host_ip/24" dev "$PF_NETDEV" || return
	head -c "${TRANSFER_MB}M" /dev/urandom >"$host_files/data"
	sha256sum <"$host_files/data" | cut -d' ' -f1 >"$host_files/sum"
	net_serve "$host_files" "$host_ip" 80
}

host_teardown()
{
	guests_kill
	kill "$NET_SERVER"
	rm -rf "$host_files"
}

# --- VF and host -------------------------------------------------------------

bind_transitional()
{
	vf_bind "$1" && vf_transitional "$1" && is transitional \
		"$(vf_attr "$1" transitional)" 1
}

active_is()
{
	is legacy_active "$(vf_attr "$1" legacy_active)" "$2"
}

guests_kill()
{
	local dir

	for dir in "$GUEST_RUN"/*/; do
		guest_kill "$(basename "$dir")"
	done
}

# What an earlier group left is out of the way, and in the host's kernel log a
# mark tells where this one begins.
begin_group()
{
	guests_kill
	echo "<6>check-guest: $1" >/dev/kmsg
}

# Messages above info level in `dmesg -r` since the last line with that text,
# without those that have nothing to do with the VF.
loud_since()
{
	awk -v mark="$1" -v quiet="${2:-^$}" '
		index($0, mark) { lines = ""; next }
		match($0, /^<[0-9]+>/) &&
		substr($0, 2, RLENGTH - 2) % 8 < 6 &&
		$0 !~ quiet { lines = lines $0 "\n" }
		END { printf "%s", lines }'
}

host_is_quiet()
{
	local loud

	loud=$(dmesg -r | loud_since "check-guest: $1" "$host_noise")
	[[ -z $loud ]] || { echo "$loud"; return 1; }
}

# KVM's own words about an emulated host CPU.
host_noise='kvm: SMP vm created on host with unstable TSC'

vf_is_reset()
{
	local vf=$1 cap bar offset base command status

	vf_unbind "$vf" || return
	command=$(setpci -s "$vf" COMMAND)
	is "bus mastering and I/O" $((0x$command & 5)) 0 || return

	# device_status of the common configuration, by the modern interface
	cap=$(lspci -vvs "$vf" 2>/dev/null | grep -A 1 'VirtIO: CommonCfg')
	[[ $cap =~ BAR=([0-9]+)\ offset=([0-9a-f]+) ]] ||
		{ echo "no common configuration in: $cap"; return 1; }
	bar=${BASH_REMATCH[1]}
	offset=0x${BASH_REMATCH[2]}
	base=$(sed -n "$((bar + 1))p" "$PCI_DEVICES/$vf/resource")
	status=$(busybox devmem $((${base%% *} + offset + 0x14)) 8) || return
	is "device status" "$status" 0x00
}

# --- guest -------------------------------------------------------------------

# boot NAME MODE VF ADDRESS
boot()
{
	guest_start "$1" "$2" "$3" && guest_ready "$1" &&
		is "network device" "$(guest_exec "$1" "netup $4/24")" eth0
}

guest_pci_id()
{
	local line

	line=$(guest_exec "$1" "lspci -n | grep ' 0200: '")
	echo "$line"
	[[ $line == *" 0200: $2" ]]
}

guest_transitional_ids()
{
	local dev=/sys/bus/pci/devices/0000:00:02.0

	is "revision, subsystem" "$(guest_exec "$1" "
		cd $dev; echo \$(cat revision subsystem_vendor subsystem_device)")" \
		"0x00 0x1af4 0x0001"
}

guest_io_bar()
{
	local line

	line=$(guest_exec "$1" \
		"lspci -vvs 00:02.0 2>/dev/null | grep 'Region 0:'")
	echo "$line"
	[[ $line == *"I/O ports at "*"[size=$2]" && $line != *disabled* ]]
}

# guest_feature NAME BIT 0|1
guest_feature()
{
	is "feature bit $2" "$(guest_exec "$1" \
		"cut -c $(($2 + 1)) $guest_nic/features")" "$3"
}

guest_features()
{
	local name=$1 bit

	for bit in "${@:2}"; do
		guest_feature "$name" "$bit" 1 || return
	done
}

guest_uses_msix()
{
	local lines

	lines=$(guest_exec "$1" "grep 'PCI-MSIX.*virtio0-' /proc/interrupts
		lspci -vvs 00:02.0 2>/dev/null | grep MSI-X:")
	echo "$lines"
	[[ $lines == *virtio0-config* && $lines == *"MSI-X: Enable+"* ]] &&
		grep -Eq ' [1-9][0-9]* .*virtio0-(input|output)' <<<"$lines"
}

guest_mac()
{
	is MAC "$(guest_exec "$1" "cat /sys/class/net/eth0/address")" "$2"
}

guest_pings()
{
	guest_exec "$1" "ping -c 3 -W 5 $2 | tail -n 2" &&
		guest_exec "$1" "ping -c 1 -W 5 $2 >/dev/null"
}

# MB/s of what took so many microseconds since then
rate()
{
	local us=$((${EPOCHREALTIME/./} - $1))

	echo "$TRANSFER_MB MB at $((TRANSFER_MB * 1000000 / us)) MB/s"
}

guest_downloads()
{
	local begin=${EPOCHREALTIME/./} sum

	sum=$(guest_get "$1" "http://$host_ip/data" /tmp/data) || return
	rate "$begin"
	is checksum "$sum" "$(<"$host_files/sum")"
}

# What it sends is data that it made by itself.
guest_uploads()
{
	local begin sum expected

	expected=$(guest_exec "$1" "dd if=/dev/urandom of=/tmp/data \
		bs=1M count=$TRANSFER_MB 2>/dev/null &&
		sha256sum </tmp/data | cut -d' ' -f1") || return
	begin=${EPOCHREALTIME/./}
	sum=$(host_get "http://$2/data") || return
	rate "$begin"
	is checksum "$sum" "$expected"
}

guest_queues()
{
	is "combined channels" "$(guest_exec "$1" \
		"ls -d /sys/class/net/eth0/queues/tx-* | wc -l")" "$2"
}

guest_set_queues()
{
	guest_exec "$1" "ethtool -L eth0 combined $2" && guest_queues "$1" "$2"
}

# Every CPU has its own transmit queue.
guest_sends_on_queue()
{
	local before after
	local counter="ethtool -S eth0 | sed -n 's/^ *tx$2_kicks: //p'"

	before=$(guest_exec "$1" "$counter") || return
	guest_exec "$1" "taskset $((1 << $2)) ping -c 3 -W 5 $3 >/dev/null" ||
		return
	after=$(guest_exec "$1" "$counter")
	echo "notifications of queue $2: $before, then $after"
	((after > before))
}

guest_reloads()
{
	local name=$1 address=$2

	guest_exec "$name" "
		for i in \$(seq $RELOADS); do
			modprobe -r virtio_net && modprobe virtio_net &&
				netup $address/24 >/dev/null || exit 1
		done"
}

guest_rebinds()
{
	local name=$1 address=$2

	guest_exec "$name" "
		cd /sys/bus/pci/drivers/virtio-pci
		for i in \$(seq $RELOADS); do
			echo 0000:00:02.0 >unbind && echo 0000:00:02.0 >bind &&
				netup $address/24 >/dev/null || exit 1
		done"
}

guest_reboots()
{
	local name=$1 address=$2 before after

	before=$(<"$(guest_dir "$name")/pid")
	guest_reboot "$name" || return
	after=$(<"$(guest_dir "$name")/pid")
	is "QEMU's process" "$after" "$before" &&
		guest_exec "$name" "netup $address/24 >/dev/null"
}

guest_is_quiet()
{
	local loud

	loud=$(guest_exec "$1" "dmesg -r" | loud_since "guest: drivers") || return
	[[ -z $loud ]] || { echo "$loud"; return 1; }
}
