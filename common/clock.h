/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest clock and host clock, converted exactly.
 *
 * The hardware shows a guest ((host * ratio) >> frac_bits) + offset, modulo
 * 2^64: AMD APM volume 2, 15.30.5 (TSC ratio MSR) and VMCB TSC_OFFSET; Intel
 * SDM volume 3C, 26.3 (TSC multiplier); arm64: CNTVCT = CNTPCT - CNTVOFF, that
 * is, ratio 1 with no fraction bits and offset -CNTVOFF.
 *
 * The modules record the parameters and convert nothing; in the kernel only tests do.
 */
#ifndef VMCOOP_CLOCK_H
#define VMCOOP_CLOCK_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

/**
 * struct vmcoop_clock - a guest clock as a function of the host's
 * @offset: added after scaling, modulo 2^64
 * @ratio: fixed-point factor, not 0
 * @frac_bits: fraction bits of @ratio, 0 to 63
 */
struct vmcoop_clock {
	__s64	offset;
	__u64	ratio;
	__u32	frac_bits;
};

/* True if @c can be converted with: a record's fields are checked by this. */
static inline bool vmcoop_clock_valid(const struct vmcoop_clock *c)
{
	return c->ratio && c->frac_bits < 64;
}

/* What the guest reads when the host's counter shows @host. */
static inline __u64 vmcoop_clock_to_guest(const struct vmcoop_clock *c, __u64 host)
{
	unsigned __int128 scaled = (unsigned __int128)host * c->ratio;

	return (__u64)(scaled >> c->frac_bits) + (__u64)c->offset;
}

/*
 * The first host counter value at which the guest reads @guest or more. With
 * a guest clock faster than the host's some values of @guest never show; the
 * next one that does counts. Saturates: all ones where the guest's value
 * lies behind the host counter's end.
 */
static inline __u64 vmcoop_clock_to_host(const struct vmcoop_clock *c, __u64 guest)
{
	__u64 scaled = guest - (__u64)c->offset;
	unsigned __int128 num = (unsigned __int128)scaled << c->frac_bits;
	unsigned __int128 host = num / c->ratio + (num % c->ratio != 0);

	return host >> 64 ? ~0ULL : (__u64)host;
}

#endif /* VMCOOP_CLOCK_H */
