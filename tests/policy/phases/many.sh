# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# As many VFs as the card can have.

many_vfs()
{
	local start

	virtio-vfio enable --pf "$PF" --transitional || return
	start=$SECONDS
	make_vfs 240 && wait_for 400 bound 240 || return
	echo "bound within $((SECONDS - start)) s"
	calm && bound 240 && none_failed
}

fact "240 VFs at once are all bound" many_vfs
