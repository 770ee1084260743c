// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the events of ratios: see metrics.h.
 */
#include <string.h>

#include "metrics.h"
#include "output.h"

struct counts counts_total(const struct session *s, const struct vm *vm)
{
	struct counts sum = { 0 };
	size_t i;

	for (i = 0; i < s->join.nr_vcpus; i++) {
		const struct vcpu *v = s->join.vcpus[i];

		if (v->counts && (!vm || v->vm == vm))
			counts_add(&sum, &v->counts->sum);
	}
	return sum;
}

/* "cycles", "cycles:u", "cpu-cycles" and the like. */
static bool is_called(const char *name, const char *what)
{
	size_t n = strcspn(name, ":"), len = strlen(what);

	return n >= len && !memcmp(name + n - len, what, len) &&
	       (n == len || name[n - len - 1] == '-' || name[n - len - 1] == '_');
}

struct metrics metrics_find(const struct session *s, const struct counts *total)
{
	struct metrics m = { .instructions = -1, .cycles = -1, .misses = -1, .group = true };
	u64 running = 0;
	u32 i;

	for (i = 0; i < total->nr; i++) {
		const struct event *e = session_counter(s, i);
		const char *name = e ? e->name : "";

		if (m.instructions < 0 && is_called(name, "instructions"))
			m.instructions = i;
		else if (m.cycles < 0 && is_called(name, "cycles"))
			m.cycles = i;
		else if (m.misses < 0 && strstr(name, "miss"))
			m.misses = i;
		else
			continue;
		if (!running)
			running = total->value[i].running;
		m.group &= total->value[i].running == running;
	}
	return m;
}

struct vm_times vm_times(const struct session *s, const struct vm *vm)
{
	struct vm_times t = { .told = false };
	size_t i, k;

	for (i = 0; i < s->join.nr_vcpus; i++) {
		const struct vcpu *v = s->join.vcpus[i];
		struct exits_sum one = exits_total(&v->exits);

		if (v->vm != vm)
			continue;
		t.told |= v->exits.told;
		exits_add(&t.exits, &one);
		t.ran += v->ran;
		for (k = 0; k < ARRAY_SIZE(t.out); k++)
			t.out[k] += v->exits.out[k];
	}
	return t;
}

void json_times(struct json *j, const struct session *s, const struct vm *vm)
{
	struct vm_times t = vm_times(s, vm);
	double hz = s->clock_khz * 1000.0;
	size_t i;

	json_open(j, "time", '{');
	json_num(j, "on_cpu", t.ran / hz, 6, true);
	json_num(j, "in_guest", t.exits.guest / hz, 6, t.told);
	json_num(j, "handling_exits", exits_handling(&t.exits) / hz, 6, t.told);
	json_num(j, "polling", t.exits.poll_ns / 1e9, 6, t.told);
	json_num(j, "preempted", t.out[VMCOOP_OUT_PREEMPTED] / hz, 6, true);
	json_num(j, "halted", t.out[VMCOOP_OUT_BLOCKED] / hz, 6, true);
	json_num(j, "in_vmm", t.out[VMCOOP_OUT_USER] / hz, 6, true);
	json_close(j, '}');
	json_open(j, "exits", '{');
	for (i = 0; i < VMCOOP_EXITS; i++)
		json_count(j, vmcoop_exit_name(i), t.exits.exit[i].count, t.told);
	json_close(j, '}');
}
