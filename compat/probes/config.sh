#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Turn the probes' answers into a header, or say what the kernel lacks.
# usage: config.sh FILE.answer...
set -eu

for answer in "$@"; do
	probe=${answer%.answer}
	name=$(basename "$probe")
	case $name:$(cat "$answer") in
	compiles:0)
		echo "virtio-vfio: the kernel's headers or its compiler don't work:" >&2
		cat "$answer.log" >&2
		exit 1 ;;
	needs_*:0)
		echo "virtio-vfio: this kernel has no $(sed -n '2s,^/\* needs: \(.*\) \*/$,\1,p' "$COMPAT/probes/$name.c")" >&2
		sed 's/^/virtio-vfio:   /' "$answer.log" >&2
		exit 1 ;;
	compiles:1 | needs_*:1) ;;
	*)
		echo "#define COMPAT_$(echo "$name" | tr '[:lower:]' '[:upper:]') $(cat "$answer")" ;;
	esac
	[ -z "${V:-}" ] || [ "$V" = 0 ] || echo "  $name: $(cat "$answer")" >&2
done
