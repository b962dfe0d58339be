// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool tells.
 */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "file.h"
#include "report.h"

static bool use_syslog;

void report_to_syslog(void)
{
	openlog("virtio-vfio", 0, LOG_DAEMON);
	/* Tests look at what is printed. */
	use_syslog = !file_root()[0];
}

int refuse(int status, const char *subject, const char *next, const char *fmt,
	   ...)
{
	char reason[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);

	if (use_syslog) {
		syslog(LOG_WARNING, "%s: %s", subject, reason);
		return status;
	}

	fflush(stdout);
	fprintf(stderr, "virtio-vfio: %s: %s\n", subject, reason);
	if (next)
		fprintf(stderr, "  next: %s\n", next);
	return status;
}

void say(const char *subject, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	if (use_syslog)
		syslog(LOG_INFO, "%s: %s", subject, text);
	else
		printf("%s: %s\n", subject, text);
}

int worse(int a, int b)
{
	if (a == DONE || (a == IN_USE && b != DONE))
		return b;

	return a;
}
