#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh fresh|opted|rebooted - what libvirt makes of the policy
#
# Runs in a lab host that systemd has brought up (see tests/lab/run), prints
# KTAP. fresh: nothing was decided, or all taken back. opted: libvirt's alias was
# decided on before this boot; it ends with the host going down while a domain
# runs. rebooted: the boot after that. KERNEL is a name for the host in what is
# printed, ROUNDS how often a domain is stopped and started.
# shellcheck disable=SC2317 # facts are called by name

set -u
tests=$(dirname "$(realpath "$0")")/..
# shellcheck source=tests/lab/guest/lib.sh
. "$tests/lab/guest/lib.sh"
# shellcheck source=tests/guest/ktap.sh
. "$tests/guest/ktap.sh"
# shellcheck source=tests/guest/facts.sh
. "$tests/guest/facts.sh"

: "${PF_NETDEV:?run this in the lab host}"
pf=$PCI_DEVICES/$PF
TRANSFER_MB=10

# domain NAME [MODEL] - define one with the first VF, managed; every domain has
# the same guest, which takes the legacy interface if there is one
domain()
{
	local dir slot function model=

	dir=$(guest_dir "$1")
	[[ ! ${2-} ]] || model="<driver model='$2'/>"
	IFS=:. read -r _ _ slot function <<<"$vf"
	virsh -q define /dev/stdin <<-END
	<domain type='kvm'>
	  <name>$1</name>
	  <memory unit='MiB'>$GUEST_MEMORY</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <type arch='x86_64' machine='pc'>hvm</type>
	    <kernel>$GUEST_IMAGE/vmlinuz</kernel>
	    <initrd>$GUEST_IMAGE/initramfs</initrd>
	    <cmdline>$(guest_append legacy)</cmdline>
	  </os>
	  <features><acpi/><apic/></features>
	  <cpu mode='host-passthrough'/>
	  <devices>
	    <serial type='file'><source path='$dir/console'/><target port='0'/></serial>
	    <serial type='pipe'><source path='$dir/ctl'/><target port='1'/></serial>
	    <hostdev mode='subsystem' type='pci' managed='yes'>
	      $model
	      <source>
	        <address domain='0x0000' bus='0x01' slot='0x$slot' function='0x$function'/>
	      </source>
	    </hostdev>
	    <memballoon model='none'/>
	  </devices>
	</domain>
	END
}

start()
{
	guest_make_dir "$1" && virsh -q start "$1" || return
	cp "/run/libvirt/qemu/$1.pid" "$(guest_dir "$1")/pid"
}

# up NAME - start it and wait for the guest
up()
{
	start "$1" && guest_ready "$1" && guest_nic_up "$1" 192.0.2.21
}

driver_is()
{
	is "driver of $vf" "$(vf_driver "$vf")" "$1"
}

# The command prints sentences; these are the exit status and a part of one.
tool_says()
{
	local status=0 said

	said=$(virtio-vfio "${@:3}" 2>&1) || status=$?
	echo "$said"
	is "exit status of virtio-vfio ${*:3}" "$status" "$1" && [[ $said == *"$2"* ]]
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local end=$((SECONDS + $1))

	until "${@:2}" >/dev/null; do
		((SECONDS < end)) || { "${@:2}"; return; }
		sleep 0.2
	done
}

vfs_are()
{
	local link

	for link in "$pf"/virtfn*; do
		is "driver of $(basename "$(readlink "$link")")" \
			"$(basename "$(readlink "$link/driver")")" "$1" || return
	done
}

make_vfs()
{
	echo 0 >"$pf/sriov_numvfs" && echo 4 >"$pf/sriov_numvfs" &&
		wait_for 60 vfs_are "$1" && udevadm settle --timeout=60
}

