# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Test points and figures, for all three levels of a run: the lab guest, the lab
# host, and the check that follows outside. POINTS names the file that collects
# them; tests/lab/run numbers what is found there and prints it as KTAP.

ok() {
	echo "ok - $*" >>"$POINTS"
}

not_ok() {
	echo "not ok - $*" >>"$POINTS"
}

# skip NAME REASON
skip() {
	echo "ok - $1 # SKIP $2" >>"$POINTS"
}

# point NAME COMMAND...: ok if the command succeeds. What it says is kept.
point() {
	_name=$1
	shift
	if "$@"; then ok "$_name"; else not_ok "$_name"; fi
}

# figure KEY VALUE
figure() {
	echo "# $1=$2" >>"$POINTS"
}

# note TEXT: something to read beside the result.
note() {
	echo "$*" | sed 's/^/# /' >>"$POINTS"
}
