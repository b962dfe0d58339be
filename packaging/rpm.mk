# SPDX-License-Identifier: GPL-2.0-only
# Included by the top-level Makefile.

.PHONY: rpm
rpm:
	packaging/build-rpm
