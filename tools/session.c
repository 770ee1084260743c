// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a whole data file: see session.h.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../common/ring.h"
#include "output.h"
#include "session.h"

void session_note(struct session *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	if (s->nr_notes == SESSION_MAX_NOTES)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		s->notes[s->nr_notes++] = text;
}

void json_notes(struct json *j, const struct session *s)
{
	size_t i;

	json_open(j, "notes", '[');
	for (i = 0; i < s->nr_notes; i++)
		json_str(j, NULL, s->notes[i]);
	json_close(j, ']');
}

/* ---- Chunks -------------------------------------------------------------------- */

#define GET_STR(c, key, field)	kv_get_str((c)->data, (c)->len, key, field, sizeof(field))
#define GET_U64(c, key)		kv_get_u64((c)->data, (c)->len, key, 0)

static void on_info(struct session *s, const struct chunk *c)
{
	GET_STR(c, "tool", s->tool);
	GET_STR(c, "command", s->command);
	GET_STR(c, "hostname", s->hostname);
	GET_STR(c, "release", s->release);
	GET_STR(c, "arch", s->arch);
	s->start_time = GET_U64(c, "start_time");
	s->start_counter = GET_U64(c, "start_counter");
	s->clock_khz = max_u64(GET_U64(c, "clock_khz"), 1);
	s->merge.clock_khz = s->join.quality.khz = s->clock_khz;
	s->join.alone = GET_U64(c, "guest_only");
	if (GET_U64(c, "window"))
		s->join.begin = UINT64_MAX;
}

static void on_window(struct session *s, const struct chunk *c)
{
	s->join.begin = kv_get_u64(c->data, c->len, "begin", s->join.begin);
	s->join.end = kv_get_u64(c->data, c->len, "end", s->join.end);
}

static void on_event(struct session *s, const struct chunk *c)
{
	u64 index = GET_U64(c, "index");
	struct event *e;

	if (index >= SESSION_MAX_EVENTS)
		return;
	e = &s->events[index];
	GET_STR(c, "name", e->name);
	e->type = GET_U64(c, "type");
	e->config = GET_U64(c, "config");
	e->period = GET_U64(c, "period");
	e->freq = GET_U64(c, "freq");
	e->counting = GET_U64(c, "eflags") & VMCOOP_E_COUNTS;
	e->counted = e->told;
	if (!e->told) {
		e->first_overflows = GET_U64(c, "overflows");
		e->first_in_guest = GET_U64(c, "in_guest");
	}
	e->overflows = GET_U64(c, "overflows") - e->first_overflows;
	e->in_guest = GET_U64(c, "in_guest") - e->first_in_guest;
	e->told = true;
	s->nr_events = max_u64(s->nr_events, index + 1);
}

static void on_vm(struct session *s, const struct chunk *c)
{
	struct vm *vm = join_vm(&s->join, GET_U64(c, "pid"));

	GET_STR(c, "name", vm->name);
	GET_STR(c, "uuid", vm->uuid);
	GET_STR(c, "region", vm->region);
}

static void on_clock(struct session *s, const struct chunk *c)
{
	struct vm *vm = join_vm(&s->join, GET_U64(c, "vm"));
	char method[16] = "";

	vm->clock.offset = GET_U64(c, "offset");
	vm->clock.ratio = GET_U64(c, "ratio");
	vm->clock.frac_bits = GET_U64(c, "frac_bits");
	vm->clock_error = GET_U64(c, "error");
	vm->clock_at = GET_U64(c, "at");
	vm->has_clock = vmcoop_clock_valid(&vm->clock);
	GET_STR(c, "method", method);
	vm->exchanged = vm->has_clock && !strcmp(method, "exchange");
}

static void on_stats(struct session *s, const struct chunk *c)
{
	size_t i = (size_t)map_get(&s->ring_by_id, c->source);
	struct ring_stats *r;

	if (!i)
		return;
	r = &s->rings[i - 1];
	r->final = true;
	r->exact = GET_U64(c, "exact");
	r->produced = GET_U64(c, "produced");
	r->consumed = GET_U64(c, "consumed");
	r->filtered = GET_U64(c, "filtered");
	r->dropped = GET_U64(c, "dropped");
	r->overwritten = GET_U64(c, "overwritten");
	r->pending = GET_U64(c, "pending");
	r->bad_bytes = GET_U64(c, "bad_bytes");
	r->resyncs = GET_U64(c, "resyncs");
	GET_STR(c, "lost", r->lost);
}

static void on_note(struct session *s, const struct chunk *c)
{
	char text[1024];

	if (GET_STR(c, "text", text))
		session_note(s, "%s", text);
}

