# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086,SC2153,SC2154
#
# enable and disable --libvirt

alias='alias=vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i*'

# A DKMS that reads the override as the real one does. A file knobs/ACTION or
# knobs/ACTION.KERNEL makes it fail, or wait if that says "slow".
new_host()
{
	new_tree
	cat >"$root/usr/sbin/dkms" <<-END
		#!/bin/bash
		root=$root
		. $here/tree.sh
		action=\$1 kernel=\$7
		echo "\$*" >>$root/dkms.log
		[ "\$2 \$3 \$4 \$5 \$6 \$8" = "-m virtio-vfio -v 0.1.0 -k --force" ] || exit 9
		for knob in $root/knobs/\$action{,.\$kernel}; do
			[ -e \$knob ] || continue
			if [ "\$(cat \$knob)" = slow ]; then
				sleep 0.6
			else
				echo "Error! Bad return status"
				exit 10
			fi
		done
		MAKE[0]="make modules"
		[ -e $root/etc/dkms/virtio-vfio.conf ] && . $root/etc/dkms/virtio-vfio.conf
		case \$action in
		build) echo "\${MAKE[0]}" >$root/built.\$kernel ;;
		install)
			if grep -q VFIO_ALIAS=y $root/built.\$kernel; then
				module \$kernel version=0.1.0 '$alias'
			else
				module \$kernel version=0.1.0
			fi ;;
		esac
	END
	chmod +x "$root/usr/sbin/dkms"
	mkdir -p "$root"/lib/modules/6.13.0-test/build
	module $KERNEL version=0.1.0
	module 6.13.0-test version=0.1.0
}

# aliases N - modules.alias of each kernel has so many of them
aliases()
{
	local kernel

	for kernel in $KERNEL 6.13.0-test; do
		is "aliases for $kernel" \
			"$(grep -c "^alias vfio_pci:.* virtio_vfio_pci" "$root/lib/modules/$kernel/modules.alias")" \
			$1 || return
	done
}

modules()
{
	(cd "$root" && find lib etc -type f ! -name '*.bin' -print0 | sort -z |
		xargs -0 sha256sum)
}

unchanged()
{
	diff <(echo "$1") <(modules)
}

libvirt_there_and_back()
{
	local before

	new_host
	before=$(modules)
	ends 0 enable --libvirt && aliases 1 && ends 0 disable --libvirt &&
		aliases 0 && unchanged "$before"
}

# Where Fedora's kin have DKMS, and their DKMS the modules.
libvirt_on_fedora()
{
	local before

	export SUBDIR=extra
	new_host
	mkdir -p "$root/usr/bin"
	mv "$root/usr/sbin/dkms" "$root/usr/bin"
	before=$(modules)
	ends 0 enable --libvirt && aliases 1 && ends 0 disable --libvirt &&
		aliases 0 && unchanged "$before"
}

# A build that comes later, for a new kernel, does as decided.
libvirt_later_kernel()
{
	new_host
	ends 0 enable --libvirt || return
	mkdir -p "$root/lib/modules/7.2.0-test"
	"$root"/usr/sbin/dkms build -m virtio-vfio -v 0.1.0 -k 7.2.0-test --force
	is switch "$(cat "$root/built.7.2.0-test")" "make modules VFIO_ALIAS=y"
}

libvirt_twice()
{
	local before

	new_host
	ends 0 enable --libvirt || return
	before=$(modules)
	rm "$root/dkms.log"
	ends 0 enable --libvirt && [[ ! -e $root/dkms.log ]] &&
		unchanged "$before" && ends 0 disable --libvirt || return
	before=$(modules)
	rm "$root/dkms.log"
	ends 0 disable --libvirt && [[ ! -e $root/dkms.log ]] && unchanged "$before"
}

libvirt_status()
{
	new_host
	ends 0 enable --libvirt && ends 0 status --json &&
		is libvirt "$(jq .libvirt "$root/out")" true &&
		is aliases "$(jq -c '[.kernels[] | .alias and .alias_listed]' "$root/out")" \
			'[true,true]'
}

# rolled_back_if ACTION - DKMS fails at the second kernel
libvirt_rolled_back()
{
	local before

	new_host
	before=$(modules)
	touch "$root/knobs/$1.6.13.0-test"
	ends 1 enable --libvirt && prints "6.13.0-test: $1 failed" &&
		prints "Bad return status" && unchanged "$before"
}

libvirt_interrupted()
{
	local before status=0 pid

	new_host
	before=$(modules)
	echo slow >"$root/knobs/build.$KERNEL"
	(exec "${TOOL[@]}" enable --libvirt) >"$root/out" 2>&1 &
	pid=$!
	until grep -qs build "$root/dkms.log"; do
		sleep 0.02
	done
	kill -TERM $pid
	wait $pid || status=$?
	is status $status 1 && prints "interrupted" && unchanged "$before"
}

libvirt_no_dkms()
{
	local before

	new_host
	rm "$root/usr/sbin/dkms"
	before=$(modules)
	ends 1 enable --libvirt && prints "next: apt install virtio-vfio-dkms" &&
		unchanged "$before"
}

libvirt_others_file()
{
	local before

	new_host
	echo "# VFIO_ALIAS=y" >"$root/etc/dkms/virtio-vfio.conf"
	before=$(modules)
	ends 1 enable --libvirt && prints "was not written by this tool" &&
		ends 0 disable --libvirt && unchanged "$before" || return
	echo 'MAKE[0]+=" W=1 VFIO_ALIAS=y"' >>"$root/etc/dkms/virtio-vfio.conf"
	ends 0 enable --libvirt && aliases 1 || return
	before=$(modules)
	ends 1 disable --libvirt && prints "was not written by this tool" &&
		unchanged "$before"
}

