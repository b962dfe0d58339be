# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A card that takes its time: resets that last, answers that come late, after
# random times and out of order. Two guests share it, a legacy one and one that
# takes the modern interface.

# card_is_slow RESET-MS JITTER-MS
card_is_slow()
{
	card set reset-ms "$1" && card set jitter-ms "$2"
}

fact "slow: both VFs are bound and made transitional" \
	"begin_group slow; bind_transitional ${vfs[0]} &&
	 bind_transitional ${vfs[1]}"
needs
fact "slow: card takes 300 ms for a reset, 20 for an answer" \
	card_is_slow 300 20
fact "slow: legacy guest boots and has a network device" \
	boot old legacy "${vfs[0]}" 192.0.2.31
needs
fact "slow: modern guest boots beside it" \
	boot new modern "${vfs[1]}" 192.0.2.32
needs
fact "slow: the one is legacy, the other not" \
	"guest_feature old 32 0 && guest_feature new 32 1"
fact "slow: legacy ping" guest_pings old "$host_ip"
fact "slow: modern ping" guest_pings new "$host_ip"
fact "slow: 10 MB from the host arrive unchanged" guest_downloads old 10
fact "slow: 5 cycles of modprobe -r and modprobe" \
	guest_reloads old 192.0.2.31 5
fact "slow: download after them" guest_downloads old 10
fact "slow: the same with the modern driver" \
	"guest_reloads new 192.0.2.32 5 && guest_downloads new 10"
fact "slow: legacy guest reboots, QEMU stays" guest_reboots old 192.0.2.31
fact "slow: ping after the reboot" guest_pings old "$host_ip"
fact "slow: no guest kernel message above info level" \
	"guest_is_quiet old && guest_is_quiet new"
fact "slow: no reset took too long" \
	"is legacy_reset_timeout \$(vf_attr ${vfs[0]} legacy_reset_timeout) 0"
fact "slow: legacy guest powers off" guest_stop old
fact "slow: QEMU of the modern one is killed" guest_kill new
fact "slow: both VFs unbind and are left reset" \
	"vf_is_reset ${vfs[0]} && vf_is_reset ${vfs[1]}"
fact "slow: no host kernel message above info level" host_is_quiet slow
fact "card: is quick again" card_is_slow 0 0
