# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The lab's cache: what is made from Debian's packages and worth keeping between
# runs and clones. An entry is a directory named after its kind and a hash of all
# that it was made from: packages with their versions, and the text of the recipe.
#
# Entries appear whole (made aside, then renamed) or not at all. A process that
# uses an entry holds a shared lock on it, so that nobody clears it away.

CACHE=${VMCOOP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmcoop}

# cache_entry KIND RECIPE INGREDIENT...: leave the entry's path in REPLY, made by
# "RECIPE BUILD_DIR FINAL_DIR INGREDIENT..." if it is not there yet.
cache_entry() {
	local kind=$1 recipe=$2 key entry fd lock old
	shift 2

	key=$(printf '%s\n' "$@" && declare -f "$recipe")
	entry=$CACHE/$kind-$(sha256sum <<<"$key" | cut -c1-16)
	mkdir -p "$CACHE"
	exec {lock}>"$CACHE/lock-$kind"
	flock -w 3600 "$lock" || die "another run holds $CACHE/lock-$kind"
	if [ ! -d "$entry" ]; then
		say "making $(basename "$entry"), once"
		rm -rf "$CACHE/tmp-$kind"
		mkdir "$CACHE/tmp-$kind"
		(exec {lock}>&-; "$recipe" "$CACHE/tmp-$kind" "$entry" "$@")
		printf '%s\n' "$key" >"$CACHE/tmp-$kind/.key"
		mv -T "$CACHE/tmp-$kind" "$entry"
	fi
	exec {fd}<"$entry"
	flock -s "$fd"
	for old in "$CACHE/$kind"-????????????????; do
		[ "$old" = "$entry" ] || flock -n -x "$old" rm -rf "$old" || true
	done
	exec {lock}>&-
	REPLY=$entry
}

# The name of the image package of a kernel series: Debian's default kernel is
# found through its metapackage, the other ones by their names.
image_package() {
	case $1 in
	6.1)	apt_cache depends "linux-image-$KERNEL_FLAVOUR" |
			awk '$1 == "Depends:" { print $2; exit }' ;;
	*)	apt_cache search --names-only \
			"^linux-image-$1\\.[0-9]+\\+deb12-$KERNEL_FLAVOUR-unsigned\$" |
			awk '{ print $1 }' | sort -V | tail -n 1 ;;
	esac
}

