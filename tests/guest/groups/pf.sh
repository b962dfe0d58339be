# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# The PF goes through a reset, and then away, while a legacy guest has a VF.

# Its interface comes back anew.
pf_resets()
{
	timeout 60 sh -c "echo 1 >$PCI_DEVICES/$PF/reset" || return
	pf_interface
}

pf_interface()
{
	local i

	for ((i = 0; i < 100; i++)); do
		[[ ! -e /sys/class/net/$PF_NETDEV/device ]] || break
		sleep 0.1
	done
	ip link set "$PF_NETDEV" up && ip addr replace "$host_ip/24" dev "$PF_NETDEV"
}

# pf_loses FILE VALUE - VFIO asks QEMU for the VF, QEMU the guest's kernel
pf_loses()
{
	local i

	echo "$2" >"$PCI_DEVICES/$PF/$1" &
	for ((i = 0; i < 600; i++)); do
		[[ -e $PCI_DEVICES/$PF/driver ]] || return 0
		sleep 0.1
	done
	say_error "the PF has its driver after 60 s"
}

pf_is_found()
{
	echo 1 >/sys/bus/pci/rescan && udevadm settle --timeout=30
}

guest_has_no_nic()
{
	is interfaces "$(guest_exec "$1" "ls /sys/class/net")" lo
}

pf_comes_back()
{
	is interface "$(pf-driver "$1")" "$PF_NETDEV" && pf_interface &&
		echo ${#vfs[@]} >"$PCI_DEVICES/$PF/sriov_numvfs"
}

fact "pf: VF is bound and made transitional" \
	"begin_group pf; bind_transitional ${vfs[0]}"
needs
fact "pf: guest boots" boot pf legacy "${vfs[0]}" 192.0.2.31
needs
fact "pf: ping" guest_pings pf "$host_ip"
fact "pf: is reset while the guest runs" pf_resets
fact "pf: guest's network is back once it has bound the device anew" \
	guest_rebinds pf 192.0.2.31 1
fact "pf: ping after that" guest_pings pf "$host_ip"
fact "pf: unbinds while the guest runs" pf_loses driver/unbind "$PF"
fact "pf: guest runs on without the VF" guest_has_no_nic pf
fact "pf: comes back" pf_comes_back owner
fact "pf: VF is bound again" bind_transitional "${vfs[0]}"
fact "pf: another guest boots" boot other legacy "${vfs[0]}" 192.0.2.32
fact "pf: ping from that" guest_pings other "$host_ip"
fact "pf: is removed while that runs" pf_loses remove 1
fact "pf: guest runs on without the VF then" guest_has_no_nic other
fact "pf: is found again and comes back" "pf_is_found && pf_comes_back owner"
fact "pf: guests power off" "guest_stop pf && guest_stop other"
