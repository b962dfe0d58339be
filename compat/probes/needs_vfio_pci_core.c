// SPDX-License-Identifier: GPL-2.0-only
/* needs: vfio_pci_core (CONFIG_VFIO_PCI_CORE) */
#ifdef FACT
#if !IS_ENABLED(CONFIG_VFIO_PCI_CORE)
#error CONFIG_VFIO_PCI_CORE is off
#endif
#endif
