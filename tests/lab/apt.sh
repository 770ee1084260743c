# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian's packages: which there are, and fetching them. APT_OPTIONS and APT_LISTS say
# from which index: this machine's, or one of ours for another architecture or suite,
# which needs no root and leaves the machine's alone.

MACHINE_LISTS=/var/lib/apt/lists
APT_LISTS='' APT_OPTIONS=()
DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
declare -A APT_REFRESHED=()

apt_cache() {
	apt-cache "${APT_OPTIONS[@]}" "$@" 2>/dev/null
}

# Refresh the package index where that is allowed; at most once a run.
apt_refresh() {
	local index=${APT_LISTS:-$MACHINE_LISTS}

	[ "$(id -u)" = 0 ] || [ -n "$APT_LISTS" ] || return 1
	[ -z "${APT_REFRESHED[$index]:-}" ] || return 1
	APT_REFRESHED[$index]=1
	apt-get -qq "${APT_OPTIONS[@]}" -o DPkg::Lock::Timeout=300 update >&2
}

# download DIR PACKAGE=VERSION...
download() {
	local get=(apt-get -qq "${APT_OPTIONS[@]}" -o APT::Sandbox::User=root download)

	cd "$1"
	shift
	# An index that is some days old may name versions which are gone.
	"${get[@]}" "$@" >&2 || { apt_refresh && "${get[@]}" "$@" >&2; } ||
		die "apt-get could not download $* (is the index old? apt-get update)"
}

# Print PACKAGE=VERSION for the candidate of each package named.
candidates() {
	apt_cache show --no-all-versions "$@" |
		awk '$1 == "Package:" { p = $2 } $1 == "Version:" { print p "=" $2 }'
}

# What tells one state of apt's package index from another; nothing if there is none.
apt_index() {
	stat -c '%n %s %Y' "${APT_LISTS:-$MACHINE_LISTS}"/*_Packages* 2>/dev/null || true
}

# native COMMAND...: with this machine's own packages, in a foreign lab too.
native() {
	local APT_OPTIONS=() APT_LISTS=''

	"$@"
}

# own_apt NAME ARCHITECTURE [SUITE]: have an index of our own in APT_OPTIONS, APT_LISTS.
own_apt() {
	local dir=$CACHE/apt-$1 mirror

	if [ -n "${3:-}" ]; then
		mirror=$(debian_mirror)
		mkdir -p "$dir"
		echo "deb [signed-by=$DEBIAN_KEYRING] $mirror $3 main" >"$dir/sources.list"
	fi
	APT_LISTS=$dir/lists APT_OPTIONS=(-c "$dir/apt.conf")
	mkdir -p "$APT_LISTS/partial" "$dir/cache/archives/partial"
	: >>"$dir/status"
	cat >"$dir/apt.conf" <<-X
		APT::Architecture "$2";
		APT::Architectures { "$2"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::State::lists "$APT_LISTS";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
	X
	[ -z "${3:-}" ] || cat >>"$dir/apt.conf" <<-X
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "-";
	X
	compgen -G "$APT_LISTS/*_Packages*" >/dev/null || apt_refresh ||
		die "apt-get could not fetch the package index of ${3:+$3, }$2"
}

# Where this machine has Debian from.
debian_mirror() {
	local query=(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages'
		'Label: Debian' 'Component: main') uri

	uri=$("${query[@]}")
	[ -n "$uri" ] || { native apt_refresh && uri=$("${query[@]}"); } || true
	[ -n "$uri" ] || die "apt knows no Debian mirror (apt-get update?)"
	head -n 1 <<<"$uri"
}

# in_suite SUITE COMMAND...: with the packages of another suite of Debian, on this
# machine's architecture.
in_suite() {
	local APT_OPTIONS=() APT_LISTS='' suite=$1

	shift
	own_apt "$suite" "$(dpkg --print-architecture)" "$suite"
	"$@"
}
