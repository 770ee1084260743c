# SPDX-License-Identifier: GPL-2.0-only
# vmcoop: two kernel modules, a tool, and the lab that judges them.

KDIR	?= /lib/modules/$(shell uname -r)/build
ARCH	?= $(shell uname -m)
KERNEL	?= 6.1
# Not O: Kbuild has that name for itself.
BUILD	?= $(CURDIR)/build

# What Debian 12 has kernels and headers of: the modules must build for each, and the
# lab passes on each machine. A kernel that is built from source (tests/lab/kernels) is
# too much for every check: tests/check-modules x86_64/7.2 builds it once, in minutes.
KERNELS	= 6.1 6.12
MACHINES = x86_64 aarch64

# Kbuild says arm64 where everybody else says aarch64.
MACHINE	= $(patsubst arm64,aarch64,$(ARCH))
LAB	= tests/lab/run --arch $(MACHINE)

.DEFAULT_GOAL := all
.PHONY: all help modules tools clean demo lab check check-tools check-modules check-lab kunit \
	check-debug check-static model fuzz check-fuzz check-perf bench bench-tool precision

all: tools modules

help:
	@echo 'Profile programs inside virtual machines (README.md tells how):'
	@echo '  make demo [PROG="command args"]  in a nested lab: build all, profile, show the report'
	@echo 'Build:'
	@echo '  make modules [KDIR=dir]  both modules for that kernel build directory'
	@echo '  make tools               tools/vmcoop-dump'
	@echo '  make clean'
	@echo 'Test:'
	@echo '  make check               all of the following, in a few minutes'
	@echo '  make check-tools         unit tests of common/ and of the tool'
	@echo '  make check-modules       both modules, without a warning, for kernels $(KERNELS)'
	@echo '  make check-static        what checkpatch, coccinelle, clang-tidy and -Wextra find in the code'
	@echo '  make check-lab           the scenarios smoke, bad-input and a short guest-hostile in nested virtual machines'
	@echo '  make kunit               the KUnit suites of the modules, in a kernel built for them'
	@echo '  make lab SCENARIO=name   one scenario of tests/lab/scenarios'
	@echo '  make model               common/ring.h, checked in all states of small worlds'
	@echo '  make check-fuzz          each fuzzer of tests/fuzz for some seconds; make fuzz TIME=seconds: longer'
	@echo '  make check-perf          what export writes, read by the perf of another suite of Debian (SUITE=sid)'
	@echo '  make check-debug         the modules'"'"' scenarios on debugging kernels: an hour or two'
	@echo '  make bench               vmcoop beside its peers: Documentation/results.md, made anew, within an hour'
	@echo '  make bench-tool          how fast vmcoop-dump reads, beside perf (SIZES="1000000 ...")'
	@echo '  make precision           how far shares are from the truth: Documentation/precision.md, made anew'
	@echo 'Variables: KERNEL=6.1|6.12|7.2 (lab), ARCH=x86_64|arm64 (lab), KDIR (modules), BUILD (build output)'

# Built in a tree of symbolic links, so that several kernels do not mix.
modules:
	@test -d '$(KDIR)' || { \
		echo 'No kernel build directory $(KDIR): install the headers of your kernel' \
		     '(Debian: apt-get install linux-headers-amd64) or give KDIR=...' >&2; exit 1; }
	@set -e; rel=$$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
		'$(KDIR)/include/generated/utsrelease.h'); \
	dir='$(BUILD)'/modules/$$rel; mkdir -p "$$dir"; \
	cp -rsf $(addprefix $(CURDIR)/,Kbuild common host-mod guest-mod) "$$dir"/; \
	$(MAKE) -C '$(KDIR)' M="$$dir" $(KBUILD_FLAGS) modules; \
	cp -p "$$dir"/host-mod/vmcoop_host.ko "$$dir"/guest-mod/vmcoop_guest.ko "$$dir"/; \
	echo "$$dir/vmcoop_host.ko"; echo "$$dir/vmcoop_guest.ko"

tools:
	@tests/deps build
	$(MAKE) -C tools

clean:
	$(MAKE) -C tools clean
	$(MAKE) -C tests/unit clean
	$(MAKE) -C tests/bench clean
	$(MAKE) -C tests/fuzz clean
	rm -rf '$(BUILD)'

demo:
	@tests/deps build lab check
	@KERNEL=$(KERNEL) ARCH=$(MACHINE) PROG='$(PROG)' tests/lab/demo

lab:
	@tests/deps build lab check
	$(LAB) --kernel $(KERNEL) $(SCENARIO)

check: check-tools check-static check-fuzz model check-modules kunit check-lab

check-fuzz:
	@tests/deps build fuzz
	@$(MAKE) --no-print-directory -C tests/fuzz check

# Shared out among the fuzzers.
TIME	?= 300
fuzz:
	@tests/deps build fuzz
	@$(MAKE) --no-print-directory -C tests/fuzz fuzz TIME='$(TIME)'

# Every order of loads and stores, and that each barrier is missed: tests/model/run.
model:
	@tests/deps build model
	tests/model/run '$(BUILD)/model'

check-tools: tools
	@tests/deps check
	$(MAKE) -C tests/unit check
	tests/lab/selftest

check-debug:
	@tests/deps build lab check
	tests/check-debug

SUITE	?= sid
check-perf:
	@tests/deps build check
	@perf=$$(tests/perf-of $(SUITE)) && PATH="$$perf:$$PATH" && perf --version && \
		$(MAKE) --no-print-directory -C tests/unit check-export

# W=1 and sparse (C=2); a warning is an error.
check-modules:
	@tests/deps build lab check
	tests/check-modules $(foreach m,$(MACHINES),$(addprefix $(m)/,$(KERNELS)))

check-static:
	tests/check-static

check-lab:
	@tests/deps build lab check
	@set -e; for m in $(MACHINES); do \
		tests/lab/run --arch $$m --kernel $(KERNEL) smoke; done
	tests/lab/run --kernel $(KERNEL) bad-input
	tests/lab/run --kernel $(KERNEL) --set ROUNDS=300000 --set FILES=3 guest-hostile

# What the kernel is: tests/lab/kernel, with .kunitconfig.
kunit:
	@tests/deps build lab check
	$(LAB) --kernel 6.12+kunit kunit

bench-tool:
	@tests/deps build bench
	@$(MAKE) --no-print-directory -C tests/bench bench O='$(BUILD)/bench'

bench:
	@tests/deps build lab check bench
	tests/bench/all

# A table is taken over only from a run that has passed.
precision:
	@tests/deps build lab check
	tests/lab/run --arch aarch64 arm64-precision
	cp build/lab/arm64-precision-aarch64/precision.md Documentation/
