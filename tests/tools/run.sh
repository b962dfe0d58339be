#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the command virtio-vfio on trees of plain files. Prints KTAP.
# usage: run.sh COMMAND...      the tool, or what it runs under and the tool
#
# FACTS is a regular expression for the names of the tests to run.

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/guest/ktap.sh
. "$here/../guest/ktap.sh"
# shellcheck source=tests/tools/tree.sh
. "$here/tree.sh"

TOOL=("$@")
scratch=$(mktemp -d)
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT

# To where anybody may run it.
cp "${TOOL[-1]}" "$scratch/virtio-vfio" || exit
TOOL[-1]=$scratch/virtio-vfio

# ends STATUS ARG... - the tool ends with that status; shows what it printed
ends()
{
	local status=0

	tool "${@:2}" >"$root/out" 2>&1 || status=$?
	((status == $1)) || {
		echo "virtio-vfio ${*:2}: status $status, expected $1"
		cat "$root/out"
		return 1
	}
}

# prints TEXT - the last one printed that
prints()
{
	grep -qF -- "$1" "$root/out" || {
		echo "\"$1\" expected in:"
		cat "$root/out"
		return 1
	}
}

# prints_line PATTERN - an extended regular expression for all of a line
prints_line()
{
	grep -qxE -- "$1" "$root/out" || {
		echo "a line \"$1\" expected in:"
		cat "$root/out"
		return 1
	}
}

prints_not()
{
	! grep -F -- "$1" "$root/out"
}

# same BEFORE - the tree is as it was
same()
{
	diff <(echo "$1") <(snapshot)
}

# silent COMMAND... - nothing is written to sysfs
silent()
{
	rm -f "$root/writes"
	"$@" || return
	[[ ! -e $root/writes ]] || {
		echo "written:"
		cat "$root/writes"
		return 1
	}
}

for group in "$here"/groups/*.sh; do
	# shellcheck source=/dev/null
	. "$group"
done

# What is left out leaves its number to the next.
for i in "${!fact_names[@]}"; do
	[[ ${fact_names[i]} =~ ${FACTS-} ]] || unset "fact_names[i]" "fact_calls[i]"
done
fact_names=("${fact_names[@]}") fact_calls=("${fact_calls[@]}")
echo "KTAP version 1"
run_facts ""
end_facts
