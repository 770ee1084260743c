// SPDX-License-Identifier: GPL-2.0-only
/*
 * perf.data: see perfdata.h.
 */
#include <assert.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "perfdata.h"

/* The layout of samples. IDENTIFIER lets a reader find the event first. */
#define SAMPLE_TYPE	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |	\
			 PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD)

/* Readers hold what they have not sorted yet in memory: they may sort up to here. */
#define ROUND_BYTES	(1U << 20)

/* perf's own record types, in no header of the kernel's */
enum {
	RECORD_FINISHED_ROUND	= 68,
	RECORD_ID_INDEX		= 69,
};

/* features of the head */
enum {
	FEAT_HOSTNAME		= 3,
	FEAT_OSRELEASE		= 4,
	FEAT_VERSION		= 5,
	FEAT_ARCH		= 6,
	FEAT_NRCPUS		= 7,
	FEAT_CMDLINE		= 11,
	FEAT_EVENT_DESC		= 12,
	FEAT_SAMPLE_TIME	= 21,
	NR_FEATS		= 256,
};

#define NR_OURS	8	/* that we write, of those above */

struct section {
	u64 offset, size;
};

struct file_header {
	char magic[8];
	u64 size;
	u64 attr_size;
	struct section attrs, data, event_types;
	u64 features[NR_FEATS / 64];
};

struct file_attr {
	struct perf_event_attr attr;
	struct section ids;
};

static_assert(sizeof(struct file_header) == 104, "file_header");

/* ---- Records ---------------------------------------------------------------------- */

static void put(struct perfdata *p, const void *data, size_t size)
{
	fwrite(data, 1, size, p->f);
	p->written += size;
}

static void put_u64(struct perfdata *p, u64 v)
{
	put(p, &v, sizeof(v));
}

static void put_two(struct perfdata *p, u32 a, u32 b)
{
	put_u64(p, (u64)b << 32 | a);
}

static void put_head(struct perfdata *p, u32 type, u16 misc, size_t size)
{
	struct perf_event_header h = { .type = type, .misc = misc, .size = size };

	put(p, &h, sizeof(h));
}

/* A string of @len bytes, and zeros up to a multiple of 8. */
static void put_string(struct perfdata *p, const char *s, size_t len)
{
	static const char zeros[8];

	put(p, s, len);
	put(p, zeros, 8 - len % 8);
}

static size_t string_size(size_t len)
{
	return (len / 8 + 1) * 8;
}

#define WHERE_SIZE	32

/* What the kernel appends to records that are no samples. */
static void put_where(struct perfdata *p, const struct perfdata_where *w)
{
	put_two(p, w->pid, w->tid);
	put_u64(p, w->time);
	put_two(p, w->cpu, 0);
	put_u64(p, w->id);
}

u64 perfdata_id(struct perfdata *p, u32 event)
{
	struct perfdata_event *e = &p->events[event];

	e->ids = xreallocarray(e->ids, e->nr_ids + 1, sizeof(*e->ids));
	e->ids[e->nr_ids++] = ++p->last_id;
	return p->last_id;
}

void perfdata_guest_id(struct perfdata *p, u64 id, u32 tid, u32 machine_pid, u32 vcpu)
{
	put_head(p, RECORD_ID_INDEX, 0, 8 + 8 + 4 * 8 + 2 * 8);
	put_u64(p, 1);
	put_u64(p, id);
	put_u64(p, id - 1);
	put_u64(p, -1ULL);	/* on any CPU */
	put_u64(p, tid);
	put_u64(p, machine_pid);
	put_u64(p, vcpu);
}

void perfdata_comm(struct perfdata *p, const struct perfdata_where *w, const char *comm)
{
	size_t len = strlen(comm);

	put_head(p, PERF_RECORD_COMM, w->cpumode, 8 + 8 + string_size(len) + WHERE_SIZE);
	put_two(p, w->pid, w->tid);
	put_string(p, comm, len);
	put_where(p, w);
}

void perfdata_mmap(struct perfdata *p, const struct perfdata_where *w,
		   const struct perfdata_map *m)
{
	u8 id[24] = { min_u64(m->build_id_len, PERFDATA_BUILD_ID_MAX) };
	size_t len = min_u64(strlen(m->path), 4095);

	memcpy(id + 4, m->build_id ?: id, m->build_id ? *id : 0);
	put_head(p, PERF_RECORD_MMAP2, w->cpumode | (*id ? PERF_RECORD_MISC_MMAP_BUILD_ID : 0),
		 8 + 8 + 24 + sizeof(id) + 8 + string_size(len) + WHERE_SIZE);
	put_two(p, w->pid, w->tid);
	put_u64(p, m->start);
	put_u64(p, m->len);
	put_u64(p, m->pgoff);
	put(p, id, sizeof(id));
	put_two(p, 5 /* PROT_READ | PROT_EXEC */, 2 /* MAP_PRIVATE */);
	put_string(p, m->path, len);
	put_where(p, w);
}

static void end_round(struct perfdata *p)
{
	put_head(p, RECORD_FINISHED_ROUND, 0, 8);
	p->round = p->written;
}

void perfdata_sample(struct perfdata *p, const struct perfdata_where *w, u64 period, u64 ip)
{
	put_head(p, PERF_RECORD_SAMPLE, w->cpumode, 8 + 6 * 8);
	put_u64(p, w->id);
	put_u64(p, ip);
	put_two(p, w->pid, w->tid);
	put_u64(p, w->time);
	put_two(p, w->cpu, 0);
	put_u64(p, period);
	if (!p->first_time)
		p->first_time = w->time;
	p->last_time = w->time;
	if (p->written - p->round >= ROUND_BYTES)
		end_round(p);
}

