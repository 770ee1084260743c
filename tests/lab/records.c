// SPDX-License-Identifier: GPL-2.0-only
/*
 * records - print the host's records of a data file, a line each, for the scenarios'
 * checks, which read them with awk.
 *
 * usage: records FILE
 *
 *   TYPE ring=PCPU.CONTEXT id=HANDLE stamp=STAMP KEY=VALUE...
 *
 * in the order of the file: that of each ring. A line that begins with "bad" names what
 * no record can be: cut off, of another size than its type has, of a CPU that is not its
 * ring's, older than the one before it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../common/abi.h"
#include "../../common/ring.h"
#include "../../tools/datafile.h"

#define MAX_SOURCES	4096

/* The rings, by source number; those of guests are not looked at. */
static struct source {
	bool host;
	char name[48];
	u32 pcpu;
	u64 stamp;
} sources[MAX_SOURCES];

#define REC(name, type) const struct vmcoop_host_##type *name = (const void *)hdr

static void put_sample(const struct vmcoop_hdr *hdr)
{
	REC(s, sample);

	printf(" vm=%u vcpu=%u pcpu=%u event=%u mode=%u sflags=%u ip=%llu period=%llu", s->vm,
	       s->vcpu, s->pcpu, s->event, s->mode, s->sflags, s->ip, s->period);
}

static void put_vcpu(const struct vmcoop_hdr *hdr)
{
	REC(v, vcpu);

	printf(" vm=%u vcpu=%u tid=%u", v->vm, v->vcpu, v->tid);
}

static void put_in(const struct vmcoop_hdr *hdr)
{
	REC(in, in);

	printf(" vm=%u vcpu=%u tid=%u pcpu=%u", in->vm, in->vcpu, in->tid, in->pcpu);
}

static void put_out(const struct vmcoop_hdr *hdr)
{
	REC(out, out);

	printf(" vm=%u vcpu=%u tid=%u pcpu=%u reason=%u left=%llu", out->vm, out->vcpu, out->tid,
	       out->pcpu, out->reason, out->left);
}

static void put_entry(const struct vmcoop_hdr *hdr)
{
	REC(entry, entry);

	printf(" vmm=%llu", entry->vmm);
}

static void put_gone(const struct vmcoop_hdr *hdr)
{
	REC(gone, gone);

	printf(" vm=%u vcpu=%u tid=%u", gone->vm, gone->vcpu, gone->tid);
}

static void put_vmm(const struct vmcoop_hdr *hdr)
{
	REC(v, vmm);

	printf(" vm=%u tid=%u pcpu=%u event=%u mode=%u ip=%llu period=%llu", v->vm, v->tid, v->pcpu,
	       v->event, v->mode, v->ip, v->period);
}

static void put_count(const struct vmcoop_hdr *hdr)
{
	REC(c, count);
	u32 i;

	printf(" pcpu=%u where=%u nr=%u enabled=%llu", c->pcpu, c->where, c->nr, c->enabled);
	for (i = 0; i < c->nr; i++)
		printf(" count%u=%llu running%u=%llu", i, c->value[i].count, i, c->value[i].running);
}

static void put_exits(const struct vmcoop_hdr *hdr)
{
	REC(e, exits);
	u32 i;

	printf(" vm=%u vcpu=%u guest=%llu poll_ns=%llu", e->vm, e->vcpu, e->guest, e->poll_ns);
	for (i = 0; i < e->nr; i++)
		printf(" exits%u=%llu time%u=%llu", i, e->exit[i].count, i, e->exit[i].time);
	printf(" vmm=%llu", e->vmm);
}

