/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>

/* The commands that only look. Return: an exit status. */
int show_list(bool json);
int show_status(bool json);
int show_doctor(bool json);

#endif
