# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# One run: boots the lab host, watches it, and judges what it hands back.

# The command that boots the lab host in $DIR, in COMMAND.
qemu_command() {
	local args append=$HOST_APPEND

	# shellcheck disable=SC2206 # a list
	args=($HOST_QEMU_ARGS)
	if [ -n "$ICOUNT" ]; then
		# Chance comes from the seed, the same each time: addresses, and what follows.
		args=("${args[@]/thread=multi/thread=single}" -icount shift=0 -seed 1
		      -rtc clock=vm,base=2026-01-01)
	elif declare -F arch_clock >/dev/null; then
		append+=" $(arch_clock)"
	fi
	truncate -s 1G result.img
	mkfifo monitor.in monitor.out
	# shellcheck disable=SC2086,SC2116 # a list
	COMMAND=("$QEMU" "${args[@]}" -smp "$HOST_CPUS" -m "$HOST_MEM" -nodefaults
		-no-user-config -display none -no-reboot -serial file:host.console
		-drive file=result.img,if=virtio,format=raw,cache=unsafe
		-kernel vmlinux -initrd initrd -append "$(echo $append)"
		-chardev pipe,id=monitor,path=monitor -mon chardev=monitor)
}

# Boot the lab host in $DIR, and take over what it hands back.
boot() {
	local start=$SECONDS status=0

	"${EMULATOR}_command"
	echo "${COMMAND[*]}" >host.cmdline
	"${COMMAND[@]}" </dev/null >"host.$EMULATOR.log" 2>&1 &
	EMULATOR_PID=$!
	trap 'kill -9 $EMULATOR_PID 2>/dev/null' EXIT
	start_beside "$EMULATOR_PID"
	if ! wait_until "$TIMEOUT" ended_or_silent && ! ended; then
		not_ok "lab host ends within $TIMEOUT s"
		tell_hang
	elif ! ended; then
		not_ok "lab host gives a sign of life every $SILENCE s"
		tell_hang
	fi
	wait $EMULATOR_PID 2>/dev/null || status=$?
	trap - EXIT
	if [ $status != "${EMULATOR_STATUS:-0}" ]; then
		note "$EMULATOR exits with $status: $(tail -n 3 "host.$EMULATOR.log")"
	elif ! grep -aq 'lab: bye' host.console; then
		not_ok "lab host finishes its work"
		note "$(tail -n 20 host.console)"
	else
		ok "lab host powers off"
	fi
	figure lab_seconds $((SECONDS - start))
	tar -x -f result.img 2>/dev/null || true
	rm -f result.img monitor.in monitor.out
}

# start_beside PID: what the scenario does from outside while the lab host runs. It ends
# when process PID does, or before.
start_beside() {
	local script=$LAB/scenarios/$SCRIPTS/beside

	[ -e "$script" ] || return 0
	bash -c 'set -euo pipefail; . "$LAB/lib.sh"; . "$0"' "$script" "$1" \
		</dev/null >beside.log 2>&1 &
}

ended() {
	! kill -0 "$EMULATOR_PID" 2>/dev/null
}

ended_or_silent() {
	local size

	! ended || return 0
	size=$(stat -c %s host.console 2>/dev/null || echo 0)
	if [ "$size" != "${console_size:-}" ]; then
		console_size=$size
		console_grown=$SECONDS
	fi
	[ $((SECONDS - console_grown)) -ge "$SILENCE" ]
}

# Say where the lab host hangs, as far as it can be seen from outside, and end it.
tell_hang() {
	local fd

	note "last lines of its console:"
	note "$(tail -n 10 host.console)"
	if [ -e monitor.in ]; then
		exec {fd}<>monitor.out
		echo 'info registers -a' >monitor.in
		timeout 3 cat <&"$fd" >host.registers || true
		exec {fd}<&-
		note "its CPUs (more in host.registers):"
		note "$(grep -E '^(CPU#|RIP)' host.registers)"
	fi
	kill -9 "$EMULATOR_PID" 2>/dev/null || true
}

# One run, its results in $DIR, its points in $DIR/points.
run_once() {
	local log

	rm -rf "$DIR"
	mkdir -p "$DIR"
	cd "$DIR"
	export POINTS=$DIR/points.outside
	build_initramfs "$DIR"
	boot

	cat guest*/points points >points.inside 2>/dev/null || true
	if [ -e "$LAB/scenarios/$SCENARIO/check" ]; then
		bash -c 'set -euo pipefail; . "$LAB/points.sh"; . "$1"' check \
			"$LAB/scenarios/$SCENARIO/check" >check.log 2>&1 || {
			not_ok "the scenario's check ends well"
			note "$(tail -n 5 check.log)"
		}
	fi
	for log in host guest*.console; do
		log=${log%.console}
		[ "$log" != 'guest*' ] || continue
		check_log "$log"
	done
	cat points.inside points.outside >points
	rm -f points.inside points.outside
	# What is needed to run it once more by hand, if there is a reason to.
	grep -q '^not ok' points || rm -f initrd vmlinux
}

# A kernel's log holds no report of trouble.
check_log() {
	local files=() file

	for file in "$1.console" "$1.dmesg"; do
		[ ! -e "$file" ] || files+=("$file")
	done
	if [ ! -s "$1.dmesg" ] && [[ " $KILLED " != *" ${1#guest} "* ]]; then
		not_ok "$1: kernel log is handed back"
	fi
	if "$LAB/klog" "${files[@]}" >"$1.trouble"; then
		rm "$1.trouble"
		ok "$1: kernel log is clean"
	else
		not_ok "$1: kernel log is clean"
		note "$(head -n 20 "$1.trouble")"
	fi
}
