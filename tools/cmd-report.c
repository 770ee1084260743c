// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump report: which code of which process of which VM the samples hit.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "report.h"
#include "term.h"

static const char help[] =
"usage: vmcoop-dump report [OPTION]...\n"
"\n"
"Shows which functions of which processes in which virtual machines a recording's\n"
"samples belong to, and how far that can be trusted.\n"
"\n"
"  -i, --input FILE          data file (default " DATA_FILE ")\n"
"  --guest-root [VM=]DIR     where the guest's programs and libraries are, under\n"
"                            their paths in the guest; VM is a name or pid\n"
"  --guest-kallsyms [VM=]FILE\n"
"                            the guest's /proc/kallsyms (read by its root) or its\n"
"                            kernel's System.map\n"
"  --symbols [VM=]FILE       what 'vmcoop-dump symbols -o FILE' wrote in the guest\n"
"  --debug-dir DIR           look for files by build-id there, too\n"
"  --sort KEYS               of vm,vcpu,pcpu,comm,pid,tid,cgroup,mode,dso,sym\n"
"                            (default vm,comm,pid,dso,sym)\n"
"  --method METHOD           sampled: where the host's samples found the guest;\n"
"                            tick: the guest's ticks, weighted by running time;\n"
"                            counted: the guest's ticks with what counting events\n"
"                            counted (default: sampled if there are samples, then\n"
"                            counted, then tick)\n"
"  --compare-methods         the shares of all methods that there is data for, side by\n"
"                            side\n"
"  --vm VM                   only this VM (name or pid); shares are of it\n"
"  --time FROM,TO            only these seconds of the recording; shares are of them\n"
"  --comm NAME, --pid PID    only these rows; shares stay shares of everything\n"
"  --event NAME              samples or counts of this event (default: the first)\n"
"  --limit N                 the first N rows\n"
"  -F, --fields LIST         these columns: of share,interval,process,samples,events,\n"
"                            ipc,mpki,method, and what --sort has\n"
"  --json, --csv             for programs; for spreadsheets, the rows alone\n"
"  --color WHEN              auto (default), always, never\n"
"  -h, --help                this\n"
"\n"
"Exit status: 0 done (a file that was cut off is read as far as it goes, with a\n"
"note), 1 it failed, 2 bad usage or not a data file.\n"
"\n"
"Examples:\n"
"  vmcoop-dump report --guest-root /mnt/guest --guest-kallsyms guest.kallsyms\n"
"  vmcoop-dump report --sort vm,dso --vm web1 --limit 20\n"
"  vmcoop-dump report --json | jq '.rows[0]'\n"
"  vmcoop-dump report --compare-methods --sort vm,comm,sym\n";

struct report_options {
	const char *input;
	const char *vm, *comm, *event;
	u64 pid;
	struct time_slice time;
	bool by_pid, json, csv, method_given;
	u32 resolved;
	u32 keys;
	struct report *r;
};

/* ---- Options ---------------------------------------------------------------------- */

static int set_sort(struct report_options *o, const char *arg)
{
	o->keys = parse_sort_keys(arg);
	return o->keys ? 0 : EXIT_BAD;
}

static int set_pid(struct report_options *o, const char *arg)
{
	o->by_pid = true;
	return option_u64("pid", arg, 0, UINT32_MAX, &o->pid) ? 0 : EXIT_BAD;
}

enum { OPT_ROOT = 256, OPT_KALLSYMS, OPT_SYMBOLS, OPT_DEBUG_DIR, OPT_SORT, OPT_METHOD, OPT_VM, OPT_COMM, OPT_PID,
       OPT_EVENT, OPT_LIMIT, OPT_JSON, OPT_CSV, OPT_COMPARE, OPT_TIME, OPT_COLOR };