# Ask apt which packages make up a kernel series. It takes seconds to answer where
# its own cache is turned off, so the answer is kept for as long as its index is.
make_resolved() {
	local dir=$1 series=$3 image release headers kbuild

	image=$(image_package "$series")
	[ -n "$image" ] || die "apt knows no Debian kernel $series (apt-get update?)"
	release=${image#linux-image-}
	release=${release%-unsigned}
	headers=linux-headers-$release
	kbuild=$(apt_cache show --no-all-versions "$headers" |
		sed -n 's/^Depends:.*\(linux-kbuild-[^ ,]*\).*/\1/p')
	echo "$release" >"$dir/release"
	candidates "$image" >"$dir/image"
	candidates "$headers" "${headers%-"$KERNEL_FLAVOUR"}-common" >"$dir/headers"
	# Programs that run on this machine.
	native candidates "$kbuild" >>"$dir/headers"
}

# resolve_kernel SERIES: set KERNEL_RELEASE and the lists of packages.
resolve_kernel() {
	local index

	index=$(apt_index)
	if [ -z "$index" ]; then
		apt_refresh || die "apt has no package index: apt-get update"
		index=$(apt_index)
	fi
	cache_entry "resolved-$1-$ARCH" make_resolved "$1" "$KERNEL_FLAVOUR" \
		"$(sha256sum <<<"$index")"
	KERNEL_RELEASE=$(<"$REPLY/release")
	mapfile -t IMAGE_PACKAGES <"$REPLY/image"
	mapfile -t HEADER_PACKAGES <"$REPLY/headers"
}

# The kernel image and its modules, without the drivers of real hardware.
make_kernel() {
	local dir=$1 deb
	shift 2

	mkdir "$dir/deb"
	(download "$dir/deb" "$@")
	for deb in "$dir"/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" \
			--exclude='./usr' --exclude='*/kernel/sound' \
			--exclude='*/drivers/gpu' --exclude='*/drivers/media' \
			--exclude='*/drivers/net/wireless' \
			--exclude='*/drivers/net/ethernet' \
			--exclude='*/drivers/infiniband' \
			--exclude='*/drivers/scsi' --exclude='*/drivers/iio' \
			--exclude='*/drivers/staging'
	done
	rm -r "$dir/deb"
}

# kernel_entry NAME: leave the image's directory in KERNEL_DIR, in KERNEL_RELEASE its own
# name for itself.
kernel_entry() {
	if from_source "$1"; then
		source_entry "$1"
		KERNEL_DIR=$REPLY KERNEL_RELEASE=$(<"$REPLY/release")
		return
	fi
	resolve_kernel "$1"
	cache_entry "kernel-$1-$ARCH" make_kernel "${IMAGE_PACKAGES[@]}"
	KERNEL_DIR=$REPLY
}

# The headers as a build directory for modules. The packages expect to live in
# /usr/src and say so in one line each; their links are relative.
make_headers() {
	local dir=$1 final=$2 deb
	shift 2

	mkdir "$dir/deb"
	(download "$dir/deb" "${@:1:$#-1}")
	(native download "$dir/deb" "${@: -1}")
	for deb in "$dir"/deb/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -r "$dir/deb" "$dir/lib" "$dir/usr/share"
	sed -i "s#^include /usr/src/#include $final/usr/src/#" "$dir"/usr/src/*/Makefile
}

# headers_entry NAME: leave the build directory's path in KDIR.
headers_entry() {
	if from_source "$1"; then
		source_entry "$1"
		KDIR=$REPLY/build
		return
	fi
	resolve_kernel "$1"
	cache_entry "headers-$1-$ARCH" make_headers "${HEADER_PACKAGES[@]}"
	KDIR=$REPLY/usr/src/linux-headers-$KERNEL_RELEASE
}

# The lab's own modules, in tests/lab/module.
make_lab_module() {
	local dir=$1 kdir=$3

	cp "$LAB/module/"* "$dir"
	# shellcheck disable=SC2086 # a list
	env "${FRESH_MAKE[@]}" make -s -C "$kdir" M="$dir" $KBUILD_CROSS modules >&2
}

# lab_module_entry SERIES: leave their directory in REPLY.
lab_module_entry() {
	headers_entry "$1"
	cache_entry "module-$1-$ARCH" make_lab_module "$KDIR" \
		"$(cat "$LAB/module/"* | sha256sum)"
}

# The lab host's file system, as an initramfs: BusyBox, QEMU, the modules, and the
# guest's kernel. It is not compressed, which costs more time than it saves here.
# What a run adds to it follows it as a second archive.
make_base() {
	local dir=$1 root=$1/root kernel=$3 release=$4 list module path

	mkdir -p "$root"/{bin,dev,proc,sys,lab/modules,lab/guest-root/{bin,dev,proc,sys}}
	mkdir -p "$root/lab/guest-root/lab/modules"
	cp "$SYSROOT/bin/busybox" "$root/bin/"
	cp "$SYSROOT/bin/busybox" "$root/lab/guest-root/bin/"
	carry "$root" "${QEMU_FILES[@]}"
	mv "$root/usr/share/seabios/"* "$root/usr/share/qemu/" 2>/dev/null || true

	depmod -b "$kernel" "$release"
	for list in host guest; do
		path=$root/lab/modules
		[ $list = host ] || path=$root/lab/guest-root/lab/modules
		modules_of $list "$kernel" "$release" | while read -r module; do
			case $module in
			*.xz) xz -dc "$module" >"$path/$(basename "$module" .xz)" ;;
			*)    cp "$module" "$path/" ;;
			esac
			basename "$module" .xz >>"$path/$list"
		done
	done
	arch_kernel "$kernel/boot/vmlinuz-$release" "$dir/vmlinux"
	[ ${#QEMU_FILES[@]} = 0 ] || ln "$dir/vmlinux" "$root/lab/vmlinux"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$dir/base.cpio"
	mv "$root/lab/guest-root" "$dir/guest-root"
	rm -r "$root"
}

# The files of the modules of the lab host or guest, in the order to load them.
modules_of() {
	local -n names=${1^^}_MODULES

	for module in "${names[@]}"; do
		modprobe -d "$2" -S "$3" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# carry ROOT FILE...: copy files to the same place under ROOT, programs with their
# libraries and their dynamic linker.
carry() {
	local root=$1 file
	shift

	for file; do
		install -D "$SYSROOT$file" "$root/$file"
		carry_libraries "$root" "$SYSROOT$file"
	done
}

# carry_libraries ROOT FILE: what ldd names; nothing for what is no dynamic program.
carry_libraries() {
	local libs lib

	libs=$(ldd "$2" 2>/dev/null | grep -o '/[^ ]*') || return 0
	for lib in $libs; do
		[ -e "$1/$lib" ] || install -D "$lib" "$1/$lib"
	done
}

package_version() {
	dpkg-query -W -f='${Package}=${Version}\n' "$1"
}

# base_entry SERIES: leave the directory of base.cpio, vmlinux in BASE_DIR.
base_entry() {
	local emulator=''

	[ "$EMULATOR" = qemu ] || emulator=-$EMULATOR
	kernel_entry "$1"
	cache_entry "base-$1-$ARCH$emulator" make_base "$KERNEL_DIR" "$KERNEL_RELEASE" \
		"${SYSROOT:-$(package_version busybox-static) $(package_version "$QEMU_PACKAGE")}" \
		"${QEMU_FILES[*]} ${HOST_MODULES[*]} ${GUEST_MODULES[*]}" \
		"$(declare -f arch_kernel modules_of carry carry_libraries)"
	BASE_DIR=$REPLY
}
