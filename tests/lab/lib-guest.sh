# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash disable=SC1091,SC2034,SC3045 # BusyBox's
#
# For a scenario's guest script. Whatever lies in /lab/out at the end comes back. The
# serial console costs a VM exit a character and more: keep to short marks there.

. /lab/points.sh

# This guest's number, from 0.
GUEST=$(sed 's/.*lab.guest=\([0-9]*\).*/\1/' /proc/cmdline)

# mark NAME: tell the host, where wait_guest waits for it.
mark() {
	echo "lab-mark: $*" >/dev/console
}

# await WORD [SECONDS]: until the host says it, with tell_guest; PATIENCE times as long.
await() {
	while read -r -t $((${2:-60} * PATIENCE)) _word; do
		[ "$_word" != "$1" ] || return 0
	done </dev/console
	not_ok "guest hears '$1' from the host"
	return 1
}

load_guest_module() {
	point "vmcoop_guest.ko loads" insmod /lab/vmcoop_guest.ko "$@"
	# For the tool on the host, with the symbols of our own module.
	cat /proc/kallsyms >/lab/out/kallsyms
}

unload_guest_module() {
	point "vmcoop_guest.ko unloads" rmmod vmcoop_guest
}
