# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086,SC2154
#
# list, status: what is shown, of trees in order and of others

in_list()
{
	new_tree
	ends 0 bind $VF && ends 0 list &&
		prints_line "$PF +net +virtio-pci +2 +legacy +- .*" &&
		prints_line "  $VF +net +virtio_vfio_pci +3 +- +- +no +no +-"
}

in_json()
{
	new_tree
	echo 0x1003 >"$(dev $VF)/virtio1/net/eth1/flags"
	ends 0 list --json || return
	is PF "$(jq -r '.[0].address' "$root/out")" $PF &&
		is VFs "$(jq '.[0].vfs | length' "$root/out")" 2 &&
		is group "$(jq '.[0].vfs[1].iommu_group' "$root/out")" 4 &&
		is queue "$(jq '.[0].offers.admin_queue' "$root/out")" true &&
		is legacy "$(jq '.[0].offers.legacy' "$root/out")" null &&
		is policy "$(jq '.[0].policy' "$root/out")" null &&
		is use "$(jq -r '.[0].vfs[0].in_use' "$root/out")" \
			"the host: its network interface eth1 is up"
}

no_admin_queue()
{
	new_tree
	printf '%064d\n' 0 >"$(dev $PF)/virtio0/features"
	ends 0 list --json &&
		is legacy "$(jq '.[0].offers.legacy' "$root/out")" false || return
	printf '%064d\n' 0 | tr 0 x >"$(dev $PF)/virtio0/features"
	ends 0 list --json &&
		is queue "$(jq '.[0].offers.admin_queue' "$root/out")" null
}

in_use_by_guest()
{
	new_tree
	new_process 4242 /dev/vfio/3 /usr/bin/qemu-system-x86_64 -S -name \
		guest=web,debug-threads=on
	ends 0 list && prints "qemu-system-x86 (guest web), process 4242" &&
		ends 0 list --json &&
		is pid "$(jq '.[0].vfs[0].users[0].pid' "$root/out")" 4242
}

in_use_by_device_node()
{
	new_tree
	mkdir -p "$(dev $VF)/vfio-dev/vfio5"
	new_process 4242 /dev/vfio/devices/vfio5 vmm
	ends 0 list && prints "vmm, process 4242"
}

# Root reads what nobody may, so this one is run without.
unprivileged()
{
	local command=()

	new_tree
	ends 0 bind $VF || return
	new_process 4242 /dev/vfio/3 vmm
	chmod 0 "$root/proc/4242/fd" "$(dev $VF)/virtio_vfio/legacy_active" \
		"$(dev $PF)/sriov_drivers_autoprobe"
	((EUID)) || command=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	for what in list status; do
		"${command[@]}" "${TOOL[@]}" $what >"$root/out" 2>&1 || {
			cat "$root/out"
			return 1
		}
		[[ $what != list ]] || prints "unknown without root" || return
	done
	"${command[@]}" "${TOOL[@]}" bind $VF >"$root/out" 2>&1 && return 1
	prints "run this as root"
}

