#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [GROUP...] - end-to-end tests: what a guest with a VF sees and does
#
# Runs in the lab host (see tests/lab/run), prints KTAP. A group is one of the
# .sh files in groups/ and uses its own VFs; without any, those run that have to
# do with what drives the PF, for each of PROVIDERS (kernel, owner). KERNEL is a
# name for the kernel in what is printed.

set -u
tests=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lab/guest/lib.sh
. "$tests/../lab/guest/lib.sh"
# shellcheck source=tests/guest/ktap.sh
. "$tests/ktap.sh"
# shellcheck source=tests/guest/facts.sh
. "$tests/facts.sh"

: "${PF_NETDEV:?run this in the lab host}"
read -ra vfs <<<"$VFS"
asked=("$@")

with_provider()
{
	local group groups=("${asked[@]}")

	# A modern guest has nothing to do with the provider, and the kernel's
	# knows nothing of a reset.
	((${#groups[@]})) || case $1 in
	kernel) groups=(legacy multiqueue eventfd modern plain q35 slow pair) ;;
	owner) groups=(legacy multiqueue slow pair pf) ;;
	esac
	PF_NETDEV=$(pf-driver "$1") || return
	echo ${#vfs[@]} >"$PCI_DEVICES/$PF/sriov_numvfs" || return
	for group in "${groups[@]}"; do
		# shellcheck source=/dev/null
		. "$tests/groups/$group.sh"
	done
	host_setup || return
	run_facts "${KERNEL:-$(uname -r)}/$1/"
	host_teardown
}

echo "KTAP version 1"
guest_accel && guest_watch && facts_void=guest_has_hosts_registers
for provider in ${PROVIDERS:-kernel}; do
	with_provider "$provider" || no_facts "$provider could not be set up"
done
end_facts
