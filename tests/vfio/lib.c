// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

#define HUGE_PAGE	(2UL << 20)
#define DMA_PAGES	(HUGE_PAGE / DMA_PAGE)
#define PARTED_IOVA	0x40000000UL
#define MAX_VECTORS	16
#define SKIPPED		4	/* KSFT_SKIP */

static void __attribute__((format(printf, 1, 2), noreturn))
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	exit(1);
}

const char *env(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	if (getenv("VFIO_BDF"))
		die("%s is not set", name);

	/* Run by make run_tests on whatever machine: no failure. */
	printf("# VFIO_BDF names no device to test\n");
	fflush(stdout);
	exit(SKIPPED);
}

bool provider_is(const char *name)
{
	const char *provider = getenv("PROVIDER");

	return !strcmp(provider ? provider : "kernel", name);
}

bool target_is(const char *name)
{
	return !strcmp(env("TARGET"), name);
}

unsigned int slow(unsigned int limit)
{
	const char *slowness = getenv("SLOWNESS");

	return slowness ? limit * atoi(slowness) : limit;
}

/* The harness sets a limit for each test by alarm(), as the linker's --wrap has it. */
unsigned int __wrap_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	struct itimerval timer = { .it_value.tv_sec = slow(seconds) };

	setitimer(ITIMER_REAL, &timer, NULL);
	return 0;
}

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

void msleep(unsigned int ms)
{
	usleep(ms * 1000);
}

int sysfs_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int sysfs_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	close(fd);
	if (len < 0)
		return -errno;
	buf[len] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

static void pci_path(char *path, size_t size, const char *bdf, const char *name)
{
	snprintf(path, size, "/sys/bus/pci/devices/%s/%s", bdf, name);
}

int vf_get(const char *bdf, const char *name)
{
	char path[128], value[32];
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtio_vfio/%s",
		 bdf, name);
	ret = sysfs_read(path, value, sizeof(value));
	return ret ? ret : atoi(value);
}

int vf_set(const char *bdf, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtio_vfio/%s",
		 bdf, name);
	return sysfs_write(path, value);
}

int param_set(const char *name, const char *value)
{
	char path[128];

	/* The one that both modules have counts in what drives the PF. */
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s",
		 provider_is("owner") && !strcmp(name, "admin_timeout") ?
		 "virtio_pci_owner" : "virtio_vfio_pci", name);
	return sysfs_write(path, value);
}

int admin_timeout_default(void)
{
	return param_set("admin_timeout", provider_is("owner") ? "10000" : "0");
}

void pci_driver(const char *bdf, char *buf, size_t size)
{
	char path[128], link[256];
	ssize_t len;

	pci_path(path, sizeof(path), bdf, "driver");
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0) {
		*buf = 0;
		return;
	}
	link[len] = 0;
	snprintf(buf, size, "%s", strrchr(link, '/') + 1);
}

int pci_reset(const char *bdf)
{
	char path[128];

	pci_path(path, sizeof(path), bdf, "reset");
	return sysfs_write(path, "1");
}

int pci_unbind(const char *bdf)
{
	char path[128];
	int ret;

	pci_path(path, sizeof(path), bdf, "driver/unbind");
	ret = sysfs_write(path, bdf);
	return ret == -ENOENT ? 0 : ret;
}

int pci_bind(const char *bdf, const char *driver)
{
	char path[128];
	int ret;

	ret = pci_unbind(bdf);
	if (ret)
		return ret;
	pci_path(path, sizeof(path), bdf, "driver_override");
	ret = sysfs_write(path, driver);
	if (ret)
		return ret;
	return sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

int rebind_transitional(const char *bdf)
{
	int ret = pci_bind(bdf, "virtio_vfio_pci");

	return ret ? ret : vf_set(bdf, "transitional", "1");
}

static int group_number(const char *bdf)
{
	char path[128], link[256];
	ssize_t len;

	pci_path(path, sizeof(path), bdf, "iommu_group");
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	return atoi(strrchr(link, '/') + 1);
}

void vdev_init(struct vdev *v)
{
	memset(v, 0, sizeof(*v));
	v->fd = -1;
	v->group = -1;
	v->container = -1;
}

/*
 * Debian's 6.1 has the device's lock held by who reads its uevent file, as udev
 * does after a bind. Opening or resetting the device then fails with EAGAIN.
 */
static int ioctl_again(int fd, unsigned long request, const void *arg)
{
	int i, ret;

	for (i = 0; i < 200; i++) {
		ret = ioctl(fd, request, arg);
		if (ret >= 0 || errno != EAGAIN)
			break;
		usleep(10000);
	}
	return ret;
}

int vdev_open(struct vdev *v, const char *bdf)
{
	struct vfio_region_info region;
	char path[64];
	int number, ret;

	vdev_init(v);
	snprintf(v->bdf, sizeof(v->bdf), "%s", bdf);

	number = group_number(bdf);
	if (number < 0)
		return number;

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		return -errno;

	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		goto fail;
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		goto fail;
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		goto fail;

	v->fd = ioctl_again(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (v->fd < 0)
		goto fail;

	v->info.argsz = sizeof(v->info);
	if (ioctl(v->fd, VFIO_DEVICE_GET_INFO, &v->info))
		goto fail;

	region = vdev_region(v, VFIO_PCI_CONFIG_REGION_INDEX);
	v->config = region.offset;
	v->config_size = region.size;
	v->bar0 = vdev_region(v, VFIO_PCI_BAR0_REGION_INDEX).offset;
	return 0;

fail:
	ret = -errno;
	vdev_close(v);
	return ret;
}

void vdev_close(struct vdev *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	vdev_init(v);
}

int vdev_reset(struct vdev *v)
{
	return ioctl_again(v->fd, VFIO_DEVICE_RESET, NULL) ? -errno : 0;
}

int vdev_flr(struct vdev *v)
{
	unsigned int cap = find_capability(v, PCI_CAP_ID_EXP);
	uint16_t control;
	ssize_t ret;

	if (!cap)
		return -ENODEV;
	control = config_get(v, cap + PCI_EXP_DEVCTL, 2) |
		  PCI_EXP_DEVCTL_BCR_FLR;
	ret = config_write(v, cap + PCI_EXP_DEVCTL, &control, sizeof(control));
	return ret < 0 ? ret : 0;
}

int vdev_host_reset(struct vdev *v)
{
	char path[128];

	pci_path(path, sizeof(path), v->bdf, "reset");
	return sysfs_write(path, "1");
}

struct vfio_region_info vdev_region(struct vdev *v, unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("%s: region %u: %s", v->bdf, index, strerror(errno));
	return info;
}

struct vfio_irq_info vdev_irq(struct vdev *v, unsigned int index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &info))
		info.count = 0;
	return info;
}

