// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump diff: what changed between two recordings.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "frames.h"
#include "output.h"
#include "view.h"

static const char help[] =
"usage: vmcoop-dump diff [OPTION]... FILE-A FILE-B\n"
"\n"
"Compares the shares of functions in two recordings: what weighs more or less in B\n"
"than in A, the largest change first. VMs are matched by name, not by pid.\n"
"\n"
"  --sort KEYS                 of vm,comm,dso,sym (default comm,dso,sym)\n"
"  --limit N                   the first N rows\n"
"  --json                      for programs\n"
"  --guest-root [VM=]DIR       as for report, for both files\n"
"  --guest-kallsyms [VM=]FILE  as for report, for both files\n"
"  --symbols [VM=]FILE         as for report, for both files\n"
"  --debug-dir DIR             as for report, for both files\n"
"  --vm VM, --comm NAME, --pid PID\n"
"                              only these; shares are of what is left\n"
"  --time FROM,TO              only these seconds of each recording\n"
"  --event NAME                samples of this event (default: the first)\n"
"  --method METHOD             sampled (default), or tick: running time at ticks\n"
"  -h, --help                  this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Example:\n"
"  vmcoop-dump diff --guest-root /mnt/guest before.data after.data\n";

enum key { KEY_VM, KEY_COMM, KEY_DSO, KEY_SYM, NR_KEYS };

static const char *const key_names[NR_KEYS] = { "vm", "comm", "dso", "sym" };
static const char *const key_titles[NR_KEYS] = { "VM", "Command", "Object", "Symbol" };

/** struct entry - what has the same keys, in both files; unique strings, NULL if not a key */
struct entry {
	const char *key[NR_KEYS];
	u64 value[2], samples[2];
};

struct diff {
	struct view v[2];
	const char *file[2];
	int side;		/* whose samples come */
	u32 keys;
	bool json;
	u64 limit;
	struct entry *entries;
	size_t nr, cap;
	struct u64map by_hash;
	u64 total[2];
};

#define DIFF_MAX	(1U << 20)	/* more different rows go into one */

/* ---- Samples -------------------------------------------------------------------------- */

static struct entry *find_entry(struct diff *d, const struct entry *key)
{
	u64 hash = hash_bytes(key->key, sizeof(key->key));
	size_t at;

	/* The next hash stands for a key whose own is taken. */
	while ((at = (size_t)map_get(&d->by_hash, hash))) {
		if (!memcmp(d->entries[at - 1].key, key->key, sizeof(key->key)))
			return &d->entries[at - 1];
		hash = hash_u64(hash);
	}
	if (d->nr == d->cap) {
		d->cap = d->cap * 2 ?: 256;
		d->entries = xreallocarray(d->entries, d->cap, sizeof(*d->entries));
	}
	d->entries[d->nr++] = *key;
	map_put(&d->by_hash, hash, (void *)d->nr);
	return &d->entries[d->nr - 1];
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct diff *d = ctx;
	struct frame f[FRAMES_MAX];
	char name[2048];
	struct entry key = { 0 }, *e;
	int i;

	frames_of(&d->v[d->side].sym, j, f);
	if (!f->symbol)
		frame_name(f, name, sizeof(name));
	key.key[KEY_VM] = intern_str(j->vm->name);
	key.key[KEY_COMM] = intern_str(*j->comm ? j->comm : "-");
	key.key[KEY_DSO] = f->dso;
	key.key[KEY_SYM] = f->symbol ?: intern_str(name);
	for (i = 0; i < NR_KEYS; i++)
		if (!(d->keys & 1U << i) || d->nr >= DIFF_MAX)
			key.key[i] = NULL;
	e = find_entry(d, &key);
	e->value[d->side] += j->period;
	e->samples[d->side] += j->count;
	d->total[d->side] += j->period;
}

/* ---- Printing --------------------------------------------------------------------------- */

static double share(const struct diff *d, const struct entry *e, int side)
{
	return d->total[side] ? 100.0 * e->value[side] / d->total[side] : 0;
}

static double change(const struct diff *d, const struct entry *e)
{
	return share(d, e, 1) - share(d, e, 0);
}

static int by_change(const void *pa, const void *pb, void *ctx)
{
	const struct entry *a = pa, *b = pb;
	double ca = fabs(change(ctx, a)), cb = fabs(change(ctx, b));
	int i, c = 0;

	if (ca != cb)
		return ca < cb ? 1 : -1;
	for (i = 0; !c && i < NR_KEYS; i++)
		c = strcmp(a->key[i] ?: "", b->key[i] ?: "");
	return c;
}

