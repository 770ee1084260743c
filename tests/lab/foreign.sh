# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # used by the files that source this one
#
# For a lab of another architecture than this machine's. Its programs come from that
# architecture's Debian packages, unpacked into a cached directory, SYSROOT: nothing is
# installed here but a cross compiler and the emulator. Sourced after arch-*.sh.

FOREIGN=1

# What SYSROOT_PACKAGES and all that they depend on are, with versions.
make_packages() {
	local dir=$1

	apt-get "${APT_OPTIONS[@]}" -s --no-install-recommends install \
		"${SYSROOT_PACKAGES[@]}" |
		awk '$1 == "Inst" { sub(/^\(/, "", $3); print $2 "=" $3 }' >"$dir/list"
	[ -s "$dir/list" ] || die "apt finds no ${SYSROOT_PACKAGES[*]} for $DEB_ARCH"
}

make_sysroot() {
	local dir=$1 deb
	shift 2

	mkdir "$dir/deb"
	(download "$dir/deb" "$@")
	for deb in "$dir"/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" --exclude='./usr/share/doc' \
			--exclude='./usr/share/man' --exclude='./usr/share/locale' \
			--exclude='./usr/share/info' --exclude='./usr/lib/*/dri'
	done
	rm -r "$dir/deb"
}

# sysroot_entry: leave the directory in SYSROOT, and what compiles against it in CC.
sysroot_entry() {
	local packages

	cache_entry "packages-$ARCH" make_packages "${SYSROOT_PACKAGES[*]}" "$(apt_index)"
	mapfile -t packages <"$REPLY/list"
	cache_entry "sysroot-$ARCH" make_sysroot "${packages[@]}"
	SYSROOT=$REPLY
	CROSS_MAKE=("CC=${CROSS_COMPILE}gcc --sysroot=$SYSROOT" "AR=${CROSS_COMPILE}ar")
}

# carry_libraries ROOT FILE: what ldd would name, read from the files themselves.
carry_libraries() {
	local lib dir

	readelf -ld "$2" 2>/dev/null |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p; s/.*program interpreter: \(.*\)\]/\1/p' |
		while read -r lib; do
			for dir in "" /lib/"$TRIPLET"/ /usr/lib/"$TRIPLET"/; do
				[ -f "$SYSROOT$dir$lib" ] || continue
				[ -e "$1$dir$lib" ] || {
					install -D "$SYSROOT$dir$lib" "$1$dir$lib"
					carry_libraries "$1" "$SYSROOT$dir$lib"
				}
				break
			done
		done
}