static ssize_t done(ssize_t ret)
{
	return ret < 0 ? -errno : ret;
}

ssize_t config_read(struct vdev *v, unsigned int offset, void *buf, size_t len)
{
	return done(pread(v->fd, buf, len, v->config + offset));
}

ssize_t config_write(struct vdev *v, unsigned int offset, const void *buf,
		     size_t len)
{
	return done(pwrite(v->fd, buf, len, v->config + offset));
}

ssize_t bar0_read(struct vdev *v, unsigned int offset, void *buf, size_t len)
{
	return done(pread(v->fd, buf, len, v->bar0 + offset));
}

ssize_t bar0_write(struct vdev *v, unsigned int offset, const void *buf,
		   size_t len)
{
	return done(pwrite(v->fd, buf, len, v->bar0 + offset));
}

uint32_t config_get(struct vdev *v, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;
	ssize_t ret = config_read(v, offset, &value, width);

	if (ret != width)
		die("read of %u bytes of configuration space at %#x gave %zd",
		    width, offset, ret);
	return value;
}

void config_set(struct vdev *v, unsigned int offset, unsigned int width,
		uint32_t value)
{
	ssize_t ret = config_write(v, offset, &value, width);

	if (ret != width)
		die("write of %u bytes of configuration space at %#x gave %zd",
		    width, offset, ret);
}

uint32_t io_get(struct vdev *v, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;
	ssize_t ret = bar0_read(v, offset, &value, width);

	if (ret != width)
		die("read of %u bytes of BAR0 at %u gave %zd", width, offset,
		    ret);
	return value;
}

void io_set(struct vdev *v, unsigned int offset, unsigned int width,
	    uint32_t value)
{
	ssize_t ret = bar0_write(v, offset, &value, width);

	if (ret != width)
		die("write of %u bytes of BAR0 at %u gave %zd", width, offset,
		    ret);
}

unsigned int find_capability(struct vdev *v, uint8_t id)
{
	unsigned int at = config_get(v, PCI_CAPABILITY_LIST, 1) & ~3U;
	unsigned int left = 48;

	for (; at && left; left--) {
		if (config_get(v, at, 1) == id)
			return at;
		at = config_get(v, at + 1, 1) & ~3U;
	}
	return 0;
}

void io_enable(struct vdev *v)
{
	config_set(v, PCI_COMMAND, 2, config_get(v, PCI_COMMAND, 2) |
		   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

int msix_enable(struct vdev *v, int *fds, unsigned int n)
{
	struct {
		struct vfio_irq_set set;
		int fds[MAX_VECTORS];
	} irqs = {
		.set = {
			.argsz = sizeof(irqs.set) + n * sizeof(int),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.count = n,
		},
	};
	unsigned int i;

	for (i = 0; i < n; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		irqs.fds[i] = fds[i];
	}
	return ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &irqs) ? -errno : 0;
}

int msix_disable(struct vdev *v)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	return ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}

int event_enable(struct vdev *v, unsigned int index)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.count = 1,
		},
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	return ioctl(v->fd, VFIO_DEVICE_SET_IRQS, &irq) ? -errno : irq.fd;
}

