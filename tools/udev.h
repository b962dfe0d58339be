/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UDEV_H
#define UDEV_H

#include <stdbool.h>

/**
 * udev_event - what the rule calls for each virtio PCI function
 * @address: of the function, which may be gone
 * @now: do it, instead of having systemd do it outside of udev's worker
 *
 * Return: an exit status
 */
int udev_event(const char *address, bool now);

#endif