/* @pcpu: where the record says on which CPU it was written, 0 if it does not. */
static const struct kind {
	const char *name;
	size_t size, pcpu;
	void (*put)(const struct vmcoop_hdr *hdr);
} kinds[] = {
	[VMCOOP_HOST_SAMPLE] = { "sample", sizeof(struct vmcoop_host_sample),
				 offsetof(struct vmcoop_host_sample, pcpu), put_sample },
	[VMCOOP_HOST_VCPU] = { "vcpu", sizeof(struct vmcoop_host_vcpu), 0, put_vcpu },
	[VMCOOP_HOST_IN] = { "in", sizeof(struct vmcoop_host_in),
			     offsetof(struct vmcoop_host_in, pcpu), put_in },
	[VMCOOP_HOST_OUT] = { "out", sizeof(struct vmcoop_host_out),
			      offsetof(struct vmcoop_host_out, pcpu), put_out },
	[VMCOOP_HOST_ENTRY] = { "entry", sizeof(struct vmcoop_host_entry), 0, put_entry },
	[VMCOOP_HOST_CLOCK] = { "clock", sizeof(struct vmcoop_host_clock), 0, NULL },
	[VMCOOP_HOST_GONE] = { "gone", sizeof(struct vmcoop_host_gone), 0, put_gone },
	[VMCOOP_HOST_VMM] = { "vmm", sizeof(struct vmcoop_host_vmm),
			      offsetof(struct vmcoop_host_vmm, pcpu), put_vmm },
	[VMCOOP_HOST_COUNT] = { "count", sizeof(struct vmcoop_host_count),
				offsetof(struct vmcoop_host_count, pcpu), put_count },
	[VMCOOP_HOST_EXITS] = { "exits", sizeof(struct vmcoop_host_exits), 0, put_exits },
	[VMCOOP_HOST_RESUME] = { "resume", sizeof(struct vmcoop_hdr), 0, NULL },
};

static const struct kind *kind_of(const struct vmcoop_hdr *hdr)
{
	return hdr->type < sizeof(kinds) / sizeof(kinds[0]) && kinds[hdr->type].name ?
	       &kinds[hdr->type] : NULL;
}

static size_t size_of(const struct vmcoop_hdr *hdr, const struct kind *kind)
{
	REC(count, count);

	if (hdr->type == VMCOOP_HOST_COUNT && hdr->size >= kind->size)
		return kind->size + count->nr * sizeof(count->value[0]);
	return kind->size;
}

/* NULL, or why this is no record. */
static const char *wrong(const struct source *src, const struct vmcoop_hdr *hdr,
			 const struct kind *kind)
{
	if (!kind)
		return "type";
	if (hdr->size != size_of(hdr, kind))
		return "size";
	if (kind->pcpu && *(const u32 *)((const char *)hdr + kind->pcpu) != src->pcpu)
		return "pcpu";
	if (hdr->stamp < src->stamp)
		return "stamp";
	return NULL;
}

static void put_record(struct source *src, const struct vmcoop_hdr *hdr)
{
	const struct kind *kind = kind_of(hdr);
	const char *why = wrong(src, hdr, kind);

	if (why) {
		printf("bad ring=%s %s: type %u size %u id %u stamp %llu\n", src->name, why,
		       hdr->type, hdr->size, hdr->id, hdr->stamp);
		return;
	}
	src->stamp = hdr->stamp;
	printf("%s ring=%s id=%u stamp=%llu flags=%u", kind->name, src->name, hdr->id, hdr->stamp,
	       hdr->flags);
	if (kind->put)
		kind->put(hdr);
	putchar('\n');
}

static void put_records(struct source *src, struct datafile_reader *r, const struct chunk *c)
{
	static u64 data[CHUNK_MAX / sizeof(u64)];
	u64 off = 0;
	int size;

	if (!datafile_load(r, c, data)) {
		printf("bad ring=%s cannot be read\n", src->name);
		return;
	}
	while (off < c->len) {
		size = vmcoop_rec_next(data, c->len, off);
		if (size <= 0) {
			printf("bad ring=%s cut off at byte %llu of %u\n", src->name, off, c->len);
			return;
		}
		put_record(src, (const struct vmcoop_hdr *)((char *)data + off));
		off += size;
	}
}

static void begin_source(struct source *src, const struct chunk *c)
{
	char side[16] = "", context[16] = "";

	kv_get_str(c->data, c->len, "side", side, sizeof(side));
	kv_get_str(c->data, c->len, "context", context, sizeof(context));
	src->host = !strcmp(side, "host");
	src->pcpu = kv_get_u64(c->data, c->len, "pcpu", 0);
	snprintf(src->name, sizeof(src->name), "%u.%s", src->pcpu, context);
}

int main(int argc, char **argv)
{
	struct datafile_reader r;
	struct chunk c;

	if (argc != 2 || datafile_open(&r, argv[1]))
		return 2;
	while (datafile_next(&r, &c)) {
		struct source *src = &sources[c.source % MAX_SOURCES];

		if (c.type == CHUNK_SOURCE)
			begin_source(src, &c);
		else if (c.type == CHUNK_RECORDS && src->host)
			put_records(src, &r, &c);
		free(c.data);
	}
	if (!r.ended)
		printf("bad file: %s\n", r.damage ?: "it does not end");
	datafile_close(&r);
	return 0;
}