nothing_there()
{
	new_tree
	rm -r "${root:?}"/{sys/bus/pci/devices,lib,proc,etc,usr}/*
	ends 0 list && prints "no virtio device with SR-IOV" &&
		ends 0 list --json && is list "$(jq length "$root/out")" 0 &&
		ends 0 status && ends 0 status --json && ends 3 doctor &&
		rm -r "$root/sys" && ends 1 list && prints "can't be listed" &&
		ends 1 list --json && ends 0 status && ends 3 doctor
}

# Each file of the tree in turn is missing, a directory, empty, binary or long.
garbage()
{
	local i file kind files failed=0 command

	new_tree 1
	echo 'transitional=on' | install -D /dev/stdin "$root/etc/virtio-vfio/pf/$PF"
	ends 0 bind $VF || return
	new_process 4242 /dev/vfio/3 vmm -name web
	mv "$root" "$root.good"
	mapfile -t files < <(cd "$root.good" && find . \( -type f -o -type l \) \
		! -path './run/*' ! -path './out' ! -path './writes' \
		! -path "*/$PF/virtio0/*" ! -path './lib/*.bin' ! -path '*drivers*')
	((${#files[@]} > 30)) || { echo "only ${#files[@]} files"; return 1; }
	for ((i = 0; i < ${#files[@]}; i += ${STEP-1})); do
		file=${files[i]}
		for kind in $GARBAGE; do
			rm -rf "$root"
			cp -a "$root.good" "$root"
			rm -f "$root/$file"
			case $kind in
			directory) mkdir "$root/$file" ;;
			empty) : >"$root/$file" ;;
			binary) head -c 3000 /dev/urandom >"$root/$file" ;;
			long) head -c 70000 /dev/zero | tr '\0' 7 >"$root/$file" ;;
			esac
			for command in list "list --json" "status --json" doctor \
				"udev --now $VF"; do
				# shellcheck disable=SC2086
				tool $command >"$root.out" 2>&1
				case $? in
				[0134]) continue ;;
				esac
				echo "$command with $file $kind:"
				cat "$root.out"
				failed=1
			done
		done
	done
	return $failed
}

fact "list: a PF and its VFs in a table" in_list
fact "list: the same and more as JSON" in_json
fact "list: without an admin virtqueue no legacy" no_admin_queue
fact "list: the guest that has a VF's group open" in_use_by_guest
fact "list: the process that has a VF's own node open" in_use_by_device_node
fact "list: works without root, and says what it can't see" unprivileged
fact "list: nothing there" nothing_there
fact "list: any file missing, a directory, empty, binary or endless" garbage

in_status()
{
	new_tree
	module 6.13.0-test version=0.1.0 alias=vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i*
	sign_module 6.13.0-test
	SUBDIR=kernel/drivers module 7.3.0-test intree=Y
	echo "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci" \
		>>"$root/lib/modules/7.3.0-test/modules.alias"
	ends 0 status --json || return
	is kernels "$(jq -c '[.kernels[] | [.running, .version, .source, .signed, .signer, .alias, .alias_listed]]' "$root/out")" \
		'[[true,"0.1.0","dkms",false,null,false,false],[false,"0.1.0","dkms",true,"Test signer",true,true],[false,null,"other",false,null,false,false]]' &&
		is loaded "$(jq .loaded "$root/out")" null &&
		is libvirt "$(jq .libvirt "$root/out")" false &&
		ends 0 status &&
		prints_line '6.13.0-test +no +dkms +0.1.0 +yes +yes +yes'
}

policies_in_status()
{
	new_tree
	mkdir -p "$root"/etc/virtio-vfio/pf/ "$root/sys/module/virtio_vfio_pci"
	mkdir "$root/sys/bus/pci/drivers/virtio_vfio_pci"
	echo 0.0.9 >"$root/sys/module/virtio_vfio_pci/version"
	printf 'transitional=off\ngroup=kvm\n' >"$root/etc/virtio-vfio/pf/$PF"
	printf 'transitional=maybe\n' >"$root/etc/virtio-vfio/pf/0000:aa:00.0"
	touch "$root/etc/virtio-vfio/pf/"{README,.swp}
	echo 'options virtio_vfio_pci admin_timeout=7 transitional=Y' \
		>"$root/etc/modprobe.d/local.conf"
	ends 0 status --json &&
		is policies "$(jq -c '[.pfs[] | [.pf, .valid, .transitional, .group, .present, .vfs, .vfs_bound]]' "$root/out")" \
		'[["0000:3b:00.0",true,false,"kvm",true,2,0],["0000:aa:00.0",false,null,null,false,0,0]]' &&
		is loaded "$(jq -r .loaded.version "$root/out")" 0.0.9 &&
		is default "$(jq -r .transitional_by_default.modprobe "$root/out")" Y
}

# loaded_is SRCVERSION VERSION - what runs, where 0.1.0 of AAAA is installed
loaded_is()
{
	new_tree
	mkdir -p "$root/sys/module/virtio_vfio_pci" \
		"$root/sys/bus/pci/drivers/virtio_vfio_pci"
	echo "$1" >"$root/sys/module/virtio_vfio_pci/srcversion"
	echo "$2" >"$root/sys/module/virtio_vfio_pci/version"
	ends 0 status --json &&
		is loaded "$(jq -c '.loaded | [.version, .installed, .current]' "$root/out")" "$3" &&
		ends 0 status && prints_line "Loaded: version ${2:-unknown}\."
}

an_older_module_is_loaded()
{
	loaded_is BBBB 0.0.9 '["0.0.9","0.1.0",false]' &&
		prints_line "Installed: version 0\.1\.0; used .*" &&
		loaded_is BBBB 0.1.0 '["0.1.0","0.1.0",false]' &&
		prints "Installed: version 0.1.0; used" &&
		loaded_is AAAA 0.0.9 '["0.0.9","0.1.0",false]'
}

the_installed_module_is_loaded()
{
	loaded_is AAAA 0.1.0 '["0.1.0","0.1.0",true]' && prints_not Installed: &&
		loaded_is "" "" '[null,"0.1.0",null]' && prints_not Installed:
}

fact "status: the module of each kernel" in_status
fact "status: an older module is loaded than is installed" an_older_module_is_loaded
fact "status: the module that is installed is loaded" the_installed_module_is_loaded
fact "status: the policy of each PF" policies_in_status

usage()
{
	local line

	new_tree
	while read -r line; do
		# shellcheck disable=SC2086
		silent ends 2 $line || return
	done <<-END

		nonsense
		list $PF
		list --libvirt
		status --pf $PF
		enable
		enable --libvirt --pf $PF
		enable --libvirt --transitional
		enable --pf
		enable --pf $PF extra
		enable --pf 3b:00
		enable --pf ../../x
		enable --pf 0000:3b:20.0
		disable
		disable --pf $PF --transitional
		disable --pf nonsense
		bind
		bind nonsense
		bind 0000:3b:00.8
		bind $VF/
		unbind
		set $VF
		set transitional=maybe $VF
		set transitional=on
		udev
		udev ../../../etc
	END
	ends 0 --help && prints "virtio-vfio doctor" && ends 0 --version
}

fact "usage: what is no command ends with 2 and changes nothing" usage