/* ---- Symbols ------------------------------------------------------------------- */

static struct symbols *symbols_of(struct session *s, u32 vm)
{
	struct symbols *sym = map_get(&s->symbols, vm + 1ULL);

	if (!sym) {
		sym = xcalloc(1, sizeof(*sym));
		sym->live = !s->foretold;
		map_put(&s->symbols, vm + 1ULL, sym);
	}
	return sym;
}

static bool is_piece(const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_guest_symbols *rec = (const void *)hdr;

	return hdr->type == VMCOOP_GUEST_SYMBOLS && hdr->size >= sizeof(*rec) &&
	       rec->len <= hdr->size - sizeof(*rec);
}

/* Takes a chunk's records if @sym is given. Return: how many there are. */
static u64 take_symbols(const struct chunk *c, struct symbols *sym, u64 generation)
{
	u64 at = 0, nr = 0;
	int size;

	for (; (size = vmcoop_rec_next(c->data, c->len, at)) > 0; at += size) {
		const struct vmcoop_hdr *hdr = (const void *)(c->data + at);

		nr++;
		if (sym && is_piece(hdr))
			symbols_piece(sym, generation, (const void *)hdr);
	}
	return nr;
}

/** struct teller - a source of the file that may tell symbols */
struct teller {
	u32 vm;
	u64 generation;
};

static void on_teller(struct u64map *tellers, const struct chunk *c)
{
	char side[16] = "";
	struct teller *t;

	GET_STR(c, "side", side);
	if (strcmp(side, "guest") || tellers->used >= MERGE_SOURCES)
		return;
	t = xcalloc(1, sizeof(*t));
	t->vm = GET_U64(c, "vm");
	t->generation = GET_U64(c, "generation");
	free(map_put(tellers, c->source + 1ULL, t));
}

/* The file's first samples have their names by the symbols that came last. */
static void foretell_symbols(struct session *s, struct datafile_reader *r)
{
	struct u64map tellers = { 0 };
	struct symbols *sym;
	struct teller *t;
	struct chunk c;
	u64 at = 0, end = datafile_symbols_end(r);
	size_t i;

	s->foretold = true;
	while (at < end && datafile_find(r, &at, CHUNK_SOURCE, CHUNK_SYMBOLS, &c)) {
		t = map_get(&tellers, c.source + 1ULL);
		if (c.type == CHUNK_SOURCE)
			on_teller(&tellers, &c);
		else if (t)
			take_symbols(&c, symbols_of(s, t->vm), t->generation);
		free(c.data);
	}
	map_for_each(&s->symbols, i, sym)
		symbols_end(sym);
	map_for_each(&tellers, i, t)
		free(t);
	map_free(&tellers);
}

static void on_symbols(struct session *s, const struct chunk *c)
{
	const struct merge_source *src = map_get(&s->merge.sources, c->source);
	size_t i = (size_t)map_get(&s->ring_by_id, c->source);
	struct symbols *sym = NULL;

	if (!i || !src || src->host)
		return;
	if (!s->foretold)
		sym = symbols_of(s, src->vm);
	s->rings[i - 1].symbols += take_symbols(c, sym, src->generation);
}

static void on_chunk(void *ctx, const struct chunk *c)
{
	struct session *s = ctx;

	/* What is told here holds for later samples. */
	join_flush(&s->join);
	switch (c->type) {
	case CHUNK_INFO:
		on_info(ctx, c);
		break;
	case CHUNK_EVENT:
		on_event(ctx, c);
		break;
	case CHUNK_VM:
		on_vm(ctx, c);
		break;
	case CHUNK_CLOCK:
		on_clock(ctx, c);
		break;
	case CHUNK_STATS:
		on_stats(ctx, c);
		break;
	case CHUNK_NOTE:
		on_note(ctx, c);
		break;
	case CHUNK_WINDOW:
		on_window(ctx, c);
		break;
	case CHUNK_SYMBOLS:
		on_symbols(ctx, c);
		break;
	}
}

/* ---- Records ------------------------------------------------------------------- */

static void on_source(void *ctx, struct merge_source *src)
{
	struct session *s = ctx;
	struct ring_stats *r;

	join_source(&s->join, src);
	if (!src->host)
		join_vm(&s->join, src->vm)->symbols = symbols_of(s, src->vm);
	s->rings = xreallocarray(s->rings, s->nr_rings + 1, sizeof(*s->rings));
	r = &s->rings[s->nr_rings++];
	memset(r, 0, sizeof(*r));
	r->id = src->id;
	r->guest = !src->host;
	if (src->host)
		snprintf(r->name, sizeof(r->name), "cpu %u%s", src->pcpu,
			 src->nmi ? " nmi" : "");
	else
		snprintf(r->name, sizeof(r->name), "%s ring %u",
			 join_vm(&s->join, src->vm)->name, src->ring);
	map_put(&s->ring_by_id, src->id, (void *)s->nr_rings);
}

