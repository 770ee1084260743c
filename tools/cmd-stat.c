// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump stat: what the counting events counted, of each VM, vCPU and guest
 * process, exits, and where the time went.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "metrics.h"
#include "output.h"

static const char help[] =
"usage: vmcoop-dump stat [OPTION]...\n"
"\n"
"Shows what a recording's counting events counted while each vCPU had a CPU.\n"
"Nothing is sampled: these are sums of the counters themselves. Between two\n"
"readings they are split among the guest's processes by running time.\n"
"\n"
"  -i, --input FILE   data file (default " DATA_FILE ")\n"
"  --vm VM            only this VM (name or pid)\n"
"  --json             for programs\n"
"  -h, --help         this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Example:\n"
"  vmcoop-dump stat --json | jq '.vms[].vcpus[].counters'\n";

#define MAX_PROCESSES	65536	/* later ones go into one row */

/** struct process - a guest's, and what was counted in it */
struct process {
	const struct vm *vm;
	u32 pid;
	char comm[32];
	u32 nr;
	u64 count[COUNTS_MAX];
};

struct stat {
	const char *input, *vm;
	bool json;
	struct session s;
	struct process **procs;
	size_t nr_procs;
	struct u64map by_pid;
};

/* ---- Processes ---------------------------------------------------------------------- */

static struct process *get_process(struct stat *st, const struct joined *j)
{
	/* What no task is known of has no pid, nor has the idle task. */
	bool rest = st->nr_procs >= MAX_PROCESSES;
	u64 key = (u64)j->vm->pid << 32 | (rest ? UINT32_MAX : j->pid);
	struct process *p = map_get(&st->by_pid, key);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->vm = j->vm;
	p->pid = j->pid;
	snprintf(p->comm, sizeof(p->comm), "%s", rest ? "[others]" :
		 j->pid ? j->comm : "[idle or not known]");
	st->procs = xreallocarray(st->procs, st->nr_procs + 1, sizeof(*st->procs));
	st->procs[st->nr_procs++] = p;
	map_put(&st->by_pid, key, p);
	return p;
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct process *p;
	u32 i;

	if (j->method != METHOD_COUNTED)
		return;
	p = get_process(ctx, j);
	p->nr = max_u64(p->nr, j->nr_counts);
	for (i = 0; i < j->nr_counts; i++)
		p->count[i] += j->counts[i];
}

