// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining rings: see capture.h. Which regions belong to which VM is found in
 * capture-vms.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "arch.h"
#include "capture-internal.h"

#define DRAIN_BUFFER	(512U << 10)
#define MAX_NOTES	200
#define PAUSE_MAX_MS	100
#define PAUSE_SLACK_NS	4000000UL

void capture_init(struct capture *c, struct datafile_writer *w)
{
	memset(c, 0, sizeof(*c));
	c->w = w;
	c->region_dir = REGION_DIR;
	c->next_source = 1;
	c->buf = xcalloc(1, DRAIN_BUFFER);
}

void capture_note(struct capture *c, const char *fmt, ...)
{
	struct kv kv = { 0 };
	va_list ap;
	char *text;
	int n;

	if (++c->nr_notes > MAX_NOTES)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (c->nr_notes == MAX_NOTES) {
		free(text);
		text = xstrdup("more happened than is noted here");
	}
	kv_str(&kv, "text", text);
	/* Names in it may come from guests: the user sees what the file says. */
	warn("%.*s", (int)(kv.len - strlen("text=\n")), kv.text + strlen("text="));
	datafile_kv(c->w, CHUNK_NOTE, 0, &kv);
	free(text);
}

/* ---- Sources -------------------------------------------------------------- */

static void pause_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

void capture_patience(struct capture *c)
{
	c->patience = now_ns() + 50ULL * 1000000;
}

/*
 * A vCPU may have been descheduled in the middle of a write: give it a moment,
 * though not each of a hostile guest's rings one. True if @st is of one instant.
 */
static bool patient_stats(const struct capture *c, const struct capture_source *s,
			  struct vmcoop_ring_stats *st)
{
	while (vmcoop_ring_stats(&s->ring, st)) {
		if (now_ns() >= c->patience)
			return false;
		pause_ms(2);
	}
	return true;
}

void source_attach(struct capture *c, struct capture_source *s)
{
	s->id = s->id ?: c->next_source++;
	s->exact = patient_stats(c, s, &s->first) && !vmcoop_ring_attach(&s->ring, &s->first);
	if (!s->exact) {
		/* Counters that do not fit each other are no reason not to read. */
		vmcoop_ring_consume(&s->ring, s->first.head);
		vmcoop_store_release(&s->ring.cons->attached, 1);
	}
	s->pos = s->first.head;
}

/*
 * Until the producer sees that somebody is attached it goes on to overwrite, mostly what
 * lies before s->first: that is no loss to this reader, who knows whether he has lost
 * anything. If so, the rest of the account says how much, as long as the producer has
 * counted as much (tests/model: books).
 */
static u64 overwritten_since(const struct capture_source *s, const struct vmcoop_ring_stats *st,
			     u64 dropped)
{
	u64 counted = vmcoop_load(&s->ring.prod->overwritten) - s->first.overwritten;

	if (!s->stale)
		return 0;
	return min_u64(counted, st->produced - s->first.produced - dropped - s->records);
}

static void put_counters(struct kv *kv, const struct capture_source *s,
			 const struct vmcoop_ring_stats *st)
{
	u64 dropped = 0;
	char key[32];
	int i;

	kv_u64(kv, "produced", st->produced - s->first.produced);
	for (i = 0; i < VMCOOP_REC_TYPES; i++) {
		u64 n = st->dropped[i] - s->first.dropped[i];

		if (!n)
			continue;
		dropped += n;
		snprintf(key, sizeof(key), "dropped.%d", i);
		kv_u64(kv, key, n);
	}
	kv_u64(kv, "dropped", dropped);
	kv_u64(kv, "overwritten", overwritten_since(s, st, dropped));
}

/* A source's accounts since s->first; @why it is lost, or NULL and the counters now. */
static void put_stats(struct capture *c, const struct capture_source *s,
		      const struct vmcoop_ring_stats *st, const char *why)
{
	struct kv kv = { 0 };

	if (!why) {
		put_counters(&kv, s, st);
		kv_u64(&kv, "pending", 0);
	}
	kv_u64(&kv, "exact", s->exact && !why);
	kv_u64(&kv, "consumed", s->records);
	kv_u64(&kv, "filtered", s->filtered);
	kv_u64(&kv, "bad_bytes", s->bad_bytes);
	kv_u64(&kv, "resyncs", s->resyncs);
	if (why)
		kv_str(&kv, "lost", why);
	datafile_kv(c->w, CHUNK_STATS, s->id, &kv);
}

void source_close(struct capture *c, struct capture_source *s, const char *why)
{
	struct vmcoop_ring_stats st;

	if (!why) {
		if (!patient_stats(c, s, &st))
			s->exact = false;
		source_drain(c, s, st.head);
		vmcoop_ring_detach(&s->ring);
	}
	put_stats(c, s, &st, why);
}

