// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the scenarios' checks: what the guests' records of a data file say, a line
 * each. Strings are escaped as in vmcoop-dump's output.
 *
 *   guest-records switches FILE   ring stamp prev_tid next_pid next_tid prev_state
 *   guest-records ticks FILE      ring stamp pid tid mode preempt softirq hardirq cflags
 *                           nr_kernel nr_user ip chain...
 *   guest-records tasks FILE      tid pid comm alive|exited, as the tool has them at the end
 *   guest-records maps FILE       pid start end pgoff path, of those alive at the end
 *   guest-records places FILE     pid ns_tid ns_pid cgroup, of those alive at the end
 *   guest-records ids FILE        build-id path, of each file that has one
 *   guest-records types FILE      type number
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/ring.h"
#include "../../tools/output.h"
#include "../../tools/session.h"

static const char *text(const char *s)
{
	static char buf[4 * 8192];

	return escape(buf, sizeof(buf), s);
}

/* ---- Records as they lie in the file ---------------------------------------- */

static void put_tick(u32 ring, const struct vmcoop_guest_tick *t)
{
	int i;

	printf("%u %llu %u %u %u %u %u %u %u %u %u %llx", ring, t->hdr.stamp, t->pid, t->tid,
	       t->mode, t->preempt, t->softirq, t->hardirq, t->cflags, t->nr_kernel, t->nr_user,
	       t->ip);
	for (i = 0; i < t->nr_kernel + t->nr_user; i++)
		printf(" %llx", t->chain[i]);
	putchar('\n');
}

static void put_switch(u32 ring, const struct vmcoop_guest_switch *s)
{
	printf("%u %llu %u %u %u %u\n", ring, s->hdr.stamp, s->prev_tid, s->next_pid,
	       s->next_tid, s->prev_state);
}

static int put_records(const char *path, const char *what)
{
	static u64 data[CHUNK_MAX / sizeof(u64)];
	unsigned long types[VMCOOP_REC_TYPES] = { 0 };
	struct datafile_reader r;
	struct chunk c;
	int i, status = datafile_open(&r, path);

	while (!status && datafile_next(&r, &c)) {
		u64 at = 0;
		int size;

		if (c.type != CHUNK_RECORDS || !datafile_load(&r, &c, data)) {
			free(c.data);
			continue;
		}
		free(c.data);
		while ((size = vmcoop_rec_next(data, c.len, at)) > 0) {
			const struct vmcoop_hdr *hdr = (const void *)((char *)data + at);

			types[hdr->type % VMCOOP_REC_TYPES]++;
			if (*what == 's' && hdr->type == VMCOOP_GUEST_SWITCH)
				put_switch(c.source, (const void *)hdr);
			if (*what == 't' && hdr->type == VMCOOP_GUEST_TICK)
				put_tick(c.source, (const void *)hdr);
			at += size;
		}
	}
	for (i = 0; *what == 'n' && i < VMCOOP_REC_TYPES; i++)
		if (types[i])
			printf("%d %lu\n", i, types[i]);
	return status;
}

/* ---- What the tool makes of them --------------------------------------------- */

static void no_sample(void *ctx, const struct joined *j)
{
	(void)ctx;
	(void)j;
}

static void put_maps(const struct task *t)
{
	const struct aspace *as = t->proc->as;
	u32 i;

	for (i = 0; as && i < as->nr; i++)
		printf("%u %llx %llx %llx %s\n", t->proc->pid, as->maps[i].start,
		       as->maps[i].end, as->maps[i].pgoff, text(as->maps[i].dso->path));
}

static void put_place(const struct guest *g, const struct task *t)
{
	const char *cgroup = guest_cgroup(g, t->cgroup);

	printf("%u %u %u %s\n", t->proc->pid, t->ns_tid, t->ns_pid, cgroup ? text(cgroup) : "-");
}

static void put_ids(const struct dsos *d)
{
	const struct dso *dso;
	size_t i;
	int b;

	map_for_each(&d->by_hash, i, dso) {
		for (; dso; dso = dso->next) {
			for (b = 0; b < dso->build_id_len; b++)
				printf("%02x", dso->build_id[b]);
			if (dso->build_id_len)
				printf(" %s\n", text(dso->path));
		}
	}
}

static int put_state(const char *path, const char *what)
{
	static struct session s;
	struct task *t;
	size_t v, i;
	int status = session_read(&s, path, no_sample, NULL);

	for (v = 0; !status && v < s.join.nr_vms; v++) {
		const struct guest *g = s.join.vms[v]->guest;

		if (!g)
			continue;
		if (*what == 'i')
			put_ids(&s.join.vms[v]->dsos);
		map_for_each(&g->tasks, i, t) {
			bool alive = !t->exited && t->tid == t->proc->pid;

			if (*what == 't')
				printf("%u %u %s %s\n", t->tid, t->proc->pid, text(t->comm),
				       t->exited ? "exited" : "alive");
			else if (*what == 'm' && alive)
				put_maps(t);
			else if (*what == 'p' && alive)
				put_place(g, t);
		}
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";

	if (!strcmp(what, "switches") || !strcmp(what, "ticks"))
		return put_records(argv[2], what);
	if (!strcmp(what, "types"))
		return put_records(argv[2], "n");
	if (!strcmp(what, "tasks") || !strcmp(what, "maps") || !strcmp(what, "places") ||
	    !strcmp(what, "ids"))
		return put_state(argv[2], what);
	fputs("usage: guest-records switches|ticks|types|tasks|maps|places|ids FILE\n", stderr);
	return 2;
}
