# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A guest that knows nothing but the legacy interface.

fact "legacy: VF is bound and made transitional" \
	"begin_group legacy; bind_transitional ${vfs[0]}"
needs
fact "legacy: not active before any guest" active_is "${vfs[0]}" 0
fact "legacy: guest boots and has a network device" \
	boot legacy legacy "${vfs[0]}" 192.0.2.11
needs
fact "legacy: guest's lspci -n shows 1af4:1000, revision 0" \
	guest_pci_id legacy 1af4:1000
fact "legacy: revision 0, subsystem 1af4:0001" guest_transitional_ids legacy
fact "legacy: BAR0 is 64 bytes of I/O" guest_io_bar legacy 64
fact "legacy: negotiated without VERSION_1" guest_feature legacy 32 0
fact "legacy: MAC, status, control queue, multi-queue and MTU negotiated" \
	guest_features legacy 3 5 16 17 22
fact "legacy: MAC address is the VF's" guest_mac legacy 52:54:00:00:00:01
fact "legacy: active while the driver is up" active_is "${vfs[0]}" 1
fact "legacy: ping" guest_pings legacy "$host_ip"
fact "legacy: interrupts are MSI-X" guest_uses_msix legacy
fact "legacy: $TRANSFER_MB MB from the host arrive unchanged" \
	guest_downloads legacy "$TRANSFER_MB"
fact "legacy: $TRANSFER_MB MB to the host arrive unchanged" \
	guest_uploads legacy 192.0.2.11 "$TRANSFER_MB"
fact "legacy: 20 cycles of modprobe -r and modprobe" \
	guest_reloads legacy 192.0.2.11 20
fact "legacy: ping after them" guest_pings legacy "$host_ip"
fact "legacy: 5 cycles of unbind and bind" \
	guest_rebinds legacy 192.0.2.11 5
fact "legacy: ping after them" guest_pings legacy "$host_ip"
fact "legacy: download after them" guest_downloads legacy 10
fact "legacy: no guest kernel message above info level" guest_is_quiet legacy
fact "legacy: guest reboots, QEMU stays" guest_reboots legacy 192.0.2.11
fact "legacy: 1af4:1000 after the reboot" guest_pci_id legacy 1af4:1000
fact "legacy: I/O BAR after the reboot" guest_io_bar legacy 64
fact "legacy: ping after the reboot" guest_pings legacy "$host_ip"
fact "legacy: download after the reboot" guest_downloads legacy 10
fact "legacy: no guest kernel message above info level then" \
	guest_is_quiet legacy
fact "legacy: guest powers off" guest_stop legacy
fact "legacy: not active any more" active_is "${vfs[0]}" 0
fact "legacy: VF unbinds and is left reset" vf_is_reset "${vfs[0]}"
fact "legacy: no host kernel message above info level" host_is_quiet legacy
