// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virtio-vfio doctor": what a person would check.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "report.h"
#include "show.h"
#include "table.h"

static const char * const verdicts[] = {
	[GOOD] = "ok", [NOTE] = "note", [BAD] = "bad",
};

static void print_check(struct json_object *check)
{
	struct json_object *mend = json_object_object_get(check, "mend");

	printf("%-4s  %s: %s\n",
	       json_object_get_string(json_object_object_get(check, "verdict")),
	       json_object_get_string(json_object_object_get(check, "check")),
	       json_object_get_string(json_object_object_get(check, "text")));
	if (mend)
		printf("      mend: %s\n", json_object_get_string(mend));
}

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *check,
		const char *mend, const char *fmt, ...)
{
	struct json_object *object = json_object_new_object();
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	add_string(object, "check", check);
	add_string(object, "verdict", verdicts[verdict]);
	add_string(object, "text", text);
	add_name(object, "mend", mend ? mend : "");
	json_object_array_add(doctor->checks, object);
	if (verdict == BAD)
		doctor->well = false;
}

int show_doctor(bool json)
{
	struct doctor doctor = {
		.checks = json_object_new_array(),
		.well = true,
	};
	size_t i;

	doctor_host(&doctor);
	doctor_module(&doctor);
	doctor_pfs(&doctor);

	if (json) {
		print_json(doctor.checks);
	} else {
		for (i = 0; i < json_object_array_length(doctor.checks); i++)
			print_check(json_object_array_get_idx(doctor.checks, i));
		json_object_put(doctor.checks);
	}

	return doctor.well ? DONE : UNWELL;
}
