/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

/* Exit statuses, see virtio-vfio(8). */
enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	UNWELL = 3,
	IN_USE = 4,
};

/* How packages come to this host, and what a kernel's headers are called there;
 * the RPM packages say otherwise.
 */
#ifndef INSTALL
#define INSTALL "apt install "
#define HEADERS "linux-headers-"
#endif

/* From here on messages go to syslog, for udev shows nobody what its programs
 * print.
 */
void report_to_syslog(void);

/**
 * refuse - tell why something isn't done
 * @status: what to return
 * @subject: the device, or whatever the reason is about
 * @next: what to do about it, or NULL
 * @fmt: the reason
 *
 * Return: @status
 */
int refuse(int status, const char *subject, const char *next, const char *fmt,
	   ...) __attribute__((format(printf, 4, 5)));

/* Tell what was done or waits for something. */
void say(const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Of two statuses the one to end with: a failure before IN_USE before DONE. */
int worse(int a, int b);

#endif
