# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154 # variables of run.sh and facts.sh
#
# A legacy guest with two vCPUs, each of which has a queue pair of its own.

fact "multiqueue: VF is bound and made transitional" \
	"begin_group multiqueue; bind_transitional ${vfs[1]}"
needs
fact "multiqueue: guest boots and has a network device" \
	"GUEST_CPUS=2 boot multiqueue legacy ${vfs[1]} 192.0.2.15"
needs
fact "multiqueue: negotiated without VERSION_1" guest_feature multiqueue 32 0
fact "multiqueue: both vCPUs have a queue pair" guest_queues multiqueue 2
fact "multiqueue: first queue carries traffic" \
	guest_sends_on_queue multiqueue 0 "$host_ip"
fact "multiqueue: second queue carries traffic" \
	guest_sends_on_queue multiqueue 1 "$host_ip"
fact "multiqueue: one queue pair after ethtool -L" \
	guest_set_queues multiqueue 1
fact "multiqueue: ping with one queue pair" guest_pings multiqueue "$host_ip"
fact "multiqueue: two queue pairs again" guest_set_queues multiqueue 2
fact "multiqueue: ping with two queue pairs" guest_pings multiqueue "$host_ip"
fact "multiqueue: guest powers off" guest_stop multiqueue
fact "multiqueue: VF unbinds and is left reset" vf_is_reset "${vfs[1]}"
fact "multiqueue: no host kernel message above info level" \
	host_is_quiet multiqueue
