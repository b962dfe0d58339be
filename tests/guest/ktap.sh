# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Facts, and KTAP lines about them. To be sourced.
#
# A test file names its facts in order; nothing runs before run_facts. Each one
# runs in a subshell: it holds when it returns zero, and what it printed becomes
# diagnostic lines.

fact_names=()
fact_calls=()
facts=0 facts_failed=0

# fact NAME COMMAND [ARGUMENT]... | fact NAME 'SHELL CODE'
fact()
{
	local call=$2

	fact_names+=("$1")
	(($# == 2)) || printf -v call '%q ' "${@:2}"
	fact_calls+=("$call")
}

# Without the fact just named, the rest of its group (what its name begins
# with) is not worth trying.
needs()
{
	fact_calls[-1]="needed ${fact_calls[-1]}"
}

# run_facts PREFIX - run those that were named, and forget them; PREFIX begins
# what is printed of each
#
# Where facts_void is a command, it is run after a fact that doesn't hold. If it
# returns zero that has nothing to do with what is tested, and the script exits with
# 126, as tests/lab/run does when QEMU fails.
run_facts()
{
	local i name call output start status lost=

	for i in "${!fact_names[@]}"; do
		name=${fact_names[i]}
		call=${fact_calls[i]}
		((++facts))
		if [[ ${name%%:*} == "${lost%%:*}" ]]; then
			echo "ok $facts - $1$name # SKIP not without \"$lost\""
			continue
		fi
		start=$SECONDS
		output=$(eval "${call#needed }" 2>&1)
		status=$?
		if ((status == 0)); then
			echo "ok $facts - $1$name"
		else
			echo "not ok $facts - $1$name"
			((++facts_failed))
			[[ $call != "needed "* ]] || lost=$name
		fi
		[[ -z $output ]] || tr -d '\r' <<<"$output" | sed 's/^/# /'
		((SECONDS - start < 5)) || echo "# $((SECONDS - start)) s"
		((status == 0)) || ! "${facts_void:-false}" || exit 126
	done
	fact_names=()
	fact_calls=()
}

# no_facts WHY - where none could be run
no_facts()
{
	((++facts, ++facts_failed))
	echo "not ok $facts - $1"
}

# end_facts - the plan; tells whether all was well
end_facts()
{
	echo "1..$facts"
	((facts_failed == 0))
}

# is WHAT VALUE EXPECTED - one comparison that says what it saw
is()
{
	[[ $2 == "$3" ]] || {
		echo "$1: $2, expected $3"
		return 1
	}
}