static void put_text(const struct diff *d, size_t nr)
{
	char buf[2048];
	size_t i;
	int k, side;

	for (side = 0; side < 2; side++)
		printf("# %c: %s, %llu samples\n", "AB"[side], d->file[side], d->v[side].shown);
	printf("# event: %s (method %s)\n#\n#  A        B        Change  Samples A  Samples B",
	       d->v[0].event ?: "the first", method_names[d->v[0].method]);
	for (k = 0; k < NR_KEYS; k++)
		if (d->keys & 1U << k)
			printf("  %-*s", k == KEY_SYM ? 0 : 16, key_titles[k]);
	putchar('\n');
	for (i = 0; i < nr; i++) {
		const struct entry *e = &d->entries[i];

		printf("%7.2f%% %7.2f%% %+8.2f %10llu %10llu", share(d, e, 0), share(d, e, 1),
		       change(d, e), e->samples[0], e->samples[1]);
		for (k = 0; k < NR_KEYS; k++)
			if (d->keys & 1U << k)
				printf("  %-*s", k == KEY_SYM ? 0 : 16,
				       escape(buf, sizeof(buf), e->key[k] ?: "[too many rows]"));
		putchar('\n');
	}
}

static void put_json(const struct diff *d, size_t nr)
{
	struct json j = { .f = stdout };
	size_t i;
	int k;

	json_open(&j, NULL, '{');
	json_str(&j, "a", d->file[0]);
	json_str(&j, "b", d->file[1]);
	json_str(&j, "method", method_names[d->v[0].method]);
	json_open(&j, "rows", '[');
	for (i = 0; i < nr; i++) {
		const struct entry *e = &d->entries[i];

		json_open(&j, NULL, '{');
		for (k = 0; k < NR_KEYS; k++)
			json_str(&j, key_names[k], e->key[k]);
		json_num(&j, "share_a", share(d, e, 0) / 100, 6, d->total[0]);
		json_num(&j, "share_b", share(d, e, 1) / 100, 6, d->total[1]);
		json_u64(&j, "samples_a", e->samples[0]);
		json_u64(&j, "samples_b", e->samples[1]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

/* ---- Options ------------------------------------------------------------------------------ */

static int set_sort(struct diff *d, const char *list)
{
	const char *at = list;
	size_t len;
	int k;

	d->keys = 0;
	for (;; at += len + 1) {
		len = strcspn(at, ",");
		for (k = 0; k < NR_KEYS; k++)
			if (strlen(key_names[k]) == len && !memcmp(at, key_names[k], len))
				break;
		if (k == NR_KEYS)
			return fail(EXIT_BAD, "diff cannot sort by '%.*s': vm, comm, dso, sym",
				    (int)len, at);
		d->keys |= 1U << k;
		if (!at[len])
			return 0;
	}
}

enum { OPT_SORT = 256, OPT_LIMIT, OPT_JSON };

static int set_option(struct diff *d, int opt, const char *arg)
{
	int status;

	if (opt != 'i' && view_option(&d->v[0], opt, arg, &status))
		return status;
	switch (opt) {
	case OPT_SORT:
		return set_sort(d, arg);
	case OPT_LIMIT:
		return option_u64("limit", arg, 1, UINT32_MAX, &d->limit) ? 0 : EXIT_BAD;
	case OPT_JSON:
		d->json = true;
		return 0;
	case 'h':
		show_help(&cmd_diff);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_diff);
	}
}

static int parse(int argc, char **argv, struct diff *d)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "limit", required_argument, NULL, OPT_LIMIT },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1)
		status = set_option(d, opt, optarg);
	if (status)
		return status;
	if (optind + 2 != argc) {
		warn("diff wants two data files");
		return bad_usage(&cmd_diff);
	}
	d->file[0] = argv[optind];
	d->file[1] = argv[optind + 1];
	return EXIT_OK;
}

static int read_both(struct diff *d)
{
	int status = EXIT_OK;

	/* The places of symbols are for both, and the first one's to close. */
	d->v[1] = d->v[0];
	for (d->side = 0; !status && d->side < 2; d->side++) {
		d->v[d->side].input = d->file[d->side];
		status = view_read(&d->v[d->side]);
	}
	return status;
}

static int run(int argc, char **argv)
{
	struct diff *d = xcalloc(1, sizeof(*d));
	int status;
	size_t nr;

	d->keys = 1U << KEY_COMM | 1U << KEY_DSO | 1U << KEY_SYM;
	d->v[0].one_event = true;
	d->v[0].sample = on_sample;
	d->v[0].ctx = d;
	status = parse(argc, argv, d) ?: read_both(d);
	if (!status) {
		if (d->nr)
			qsort_r(d->entries, d->nr, sizeof(*d->entries), by_change, d);
		nr = d->limit ? min_u64(d->limit, d->nr) : d->nr;
		if (d->json)
			put_json(d, nr);
		else
			put_text(d, nr);
		view_notes(&d->v[0]);
		view_notes(&d->v[1]);
	}
	session_free(&d->v[1].s);
	symbolizer_forget(&d->v[1].sym);
	view_free(&d->v[0]);
	map_free(&d->by_hash);
	free(d->entries);
	free(d);
	return status;
}

const struct command cmd_diff = {
	.name = "diff",
	.summary = "compare the shares of two data files",
	.help = help,
	.run = run,
};
