// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump flamegraph: an HTML file for each process of a guest.
 *
 * A host sample knows its innermost frame, a guest tick the frames above it,
 * too: the weight of samples is laid onto the stacks that ticks of the same
 * task saw over the same innermost function, in proportion to those. That is a
 * model, and the page says so.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "export.h"
#include "output.h"
#include "stacks.h"

static const char page[] =
#include "flamegraph.inc"
;

static const char help[] =
"usage: vmcoop-dump flamegraph [OPTION]...\n"
"\n"
"Writes a flame graph for each VM and guest process: an HTML file that needs nothing\n"
"else, with a search and zoom by click. Host samples give the weight, the guest's ticks\n"
"the call chains; where weight was laid onto chains, the page says that it is modelled.\n"
"\n"
"  -o, --output DIR            directory to write (default vmcoop.flamegraphs)\n"
"  --force                     replace files in it\n"
"  --limit N                   the N processes that weigh most (default 50)\n"
VIEW_HELP
"  --event NAME                samples of this event (default: the first)\n"
"  --method METHOD             sampled (default), or tick: running time at ticks, and\n"
"                              nothing modelled\n"
"  -h, --help                  this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Example:\n"
"  vmcoop-dump flamegraph --guest-root /mnt/guest --vm web1 -o web1\n";

/**
 * struct node - a function in a tree, under what called it
 * @next: the next with the same caller
 */
struct node {
	char *name;
	u64 value;
	struct node *first, *last, *next;
};

/** struct process - a range of stacks: a process of a guest */
struct process {
	const struct stack *first;
	size_t nr;
	u64 value;
};

/**
 * struct flame - the graphs under way
 * @leaves: samples, by task and innermost frame; columns: value
 * @ticks: ticks, by task and stack
 * @stacks: what is drawn; columns: value, and what of it is modelled
 * @paths: hashes of the files written
 */
struct flame {
	struct view v;
	const char *output;
	bool force;
	u64 limit;
	struct stacks leaves, ticks, stacks;
	struct u64map paths;
};

/* ---- Stacks ----------------------------------------------------------------------- */

static void add(struct flame *fl, struct stacks *to, const struct joined *j, bool chain)
{
	struct frame f[FRAMES_MAX];
	struct stack key = {
		.vm = j->vm,
		.pid = j->pid,
		.tid = j->tid,
		.comm = intern_str(*j->comm ? j->comm : "[unknown]"),
		.frames = f,
	};

	key.depth = frames_of(&fl->v.sym, j, f);
	if (!chain)
		key.depth = 1;
	frames_by_symbol(f, key.depth);
	stacks_add(to, &key, 0, j->period, j->count);
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct flame *fl = ctx;

	add(fl, j->method == METHOD_TICK ? &fl->ticks : &fl->leaves, j, j->method == METHOD_TICK);
}

static bool same_task(const struct stack *a, const struct stack *b)
{
	return a->vm == b->vm && a->pid == b->pid && a->tid == b->tid;
}

static u64 leaf_key(const struct stack *s)
{
	return hash_u64(hash_u64((uintptr_t)s->vm ^ (u64)s->pid << 32 ^ s->tid) ^
			hash_bytes(s->frames, sizeof(*s->frames)));
}

/** struct chains - ticks' stacks over one innermost frame of one task */
struct chains {
	size_t *at, nr;
};

static void index_ticks(const struct stacks *ticks, struct u64map *map)
{
	size_t i;

	for (i = 0; i < ticks->nr; i++) {
		u64 key = leaf_key(&ticks->stacks[i]);
		struct chains *c = map_get(map, key);

		if (!c) {
			c = xcalloc(1, sizeof(*c));
			map_put(map, key, c);
		}
		c->at = xreallocarray(c->at, c->nr + 1, sizeof(*c->at));
		c->at[c->nr++] = i;
	}
}

static void put_value(struct flame *fl, const struct stack *task, const struct stack *stack,
		      u64 value, bool modelled)
{
	struct stack key = *task;

	key.tid = 0;
	key.frames = stack->frames;
	key.depth = stack->depth;
	stacks_add(&fl->stacks, &key, 0, value, 0);
	if (modelled)
		stacks_add(&fl->stacks, &key, 1, value, 0);
}

/* Lays what @leaf weighs onto the chains seen over it, if there are any. */
static void lay(struct flame *fl, const struct stack *leaf, const struct chains *c)
{
	u64 *weight = xcalloc(c ? c->nr : 1, sizeof(*weight)), sum = 0;
	size_t i;

	for (i = 0; c && i < c->nr; i++) {
		const struct stack *t = &fl->ticks.stacks[c->at[i]];

		/* Keys are hashes: another task's chain weighs nothing. */
		weight[i] = same_task(t, leaf) &&
			    !memcmp(t->frames, leaf->frames, sizeof(*t->frames)) ? t->samples : 0;
		sum += weight[i];
	}
	if (!sum) {
		put_value(fl, leaf, leaf, leaf->value[0], false);
	} else {
		apportion(leaf->value[0], weight, weight, c->nr);
		for (i = 0; i < c->nr; i++)
			if (weight[i])
				put_value(fl, leaf, &fl->ticks.stacks[c->at[i]], weight[i],
					  fl->ticks.stacks[c->at[i]].depth > 1);
	}
	free(weight);
}

