/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef USERS_H
#define USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "function.h"

/**
 * struct user - a process that has a device open in VFIO
 * @node: the file below /dev/vfio that it has open
 * @pid: its ID
 * @name: "COMMAND (guest NAME)" if it is QEMU, else "COMMAND"
 * @next: another one, or NULL
 */
struct user {
	char node[64];
	long pid;
	char name[160];
	struct user *next;
};

/**
 * struct users - all of them
 * @first: a list
 * @complete: false if another user's processes could not be looked at
 */
struct users {
	struct user *first;
	bool complete;
};

/* Look at all processes. The caller does users_free(). */
struct users users_read(void);
void users_free(struct users *users);

/**
 * users_next - who has a function open in VFIO
 * @fn: the function
 * @from: users->first, or what follows the last one found
 *
 * Return: the next of them, or NULL
 */
const struct user *users_next(const struct function *fn,
			      const struct user *from);

/**
 * users_refusal - why a function can't be taken from its driver now
 * @fn: the function
 * @users: as read
 * @buf: gets the reason, "" if there is none
 * @size: of @buf
 *
 * Return: whether there is one
 */
bool users_refusal(const struct function *fn, const struct users *users,
		   char *buf, size_t size);

#endif
