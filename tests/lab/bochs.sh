# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # used by the files that source this one
#
# A lab host with an Intel CPU, for scenarios with EMULATOR=bochs: QEMU emulates AMD's
# virtualization only, Bochs emulates VMX and EPT. It is slow, most of all where the
# kernel unpacks itself: room for a small VM of our own, not for QEMU and a Linux guest.
# Sourced after arch-x86_64.sh and the scenario's conf.

DEPS+=(bochs)
HOST_CPUS=1 HOST_MEM=512
QEMU_FILES=()
HOST_MODULES=(kvm-intel)
GUEST_MODULES=()
QEMU_MODULE=''
SILENCE=400

# No disk that a kernel without drivers for one could use: the second serial line.
RESULT_DEVICE=/dev/ttyS1

# Bochs' time is the instruction count, so many of them a second; the kernel would
# take another figure from CPUID. Its XSAVE has a size that Linux warns of.
BOCHS_IPS=50000000
HOST_APPEND+=" tsc_early_khz=$((BOCHS_IPS / 1000)) noxsave"

# The status of a machine that has been switched off.
EMULATOR_STATUS=1

# GRUB, kernel and initramfs as a CD.
bochs_command() {
	mkdir -p cd/boot/grub
	cp "$KERNEL_DIR/boot/vmlinuz-$KERNEL_RELEASE" cd/boot/vmlinuz
	gzip -1 <initrd >cd/boot/initrd
	cat >cd/boot/grub/grub.cfg <<-X
		set timeout=0
		linux /boot/vmlinuz $(echo $HOST_APPEND)
		initrd /boot/initrd
		boot
	X
	grub-mkrescue -o cd.iso cd >cd.log 2>&1 || die "grub-mkrescue: $(tail -n 3 cd.log)"
	rm -r cd cd.log

	cat >bochsrc <<-X
		display_library: term
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		cpu: model=corei7_skylake_x, count=$HOST_CPUS, ips=$BOCHS_IPS
		clock: sync=none
		megs: $HOST_MEM
		ata0-master: type=cdrom, path=cd.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=host.console
		com2: enabled=1, mode=file, dev=result.img
		log: bochs.log
		panic: action=fatal
	X
	# Debian's Bochs is built with the debugger, which has to be told to begin.
	echo continue >debugger.rc
	COMMAND=(env TERM=xterm bochs -f bochsrc -rc debugger.rc)
}
