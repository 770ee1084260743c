# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For a scenario's check: the records of what was recorded, and how they are judged.

# read_records FILE: print them as tests/lab/records.c says.
read_records() {
	local program=$TOP/build/lab/records libs lock

	read -ra libs < <(sed -n 's/^LIBS := //p' "$TOP/tools/Makefile")

	exec {lock}>"$program.lock"
	flock "$lock"
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$program" \
		"$LAB/records.c" "$TOP/tools/libvmcoop.a" "${libs[@]}"
	exec {lock}>&-
	"$program" "$1"
}

# samples_between DATA FROM TO: how many samples of the host's lie there, by the CPU's counter.
samples_between() {
	read_records "$1" | awk -v from="$2" -v to="$3" '
		$1 == "sample" || $1 == "vmm" {
			sub(/stamp=/, "", $4)
			n += $4 + 0 >= from + 0 && $4 + 0 <= to + 0
		}
		END { print n + 0 }'
}

# judge_loops RECORDS: of VMs that run kvmloop alone, print "KEY VALUE" lines: samples,
# those whose address is not their vCPU's loop, those whose handle is not that of a
# vCPU's thread, those whose vCPU was not the one that ran there.
#
# What a sample in a ring of NMIs came between is in another ring: its vCPU is compared
# with those alone that held the CPU at its time.
judge_loops() {
	awk '
		function value(key,  i) {
			for (i = 2; i <= NF; i++)
				if (index($i, key "=") == 1)
					return substr($i, length(key) + 2)
		}
		{ ring = value("ring"); id = value("id") }
		$1 == "bad" { bad++ }
		$1 == "vcpu" {
			who = value("vm") "/" value("vcpu")
			if (id in of && of[id] != who)
				reused++
			of[id] = who
			if (!(who in seen)) { seen[who] = 1; vcpus++ }
		}
		$1 == "in" { here[ring] = id; told[ring] = 1 }
		$1 == "out" { here[ring] = 0; told[ring] = 1; outs++ }
		$1 == "sample" {
			samples++
			if (ring ~ /nmi/)
				nmi++
			vm = value("vm"); vcpu = value("vcpu"); ip = value("ip")
			base = vm * 65536 + vcpu * 4096
			if (ip < base || ip >= base + 32)
				address++
			if (id == 0)
				nameless++
			else if (id in of && of[id] != vm "/" vcpu)
				handle++
			if (told[ring] && here[ring] != id)
				absent++
			on[vm "/" vcpu "/" value("pcpu")]++
		}
		$1 == "in" && id in last && last[id] != value("pcpu") { moves++ }
		$1 == "in" { last[id] = value("pcpu") }
		END {
			print "samples", samples + 0
			print "samples_of_nmi", nmi + 0
			print "vcpus", vcpus + 0
			print "places", length(on)
			print "outs", outs + 0
			print "moves", moves + 0
			print "bad_records", bad + 0
			print "wrong_address", address + 0
			print "wrong_handle", handle + 0
			print "wrong_time", absent + 0
			print "reused_handles", reused + 0
			print "nameless", nameless + 0
		}' "$1"
}

# loops_are_right MINIMUM: judge ./vmcoop.data, of at least so many samples, and leave
# each figure in JUDGED.
declare -A JUDGED
loops_are_right() {
	local key value

	read_records vmcoop.data >records
	judge_loops records >judged
	while read -r key value; do
		JUDGED[$key]=$value
		figure "$key" "$value"
	done <judged
	point "at least $1 samples" [ "${JUDGED[samples]}" -ge "$1" ]
	point "every record is whole, and in order" [ "${JUDGED[bad_records]}" = 0 ]
	point "every sample's address is its vCPU's loop" [ "${JUDGED[wrong_address]}" = 0 ]
	point "every sample has its vCPU's handle" \
		[ $((JUDGED[wrong_handle] + JUDGED[nameless] + JUDGED[reused_handles])) = 0 ]
	point "every sample's vCPU had the CPU then" [ "${JUDGED[wrong_time]}" = 0 ]
	rm -f records
}

# rings_add_up: produced = consumed + dropped + overwritten + pending in each ring of
# ./vmcoop.data, and nothing was dropped.
rings_add_up() {
	"$TOP/tools/vmcoop-dump" report -i vmcoop.data --json >report.json
	jq -r '.rings[] | "ring \(.name): produced \(.produced) consumed \(.consumed)"
		+ " dropped \(.dropped) pending \(.pending)"' report.json |
		while read -r line; do note "$line"; done
	point "produced = consumed + dropped + pending in every ring" jq -e '
		(.rings | length) > 0
		and all(.rings[]; .produced == .consumed + .dropped + .pending and .balanced)' \
		report.json
}

# report_methods DATA METHOD: a report as JSON, of all methods, its rows of this one.
report_methods() {
	"$TOP/tools/vmcoop-dump" report -i "$1" --guest-root guest-root \
		--guest-kallsyms guest0.kallsyms --sort comm,pid,sym \
		--method "$2" --compare-methods --json
}

# told COMM METHOD: of the report on stdin "PID FUNCTION SHARE LOW HIGH" for what programs of
# that name did in user mode, or may have done. Shares are of that alone.
told() {
	jq -r --arg comm "$1" --arg method "$2" '
		[.compared.rows[] | select(.comm == $comm and .mode != "k")] as $rows
		| ($rows | map(.[$method].share) | add) as $all
		| $rows[] | "\(.pid) \(.sym | gsub(" "; "_")) "
			+ (.[$method] | [.share, .low, .high] | map((. // 0) / $all | tostring)
			   | join(" "))'
}

# distance TRUTH TOLD: of "PID FUNCTION WEIGHT ..." in both files, the part of all weight that
# they give to different functions (total variation), in %.
distance() {
	awk '
		NR == FNR { truth[$1, $2] = $3; all_true += $3; seen[$1, $2] }
		NR != FNR { told[$1, $2] = $3; all_told += $3; seen[$1, $2] }
		END {
			for (i in seen) {
				d = truth[i] / all_true - told[i] / all_told
				sum += d < 0 ? -d : d
			}
			printf "%.3f\n", 50 * sum
		}' "$1" "$2"
}

# covered TRUTH TOLD: how many true shares there are, and how many lie in their intervals.
covered() {
	awk '
		NR == FNR { truth[$1, $2] = $3; all += $3; n++ }
		NR != FNR { low[$1, $2] = $4; high[$1, $2] = $5 }
		END {
			for (i in truth)
				good += i in low && truth[i] >= low[i] * all && truth[i] <= high[i] * all
			print n, good + 0
		}' "$1" "$2"
}

# within VALUE LOW HIGH
within() {
	awk -v v="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(v >= low && v <= high) }'
}

# read_spans NAMES: the lines of that file, in whose order lab_host_cost has told what pieces of work
# took, with that behind them: instructions, those in guest mode, VM exits, the CPU's counter
# when it began and ended, the host's clock then in seconds.
read_spans() {
	local insns=1

	# That the CPU runs while its counter counts one.
	[ "$ARCH" != aarch64 ] || insns=16
	paste -d ' ' "$1" <(sed -n 's/^\[ *\([0-9.]*\)\].*lab-span: /\1 /p' host.dmesg |
		awk -v n=$insns '{
			printf "%.0f %.0f %d %.0f %.0f %.6f %.6f\n", $2 * n, $3 * n, $4, $5 - $2, $5,
			       $1 - $2 * n / 1e9, $1
		}')
}