static int set_option(struct report_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'i':
		o->input = arg;
		return 0;
	case OPT_ROOT:
		return symbolizer_add_root(&o->r->sym, arg);
	case OPT_KALLSYMS:
		return symbolizer_add_kallsyms(&o->r->sym, arg);
	case OPT_SYMBOLS:
		return symbolizer_add_symbols(&o->r->sym, arg);
	case OPT_DEBUG_DIR:
		return debugstore_add(&o->r->sym.store, arg);
	case OPT_SORT:
		return set_sort(o, arg);
	case OPT_METHOD:
		o->method_given = true;
		return parse_method(arg, &o->r->method);
	case OPT_VM:
		o->vm = arg;
		return 0;
	case OPT_COMM:
		o->comm = arg;
		return 0;
	case OPT_PID:
		return set_pid(o, arg);
	case OPT_EVENT:
		o->event = arg;
		return 0;
	case OPT_LIMIT:
		return option_u64("limit", arg, 1, UINT32_MAX, &o->r->limit) ? 0 : EXIT_BAD;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_CSV:
		o->csv = true;
		return 0;
	case OPT_COMPARE:
		o->r->compare = true;
		return 0;
	case OPT_TIME:
		return parse_time_slice(arg, &o->time);
	case OPT_COLOR:
		return term_color(arg);
	case 'F':
		return report_parse_fields(o->r, arg);
	case 'h':
		show_help(&cmd_report);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_report);
	}
}

static int parse(int argc, char **argv, struct report_options *o)
{
	static const struct option longopts[] = {
		{ "input", required_argument, NULL, 'i' },
		{ "guest-root", required_argument, NULL, OPT_ROOT },
		{ "guest-kallsyms", required_argument, NULL, OPT_KALLSYMS },
		{ "symbols", required_argument, NULL, OPT_SYMBOLS },
		{ "debug-dir", required_argument, NULL, OPT_DEBUG_DIR },
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "method", required_argument, NULL, OPT_METHOD },
		{ "vm", required_argument, NULL, OPT_VM },
		{ "comm", required_argument, NULL, OPT_COMM },
		{ "pid", required_argument, NULL, OPT_PID },
		{ "event", required_argument, NULL, OPT_EVENT },
		{ "limit", required_argument, NULL, OPT_LIMIT },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "csv", no_argument, NULL, OPT_CSV },
		{ "compare-methods", no_argument, NULL, OPT_COMPARE },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "fields", required_argument, NULL, 'F' },
		{ "color", required_argument, NULL, OPT_COLOR },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "i:F:h", longopts, NULL)) != -1)
		status = set_option(o, opt, optarg);
	if (!status && optind < argc) {
		warn("report takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_report);
	}
	if (!status && o->json + o->csv > 1)
		return fail(EXIT_BAD, "one of --json and --csv, please");
	if (!status && o->csv && o->r->compare)
		return fail(EXIT_BAD, "--compare-methods is for people and --json");
	return status ?: report_check_fields(o->r, o->keys);
}

/* ---- Samples ------------------------------------------------------------------------ */

/* The event that --event names, or the first of its kind; nr_events: there is none. */
static u32 event_of_kind(const struct report_options *o, bool counting)
{
	const struct session *s = &o->r->s;
	u32 i;

	for (i = 0; i < s->nr_events; i++) {
		const struct event *e = &s->events[i];

		if (e->told && e->counting == counting && (!o->event || !strcmp(e->name, o->event)))
			break;
	}
	return i;
}

/* Place in HOST_COUNT of counting event @index. */
static u32 counter_of(const struct session *s, u32 index)
{
	u32 i, n = 0;

	for (i = 0; i < index; i++)
		n += s->events[i].told && s->events[i].counting;
	return n;
}

/* Events are told before the first sample, unless the file is odd. */
static void resolve_events(struct report_options *o)
{
	struct report *r = o->r;
	u32 nr = r->s.nr_events, counting;

	if (o->resolved == nr + 1)
		return;
	counting = event_of_kind(o, true);
	o->resolved = nr + 1;
	r->event = event_of_kind(o, false);
	if (r->event == nr && !nr)
		r->event = 0;
	r->counted_event = counting;
	r->counter = counting < nr ? counter_of(&r->s, counting) : o->event ? UINT32_MAX : 0;
}

/* Whether the sample gets a row. */
static inline bool wanted(struct report_options *o, const struct joined *j)
{
	if (o->vm && !vm_is_called(j->vm, o->vm))
		return false;
	if (!in_time_slice(&o->r->s, &o->time, j->time))
		return false;
	if (j->method == METHOD_SAMPLED && j->event != o->r->event)
		return false;
	if ((!o->comm || !strcmp(o->comm, j->comm)) && (!o->by_pid || o->pid == j->pid))
		return true;
	rows_leave_out(&o->r->rows[j->method], j);
	return false;
}

