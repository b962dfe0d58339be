# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2317
#
# The package is upgraded while a legacy guest runs on a VF, and downgraded, in
# the middle of which the power fails.

vf=${VFS%% *}
this=$(version this)
next=$(version next)

# guest_runs_on VERSION - and on the VF
guest_runs_on()
{
	is "loaded version" "$(</sys/module/virtio_vfio_pci/version)" "$1" &&
		is "driver of $vf" "$(vf_driver "$vf")" virtio_vfio_pci &&
		guest_pci_id legacy 1af4:1000 && guest_pings legacy "$host_ip"
}

begin_guest()
{
	bind_transitional "$vf" && guest_start legacy legacy "$vf" &&
		guest_ready legacy && guest_nic_up legacy 192.0.2.21
}

# Under a VF that is in use, nothing changes but the disk.
upgraded()
{
	install_packages next && installed_is "$next" && loaded_is "$this" &&
		guest_runs_on "$this"
}

load_anew()
{
	guest_kill legacy && vf_unbind "$vf" && modprobe -r virtio_vfio_pci &&
		bind_transitional "$vf" && loaded_is "$next"
}

# Until the old version is gone from the disk, and DKMS is at the new; 300 s at
# most. What goes on behind must not hold the fact's output.
half_downgraded()
{
	local i

	install_packages this >/dev/null 2>&1 &
	for ((i = 0; i < 3000; i++)); do
		[[ ! -e /var/lib/dkms/virtio-vfio/$this ]] || break
		sleep 0.1
	done
	is "left of version $next" "$(ls -d "/usr/src/virtio-vfio-$next" \
		"/lib/modules/$(uname -r)/updates/dkms"/virtio_* 2>/dev/null)" "" &&
		guest_runs_on "$next" || return
	grep -qsx dkms /proc/[0-9]*/comm || say_error "DKMS was too fast"
}

fact "a legacy guest on a VF" begin_guest
needs
fact "upgrade: the guest runs on, the module that is loaded stays" upgraded
fact "rebound: the new module is used" load_anew
fact "rebound: a legacy guest runs on it" "begin_guest && guest_runs_on $next"
fact "downgrade: the guest runs on, the module that is loaded stays" half_downgraded
host_setup || exit
run_facts "upgrade/"
end_facts || status=1
cut_power "$status"
