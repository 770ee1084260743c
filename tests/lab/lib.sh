# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for the scripts of the nested lab that run on the developer's machine:
# messages, bounded waits, KTAP.

say() {
	echo "lab: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# wait_until SECONDS COMMAND...: poll until the command succeeds; fails when it
# has not by then. Never waits longer, whatever the command does not do.
wait_until() {
	local limit=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $limit ] || return 1
		sleep 0.2
	done
}

. "$LAB/points.sh"

# send_nmis PID SECONDS: to the lab host, which process PID emulates, one each time that so
# long has passed, from when it asks for them until it has had enough. Print how many.
send_nmis() {
	local sent=0 in out

	exec {in}<>monitor.in {out}<>monitor.out
	wait_until 600 said_or_gone "$1" 'lab: send NMIs'
	until said_or_gone "$1" 'lab: enough NMIs'; do
		for _ in {1..100}; do
			echo nmi >&"$in"
			sent=$((sent + 1))
			# What the monitor answers must go somewhere; and wait for a moment.
			while read -r -t "$2" -u "$out" _; do :; done
		done
	done
	echo $sent
}

said_or_gone() {
	grep -qs "$2" host.console || ! kill -0 "$1"
}

# number_points OFFSET SUFFIX: turn points into KTAP.
number_points() {
	awk -v n="$1" -v suffix="$2" '
		/^ok - .* # SKIP/ { sub(/^ok/, "ok " ++n); sub(/ # SKIP/, suffix "&"); print; next }
		/^ok - /     { sub(/^ok/, "ok " ++n); print $0 suffix; next }
		/^not ok - / { sub(/^not ok/, "not ok " ++n); print $0 suffix; next }
		{ print }'
}

# The figures of several runs: mean, least and greatest.
summarise_figures() {
	awk '
		match($0, /^# [a-z0-9_.]+=-?[0-9.]+$/) {
			split(substr($0, 3), kv, "=")
			if (!(kv[1] in n)) { order[++keys] = kv[1]; min[kv[1]] = max[kv[1]] = kv[2] + 0 }
			n[kv[1]]++; sum[kv[1]] += kv[2]
			if (kv[2] + 0 < min[kv[1]]) min[kv[1]] = kv[2] + 0
			if (kv[2] + 0 > max[kv[1]]) max[kv[1]] = kv[2] + 0
		}
		END {
			for (i = 1; i <= keys; i++) {
				k = order[i]
				printf "# %s.mean=%g %s.min=%g %s.max=%g\n", k, sum[k] / n[k], k, min[k], k, max[k]
			}
		}'
}