static void model(struct flame *fl)
{
	struct u64map map = { 0 };
	struct chains *c;
	size_t i;

	stacks_sort(&fl->leaves);
	stacks_sort(&fl->ticks);
	index_ticks(&fl->ticks, &map);
	for (i = 0; i < fl->leaves.nr; i++)
		lay(fl, &fl->leaves.stacks[i], map_get(&map, leaf_key(&fl->leaves.stacks[i])));
	map_for_each(&map, i, c) {
		free(c->at);
		free(c);
	}
	map_free(&map);
}

static void take_ticks(struct flame *fl)
{
	size_t i;

	stacks_sort(&fl->ticks);
	for (i = 0; i < fl->ticks.nr; i++) {
		const struct stack *t = &fl->ticks.stacks[i];

		put_value(fl, t, t, view_ns(&fl->v, t->value[0]), false);
	}
}

/* ---- Trees ------------------------------------------------------------------------ */

static struct node *child(struct node *parent, const char *name)
{
	struct node *n;

	/* Stacks come sorted: an equal caller is the last one. */
	if (parent->last && !strcmp(parent->last->name, name))
		return parent->last;
	n = xcalloc(1, sizeof(*n));
	n->name = xstrdup(name);
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

static void plant(struct node *root, const struct stack *st)
{
	struct node *n = root;
	char buf[2048];
	u32 i;

	root->value += st->value[0];
	for (i = st->depth; i--;) {
		n = child(n, frame_name(&st->frames[i], buf, sizeof(buf)));
		n->value += st->value[0];
	}
}

static void node_free(struct node *n)
{
	struct node *next;

	for (; n; n = next) {
		next = n->next;
		node_free(n->first);
		free(n->name);
		free(n);
	}
}

/* ---- Pages ------------------------------------------------------------------------ */

/* A JSON string inside a page's script: nothing in it may end that. */
static void put_string(FILE *f, const char *escaped)
{
	fputc('"', f);
	for (; *escaped; escaped++) {
		if (strchr("<>&\"\\", *escaped))
			fprintf(f, "\\u%04x", *escaped);
		else
			fputc(*escaped, f);
	}
	fputc('"', f);
}

static void put_node(FILE *f, const struct node *n)
{
	const struct node *c;

	fputs("{\"n\":", f);
	put_string(f, n->name);
	fprintf(f, ",\"v\":%llu", n->value);
	if (n->first) {
		fputs(",\"c\":[", f);
		for (c = n->first; c; c = c->next) {
			put_node(f, c);
			if (c->next)
				fputc(',', f);
		}
		fputc(']', f);
	}
	fputc('}', f);
}

static char *about(const struct flame *fl, const struct process *p)
{
	u64 modelled = 0;
	size_t i;

	if (fl->v.method == METHOD_TICK)
		return xstrdup("Running time at the guest's ticks (method tick), in ns.");
	for (i = 0; i < p->nr; i++)
		modelled += p->first[i].value[1];
	if (!modelled)
		return xasprintf("Events of the host (method %s); no call chains were recorded.",
				 method_names[fl->v.method]);
	return xasprintf("Modelled: weight from events of the host (method %s), call chains from the guest's ticks of the same task and innermost function; %.1f %% of the weight lies on such chains.",
			 method_names[fl->v.method], 100.0 * modelled / (p->value ?: 1));
}

static void put_data(const struct flame *fl, const struct process *p, FILE *f)
{
	const struct stack *st = p->first;
	char vm[512], comm[128];
	struct node root = { 0 };
	char *title, *what = about(fl, p);
	size_t i;

	escape(vm, sizeof(vm), st->vm->name);
	escape(comm, sizeof(comm), st->comm);
	title = xasprintf("VM %s (%u): %s, process %u", vm, st->vm->pid, comm, st->pid);
	root.name = xasprintf("%s %u", comm, st->pid);
	for (i = 0; i < p->nr; i++)
		if (st[i].value[0])
			plant(&root, &st[i]);
	fputs("{\"title\":", f);
	put_string(f, title);
	fputs(",\"what\":", f);
	put_string(f, what);
	fputs(",\"unit\":", f);
	put_string(f, fl->v.method == METHOD_TICK ? "ns" : "events");
	fputs(",\"root\":", f);
	put_node(f, &root);
	fputc('}', f);
	node_free(root.first);
	free(root.name);
	free(title);
	free(what);
}

/* Names that differ may look alike as parts of a file's name: @rank tells them apart. */
static char *page_path(struct flame *fl, const struct process *p, size_t rank)
{
	char vm[160], comm[64], *path;

	path = xasprintf("%s/%s-%u-%s-%u.html", fl->output,
			 file_part(vm, sizeof(vm), p->first->vm->name), p->first->vm->pid,
			 file_part(comm, sizeof(comm), p->first->comm), p->first->pid);
	if (map_put(&fl->paths, hash_bytes(path, strlen(path)), fl)) {
		char *other = xasprintf("%.*s.%zu.html", (int)(strrchr(path, '.') - path), path,
					rank);

		free(path);
		return other;
	}
	return path;
}

static int put_page(struct flame *fl, const struct process *p, size_t rank)
{
	static const char mark[] = "@DATA@";
	const char *data = strstr(page, mark);
	char *path = page_path(fl, p, rank);
	int status;
	FILE *f;

	f = output_open(path, fl->force);
	if (f) {
		fwrite(page, 1, data - page, f);
		put_data(fl, p, f);
		fputs(data + strlen(mark), f);
		status = output_close(f, path, EXIT_OK);
		if (!status)
			printf("%s\n", path);
	} else {
		status = EXIT_FAILED;
	}
	free(path);
	return status;
}

/* ---- Processes -------------------------------------------------------------------- */

static int by_value(const void *pa, const void *pb)
{
	const struct process *a = pa, *b = pb;

	if (a->value != b->value)
		return a->value < b->value ? 1 : -1;
	return a->first < b->first ? -1 : 1;
}

static struct process *find_processes(const struct stacks *s, size_t *nr)
{
	struct process *list = NULL;
	size_t i;

