# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a run is made of: the scenario's configuration, our modules and programs, and
# the archive that carries them into the lab host.

# read_conf [KEY=VALUE...]: the scenario's conf over the defaults, the settings of the
# command line over both; it may look at them.
read_conf() {
	local setting slower=1

	for setting; do
		[[ $setting =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || die "not KEY=VALUE: $setting"
	done

	HOST_CPUS=${LAB_CPUS:-2} HOST_MEM=2048	# MiB
	GUEST_CPUS=1 GUEST_MEM=256
	VMCOOP=1			# carry our modules and the tool
	KUNIT=''			# carry the KUnit suites to the lab host, in /lab
	GUEST_TOOL=''			# carry the tool into the guest, too
	GUEST_MODULE=''			# of tests/lab/module, for the guest, in /lab
	PROGRAMS=()			# for the guest: ours by name, others by path
	HOST_PROGRAMS=()		# the same for the lab host
	HOST_KERNEL_MODULES=()		# more of the kernel's own to load in the lab host
	GUEST_KERNEL_MODULES=()		# the same for the guest
	LAB_MODULES=()			# for the lab host, of tests/lab/module, to /lab
	GUEST_FILES=()			# more files: to the same place, relative ones to /root
	KASLR=''			# boot guests by the kernel's own unpacker
	RUN_SECONDS=240			# real time for a whole run
	PATIENCE=1			# by how much the scripts inside wait longer than they say
	SILENCE=60			# the longest that its console may keep still
	EMULATOR=qemu			# of the lab host
	KILLED=''			# guests that hand nothing back, by number
	ARCHES=''			# those it runs on, if not on all
	SCRIPTS=$SCENARIO		# the scenario whose host and guest scripts it runs
	EXTRA=()			# names of more variables for the scripts
	[ $# = 0 ] || declare -g "$@"
	. "$LAB/scenarios/$SCENARIO/conf"
	for setting; do
		declare -g "$setting"
		EXTRA+=("${setting%%=*}")
	done
	[ -z "$SMP" ] || HOST_CPUS=$SMP
	# The clock inside falls behind where it counts instructions, and next to stops
	# while a CPU spins, as one does that waits for another: each may have only one.
	if [ -n "$ICOUNT" ]; then
		HOST_CPUS=1 GUEST_CPUS=1 slower=4
	fi
	SILENCE=$((SILENCE * slower))
	[ -n "$TIMEOUT" ] || TIMEOUT=$((RUN_SECONDS * slower))
}

# The variables that the scripts inside get to see.
write_conf() {
	local name value

	# The inner limits end first, so that what hangs can be told.
	HOST_SECONDS=$((TIMEOUT > 60 ? TIMEOUT - 30 : TIMEOUT / 2))
	GUEST_SECONDS=$((HOST_SECONDS > 60 ? HOST_SECONDS - 20 : HOST_SECONDS / 2))
	GUEST_QEMU=/usr/bin/$QEMU
	GUEST_QEMU_ARGS="$GUEST_QEMU_ARGS -nodefaults -no-user-config -display none -no-reboot"
	GUEST_KERNEL=/lab/$([ -n "$KASLR" ] && echo vmlinuz || echo vmlinux)
	for name in ARCH KERNEL SCENARIO ICOUNT HOST_CPUS HOST_MEM HOST_SECONDS RESULT_DEVICE \
		    GUEST_CPUS GUEST_MEM GUEST_SECONDS PATIENCE GUEST_QEMU GUEST_QEMU_ARGS GUEST_KERNEL \
		    GUEST_APPEND "${EXTRA[@]}"; do
		value=$(tr -s '[:space:]' ' ' <<<"${!name}")
		value=${value% }
		printf "%s='%s'\n" "$name" "${value//\'/\'\\\'\'}"
	done
}

# A make that called us has no say in how those below build.
FRESH_MAKE=(-u ARCH -u KERNEL -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL)

# Run make quietly, with its output in MAKE_LOG, and shown when it fails.
quiet_make() {
	MAKE_LOG=$TOP/build/lab/make.log
	env "${FRESH_MAKE[@]}" make -s -C "$TOP" "$@" >"$MAKE_LOG" 2>&1 ||
		{ cat "$MAKE_LOG" >&2; die "make $* failed"; }
}

# make_modules KUNIT: for the kernel in use; leave VMCOOP_HOST and VMCOOP_GUEST, the modules.
make_modules() {
	quiet_make modules KDIR="$KDIR" KBUILD_FLAGS="$KBUILD_CROSS${1:+ VMCOOP_KUNIT=m}"
	# It ends with naming the two.
	VMCOOP_HOST=$(tail -n 2 "$MAKE_LOG" | grep '/vmcoop_host\.ko$')
	VMCOOP_GUEST=$(tail -n 2 "$MAKE_LOG" | grep '/vmcoop_guest\.ko$')
}

# The part of the archive that depends on the lab host's kernel.
stage_host_kernel() {
	local stage=$1 file

	if [ -n "${QEMU_MODULE:-}" ]; then
		lab_module_entry "$KERNEL"
		cp "$REPLY/$QEMU_MODULE.ko" "$stage/lab/modules.d/"
	fi
	for file in "${LAB_MODULES[@]}"; do
		lab_module_entry "$KERNEL"
		cp "$REPLY/$file.ko" "$stage/lab/"
	done
	carry_kernel_modules "$stage" host "${HOST_KERNEL_MODULES[*]}"
	[ "$VMCOOP" = 1 ] || return 0
	headers_entry "$KERNEL"
	make_modules "$KUNIT"
	cp "$VMCOOP_HOST" "$stage/lab/"
	[ -z "$KUNIT" ] || cp "${VMCOOP_HOST%/*}"/*/tests/*_kunit.ko "$stage/lab/"
}

# The part that depends on the guests' kernel. $1 is the lab host's root, $2 theirs in it.
stage_guest_kernel() {
	if [ "$NESTED_KERNEL" != "$KERNEL" ]; then
		# In place of the list in the host's archive, even if there are none.
		mkdir -p "$2/lab/modules"
		: >"$2/lab/modules/guest"
		cp -a "$BASE_DIR/guest-root/." "$2/"
		cp "$BASE_DIR/vmlinux" "$1/lab/"
	fi
	[ -z "$KASLR" ] || cp "$KERNEL_DIR/boot/vmlinuz-$KERNEL_RELEASE" "$1/lab/vmlinuz"
	if [ -n "$GUEST_MODULE" ]; then
		lab_module_entry "$NESTED_KERNEL"
		cp "$REPLY/$GUEST_MODULE.ko" "$2/lab/"
	fi
	carry_kernel_modules "$2" guest "${GUEST_KERNEL_MODULES[*]}"
	[ "$VMCOOP" = 1 ] || return 0
	if [ "$NESTED_KERNEL" != "$KERNEL" ]; then
		headers_entry "$NESTED_KERNEL"
		make_modules ''
	fi
	cp "$VMCOOP_GUEST" "$2/lab/"
}

# build_initramfs DIR: leave DIR/vmlinux, DIR/initrd and DIR/guest-root.
build_initramfs() {
	local dir=$1 stage=$1/stage guest=$1/stage/lab/guest-root lock file copy tool base

	mkdir -p "$stage/lab/scenario" "$stage/lab/modules.d" "$guest/lab/scenario"
	# Kernels first: they may take their time.
	base_entry "$NESTED_KERNEL"
	base_entry "$KERNEL"
	base=$BASE_DIR
	exec {lock}>"$TOP/build/lab/make.lock"
	flock -w 600 "$lock" || die "another run is building for too long"
	stage_host_kernel "$stage"
	base_entry "$NESTED_KERNEL"
	stage_guest_kernel "$stage" "$guest"

	install "$LAB/init-host" "$stage/init"
	install "$LAB/init-guest" "$guest/init"
	install -D -t "$stage/bin" "$LAB/guest-work" "$LAB/find-leaks"
	install -D -t "$guest/bin" "$LAB/find-leaks"
	cp "$LAB/points.sh" "$LAB/lib-host.sh" "$stage/lab/"
	cp "$LAB/points.sh" "$LAB/lib-guest.sh" "$guest/lab/"
	cp "$LAB/scenarios/$SCRIPTS/host" "$stage/lab/scenario/"
	[ ! -e "$LAB/scenarios/$SCRIPTS/guest" ] ||
		cp "$LAB/scenarios/$SCRIPTS/guest" "$guest/lab/scenario/"
	write_conf >"$stage/lab/conf"
	cp "$stage/lab/conf" "$guest/lab/"

	if [ "$VMCOOP" = 1 ]; then
		tool=$TOP/build/tools/$ARCH/vmcoop-dump
		quiet_make -C tools O="$(dirname "$tool")" "${CROSS_MAKE[@]}"
		install -D "$tool" "$stage/usr/bin/vmcoop-dump"
		carry_libraries "$stage" "$tool"
		if [ -n "$GUEST_TOOL" ]; then
			install -D "$tool" "$guest/usr/bin/vmcoop-dump"
			carry_libraries "$guest" "$tool"
		fi
		# The checks run on this machine.
		quiet_make tools
		quiet_make -C tests/lab O="$TOP/build/lab"
	fi
	quiet_make -C tests/lab O="$TOP/build/lab" "$TOP/build/lab/tsc-khz"
	env "${FRESH_MAKE[@]}" make -s -C "$LAB/../workloads" O="$TOP/build/workloads/$ARCH" \
		"${CROSS_MAKE[@]}"
	exec {lock}>&-
	for file in "${PROGRAMS[@]}"; do
		carry_program "$guest" "$file"
	done
	for file in "${HOST_PROGRAMS[@]}"; do
		carry_program "$stage" "$file"
	done
	for file in "${GUEST_FILES[@]}"; do
		[[ $file == /* ]] && copy=$guest$file || copy=$guest/root/$file
		[[ $file == /* ]] || file=$START_DIR/$file
		install -D "$file" "$copy"
		carry_libraries "$guest" "$copy"
	done

	(cd "$stage" && find . | cpio -o -H newc --quiet) >"$dir/stage.cpio"
	cat "$base/base.cpio" "$dir/stage.cpio" >"$dir/initrd"
	ln -s "$base/vmlinux" "$dir/vmlinux"
	cp -a "$base/guest-root" "$dir/guest-root"
	cp -a "$guest/." "$dir/guest-root/"
	rm -r "$stage" "$dir/stage.cpio"
}

# carry_kernel_modules ROOT host|guest LIST: more of the kernel's own modules, with what they
# need, named so that they are loaded in order.
carry_kernel_modules() {
	local name=${2^^}_KERNEL module copy n=10

	[ -n "$3" ] || return 0
	mkdir -p "$1/lab/modules.d"
	modules_of "$name" "$KERNEL_DIR" "$KERNEL_RELEASE" |
		grep -vxFf <(modules_of "$2" "$KERNEL_DIR" "$KERNEL_RELEASE") |
		while read -r module; do
			copy=$1/lab/modules.d/$((n++))-$(basename "$module" .xz)
			case $module in
			*.xz) xz -dc "$module" >"$copy" ;;
			*)    cp "$module" "$copy" ;;
			esac
		done
}

# carry_program ROOT PROGRAM: one of tests/workloads by its name, to /usr/local/bin; any
# other by its path, to the same place.
carry_program() {
	local own=$TOP/build/workloads/$ARCH/$2

	if [[ $2 != /* && -e $own ]]; then
		install -D "$own" "$1/usr/local/bin/$2"
		carry_libraries "$1" "$own"
	else
		carry "$1" "$2"
	fi
}
