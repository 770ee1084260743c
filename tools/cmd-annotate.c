// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump annotate: a function's samples by instruction or source line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "disasm.h"
#include "elfsyms.h"
#include "output.h"
#include "view.h"

static const char help[] =
"usage: vmcoop-dump annotate [OPTION]... SYMBOL\n"
"\n"
"Shows which instructions, or source lines, of a function the samples hit, for each\n"
"object that has a function of that name.\n"
"\n"
"  -l, --lines                 by source line, the heaviest first (needs debug\n"
"                              information in the file, or below --guest-root in\n"
"                              /usr/lib/debug)\n"
"  --dso NAME                  only in this object: its name or path in the guest\n"
VIEW_HELP
"  --event NAME                samples of this event (default: the first)\n"
"  --method METHOD             sampled (default), or tick: running time at ticks\n"
"  -h, --help                  this\n"
"\n"
"An address is where the guest was when the event's count ran over: on most CPUs some\n"
"instructions behind the one that caused it. Exit status: as for report; 1 if no sample\n"
"is in such a function.\n"
"\n"
"Example:\n"
"  vmcoop-dump annotate --guest-root /mnt/guest --lines deflate_fast\n";

/** struct spot - an address, and its samples */
struct spot {
	u64 addr, value, samples;
};

/**
 * struct place_hit - a function in an object of a VM
 * @dso: NULL: the kernel, or a module of it
 * @start: its first address, @end behind its last, as the object counts
 * @spots: in the order of addresses, once sorted
 */
struct place_hit {
	struct vm *vm;
	struct dso *dso;
	const char *name;
	u64 start, end;
	struct spot *spots;
	u32 nr, cap;
	struct u64map by_addr;
	u64 value, samples;
};

struct annotate {
	struct view v;
	const char *symbol, *dso;
	bool lines;
	struct place_hit *hits;
	size_t nr;
	u64 total;
};

/* ---- Samples ------------------------------------------------------------------------ */

static struct place_hit *find_hit(struct annotate *a, const struct joined *j, const struct place *p,
				  u64 start)
{
	struct dso *dso = j->map ? j->map->dso : NULL;
	struct place_hit *h;
	size_t i;

	for (i = 0; i < a->nr; i++) {
		h = &a->hits[i];
		if (h->vm == j->vm && h->dso == dso && h->start == start)
			return h;
	}
	a->hits = xreallocarray(a->hits, a->nr + 1, sizeof(*a->hits));
	h = &a->hits[a->nr++];
	*h = (struct place_hit){ .vm = j->vm, .dso = dso, .start = start, .end = start + 1,
				 .name = intern_str(p->path ?: p->dso) };
	return h;
}

static void add_spot(struct place_hit *h, u64 addr, u64 value, u32 samples)
{
	size_t at = (size_t)map_get(&h->by_addr, addr);

	if (!at) {
		if (h->nr == h->cap) {
			h->cap = h->cap * 2 ?: 64;
			h->spots = xreallocarray(h->spots, h->cap, sizeof(*h->spots));
		}
		h->spots[h->nr++] = (struct spot){ .addr = addr };
		at = h->nr;
		map_put(&h->by_addr, addr, (void *)at);
	}
	h->spots[at - 1].value += value;
	h->spots[at - 1].samples += samples;
	h->value += value;
	h->samples += samples;
	h->end = max_u64(h->end, addr + 1);
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct annotate *a = ctx;
	struct place p;
	u64 addr;

	a->total += j->period;
	if (j->reason != REASON_NONE)
		return;
	symbolize(&a->v.sym, j, &p);
	if (!p.symbol || strcmp(p.symbol, a->symbol))
		return;
	if (a->dso && strcmp(a->dso, p.dso) && (!p.path || strcmp(a->dso, p.path)))
		return;
	addr = j->mode == VMCOOP_MODE_KERNEL ? p.table : p.addr;
	add_spot(find_hit(a, j, &p, addr - p.offset), addr, j->period, j->count);
}

