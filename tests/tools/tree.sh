# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A host made of plain files, for VIRTIO_VFIO_ROOT. To be sourced.
#
#   new_tree [VFS]     a card with VFs, a running kernel with the module; sets
#                      $root, and the addresses $PF and $VF (the first VF)
#   vf N               the address of a VF
#   dev ADDRESS        the directory of a function
#   module KERNEL...   the module for a kernel, with KEY=VALUE modinfo
#   new_process PID NODE ARG...
#   tool ARG...        the tool under test in that tree
#   snapshot           all files of the tree that matter, on one line each

export PF=0000:3b:00.0
export VF=0000:3b:00.1
KERNEL=6.12.0-test

dev()
{
	echo "$root/sys/bus/pci/devices/$1"
}

vf()
{
	printf '0000:3b:%02x.%x' $(($1 / 8)) $(($1 % 8))
}

new_function()
{
	local dir

	dir=$(dev "$1")
	mkdir -p "$dir/virtio$2/net/eth$2"
	echo 0x1af4 >"$dir/vendor"
	echo 0x1041 >"$dir/device"
	echo '(null)' >"$dir/driver_override"
	ln -s ../../drivers/virtio-pci "$dir/driver"
	ln -s ../../../../bus/virtio/drivers/virtio_net "$dir/virtio$2/driver"
	echo 0x1002 >"$dir/virtio$2/net/eth$2/flags"
	mkdir -p "$root/sys/kernel/iommu_groups/$((2 + $2))/devices"
	ln -s "../../../../kernel/iommu_groups/$((2 + $2))" "$dir/iommu_group"
	ln -s "$dir" "$root/sys/kernel/iommu_groups/$((2 + $2))/devices/$1"
}

new_process()
{
	mkdir -p "$root/proc/$1/fd"
	ln -s "$2" "$root/proc/$1/fd/7"
	echo "${3##*/}" | cut -c 1-15 >"$root/proc/$1/comm"
	printf '%s\0' "${@:3}" >"$root/proc/$1/cmdline"
}

# An object file with nothing but modinfo.
module()
{
	local kernel=$1 text
	local dir=$root/lib/modules/$1/${SUBDIR-updates/dkms}

	mkdir -p "$dir"
	for text in license=GPL "${@:2}"; do
		echo ".asciz \"$text\""
	done | sed '1i .section .modinfo,"a"' |
		as -o "$dir/virtio_vfio_pci.ko" -
	touch "$root/lib/modules/$kernel"/modules.{order,builtin,builtin.modinfo}
	depmod -b "$root" "$kernel"
}

# Of the old kind, with the signer's name in the open.
sign_module()
{
	local ko=$root/lib/modules/$1/updates/dkms/virtio_vfio_pci.ko

	{
		printf 'Test signerkey1sig1'
		printf '\1\4\1\13\4\0\0\0\0\0\0\4'
		printf '~Module signature appended~\n'
	} >>"$ko"
}

new_tree()
{
	local i

	root=$(mktemp -d "$scratch/XXXXXX")
	chmod 755 "$root"
	export VIRTIO_VFIO_ROOT=$root
	mkdir -p "$root"/{knobs,run,etc/{dkms,modprobe.d},dev/vfio} \
		"$root"/sys/bus/pci/{devices,drivers/{virtio-pci,vfio-pci}} \
		"$root"/sys/bus/virtio/drivers/{virtio_net,virtio_blk} \
		"$root"/proc/sys/kernel "$root"/lib/modules/$KERNEL/build \
		"$root"/usr/{sbin,lib/x86_64-linux-gnu}
	touch "$root"/sys/bus/pci/{drivers_probe,drivers/{virtio-pci,vfio-pci}/unbind}
	echo $KERNEL >"$root/proc/sys/kernel/osrelease"
	echo quiet >"$root/proc/cmdline"
	echo '24: 1 0 IR-PCI-MSIX-0000:3b:00.0 0-edge virtio0' >"$root/proc/interrupts"
	touch "$root/usr/lib/x86_64-linux-gnu/libvirt.so.0.11003.0"

	new_function $PF 0
	printf '%064d\n' 0 | sed 's/./1/42' >"$(dev $PF)/virtio0/features"
	echo 8 >"$(dev $PF)/sriov_totalvfs"
	echo "${1:-2}" >"$(dev $PF)/sriov_numvfs"
	echo 1 >"$(dev $PF)/sriov_drivers_autoprobe"
	for ((i = 1; i <= ${1:-2}; i++)); do
		new_function "$(vf $i)" "$i"
		ln -s ../$PF "$(dev "$(vf $i)")/physfn"
		ln -s "../$(vf $i)" "$(dev $PF)/virtfn$((i - 1))"
	done
	module $KERNEL version=0.1.0 srcversion=AAAA
}

# Give VFs to nobody, as where sriov_drivers_autoprobe was off.
undriven()
{
	local address

	for address; do
		rm -rf "$(dev "$address")"/{driver,virtio*}
	done
}

tool()
{
	"${TOOL[@]}" "$@"
}

driver()
{
	local driver

	driver=$(readlink "$(dev "$1")/driver") || true
	echo "${driver##*/}"
}

override()
{
	cat "$(dev "$1")/driver_override"
}

# Whether a process, a lock or a log was there doesn't count, and an empty
# override is the same however it came about.
snapshot()
{
	(
		cd "$root" || exit
		find etc sys \( -type l -printf '%p -> %l\n' \) -o \
			\( -type d -printf '%p/\n' \) |
			sed 's/virtio[0-9]*/virtioN/g; s/eth[0-9]*/ethN/g'
		find etc sys -type f ! -path '*/virtio[0-9]*' -print0 |
			xargs -0 grep -sH '' | sed 's/(null)$//'
		find run/virtio-vfio -type f ! -name 'lock.*' 2>/dev/null
	) | grep -v 'driver_override:$' | LC_ALL=C sort
}
