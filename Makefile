# SPDX-License-Identifier: GPL-2.0-only
#
# make               the kernel module, for the running kernel
# make KDIR=DIR      the same for the kernel whose build directory DIR is
# make VFIO_ALIAS=y  the same with the alias that makes libvirt pick the module
# make tools         the command virtio-vfio, in build/tools/
# make demo          the main job, shown in an emulated lab
# make check         all tests; check-build, check-tools, check-package,
#                    check-policy, check-libvirt, check-lab, check-bench,
#                    check-guest, check-debug are its parts, which don't run again
#                    if they passed with the same files
# make fuzz          random operations on VFs, OPS of them that follow from SEED, on
#                    KERNEL (debug is one) with PROVIDER
# make soak          VFs bound and used 1000 times, and SR-IOV off and on 200 times
# make dist          the release tarball, in build/dist/
# make bench         what accesses cost under vfio-pci, upstream's driver and ours,
#                    and what guests get of a VF
# make deb           Debian packages, in build/deb/
# make deb-modules   a package of prebuilt modules for KDIR, in build/deb-modules/
# make rpm           RPM packages, in build/rpm/
#
# V=1 shows commands and what the probes found, W=1 and C=1 are the kernel's
# (more warnings, sparse).

KDIR ?= /lib/modules/$(shell uname -r)/build

# Only seen by kbuild, in src/ and compat/probes/.
export COMPAT := $(CURDIR)/compat
export VIRTIO_VFIO_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

KBUILD = +$(MAKE) -C $(KDIR)
# The probes don't wait for each other, asked to or not.
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: modules
modules: probes
	$(KBUILD) M=$(CURDIR)/src modules

.PHONY: probes
probes:
	@[ -e $(KDIR)/Makefile ] || { \
		echo "virtio-vfio: $(KDIR) is no kernel build directory;" \
		     "install the kernel's headers or say KDIR=..." >&2; \
		exit 1; }
	$(KBUILD) $(jobs) M=$(CURDIR)/compat/probes C=0 modules
	$(if $(findstring 1,$(V)),@cd compat/probes && grep . *.answer)

.PHONY: clean
clean:
	rm -rf build
	find src compat/probes \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name '*.answer*' -o -name modules.order \
		-o -name Module.symvers -o -name compat-config.h \) -delete

.PHONY: tools
tools:
	$(MAKE) -C tools

PARTS = check-build check-tools check-package check-policy check-libvirt check-lab
PARTS += check-bench check-guest check-debug
.PHONY: demo bench check $(PARTS)
demo: deb
	tests/lab/demo

bench: deb
	@tests/bench/run

check:
	tests/check $(PARTS)

$(PARTS):
	tests/check $@

.PHONY: fuzz soak
fuzz: deb
	@KERNEL='$(KERNEL)' PROVIDER='$(PROVIDER)' OPS='$(OPS)' SEED='$(SEED)' tests/fuzz

soak: export ROUNDS ?= 1000
soak: export SRIOV_ROUNDS ?= 200
soak: export KERNELS ?= 6.12
soak: deb
	@tests/check-lab soak

.PHONY: dist
dist:
	packaging/make-dist

# What DKMS has of this tree is without.
include $(wildcard packaging/*.mk)
