/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <stdbool.h>
#include <json-c/json.h>

/**
 * enum verdict - on one check
 * @GOOD: as it should be
 * @NOTE: worth knowing, or can't be told
 * @BAD: something does not work because of it
 */
enum verdict { GOOD, NOTE, BAD };

struct doctor {
	struct json_object *checks;
	bool well;
};

/**
 * doctor_say - give a verdict
 * @doctor: where to
 * @verdict: which
 * @check: what was checked
 * @mend: the one command that mends it, or NULL
 * @fmt: what was found
 */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *check,
		const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

void doctor_host(struct doctor *doctor);
void doctor_module(struct doctor *doctor);
void doctor_pfs(struct doctor *doctor);

#endif
