/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of vmcoop-dump uses: short integer names, allocation that
 * does not return on failure, messages, and exit statuses.
 *
 * Functions that can fail for a reason the user must hear print it themselves
 * and return the exit status (0 is success): "return fail(EXIT_BAD, ...)".
 */
#ifndef VMCOOP_UTIL_H
#define VMCOOP_UTIL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define EXIT_OK		0
#define EXIT_FAILED	1	/* the operation failed */
#define EXIT_BAD	2	/* bad usage, or an input file that is not ours */

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define NSEC_PER_SEC	1000000000ULL

static inline u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

void *xcalloc(size_t n, size_t size);
/* Zeroed memory that begins with a cache line. */
void *xcalloc_line(size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __printf(1, 2);

void warn(const char *fmt, ...) __printf(1, 2);
/* Says why, and is @status. A macro, so that whoever reads the code, programs too, sees that. */
#define fail(status, ...)	(warn(__VA_ARGS__), (status))

/* Unit tests provoke errors by the hundred: nothing is printed while set. */
extern bool quiet;
/* A line of progress stands on the terminal: messages take its place. */
extern bool progress_shown;

u64 now_ns(void);

/* Decimal number from @min to @max: true, and the number in @out. */
bool parse_u64(const char *s, u64 min, u64 max, u64 *out);

/* Copies a fixed-size field that may lack its NUL. @out has @n + 1 bytes. */
void copy_field(char *out, const char *field, size_t n);
/* @n bytes as 2 * @n hex digits and a NUL. */
void hex_bytes(char *out, const u8 *bytes, size_t n);

#endif /* VMCOOP_UTIL_H */
