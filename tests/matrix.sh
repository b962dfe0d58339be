# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds for each kernel and flavour of tests/kernels, from its packages of
# headers and with the compiler of its release, in root file systems in the
# cache. To be sourced after tests/lab/lib.sh.
#
#   matrix              a line for each: NAME FLAVOUR PROVIDERS ROOT HEADERS SUITE
#   matrix_root ROOT    the directory of that root file system
#   in_matrix_root DIR SHARE CMD...
#                       run CMD in there, with SHARE at /mnt
#   build_matrix TREE OUT
#                       build TREE for each; OUT/HEADERS has the built tree, and
#                       beside it as HEADERS.log what make said, its exit status
#                       in the last line

# Where no package of ours is supported, there is no root file system either:
# such headers go where they are met, beside those of the first that is.
matrix()
{
	local name suite flavours providers flavour root first

	first=$(kernels | awk '$4 != "none" { print $2; exit }')
	kernels | while read -r name suite flavours providers; do
		root=${suite%-*}
		[[ $providers != none ]] || root=$first
		for flavour in ${flavours//,/ }; do
			echo "$name $flavour $providers $root" \
				"$(kernel_headers "$suite" "${name%%-*}" "$flavour")" "$suite"
		done
	done
}

# pahole is what 7.x' headers use without asking for it; the libraries are what our
# command needs.
matrix_packages=(gcc make kmod sparse pahole dkms libjson-c5 libpci3)

matrix_root()
{
	local headers suites

	mapfile -t headers < <(matrix | awk -v root="$1" '$4 == root { print $5 }')
	mapfile -t suites < <(matrix | awk -v root="$1" '
		BEGIN { print root } $4 == root { print $6 }' | sort -u)
	cached "headers-$1" "$(key "${headers[@]}" "${matrix_packages[@]}" \
		"$(declare -f build_matrix_root)")" build_matrix_root "$1"
}

# Kernels come along with some headers; what runs them isn't needed.
build_matrix_root()
{
	local sources

	need mmdebstrap
	mapfile -t sources < <(
		for suite in "${suites[@]}"; do
			suite_sources "$suite"
		done | awk '!seen[$0]++'
	)
	say "building a root file system: Debian $1 with ${headers[*]}"
	# shellcheck disable=SC2016 # for mmdebstrap's shell
	INITRD=No mmdebstrap --quiet --mode=root --variant=apt \
		--include="$(IFS=,; echo "${headers[*]},${matrix_packages[*]}")" \
		--dpkgopt='path-exclude=*/lib/modules/*/kernel/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--setup-hook='mkdir -p "$1/etc/dkms" && : >"$1/etc/dkms/no-autoinstall"' \
		--customize-hook='rm "$1/etc/dkms/no-autoinstall"' \
		"$1" "$2/root" "${sources[@]}"
	cat >"$2/root/usr/local/bin/sparse" <<-'END'
		#!/bin/sh
		# What 7.x' headers need of sparse, and Debian's doesn't have.
		exec /usr/bin/sparse -D__typeof_unqual__=__typeof__ \
			'-D__builtin_strlen(s)=(sizeof(s)-1)' "$@"
	END
	chmod 755 "$2/root/usr/local/bin/sparse"
}

in_matrix_root()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child sh -ec '
		cd "$1"
		mount -t proc proc proc
		mount --bind /dev dev
		mount --bind "$2" mnt
		shift 2
		exec chroot . env -i HOME=/root LC_ALL=C.UTF-8 \
			PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' sh "$@" </dev/null
}

# 7.x' headers lack the script by which they would find out about sparse.
build_for()
{
	local root=$1 name=$2 out=$3 status=0 start=$SECONDS

	in_matrix_root "$root/root" "$out" nice make -C "/mnt/$name" \
		KDIR="/usr/src/$name" W=1 C=2 KBUILD_CHECKSRC=2 \
		>"$out/$name.log" 2>&1 || status=$?
	echo "$status" >>"$out/$name.log"
	say "built for ${name#linux-headers-} in $((SECONDS - start)) s"
}

build_matrix()
{
	local tree=$1 out=$2 root release name

	# All at once; each is fetched and unpacked by one processor.
	for release in $(matrix | awk '{ print $4 }' | sort -u); do
		matrix_root "$release" >/dev/null &
	done
	wait
	while read -r _ _ _ release name _; do
		root=$(matrix_root "$release")
		cp -a "$tree" "$out/$name"
		while (($(jobs -rp | wc -l) >= $(nproc))); do
			wait -n || :
		done
		build_for "$root" "$name" "$out" &
	done < <(matrix)
	wait
}
