# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC1091,SC2034
#
# For a scenario's host script: what it does with the lab host and its guests.
# Guests are numbered from 0. Whatever lies in /lab/out at the end comes back, with
# what guest N left in its own /lab/out as /lab/out/guestN/.
#
# Nothing here waits without a limit. A helper that fails has already written why.

. /lab/points.sh

# The longest that a guest may take to boot, be it on a debugging kernel, beside others.
BOOT_SECONDS=300

say() {
	echo "lab: $*" >/dev/kmsg
}

# pause SECONDS: or, of who has set WAKE, until something is written to that pipe; tell which.
pause() {
	read -r -t "$1" _ 0<>"${WAKE:-/lab/still}"
}

# wait_until SECONDS COMMAND...: poll until the command succeeds. While a guest works
# this competes with it, and a new process is dear under emulation: what is used to wait
# is built into the shell. WAIT_STEP: seconds between two looks, until woken up.
# PATIENCE times as long on machines that are so much slower.
wait_until() {
	now
	_limit=$((_now + $1 * PATIENCE))
	shift
	until "$@"; do
		now
		[ "$_now" -lt "$_limit" ] || return 1
		! pause "${WAIT_STEP:-0.2}" || unset WAIT_STEP
	done
}

# Whole seconds since boot, in _now.
now() {
	read -r _now _ </proc/uptime
	_now=${_now%%.*}
}

# bounded SECONDS COMMAND...: as timeout, but gives up on a command that cannot be
# killed either, such as one stuck in the kernel.
bounded() {
	_seconds=$1
	shift
	"$@" &
	_pid=$!
	if ! wait_until "$_seconds" gone $_pid; then
		say "hangs for $_seconds s: $*"
		kill -9 $_pid 2>/dev/null
		wait_until 2 gone $_pid || cat "/proc/$_pid/stack" >&2
		return 124
	fi
	wait $_pid
}

# A process that is no more, or only waits to be reaped.
gone() {
	{ read -r _stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	case ${_stat##*) } in
	Z*) return 0 ;;
	esac
	return 1
}

# load_host_module [PARAMETER=VALUE...]
load_host_module() {
	say "insmod vmcoop_host $*"
	point "vmcoop_host.ko loads" bounded 20 insmod /lab/vmcoop_host.ko "$@"
}

unload_host_module() {
	say "rmmod vmcoop_host"
	point "vmcoop_host.ko unloads" bounded 20 rmmod vmcoop_host
}

# create_region NAME [SIZE]: leave the arguments for the VM's QEMU in REGION_ARGS.
create_region() {
	REGION_ARGS=$(bounded 10 vmcoop-dump create --size "${2:-4M}" "$1") || {
		not_ok "vmcoop-dump creates region $1"
		return 1
	}
	ok "vmcoop-dump creates region $1"
}

# start_guest N [QEMU ARGUMENT...]
start_guest() {
	_guest=$1
	shift
	say "starting guest $_guest"
	[ -e /lab/guest.cpio ] || (cd /lab/guest-root &&
		find . | cpio -o -H newc 2>/dev/null >/lab/guest.cpio)
	truncate -s 512M "/lab/guest$_guest.img"
	mkfifo "/lab/guest$_guest.in"
	: >"/lab/out/guest$_guest.console"
	# shellcheck disable=SC2086 # these are lists
	set -- $GUEST_QEMU_ARGS -name "guest=guest$_guest" -smp "$GUEST_CPUS" -m "$GUEST_MEM" \
		-kernel "$GUEST_KERNEL" -initrd /lab/guest.cpio \
		-append "$GUEST_APPEND lab.guest=$_guest" -serial stdio \
		-drive "file=/lab/guest$_guest.img,if=virtio,format=raw,cache=unsafe" "$@"
	echo "$GUEST_QEMU $*" >"/lab/out/guest$_guest.cmdline"
	"$GUEST_QEMU" "$@" <>"/lab/guest$_guest.in" \
		>>"/lab/out/guest$_guest.console" 2>"/lab/out/guest$_guest.qemu.log" &
	echo $! >"/lab/guest$_guest.pid"
}

# The process of guest N's QEMU, in GUEST_PID.
guest_pid() {
	read -r GUEST_PID <"/lab/guest$1.pid"
}

# wait_guest N MARK SECONDS: until the guest's script has done "mark MARK".
wait_guest() {
	say "waiting for guest $1: $2"
	guest_pid "$1"
	wait_until "$3" guest_marked_or_gone "$1" "$2" || true
	guest_marked "$1" "$2" && return
	not_ok "guest $1 reaches '$2' within $3 s"
	note "$(tail -n 5 "/lab/out/guest$1.console")"
	return 1
}

guest_marked() {
	while read -r _line; do
		case $_line in
		*"lab-mark: $2"*) return 0 ;;
		esac
	done <"/lab/out/guest$1.console"
	return 1
}

guest_marked_or_gone() {
	guest_marked "$1" "$2" || gone "$GUEST_PID"
}

# tell_guest N WORD: what the guest's script awaits with "await WORD".
tell_guest() {
	say "telling guest $1: $2"
	# For reading, too: without a reader, opening would wait for one.
	echo "$2" 1<>"/lab/guest$1.in"
}

