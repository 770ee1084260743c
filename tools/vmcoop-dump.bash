# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion for vmcoop-dump in bash. Commands and options are those that the program's
# own --help names.
#
# Use: copy to /usr/share/bash-completion/completions/vmcoop-dump, or source it.

_vmcoop_dump_words() {
	local word
	while read -r word; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
	done
}

# Behind an event list's last comma that stands in no slashes.
_vmcoop_dump_events() {
	local head='' rest=$cur part
	while [[ $rest == *,* ]]; do
		part=${rest%%,*}
		# Between the slashes a comma separates terms.
		if [[ $part == */* && ${part#*/} != */* ]]; then
			[[ ${rest#*/} == */* ]] || break
			part=${rest%%/*}/
			rest=${rest#*/}
			part+=${rest%%/*}/
			rest=${rest#*/}
			part+=${rest%%,*}
			[[ $rest == *,* ]] || return 0
		fi
		rest=${rest#*,}
		head+=$part,
	done
	local cur=$rest
	_vmcoop_dump_words < <("$program" list events 2>/dev/null |
		sed -n 's/^  \([A-Za-z][^ ]*\)  .*/\1/p')
	COMPREPLY=("${COMPREPLY[@]/#/$head}")
}

_vmcoop_dump() {
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_vmcoop_dump_words < <("$program" --help 2>/dev/null |
			sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p')
		return
	fi
	# What stands behind "record --" is a command line of its own.
	for ((i = 2; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" != -- ] || { compopt -o default 2>/dev/null; return; }
	done
	case $command:$prev in
	record:-e | record:--event | record:--count) _vmcoop_dump_events ;;
	*:--color) _vmcoop_dump_words < <(printf '%s\n' auto always never) ;;
	*:--vm)
		_vmcoop_dump_words < <("$program" list 2>/dev/null |
			sed -n 's/^\([^ ].*\)  pid [0-9]*  .*/\1/p')
		;;
	list:list) _vmcoop_dump_words < <(printf '%s\n' vms events) ;;
	*:-i | *:-o | *:--input | *:--output | *:--region | *:--guest-* | *:--symbols | *:--debug-dir)
		compopt -o default 2>/dev/null
		;;
	esac
	[ ${#COMPREPLY[@]} -eq 0 ] || return
	if [[ $cur == -* ]]; then
		_vmcoop_dump_words < <("$program" "$command" --help 2>/dev/null |
			grep -oE -e '(^|[ [(|])--?[a-zA-Z][a-z-]*' | tr -d ' [(|' | sort -u)
	else
		compopt -o default 2>/dev/null
	fi
}

complete -F _vmcoop_dump vmcoop-dump