	*nr = 0;
	for (i = 0; i < s->nr; i++) {
		const struct stack *st = &s->stacks[i];
		struct process *p = *nr ? &list[*nr - 1] : NULL;

		if (!p || p->first->vm != st->vm || p->first->pid != st->pid ||
		    p->first->comm != st->comm) {
			list = xreallocarray(list, *nr + 1, sizeof(*list));
			p = &list[(*nr)++];
			*p = (struct process){ .first = st };
		}
		p->nr++;
		p->value += st->value[0];
	}
	if (*nr)
		qsort(list, *nr, sizeof(*list), by_value);
	return list;
}

static int put_pages(struct flame *fl)
{
	struct process *list;
	int status;
	size_t nr, i;

	if (fl->v.method == METHOD_TICK)
		take_ticks(fl);
	else
		model(fl);
	stacks_sort(&fl->stacks);
	list = find_processes(&fl->stacks, &nr);
	status = nr ? output_dir(fl->output, fl->force) : EXIT_OK;
	for (i = 0; !status && i < nr && i < fl->limit; i++)
		if (list[i].value)
			status = put_page(fl, &list[i], i + 1);
	if (nr > fl->limit)
		session_note(&fl->v.s, "%zu processes that weigh less have no file; see --limit",
			     nr - (size_t)fl->limit);
	free(list);
	return status;
}

/* ---- Options ---------------------------------------------------------------------- */

enum { OPT_FORCE = 256, OPT_LIMIT };

static int set_option(struct flame *fl, int opt, const char *arg)
{
	int status;

	if (view_option(&fl->v, opt, arg, &status))
		return status;
	switch (opt) {
	case 'o':
		fl->output = arg;
		return 0;
	case OPT_FORCE:
		fl->force = true;
		return 0;
	case OPT_LIMIT:
		return option_u64("limit", arg, 1, 100000, &fl->limit) ? 0 : EXIT_BAD;
	case 'h':
		show_help(&cmd_flamegraph);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_flamegraph);
	}
}

static int parse(int argc, char **argv, struct flame *fl)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "output", required_argument, NULL, 'o' },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "limit", required_argument, NULL, OPT_LIMIT },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, VIEW_SHORT "o:h", longopts, NULL)) != -1)
		status = set_option(fl, opt, optarg);
	if (!status && optind < argc) {
		warn("flamegraph takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_flamegraph);
	}
	return status;
}

static int run(int argc, char **argv)
{
	struct flame *fl = xcalloc(1, sizeof(*fl));
	int status;

	fl->output = "vmcoop.flamegraphs";
	fl->limit = 50;
	fl->leaves.columns = fl->ticks.columns = 1;
	fl->stacks.columns = 2;
	fl->v.one_event = true;
	fl->v.ticks_too = true;
	fl->v.sample = on_sample;
	fl->v.ctx = fl;
	status = parse(argc, argv, fl) ?: view_read(&fl->v) ?: put_pages(fl);
	if (!status)
		view_notes(&fl->v);
	stacks_free(&fl->leaves);
	stacks_free(&fl->ticks);
	stacks_free(&fl->stacks);
	map_free(&fl->paths);
	view_free(&fl->v);
	free(fl);
	return status;
}

const struct command cmd_flamegraph = {
	.name = "flamegraph",
	.summary = "draw a data file's samples as flame graphs",
	.help = help,
	.run = run,
};
