# SPDX-License-Identifier: GPL-2.0-only
# Included by the top-level Makefile.

.PHONY: deb
deb:
	packaging/build-deb

# The lab's host installs the packages.
check check-package $(filter-out check-build check-tools,$(PARTS)): deb

# Of prebuilt modules for the kernel whose build directory KDIR is.
.PHONY: deb-modules
deb-modules: export KDIR := $(KDIR)
deb-modules:
	packaging/build-deb-modules
