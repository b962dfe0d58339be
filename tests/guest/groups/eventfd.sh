# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A legacy guest whose doorbell is an eventfd between KVM and our driver: under the
# lab's QEMU, which has contrib/qemu's patch.

fact "eventfd: VF is bound and made transitional" \
	"begin_group eventfd; bind_transitional ${vfs[2]}"
needs
fact "eventfd: guest boots and has a network device" \
	boot_patched eventfd "${vfs[2]}" 192.0.2.17
needs
fact "eventfd: guest's lspci -n shows 1af4:1000" guest_pci_id eventfd 1af4:1000
fact "eventfd: ping" guest_pings eventfd "$host_ip"
fact "eventfd: download arrives unchanged" guest_downloads eventfd 10
fact "eventfd: upload arrives unchanged" guest_uploads eventfd 192.0.2.17 10
fact "eventfd: QEMU has no part in a notification" notifies_alone eventfd
fact "eventfd: guest reboots, QEMU stays" guest_reboots eventfd 192.0.2.17
fact "eventfd: QEMU has no part in a notification then" notifies_alone eventfd
fact "eventfd: guest powers off" guest_stop eventfd
fact "eventfd: VF unbinds and is left reset" vf_is_reset "${vfs[2]}"
fact "eventfd: no host kernel message above info level" host_is_quiet eventfd