libvirt_no_headers()
{
	new_host
	rmdir "$root/lib/modules/6.13.0-test/build"
	ends 0 enable --libvirt &&
		prints "6.13.0-test: waits for the kernel's headers" &&
		is builds "$(grep -c ^build "$root/dkms.log")" 1
}

libvirt_others_module()
{
	new_host
	rm -r "$root/lib/modules/6.13.0-test/updates"
	SUBDIR=kernel module 6.13.0-test "$alias"
	ends 0 disable --libvirt && prints "6.13.0-test: " && prints "is not DKMS's"
}

# The same modules from packages, each built both ways, and a depmod that knows
# this host's /etc. No compiler, no headers, no DKMS.
new_packaged_host()
{
	local kernel

	new_host
	rm -r "$root/usr/sbin/dkms" "$root/etc/dkms" "$root"/lib/modules/*/{build,updates}
	cat >"$root/usr/sbin/depmod" <<-END
		#!/bin/sh
		echo "\$*" >>$root/depmod.log
		! [ -e $root/knobs/depmod.\$1 ] || exit 1
		$(command -v depmod) -b $root -C $root/etc/depmod.d "\$@"
	END
	chmod +x "$root/usr/sbin/depmod"
	mkdir "$root/etc/depmod.d"
	for kernel in $KERNEL 6.13.0-test; do
		SUBDIR=virtio-vfio-alias module $kernel version=0.1.0 "$alias"
		SUBDIR=updates/virtio-vfio module $kernel version=0.1.0
	done
}

packaged_there_and_back()
{
	local before

	new_packaged_host
	before=$(modules)
	aliases 0 && ends 0 enable --libvirt && aliases 1 &&
		ends 0 status --json && is status \
		"$(jq -c '[.libvirt, (.kernels[] | .source, .alias, .alias_listed)]' "$root/out")" \
		'[true,"package",true,true,"package",true,true]' &&
		ends 0 doctor && prints "virtio-vfio-alias/virtio_vfio_pci.ko, version" &&
		prints "in modules.alias, as decided" || return
	rm "$root/depmod.log"
	ends 0 enable --libvirt && [[ ! -e $root/depmod.log ]] &&
		ends 0 disable --libvirt && aliases 0 && unchanged "$before"
}

# depmod, whoever runs it, does as decided for a kernel whose package comes later.
packaged_later_kernel()
{
	new_packaged_host
	ends 0 enable --libvirt || return
	SUBDIR=virtio-vfio-alias module 7.2.0-test version=0.1.0 "$alias"
	SUBDIR=updates/virtio-vfio module 7.2.0-test version=0.1.0
	"$root/usr/sbin/depmod" 7.2.0-test &&
		is aliases "$(grep -c '^alias vfio_pci:' "$root/lib/modules/7.2.0-test/modules.alias")" 1
}

packaged_rolled_back()
{
	local before

	new_packaged_host
	before=$(modules)
	touch "$root/knobs/depmod.6.13.0-test"
	ends 1 enable --libvirt && prints "6.13.0-test: depmod failed" &&
		unchanged "$before"
}

packaged_others_file()
{
	local before

	new_packaged_host
	echo "override virtio_vfio_pci * kernel" >"$root/etc/depmod.d/virtio-vfio.conf"
	before=$(modules)
	ends 1 enable --libvirt && prints "was not written by this tool" &&
		prints "add the line override virtio_vfio_pci * virtio-vfio-alias to it" &&
		unchanged "$before"
}

# What DKMS built before a package came is decided still, but not by its file.
packaged_instead_of_dkms()
{
	new_packaged_host
	mkdir "$root/etc/dkms"
	echo 'MAKE[0]+=" VFIO_ALIAS=y"' >"$root/etc/dkms/virtio-vfio.conf"
	ends 3 doctor && prints "missing, although enabled" &&
		prints "mend: virtio-vfio enable --libvirt" &&
		ends 0 enable --libvirt && aliases 1
}

fact "enable, disable --libvirt: all is as before" libvirt_there_and_back
fact "enable, disable --libvirt: Fedora: all is as before" libvirt_on_fedora
fact "enable, disable --libvirt: prebuilt: all is as before" packaged_there_and_back
fact "enable --libvirt: prebuilt: also for kernels that come later" packaged_later_kernel
fact "enable --libvirt: prebuilt: rolled back if depmod fails" packaged_rolled_back
fact "enable --libvirt: prebuilt: an operator's own depmod.d file stays" packaged_others_file
fact "enable --libvirt: prebuilt: after DKMS" packaged_instead_of_dkms
fact "enable --libvirt: also for kernels that come later" libvirt_later_kernel
fact "enable, disable --libvirt: a second time builds nothing" libvirt_twice
fact "status: says so" libvirt_status
fact "enable --libvirt: rolled back if a build fails" libvirt_rolled_back build
fact "enable --libvirt: rolled back if an installation fails" \
	libvirt_rolled_back install
fact "enable --libvirt: rolled back if a signal comes" libvirt_interrupted
fact "enable --libvirt: refused without DKMS" libvirt_no_dkms
fact "enable, disable --libvirt: an operator's own override stays" \
	libvirt_others_file
fact "enable --libvirt: a kernel without headers waits" libvirt_no_headers
fact "disable --libvirt: a module of others stays, and is told" \
	libvirt_others_module
