/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMPAT_LINUX_WORKQUEUE_H
#define COMPAT_LINUX_WORKQUEUE_H

#include_next <linux/workqueue.h>
#include "compat-config.h"

#if !COMPAT_WORKQUEUE_HAS_PERCPU
/* What a workqueue is that isn't WQ_UNBOUND. */
#define WQ_PERCPU	0
#endif

#endif
