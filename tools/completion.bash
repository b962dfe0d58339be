# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# bash completion for virtio-vfio(8)

# PFs have VFs, and VFs have a PF; virtio's vendor ID is 0x1af4.
_virtio_vfio_functions()
{
	local link

	for link in "${VIRTIO_VFIO_ROOT-}"/sys/bus/pci/devices/*/"$1"; do
		[[ -e $link ]] || continue
		link=${link%/*}
		[[ $(<"$link/vendor") == 0x1af4 ]] && echo "${link##*/}"
	done 2>/dev/null
}

_virtio_vfio()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words=

	# Addresses have colons, at which readline breaks words.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n := cur prev
	fi

	case $prev,${COMP_WORDS[1]} in
	virtio-vfio,* | */virtio-vfio,*)
		words="list status doctor enable disable bind unbind set
			--help --version" ;;
	--pf,*)
		words=$(_virtio_vfio_functions sriov_totalvfs) ;;
	--group,*)
		words=$(compgen -g) ;;
	*,list | *,status | *,doctor)
		words=--json ;;
	*,enable)
		words="--libvirt --pf --transitional --group" ;;
	*,disable)
		words="--libvirt --pf" ;;
	set,set)
		words="transitional=on transitional=off" ;;
	*,bind | *,unbind | *,set)
		words=$(_virtio_vfio_functions physfn) ;;
	esac

	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}

complete -F _virtio_vfio virtio-vfio
