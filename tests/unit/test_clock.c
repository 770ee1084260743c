// SPDX-License-Identifier: GPL-2.0-only
/*
 * common/clock.h: exact against its definition, at the edges and in between.
 */
#include <stdint.h>

#include "../../common/clock.h"
#include "tap.h"

#define MAX	UINT64_MAX

static uint64_t state = 88172645463325252ULL;

/* xorshift64: the same stream in each run. */
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Any magnitude is as likely as any other. */
static uint64_t rnd_any(void)
{
	return rnd() >> rnd() % 64;
}

static const struct vmcoop_clock clocks[] = {
	{ 0, 1, 0 },
	{ 1, 1, 0 },
	{ -1, 1, 0 },
	{ INT64_MIN, 1, 0 },
	{ INT64_MAX, 1, 0 },
	{ -123456789012345, 1ULL << 32, 32 },		/* SVM, same speed */
	{ -123456789012345, 0x80000000ULL, 32 },	/* half */
	{ 987654321, 0x180000000ULL, 32 },		/* 1.5 */
	{ 5, 0xffffffffULL, 32 },			/* a hair slower */
	{ 5, 0x100000001ULL, 32 },			/* a hair faster */
	{ -7, 1ULL << 48, 48 },				/* VMX, same speed */
	{ -7, 3ULL << 47, 48 },
	{ 42, 1ULL << 63, 63 },
	{ 42, (1ULL << 63) + 1, 63 },
	{ 0, MAX, 63 },
	{ 0, 1, 63 },
	{ 0, MAX, 0 },
};

#define NR_CLOCKS	((int)(sizeof(clocks) / sizeof(clocks[0])))

/* (host * ratio) >> frac_bits by hand, in halves of 32 bits. */
static uint64_t scale_slowly(uint64_t host, uint64_t ratio, unsigned int frac)
{
	uint64_t bit[4] = { 0 }, hl = (uint32_t)host, hh = host >> 32;
	uint64_t rl = (uint32_t)ratio, rh = ratio >> 32, c;
	int i, k;

	/* Four 32-bit digits of the product. */
	c = hl * rl;
	bit[0] = (uint32_t)c;
	c >>= 32;
	c += (uint32_t)(hl * rh);
	c += (uint32_t)(hh * rl);
	bit[1] = (uint32_t)c;
	c >>= 32;
	c += (hl * rh >> 32) + (hh * rl >> 32) + (uint32_t)(hh * rh);
	bit[2] = (uint32_t)c;
	c >>= 32;
	bit[3] = c + (hh * rh >> 32);
	for (i = 0; i < (int)frac; i++)
		for (k = 0; k < 4; k++)
			bit[k] = bit[k] >> 1 | (k < 3 ? (bit[k + 1] & 1) << 31 : 0);
	return bit[0] | bit[1] << 32;
}

static void check_to_guest(const struct vmcoop_clock *c, uint64_t host)
{
	EQ(vmcoop_clock_to_guest(c, host),
	   scale_slowly(host, c->ratio, c->frac_bits) + (uint64_t)c->offset);
}

TEST(to_guest_is_what_the_hardware_does)
{
	static const uint64_t edges[] = { 0, 1, 2, MAX, MAX - 1, 1ULL << 63, (1ULL << 63) - 1,
					  1ULL << 32, 0xffffffff };
	struct vmcoop_clock c;
	size_t k;
	int i;

	for (i = 0; i < NR_CLOCKS; i++)
		for (k = 0; k < sizeof(edges) / sizeof(edges[0]); k++)
			check_to_guest(&clocks[i], edges[k]);
	for (i = 0; i < 200000; i++) {
		c = (struct vmcoop_clock){ rnd(), rnd_any() | 1, rnd() % 64 };
		check_to_guest(&c, rnd_any());
	}
}

/* Without the modulo, in 128 bits: what the guest shows, from offset 0 on. */
static unsigned __int128 scaled(const struct vmcoop_clock *c, uint64_t host)
{
	return (unsigned __int128)host * c->ratio >> c->frac_bits;
}

/* to_host gives the least host value at which the guest shows @want or more. */
static void check_least(const struct vmcoop_clock *c, uint64_t want)
{
	uint64_t guest = want + (uint64_t)c->offset;
	uint64_t host = vmcoop_clock_to_host(c, guest);

	if (host != MAX)
		CHECK(scaled(c, host) >= want);
	else
		CHECK(scaled(c, MAX) <= want || scaled(c, MAX - 1) < want);
	if (host)
		CHECK(scaled(c, host - 1) < want);
}

