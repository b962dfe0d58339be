# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the groups share. To be sourced after tests/lab/lib.sh.
#
#   package_version    the version of this tree
#   next_packages      the directory of Debian packages of the same with a version
#                      that comes after it, this one with ".1"

: "${top:?}"

package_version()
{
	sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf"
}

# build_next OUT - of a copy of the tree, where only the version is another
build_next()
{
	local out=$1 version file

	version=$(package_version)
	mkdir "$out/tree"
	git -c safe.directory="$top" -C "$top" ls-files -z --cached --others \
		--exclude-standard |
		while IFS= read -rd '' file; do
			[[ ! -e $top/$file ]] ||
				(cd "$top" && cp -a --parents "$file" "$out/tree")
		done
	(
		cd "$out/tree" || exit
		sed -i "0,/$version/s//$version.1/" dkms.conf packaging/debian/changelog
		git init -q
		git add -A
		git -c user.name=life -c user.email=life@example.org commit -q -m "$version.1"
		packaging/build-deb
	)
	mv "$out"/tree/build/deb/*.deb "$out"
	rm -rf "$out/tree"
}

next_packages()
{
	local debs=("$top"/build/deb/*.deb)

	need git
	cached next-deb "$(key "${debs[@]}" "$top/packaging" "$(declare -f build_next)")" \
		build_next
}
