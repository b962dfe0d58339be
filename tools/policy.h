/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>

/**
 * struct policy - what the operator decided for the VFs of a PF
 * @transitional: show them as transitional devices
 * @group: may open their VFIO groups; "" for root alone
 */
struct policy {
	bool transitional;
	char group[64];
};

/* Return: 0, -ENOENT if the PF isn't opted in, -EINVAL if the file is bad. */
int policy_read(const char *pf, struct policy *policy);
/* Return: 0 or a negative errno. */
int policy_write(const char *pf, const struct policy *policy);
int policy_remove(const char *pf);

/**
 * struct state - how a VF was before the tool bound it, until the next boot
 * @given_back: it has that driver again, and policy doesn't take it from there
 * @driver: what was bound, "" for nothing, our driver if someone else bound that
 * @by_policy: bound because its PF is opted in
 * @transitional: what it was before policy changed it for a VF that policy
 *	didn't bind, -1 if it didn't
 */
struct state {
	bool given_back;
	char driver[64];
	bool by_policy;
	int transitional;
};

/* Return: 0, or a negative errno if there is none. */
int state_read(const char *vf, struct state *state);
int state_write(const char *vf, const struct state *state);
void state_remove(const char *vf);

/* Whether the tool switched the PF's sriov_drivers_autoprobe off. */
bool state_read_autoprobe(const char *pf);
/* Return: 0 or a negative errno. */
int state_write_autoprobe(const char *pf);

#endif