static void on_counted(void *ctx, const struct joined *j)
{
	struct report_options *o = ctx;
	struct joined own = *j;
	const struct joined *list[] = { &own };

	resolve_events(o);
	if (o->r->counter >= j->nr_counts)
		return;
	own.period = j->counts[o->r->counter];
	if (wanted(o, &own))
		rows_add_batch(&o->r->rows[j->method], list, 1, &o->r->sym);
}

static void on_samples(void *ctx, const struct joined *j, u32 n)
{
	const struct joined *list[NR_METHODS][JOIN_BATCH];
	struct report_options *o = ctx;
	u32 nr[NR_METHODS] = { 0 }, i;

	resolve_events(o);
	for (i = 0; i < n; i++)
		if (wanted(o, &j[i]))
			list[j[i].method][nr[j[i].method]++] = &j[i];
	for (i = 0; i < NR_METHODS; i++)
		rows_add_batch(&o->r->rows[i], list[i], nr[i], &o->r->sym);
}

static void choose_method(struct report_options *o)
{
	struct report *r = o->r;
	u32 i;

	if (!o->method_given)
		r->method = r->rows[METHOD_SAMPLED].samples ? METHOD_SAMPLED :
			    r->rows[METHOD_COUNTED].period ? METHOD_COUNTED : METHOD_TICK;
	for (i = 0; i < NR_METHODS; i++) {
		if (i != r->method && !r->compare)
			continue;
		rows_finish(&r->rows[i]);
		if (r->compare)
			rows_index(&r->rows[i]);
	}
}

static void print(const struct report_options *o)
{
	if (o->json) {
		report_json(o->r, stdout);
	} else if (o->csv) {
		report_csv(o->r, stdout);
	} else {
		term_pager();
		report_text(o->r, stdout);
	}
}

/* ---- Notes ---------------------------------------------------------------------------- */

static void add_note(void *ctx, const char *text)
{
	session_note(ctx, "%s", text);
}

static void add_hints(struct report_options *o)
{
	struct report *r = o->r;
	struct session *s = &r->s;
	size_t i;

	symbolizer_hints(&r->sym, add_note, s);
	if (r->rows[r->method].merged)
		session_note(s, "%llu samples are in the last row because there are too many different rows",
			     r->rows[r->method].merged);
	for (i = 0; r->method == METHOD_SAMPLED && i < s->join.nr_vms; i++) {
		const struct vm *vm = s->join.vms[i];

		if (!vm->samples && vm->nr_vcpus && vm->has_source)
			session_note(s, "the host has no samples of VM %s; --method tick shows its guest's ticks",
				     vm->name);
	}
}

static int find_event(struct report_options *o)
{
	const struct session *s = &o->r->s;

	if (!o->event || event_of_kind(o, false) < s->nr_events ||
	    event_of_kind(o, true) < s->nr_events)
		return 0;
	return fail(EXIT_BAD, "the file has no event '%s'", o->event);
}

static int run(int argc, char **argv)
{
	struct report *r = xcalloc(1, sizeof(*r));
	struct report_options o = { .input = DATA_FILE, .r = r };
	int status, i;

	o.keys = parse_sort_keys("vm,comm,pid,dso,sym");
	status = parse(argc, argv, &o);
	if (!status) {
		r->file = o.input;
		for (i = 0; i < NR_METHODS; i++)
			r->rows[i].keys = o.keys;
		status = session_read_batches(&r->s, o.input, on_samples, on_counted, &o) ?:
			 find_event(&o);
	}
	if (!status) {
		r->total = counts_total(&r->s, NULL);
		r->metrics = metrics_find(&r->s, &r->total);
		choose_method(&o);
		add_hints(&o);
		print(&o);
	}
	for (i = 0; i < NR_METHODS; i++)
		rows_free(&r->rows[i]);
	session_free(&r->s);
	symbolizer_free(&r->sym);
	free(r);
	return status;
}

const struct command cmd_report = {
	.name = "report",
	.summary = "show which guest code the samples of a data file belong to",
	.help = help,
	.run = run,
};
