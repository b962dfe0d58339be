# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A legacy guest of the machine type that most people use: PCI Express, with the
# VF behind a root port, which has to pass I/O space on.

fact "q35: VF is bound and made transitional" \
	"begin_group q35; bind_transitional ${vfs[1]}"
needs
fact "q35: guest boots and has a network device" \
	boot_q35 q35 legacy "${vfs[1]}" 192.0.2.14
needs
fact "q35: guest's lspci -n shows 1af4:1000, revision 0" \
	guest_pci_id q35 1af4:1000
fact "q35: BAR0 is 64 bytes of I/O" guest_io_bar q35 64
fact "q35: negotiated without VERSION_1" guest_feature q35 32 0
fact "q35: ping" guest_pings q35 "$host_ip"
fact "q35: interrupts are MSI-X" guest_uses_msix q35
fact "q35: 10 MB to the host arrive unchanged" guest_uploads q35 192.0.2.14 10
fact "q35: guest powers off" guest_stop q35
fact "q35: VF unbinds and is left reset" vf_is_reset "${vfs[1]}"
fact "q35: no host kernel message above info level" host_is_quiet q35
