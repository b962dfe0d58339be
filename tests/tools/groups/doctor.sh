# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086,SC2154,SC2016
#
# doctor: each thing that can be wrong, one at a time

all_well()
{
	new_tree
	ends 0 doctor && prints "ok    IOMMU: on" &&
		prints "11.3 binds managed VFs to vfio-pci" &&
		prints_not "bad " && ends 0 doctor --json &&
		is verdicts "$(jq -r '[.[].verdict] | unique | join(" ")' "$root/out")" ok
}

# finds VERDICT CHECK TEXT MEND COMMAND - what doctor says after the command
finds()
{
	local found status=0

	new_tree
	eval "$5" || return
	[[ $1 != bad ]] || status=3
	ends $status doctor --json || return
	found=$(jq -r --arg check "$2" --arg verdict "$1" \
		'.[] | select(.check == $check and .verdict == $verdict) | .text + "\n" + (.mend // "") + "."' \
		"$root/out")
	[[ $found == *"$3"*$'\n'*"$4"* ]] || {
		jq -r '.[] | "\(.verdict) \(.check): \(.text); \(.mend)"' "$root/out"
		return 1
	}
}

opt_in()
{
	mkdir -p "$root/etc/virtio-vfio/pf"
	printf 'transitional=on\ngroup=\n' >"$root/etc/virtio-vfio/pf/$PF"
	echo 0 >"$(dev $PF)/sriov_drivers_autoprobe"
}

# count NAME NUMBER - of a VF that was bound
count()
{
	ends 0 bind $VF && echo "$2" >"$(dev $VF)/virtio_vfio/$1"
}

secure_boot()
{
	local dir=$root/sys/firmware/efi/efivars

	mkdir -p "$dir"
	printf '\6\0\0\0\1' >"$dir/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
}

lockdown()
{
	mkdir -p "$root/sys/kernel/security"
	echo "$1" >"$root/sys/kernel/security/lockdown"
}

# keys NAME - those that the kernel has
keys()
{
	printf '%s I------ 1 perm %s 0 0 %s\n' \
		05c4348a 1f0b0000 "keyring   .builtin_trusted_keys: 1" \
		3eca8833 1f010000 "asymmetri $1: 5ace0065: X509.rsa 000a4dea []" >"$root/proc/keys"
}

listed()
{
	module $KERNEL version=0.1.0 "$alias"
}

switched_on()
{
	echo 'MAKE[0]+=" VFIO_ALIAS=y"' >"$root/etc/dkms/virtio-vfio.conf"
}

modprobe_d()
{
	echo "$*" >"$root/etc/modprobe.d/site.conf"
}

loaded()
{
	mkdir -p "$root/sys/bus/pci/drivers/virtio_vfio_pci" \
		"$root/sys/module/virtio_vfio_pci"
	echo $1 >"$root/sys/module/virtio_vfio_pci/srcversion"
}

