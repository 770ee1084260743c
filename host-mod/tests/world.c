// SPDX-License-Identifier: GPL-2.0-only
/* What the tested files call, and how to see what they have done. */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/stdarg.h>

#include "world.h"

u64 world_stamp;
bool world_any_vcpus;
unsigned int world_counts;
unsigned int vh_nr_counting;

static char last[sizeof_field(struct vmcoop_host_message, text)];

void vh_err(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(last, sizeof(last), fmt, args);
	va_end(args);
}

void vh_message_clear(void)
{
	last[0] = '\0';
}

const char *vh_message(void)
{
	return last;
}

u64 vh_arch_stamp(void)
{
	return world_stamp;
}

u64 vh_arch_clock_khz(void)
{
	return 1000;		/* stamps are us */
}

void vh_events_vcpus(bool any)
{
	world_any_vcpus = any;
}

void vh_count_write(const struct vh_vcpu *v, u8 where, u8 flags, u64 stamp)
{
	world_counts++;
}

void world_bind(void)
{
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

void world_read(struct kunit *test, struct world_reader *r)
{
	long len;

	r->nr = 0;
	while ((len = vmcoop_ring_fetch(r->ring, r->pos, r->buf, sizeof(r->buf))) > 0) {
		int size;
		u64 off;

		for (off = 0; (size = vmcoop_rec_next(r->buf, len, off)) > 0; off += size) {
			KUNIT_ASSERT_LT(test, r->nr, (unsigned int)WORLD_RECORDS);
			KUNIT_ASSERT_LE(test, (size_t)size, sizeof(r->rec[0]));
			memcpy(&r->rec[r->nr++], (void *)r->buf + off, size);
		}
		KUNIT_ASSERT_EQ(test, size, 0);
		r->pos += off;
	}
	KUNIT_ASSERT_EQ(test, len, 0L);
}

void world_expect(struct kunit *test, struct world_reader *r, ...)
{
	unsigned int i;
	va_list types;
	int type;

	world_read(test, r);
	va_start(types, r);
	for (i = 0; (type = va_arg(types, int)); i++)
		if (i < r->nr)
			KUNIT_EXPECT_STREQ(test, vh_text_type(r->rec[i].hdr.type),
					   vh_text_type(type));
	va_end(types);
	KUNIT_ASSERT_EQ(test, r->nr, i);
}

MODULE_DESCRIPTION("vmcoop: KUnit suites of the host module");
MODULE_LICENSE("GPL");