static void on_record(struct session *s, const struct merge_rec *rec)
{
	if (rec->timed) {
		if (!s->first)
			s->first = rec->time;
		s->last = rec->time;
	}
	s->slept |= rec->hdr->type == VMCOOP_HOST_RESUME;
	s->in_vmm += rec->hdr->type == VMCOOP_HOST_VMM;
	join_record(&s->join, rec);
	if (s->record && rec->timed)
		s->record(s->join.ctx, rec);
}

/* Records come from all over the memory: it is told beforehand which are next. */
static void on_records(void *ctx, const struct merge_rec *rec, u32 n)
{
	struct session *s = ctx;
	u32 i;

	for (i = 0; i < n; i++) {
		const struct vmcoop_host_sample *sample = (const void *)rec[i].hdr;

		__builtin_prefetch(sample);
		__builtin_prefetch(&sample->period);
	}
	for (i = 0; i < n; i++) {
		if (i + 4 < n)
			join_soon(&s->join, &rec[i + 4]);
		on_record(s, &rec[i]);
	}
}

static void note_symbols(struct session *s)
{
	size_t i;

	for (i = 0; i < s->join.nr_vms; i++) {
		const struct vm *vm = s->join.vms[i];
		const struct symbols *sym = vm->symbols;

		if (sym && sym->bad)
			session_note(s, "%llu bundles of symbols from the guest of VM %s were not used; the last one %s",
				     sym->bad, vm->name, sym->why);
		if (sym && sym->cut)
			session_note(s, "%llu bundles of symbols from the guest of VM %s did not come whole",
				     sym->cut, vm->name);
	}
}

/* How the guests' modules were told to record, where that limits what can be said. */
static void note_configs(struct session *s)
{
	size_t i;

	for (i = 0; i < s->join.nr_vms; i++) {
		const struct vm *vm = s->join.vms[i];
		const struct vmcoop_guest_config *c;

		if (!vm->guest || !vm->guest->configured)
			continue;
		c = &vm->guest->config;
		if (!(c->cflags & VMCOOP_CF_SWITCH))
			session_note(s, "the guest of VM %s records no task switches (switch=0): its tasks are known at ticks only",
				     vm->name);
		if (c->tickless && !(c->cflags & VMCOOP_CF_TIMER))
			session_note(s, "%u CPUs of VM %s are full-tickless (nohz_full): ticks are missing where one task runs alone",
				     c->tickless, vm->name);
		if (c->cflags & VMCOOP_CF_FOCUS)
			session_note(s, "the guest of VM %s records chosen processes only; the rest is '%s'",
				     vm->name, reason_names[REASON_OUTSIDE]);
	}
}

/* What came out of reading that people should know. */
static void add_notes(struct session *s, const struct datafile_reader *r)
{
	u64 malformed = 0, limited = 0;
	struct merge_source *src;
	size_t i;

	if (r->damage)
		session_note(s, "%s", r->damage);
	map_for_each(&s->merge.sources, i, src)
		malformed += src->malformed;
	for (i = 0; i < s->join.nr_vms; i++)
		if (s->join.vms[i]->guest)
			limited += s->join.vms[i]->guest->limited;
	note_symbols(s);
	note_configs(s);
	if (malformed)
		session_note(s, "%llu records made no sense and were skipped", malformed);
	if (limited)
		session_note(s, "%llu guest records had no effect: more tasks or mappings than a guest may have",
			     limited);
	if (s->merge.late)
		session_note(s, "%llu records came too late to be put in order exactly",
			     s->merge.late);
	if (s->join.orphans)
		session_note(s, "%llu guest ticks are of vCPUs that the host did not see",
			     s->join.orphans);
	if (s->slept)
		session_note(s, "the host slept during the recording: its counter has begun anew, and what was recorded before and after may be out of order");
	if (s->in_vmm)
		session_note(s, "%llu samples of the VMMs' own threads on the host (events with :H) are in the file and not in what is shown: that is of guests",
			     s->in_vmm);
	if (s->join.begin == UINT64_MAX)
		session_note(s, "the recording ended before its window opened: no sample counts");
}

static void close_accounts(struct session *s)
{
	size_t i;

	for (i = 0; i < s->nr_rings; i++) {
		const struct merge_source *src = map_get(&s->merge.sources, s->rings[i].id);

		s->rings[i].read = src->records + s->rings[i].symbols;
	}
}