TEST(to_host_is_the_least_host_value)
{
	static const uint64_t edges[] = { 0, 1, 2, 3, 1ULL << 31, 1ULL << 32, 1ULL << 62,
					  1ULL << 63, MAX - 1, MAX };
	struct vmcoop_clock c;
	size_t k;
	int i;

	for (i = 0; i < NR_CLOCKS; i++)
		for (k = 0; k < sizeof(edges) / sizeof(edges[0]); k++)
			check_least(&clocks[i], edges[k]);
	for (i = 0; i < 200000; i++) {
		c = (struct vmcoop_clock){ rnd(), rnd_any() | 1, rnd() % 64 };
		check_least(&c, rnd_any());
	}
}

TEST(there_and_back_is_exact)
{
	int i, k;

	for (i = 0; i < NR_CLOCKS; i++) {
		const struct vmcoop_clock *c = &clocks[i];
		/* Guests no slower than the host show another value at each tick. */
		bool exact = c->ratio >= 1ULL << c->frac_bits;

		for (k = 0; k < 10000; k++) {
			/* Host values whose guest value does not pass 2^64. */
			uint64_t host = rnd_any(), back;

			if (scaled(c, host) > MAX)
				continue;
			back = vmcoop_clock_to_host(c, vmcoop_clock_to_guest(c, host));
			CHECK(exact ? back == host : back <= host);
			EQ(vmcoop_clock_to_guest(c, back), vmcoop_clock_to_guest(c, host));
		}
	}
}

TEST(to_host_never_goes_back)
{
	struct vmcoop_clock c;
	int i;

	for (i = 0; i < 100000; i++) {
		uint64_t a = rnd_any(), b = rnd_any(), lo = a < b ? a : b, hi = a < b ? b : a;

		c = (struct vmcoop_clock){ rnd(), rnd_any() | 1, rnd() % 64 };
		CHECK(vmcoop_clock_to_host(&c, lo + (uint64_t)c.offset) <=
		      vmcoop_clock_to_host(&c, hi + (uint64_t)c.offset));
		CHECK(vmcoop_clock_to_host(&c, lo + (uint64_t)c.offset) <=
		      vmcoop_clock_to_host(&c, lo + 1 + (uint64_t)c.offset) || lo == MAX);
	}
}

TEST(offsets_wrap_modulo_2_64)
{
	struct vmcoop_clock c = { -1000, 1, 0 };

	EQ(vmcoop_clock_to_guest(&c, 0), -1000);
	EQ(vmcoop_clock_to_guest(&c, 1000), 0);
	EQ(vmcoop_clock_to_host(&c, 0), 1000);
	EQ(vmcoop_clock_to_host(&c, (uint64_t)-1000), 0);
	c.offset = INT64_MIN;
	EQ(vmcoop_clock_to_guest(&c, 1ULL << 63), 0);
	EQ(vmcoop_clock_to_host(&c, 0), 1ULL << 63);
}

TEST(what_the_host_never_reaches_saturates)
{
	struct vmcoop_clock c = { 0, 1, 1 };	/* half the host's speed */

	EQ(vmcoop_clock_to_host(&c, MAX), MAX);
	EQ(vmcoop_clock_to_host(&c, 1ULL << 63), MAX);
	EQ(vmcoop_clock_to_host(&c, (1ULL << 63) - 1), MAX - 1);
	c = (struct vmcoop_clock){ 0, 1, 63 };
	EQ(vmcoop_clock_to_host(&c, 1), 1ULL << 63);
	EQ(vmcoop_clock_to_host(&c, 2), MAX);
}

TEST(faster_guests_skip_values)
{
	struct vmcoop_clock c = { 10, 5, 1 };	/* 2.5 times: 0 2 5 7 10 ... */

	EQ(vmcoop_clock_to_host(&c, 10), 0);
	EQ(vmcoop_clock_to_host(&c, 11), 1);
	EQ(vmcoop_clock_to_host(&c, 12), 1);
	EQ(vmcoop_clock_to_host(&c, 13), 2);
	EQ(vmcoop_clock_to_host(&c, 15), 2);
	EQ(vmcoop_clock_to_host(&c, 16), 3);
}

TEST(impossible_clocks_are_told)
{
	CHECK(vmcoop_clock_valid(&(struct vmcoop_clock){ 0, 1, 0 }));
	CHECK(vmcoop_clock_valid(&(struct vmcoop_clock){ -1, MAX, 63 }));
	CHECK(!vmcoop_clock_valid(&(struct vmcoop_clock){ 0, 0, 0 }));
	CHECK(!vmcoop_clock_valid(&(struct vmcoop_clock){ 0, 1, 64 }));
	CHECK(!vmcoop_clock_valid(&(struct vmcoop_clock){ 0, 1, UINT32_MAX }));
}

TESTS(
	RUN(to_guest_is_what_the_hardware_does),
	RUN(to_host_is_the_least_host_value),
	RUN(there_and_back_is_exact),
	RUN(to_host_never_goes_back),
	RUN(offsets_wrap_modulo_2_64),
	RUN(what_the_host_never_reaches_saturates),
	RUN(faster_guests_skip_values),
	RUN(impossible_clocks_are_told),
)
