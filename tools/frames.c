// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of samples: see frames.h.
 */
#include "frames.h"
#include "output.h"

static struct frame frame_at(struct symbolizer *s, const struct joined *j)
{
	struct place p;

	symbolize(s, j, &p);
	return (struct frame){
		.symbol = p.symbol ? intern_str(p.symbol) : NULL,
		.dso = intern_str(p.dso),
		.path = p.path ? intern_str(p.path) : NULL,
		.addr = p.addr,
		.offset = p.offset,
		.ip = j->ip,
	};
}

static struct frame frame_unknown(const struct joined *j)
{
	char text[64];

	snprintf(text, sizeof(text), "[%s]", reason_names[j->reason]);
	return (struct frame){ .dso = intern_str(text), .ip = j->ip };
}

u32 frames_of(struct symbolizer *s, const struct joined *j, struct frame *f)
{
	*f = j->reason == REASON_NONE ? frame_at(s, j) : frame_unknown(j);
	return 1;
}

void frames_by_symbol(struct frame *f, u32 nr)
{
	for (; nr--; f++) {
		f->offset = 0;
		f->ip = 0;
		if (f->symbol)
			f->addr = 0;
	}
}

const char *frame_name(const struct frame *f, char *buf, size_t cap)
{
	char dso[512];

	if (f->symbol)
		return escape(buf, cap, f->symbol);
	escape(dso, sizeof(dso), *f->dso ? f->dso : "[unknown]");
	if (f->addr)
		snprintf(buf, cap, "%s+0x%llx", dso, f->addr);
	else
		snprintf(buf, cap, "%s", dso);
	return buf;
}
