// SPDX-License-Identifier: GPL-2.0-only
/*
 * common/clock.h against the kernel's own arithmetic, which is what KVM scales
 * a guest's clock with: kvm_scale_tsc() is mul_u64_u64_shr().
 */
#include <kunit/test.h>
#include <linux/math64.h>
#include <linux/prandom.h>

#include "../clock.h"

static void expect_as_kvm(struct kunit *test, const struct vmcoop_clock *c, u64 host)
{
	u64 kvm = mul_u64_u64_shr(host, c->ratio, c->frac_bits) + c->offset;

	KUNIT_EXPECT_EQ_MSG(test, vmcoop_clock_to_guest(c, host), kvm,
			    "host %llu ratio %llu/2^%u offset %lld", host, c->ratio,
			    c->frac_bits, c->offset);
}

static const u64 edges[] = {
	0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
};

static void clock_at_edges(struct kunit *test)
{
	static const u32 bits[] = { 0, 1, 31, 32, 33, 47, 48, 63 };
	unsigned int h, r, o, b;

	for (h = 0; h < ARRAY_SIZE(edges); h++)
		for (r = 1; r < ARRAY_SIZE(edges); r++)
			for (o = 0; o < ARRAY_SIZE(edges); o++)
				for (b = 0; b < ARRAY_SIZE(bits); b++) {
					struct vmcoop_clock c = {
						.offset = edges[o],
						.ratio = edges[r],
						.frac_bits = bits[b],
					};

					expect_as_kvm(test, &c, edges[h]);
				}
}

static void clock_at_random(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 20091);
	for (i = 0; i < 100000; i++) {
		struct vmcoop_clock c;
		u64 host;

		prandom_bytes_state(&rnd, &c, sizeof(c));
		prandom_bytes_state(&rnd, &host, sizeof(host));
		c.frac_bits %= 64;
		expect_as_kvm(test, &c, host >> i % 64);
	}
}

/* As a host that has run for longer than its guest sets it: the usual case. */
static void clock_behind_the_host(struct kunit *test)
{
	struct vmcoop_clock c = { .offset = -5000000000LL, .ratio = 1ULL << 32, .frac_bits = 32 };

	KUNIT_EXPECT_EQ(test, vmcoop_clock_to_guest(&c, 5000000000ULL), 0ULL);
	KUNIT_EXPECT_EQ(test, vmcoop_clock_to_guest(&c, 5000000007ULL), 7ULL);
	KUNIT_EXPECT_EQ(test, vmcoop_clock_to_guest(&c, 4999999999ULL), U64_MAX);
}

static void clock_of_no_use(struct kunit *test)
{
	struct vmcoop_clock c = { .ratio = 1 };

	KUNIT_EXPECT_TRUE(test, vmcoop_clock_valid(&c));
	c.frac_bits = 63;
	KUNIT_EXPECT_TRUE(test, vmcoop_clock_valid(&c));
	c.frac_bits = 64;
	KUNIT_EXPECT_FALSE(test, vmcoop_clock_valid(&c));
	c = (struct vmcoop_clock){ .offset = 1, .frac_bits = 32 };
	KUNIT_EXPECT_FALSE(test, vmcoop_clock_valid(&c));
}

static struct kunit_case clock_cases[] = {
	KUNIT_CASE(clock_at_edges),
	KUNIT_CASE(clock_at_random),
	KUNIT_CASE(clock_behind_the_host),
	KUNIT_CASE(clock_of_no_use),
	{ }
};

static struct kunit_suite clock_suite = {
	.name = "vmcoop_clock",
	.test_cases = clock_cases,
};

kunit_test_suite(clock_suite);
