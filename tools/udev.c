// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio function came, went, got or lost a driver.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "file.h"
#include "pf.h"
#include "report.h"
#include "run.h"
#include "udev.h"

/* All VFs of a PF may have come at once, and take their turns. */
#define TURN_SECONDS 900

static int pf_event(const struct function *pf)
{
	int ret;

	ret = pf_switch_autoprobe(pf->address);
	if (!ret)
		return DONE;

	return refuse(FAILED, pf->address, NULL,
		      "sriov_drivers_autoprobe can't be set: %s",
		      strerror(-ret));
}

/* Also after a bind that was the tool's own. */
static bool is_done(const struct function *vf, const struct policy *policy)
{
	return !strcmp(vf->driver, DRIVER) &&
	       (vf->transitional < 0 ||
		vf->transitional == policy->transitional) &&
	       !policy->group[0];
}

/*
 * libvirt, for one, takes a VF from us and leaves it without a driver when it is
 * done. Who means to have it so says "unbind", and that forgets the state.
 */
static bool is_given_up(const struct function *vf)
{
	const char *action = getenv("ACTION");
	struct state state;

	if (!action || strcmp(action, "unbind"))
		return false;

	return vf->override[0] || state_read(vf->address, &state) ||
	       !state.by_policy;
}

/*
 * Whoever binds another driver by its name knows; no need to tell of it again.
 * The tool does so when it gives a VF back, and takes the name away soon.
 */
static bool is_taken(const struct function *vf)
{
	const char *action = getenv("ACTION");
	struct state state;

	if (!action || strcmp(action, "bind") || !vf->driver[0] ||
	    !strcmp(vf->driver, DRIVER))
		return false;

	return !strcmp(vf->driver, vf->override) ||
	       (!state_read(vf->address, &state) && !state.by_policy &&
		!strcmp(vf->driver, state.driver));
}

static int hand_to_systemd(const char *address)
{
	char unit[64];
	const char * const argv[] = {
		"/bin/systemctl", "--no-block", "start", unit, NULL
	};

	snprintf(unit, sizeof(unit), "virtio-vfio@%s.service", address);
	if (!run_command(argv, 30))
		return DONE;

	return refuse(FAILED, address, NULL, "%s could not be started", unit);
}

static int vf_event(struct function *vf, const struct policy *policy, bool now)
{
	/* Nobody has a VF open that the kernel's own driver or none has. */
	const struct users users = { .complete = true };
	int ret;

	if (is_done(vf, policy) || is_given_up(vf) || is_taken(vf))
		return DONE;
	if (!now && file_exists(path("/run/systemd/system")))
		return hand_to_systemd(vf->address);
	if (!run_lock(vf->pf, TURN_SECONDS))
		return FAILED;

	ret = function_read(vf, vf->address);
	/* Between the event and now it may have gone again. */
	ret = ret ? DONE : bind_vf(vf, &users, policy);
	run_unlock();
	/* One that is in use is no failure of the unit. */
	return ret == IN_USE ? DONE : ret;
}

int udev_event(const char *address, bool now)
{
	struct policy policy;
	struct function fn;
	int ret;

	report_to_syslog();
	ret = function_read(&fn, address);
	if (ret == -ENODEV)
		state_remove(fn.address);
	if (ret)
		return ret == -EINVAL ? USAGE : DONE;

	ret = policy_read(fn.pf[0] ? fn.pf : fn.address, &policy);
	if (ret == -ENOENT)
		return DONE;
	if (ret)
		return refuse(FAILED, fn.address, "virtio-vfio doctor",
			      "left alone, for /etc/virtio-vfio/pf/%s can't be understood",
			      fn.pf[0] ? fn.pf : fn.address);

	return fn.pf[0] ? vf_event(&fn, &policy, now) : pf_event(&fn);
}
