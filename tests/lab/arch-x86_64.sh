# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # used by the files that source this one
#
# What is particular to x86-64, sourced by tests/lab/run: the names of Debian's
# packages, the emulator and the machines, the modules. Each option below was
# measured; together they halve the time of a run.

DEB_ARCH=amd64
KERNEL_FLAVOUR=amd64
KBUILD_CROSS=''
KERNEL_IMAGE=bzImage

RESULT_DEVICE=/dev/vda

QEMU=qemu-system-x86_64
QEMU_PACKAGE=qemu-system-x86
QEMU_FILES=(/usr/bin/qemu-system-x86_64 /usr/share/seabios/bios-256k.bin
	/usr/share/qemu/kvmvapic.bin /usr/share/qemu/linuxboot_dma.bin
	/usr/share/qemu/pvh.bin)

HOST_MODULES=(kvm-amd virtio_pci virtio_blk)
GUEST_MODULES=(virtio_pci virtio_blk)

# QEMU before 8.1 has a race: while one CPU rewrites code (as the kernel does when a
# tracepoint is used for the first time), another that runs it may keep the half-written
# instruction for good, and hang in int3. It takes two CPUs, so a scenario must ask for
# them. One is no slower, but for guests with several busy vCPUs.
LAB_CPUS=1

# Without it, interrupts are at times delivered twice; it says how.
QEMU_MODULE=lab_svm_exit

# The emulator does not intercept XSETBV: with XSAVE, a guest's kernel warns of an
# inconsistent state size at boot.
HOST_QEMU_ARGS="-accel tcg,thread=multi -cpu max,-xsave -M q35"
# Each access to a port costs a nested VM exit, 0.1 ms here: no device that is not
# needed, as the firmware would probe it.
GUEST_QEMU_ARGS="-accel kvm -cpu host
	-M q35,sata=off,smbus=off,i8042=off,vmport=off,hpet=off"

# The same holds for the kernel's search for bridges of long ago (pci=): 33,000
# exits. A host's TSC is stable on hardware, and KVM treats a guest's differently
# if it is not (tsc=).
COMMON_APPEND="console=ttyS0 panic=-1 cryptomgr.notests mitigations=off
	random.trust_cpu=1 audit=0 lsm= pci=noearly,lastbus=0"
HOST_APPEND="$COMMON_APPEND tsc=reliable loglevel=7"
GUEST_APPEND="$COMMON_APPEND quiet loglevel=5"

# arch_clock: how fast the TSC of an emulated machine counts, for its kernel's command line. A
# kernel that measures it itself is wrong by 20 %, and was by nine times, where the emulator
# does not get its CPU at once.
arch_clock() {
	local khz

	khz=$("$TOP/build/lab/tsc-khz")
	echo "${khz:+tsc_early_khz=$khz}"
}

# arch_kernel BZIMAGE VMLINUX: unpack a kernel image, as its own unpacking takes
# seconds under emulation. QEMU enters a vmlinux by its PVH note.
arch_kernel() {
	local setup_sects offset length magic unpack size=4

	setup_sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
	offset=$(((setup_sects + 1) * 512 + offset))
	magic=$(od -An -tx1 -j $offset -N 4 "$1" | tr -d ' ')
	case $magic in
	fd377a58) unpack=xz ;;
	28b52ffd) unpack=zstd ;;
	1f8b*)	  unpack=gzip size=0 ;;	# gzip has it as its own last bytes
	*)	  die "$1 is compressed in an unknown way ($magic)" ;;
	esac
	# The payload ends with four bytes that are its size when unpacked.
	dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$offset" \
		count=$((length - size)) status=none | $unpack -dc >"$2.tmp"
	# A hole of 20 MB in the file, for memory encryption only.
	objcopy -R .init.scratch "$2.tmp" "$2"
	rm "$2.tmp"
}
