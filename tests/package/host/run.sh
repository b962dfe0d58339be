#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh PHASE - what an upgrade, a power cut and Secure Boot are to a host
#
# Runs in the lab host (see tests/lab/run) on a disk that tests/package/host/prepare
# made, prints KTAP. A phase is one of the .sh files beside this one.
# shellcheck disable=SC2317 # facts are called by name

set -u
tests=$(dirname "$(realpath "$0")")/../..
# shellcheck source=tests/lab/guest/lib.sh
. "$tests/lab/guest/lib.sh"
# shellcheck source=tests/guest/ktap.sh
. "$tests/guest/ktap.sh"
# shellcheck source=tests/guest/facts.sh
. "$tests/guest/facts.sh"

: "${PF_NETDEV:?run this in the lab host}"
TRANSFER_MB=10

# version DIR - of the package there
version()
{
	local deb

	deb=$(echo "/root/life/$1"/virtio-vfio-dkms_*.deb)
	deb=$(dpkg-deb -f "$deb" Version)
	echo "${deb%-*}"
}

# install DIR - the packages there, by apt
install_packages()
{
	apt-get -qq -y -o Dpkg::Use-Pty=0 --allow-downgrades install \
		"/root/life/$1"/*.deb >/tmp/apt.log 2>&1 || {
		cat /tmp/apt.log
		return 1
	}
}

installed_is()
{
	is "installed version" "$(modinfo -F version virtio_vfio_pci)" "$1"
}

# loaded_is VERSION - and where that isn't the installed one, the command says so
loaded_is()
{
	local said

	said=$(virtio-vfio status)
	is "loaded version" "$(</sys/module/virtio_vfio_pci/version)" "$1" || return
	if [[ $1 == "$(modinfo -F version virtio_vfio_pci)" ]]; then
		[[ $said == *"Loaded: version $1."* && $said != *Installed:* ]]
	else
		[[ $said == *"Loaded: version $1."*"Installed: version $(modinfo -F version virtio_vfio_pci); used once the module is loaded anew."* ]] &&
			[[ $(virtio-vfio doctor) == *"note  loaded module: not the one that is installed"* ]]
	fi || {
		echo "$said"
		return 1
	}
}

# end STATUS - the host, at once and without writing anything back, as when the
# power fails
cut_power()
{
	echo "$1" >/run/lab/status
	echo b >/proc/sysrq-trigger
	sleep infinity
}

echo "KTAP version 1"
status=0
# shellcheck source=/dev/null
. "$(dirname "$0")/$1.sh"
exit "$status"
