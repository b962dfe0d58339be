/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>

/**
 * run_lock - let one run at a time change something
 * @what: a PF's address or another name
 * @seconds: how long to wait for it
 *
 * The lock ends with the process, also if a child of it lives on. From then on
 * SIGHUP, SIGINT and SIGTERM don't end the program, so that it stops only
 * where all is in order; see run_interrupted().
 *
 * Return: whether it could be had; if not, that was reported
 */
bool run_lock(const char *what, unsigned int seconds);
#ifndef LOCK_SECONDS
#define LOCK_SECONDS 120
#endif
void run_unlock(void);

/* Whether SIGHUP, SIGINT or SIGTERM came since run_lock(). */
bool run_interrupted(void);

/**
 * run_command - run another program and show its output only if it fails
 * @argv: the program's name in full, below the root, and its arguments
 * @seconds: how long it may take
 *
 * A signal from the terminal doesn't reach it.
 *
 * Return: 0, -ETIMEDOUT, or -EIO if it failed
 */
int run_command(const char * const argv[], unsigned int seconds);

#endif
