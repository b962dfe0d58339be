// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bind a VF to our driver and give it back.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bind.h"
#include "file.h"
#include "module.h"
#include "report.h"

#define TO_TEXT(number) #number
#define SECONDS(number) TO_TEXT(number) " s"

static const char *reason(int err)
{
	return err == -ETIMEDOUT ?
	       "a driver took more than " SECONDS(WRITE_SECONDS) : strerror(-err);
}

static struct path attribute(const struct function *fn, const char *name)
{
	return path("/sys/bus/pci/devices/%s/%s", fn->address, name);
}

static int write_attribute(const struct function *fn, const char *name,
			   const char *text)
{
	return file_write(attribute(fn, name), text);
}

static int unbind_driver(struct function *vf)
{
	int ret;

	if (!vf->driver[0])
		return 0;

	ret = write_attribute(vf, "driver/unbind", vf->address);
	function_read(vf, vf->address);
	return vf->driver[0] && !ret ? -EBUSY : ret;
}

static int probe(struct function *vf)
{
	int ret;

	ret = file_write(path("/sys/bus/pci/drivers_probe"), vf->address);
	function_read(vf, vf->address);
	return ret;
}

/* An override binds also where the PF's sriov_drivers_autoprobe is off. */
static int bind_by_override(struct function *vf, const char *driver)
{
	int ret;

	ret = write_attribute(vf, "driver_override", driver);
	if (!ret)
		ret = unbind_driver(vf);
	if (!ret)
		ret = probe(vf);

	return !ret && strcmp(vf->driver, driver) ? -ENODEV : ret;
}

/* Return: 0 if the VF is as @state says. */
static int restore(struct function *vf, const struct state *state)
{
	bool keep = !strcmp(state->driver, vf->driver);
	int ret = 0;

	if (!keep && state->driver[0])
		ret = bind_by_override(vf, state->driver);
	else if (!keep)
		ret = unbind_driver(vf);

	/* "\n" is how sysfs takes an empty string. */
	if (write_attribute(vf, "driver_override", "\n"))
		ret = ret ? ret : -EIO;
	/* What the kernel would have done without the policy. */
	if (!ret && !state->driver[0] && state->by_policy)
		ret = probe(vf);

	return ret;
}

/*
 * The event that it got a driver is still to come, and must not have policy bind
 * it again.
 */
static void note_given_back(const struct function *vf)
{
	struct state state = { .given_back = true, .transitional = -1 };
	struct policy policy;

	snprintf(state.driver, sizeof(state.driver), "%s", vf->driver);
	if (vf->driver[0] && !policy_read(vf->pf, &policy))
		state_write(vf->address, &state);
	else
		state_remove(vf->address);
}

/* Else the event of it would have policy bind the VF again. */
static void forget_policy(const struct function *vf, const struct state *state)
{
	struct state forgotten = *state;

	forgotten.by_policy = false;
	state_write(vf->address, &forgotten);
}

static void roll_back(struct function *vf, const struct state *state)
{
	int ret;

	function_read(vf, vf->address);
	forget_policy(vf, state);
	ret = restore(vf, state);
	if (!ret) {
		note_given_back(vf);
		return;
	}

	state_write(vf->address, state);
	refuse(FAILED, vf->address,
	       "see \"dmesg\" for what holds it, then \"virtio-vfio unbind\" it",
	       "could not be given back to %s: %s",
	       state->driver[0] ? state->driver : "no driver", reason(ret));
}

/* Or what a run that was killed while it gave the VF back has left there. */
static bool override_is_ours(const struct function *vf)
{
	struct state state;

	if (!vf->override[0] || !strcmp(vf->override, DRIVER))
		return vf->override[0];

	return !state_read(vf->address, &state) && !state.given_back &&
	       !strcmp(vf->override, state.driver);
}

static int refuse_override(const struct function *vf)
{
	char next[128];

	if (file_exists(path("/etc/driverctl.d/pci-%s", vf->address))) {
		/* It fails if no driver comes, as where autoprobe is off. */
		snprintf(next, sizeof(next),
			 "driverctl --noprobe unset-override %s", vf->address);
		return refuse(IN_USE, vf->address, next,
			      "driverctl has an override for it");
	}
	if (!vf->override[0] || override_is_ours(vf))
		return DONE;

	snprintf(next, sizeof(next),
		 "echo > /sys/bus/pci/devices/%s/driver_override", vf->address);
	return refuse(IN_USE, vf->address, next,
		      "its driver_override was set to %s by someone else",
		      vf->override);
}

