#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guests.sh NAME TURNS ROUNDS MEGABYTES - in the lab host: what a guest gets of a
# transitional VF of ours; lines of TARGET NAME-MEASURE VALUE
#
# TARGET is guest-legacy, whose QEMU writes its notifications to the VFIO device,
# guest-eventfd, the same where KVM and the driver do (see contrib/qemu), or
# guest-modern, which writes them to the card. Each is on the same VF under the
# same QEMU, and has several turns of several rounds: a machine is never the same
# for long. The best round counts.

# shellcheck source=tests/lab/guest/lib.sh
. /usr/lib/virtio-vfio-lab/guest/lib.sh
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$(realpath "$0")")"

name=$1 turns=$2 rounds=$3 megabytes=$4
GUEST_QEMU=/run/lab/qemu
host_ip=192.0.2.1 guest_ip=192.0.2.11
pings=100

# start TARGET
start()
{
	local mode=legacy vf="vfio-pci,host=$VFS"

	case $1 in
	guest-legacy) vf+=,x-no-kvm-ioeventfd=on ;;
	guest-modern) mode=modern ;;
	esac
	guest_start bench "$mode" -L /usr/share/seabios -L /usr/share/qemu \
		-device "$vf"
	guest_ready bench
	guest_exec bench "netup $guest_ip/24 >/dev/null && cd /tmp &&
		wget -q http://$host_ip/data http://$host_ip/outw && chmod +x outw"
}

# Nanoseconds. All of them have to reach the card.
outw()
{
	local before

	before=$(card get notify-member)
	guest_exec bench "/tmp/outw 0000:00:02.0"
	(($(card get notify-member) - before >= 600)) ||
		say_error "$target: the card was not notified"
}

# MB/s. The guest knows better than the host when a command of it begins.
download()
{
	guest_exec bench "
		now() { sed -n 's/^now at \([0-9]*\).*/\1/p' /proc/timer_list; }
		begin=\$(now)
		wget -q -O /dev/null http://$host_ip/data || exit
		awk \"BEGIN { print $megabytes * 1e9 / (\$(now) - \$begin) }\""
}

# MB/s
upload()
{
	local begin=${EPOCHREALTIME/./}

	busybox wget -q -O /dev/null "http://$guest_ip/data"
	awk "BEGIN { print $megabytes * 1e6 / (${EPOCHREALTIME/./} - $begin) }"
}

# Microseconds for each of many, one after the other.
ping()
{
	guest_exec bench "ping -A -q -c $pings $host_ip" |
		awk -F / '/^round-trip/ { print $4 * 1000 }'
}

# interrupts - of the guest's network device so far
interrupts()
{
	guest_exec bench "awk '/virtio0-/ { n += \$2 } END { print n }' /proc/interrupts"
}

# measure WHAT UNITS - and how many interrupts it takes for each unit
measure()
{
	local before value after

	before=$(interrupts)
	value=$("$1")
	after=$(interrupts)
	echo "$target $name-$1 $value"
	echo "$target $name-$1-interrupts" \
		"$(awk "BEGIN { print ($after - $before) / $2 }")"
}

one_turn()
{
	local round ns

	start "$target"
	if [[ $target != guest-modern ]]; then
		ns=$(outw)
		echo "$target $name-outw $ns"
	fi
	for ((round = 0; round < rounds; round++)); do
		measure download "$megabytes"
		measure upload "$megabytes"
		measure ping $pings
	done
	guest_stop bench
}

# The best of all rounds, and the mean of interrupts.
summary()
{
	awk '
		{ key = $1 " " $2; sum[key] += $3; n[key]++ }
		!(key in best) || ($2 ~ /load$/ ? $3 > best[key] : $3 < best[key]) {
			best[key] = $3
		}
		END {
			for (key in n) {
				value = key ~ /interrupts$/ ? sum[key] / n[key] : best[key]
				printf value < 100 ? "%s %.3g\n" : "%s %d\n", key, value
			}
		}' | sort
}

files=$(mktemp -d)
cp outw "$files"
head -c "${megabytes}M" /dev/urandom >"$files/data"
modprobe virtio_vfio_pci
vf_bind "$VFS"
vf_transitional "$VFS"
# Polling takes the processor from the other end, and a clock that counts
# instructions hardly moves meanwhile.
echo 0 >/sys/module/kvm/parameters/halt_poll_ns
ip link set "$PF_NETDEV" up
ip addr add "$host_ip/24" dev "$PF_NETDEV"
net_serve "$files" "$host_ip" 80

for ((turn = 0; turn < turns; turn++)); do
	for target in guest-legacy guest-eventfd guest-modern; do
		one_turn
	done
done | tee "$name-rounds" | summary
