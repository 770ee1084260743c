# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a run is made of: the scenario's configuration, our modules and programs, and
# the archive that carries them into the lab host.

# read_conf [KEY=VALUE...]: the scenario's conf over the defaults, the settings of the
# command line over both.
read_conf() {
	local setting slower=1

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
	SILENCE=60			# the longest that its console may keep still
	EMULATOR=qemu			# of the lab host
	KILLED=''			# guests that hand nothing back, by number
	ARCHES=''			# those it runs on, if not on all
	SCRIPTS=$SCENARIO		# the scenario whose host and guest scripts it runs
	EXTRA=()			# names of more variables for the scripts
	. "$LAB/scenarios/$SCENARIO/conf"
	for setting; do
		[[ $setting =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || die "not KEY=VALUE: $setting"
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
		    GUEST_CPUS GUEST_MEM GUEST_SECONDS GUEST_QEMU GUEST_QEMU_ARGS GUEST_KERNEL \
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

# build_initramfs DIR: leave DIR/vmlinux, DIR/initrd and DIR/guest-root.
build_initramfs() {
	local dir=$1 stage=$1/stage guest=$1/stage/lab/guest-root lock file copy tool

	base_entry "$KERNEL"
	mkdir -p "$stage/lab/scenario" "$stage/lab/modules.d" "$guest/lab/scenario"
	install "$LAB/init-host" "$stage/init"
	install "$LAB/init-guest" "$guest/init"
	install -D -t "$stage/bin" "$LAB/guest-work"
	cp "$LAB/points.sh" "$LAB/lib-host.sh" "$stage/lab/"
	cp "$LAB/points.sh" "$LAB/lib-guest.sh" "$guest/lab/"
	cp "$LAB/scenarios/$SCRIPTS/host" "$stage/lab/scenario/"
	[ ! -e "$LAB/scenarios/$SCRIPTS/guest" ] ||
		cp "$LAB/scenarios/$SCRIPTS/guest" "$guest/lab/scenario/"
	write_conf >"$stage/lab/conf"
	cp "$stage/lab/conf" "$guest/lab/"
	[ -z "$KASLR" ] || cp "$KERNEL_DIR/boot/vmlinuz-$KERNEL_RELEASE" "$stage/lab/vmlinuz"

	if [ -n "$ICOUNT" ] && [ -n "${ICOUNT_MODULE:-}" ]; then
		lab_module_entry "$KERNEL"
		cp "$REPLY/$ICOUNT_MODULE.ko" "$stage/lab/modules.d/"
	fi
	for file in "${LAB_MODULES[@]}"; do
		lab_module_entry "$KERNEL"
		cp "$REPLY/$file.ko" "$stage/lab/"
	done

	carry_kernel_modules "$stage" host "${HOST_KERNEL_MODULES[*]}"
	carry_kernel_modules "$guest" guest "${GUEST_KERNEL_MODULES[*]}"

	if [ -n "$GUEST_MODULE" ]; then
		lab_module_entry "$KERNEL"
		cp "$REPLY/$GUEST_MODULE.ko" "$guest/lab/"
	fi

	exec {lock}>"$TOP/build/lab/make.lock"
	flock -w 600 "$lock" || die "another run is building for too long"
	if [ "$VMCOOP" = 1 ]; then
		headers_entry "$KERNEL"
		tool=$TOP/build/tools/$ARCH/vmcoop-dump
		quiet_make -C tools O="$(dirname "$tool")" "${CROSS_MAKE[@]}"
		quiet_make modules KDIR="$KDIR" \
			KBUILD_FLAGS="$KBUILD_CROSS${KUNIT:+ VMCOOP_KUNIT=m}"
		# It ends with naming the two.
		file=$(tail -n 2 "$MAKE_LOG" | grep '/vmcoop_host\.ko$')
		cp "$file" "$stage/lab/"
		cp "$(tail -n 2 "$MAKE_LOG" | grep '/vmcoop_guest\.ko$')" "$guest/lab/"
		[ -z "$KUNIT" ] || cp "${file%/*}"/*/tests/*_kunit.ko "$stage/lab/"
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
	cat "$BASE_DIR/base.cpio" "$dir/stage.cpio" >"$dir/initrd"
	ln -s "$BASE_DIR/vmlinux" "$dir/vmlinux"
	cp -a "$BASE_DIR/guest-root" "$dir/guest-root"
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