/* Accounts for what was consumed so far, and begins anew from there. */
static void source_settle(struct capture *c, struct capture_source *s)
{
	struct vmcoop_ring_stats st;
	bool exact = patient_stats(c, s, &st);

	s->exact &= exact;
	source_drain(c, s, st.head);
	put_stats(c, s, &st, NULL);
	s->first = st;
	s->exact = exact;
	s->stale = false;
	s->records = s->filtered = s->bad_bytes = s->resyncs = 0;
}

/* ---- Draining ------------------------------------------------------------- */

static bool vm_wanted(struct capture *c, u32 pid)
{
	struct vmm_id id;
	size_t i;

	if (!c->nr_only_vms || map_get(&c->vm_by_pid, pid))
		return true;
	if (map_get(&c->unwanted, pid))
		return false;
	vmm_identify(pid, &id);
	for (i = 0; i < c->nr_only_vms; i++)
		if (vmm_matches(&id, pid, c->only_vms[i]))
			return true;
	map_put(&c->unwanted, pid, c);
	return false;
}

/* Looks at a host record as it passes. False: it is of a VM not asked for. */
static bool observe_host(struct capture *c, const struct vmcoop_hdr *hdr)
{
	u32 pid;

	switch (hdr->type) {
	case VMCOOP_HOST_ENTRY:
	case VMCOOP_HOST_COUNT:
		return !c->nr_only_vms || !map_get(&c->handles, hdr->id);
	case VMCOOP_HOST_SAMPLE:
	case VMCOOP_HOST_VCPU:
	case VMCOOP_HOST_IN:
	case VMCOOP_HOST_OUT:
	case VMCOOP_HOST_CLOCK:
	case VMCOOP_HOST_GONE:
	case VMCOOP_HOST_VMM:
	case VMCOOP_HOST_EXITS:
		break;
	default:
		return true;
	}
	/* All of these have the VM's pid first. */
	if (hdr->size < sizeof(struct vmcoop_host_in))
		return true;
	pid = ((const struct vmcoop_host_in *)hdr)->vm;
	if (pid == c->last_pid)
		return true;
	if (vm_wanted(c, pid)) {
		capture_vm(c, pid);
		c->last_pid = pid;
		return true;
	}
	/* Handles are not used again: of a vCPU that is gone nothing is left to know. */
	if (hdr->type == VMCOOP_HOST_GONE)
		map_del(&c->handles, hdr->id);
	else if (hdr->id)
		map_put(&c->handles, hdr->id, c);
	return false;
}

/*
 * Of the whole records that @len bytes at c->buf begin with, keeps the wanted ones.
 * @kept: bytes of those. Returns the bytes of all.
 */
static size_t filter(struct capture *c, struct capture_source *s, size_t len, size_t *kept)
{
	size_t from, to = 0;
	int size;

	for (from = 0; (size = vmcoop_rec_next(c->buf, len, from)) > 0; from += size) {
		struct vmcoop_hdr *hdr = (struct vmcoop_hdr *)(c->buf + from);

		s->records++;
		if (s->host && !observe_host(c, hdr)) {
			s->filtered++;
			continue;
		}
		c->records++;
		if (hdr->type == VMCOOP_GUEST_SYMBOLS && !s->host) {
			/* Apart: a reader wants them before all others. */
			datafile_chunk(c->w, CHUNK_SYMBOLS, s->id, hdr, size);
			continue;
		}
		if (to != from)
			memmove(c->buf + to, hdr, size);
		to += size;
	}
	*kept = to;
	return from;
}

/* What lies here cannot be: go on at the ring's present end. */
static void source_resync(struct capture *c, struct capture_source *s)
{
	u64 head = vmcoop_load_acquire(&s->ring.prod->head);

	if (head - s->pos <= s->ring.size)
		s->bad_bytes += head - s->pos;
	if (!s->resyncs++)
		capture_note(c, "ring %u held bytes that are no records; skipped", s->id);
	s->pos = head & ~(u64)(VMCOOP_REC_ALIGN - 1);
	vmcoop_ring_consume(&s->ring, s->pos);
}

void source_drain(struct capture *c, struct capture_source *s, u64 upto)
{
	while (s->pos != upto) {
		long len = vmcoop_ring_fetch(&s->ring, s->pos, c->buf, DRAIN_BUFFER);
		u64 oldest = vmcoop_load(&s->ring.prod->oldest);
		size_t whole, kept = 0;

		if (len == -ESTALE && upto - oldest < upto - s->pos) {
			s->pos = oldest;
			s->stale = true;
			continue;
		}
		if (len > 0 && (u64)len > upto - s->pos)
			len = upto - s->pos;
		whole = len > 0 ? filter(c, s, len, &kept) : 0;
		if (!whole) {
			/* Zero bytes where upto promised some: head went back. */
			source_resync(c, s);
			return;
		}
		c->bytes += kept;
		if (kept && datafile_chunk(c->w, CHUNK_RECORDS, s->id, c->buf, kept))
			return;
		s->pos += whole;
		vmcoop_ring_consume(&s->ring, s->pos);
	}
}

