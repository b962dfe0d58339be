# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# The same transitional VF with a driver that prefers the modern interface.

fact "modern: VF is bound and made transitional" \
	"begin_group modern; bind_transitional ${vfs[0]}"
needs
fact "modern: guest boots and has a network device" \
	boot modern modern "${vfs[0]}" 192.0.2.12
needs
fact "modern: guest's lspci -n shows 1af4:1000, revision 0" \
	guest_pci_id modern 1af4:1000
fact "modern: negotiated with VERSION_1" guest_feature modern 32 1
fact "modern: legacy interface is not active" active_is "${vfs[0]}" 0
fact "modern: MAC address is the VF's" guest_mac modern 52:54:00:00:00:01
fact "modern: ping" guest_pings modern "$host_ip"
fact "modern: interrupts are MSI-X" guest_uses_msix modern
fact "modern: 10 MB from the host arrive unchanged" \
	guest_downloads modern 10
fact "modern: 10 MB to the host arrive unchanged" \
	guest_uploads modern 192.0.2.12 10
fact "modern: 5 cycles of modprobe -r and modprobe" \
	guest_reloads modern 192.0.2.12 5
fact "modern: ping after them" guest_pings modern "$host_ip"
fact "modern: guest reboots, QEMU stays" guest_reboots modern 192.0.2.12
fact "modern: ping after the reboot" guest_pings modern "$host_ip"
fact "modern: no guest kernel message above info level" guest_is_quiet modern
fact "modern: guest powers off" guest_stop modern
fact "modern: VF unbinds and is left reset" vf_is_reset "${vfs[0]}"
fact "modern: no host kernel message above info level" host_is_quiet modern