int vdev_low_power(struct vdev *v, uint32_t feature)
{
	struct vfio_device_feature request = {
		.argsz = sizeof(request),
		.flags = VFIO_DEVICE_FEATURE_SET | feature,
	};

	return ioctl(v->fd, VFIO_DEVICE_FEATURE, &request) ? -errno : 0;
}

int vdev_ioeventfd(struct vdev *v, uint64_t offset, uint32_t flags,
		   uint64_t data, int event)
{
	struct vfio_device_ioeventfd request = {
		.argsz = sizeof(request),
		.flags = flags,
		.offset = offset,
		.data = data,
		.fd = event,
	};

	return ioctl(v->fd, VFIO_DEVICE_IOEVENTFD, &request) ? -errno : 0;
}

bool eventfd_wait(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&poll_fd, 1, ms) == 1 &&
	       read(fd, &count, sizeof(count)) == sizeof(count);
}

/* The physical address comes from /proc/self/pagemap, which root may read. */
static int physical_address(const void *va, uint64_t *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)va / DMA_PAGE * 8) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	*address = (entry & ((1ULL << 55) - 1)) * DMA_PAGE;
	return *address ? 0 : -ENOMEM;
}

static int dma_map(struct vdev *v, struct dma *dma)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)dma->va,
		.iova = dma->iova,
		.size = dma->size,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int dma_alloc(struct vdev *v, struct dma *dma)
{
	int ret;

	sysfs_write("/proc/sys/vm/nr_hugepages", "8");
	dma->size = HUGE_PAGE;
	dma->va = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_LOCKED,
		       -1, 0);
	if (dma->va == MAP_FAILED)
		return -errno;

	memset(dma->va, 0, HUGE_PAGE);
	ret = physical_address(dma->va, &dma->iova);
	if (!ret)
		ret = dma_map(v, dma);
	if (ret)
		munmap(dma->va, HUGE_PAGE);
	return ret;
}

static void swap(unsigned int *one, unsigned int *other)
{
	unsigned int value = *one;

	*one = *other;
	*other = value;
}

/* Which page of the file at @va comes where. */
static int part_neighbours(const uint8_t *va, unsigned int page,
			   unsigned int order[DMA_PAGES])
{
	uint64_t address[DMA_PAGES];
	unsigned int i, k;
	int ret;

	for (i = 0; i < DMA_PAGES; i++) {
		order[i] = i;
		ret = physical_address(va + i * DMA_PAGE, &address[i]);
		if (ret)
			return ret;
	}
	for (i = 0; i < DMA_PAGES; i++) {
		for (k = 0; k < DMA_PAGES; k++) {
			if (address[k] != address[i] + DMA_PAGE)
				continue;
			swap(&order[page], &order[i]);
			swap(&order[DMA_PAGES - 1], &order[k == page ? i : k]);
			return 0;
		}
	}
	return -ENOENT;
}

int dma_alloc_parted(struct vdev *v, struct dma *dma, unsigned int page)
{
	int file = memfd_create("dma", MFD_CLOEXEC);
	unsigned int order[DMA_PAGES], i;
	int ret;

	if (file < 0 || ftruncate(file, HUGE_PAGE))
		return -errno;

	dma->size = HUGE_PAGE;
	dma->iova = PARTED_IOVA;
	dma->va = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       file, 0);
	if (dma->va == MAP_FAILED)
		return -errno;

	memset(dma->va, 0, HUGE_PAGE);
	ret = part_neighbours(dma->va, page, order);
	for (i = 0; !ret && i < DMA_PAGES; i++) {
		if (order[i] != i &&
		    mmap(dma->va + i * DMA_PAGE, DMA_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, file,
			 (off_t)order[i] * DMA_PAGE) == MAP_FAILED)
			ret = -errno;
	}
	close(file);
	if (!ret)
		ret = dma_map(v, dma);
	if (ret)
		munmap(dma->va, HUGE_PAGE);
	return ret;
}

void dma_free(struct vdev *v, struct dma *dma)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = dma->iova,
		.size = dma->size,
	};

	ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	munmap(dma->va, dma->size);
}

static int kmsg_fd = -1;

static int kmsg_open(int flags)
{
	int fd = open("/dev/kmsg", flags | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kmsg: %s", strerror(errno));
	return fd;
}

void log_mark(void)
{
	if (kmsg_fd >= 0)
		close(kmsg_fd);
	kmsg_fd = kmsg_open(O_RDONLY | O_NONBLOCK);
	lseek(kmsg_fd, 0, SEEK_END);
}

unsigned int log_count(const char *text)
{
	unsigned int count = 0;
	char record[8192];
	const char *line;
	ssize_t len;

	for (;;) {
		len = read(kmsg_fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0)
			return count;
		record[len] = 0;
		line = strchr(record, ';');
		if (line && strstr(line, text) && !strstr(line, "expect: "))
			count++;
	}
}

void log_expect(const char *text)
{
	char line[256];
	int fd = kmsg_open(O_WRONLY);

	snprintf(line, sizeof(line), "<6>expect: %s", text);
	if (write(fd, line, strlen(line)) < 0)
		die("/dev/kmsg: %s", strerror(errno));
	close(fd);
}
