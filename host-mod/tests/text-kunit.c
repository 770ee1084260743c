// SPDX-License-Identifier: GPL-2.0-only
/* text.c: every record and every exit has a name, every sample a line. */
#include "../text.c"
#include "world.h"

static void text_names(struct kunit *test)
{
	unsigned int i, k;

	for (i = VMCOOP_HOST_SAMPLE; i <= VMCOOP_HOST_RESUME; i++) {
		KUNIT_EXPECT_STRNEQ(test, vh_text_type(i), "other");
		for (k = VMCOOP_HOST_SAMPLE; k < i; k++)
			KUNIT_EXPECT_STRNEQ(test, vh_text_type(i), vh_text_type(k));
	}
	KUNIT_EXPECT_STREQ(test, vh_text_type(0), "other");
	KUNIT_EXPECT_STREQ(test, vh_text_type(U32_MAX), "other");
	for (i = 0; i < VMCOOP_EXITS; i++) {
		KUNIT_ASSERT_NOT_NULL(test, vmcoop_exit_name(i));
		KUNIT_EXPECT_STRNEQ(test, vmcoop_exit_name(i), "?");
	}
	KUNIT_EXPECT_STREQ(test, vmcoop_exit_name(VMCOOP_EXITS), "?");
	KUNIT_EXPECT_STREQ(test, vmcoop_exit_name(U32_MAX), "?");
}

static void text_samples(struct kunit *test)
{
	struct vmcoop_host_sample s = {
		.hdr.stamp = 123456789, .pcpu = 3, .vm = 4711, .vcpu = 1,
		.mode = VMCOOP_MODE_USER, .ip = 0x401000, .period = 1000003,
	};
	char line[128];
	int len;

	vh_text_sample(line, sizeof(line), &s, "cycles:u");
	KUNIT_EXPECT_STREQ(test, line,
			   "       123456789    3     4711    1 cycles:u         user     0x0000000000401000 1000003\n");
	s.mode = VMCOOP_MODE_KERNEL;
	s.sflags = VMCOOP_S_MODE_DERIVED;
	s.ip = U64_MAX;
	vh_text_sample(line, sizeof(line), &s, "cycles");
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, "kernel*"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, "0xffffffffffffffff"));
	/* An address that is none is not shown as one. */
	s.mode = 77;
	s.sflags = VMCOOP_S_IP_HIDDEN;
	vh_text_sample(line, sizeof(line), &s, "cycles");
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, "hidden"));
	KUNIT_EXPECT_NULL(test, strstr(line, "ffff"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(line, "unknown"));
	/* All at its largest: cut, never overrun. */
	memset(&s, 0xff, sizeof(s));
	memset(line, 0x7e, sizeof(line));
	len = vh_text_sample(line, 40, &s, "an-event-with-quite-a-long-name-of-its-own");
	KUNIT_EXPECT_GT(test, len, 40);
	KUNIT_EXPECT_EQ(test, line[39], '\0');
	KUNIT_EXPECT_EQ(test, line[40], 0x7e);
}

static struct kunit_case text_cases[] = {
	KUNIT_CASE(text_names),
	KUNIT_CASE(text_samples),
	{ }
};

static struct kunit_suite text_suite = {
	.name = "vmcoop_host_text",
	.test_cases = text_cases,
};

kunit_test_suite(text_suite);