libvirt_is()
{
	rm "$root"/usr/lib/*/libvirt.so*
	[[ ! $1 ]] || touch "$root/usr/lib/x86_64-linux-gnu/libvirt.so.0.$1"
}

fact "doctor: all is well" all_well
fact "doctor: no IOMMU" finds bad IOMMU "off" "intel_iommu=on iommu=pt" \
	'rm -r "$root"/sys/kernel/iommu_groups/*; rm "$root"/sys/bus/pci/devices/*/iommu_group'
fact "doctor: no IOMMU, AMD" finds bad IOMMU "off" 'add "iommu=pt"' \
	'rm -r "$root"/sys/kernel/iommu_groups; rm "$root"/sys/bus/pci/devices/*/iommu_group; echo "vendor_id : AuthenticAMD" >"$root/proc/cpuinfo"'
fact "doctor: no interrupt remapping" finds bad "interrupt remapping" \
	"VFIO will refuse" "intremap=off" 'echo "24: 1 0 PCI-MSIX" >"$root/proc/interrupts"'
fact "doctor: unsafe interrupts" finds note "interrupt remapping" \
	"a guest can send any interrupt" "" \
	'rm "$root/proc/interrupts"; mkdir -p "$root/sys/module/vfio_iommu_type1/parameters"; echo Y >"$root/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"'
fact "doctor: a shared IOMMU group" finds bad $VF "shares its IOMMU group with 1 other," "ACS" \
	'ln -s x "$root/sys/kernel/iommu_groups/3/devices/0000:00:1f.0"'
fact "doctor: no libvirt" finds ok libvirt "not installed" "" 'libvirt_is ""'
fact "doctor: libvirt before 10" finds note libvirt "9.0 binds managed VFs to vfio-pci" "" \
	'libvirt_is 9000.0'
fact "doctor: libvirt before 10, and enabled" finds bad libvirt "managed='no'" \
	"install libvirt 10.0" 'libvirt_is 9000.0; switched_on; listed'
fact "doctor: libvirt, enabled" finds ok libvirt "11.3 binds managed VFs to virtio_vfio_pci" "" \
	'switched_on; listed'
fact "doctor: no module" finds bad module "not installed for the running kernel" \
	"linux-headers-6.12.0-test" 'rm -r "$root/lib/modules/$KERNEL/updates"; depmod -b "$root" $KERNEL'
fact "doctor: the kernel's own module" finds note module "is not built by DKMS" "dkms status" \
	'rm -r "$root/lib/modules/$KERNEL/updates"; SUBDIR=kernel module $KERNEL license=GPL'
fact "doctor: another module is loaded" finds note "loaded module" \
	"not the one that is installed" "modprobe -r" 'loaded BBBB'
fact "doctor: the module is loaded" finds ok "loaded module" "the one that is installed" "" \
	'loaded AAAA'
fact "doctor: Secure Boot, no signature" finds bad signature "loads signed modules only" \
	"mokutil --import" secure_boot
fact "doctor: lockdown, no signature" finds bad signature "loads signed modules only" \
	"mokutil --import" 'lockdown "none [integrity] confidentiality"'
fact "doctor: no lockdown" finds ok signature "without one" "" \
	'lockdown "[none] integrity confidentiality"'
fact "doctor: Secure Boot, signed by a key that the kernel lacks" finds bad signature \
	'no such key: it refuses the module' "mokutil --import" \
	'secure_boot; sign_module $KERNEL; keys "Test signer 2"'
fact "doctor: Secure Boot, signed by a key that the kernel has" finds note signature \
	'signed by "Test signer"' "mokutil --test-key" \
	'secure_boot; sign_module $KERNEL; keys "Test signer"'
fact "doctor: Secure Boot, signed" finds note signature 'signed by "Test signer"' \
	"mokutil --test-key" 'secure_boot; sign_module $KERNEL'
fact "doctor: the alias is missing" finds bad "libvirt's alias" "missing, although enabled" \
	"virtio-vfio enable --libvirt" switched_on
fact "doctor: the alias is there unasked" finds bad "libvirt's alias" \
	"although not enabled" "virtio-vfio disable --libvirt" listed
fact "doctor: modules.alias is old" finds bad "libvirt's alias" \
	"not what the modules say" "depmod" \
	'listed; switched_on; : >"$root/lib/modules/$KERNEL/modules.alias"'
fact "doctor: a blacklist, with the alias" finds bad modprobe.d \
	'"blacklist virtio_vfio_pci" in /etc/modprobe.d/site.conf keeps the module out; libvirt picks it all the same, and refuses' \
	"remove that" 'listed; switched_on; modprobe_d blacklist virtio-vfio-pci'
fact "doctor: a blacklist, without" finds bad modprobe.d \
	"refuses to start a domain that names it" "remove that" \
	'modprobe_d blacklist virtio_vfio_pci'
fact "doctor: an install command" finds bad modprobe.d \
	'"install virtio_vfio_pci /bin/false"' "remove that" \
	'modprobe_d install virtio_vfio_pci /bin/false'
fact "doctor: a blacklist on the command line" finds bad modprobe.d \
	'"modprobe.blacklist=foo,virtio_vfio_pci" on the kernel' "remove that" \
	'echo "quiet modprobe.blacklist=foo,virtio_vfio_pci splash" >"$root/proc/cmdline"'
fact "doctor: no trap in a longer name" finds ok modprobe.d "nothing keeps" "" \
	'echo "module_blacklist=virtio_vfio_pci2,x" >"$root/proc/cmdline"; modprobe_d blacklist virtio_vfio'
fact "doctor: PF without a driver" finds note $PF "driven by nothing" \
	"echo $PF > /sys/bus/pci/drivers_probe" 'rm "$(dev $PF)/driver"'
fact "doctor: PF without a driver, opted in" finds bad $PF "driven by nothing" \
	"echo $PF" 'opt_in; rm "$(dev $PF)/driver"'
fact "doctor: PF without an admin virtqueue" finds note $PF "have no admin virtqueue" "" \
	'printf %064d 0 >"$(dev $PF)/virtio0/features"'
fact "doctor: PF with the owner driver" finds ok $PF "driven by virtio_pci_owner" "" \
	'ln -sfn ../../drivers/virtio_pci_owner "$(dev $PF)/driver"'
fact "doctor: autoprobe is on" finds bad $PF "race for its VFs" \
	"virtio-vfio enable --pf $PF" 'opt_in; echo 1 >"$(dev $PF)/sriov_drivers_autoprobe"'
fact "doctor: a bad policy" finds bad $PF "can't be understood" "virtio-vfio enable --pf" \
	'opt_in; : >"$root/etc/virtio-vfio/pf/$PF"'
fact "doctor: driver_override of others" finds note $VF \
	"driver_override is vfio-pci, set by someone else" \
	"echo > /sys/bus/pci/devices/$VF/driver_override" 'echo vfio-pci >"$(dev $VF)/driver_override"'
fact "doctor: driverctl" finds bad $VF "driverctl has an override" \
	"driverctl --noprobe unset-override $VF" \
	'opt_in; mkdir "$root/etc/driverctl.d"; touch "$root/etc/driverctl.d/pci-$VF"'
fact "doctor: a VF that waits" finds note $VF "not bound, although its PF is opted in" \
	"virtio-vfio enable --pf $PF" opt_in
fact "doctor: a VF that can't be transitional" finds note $VF "can't be transitional" "dmesg" \
	'touch "$root/knobs/unsupported"; ends 0 bind $VF'
fact "doctor: resets that took too long" finds note $VF \
	"resets by a guest that took too long: 2" "dmesg" 'count legacy_reset_timeout 2'
fact "doctor: a log that is full" finds note $VF "lines left out of the kernel log: 290" \
	"dmesg" 'count log_suppressed 290'

# completes LINE WORD... - what the last word of a line can become
completes()
{
	local expected=("${@:2}")

	new_tree
	(
		# shellcheck source=/dev/null
		. /usr/share/bash-completion/bash_completion
		# shellcheck source=/dev/null
		. "$here/../../tools/completion.bash"
		COMP_LINE=$1
		COMP_POINT=${#1}
		# As readline does it, colons and all.
		mapfile -t COMP_WORDS < <(sed 's/:/ : /g; s/ $/\n/; s/  */\n/g' <<<"$1" |
			sed '$!{/^$/d}')
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_virtio_vfio
		is completions "${COMPREPLY[*]}" "${expected[*]}"
	)
}

fact "completion: commands" completes "virtio-vfio un" unbind
fact "completion: options" completes "virtio-vfio enable --t" --transitional
fact "completion: PFs" completes "virtio-vfio enable --pf " $PF
fact "completion: VFs" completes "virtio-vfio bind 0000:3b:00.1 0000:3b:" 00.1 00.2
