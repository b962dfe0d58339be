#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Turn the probes' answers into a header, or say what the kernel lacks.
# usage: config.sh RELEASE FILE.answer...
set -eu

release=$1
shift

answer_of()
{
	cat "$1" 2>/dev/null || :
}

# The needs come first: without one the other probes may miss a header.
lacks=
for answer in "$@"; do
	name=$(basename "$answer" .answer)
	case $name:$(answer_of "$answer") in
	needs_*:0)
		sed -n "s,^/\* needs: \(.*\) \*/$,virtio-vfio: $release has no \1,p" \
			"$COMPAT/probes/$name.c" >&2
		lacks=1 ;;
	esac
done
[ -z "$lacks" ] || exit 1

echo "/* The answers of $release. */"
for answer in "$@"; do
	name=$(basename "$answer" .answer)
	case $name:$(answer_of "$answer") in
	*:)
		echo "virtio-vfio: the headers of $release or their compiler don't work:" >&2
		sed 's/^/virtio-vfio:   /' "$answer.log" >&2
		exit 1 ;;
	needs_*) ;;
	*)
		echo "#define COMPAT_$(echo "$name" | tr '[:lower:]' '[:upper:]') $(answer_of "$answer")" ;;
	esac
done
