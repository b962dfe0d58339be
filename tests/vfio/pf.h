/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PF under virtio_pci_owner and its VFs. Functions that return an int return
 * 0 or a negative errno.
 */
#ifndef TESTS_VFIO_PF_H
#define TESTS_VFIO_PF_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANY_VFS	16

/* The VFs that the next two functions have made or found. */
extern char bdfs[MANY_VFS][32];

/* A file of the PF in sysfs. */
void pf_path(char *buf, size_t size, const char *name);
int pf_write(const char *name, const char *value);
/* So many VFs instead of those there are, shown as transitional */
int make_vfs(unsigned int n);
/* or at least so many. */
int have_vfs(unsigned int n);
/* Bind the PF anew, and then the same. */
int bind_pf(unsigned int vfs);
/* The name of the PF's virtio device. */
int pf_virtio_id(char *buf, size_t size);
/* Wait until the PF's interface has its name again. Return: whether it has. */
bool netdev_is_back(void);
/* ADMIN_SUSPEND or ADMIN_RESUME, of the PF alone, by the module in kmod/. */
int pf_pm(unsigned int request);

/* Caller of a register while the card keeps its answer back. */
struct waiter {
	pthread_t thread;
	struct vdev *v;
	int ret;
	uint64_t ms;
};

/* For pthread_create(): the access of a struct waiter. */
void *wait_for_register(void *waiter);

#endif
