// SPDX-License-Identifier: GPL-2.0-only
#include <linux/workqueue.h>

#ifdef FACT
unsigned int probe = WQ_PERCPU;
#endif