detach_and_reattach()
{
	local node=pci_${vf//[:.]/_}

	virsh -q nodedev-detach "$node" && driver_is "$1" &&
		virsh -q nodedev-reattach "$node" && wait_for 30 driver_is "$2"
}

# stop_and_start NAME TIMES DRIVER - without waiting for the guest each time
stop_and_start()
{
	local i

	for ((i = 0; i < $2; i++)); do
		virsh -q destroy "$1" || return
		start "$1" || return
		driver_is "$3" || return
	done
	guest_ready "$1"
}

# alias_is LISTED... - in modules.alias, and so says the command
alias_is()
{
	local count

	count=$(grep -c '^alias vfio_pci:.* virtio_vfio_pci$' \
		"/lib/modules/$(uname -r)/modules.alias")
	is "vfio_pci: aliases of virtio_vfio_pci" "$count" "$1" || return
	virtio-vfio status --json | tr -d ' \n' |
		grep -q "\"libvirt\":$( (($1)) && echo true || echo false)"
}

blacklist_breaks_domains()
{
	local said

	modprobe -r virtio_vfio_pci && echo "blacklist virtio_vfio_pci" \
		>/etc/modprobe.d/by-hand.conf || return
	tool_says 3 "/etc/modprobe.d/by-hand.conf" doctor || return
	said=$(virsh start "$1" 2>&1) && { echo "libvirt started $1"; return 1; }
	echo "$said"
	[[ $said == *virtio_vfio_pci* ]]
}

without_blacklist()
{
	rm /etc/modprobe.d/by-hand.conf
	tool_says 0 "nothing keeps the module out" doctor && start "$1" &&
		driver_is virtio_vfio_pci && virsh -q destroy "$1"
}

facts_fresh()
{
	fact "VFs are left to the kernel" make_vfs virtio-pci
	needs
	fact "no alias for libvirt" alias_is 0
	fact "managed: starts" "domain managed && up managed"
	needs
	fact "managed: driver is vfio-pci" driver_is vfio-pci
	fact "managed: guest sees the modern device" \
		guest_pci_id managed "1af4:1041 (rev 01)"
	fact "managed: ping" guest_pings managed "$host_ip"
	fact "managed: stops, and the VF goes back" \
		"virsh -q destroy managed && wait_for 30 driver_is virtio-pci"
	fact "detached and reattached" detach_and_reattach vfio-pci virtio-pci
	fact "explicit: starts" "domain explicit virtio_vfio_pci && up explicit"
	needs
	fact "explicit: driver is virtio_vfio_pci" driver_is virtio_vfio_pci
	fact "explicit: guest sees the modern device" \
		guest_pci_id explicit "1af4:1041 (rev 01)"
	fact "explicit: ping" guest_pings explicit "$host_ip"
	fact "explicit: not to be made transitional while it runs" \
		tool_says 4 "$vf" set transitional=on "$vf"
	fact "explicit: stops, and the VF goes back" \
		"virsh -q destroy explicit && wait_for 30 driver_is virtio-pci"
}

# The domain is defined already.
facts_legacy()
{
	fact "managed: starts" up managed
	needs
	fact "managed: driver is virtio_vfio_pci" driver_is virtio_vfio_pci
	fact "managed: guest sees a transitional device" guest_pci_id managed 1af4:1000
	fact "managed: guest has negotiated without VERSION_1" guest_feature managed 32 0
	fact "managed: ping" guest_pings managed "$host_ip"
	fact "managed: $TRANSFER_MB MB from the host arrive unchanged" \
		guest_downloads managed "$TRANSFER_MB"
	fact "managed: the command names who uses the VF" tool_says 0 managed list
}

facts_opted()
{
	fact "libvirt's alias is there" alias_is 1
	fact "VFs are left to the kernel without a decision" make_vfs virtio-pci
	needs
	fact "plain: driver is virtio_vfio_pci without the PF's decision" \
		"domain plain && start plain && driver_is virtio_vfio_pci"
	fact "plain: stops, and the VF goes back" \
		"virsh -q destroy plain && wait_for 30 driver_is virtio-pci"
	fact "a blacklist: doctor names it, and libvirt fails" \
		blacklist_breaks_domains plain
	fact "without the blacklist all is well" without_blacklist plain
	fact "the PF is opted in" \
		"virtio-vfio enable --pf $PF --transitional && vfs_are virtio_vfio_pci"
	needs
	fact "new VFs are bound" make_vfs virtio_vfio_pci
	needs
	fact "managed: is defined" domain managed
	needs
	facts_legacy
	fact "managed: stops, and the VF stays bound" \
		"virsh -q destroy managed && wait_for 30 driver_is virtio_vfio_pci &&
		 is transitional \$(vf_attr $vf transitional) 1"
	fact "detached and reattached" \
		detach_and_reattach virtio_vfio_pci virtio_vfio_pci
	fact "managed: starts again" start managed
	needs
	fact "managed: stopped and started ${ROUNDS:-20} times" \
		stop_and_start managed "${ROUNDS:-20}" virtio_vfio_pci
	fact "managed: a transitional device after that" guest_pci_id managed 1af4:1000
	fact "managed: network device again" guest_nic_up managed 192.0.2.21
}

facts_rebooted()
{
	fact "the host went down in order" went_down
	fact "libvirt's alias is there" alias_is 1
	fact "new VFs are bound" make_vfs virtio_vfio_pci
	needs
	facts_legacy
	fact "managed: stops" virsh -q destroy managed
}

# libvirt-guests would wait minutes for a guest that knows no power button.
go_down()
{
	mkdir -p /var/log/journal
	journalctl --flush
	echo "SHUTDOWN_TIMEOUT=5" >>/etc/default/libvirt-guests
	echo "$1" >/run/lab/status
	systemctl --no-block poweroff
	sleep infinity
}

went_down()
{
	journalctl -q -b -1 -o cat | grep -F "Reached target" | tail -n 3
	journalctl -q -b -1 -o cat | grep -qE "Reached target .*(Power-Off|Shutdown)" &&
		! journalctl -q -b -1 -o cat | grep -E "virtio-vfio.*(timed out|Failed)"
}

echo "KTAP version 1"
host_setup || {
	no_facts "$1: the host could not be set up"
	exit 1
}
# The first one, before there are any.
vf=$(printf '%s.1' "${PF%.*}")
"facts_$1"
run_facts "${KERNEL:-$(uname -r)}/$1: "
status=0
end_facts || status=1
[[ $1 != opted ]] || go_down "$status"
exit "$status"
