#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [GROUP...] - end-to-end tests: what a guest with a VF sees and does
#
# Runs in the lab host (see tests/lab/run), prints KTAP. A group is one of the
# .sh files in groups/ and uses its own VFs; without any, all of them run.

set -u
tests=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lab/guest/lib.sh
. "$tests/../lab/guest/lib.sh"
# shellcheck source=tests/guest/ktap.sh
. "$tests/ktap.sh"
# shellcheck source=tests/guest/facts.sh
. "$tests/facts.sh"

: "${PF_NETDEV:?run this in the lab host}"
# shellcheck disable=SC2034 # for the groups
read -ra vfs <<<"$VFS"
groups=("$@")
[[ $# != 0 ]] || groups=(legacy multiqueue modern plain q35 pair)

for group in "${groups[@]}"; do
	# shellcheck source=/dev/null
	. "$tests/groups/$group.sh"
done

host_setup || exit
run_facts
status=$?
host_teardown
exit "$status"
