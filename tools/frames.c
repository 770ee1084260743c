// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of samples: see frames.h.
 */
#include "frames.h"
#include "output.h"

static struct frame frame_at(struct symbolizer *s, const struct joined *j)
{
	const struct place *p = symbolize_seen(s, j);

	return (struct frame){
		.symbol = p->symbol,
		.dso = p->dso,
		.path = p->path,
		.addr = p->addr,
		.offset = p->offset,
		.ip = j->ip,
	};
}

static struct frame frame_unknown(const struct joined *j)
{
	char text[64];

	snprintf(text, sizeof(text), "[%s]", reason_names[j->reason]);
	return (struct frame){ .dso = intern_str(text), .ip = j->ip };
}

/*
 * A caller, by the address behind its call: the call itself says which function
 * that is in. Where user code entered the kernel, the address is of what it did then.
 */
static struct frame frame_of_caller(struct symbolizer *s, const struct joined *j,
				    const struct task *t, u64 ip, bool user, bool returns)
{
	struct joined at = *j;
	struct frame f;

	at.ip = ip - returns;
	at.mode = user ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL;
	at.map = user && t ? guest_mapping(t, at.ip) : NULL;
	f = frame_at(s, &at);
	f.ip += returns;
	f.addr += returns;
	f.offset += returns;
	return f;
}

u32 frames_of(struct symbolizer *s, const struct joined *j, struct frame *f)
{
	u32 nr = 1, i, all = j->nr_kernel + j->nr_user;
	const struct task *t = NULL;

	*f = j->reason == REASON_NONE ? frame_at(s, j) : frame_unknown(j);
	if (j->reason != REASON_NONE || !j->chain || !all)
		return nr;
	if (j->nr_user)
		t = guest_find_task(j->vm->guest, j->tid);
	for (i = 0; i < all && nr < FRAMES_MAX; i++) {
		bool user = i >= j->nr_kernel;
		bool entry = i == j->nr_kernel && j->mode == VMCOOP_MODE_KERNEL;

		f[nr++] = frame_of_caller(s, j, t, j->chain[i], user, !entry);
	}
	return nr;
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
