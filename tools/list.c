// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virtio-vfio list": PFs and their VFs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "function.h"
#include "policy.h"
#include "report.h"
#include "show.h"
#include "table.h"
#include "users.h"

static void add_users(struct json_object *object, const struct function *fn,
		      const struct users *users)
{
	struct json_object *list = json_object_new_array();
	const struct user *user;
	char text[512] = "";
	char reason[256];
	size_t len;

	user = users->first;
	while (fn->iommu_group >= 0 && (user = users_next(fn, user))) {
		struct json_object *entry = json_object_new_object();

		add_int(entry, "pid", user->pid);
		add_string(entry, "name", user->name);
		json_object_array_add(list, entry);
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%s, process %ld",
			 len ? "; " : "", user->name, user->pid);
		user = user->next;
	}

	if (!text[0] && users_refusal(fn, users, reason, sizeof(reason)))
		snprintf(text, sizeof(text), "the host: %s", reason);
	else if (!text[0] && !users->complete && fn->pf[0] && fn->driver[0] &&
		 strcmp(fn->driver, PF_DRIVER))
		snprintf(text, sizeof(text), "unknown without root");
	add_name(object, "in_use", text);
	json_object_object_add(object, "users", list);
}

static struct json_object *describe(const struct function *fn)
{
	struct json_object *object = json_object_new_object();

	add_string(object, "address", fn->address);
	add_string(object, "type", function_type(fn));
	add_name(object, "driver", fn->driver);
	add_name(object, "driver_override", fn->override);
	json_object_object_add(object, "iommu_group", fn->iommu_group < 0 ?
			       NULL : json_object_new_int64(fn->iommu_group));
	return object;
}

static struct json_object *describe_vf(const struct function *vf,
				       const struct users *users)
{
	struct json_object *object = describe(vf);

	add_flag(object, "transitional", vf->transitional);
	add_flag(object, "legacy_supported", vf->legacy_supported);
	add_flag(object, "legacy_active", vf->legacy_active);
	add_flag(object, "migration_supported", vf->migration_supported);
	add_users(object, vf, users);
	return object;
}

/* What the PF can do for its VFs shows where one of them is bound. */
static int offers(const struct function *vfs, size_t count, bool migration)
{
	int flag, found = -1;
	size_t i;

	for (i = 0; i < count; i++) {
		flag = migration ? vfs[i].migration_supported :
				   vfs[i].legacy_supported;
		if (flag > found)
			found = flag;
	}

	return found;
}

static void add_offers(struct json_object *object, const struct function *pf,
		       const struct function *vfs, size_t count)
{
	int queue = function_has_feature(pf, VIRTIO_F_ADMIN_VQ);
	struct json_object *list = json_object_new_object();
	int legacy = offers(vfs, count, false);
	int migration = offers(vfs, count, true);

	/* Both are commands on the admin virtqueue. */
	if (queue == 0 && legacy < 0)
		legacy = 0;
	if (queue == 0 && migration < 0)
		migration = 0;

	add_flag(list, "admin_queue", queue);
	add_flag(list, "legacy", legacy);
	add_flag(list, "migration", migration);
	json_object_object_add(object, "offers", list);
}

static void add_pf_policy(struct json_object *object, const char *pf)
{
	struct json_object *entry;
	struct policy policy;
	int ret;

	ret = policy_read(pf, &policy);
	if (ret == -ENOENT) {
		json_object_object_add(object, "policy", NULL);
		return;
	}

	entry = json_object_new_object();
	add_bool(entry, "valid", !ret);
	add_bool(entry, "transitional", policy.transitional);
	add_name(entry, "group", policy.group);
	json_object_object_add(object, "policy", entry);
}

static struct json_object *describe_pf(const struct function *pf,
				       const struct users *users)
{
	struct json_object *object = describe(pf);
	struct json_object *list = json_object_new_array();
	struct function *vfs;
	size_t count, i;
	char name[256];

	function_name(pf, name, sizeof(name));
	add_string(object, "name", name);
	count = function_vfs(pf, &vfs);
	add_offers(object, pf, vfs, count);
	add_pf_policy(object, pf->address);
	for (i = 0; i < count; i++)
		json_object_array_add(list, describe_vf(&vfs[i], users));
	json_object_object_add(object, "vfs", list);
	free(vfs);
	return object;
}

static bool get_flag(struct json_object *object, const char *key)
{
	return json_object_get_boolean(json_object_object_get(object, key));
}

static const char *offers_text(struct json_object *offers)
{
	if (get_flag(offers, "legacy"))
		return get_flag(offers, "migration") ? "legacy,migration" :
						       "legacy";
	if (get_flag(offers, "migration"))
		return "migration";

	return json_object_object_get(offers, "legacy") ? "none" : "?";
}

static const char *policy_text(struct json_object *policy)
{
	if (!policy)
		return "";
	if (!get_flag(policy, "valid"))
		return "bad";

	return get_flag(policy, "transitional") ? "bind,transitional" : "bind";
}

/* A row for the PF and then one for each VF. */
static void print_table(struct json_object *pfs)
{
	static const struct column columns[] = {
		{ "ADDRESS", "row" }, { "TYPE", "type" },
		{ "DRIVER", "driver" }, { "GROUP", "iommu_group" },
		{ "OFFERS", "can" }, { "POLICY", "decided" },
		{ "TRANSITIONAL", "transitional" },
		{ "LEGACY-ACTIVE", "legacy_active" }, { "USED-BY", "in_use" },
		{ NULL, NULL }
	};
	struct json_object *rows = json_object_new_array();
	struct json_object *pf, *vfs, *vf;
	char row[ADDRESS_SIZE + 2];
	size_t i, j;

	for (i = 0; i < json_object_array_length(pfs); i++) {
		pf = json_object_array_get_idx(pfs, i);
		add_string(pf, "row",
			   json_object_get_string(json_object_object_get(pf, "address")));
		add_string(pf, "can",
			   offers_text(json_object_object_get(pf, "offers")));
		add_string(pf, "decided",
			   policy_text(json_object_object_get(pf, "policy")));
		json_object_array_add(rows, json_object_get(pf));
		vfs = json_object_object_get(pf, "vfs");
		for (j = 0; j < json_object_array_length(vfs); j++) {
			vf = json_object_array_get_idx(vfs, j);
			snprintf(row, sizeof(row), "  %s",
				 json_object_get_string(json_object_object_get(vf, "address")));
			add_string(vf, "row", row);
			json_object_array_add(rows, json_object_get(vf));
		}
	}

	table_print(rows, columns);
	json_object_put(rows);
	json_object_put(pfs);
}

int show_list(bool json)
{
	struct json_object *list = json_object_new_array();
	struct users users = users_read();
	struct function *pfs;
	int count, i;

	count = function_pfs(&pfs);
	for (i = 0; i < count; i++)
		json_object_array_add(list, describe_pf(&pfs[i], &users));
	free(pfs);
	users_free(&users);

	if (json)
		print_json(list);
	else if (count > 0)
		print_table(list);
	else
		json_object_put(list);
	if (count < 0)
		return refuse(FAILED, "/sys/bus/pci", NULL,
			      "PCI devices can't be listed");
	if (!count && !json)
		printf("There is no virtio device with SR-IOV.\n");

	return DONE;
}
