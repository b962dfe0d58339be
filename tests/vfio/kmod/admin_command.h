/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_VFIO_ADMIN_COMMAND_H
#define TESTS_VFIO_ADMIN_COMMAND_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * One call of virtio_pci_owner_execute() for the VF at @bus and @devfn of
 * domain 0. @ret is what it returned; what it filled in of its request has the
 * same names here.
 */
struct admin_command {
	__u8 bus;
	__u8 devfn;
	__u16 group;
	__u16 opcode;
	__u16 status;
	__s32 qualifier;
	__s32 ret;
	__u32 data_len;
	__u32 result_len;
	__u32 used;
	__u32 padding;
	__u64 data;
	__u64 result;
};

#define ADMIN_COMMAND		_IOWR('v', 0, struct admin_command)
/* As when the machine sleeps and wakes, of the device at @bus and @devfn alone. */
#define ADMIN_SUSPEND		_IOW('v', 1, struct admin_command)
#define ADMIN_RESUME		_IOW('v', 2, struct admin_command)
#define ADMIN_COMMAND_PATH	"/dev/virtio_admin_command"
#define ADMIN_COMMAND_MAX	4096

#endif
