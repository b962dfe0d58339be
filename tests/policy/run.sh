#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh PHASE - what udev and the command virtio-vfio make of a PF's VFs
#
# Runs in the lab host (see tests/lab/run) with systemd, prints KTAP. A phase is
# one of the .sh files in phases/.

set -u
tests=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lab/guest/lib.sh
. "$tests/../lab/guest/lib.sh"
# shellcheck source=tests/guest/ktap.sh
. "$tests/../guest/ktap.sh"
# shellcheck source=tests/policy/lib.sh
. "$tests/lib.sh"

echo "KTAP version 1"
# shellcheck source=/dev/null
. "$tests/phases/$1.sh"
run_facts "policy/$1/"
end_facts
