# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# Two legacy guests on two VFs of one card.

# pair_transfers TO FROM-ADDRESS FROM - over the card's switch
pair_transfers()
{
	local sum

	sum=$(guest_makes "$3" 10) || return
	is checksum "$(guest_get "$1" "http://$2/data" /tmp/copy)" "$sum"
}

pf_is_bound()
{
	[[ -e $PCI_DEVICES/$PF/driver ]] || say_error "the PF has no driver" ||
		return
	is VFs "$(<"$PCI_DEVICES/$PF/sriov_numvfs")" ${#vfs[@]}
}

fact "pair: both VFs are bound and made transitional" \
	"begin_group pair; bind_transitional ${vfs[2]} &&
	 bind_transitional ${vfs[3]}"
needs
fact "pair: first guest boots" boot left legacy "${vfs[2]}" 192.0.2.21
needs
fact "pair: second guest boots beside it" \
	boot right legacy "${vfs[3]}" 192.0.2.22
needs
fact "pair: both are active" \
	"active_is ${vfs[2]} 1 && active_is ${vfs[3]} 1"
fact "pair: first negotiated without VERSION_1" guest_feature left 32 0
fact "pair: second negotiated without VERSION_1" guest_feature right 32 0
fact "pair: MAC addresses are the VFs'" \
	"guest_mac left 52:54:00:00:00:03 && guest_mac right 52:54:00:00:00:04"
fact "pair: first pings second" guest_pings left 192.0.2.22
fact "pair: second pings first" guest_pings right 192.0.2.21
fact "pair: 10 MB from first to second arrive unchanged" \
	pair_transfers right 192.0.2.21 left
fact "pair: 10 MB from second to first arrive unchanged" \
	pair_transfers left 192.0.2.22 right
fact "pair: first powers off" guest_stop left
fact "pair: second is still active, first is not" \
	"active_is ${vfs[2]} 0 && active_is ${vfs[3]} 1"
fact "pair: second still pings the host" guest_pings right "$host_ip"
fact "pair: QEMU of the second is killed" guest_kill right
fact "pair: neither is active" \
	"active_is ${vfs[2]} 0 && active_is ${vfs[3]} 0"
fact "pair: both VFs unbind and are left reset" \
	"vf_is_reset ${vfs[2]} && vf_is_reset ${vfs[3]}"
fact "pair: driver unloads" modprobe -r virtio_vfio_pci
fact "pair: PF has its driver and VFs all the same" pf_is_bound
fact "pair: no host kernel message above info level" host_is_quiet pair