static int by_count(const void *a, const void *b)
{
	const struct process *x = *(struct process *const *)a, *y = *(struct process *const *)b;

	if (x->count[0] != y->count[0])
		return x->count[0] > y->count[0] ? -1 : 1;
	if (x->vm->pid != y->vm->pid)
		return x->vm->pid < y->vm->pid ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* ---- Sums ------------------------------------------------------------------------- */

static bool vm_wanted(const struct stat *st, const struct vm *vm)
{
	return !st->vm || vm_is_called(vm, st->vm);
}

static const char *counter_name(const struct session *s, u32 i, char *buf, size_t cap)
{
	const struct event *e = session_counter(s, i);

	if (e && *e->name)
		return e->name;
	snprintf(buf, cap, "counter-%u", i);
	return buf;
}

/* ---- Text -------------------------------------------------------------------------- */

/* 1234567 as 1,234,567. */
static const char *with_commas(u64 v, char *buf, size_t cap)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", v), i;
	size_t at = 0;

	for (i = 0; i < n && at + 2 < cap; i++) {
		if (i && (n - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

static u64 at(const struct counts *c, int i)
{
	return i < 0 ? 0 : c->value[i].count;
}

/* As perf stat does: what a count means stands behind it. */
static void put_ratio(const struct metrics *m, const struct counts *c, u32 i)
{
	double ipc = metrics_ipc(m, at(c, m->instructions), at(c, m->cycles));
	double mpki = metrics_mpki(m, at(c, m->misses), at(c, m->instructions));

	if ((int)i == m->instructions && ipc >= 0)
		printf("  # %.2f per cycle", ipc);
	if ((int)i == m->misses && mpki >= 0)
		printf("  # %.2f per 1000 instructions", mpki);
}

static void put_counts(const struct session *s, const struct counts *c)
{
	struct metrics m = metrics_find(s, c);
	char buf[40], name[256];
	u32 i;

	for (i = 0; i < c->nr; i++) {
		const struct vmcoop_host_value *v = &c->value[i];

		printf("  %24s  ", with_commas(v->count, buf, sizeof(buf)));
		printf("%-24s", escape(name, sizeof(name),
				       counter_name(s, i, buf, sizeof(buf))));
		put_ratio(&m, c, i);
		if (v->running < c->enabled)
			printf("  (counted %.2f %% of the time)", 100.0 * v->running / c->enabled);
		putchar('\n');
	}
}

static void put_times(const struct session *s, const struct vm *vm)
{
	struct vm_times t = vm_times(s, vm);
	double hz = s->clock_khz * 1000.0;
	size_t i;
	char buf[40];

	printf("  %24.6f  seconds with a CPU\n", t.ran / hz);
	if (t.told) {
		printf("  %24.6f  seconds in the guest\n", t.exits.guest / hz);
		printf("  %24.6f  seconds handling exits", exits_handling(&t.exits) / hz);
		printf("  # of them %.6f polling\n", t.exits.poll_ns / 1e9);
	}
	printf("  %24.6f  seconds preempted\n", t.out[VMCOOP_OUT_PREEMPTED] / hz);
	printf("  %24.6f  seconds halted\n", t.out[VMCOOP_OUT_BLOCKED] / hz);
	printf("  %24.6f  seconds in the VMM\n", t.out[VMCOOP_OUT_USER] / hz);
	for (i = 0; i < VMCOOP_EXITS; i++)
		if (t.exits.exit[i].count)
			printf("  %24s  exits: %-10s  # %.2f us each\n",
			       with_commas(t.exits.exit[i].count, buf, sizeof(buf)),
			       vmcoop_exit_name(i), t.exits.exit[i].time * 1e6 / hz /
						    t.exits.exit[i].count);
}

static void put_processes(const struct stat *st, const struct vm *vm)
{
	char comm[128];
	size_t i;
	u32 k;

	for (i = 0; i < st->nr_procs; i++) {
		const struct process *p = st->procs[i];
		struct counts c = { .nr = p->nr };

		if (p->vm != vm)
			continue;
		for (k = 0; k < p->nr; k++)
			c.value[k].count = p->count[k];
		printf(" process %s, pid %u:\n", escape(comm, sizeof(comm), p->comm), p->pid);
		put_counts(&st->s, &c);
	}
}

static void put_vm(const struct stat *st, const struct vm *vm)
{
	const struct session *s = &st->s;
	struct counts sum = counts_total(s, vm);
	char name[256];
	size_t i;

	printf("VM %s, pid %u:\n", escape(name, sizeof(name), vm->name), vm->pid);
	put_counts(s, &sum);
	put_times(s, vm);
	for (i = 0; i < s->join.nr_vcpus; i++) {
		const struct vcpu *v = s->join.vcpus[i];

		if (v->vm != vm || !v->counts)
			continue;
		printf(" vCPU %u, %llu run slices", v->id, v->counts->slices);
		if (v->counts->gaps)
			printf(", %llu of unknown counts", v->counts->gaps);
		puts(":");
		put_counts(s, &v->counts->sum);
	}
	put_processes(st, vm);
	putchar('\n');
}

static void put_text(const struct stat *st)
{
	const struct session *s = &st->s;
	size_t i;

	for (i = 0; i < s->join.nr_vms; i++)
		if (vm_wanted(st, s->join.vms[i]))
			put_vm(st, s->join.vms[i]);
	printf("%.6f seconds recorded\n", session_duration(s));
}

/* ---- JSON -------------------------------------------------------------------------- */

static void json_counts(struct json *j, const struct session *s, const struct counts *c)
{
	char buf[32];
	u32 i;

	json_open(j, "counters", '[');
	for (i = 0; i < c->nr; i++) {
		json_open(j, NULL, '{');
		json_str(j, "event", counter_name(s, i, buf, sizeof(buf)));
		json_u64(j, "count", c->value[i].count);
		json_u64(j, "enabled_ns", c->enabled);
		json_u64(j, "running_ns", c->value[i].running);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_vcpu(struct json *j, const struct session *s, const struct vcpu *v)
{
	json_open(j, NULL, '{');
	json_u64(j, "vcpu", v->id);
	json_u64(j, "slices", v->counts->slices);
	json_u64(j, "gaps", v->counts->gaps);
	json_counts(j, s, &v->counts->sum);
	json_close(j, '}');
}

static void json_metrics(struct json *j, const struct session *s, const struct counts *c)
{
	struct metrics m = metrics_find(s, c);
	double ipc = metrics_ipc(&m, at(c, m.instructions), at(c, m.cycles));
	double mpki = metrics_mpki(&m, at(c, m.misses), at(c, m.instructions));

	json_num(j, "ipc", ipc, 4, ipc >= 0);
	json_num(j, "mpki", mpki, 4, mpki >= 0);
}

static void json_processes(struct json *j, const struct stat *st, const struct vm *vm)
{
	size_t i;
	u32 k;

	json_open(j, "processes", '[');
	for (i = 0; i < st->nr_procs; i++) {
		const struct process *p = st->procs[i];
		char buf[32];

		if (p->vm != vm)
			continue;
		json_open(j, NULL, '{');
		json_u64(j, "pid", p->pid);
		json_str(j, "comm", p->comm);
		json_open(j, "counters", '[');
		for (k = 0; k < p->nr; k++) {
			json_open(j, NULL, '{');
			json_str(j, "event", counter_name(&st->s, k, buf, sizeof(buf)));
			json_u64(j, "count", p->count[k]);
			json_close(j, '}');
		}
		json_close(j, ']');
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_vm(struct json *j, const struct stat *st, const struct vm *vm)
{
	const struct session *s = &st->s;
	struct counts sum = counts_total(s, vm);
	size_t i;

	json_open(j, NULL, '{');
	json_str(j, "name", vm->name);
	json_u64(j, "pid", vm->pid);
	json_counts(j, s, &sum);
	json_metrics(j, s, &sum);
	json_times(j, s, vm);
	json_open(j, "vcpus", '[');
	for (i = 0; i < s->join.nr_vcpus; i++)
		if (s->join.vcpus[i]->vm == vm && s->join.vcpus[i]->counts)
			json_vcpu(j, s, s->join.vcpus[i]);
	json_close(j, ']');
	json_processes(j, st, vm);
	json_close(j, '}');
}

static void put_json(const struct stat *st)
{
	const struct session *s = &st->s;
	struct json j = { .f = stdout };
	size_t i;

	json_open(&j, NULL, '{');
	json_str(&j, "file", st->input);
	json_num(&j, "duration_s", session_duration(s), 6, true);
	json_open(&j, "vms", '[');
	for (i = 0; i < s->join.nr_vms; i++)
		if (vm_wanted(st, s->join.vms[i]))
			json_vm(&j, st, s->join.vms[i]);
	json_close(&j, ']');
	json_notes(&j, s);
	json_close(&j, '}');
}

/* ---- Options ------------------------------------------------------------------------- */

enum { OPT_VM = 256, OPT_JSON };

static int parse(int argc, char **argv, struct stat *st)
{
	static const struct option longopts[] = {
		{ "input", required_argument, NULL, 'i' },
		{ "vm", required_argument, NULL, OPT_VM },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "i:h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'i':
			st->input = optarg;
			break;
		case OPT_VM:
			st->vm = optarg;
			break;
		case OPT_JSON:
			st->json = true;
			break;
		case 'h':
			show_help(&cmd_stat);
			exit(EXIT_OK);
		default:
			return bad_usage(&cmd_stat);
		}
	}
	if (optind < argc) {
		warn("stat takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_stat);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct stat *st = xcalloc(1, sizeof(*st));
	int status;
	size_t i;

	st->input = DATA_FILE;
	status = parse(argc, argv, st);
	if (!status)
		status = session_read(&st->s, st->input, on_sample, st);
	if (!status && st->nr_procs)
		qsort(st->procs, st->nr_procs, sizeof(*st->procs), by_count);
	if (!status && st->json)
		put_json(st);
	else if (!status)
		put_text(st);
	for (i = 0; i < st->nr_procs; i++)
		free(st->procs[i]);
	free(st->procs);
	map_free(&st->by_pid);
	session_free(&st->s);
	free(st);
	return status;
}

const struct command cmd_stat = {
	.name = "stat",
	.summary = "show what the counting events of a data file counted",
	.help = help,
	.run = run,
};
