/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_VFIO_PCI_CORE_H
#define COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/vfio.h>
#include_next <linux/vfio_pci_core.h>

#if !COMPAT_VFIO_OPS_HAS_GET_REGION_INFO_CAPS
static inline int vfio_pci_ioctl_get_region_info(struct vfio_device *vdev,
						 struct vfio_region_info *info,
						 struct vfio_info_cap *caps)
{
	return COMPAT_VFIO_ASK_IOCTL;
}
#endif

#if !COMPAT_VFIO_OPS_HAS_MATCH_TOKEN_UUID
/* vfio_pci_core_match() checks the token here. */
#define vfio_pci_core_match_token_uuid	NULL
#endif

#if !COMPAT_VFIO_PCI_CORE_HAS_IOWRITE16
#include <linux/io.h>
#include <linux/rwsem.h>

/*
 * Whether the function's memory decodes: what userspace wrote to the virtual
 * Command register, but for functions that have no such bit, and not in D3.
 * Caller holds memory_lock.
 */
static inline bool compat_vfio_memory_enabled(struct vfio_pci_core_device *vdev)
{
	struct pci_dev *pdev = vdev->pdev;

	lockdep_assert_held(&vdev->memory_lock);

	if ((__force int)pdev->current_state >= (__force int)PCI_D3hot)
		return false;

	return pdev->no_command_memory ||
	       vdev->vconfig[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

static inline int vfio_pci_core_iowrite16(struct vfio_pci_core_device *vdev,
					  bool test_mem, u16 val,
					  void __iomem *io)
{
	int ret = 0;

	if (test_mem)
		down_read(&vdev->memory_lock);

	if (test_mem && !compat_vfio_memory_enabled(vdev))
		ret = -EIO;
	else
		iowrite16(val, io);

	if (test_mem)
		up_read(&vdev->memory_lock);

	return ret;
}
#endif

#if !COMPAT_VFIO_PCI_CORE_HAS_RANGE_INTERSECT_RANGE
#include <linux/minmax.h>

static inline bool
vfio_pci_core_range_intersect_range(loff_t buf_start, size_t buf_cnt,
				    loff_t reg_start, size_t reg_cnt,
				    loff_t *buf_offset, size_t *intersect_count,
				    size_t *register_offset)
{
	loff_t start = max(buf_start, reg_start);
	loff_t end = min_t(loff_t, buf_start + buf_cnt, reg_start + reg_cnt);

	if (start >= end)
		return false;

	*buf_offset = start - buf_start;
	*register_offset = start - reg_start;
	*intersect_count = end - start;
	return true;
}
#endif

#if COMPAT_VFIO_PCI_CORE_HAS_DEVICE_OPS
/* For a member that nothing in an older kernel could stand in for. */
static inline void
compat_vfio_pci_set_device_ops(struct vfio_pci_core_device *core,
			       const struct vfio_pci_device_ops *ops)
{
	core->pci_ops = ops;
}
#else
struct vfio_pci_device_ops {
	void *get_dmabuf_phys;
};

#define vfio_pci_core_get_dmabuf_phys	NULL

static inline void
compat_vfio_pci_set_device_ops(struct vfio_pci_core_device *core,
			       const struct vfio_pci_device_ops *ops)
{
}
#endif

#endif
