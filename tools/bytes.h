/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that are put one behind the other.
 */
#ifndef VMCOOP_BYTES_H
#define VMCOOP_BYTES_H

#include "util.h"

/** struct bytes - all zero is none */
struct bytes {
	u8 *data;
	size_t len, cap;
};

void bytes_put(struct bytes *b, const void *data, size_t len);
/* LEB128: seven bits a byte, the lowest first, the eighth says that more follow. */
void bytes_put_varint(struct bytes *b, u64 v);

#endif /* VMCOOP_BYTES_H */
