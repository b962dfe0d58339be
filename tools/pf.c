// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opt a PF in and out.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "file.h"
#include "function.h"
#include "pf.h"
#include "report.h"
#include "run.h"

static struct path autoprobe_path(const char *pf)
{
	return path("/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", pf);
}

int pf_switch_autoprobe(const char *pf)
{
	long value;
	int ret;

	ret = file_read_number(autoprobe_path(pf), &value);
	if (ret || !value)
		return ret;

	ret = state_write_autoprobe(pf);
	return ret ? ret : file_write(autoprobe_path(pf), "0");
}

static int restore_autoprobe(const char *pf)
{
	int ret;

	if (!state_read_autoprobe(pf))
		return 0;

	ret = file_write(autoprobe_path(pf), "1");
	if (!ret)
		state_remove(pf);
	return ret;
}

static int unbind_by_policy(struct function *vf, const struct users *users)
{
	return unbind_vf(vf, users, true);
}

/*
 * Bind all VFs if there is a policy, else do what @undo does. Stops between two if
 * a signal came. With @autoprobe the kernel would have bound those that came while
 * it was off.
 */
static int do_vfs(const struct function *pf, const struct policy *policy,
		  int (*undo)(struct function *vf, const struct users *users),
		  bool autoprobe)
{
	struct users users = users_read();
	struct function *vfs;
	size_t count, i;
	int ret = DONE;

	count = function_vfs(pf, &vfs);
	for (i = 0; i < count; i++) {
		if (run_interrupted()) {
			ret = refuse(FAILED, pf->address,
				     "the same command again",
				     "interrupted; %zu of its %zu VFs were not looked at",
				     count - i, count);
			break;
		}
		ret = worse(ret, policy ? bind_vf(&vfs[i], &users, policy) :
					  undo(&vfs[i], &users));
		if (autoprobe)
			leave_to_kernel(&vfs[i]);
	}

	free(vfs);
	users_free(&users);
	if (ret == IN_USE && undo != leave_vf)
		say(pf->address, "these VFs wait; run the same command again when they are free");
	return ret == IN_USE ? DONE : ret;
}

static int find_pf(struct function *pf, const char *address)
{
	int ret;

	ret = function_read(pf, address);
	if (ret == -EINVAL)
		return refuse(USAGE, address, "virtio-vfio list",
			      "is no PCI address");
	if (ret)
		return refuse(FAILED, pf->address, "virtio-vfio list",
			      ret == -ENODEV ? "there is no such device" :
			      "is no virtio device");
	if (!function_is_pf(pf))
		return refuse(FAILED, pf->address, "virtio-vfio list",
			      pf->pf[0] ? "is a VF, and policy is for its PF %s" :
			      "has no SR-IOV%s", pf->pf);
	return DONE;
}

static int write_policy(const char *pf, const struct policy *policy)
{
	struct policy old;
	bool had_one, same;
	int ret;

	had_one = !policy_read(pf, &old);
	same = had_one && old.transitional == policy->transitional &&
	       !strcmp(old.group, policy->group);
	ret = same ? 0 : policy_write(pf, policy);
	if (ret)
		return refuse(FAILED, pf,
			      ret == -EACCES ? "run this as root" : NULL,
			      "its policy can't be written: %s",
			      strerror(-ret));

	ret = pf_switch_autoprobe(pf);
	if (!ret)
		return DONE;

	if (had_one && !same)
		policy_write(pf, &old);
	else if (!had_one)
		policy_remove(pf);
	return refuse(FAILED, pf, "virtio-vfio doctor",
		      "sriov_drivers_autoprobe can't be set: %s",
		      strerror(-ret));
}

int pf_enable(const char *address, const struct policy *policy)
{
	struct function pf;
	int ret;

	ret = find_pf(&pf, address);
	if (ret)
		return ret;
	if (policy->group[0] && !getgrnam(policy->group))
		return refuse(USAGE, policy->group, "getent group",
			      "there is no such group");
	if (!run_lock(pf.address, LOCK_SECONDS))
		return FAILED;

	ret = write_policy(pf.address, policy);
	if (!ret) {
		say(pf.address, "its VFs are bound to " DRIVER "%s as they appear",
		    policy->transitional ? " and shown as transitional" : "");
		ret = do_vfs(&pf, policy, NULL, false);
	}

	run_unlock();
	return ret;
}

/* A card that is no longer there can be opted out, too. */
int pf_disable(const char *address)
{
	struct function pf;
	bool present, autoprobe;
	int ret;

	ret = function_read(&pf, address);
	if (ret == -EINVAL)
		return find_pf(&pf, address);
	present = !ret;
	if (!run_lock(pf.address, LOCK_SECONDS))
		return FAILED;

	autoprobe = state_read_autoprobe(pf.address);
	ret = policy_remove(pf.address);
	if (!ret && present)
		ret = restore_autoprobe(pf.address);
	if (ret) {
		ret = refuse(FAILED, pf.address,
			     ret == -EACCES ? "run this as root" : NULL,
			     "can't be opted out: %s", strerror(-ret));
	} else {
		say(pf.address, "its VFs are left to the host");
		ret = present ? do_vfs(&pf, NULL, unbind_by_policy, autoprobe) :
				DONE;
	}

	run_unlock();
	return ret;
}

int pf_leave_all(void)
{
	struct function *pfs;
	int count, i, ret = DONE;
	bool autoprobe;

	count = function_pfs(&pfs);
	for (i = 0; i < count; i++) {
		if (!run_lock(pfs[i].address, LOCK_SECONDS)) {
			ret = FAILED;
			continue;
		}

		autoprobe = state_read_autoprobe(pfs[i].address);
		if (restore_autoprobe(pfs[i].address))
			ret = refuse(FAILED, pfs[i].address, NULL,
				     "sriov_drivers_autoprobe can't be set");
		ret = worse(ret, do_vfs(&pfs[i], NULL, leave_vf, autoprobe));
		run_unlock();
	}

	free(pfs);
	return ret;
}
