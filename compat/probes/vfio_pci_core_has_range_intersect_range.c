// SPDX-License-Identifier: GPL-2.0-only
#include <linux/vfio_pci_core.h>

#ifdef FACT
bool (*probe)(loff_t buf_start, size_t buf_cnt, loff_t reg_start,
	      size_t reg_cnt, loff_t *buf_offset, size_t *intersect_count,
	      size_t *register_offset) = vfio_pci_core_range_intersect_range;
#endif
