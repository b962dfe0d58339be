// SPDX-License-Identifier: GPL-2.0-only
/* needs: SR-IOV (CONFIG_PCI_IOV) */
#ifdef FACT
#if !IS_ENABLED(CONFIG_PCI_IOV)
#error CONFIG_PCI_IOV is off
#endif
#endif