static int refuse_user(const struct function *vf, const struct users *users)
{
	char reason[256];

	if (!users_refusal(vf, users, reason, sizeof(reason)))
		return DONE;

	return refuse(IN_USE, vf->address,
		      users_next(vf, users->first) ?
		      "stop the VM, and try again" :
		      "take the interface down, and try again", "%s", reason);
}

static int refuse_module(const struct function *vf, int err)
{
	if (err == -ENOENT)
		return refuse(FAILED, vf->address,
			      INSTALL HEADERS "$(uname -r), then \"dkms status virtio-vfio\"",
			      DRIVER " is not installed for the running kernel");

	return refuse(FAILED, vf->address, "virtio-vfio doctor",
		      DRIVER " could not be loaded: %s", strerror(-err));
}

/* A VF that nothing drives gets our driver as soon as that is loaded. */
static int wait_for_module(struct function *vf, const struct state *state,
			   int err)
{
	if (vf->driver[0] || err != -ENOENT)
		return refuse_module(vf, err);

	if (state_write(vf->address, state) ||
	    write_attribute(vf, "driver_override", DRIVER)) {
		roll_back(vf, state);
		return FAILED;
	}
	say(vf->address, "waits for " DRIVER ", which is not installed for the running kernel");
	return DONE;
}

static int allow_group(const struct function *vf, const char *name)
{
	struct path node = path("/dev/vfio/%ld", vf->iommu_group);
	struct group *group = getgrnam(name);

	if (!group)
		return refuse(FAILED, vf->address, "correct the policy's group",
			      "there is no group %s", name);
	if (chown(node.s, -1, group->gr_gid) || chmod(node.s, 0660))
		return refuse(FAILED, vf->address, NULL, "%s: %s", node.s,
			      strerror(errno));

	return DONE;
}

/* The VF is bound, and maybe not by policy. */
static int apply_policy(struct function *vf, const struct users *users,
			const struct policy *policy)
{
	struct state state;
	int ret = DONE;

	if (state_read(vf->address, &state))
		snprintf(state.driver, sizeof(state.driver), "%s", vf->driver);
	if (vf->transitional >= 0 && vf->transitional != policy->transitional) {
		if (!state.by_policy && state.transitional < 0) {
			state.transitional = vf->transitional;
			state_write(vf->address, &state);
		}
		ret = set_transitional(vf, users, policy->transitional);
	}
	if (policy->group[0])
		ret = worse(ret, allow_group(vf, policy->group));

	return ret;
}

/* As it is now, unless an earlier run was killed while it bound the VF. */
static void remember(const struct function *vf, bool by_policy,
		     struct state *state)
{
	if (override_is_ours(vf) && !state_read(vf->address, state))
		return;

	memset(state, 0, sizeof(*state));
	snprintf(state->driver, sizeof(state->driver), "%s", vf->driver);
	state->by_policy = by_policy;
	state->transitional = -1;
}

int bind_vf(struct function *vf, const struct users *users,
	    const struct policy *policy)
{
	struct state state;
	int ret;

	function_read(vf, vf->address);
	if (!strcmp(vf->driver, DRIVER))
		return policy ? apply_policy(vf, users, policy) : DONE;

	ret = refuse_override(vf);
	if (ret)
		return ret;
	if (policy && vf->driver[0] && strcmp(vf->driver, PF_DRIVER))
		return refuse(IN_USE, vf->address,
			      "\"virtio-vfio bind\" it if it is to be changed",
			      "%s was bound to it by someone else", vf->driver);
	ret = refuse_user(vf, users);
	if (ret)
		return ret;

	remember(vf, policy, &state);
	ret = module_load();
	if (ret)
		return policy ? wait_for_module(vf, &state, ret) :
				refuse_module(vf, ret);

	ret = state_write(vf->address, &state);
	if (ret)
		return refuse(FAILED, vf->address, NULL,
			      "its state can't be kept in /run: %s",
			      strerror(-ret));
	ret = bind_by_override(vf, DRIVER);
	if (ret) {
		refuse(FAILED, vf->address, "see what \"dmesg\" says about it",
		       "could not be bound to " DRIVER ": %s", reason(ret));
		roll_back(vf, &state);
		return FAILED;
	}
	say(vf->address, "bound to " DRIVER);
	return policy ? apply_policy(vf, users, policy) : DONE;
}

