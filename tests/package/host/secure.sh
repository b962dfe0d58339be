# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154,SC2317
#
# A host with Secure Boot, whose firmware has the key that DKMS signs with, and
# whose PF is opted in; its VFs are made before there is a root file system.

modules=/lib/modules/$(uname -r)/updates/dkms

secure_boot()
{
	dmesg | grep -F 'secureboot: Secure boot enabled' &&
		grep -F 'asymmetri Lab MOK: ' /proc/keys
}

vfs()
{
	basename -a "$(readlink "$PCI_DEVICES/$PF/virtfn0")" \
		"$(readlink "$PCI_DEVICES/$PF/virtfn1")"
}

all_bound()
{
	local vf

	for vf in $(vfs); do
		is "driver of $vf" "$(vf_driver "$vf")" virtio_vfio_pci &&
			is "$vf is transitional" "$(vf_attr "$vf" transitional)" 1 || return
	done
}

# By udev and the service that it starts.
bound_before_root()
{
	local i

	is "VFs in the initramfs" "$(grep -c '^virtfn[01] virtio-pci$' /before-root.log)" 2 || {
		cat /before-root.log
		return 1
	}
	for ((i = 0; i < 60; i++)); do
		! all_bound >/dev/null || break
		sleep 1
	done
	all_bound
}

signer()
{
	modinfo -F signer virtio_vfio_pci
}

# doctor_says STATUS TEXT...
doctor_says()
{
	local said status=0 text

	said=$(virtio-vfio doctor) || status=$?
	for text in "${@:2}"; do
		[[ $status == "$1" && $said == *"$text"* ]] ||
			say_error "status $status: $said" || return
	done
}

trusted_loads()
{
	is signer "$(signer)" "Lab MOK" && doctor_says 0 'signed by "Lab MOK"' || return
	# shellcheck disable=SC2046 # two addresses
	virtio-vfio unbind $(vfs) && modprobe -r virtio_vfio_pci &&
		echo 1 >/sys/module/module/parameters/sig_enforce &&
		is module.sig_enforce "$(</sys/module/module/parameters/sig_enforce)" Y &&
		modprobe virtio_vfio_pci && modprobe -r virtio_vfio_pci virtio_pci_owner
}

# refused DIR TEXT - the modules there, and doctor says why and what helps
refused()
{
	local said

	cp "/root/life/$1"/*.ko.xz "$modules" || return
	said=$(modprobe virtio_vfio_pci 2>&1) && say_error "it was loaded" && return 1
	[[ $said == *"Key was rejected by service"* || $said == *"Operation not permitted"* ]] ||
		say_error "$said" || return
	doctor_says 3 "$2" "mokutil --import"
}

fact "Secure Boot is on, and the kernel has DKMS' key" secure_boot
fact "VFs that were there before the root file system are bound as decided" \
	bound_before_root
fact "a module that DKMS signed is loaded with module.sig_enforce=1" trusted_loads
fact "a module signed by another key is refused, and doctor says so" \
	refused other 'signed by "Lab other", and this kernel has no such key'
fact "an unsigned module is refused, and doctor says so" \
	refused unsigned "loads signed modules only"
run_facts "secure/"
end_facts || status=1
# Under lockdown nothing writes to the port that ends the lab's host.
sync
cut_power "$status"
