// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump stat: what the counting events counted, of each VM and vCPU.
 */
#include <getopt.h>
#include <stdlib.h>

#include "commands.h"
#include "metrics.h"
#include "output.h"

static const char help[] =
"usage: vmcoop-dump stat [OPTION]...\n"
"\n"
"Shows what a recording's counting events counted while each vCPU had a CPU.\n"
"Nothing is sampled: these are sums of the counters themselves.\n"
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

struct stat {
	const char *input, *vm;
	bool json;
	struct session s;
};

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

static void put_counts(const struct session *s, const struct counts *c)
{
	char buf[32], name[256];
	u32 i;

	for (i = 0; i < c->nr; i++) {
		const struct vmcoop_host_value *v = &c->value[i];

		printf("  %20llu  %s", v->count,
		       escape(name, sizeof(name), counter_name(s, i, buf, sizeof(buf))));
		if (v->running < c->enabled)
			printf("  (counted %.1f %% of the time)", 100.0 * v->running / c->enabled);
		putchar('\n');
	}
}

static void put_vm(const struct session *s, const struct vm *vm)
{
	struct counts sum = counts_total(s, vm);
	char name[256];
	size_t i;

	printf("VM %s, pid %u:\n", escape(name, sizeof(name), vm->name), vm->pid);
	put_counts(s, &sum);
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
	putchar('\n');
}

static void put_text(const struct stat *st)
{
	const struct session *s = &st->s;
	size_t i;

	for (i = 0; i < s->join.nr_vms; i++)
		if (vm_wanted(st, s->join.vms[i]))
			put_vm(s, s->join.vms[i]);
	printf("%.6f seconds\n", session_duration(s));
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

static void json_vm(struct json *j, const struct session *s, const struct vm *vm)
{
	struct counts sum = counts_total(s, vm);
	size_t i;

	json_open(j, NULL, '{');
	json_str(j, "name", vm->name);
	json_u64(j, "pid", vm->pid);
	json_counts(j, s, &sum);
	json_open(j, "vcpus", '[');
	for (i = 0; i < s->join.nr_vcpus; i++)
		if (s->join.vcpus[i]->vm == vm && s->join.vcpus[i]->counts)
			json_vcpu(j, s, s->join.vcpus[i]);
	json_close(j, ']');
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
			json_vm(&j, s, s->join.vms[i]);
	json_close(&j, ']');
	json_open(&j, "notes", '[');
	for (i = 0; i < s->nr_notes; i++)
		json_str(&j, NULL, s->notes[i]);
	json_close(&j, ']');
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

static void ignore(void *ctx, const struct joined *j)
{
	(void)ctx;
	(void)j;
}

static int run(int argc, char **argv)
{
	struct stat *st = xcalloc(1, sizeof(*st));
	int status;

	st->input = DATA_FILE;
	status = parse(argc, argv, st);
	if (!status)
		status = session_read(&st->s, st->input, ignore, NULL);
	if (!status && st->json)
		put_json(st);
	else if (!status)
		put_text(st);
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
