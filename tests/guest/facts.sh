# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the groups ask of a VF, a guest and the host. To be sourced.

: "${TRANSFER_MB:=100}"

host_ip=192.0.2.1
host_files=
guest_nic=/sys/bus/virtio/devices/virtio0

host_setup()
{
	local size

	host_files=$(mktemp -d /var/tmp/check-guest.XXXXXX) || return
	ip addr flush dev "$PF_NETDEV" && ip link set "$PF_NETDEV" up &&
		ip addr add "$host_ip/24" dev "$PF_NETDEV" || return
	for size in 10 "$TRANSFER_MB"; do
		head -c "${size}M" /dev/urandom >"$host_files/$size"
		sha256sum <"$host_files/$size" | cut -d' ' -f1 \
			>"$host_files/$size.sum"
	done
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

# awk program for the output of `dmesg -r`: messages above info level since the
# last line with the text `mark`, without those that match `noise`.
# shellcheck disable=SC2016 # awk's variables
loud='
	index($0, mark) { lines = ""; next }
	match($0, /^<[0-9]+>/) &&
		substr($0, 2, RLENGTH - 2) % 8 < 6 &&
		$0 !~ noise { lines = lines $0 "\n" }
	END { printf "%s", lines }'

# What has nothing to do with a VF: what any module built by DKMS without an
# enrolled key brings about, and what timekeeping thinks of a machine that is
# emulated by a busy one.
noise='loading out-of-tree module taints kernel'
noise+='|module verification failed: signature and/or required key missing'
noise+='|clocksource: .*(Long readout interval|[Ww]atchdog|retried)'
noise+='|hrtimer: interrupt took'

host_is_quiet()
{
	local lines

	lines=$(dmesg -r | awk -v mark="check-guest: $1" -v noise="$noise" "$loud")
	[[ -z $lines ]] || { echo "$lines"; return 1; }
}

vf_is_reset()
{
	local vf=$1 command where status

	vf_unbind "$vf" || return
	command=$(setpci -s "$vf" COMMAND)
	is "bus mastering and I/O" $((0x$command & 5)) 0 || return

	where=$(vf_common_cfg "$vf") || return
	status=$(busybox devmem $((where + 0x14)) 8) || return
	is "device status" "$status" 0x00
}

# Physical address of the modern common configuration structure. (lspci shows
# no virtio capabilities of a VF, whose own vendor ID reads as ffff.)
vf_common_cfg()
{
	local vf=$1 pos bytes base

	read -ra bytes < <(od -An -v -tu1 -w256 -N 256 "$PCI_DEVICES/$vf/config")
	for ((pos = bytes[0x34]; pos; pos = bytes[pos + 1])); do
		((bytes[pos] == 9 && bytes[pos + 3] == 1)) || continue
		base=$(sed -n "$((bytes[pos + 4] + 1))s/ .*//p" \
			"$PCI_DEVICES/$vf/resource")
		echo $((base + bytes[pos + 8] + (bytes[pos + 9] << 8) +
			(bytes[pos + 10] << 16) + (bytes[pos + 11] << 24)))
		return
	done
	say_error "$vf has no virtio common configuration"
}

# --- guest -------------------------------------------------------------------

# boot NAME MODE VF ADDRESS
boot()
{
	guest_start "$1" "$2" "$3" && guest_ready "$1" && guest_nic_up "$1" "$4"
}

# boot_q35 NAME MODE VF ADDRESS - behind a root port, as libvirt would have it
boot_q35()
{
	GUEST_MACHINE=q35 guest_start "$1" "$2" \
		-device pcie-root-port,id=rp,bus=pcie.0,addr=2 \
		-device "vfio-pci,host=$3,bus=rp" &&
		guest_ready "$1" && guest_nic_up "$1" "$4"
}

# boot_patched NAME VF ADDRESS - under the QEMU that the lab built, which logs what
# it writes to the VF
boot_patched()
{
	GUEST_QEMU=/run/lab/qemu guest_start "$1" legacy \
		-L /usr/share/seabios -L /usr/share/qemu -trace vfio_region_write \
		-device "vfio-pci,host=$2" &&
		guest_ready "$1" && guest_nic_up "$1" "$3"
}

guest_nic_up()
{
	is "network device" "$(guest_exec "$1" "netup $2/24")" eth0
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
		"lspci -vvd 1af4: 2>/dev/null | grep 'Region 0:'")
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

	lines=$(guest_exec "$1" "grep 'PCI-MSI.*virtio0-' /proc/interrupts
		lspci -vvd 1af4: 2>/dev/null | grep MSI-X:")
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

# rate MB BEGIN
rate()
{
	local us=$((${EPOCHREALTIME/./} - $2))

	echo "$1 MB at $(($1 * 1000000 / us)) MB/s"
}

# guest_downloads NAME MB
guest_downloads()
{
	local begin=${EPOCHREALTIME/./} sum

	sum=$(guest_get "$1" "http://$host_ip/$2" /tmp/data) || return
	rate "$2" "$begin"
	is checksum "$sum" "$(<"$host_files/$2.sum")"
}

# guest_makes NAME MB - data of its own, to be downloaded from it
guest_makes()
{
	guest_exec "$1" "dd if=/dev/urandom of=/tmp/data bs=1M count=$2 \
		2>/dev/null && sha256sum </tmp/data | cut -d' ' -f1"
}

qemu_writes()
{
	grep -c vfio_region_write "$(guest_dir "$1")/log"
}

# notifies_alone NAME - of a download's notifications, QEMU writes hardly any; it
# needs some to know which there are
notifies_alone()
{
	local writes notified

	guest_downloads "$1" 10 || return
	writes=$(qemu_writes "$1") notified=$(card get notify-member)
	guest_downloads "$1" 10 || return
	writes=$(($(qemu_writes "$1") - writes))
	notified=$(($(card get notify-member) - notified))
	echo "$notified notifications, $writes writes by QEMU"
	((notified >= 20 && writes < notified / 10))
}

# guest_uploads NAME ADDRESS MB
guest_uploads()
{
	local begin sum made

	made=$(guest_makes "$1" "$3") || return
	begin=${EPOCHREALTIME/./}
	sum=$(host_get "http://$2/data") || return
	rate "$3" "$begin"
	is checksum "$sum" "$made"
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

# A second after a command a child of the guest's init ends.
guest_hears_pieces()
{
	local ctl fd answer

	ctl=$(guest_dir "$1")/ctl
	guest_exec "$1" true || return
	printf 'pieces 5 ' >"$ctl.in"
	sleep 2
	base64 <<<"echo whole" >"$ctl.in"
	exec {fd}<>"$ctl.out"
	answer=$(guest_answer "$1" "$fd" pieces)
	is answer "$answer" whole
}

# guest_reloads NAME ADDRESS TIMES
guest_reloads()
{
	local name=$1 address=$2

	guest_exec "$name" "
		for i in \$(seq $3); do
			modprobe -r virtio_net && modprobe virtio_net &&
				netup $address/24 >/dev/null || exit 1
		done"
}

# guest_rebinds NAME ADDRESS TIMES
guest_rebinds()
{
	local name=$1 address=$2

	guest_exec "$name" "
		cd /sys/bus/pci/drivers/virtio-pci
		for i in \$(seq $3); do
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
	local lines

	lines=$(guest_exec "$1" "dmesg -r |
		awk -v mark='guest: drivers' -v noise='$noise' '$loud'") || return
	[[ -z $lines ]] || { echo "$lines"; return 1; }
}
