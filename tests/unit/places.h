/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the tests of symbols: where the samples of a made-up recording were, and
 * files below a directory that clean_up() removes.
 */
#ifndef VMCOOP_PLACES_H
#define VMCOOP_PLACES_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../tools/symbolize.h"
#include "stream.h"

/* ---- Samples -------------------------------------------------------------------------- */

static struct place places[16];
static int nr_places;
static struct symbolizer sym;

static inline void place(void *ctx, const struct joined *j)
{
	(void)ctx;
	if (j->method == METHOD_SAMPLED && nr_places < 16)
		symbolize(&sym, j, &places[nr_places++]);
}

static inline struct session *read_places(struct stream *s)
{
	struct session *ses = calloc(1, sizeof(*ses));

	nr_places = 0;
	stream_read(s, ses, place, NULL);
	stream_free(s);
	return ses;
}

static inline void end_places(struct session *ses)
{
	session_free(ses);
	free(ses);
	symbolizer_free(&sym);
}

/* ---- Files ---------------------------------------------------------------------------- */

static char dir[64];

/* A path below the test's directory; the ring of buffers serves one statement. */
static inline const char *at(const char *name)
{
	static char bufs[4][256];
	static int next;
	char *buf = bufs[next++ % 4];

	if (!*dir) {
		strcpy(dir, "/tmp/vmcoop-symbols-XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	snprintf(buf, sizeof(bufs[0]), "%s/%s", dir, name);
	return buf;
}

static inline void put_file(const char *name, const void *text, size_t len)
{
	FILE *f = fopen(at(name), "w");

	fwrite(text, 1, len, f);
	fclose(f);
}

static inline void clean_up(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (*dir && system(cmd))
		abort();
	*dir = '\0';
}

#endif /* VMCOOP_PLACES_H */
