# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154,SC2317
#
# The boot after the power failed in the middle of a downgrade.

was_interrupted()
{
	[[ $(dpkg --audit) ]] || say_error "dpkg did not notice"
}

# The second command finds nothing to do where the first has done all.
repair()
{
	dpkg --configure -a && apt-get -qq -y -o Dpkg::Use-Pty=0 -f install &&
		is "dpkg --audit" "$(dpkg --audit)" "" && install_packages this &&
		installed_is "$(version this)"
}

fact "power failed: dpkg knows of an unfinished change" was_interrupted
fact "power failed: the next run repairs it" repair
fact "power failed: a VF is bound to the module that is installed" \
	"bind_transitional ${VFS%% *} && loaded_is $(version this)"
run_facts "repair/"
end_facts || status=1
