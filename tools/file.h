/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FILE_H
#define FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct path - the name of a file of the host
 * @s: the name, below VIRTIO_VFIO_ROOT if that is set
 */
struct path {
	char s[PATH_MAX];
};

/**
 * file_root - the directory below which everything is looked up
 *
 * Return: "" for the host itself, or what the tests put into VIRTIO_VFIO_ROOT
 */
const char *file_root(void);

/**
 * path - put a file's name together
 * @fmt: absolute name, as the host has it; a name that gets too long becomes
 *	one that doesn't exist
 *
 * Return: the name
 */
struct path path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool file_exists(struct path p);

/**
 * file_read - read a small file
 * @p: its name
 * @buf: gets the content up to the first NUL, without white space at its end;
 *	"" on failure
 * @size: of @buf; what doesn't fit in is left out
 *
 * Return: the length of @buf, or a negative errno
 */
int file_read(struct path p, char *buf, size_t size);

/* As file_read(), for a number. Return: 0, -EINVAL if it is none, or -errno. */
int file_read_number(struct path p, long *value);

/* As file_read(), for the last component of what a symbolic link points to. */
int file_read_link(struct path p, char *buf, size_t size);

/**
 * file_write - write to a file of sysfs in bounded time
 * @p: its name
 * @text: written at once
 *
 * A write that unbinds or probes lasts as long as the driver wants. One that
 * isn't done after WRITE_SECONDS is left to itself in a child process.
 *
 * Return: 0, -ETIMEDOUT, or a negative errno
 */
int file_write(struct path p, const char *text);
#ifndef WRITE_SECONDS
#define WRITE_SECONDS 20
#endif

/**
 * file_replace - give a file a new content or none, never half of one
 * @p: its name; directories on the way to it are made
 * @text: its content
 *
 * Return: 0 or a negative errno
 */
int file_replace(struct path p, const char *text);

/* Remove a file if it is there. Return: 0 or a negative errno. */
int file_remove(struct path p);

#endif