# finish_guest N [SECONDS]: wait until it has powered itself off, fetch its files.
finish_guest() {
	say "waiting for guest $1 to power off"
	guest_pid "$1"
	# It may not even have booted yet.
	_seconds=${2:-$BOOT_SECONDS}
	if wait_until "$_seconds" gone "$GUEST_PID"; then
		point "guest $1 powers off" guest_marked "$1" bye
	else
		not_ok "guest $1 powers off within $_seconds s"
		note "$(tail -n 5 "/lab/out/guest$1.console")"
		kill -9 "$GUEST_PID"
	fi
	# BusyBox's tar would read on to the end of the disk.
	_size=$(sed -n 's/.*lab-mark: bye \([0-9]*\).*/\1/p' "/lab/out/guest$1.console")
	mkdir -p "/lab/out/guest$1"
	head -c "${_size:-0}" "/lab/guest$1.img" | tar -x -C "/lab/out/guest$1" ||
		not_ok "guest $1 hands back its files"
	rm -f "/lab/guest$1.img" "/lab/guest$1.in"
	for _file in dmesg kallsyms; do
		[ ! -e "/lab/out/guest$1/$_file" ] ||
			mv "/lab/out/guest$1/$_file" "/lab/out/guest$1.$_file"
	done
}

# wait_spans N: until lab_host_cost has told what N pieces of work took. Asleep until then, so that
# nothing of ours is in that, and no longer: where time counts instructions, idle seconds with
# thousands of timers are minutes.
wait_spans() {
	timeout 600 grep -m "$1" lab-span: /dev/kmsg >/dev/null
}

# record_while FILE N WORD MARK SECONDS: record while guest N works, which it does from
# being told WORD until it marks MARK.
record_while() {
	say "recording $1"
	point "vmcoop-dump records $(basename "$1")" bounded $(($5 + 20)) \
		vmcoop-dump record -q -o "$1" -- guest-work "$2" "$3" "$4" "$5"
}

# start_loops N [KVMLOOP ARGUMENT...]: a VM that runs nothing but kvmloop, as number N.
start_loops() {
	_vm=$1
	shift
	kvmloop "$@" >"/lab/out/loops$_vm.log" 2>&1 &
	echo $! >"/lab/loops$_vm.pid"
	wait_until 60 grep -q '^running' "/lab/out/loops$_vm.log" && return
	not_ok "kvmloop $* runs"
	note "$(tail -n 5 "/lab/out/loops$_vm.log")"
	return 1
}

# The process of VM N, in LOOPS_PID.
loops_pid() {
	read -r LOOPS_PID <"/lab/loops$1.pid"
}

# stop_loops N: as a VM ends that is killed.
stop_loops() {
	loops_pid "$1"
	kill -9 "$LOOPS_PID"
	wait_until 10 gone "$LOOPS_PID" || not_ok "VM $1 ends when killed"
	rm "/lab/loops$1.pid" "/lab/out/loops$1.log"
}

# start_recording [OPTION...]: to vmcoop.data, until stop_recording.
start_recording() {
	say "recording"
	vmcoop-dump record -q -o /lab/out/vmcoop.data --duration 3600 "$@" \
		2>/lab/out/record.log &
	RECORDER=$!
	wait_until 20 events_run || not_ok "vmcoop-dump record starts the events"
}

stop_recording() {
	say "ending the recording"
	cat /proc/vmcoop/status >/lab/out/host.status
	kill -INT $RECORDER
	point "vmcoop-dump record ends when told to" wait_until 30 gone $RECORDER
	wait $RECORDER || note "$(cat /lab/out/record.log)"
}

# The events run, and somebody records.
events_run() {
	grep -q '^state: running' /proc/vmcoop/status &&
		grep -q '/dev/vmcoop is open' /proc/vmcoop/status
}

# sampled_in_guest N: so many of all overflows so far hit guest mode.
sampled_in_guest() {
	[ "$(status_sum in_guest)" -ge "$1" ]
}

# status_sum KEY: the numbers behind KEY in /proc/vmcoop/status, added up.
status_sum() {
	awk -v key="$1" '
		{ for (i = 1; i < NF; i++) if ($i == key) sum += $(i + 1) }
		END { printf "%.0f\n", sum }' /proc/vmcoop/status
}

# memory_now FILE: what the kernel has allocated, for no_leak: a cache's objects, and how many
# a slab of it holds. Some caches are left out: nodes that hold files' pages, as what is recorded
# lies in memory; areas of vmalloc(), which are given back late (their pages are not); and what
# kmemleak knows of the objects of all others.
memory_now() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk 'NR > 2 && $1 !~ /^(radix_tree_node|vmap_area|kmemleak_.*)$/ { print $1, $5 }' /proc/slabinfo |
		while read -r _cache _a_slab; do
			# CPUs give back what they hold; nothing runs before the count is read.
			echo 1 >"/sys/kernel/slab/$_cache/shrink"
			read -r _objects _ <"/sys/kernel/slab/$_cache/objects"
			echo "$_cache $_objects $_a_slab"
		done >"$1"
	awk '$1 ~ /^(VmallocUsed|Percpu):/ { print $1, $2 / 4, 1 }' /proc/meminfo >>"$1"
}

# no_leak BEFORE HALFWAY AFTER N: no cache has N objects more, nor a kind of pages so many
# pages, after each half. In one half a cache may: a CPU may hold some of it. All free objects
# of a slab that a CPU has taken count as used, so a slab's more are always allowed: of the
# smallest objects that is 512.
no_leak() {
	awk -v least="$4" '
		FNR == 1 { file++ }
		{ n[file, $1] = $2; limit = $3 > least ? $3 : least }
		file == 3 && n[2, $1] - n[1, $1] >= limit && $2 - n[2, $1] >= limit {
			print $1, n[1, $1], "->", n[2, $1], "->", $2
		}' "$1" "$2" "$3" >/lab/out/grown
	[ -s /lab/out/grown ] || return 0
	note "$(cat /lab/out/grown)"
	return 1
}
