// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was decided, in /etc/virtio-vfio, and how it was before, in /run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "policy.h"

static const char policy_text[] =
	"# Written by \"virtio-vfio enable --pf %s\", see virtio-vfio(8).\n"
	"# While this file is there, the VFs of this PF are bound to\n"
	"# virtio_vfio_pci as they appear. \"virtio-vfio disable --pf %s\"\n"
	"# removes it.\n"
	"\n"
	"# Show them to guests as transitional devices: on or off.\n"
	"transitional=%s\n"
	"\n"
	"# The group whose members may open them in VFIO. Empty: root alone.\n"
	"group=%s\n";

/* Find "key=" at the beginning of a line. */
static bool get(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key), n;

	value[0] = '\0';
	while (strncmp(text, key, len) || text[len] != '=') {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}

	text += len + 1;
	n = strcspn(text, "\n");
	if (n >= size)
		return false;
	memcpy(value, text, n);
	value[n] = '\0';
	return true;
}

static struct path policy_path(const char *pf)
{
	return path("/etc/virtio-vfio/pf/%s", pf);
}

int policy_read(const char *pf, struct policy *policy)
{
	char text[4096], value[8];
	int ret;

	memset(policy, 0, sizeof(*policy));
	ret = file_read(policy_path(pf), text, sizeof(text));
	if (ret < 0)
		return ret == -ENOENT ? -ENOENT : -EINVAL;

	if (!get(text, "transitional", value, sizeof(value)))
		return -EINVAL;
	policy->transitional = !strcmp(value, "on");
	if (!policy->transitional && strcmp(value, "off"))
		return -EINVAL;

	return get(text, "group", policy->group, sizeof(policy->group)) ?
	       0 : -EINVAL;
}

int policy_write(const char *pf, const struct policy *policy)
{
	char text[2048];

	snprintf(text, sizeof(text), policy_text, pf, pf,
		 policy->transitional ? "on" : "off", policy->group);
	return file_replace(policy_path(pf), text);
}

int policy_remove(const char *pf)
{
	int ret = file_remove(policy_path(pf));

	/* Without these the udev rule does nothing. */
	if (!ret && !rmdir(path("/etc/virtio-vfio/pf").s))
		rmdir(path("/etc/virtio-vfio").s);
	return ret;
}

static struct path state_path(const char *address)
{
	return path("/run/virtio-vfio/%s", address);
}

int state_read(const char *vf, struct state *state)
{
	char text[512], value[16];
	int ret;

	memset(state, 0, sizeof(*state));
	state->transitional = -1;
	ret = file_read(state_path(vf), text, sizeof(text));
	if (ret < 0)
		return ret;

	if (!get(text, "driver", state->driver, sizeof(state->driver)))
		return -EINVAL;
	get(text, "transitional", value, sizeof(value));
	if (!strcmp(value, "0") || !strcmp(value, "1"))
		state->transitional = *value == '1';
	get(text, "by", value, sizeof(value));
	state->by_policy = !strcmp(value, "policy");
	state->given_back = !strcmp(value, "nobody");
	return 0;
}

int state_write(const char *vf, const struct state *state)
{
	char text[512];

	snprintf(text, sizeof(text), "driver=%s\ntransitional=%d\nby=%s\n",
		 state->driver, state->transitional,
		 state->given_back ? "nobody" :
		 state->by_policy ? "policy" : "command");
	return file_replace(state_path(vf), text);
}

void state_remove(const char *address)
{
	file_remove(state_path(address));
}

bool state_read_autoprobe(const char *pf)
{
	char text[64], value[4];

	return file_read(state_path(pf), text, sizeof(text)) > 0 &&
	       get(text, "autoprobe", value, sizeof(value)) &&
	       !strcmp(value, "1");
}

int state_write_autoprobe(const char *pf)
{
	return file_replace(state_path(pf), "autoprobe=1\n");
}