/* ---- Printing ------------------------------------------------------------------------- */

static int by_addr(const void *pa, const void *pb)
{
	const struct spot *a = pa, *b = pb;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static int by_value(const void *pa, const void *pb)
{
	const struct place_hit *a = pa, *b = pb;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return strcmp(a->name, b->name) ?: a->start < b->start ? -1 : 1;
}

static double percent(u64 part, u64 whole)
{
	return whole ? 100.0 * part / whole : 0;
}

static void put_head(const struct annotate *a, const struct place_hit *h)
{
	char vm[512], symbol[1024], name[4096];

	printf("# %s in %s, VM %s: %llu samples, %.2f %% of %s (method %s)\n",
	       escape(symbol, sizeof(symbol), a->symbol), escape(name, sizeof(name), h->name),
	       escape(vm, sizeof(vm), h->vm->name), h->samples, percent(h->value, a->total),
	       a->v.method == METHOD_TICK ? "running time" : "the events shown",
	       method_names[a->v.method]);
}

static void put_spot(const struct place_hit *h, u64 value, u64 samples, u64 addr,
		     const struct insn *insn)
{
	char text[512] = "", file[1024];

	if (insn)
		escape(text, sizeof(text), insn->text);
	if (samples || value)
		printf("%8.2f %8llu", percent(value, h->value), samples);
	else
		printf("%8s %8s", "", "");
	printf("  %10llx  +0x%-5llx", addr, addr - h->start);
	if (insn && insn->file)
		printf("  %-40s  %s:%u", text, escape(file, sizeof(file), insn->file), insn->line);
	else if (*text)
		printf("  %s", text);
	putchar('\n');
}

static void put_insns(const struct place_hit *h, const struct insns *in)
{
	u32 k, s = 0;

	printf("# Percent  Samples     Address  Offset   Instruction\n");
	for (k = 0; k < in->nr; k++) {
		u64 value = 0, samples = 0;
		u64 next = k + 1 < in->nr ? in->insns[k + 1].addr : UINT64_MAX;

		/* An address within an instruction is a hit of it. */
		for (; s < h->nr && h->spots[s].addr < next; s++) {
			value += h->spots[s].value;
			samples += h->spots[s].samples;
		}
		put_spot(h, value, samples, in->insns[k].addr, &in->insns[k]);
	}
	for (; s < h->nr; s++)
		put_spot(h, h->spots[s].value, h->spots[s].samples, h->spots[s].addr, NULL);
}

/** struct source_line - a line, and its samples */
struct source_line {
	const char *file;
	u32 line;
	u64 value, samples;
};

static int by_weight(const void *pa, const void *pb)
{
	const struct source_line *a = pa, *b = pb;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return strcmp(a->file ?: "", b->file ?: "") ?: (int)(a->line - b->line);
}

static const struct insn *insn_at(const struct insns *in, u64 addr)
{
	const struct insn *found = NULL;
	u32 k;

	for (k = 0; k < in->nr && in->insns[k].addr <= addr; k++)
		found = &in->insns[k];
	return found;
}

static void add_line(struct source_line *lines, u32 *nr, const struct insn *insn,
		     const struct spot *spot)
{
	const char *file = insn && insn->file ? intern_str(insn->file) : NULL;
	u32 line = file ? insn->line : 0, i;

	for (i = 0; i < *nr && (lines[i].file != file || lines[i].line != line); i++)
		;
	if (i == *nr)
		lines[(*nr)++] = (struct source_line){ .file = file, .line = line };
	lines[i].value += spot->value;
	lines[i].samples += spot->samples;
}

static void put_lines(const struct place_hit *h, const struct insns *in)
{
	struct source_line *lines = xcalloc(h->nr, sizeof(*lines));
	char file[4096];
	u32 nr = 0, i;

	for (i = 0; i < h->nr; i++)
		add_line(lines, &nr, insn_at(in, h->spots[i].addr), &h->spots[i]);
	qsort(lines, nr, sizeof(*lines), by_weight);
	printf("# Percent  Samples  Source line\n");
	for (i = 0; i < nr; i++) {
		printf("%8.2f %8llu  ", percent(lines[i].value, h->value), lines[i].samples);
		if (lines[i].file)
			printf("%s:%u\n", escape(file, sizeof(file), lines[i].file), lines[i].line);
		else
			printf("[no line is known]\n");
	}
	free(lines);
}

static void read_insns(struct annotate *a, const struct place_hit *h, struct insns *in)
{
	const struct symbol *sym = h->dso && h->dso->image ?
				   symtab_find(&h->dso->image->tab, h->start) : NULL;
	int fd = h->dso ? symbolizer_open(&a->v.sym, h->vm, h->dso) : -1, debug;
	u32 i;

	if (fd < 0)
		return;
	if (!disasm(fd, h->start, sym ? max_u64(sym->end, h->end) : h->end, in))
		session_note(&a->v.s, "the code of %s cannot be read from %s", a->symbol, h->name);
	close(fd);
	for (i = 0; i < in->nr && in->insns[i].file; i++)
		;
	debug = i < in->nr ? symbolizer_open_debug(&a->v.sym, h->vm, h->dso) : -1;
	if (debug >= 0) {
		disasm_lines(debug, in);
		close(debug);
	}
}

static void put_hit(struct annotate *a, struct place_hit *h)
{
	struct insns in = { 0 };

	qsort(h->spots, h->nr, sizeof(*h->spots), by_addr);
	read_insns(a, h, &in);
	if (!h->dso)
		session_note(&a->v.s, "the code of the guest's kernel is not in its symbol table: addresses only");
	put_head(a, h);
	if (a->lines)
		put_lines(h, &in);
	else
		put_insns(h, &in);
	putchar('\n');
	insns_free(&in);
}

static int put_hits(struct annotate *a)
{
	size_t i;

	if (!a->nr)
		return fail(EXIT_FAILED, "no sample is in a function '%s'%s", a->symbol,
			    a->v.sym.nr_roots || a->v.sym.nr_kallsyms ? "" :
			    "; functions have names if --guest-root or --guest-kallsyms is given");
	qsort(a->hits, a->nr, sizeof(*a->hits), by_value);
	for (i = 0; i < a->nr; i++)
		put_hit(a, &a->hits[i]);
	return EXIT_OK;
}

/* ---- Options ---------------------------------------------------------------------------- */

enum { OPT_DSO = 256 };

static int set_option(struct annotate *a, int opt, const char *arg)
{
	int status;

	if (view_option(&a->v, opt, arg, &status))
		return status;
	switch (opt) {
	case 'l':
		a->lines = true;
		return 0;
	case OPT_DSO:
		a->dso = arg;
		return 0;
	case 'h':
		show_help(&cmd_annotate);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_annotate);
	}
}

static int parse(int argc, char **argv, struct annotate *a)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "lines", no_argument, NULL, 'l' },
		{ "dso", required_argument, NULL, OPT_DSO },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, VIEW_SHORT "lh", longopts, NULL)) != -1)
		status = set_option(a, opt, optarg);
	if (status)
		return status;
	if (optind + 1 != argc) {
		warn("annotate wants one SYMBOL");
		return bad_usage(&cmd_annotate);
	}
	a->symbol = argv[optind];
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct annotate *a = xcalloc(1, sizeof(*a));
	int status;
	size_t i;

	a->v.one_event = true;
	a->v.sample = on_sample;
	a->v.ctx = a;
	status = parse(argc, argv, a);
	if (!status)
		status = view_read(&a->v);
	if (!status) {
		status = put_hits(a);
		view_notes(&a->v);
	}
	for (i = 0; i < a->nr; i++) {
		free(a->hits[i].spots);
		map_free(&a->hits[i].by_addr);
	}
	free(a->hits);
	view_free(&a->v);
	free(a);
	return status;
}

const struct command cmd_annotate = {
	.name = "annotate",
	.summary = "show which instructions or lines of a function the samples hit",
	.help = help,
	.run = run,
};
