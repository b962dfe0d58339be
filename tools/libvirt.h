/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIBVIRT_H
#define LIBVIRT_H

#include <stdbool.h>

/* Whether libvirt is to pick the driver by itself. */
bool libvirt_is_enabled(void);

/* "enable" and "disable --libvirt". Return: an exit status. */
int libvirt_enable(bool enable);

/**
 * libvirt_version - the version of libvirt that is installed
 * @major: gets the first number
 * @minor: gets the second one
 *
 * Return: whether there is any
 */
bool libvirt_version(int *major, int *minor);

#endif
