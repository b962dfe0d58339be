# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A VF that nobody made transitional, in the hands of the same driver.

fact "plain: VF is bound and not transitional" \
	"begin_group plain; vf_bind ${vfs[1]} &&
	 is transitional \$(vf_attr ${vfs[1]} transitional) 0"
needs
fact "plain: guest boots and has a network device" \
	boot plain modern "${vfs[1]}" 192.0.2.13
needs
fact "plain: guest's lspci -n shows 1af4:1041" \
	guest_pci_id plain "1af4:1041 (rev 01)"
fact "plain: negotiated with VERSION_1" guest_feature plain 32 1
fact "plain: ping" guest_pings plain "$host_ip"
fact "plain: guest takes a command in pieces" guest_hears_pieces plain
fact "plain: guest powers off" guest_stop plain
fact "plain: VF unbinds and is left reset" vf_is_reset "${vfs[1]}"
fact "plain: no host kernel message above info level" host_is_quiet plain