static void drain_to_head(struct capture *c, struct capture_source *s)
{
	u64 head = vmcoop_load_acquire(&s->ring.prod->head);
	double fill = (double)(head - s->pos) / s->ring.size;

	if (fill <= 1 && fill > c->fill)
		c->fill = fill;
	source_drain(c, s, head);
}

int capture_round(struct capture *c)
{
	struct chunk_round round = { .watermark = c->last_round, .now = arch_counter() };
	size_t i;
	u32 j;

	c->fill = 0;
	for (j = 0; j < c->nr_host; j++)
		drain_to_head(c, &c->host[j]);
	for (i = 0; i < c->nr_regions; i++) {
		struct capture_region *reg = c->regions[i];

		region_poll(c, reg);
		for (j = 0; j < reg->nr_sources; j++)
			drain_to_head(c, &reg->sources[j]);
	}
	if (c->more)
		round.watermark = min_u64(round.watermark, c->more(c->more_ctx));
	datafile_chunk(c->w, CHUNK_ROUND, 0, &round, sizeof(round));
	c->last_round = round.now;
	return datafile_flush(c->w);
}

int capture_pause(const struct capture *c, int ms)
{
	/* Rings that fill fast are drained often. */
	if (c->fill > 0.25)
		ms /= 2;
	else if (c->fill < 0.1)
		ms += 5;
	if (ms < CAPTURE_PAUSE_MIN_MS)
		ms = CAPTURE_PAUSE_MIN_MS;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	/* Rather with the next interrupt than by one more, which a guest pays for. */
	prctl(PR_SET_TIMERSLACK, PAUSE_SLACK_NS);
	pause_ms(ms);
	prctl(PR_SET_TIMERSLACK, 0);
	return ms;
}

/* ---- Begin and end -------------------------------------------------------- */

int capture_add_host(struct capture *c, const struct vmcoop_ring *rings, u32 nr)
{
	u32 i;

	capture_patience(c);
	c->host = xcalloc(nr, sizeof(*c->host));
	c->nr_host = nr;
	for (i = 0; i < nr; i++) {
		struct capture_source *s = &c->host[i];
		struct kv kv = { 0 };

		s->ring = rings[i];
		s->host = true;
		source_attach(c, s);
		kv_str(&kv, "side", "host");
		kv_u64(&kv, "pcpu", i / 2);
		kv_str(&kv, "context", i % 2 ? "nmi" : "irq");
		kv_u64(&kv, "ring_size", s->ring.size);
		datafile_kv(c->w, CHUNK_SOURCE, s->id, &kv);
	}
	return datafile_flush(c->w);
}

int capture_switch(struct capture *c, const char *suffix)
{
	size_t i;
	u32 j;

	capture_patience(c);
	for (j = 0; j < c->nr_host; j++)
		source_settle(c, &c->host[j]);
	for (i = 0; i < c->nr_regions; i++) {
		struct capture_region *reg = c->regions[i];

		region_poll(c, reg);
		for (j = 0; j < reg->nr_sources; j++)
			source_settle(c, &reg->sources[j]);
		if (reg->nr_sources)
			region_ask(reg);
	}
	return datafile_switch(c->w, suffix);
}

int capture_finish(struct capture *c)
{
	struct chunk_round round = { .watermark = c->last_round, .now = arch_counter() };
	size_t i;
	u32 j;

	capture_patience(c);
	for (j = 0; j < c->nr_host; j++)
		source_close(c, &c->host[j], NULL);
	c->nr_host = 0;
	for (i = 0; i < c->nr_regions; i++) {
		region_poll(c, c->regions[i]);
		region_end(c, c->regions[i], NULL);
	}
	datafile_chunk(c->w, CHUNK_ROUND, 0, &round, sizeof(round));
	return datafile_flush(c->w);
}

static u64 dropped_since(const struct capture_source *s)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < VMCOOP_REC_TYPES; i++)
		sum += vmcoop_load(&s->ring.prod->dropped[i]) - s->first.dropped[i];
	return sum;
}

u64 capture_dropped(const struct capture *c)
{
	u64 sum = 0;
	size_t i;
	u32 j;

	for (j = 0; j < c->nr_host; j++)
		sum += dropped_since(&c->host[j]);
	for (i = 0; i < c->nr_regions; i++)
		for (j = 0; j < c->regions[i]->nr_sources; j++)
			sum += dropped_since(&c->regions[i]->sources[j]);
	return sum;
}

void capture_free(struct capture *c)
{
	size_t i;

	for (i = 0; i < c->nr_regions; i++) {
		region_close(&c->regions[i]->r);
		free(c->regions[i]->sources);
		free(c->regions[i]);
	}
	for (i = 0; i < c->nr_vms; i++)
		free(c->vms[i]);
	free(c->regions);
	free(c->vms);
	free(c->host);
	free(c->buf);
	map_free(&c->vm_by_pid);
	map_free(&c->unwanted);
	map_free(&c->handles);
	map_free(&c->bad_files);
	memset(c, 0, sizeof(*c));
}
