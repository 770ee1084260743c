# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The lab's kernels by name, and those of them that are built from Debian's linux-source
# packages: a series that Debian 12 has no packages of, and any series with a
# configuration of its own. A name is SERIES[+FRAGMENT...], as in 7.2 or 6.12+kasan: the
# series is one of tests/lab/kernels, a fragment a file of tests/lab/kernel that is laid
# over the machine's.

# Print the second field of the series' line, or the third.
kernel_field() {
	awk -v series="${1%%+*}" -v field="$2" -F '\t+' '$1 == series { print $field }' \
		"$LAB/kernels"
}

# All series, of one machine where it is given, on a line.
kernel_series() {
	awk -v arch=" ${1:-}" -F '\t+' '!/^#/ && index(" " $3, arch) { print $1 }' \
		"$LAB/kernels" | paste -s -d ' '
}

# The name is one that exists.
check_kernel() {
	local fragment

	case " $(kernel_field "$1" 3) " in
	*" $ARCH "*) ;;
	*) die "no kernel $1 for $ARCH: $(kernel_series "$ARCH")" ;;
	esac
	! from_source "$1" || for fragment in $(kernel_fragments "$1"); do
		[ -e "$LAB/kernel/$fragment.config" ] ||
			die "no kernel configuration $fragment in tests/lab/kernel"
	done
}

# Is it one that is built from source?
from_source() {
	[[ $1 = *+* || $(kernel_field "$1" 2) != packages ]]
}

# The configuration of a kernel that is built from source: of the machine, of the series
# on it where that needs one, and those of the name.
kernel_fragments() {
	local series=${1%%+*}

	echo "$ARCH"
	[ ! -e "$LAB/kernel/$ARCH-$series.config" ] || echo "$ARCH-$series"
	tr + '\n' <<<"${1#"$series"}" | sed 1d
}

# from_suite SUITE COMMAND...: as the second field of a series says.
from_suite() {
	if [ "$1" = packages ]; then
		native "${@:2}"
	else
		in_suite "$@"
	fi
}

# The version of the source package, asked for once for a package index.
make_source_resolved() {
	local dir=$1 suite=$3 name=$4

	from_suite "$suite" candidates "$name" >"$dir/package"
	[ -s "$dir/package" ] ||
		die "no $name in ${suite/packages/this Debian}: tests/lab/kernels says where from"
}

# make for make_source; its words are shown when it fails.
source_make() {
	# shellcheck disable=SC2086 # a list
	env "${FRESH_MAKE[@]}" nice make -s -C "$dir/src" -j"$(nproc)" \
		LOCALVERSION="$version" $KBUILD_CROSS "$@" >"$dir/make.log" 2>&1 ||
		{ tail -n 20 "$dir/make.log" >&2; die "cannot build $package ($*)"; }
}

# A kernel, its modules, and the build directory for ours: boot/, lib/modules, build/.
make_source() {
	local dir=$1 suite=$3 package=$4 version=$5 missing release image
	local install=scripts/package/install-extmod-build

	"$LAB/../deps" kernel
	mkdir "$dir/deb" "$dir/src"
	(from_suite "$suite" download "$dir/deb" "$package")
	dpkg-deb --fsys-tarfile "$dir"/deb/*.deb | tar -xO --wildcards '*/linux-source-*.tar.*' |
		tar -xJ -C "$dir/src" --strip-components=1
	rm -r "$dir/deb"

	# Drivers of graphics cards select it, which a distribution's kernel has.
	sed -i '/^config VMAP_PFN$/{n;s/bool$/bool "vmap_pfn()"/}' "$dir/src/mm/Kconfig"
	printf '%s\n' "$6" >"$dir/config"
	source_make KCONFIG_ALLCONFIG="$dir/config" allnoconfig
	missing=$(config_difference "$dir/config" "$dir/src/.config")
	[ -z "$missing" ] || die "not to be had in $package: $missing"
	source_make "$KERNEL_IMAGE" modules
	source_make INSTALL_MOD_PATH="$dir" INSTALL_MOD_STRIP=1 modules_install
	# Programs in it are for this machine, not for the kernel's.
	source_make run-command KBUILD_RUN_COMMAND="CC=\"\$(HOSTCC)\" \$(srctree)/$install $dir/build"
	release=$(<"$dir/src/include/config/kernel.release")
	echo "$release" >"$dir/release"
	mkdir "$dir/boot"
	image=("$dir/src/arch/"*"/boot/$KERNEL_IMAGE")	# x86 has it twice
	cp "${image[0]}" "$dir/boot/vmlinuz-$release"
	cp "$dir/src/.config" "$dir/boot/config-$release"
	cp "$dir/src/System.map" "$dir/boot/System.map-$release"
	rm -rf "$dir/src" "$dir/lib/modules/$release/build"
}

# What WANTED sets and CONFIG does not have; the last word of WANTED on a symbol counts.
config_difference() {
	awk -F '[= ]' '/^CONFIG_/ { set[$1] = $0 } /^# CONFIG_.* is not set/ { set[$2] = $0 }
		END { for (symbol in set) print set[symbol] }' "$1" | grep -vxFf "$2" || true
}

# source_entry NAME: leave the directory in REPLY.
source_entry() {
	local suite package series=${1%%+*} fragment config=''

	suite=$(kernel_field "$1" 2)
	cache_entry "resolved-$1-$ARCH" make_source_resolved "$suite" "linux-source-$series" \
		"$(from_suite "$suite" apt_index)"
	package=$(<"$REPLY/package")
	for fragment in $(kernel_fragments "$1"); do
		config+=$(<"$LAB/kernel/$fragment.config")$'\n'
	done
	cache_entry "source-$1-$ARCH" make_source "$suite" "$package" \
		"-lab${1#"$series"}-$ARCH" "$config" "$KBUILD_CROSS"
}
