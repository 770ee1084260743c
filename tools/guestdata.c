// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking a guest's recording over: see guestdata.h.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/ring.h"
#include "guestdata.h"

/**
 * struct guestdata_ring - a ring of the guest's
 * @id: its source in the host's file
 * @ring: number that the guest gives it
 * @epoch: of the guest's module
 * @first: records it had made when the guest began to read it
 * @records: that have come
 * @made: it has made since @first, as far as is known
 * @left_out: of them, not written
 * @bad_bytes: that are no records
 * @closed: its accounts are written
 */
struct guestdata_ring {
	u32 id, ring;
	u64 epoch, first;
	u64 records, made, left_out, bad_bytes;
	bool closed;
};

#define GET_U64(c, key)		kv_get_u64((c)->data, (c)->len, key, 0)

void guestdata_init(struct guestdata *g, struct datafile_writer *w, u32 *next_source, u32 vm,
		    const char *vm_name, const char *via)
{
	memset(g, 0, sizeof(*g));
	g->w = w;
	g->next_source = next_source;
	g->vm = vm;
	g->vm_name = vm_name;
	g->via = via;
	g->until = UINT64_MAX;
	g->kept = xcalloc(1, CHUNK_MAX);
}

/* ---- Rings ----------------------------------------------------------------- */

/* What the guest's ring made since the recording before read it last. */
static void count_missed(struct guestdata *g, const struct guestdata_ring *now)
{
	u32 i;

	for (i = g->first_open; i-- > 0;) {
		const struct guestdata_ring *was = g->rings[i];
		u64 read = was->first + was->made;

		if (was->ring != now->ring)
			continue;
		if (was->epoch == now->epoch && now->first > read)
			g->missed += now->first - read;
		return;
	}
}

static void put_source(struct guestdata *g, const struct chunk *c, const struct guestdata_ring *r)
{
	char release[65] = "";
	struct kv kv = { 0 };

	kv_get_str(c->data, c->len, "release", release, sizeof(release));
	kv_str(&kv, "side", "guest");
	kv_u64(&kv, "vm", g->vm);
	kv_str(&kv, "vm_name", g->vm_name);
	kv_str(&kv, "region", g->via);
	kv_u64(&kv, "ring", r->ring);
	kv_u64(&kv, "epoch", r->epoch);
	kv_u64(&kv, "generation", g->generation);
	kv_u64(&kv, "arch", GET_U64(c, "arch"));
	kv_str(&kv, "release", release);
	kv_u64(&kv, "ring_size", GET_U64(c, "ring_size"));
	datafile_kv(g->w, CHUNK_SOURCE, r->id, &kv);
}

static bool on_source(struct guestdata *g, const struct chunk *c)
{
	u64 generation = GET_U64(c, "generation");
	struct guestdata_ring *r;
	char side[8] = "";

	kv_get_str(c->data, c->len, "side", side, sizeof(side));
	if (strcmp(side, "guest"))
		return true;	/* not its to tell: left out with its records */
	if (map_get(&g->by_source, c->source) || g->nr_rings == GUESTDATA_SOURCES)
		return false;
	r = xcalloc(1, sizeof(*r));
	r->id = (*g->next_source)++;
	r->ring = GET_U64(c, "ring");
	r->epoch = GET_U64(c, "epoch");
	r->first = GET_U64(c, "first_produced");
	if (!g->generation || generation != g->their_generation)
		g->generation = r->id;
	g->their_generation = generation;
	count_missed(g, r);
	g->rings = xreallocarray(g->rings, g->nr_rings + 1, sizeof(*g->rings));
	g->rings[g->nr_rings++] = r;
	map_put(&g->by_source, c->source, r);
	put_source(g, c, r);
	return true;
}

/* The accounts as the guest closed them, with what was not taken over. */
static void put_stats(struct guestdata *g, struct guestdata_ring *r, const struct chunk *c)
{
	static const char *const keys[] = {
		"produced", "overwritten", "dropped", "pending", "exact", "consumed",
	};
	struct kv kv = { 0 };
	char name[16];
	size_t i;
	u64 n;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		kv_u64(&kv, keys[i], GET_U64(c, keys[i]));
	for (i = 0; i < VMCOOP_REC_TYPES; i++) {
		snprintf(name, sizeof(name), "dropped.%zu", i);
		n = GET_U64(c, name);
		if (n)
			kv_u64(&kv, name, n);
	}
	kv_u64(&kv, "filtered", GET_U64(c, "filtered") + r->left_out);
	kv_u64(&kv, "bad_bytes", GET_U64(c, "bad_bytes") + r->bad_bytes);
	kv_u64(&kv, "resyncs", GET_U64(c, "resyncs"));
	if (kv_get_str(c->data, c->len, "lost", name, sizeof(name)))
		kv_str(&kv, "lost", name);
	datafile_kv(g->w, CHUNK_STATS, r->id, &kv);
	r->made = GET_U64(c, "produced");
	r->closed = true;
}