/* ---- Head ------------------------------------------------------------------------- */

static struct file_attr make_attr(const struct perfdata_event *e)
{
	struct file_attr fa = {
		.attr = {
			.type = e->type,
			.size = sizeof(fa.attr),
			.config = e->config,
			.sample_period = e->freq ?: e->period,
			.freq = !!e->freq,
			.sample_type = SAMPLE_TYPE,
			.read_format = PERF_FORMAT_ID,
			.sample_id_all = 1,
			.mmap = 1,
			.mmap2 = 1,
			.build_id = 1,
			.comm = 1,
			.exclude_host = 1,
		},
	};

	return fa;
}

static void put_ids(FILE *f, const struct perfdata_event *e)
{
	if (e->nr_ids)
		fwrite(e->ids, sizeof(*e->ids), e->nr_ids, f);
}

static struct section put_attrs(struct perfdata *p)
{
	struct file_attr attrs[PERFDATA_MAX_EVENTS];
	struct section s;
	u32 i;

	for (i = 0; i < p->nr_events; i++) {
		attrs[i] = make_attr(&p->events[i]);
		attrs[i].ids.offset = ftell(p->f);
		put_ids(p->f, &p->events[i]);
		attrs[i].ids.size = ftell(p->f) - attrs[i].ids.offset;
	}
	s.offset = ftell(p->f);
	s.size = p->nr_events * sizeof(*attrs);
	fwrite(attrs, sizeof(*attrs), p->nr_events, p->f);
	return s;
}

static void feat_u32(FILE *f, u32 v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void feat_u64(FILE *f, u64 v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void feat_string(FILE *f, const char *s)
{
	size_t len = strlen(s);
	u32 size = string_size(len);
	char *padded = xcalloc(1, size);

	memcpy(padded, s, len + 1);
	feat_u32(f, size);
	fwrite(padded, 1, size, f);
	free(padded);
}

static void feat_events(FILE *f, const struct perfdata *p)
{
	u32 i;

	feat_u32(f, p->nr_events);
	feat_u32(f, sizeof(struct perf_event_attr));
	for (i = 0; i < p->nr_events; i++) {
		const struct perfdata_event *e = &p->events[i];
		struct file_attr fa = make_attr(e);

		fwrite(&fa.attr, sizeof(fa.attr), 1, f);
		feat_u32(f, e->nr_ids);
		feat_string(f, e->name);
		put_ids(f, e);
	}
}

/* False: the file does not have it. */
static bool put_feature(const struct perfdata *p, int feat, const struct perfdata_info *info)
{
	switch (feat) {
	case FEAT_HOSTNAME:
		feat_string(p->f, info->hostname);
		return true;
	case FEAT_OSRELEASE:
		feat_string(p->f, info->release);
		return true;
	case FEAT_VERSION:
		feat_string(p->f, "vmcoop");
		return true;
	case FEAT_ARCH:
		feat_string(p->f, info->machine);
		return true;
	case FEAT_NRCPUS:
		feat_u32(p->f, info->nr_cpus);
		feat_u32(p->f, info->nr_cpus);
		return true;
	case FEAT_CMDLINE:
		feat_u32(p->f, 1);
		feat_string(p->f, info->command);
		return true;
	case FEAT_EVENT_DESC:
		feat_events(p->f, p);
		return true;
	case FEAT_SAMPLE_TIME:
		feat_u64(p->f, p->first_time);
		feat_u64(p->f, p->last_time);
		return true;
	default:
		return false;
	}
}

/* A table of sections directly behind the data, and what they hold behind that. */
static void put_features(struct perfdata *p, struct file_header *h,
			 const struct perfdata_info *info)
{
	struct section feats[NR_OURS] = { 0 };
	int feat, n = 0;
	long table = ftell(p->f);

	fwrite(feats, sizeof(feats), 1, p->f);
	for (feat = 0; feat < NR_FEATS && n < NR_OURS; feat++) {
		feats[n].offset = ftell(p->f);
		if (!put_feature(p, feat, info))
			continue;
		feats[n].size = ftell(p->f) - feats[n].offset;
		h->features[feat / 64] |= 1ULL << feat % 64;
		n++;
	}
	fseek(p->f, table, SEEK_SET);
	fwrite(feats, sizeof(feats), 1, p->f);
	fseek(p->f, 0, SEEK_END);
}

void perfdata_begin(struct perfdata *p, FILE *f)
{
	struct file_header h = { 0 };

	p->f = f;
	fwrite(&h, sizeof(h), 1, f);
}

void perfdata_end(struct perfdata *p, const struct perfdata_info *info)
{
	struct file_header h = {
		.magic = "PERFILE2",
		.size = sizeof(h),
		.attr_size = sizeof(struct file_attr),
	};
	u32 i;

	end_round(p);
	h.data = (struct section){ .offset = sizeof(h), .size = p->written };
	put_features(p, &h, info);
	h.attrs = put_attrs(p);
	fseek(p->f, 0, SEEK_SET);
	fwrite(&h, sizeof(h), 1, p->f);
	fseek(p->f, 0, SEEK_END);
	for (i = 0; i < p->nr_events; i++)
		free(p->events[i].ids);
}