/* The VF stays bound, for it is not policy that bound it. */
static int restore_transitional(struct function *vf, const struct users *users,
				struct state *state)
{
	int ret = DONE;

	if (state->transitional >= 0 && !strcmp(vf->driver, DRIVER))
		ret = set_transitional(vf, users, state->transitional);
	if (ret)
		return ret;

	state->transitional = -1;
	if (!strcmp(state->driver, DRIVER))
		state_remove(vf->address);
	else
		state_write(vf->address, state);
	return DONE;
}

/* @was: NULL if nothing is known of how it was */
static int give_back(struct function *vf, const struct state *was,
		     bool by_policy)
{
	/* What the kernel chooses. */
	struct state goal = { .by_policy = true };
	int ret;

	/* To the operator's "unbind" it matters little who bound it. */
	if (was && (by_policy || strcmp(was->driver, DRIVER)))
		goal = *was;

	ret = restore(vf, &goal);
	if (!ret) {
		note_given_back(vf);
		say(vf->address, vf->driver[0] ? "given to %s" :
		    "has no driver now%s", vf->driver);
		return DONE;
	}

	refuse(FAILED, vf->address, "see what \"dmesg\" says about it",
	       "could not be given back to %s: %s",
	       goal.driver[0] ? goal.driver : "the kernel", reason(ret));
	/* Nothing may stay half bound. */
	if (bind_by_override(vf, DRIVER))
		refuse(FAILED, vf->address, "virtio-vfio bind ADDRESS",
		       "has no driver now");
	else if (was)
		state_write(vf->address, was);
	return FAILED;
}

int unbind_vf(struct function *vf, const struct users *users, bool by_policy)
{
	struct state state;
	bool known;
	int ret;

	function_read(vf, vf->address);
	known = !state_read(vf->address, &state);
	if (known && state.given_back) {
		state_remove(vf->address);
		known = false;
	}
	if (by_policy && !known)
		return DONE;
	if (by_policy && !state.by_policy)
		return restore_transitional(vf, users, &state);
	if (strcmp(vf->driver, DRIVER) && !override_is_ours(vf)) {
		/* Someone else has had it since. */
		state_remove(vf->address);
		if (by_policy)
			return DONE;
		return vf->driver[0] && strcmp(vf->driver, PF_DRIVER) ?
		       refuse(FAILED, vf->address, NULL, "is bound to %s",
			      vf->driver) : DONE;
	}
	ret = refuse_user(vf, users);
	if (ret)
		return ret;

	if (known)
		forget_policy(vf, &state);

	return give_back(vf, known ? &state : NULL, by_policy);
}

int leave_vf(struct function *vf, const struct users *users)
{
	struct state state;
	int ret;

	if (state_read(vf->address, &state))
		return DONE;

	ret = unbind_vf(vf, users,
			state.by_policy || !strcmp(state.driver, DRIVER));
	function_read(vf, vf->address);
	if (ret == IN_USE && override_is_ours(vf) &&
	    !write_attribute(vf, "driver_override", "\n"))
		state_remove(vf->address);

	return ret;
}

void leave_to_kernel(struct function *vf)
{
	struct state state;

	function_read(vf, vf->address);
	if (!vf->driver[0] && !vf->override[0] &&
	    state_read(vf->address, &state))
		probe(vf);
}

int set_transitional(struct function *vf, const struct users *users,
		     bool transitional)
{
	char next[96];
	int ret;

	function_read(vf, vf->address);
	if (strcmp(vf->driver, DRIVER)) {
		snprintf(next, sizeof(next), "virtio-vfio bind %s", vf->address);
		return refuse(FAILED, vf->address, next, "is not bound to " DRIVER);
	}
	if (vf->transitional == transitional)
		return DONE;

	ret = write_attribute(vf, "virtio_vfio/transitional",
			      transitional ? "1" : "0");
	switch (ret) {
	case 0:
		say(vf->address, "transitional=%s", transitional ? "on" : "off");
		return DONE;
	case -EBUSY:
		ret = refuse_user(vf, users);
		return ret ? ret : refuse(IN_USE, vf->address,
					  "stop the VM, and try again",
					  "it is open in VFIO");
	case -EOPNOTSUPP:
		return refuse(FAILED, vf->address, "virtio-vfio doctor",
			      "can't be transitional; \"dmesg\" has the reason");
	default:
		return refuse(FAILED, vf->address, NULL, "transitional: %s",
			      strerror(-ret));
	}
}
