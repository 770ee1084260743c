/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A data file read from start to end: its records joined, and all it says of
 * the recording.
 */
#ifndef VMCOOP_SESSION_H
#define VMCOOP_SESSION_H

#include "datafile.h"
#include "join.h"
#include "merge.h"
#include "symbols.h"

#define SESSION_MAX_NOTES	300
#define SESSION_MAX_EVENTS	64

/**
 * struct event - an event of the recording; counts are of it alone
 * @told: the file has it
 * @type: as in struct perf_event_attr
 * @config: as in struct perf_event_attr
 * @counted: its counts at the end are in the file
 * @counting: HOST_COUNT holds its values; it has no samples
 */
struct event {
	bool told, counted, counting;
	char name[65];
	u32 type;
	u64 config;
	u64 period;
	u32 freq;
	u64 overflows, in_guest;
	u64 first_overflows, first_in_guest;
};

/**
 * struct ring_stats - a ring's accounts, from attach to end
 * @id: its source's number
 * @name: for people
 * @guest: what follows is the guest's claim, but for @read and @consumed
 * @final: the end of the recording told what follows
 * @exact: producer's counters were each of one instant
 * @read: records in the file
 * @symbols: of them GUEST_SYMBOLS in chunks of their own
 * @consumed: by the recorder; @filtered of them did not go to the file
 * @lost: why the accounts could not be closed, "" if they were
 */
struct ring_stats {
	u32 id;
	char name[192];
	bool guest;
	bool final, exact;
	u64 read;
	u64 symbols;
	u64 produced, consumed, filtered, dropped, overwritten, pending;
	u64 bad_bytes, resyncs;
	char lost[64];
};

/**
 * struct session - what a file held
 * @join: VMs, vCPUs, quality
 * @merge: times
 * @rings: in the file's order
 * @symbols: what guests told of theirs, by VM
 * @foretold: @symbols has all that the file holds
 * @notes: what the recorder, and reading itself, had to say
 * @clock_khz: host ticks a millisecond, never 0
 * @begin: first host stamp of the window, or of the file
 * @end: last one
 * @record: called for each record that has a time, when the join has taken it
 */
struct session {
	struct join join;
	struct merge merge;
	struct event events[SESSION_MAX_EVENTS];
	u32 nr_events;
	struct ring_stats *rings;
	size_t nr_rings;
	struct u64map ring_by_id;
	struct u64map symbols;
	bool foretold;
	char *notes[SESSION_MAX_NOTES];
	size_t nr_notes;
	char tool[64], command[1024], hostname[128], release[128], arch[32];
	u64 start_time, start_counter;
	u64 clock_khz;
	u64 first, last;	/* host stamps of records */
	bool slept;		/* the host did, in between */
	u64 in_vmm;		/* samples of the VMMs' own threads */
	void (*record)(void *ctx, const struct merge_rec *rec);
};

/*
 * Reads @path; @sample is called for each joined sample, in order. Return: exit
 * status; a file that is cut or damaged is 0, with a note.
 */
int session_read(struct session *s, const char *path,
		 void (*sample)(void *ctx, const struct joined *j), void *ctx);
/* The same, and @record is called for each record that has a time, once the join has taken it. */
int session_read_records(struct session *s, const char *path,
			 void (*sample)(void *ctx, const struct joined *j),
			 void (*record)(void *ctx, const struct merge_rec *rec), void *ctx);
/* As session_read(), but @batched is called with several at a time: see struct join. */
int session_read_batches(struct session *s, const char *path,
			 void (*batched)(void *ctx, const struct joined *j, u32 n),
			 void (*sample)(void *ctx, const struct joined *j), void *ctx);
/* As session_read(), from an open reader, which stays the caller's. */
int session_read_from(struct session *s, struct datafile_reader *r,
		      void (*sample)(void *ctx, const struct joined *j), void *ctx);
/* Begins to read @r piece by piece: merge_chunk(&s->merge) takes the next one. */
void session_begin(struct session *s, struct datafile_reader *r,
		   void (*sample)(void *ctx, const struct joined *j), void *ctx);
void session_free(struct session *s);

void session_note(struct session *s, const char *fmt, ...) __printf(2, 3);

struct json;
/* Member "notes" of a JSON object. */
void json_notes(struct json *j, const struct session *s);

/* The event whose values stand in place @i of HOST_COUNT, NULL if the file does not say. */
const struct event *session_counter(const struct session *s, u32 i);

/* Host stamps to time since the window began. */
double session_seconds(const struct session *s, u64 stamp);
/* How long the window was, in host stamps and in seconds. */
u64 session_stamps(const struct session *s);
double session_duration(const struct session *s);

/**
 * struct time_slice - a part of the window, in seconds since it began
 * @chosen: else it is all of it
 * @from: first instant
 * @to: behind the last
 */
struct time_slice {
	bool chosen;
	double from, to;
};

/* "FROM,TO", of which one may be missing. Return: 0, or the exit status with a message. */
int parse_time_slice(const char *arg, struct time_slice *t);

static inline bool in_time_slice(const struct session *s, const struct time_slice *t, u64 stamp)
{
	double at;

	if (!t->chosen)
		return true;
	at = session_seconds(s, stamp);
	return at >= t->from && at < t->to;
}

/* Whether the producer's side of the accounts is known. */
static inline bool ring_told(const struct ring_stats *r)
{
	return r->final && !*r->lost;
}

/* Whether produced = consumed + dropped + overwritten + pending. */
bool ring_balanced(const struct ring_stats *r);

#endif /* VMCOOP_SESSION_H */