static void lose(struct guestdata *g, struct guestdata_ring *r, const char *why)
{
	struct kv kv = { 0 };

	kv_u64(&kv, "consumed", r->records);
	kv_u64(&kv, "filtered", r->left_out);
	kv_u64(&kv, "bad_bytes", r->bad_bytes);
	kv_str(&kv, "lost", why);
	datafile_kv(g->w, CHUNK_STATS, r->id, &kv);
	r->made = r->records;
	r->closed = true;
}

void guestdata_close(struct guestdata *g, const char *why)
{
	for (; g->first_open < g->nr_rings; g->first_open++)
		if (!g->rings[g->first_open]->closed)
			lose(g, g->rings[g->first_open], why);
}

void guestdata_again(struct guestdata *g)
{
	map_free(&g->by_source);
	g->generation = 0;
	g->told = g->ended = false;
	g->watermark = 0;
}

/* ---- Records --------------------------------------------------------------- */

/* Records stand in chunks of their kind. */
static bool in_place(const struct chunk *c, const struct vmcoop_hdr *hdr)
{
	return c->type == CHUNK_RECORDS || hdr->type == VMCOOP_GUEST_SYMBOLS;
}

/* Of what happened outside the host's recording only the state it left matters. */
static bool wanted(const struct guestdata *g, const struct vmcoop_hdr *hdr)
{
	u64 time;

	if ((hdr->type != VMCOOP_GUEST_TICK && hdr->type != VMCOOP_GUEST_SWITCH) ||
	    (!g->from && g->until == UINT64_MAX) || !vmcoop_clock_valid(&g->clock))
		return true;
	time = vmcoop_clock_to_host(&g->clock, hdr->stamp);
	return time >= g->from && time <= g->until;
}

static void on_records(struct guestdata *g, const struct chunk *c)
{
	struct guestdata_ring *r = map_get(&g->by_source, c->source);
	size_t at, kept = 0;
	int size;

	if (!r || r->closed)
		return;
	for (at = 0; (size = vmcoop_rec_next(c->data, c->len, at)) > 0; at += size) {
		const struct vmcoop_hdr *hdr = (const void *)(c->data + at);

		r->records++;
		if (!wanted(g, hdr) || !in_place(c, hdr)) {
			r->left_out++;
			continue;
		}
		memcpy(g->kept + kept, c->data + at, size);
		kept += size;
		g->records++;
	}
	r->bad_bytes += c->len - at;
	if (kept)
		datafile_chunk(g->w, c->type, r->id, g->kept, kept);
}

/* ---- The rest -------------------------------------------------------------- */

static void on_note(struct guestdata *g, const struct chunk *c)
{
	struct kv kv = { 0 };
	char text[512], *said;

	if (g->nr_notes++ >= GUESTDATA_NOTES ||
	    !kv_get_str(c->data, c->len, "text", text, sizeof(text)))
		return;
	said = xasprintf("the guest of VM %s says: %s", g->vm_name, text);
	kv_str(&kv, "text", said);
	free(said);
	datafile_kv(g->w, CHUNK_NOTE, 0, &kv);
}

static void on_round(struct guestdata *g, const struct chunk *c)
{
	struct chunk_round round;

	if (c->len < sizeof(round) || !vmcoop_clock_valid(&g->clock))
		return;
	memcpy(&round, c->data, sizeof(round));
	if (round.watermark)
		g->watermark = max_u64(g->watermark,
				       vmcoop_clock_to_host(&g->clock, round.watermark));
}

bool guestdata_chunk(struct guestdata *g, struct chunk *c)
{
	struct guestdata_ring *r;
	bool good = true;

	switch (c->type) {
	case CHUNK_INFO:
		g->guest_khz = GET_U64(c, "clock_khz");
		break;
	case CHUNK_SOURCE:
		good = on_source(g, c);
		break;
	case CHUNK_RECORDS:
	case CHUNK_SYMBOLS:
		on_records(g, c);
		break;
	case CHUNK_ROUND:
		on_round(g, c);
		break;
	case CHUNK_STATS:
		r = map_get(&g->by_source, c->source);
		if (r && !r->closed)
			put_stats(g, r, c);
		break;
	case CHUNK_NOTE:
		on_note(g, c);
		break;
	case CHUNK_WINDOW:
		g->told = true;
		break;
	case CHUNK_END:
		g->ended = true;
		break;
	}
	free(c->data);
	c->data = NULL;
	return good;
}

void guestdata_free(struct guestdata *g)
{
	u32 i;

	for (i = 0; i < g->nr_rings; i++)
		free(g->rings[i]);
	free(g->rings);
	free(g->kept);
	map_free(&g->by_source);
	memset(g, 0, sizeof(*g));
}
