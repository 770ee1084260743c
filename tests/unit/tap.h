/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program's frame: a list of functions, a TAP line for each.
 *
 *	TEST(ring_keeps_order)
 *	{
 *		CHECK(a == b);
 *		EQ(got, 3);
 *	}
 *	...
 *	TESTS(RUN(ring_keeps_order), ...)
 *
 * A check that fails says where and with which values, and the test goes on.
 */
#ifndef VMCOOP_TAP_H
#define VMCOOP_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_test {
	const char *name;
	void (*run)(void);
};

static int tap_failures;
static const char *tap_skip;

#define TEST(name)	static void name(void)
#define RUN(name)	{ #name, name }
#define SKIP(why)	do { tap_skip = (why); return; } while (0)

static inline bool tap_check(bool good, const char *file, int line, const char *what)
{
	/* The first few tell enough. */
	if (!good && tap_failures++ < 20)
		printf("# %s:%d: %s\n", file, line, what);
	return good;
}

#define CHECK(cond)	tap_check(cond, __FILE__, __LINE__, #cond)

#define EQ(got, want)							\
({									\
	long long tap_got = (got), tap_want = (want);			\
	bool tap_good = tap_check(tap_got == tap_want, __FILE__, __LINE__, #got " == " #want); \
									\
	if (!tap_good && tap_failures <= 20)				\
		printf("#   got %lld (%#llx), want %lld (%#llx)\n",	\
		       tap_got, tap_got, tap_want, tap_want);		\
	tap_good;							\
})

#define NEAR(got, want, by)						\
({									\
	double tap_got = (got), tap_want = (want), tap_by = (by);	\
	bool tap_good = tap_check(tap_got >= tap_want - tap_by && tap_got <= tap_want + tap_by, \
				  __FILE__, __LINE__, #got " near " #want); \
									\
	if (!tap_good && tap_failures <= 20)				\
		printf("#   got %g, want %g +- %g\n", tap_got, tap_want, tap_by); \
	tap_good;							\
})

#define STREQ(got, want)						\
({									\
	const char *tap_got = (got), *tap_want = (want);		\
	bool tap_good = tap_check(tap_got && !strcmp(tap_got, tap_want), __FILE__, __LINE__, \
				  #got " is " #want);			\
									\
	if (!tap_good && tap_failures <= 20)				\
		printf("#   got \"%s\", want \"%s\"\n", tap_got ? tap_got : "(null)", tap_want); \
	tap_good;							\
})

static inline int tap_main(const struct tap_test *tests, int nr)
{
	int i, failed = 0;

	printf("TAP version 13\n1..%d\n", nr);
	for (i = 0; i < nr; i++) {
		tap_failures = 0;
		tap_skip = NULL;
		tests[i].run();
		printf("%sok %d %s%s%s\n", tap_failures ? "not " : "", i + 1, tests[i].name,
		       tap_skip ? " # SKIP " : "", tap_skip ? tap_skip : "");
		fflush(stdout);
		failed += !!tap_failures;
	}
	return failed ? 1 : 0;
}

#define TESTS(...)							\
int main(void)								\
{									\
	static const struct tap_test tests[] = { __VA_ARGS__ };		\
									\
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));	\
}

#endif /* VMCOOP_TAP_H */
