/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BIND_H
#define BIND_H

#include "function.h"
#include "policy.h"
#include "users.h"

/*
 * All of these report what they refuse and why, leave a VF as it was where
 * something fails, change nothing where all is as wished, and return DONE,
 * FAILED or IN_USE. The caller holds the lock of the PF.
 */

/**
 * bind_vf - bind a VF to our driver
 * @vf: as read under the lock; read anew
 * @users: as read
 * @policy: of its PF if that is why; then a VF that has any other driver than
 *	the kernel's own for virtio is left alone, and one that has none waits
 *	for the module if that isn't there. NULL for an operator's command
 *
 * Return: an exit status
 */
int bind_vf(struct function *vf, const struct users *users,
	    const struct policy *policy);

/**
 * unbind_vf - give a VF back to what drove it before
 * @vf: as read under the lock; read anew
 * @users: as read
 * @by_policy: only if it is policy that has it bound
 *
 * Return: an exit status
 */
int unbind_vf(struct function *vf, const struct users *users, bool by_policy);

/**
 * leave_vf - undo what the tool did to a VF, before the tool goes
 * @vf: as read under the lock; read anew
 * @users: as read
 *
 * One that is in use keeps the driver, until its user or the host chooses
 * another.
 *
 * Return: an exit status
 */
int leave_vf(struct function *vf, const struct users *users);

/*
 * leave_to_kernel - let the kernel choose a driver for a VF that has none
 *
 * That is, one that came under a policy since gone, with the PF's autoprobe
 * off, before anything was done about it.
 */
void leave_to_kernel(struct function *vf);

/* Show a VF that is bound as transitional, or not. */
int set_transitional(struct function *vf, const struct users *users,
		     bool transitional);

#endif
