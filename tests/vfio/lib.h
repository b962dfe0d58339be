/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VFIO tests share: a device opened through the VFIO uAPI, sysfs, the
 * kernel log, and the knobs of the lab's card.
 *
 * Environment: VFIO_BDF is the device under test, already bound; TARGET says
 * what it is: "ours" (a transitional VF under virtio_vfio_pci), "witness" (a
 * VF under upstream's driver) or "oracle" (QEMU's own transitional device under
 * vfio-pci). PF and PF_NETDEV are the card's owner device and its interface.
 * PROVIDER is what drives the PF: "kernel", which is its virtio_pci, or "owner",
 * which is virtio_pci_owner. SLOWNESS is how many times longer all may take on a
 * kernel that looks for defects while it runs.
 *
 * Functions that return an int return 0 or a negative errno unless they say
 * otherwise. Those that return nothing end the program when they fail.
 */
#ifndef TESTS_VFIO_LIB_H
#define TESTS_VFIO_LIB_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Legacy registers, virtio 1.4 "Legacy Interfaces: ... PCI Device Layout" */
#define REG_HOST_FEATURES	0
#define REG_GUEST_FEATURES	4
#define REG_QUEUE_PFN		8
#define REG_QUEUE_SIZE		12
#define REG_QUEUE_SEL		14
#define REG_QUEUE_NOTIFY	16
#define REG_STATUS		18
#define REG_ISR			19
#define REG_CONFIG_VECTOR	20
#define REG_QUEUE_VECTOR	22

#define STATUS_ACKNOWLEDGE	1
#define STATUS_DRIVER		2
#define STATUS_DRIVER_OK	4

/* Admin commands, as the card counts them. */
#define CMD_COMMON_WRITE	2
#define CMD_COMMON_READ		3
#define CMD_DEV_WRITE		4
#define CMD_DEV_READ		5
#define CMD_NOTIFY_INFO		6

#define BAR0_SIZE		64
#define NET_CONFIG_LEN		12	/* mac, status, max_virtqueue_pairs, mtu */

struct vdev {
	char bdf[32];
	int container;
	int group;
	int fd;
	struct vfio_device_info info;
	uint64_t config;	/* file offset of configuration space */
	uint64_t config_size;
	uint64_t bar0;		/* file offset of BAR0 */
};

/* One 2 MB hugepage that is mapped with IOVA == physical address. */
#define DMA_PAGE	4096

struct dma {
	uint8_t *va;
	uint64_t iova;
	size_t size;
};

bool target_is(const char *name);
bool provider_is(const char *name);
const char *env(const char *name);	/* ends the program if it is unset */

/* A device that is not open, which vdev_close() leaves alone. */
void vdev_init(struct vdev *v);
int vdev_open(struct vdev *v, const char *bdf);
void vdev_close(struct vdev *v);
int vdev_reset(struct vdev *v);
/* FLR by a write to Device Control of the PCI Express capability. */
int vdev_flr(struct vdev *v);
/* A reset that nobody who has the device open asked for. */
int vdev_host_reset(struct vdev *v);
struct vfio_region_info vdev_region(struct vdev *v, unsigned int index);
struct vfio_irq_info vdev_irq(struct vdev *v, unsigned int index);

/* pread/pwrite: bytes done or a negative errno. */
ssize_t config_read(struct vdev *v, unsigned int offset, void *buf, size_t len);
ssize_t config_write(struct vdev *v, unsigned int offset, const void *buf,
		     size_t len);
ssize_t bar0_read(struct vdev *v, unsigned int offset, void *buf, size_t len);
ssize_t bar0_write(struct vdev *v, unsigned int offset, const void *buf,
		   size_t len);

/* The same for a little-endian number of 1, 2 or 4 bytes that must succeed. */
uint32_t config_get(struct vdev *v, unsigned int offset, unsigned int width);
void config_set(struct vdev *v, unsigned int offset, unsigned int width,
		uint32_t value);
uint32_t io_get(struct vdev *v, unsigned int offset, unsigned int width);
void io_set(struct vdev *v, unsigned int offset, unsigned int width,
	    uint32_t value);

/* Offset of a PCI capability, 0 if there is none. */
unsigned int find_capability(struct vdev *v, uint8_t id);
/* Turn I/O Space, Memory Space and Bus Master on. */
void io_enable(struct vdev *v);

/* MSI-X with one eventfd a vector; @n of them are made and returned in @fds. */
int msix_enable(struct vdev *v, int *fds, unsigned int n);
int msix_disable(struct vdev *v);
/* Whether the eventfd was signalled within so many ms; takes the signal. */
bool eventfd_wait(int fd, int ms);
/* VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY or _EXIT. Return: 0 or a negative errno. */
int vdev_low_power(struct vdev *v, uint32_t feature);
/*
 * Have the eventfd's signals write @data at that file offset, as wide as @flags
 * says; or no more, if it is -1.
 */
int vdev_ioeventfd(struct vdev *v, uint64_t offset, uint32_t flags,
		   uint64_t data, int event);
/* An eventfd for VFIO_PCI_ERR_IRQ_INDEX or VFIO_PCI_REQ_IRQ_INDEX. */
int event_enable(struct vdev *v, unsigned int index);

/* -ENOMEM if the host has no hugepage to give. */
int dma_alloc(struct vdev *v, struct dma *dma);
/*
 * In pages of DMA_PAGE bytes. What is behind @page in memory is the last of them, not
 * what is behind it for the device. -ENOENT if no two are neighbours in memory.
 */
int dma_alloc_parted(struct vdev *v, struct dma *dma, unsigned int page);
void dma_free(struct vdev *v, struct dma *dma);

int sysfs_write(const char *path, const char *value);
int sysfs_read(const char *path, char *buf, size_t size);	/* no newline */
/* A file of /sys/bus/pci/devices/BDF/virtio_vfio/; value or negative errno. */
int vf_get(const char *bdf, const char *name);
int vf_set(const char *bdf, const char *name, const char *value);
int pci_unbind(const char *bdf);
int pci_reset(const char *bdf);
int pci_bind(const char *bdf, const char *driver);	/* by driver_override */
/* Our driver, opted in; a fresh binding has said nothing in the log yet. */
int rebind_transitional(const char *bdf);
/* Name of the driver, "" if there is none. */
void pci_driver(const char *bdf, char *buf, size_t size);
/* A module parameter; admin_timeout is that of what drives the PF. */
int param_set(const char *name, const char *value);
int admin_timeout_default(void);

/* The card's knobs and counters, see tests/lab/card/. */
bool card_present(void);
void card_set(const char *name, const char *json_value);
void card_set_number(const char *name, long long value);
long long card_get(const char *name);
void card_get_text(const char *name, char *buf, size_t size);
void card_inject_aer(void);
void card_unplug(void);
void card_defaults(void);	/* all knobs as at power-on, counters 0 */

/*
 * Kernel log lines with @text in them since log_mark() or, if it came later,
 * the last log_count().
 */
void log_mark(void);
unsigned int log_count(const char *text);
/* Tell the runner that a kernel log line with @text is provoked on purpose. */
void log_expect(const char *text);

uint64_t now_us(void);
/* A limit for what the host does, in whatever unit, on the host as it is. */
unsigned int slow(unsigned int limit);
void msleep(unsigned int ms);

#endif
