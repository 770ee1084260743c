# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # used by the files that source this one
#
# What is particular to arm64, sourced by tests/lab/run. This lab has a PMU: cycles are
# counted and overflow, under icount exactly, and instructions are counted under icount.

DEB_ARCH=arm64
KERNEL_FLAVOUR=arm64
TRIPLET=aarch64-linux-gnu
CROSS_COMPILE=aarch64-linux-gnu-
KERNEL_IMAGE=Image
KBUILD_CROSS="ARCH=arm64 CROSS_COMPILE=$CROSS_COMPILE"

RESULT_DEVICE=/dev/vda

QEMU=qemu-system-aarch64
QEMU_PACKAGE=qemu-system-arm
QEMU_FILES=(/usr/bin/qemu-system-aarch64)
# For the lab's programs, and to build the tool.
SYSROOT_PACKAGES=(qemu-system-arm busybox-static libc6-dev libelf-dev libdw-dev libcapstone-dev
	libncurses-dev zlib1g-dev libzstd-dev perl-base linux-perf trace-cmd)

HOST_MODULES=(virtio_pci virtio_blk)	# KVM is built in
GUEST_MODULES=(virtio_pci virtio_blk)

HOST_QEMU_ARGS="-accel tcg,thread=multi -M virt,virtualization=on,gic-version=3
	-cpu max,pauth-impdef=on"
GUEST_QEMU_ARGS="-accel kvm -cpu host,pmu=off -M virt,gic-version=3"

COMMON_APPEND="console=ttyAMA0 panic=-1 cryptomgr.notests mitigations=off
	random.trust_cpu=1 audit=0 lsm="
HOST_APPEND="$COMMON_APPEND loglevel=7"
GUEST_APPEND="$COMMON_APPEND quiet loglevel=5"

# arch_kernel IMAGE FILE: Debian's image is what QEMU enters.
arch_kernel() {
	cp "$1" "$2"
}
