/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PF_H
#define PF_H

#include "policy.h"

/* "enable" and "disable --pf". Return: an exit status. */
int pf_enable(const char *address, const struct policy *policy);
int pf_disable(const char *address);

/*
 * "leave": before the tool goes, undo what it did. Policies stay as they are.
 * Return: an exit status.
 */
int pf_leave_all(void);

/**
 * pf_switch_autoprobe - keep the host's drivers from VFs that appear
 * @pf: the PF's address
 *
 * The switch as it was before is kept for pf_disable().
 *
 * Return: 0 or a negative errno
 */
int pf_switch_autoprobe(const char *pf);

#endif
