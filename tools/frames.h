/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames of a sample: where it was, and who called that.
 */
#ifndef VMCOOP_FRAMES_H
#define VMCOOP_FRAMES_H

#include "symbolize.h"

#define FRAMES_MAX	128

/**
 * struct frame - one of them; all strings are unique, so that equal frames are
 *	equal bytes
 * @symbol: NULL: none is known
 * @dso: name of the object, "" if unknown
 * @path: the object's path, NULL if it is no file
 * @addr: address as the object counts
 * @offset: of the address from the symbol's start
 * @ip: address as the guest has it
 *
 * Numbers are 0 where the frame stands for its symbol.
 */
struct frame {
	const char *symbol, *dso, *path;
	u64 addr, offset, ip;
};

/*
 * The frames of @j, the innermost first, of which there is always one; more with a
 * tick whose call chain was recorded. A sample that is not attributed has one
 * whose object is the reason in brackets. @f has room for FRAMES_MAX.
 */
u32 frames_of(struct symbolizer *s, const struct joined *j, struct frame *f);

/* Lets frames stand for their functions as a whole. */
void frames_by_symbol(struct frame *f, u32 nr);

/* The symbol, the reason, or the address; escaped. */
const char *frame_name(const struct frame *f, char *buf, size_t cap);

#endif /* VMCOOP_FRAMES_H */