void session_begin(struct session *s, struct datafile_reader *r,
		   void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	static const struct merge_ops ops = {
		.records = on_records,
		.source = on_source,
		.chunk = on_chunk,
	};

	memset(s, 0, sizeof(*s));
	s->clock_khz = 1;
	join_init(&s->join, sample, ctx);
	merge_init(&s->merge, &ops, s, r);
}

static void read_chunks(struct session *s, struct datafile_reader *r)
{
	struct chunk c;

	foretell_symbols(s, r);
	while (datafile_next(r, &c))
		merge_chunk(&s->merge, &c);
	/* Of what was recorded last, some rings' records may be missing. */
	if (r->damage && s->merge.watermark)
		s->join.end = min_u64(s->join.end, s->merge.watermark);
	merge_finish(&s->merge);
	join_finish(&s->join, s->merge.now);
	close_accounts(s);
	add_notes(s, r);
}

int session_read_from(struct session *s, struct datafile_reader *r,
		      void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	session_begin(s, r, sample, ctx);
	read_chunks(s, r);
	return EXIT_OK;
}

int session_read_records(struct session *s, const char *path,
			 void (*sample)(void *ctx, const struct joined *j),
			 void (*record)(void *ctx, const struct merge_rec *rec), void *ctx)
{
	struct datafile_reader r;
	int status = datafile_open(&r, path);

	if (status)
		return status;
	session_begin(s, &r, sample, ctx);
	s->record = record;
	read_chunks(s, &r);
	datafile_close(&r);
	return EXIT_OK;
}

int session_read(struct session *s, const char *path,
		 void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	return session_read_records(s, path, sample, NULL, ctx);
}

int session_read_batches(struct session *s, const char *path,
			 void (*batched)(void *ctx, const struct joined *j, u32 n),
			 void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	struct datafile_reader r;
	int status = datafile_open(&r, path);

	if (status)
		return status;
	session_begin(s, &r, sample, ctx);
	s->join.batched = batched;
	read_chunks(s, &r);
	datafile_close(&r);
	return EXIT_OK;
}

void session_free(struct session *s)
{
	struct symbols *sym;
	size_t i;

	join_free(&s->join);
	merge_free(&s->merge);
	map_free(&s->ring_by_id);
	map_for_each(&s->symbols, i, sym) {
		symbols_free(sym);
		free(sym);
	}
	map_free(&s->symbols);
	free(s->rings);
	for (i = 0; i < s->nr_notes; i++)
		free(s->notes[i]);
	memset(s, 0, sizeof(*s));
}

const struct event *session_counter(const struct session *s, u32 i)
{
	u32 k;

	for (k = 0; k < s->nr_events; k++)
		if (s->events[k].counting && !i--)
			return &s->events[k];
	return NULL;
}

/* ---- Figures -------------------------------------------------------------------- */

static u64 window_begin(const struct session *s)
{
	return s->join.begin && s->join.begin != UINT64_MAX ? s->join.begin : s->first;
}

double session_seconds(const struct session *s, u64 stamp)
{
	return (double)(s64)(stamp - window_begin(s)) / s->clock_khz / 1000;
}

u64 session_stamps(const struct session *s)
{
	u64 end = s->join.end != UINT64_MAX ? s->join.end : s->last, begin = window_begin(s);

	return end > begin ? end - begin : 0;
}

double session_duration(const struct session *s)
{
	return (double)session_stamps(s) / s->clock_khz / 1000;
}

/* Seconds up to @stop. */
static bool parse_seconds(const char *arg, char stop, double *v)
{
	char *end;

	errno = 0;
	*v = strtod(arg, &end);
	return end > arg && *end == stop && !errno && *v >= 0 && *v < 1e12 &&
	       strspn(arg, "0123456789.") == (size_t)(end - arg);
}

int parse_time_slice(const char *arg, struct time_slice *t)
{
	const char *comma = strchr(arg, ',');

	*t = (struct time_slice){ .chosen = true, .from = 0, .to = INFINITY };
	if (comma && arg[1] && (comma == arg || parse_seconds(arg, ',', &t->from)) &&
	    (!comma[1] || parse_seconds(comma + 1, '\0', &t->to)) && t->from < t->to)
		return 0;
	return fail(EXIT_BAD, "--time is FROM,TO in seconds since the recording began, as 1.5,4 or 10, not '%s'",
		    arg);
}

bool ring_balanced(const struct ring_stats *r)
{
	return ring_told(r) && r->exact &&
	       r->produced == r->consumed + r->dropped + r->overwritten + r->pending &&
	       r->consumed == r->read + r->filtered;
}
