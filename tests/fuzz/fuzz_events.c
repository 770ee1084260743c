// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host module's parser of events and filters (host-mod/parse.c itself, with what it
 * uses of the kernel made here). By the input's first byte: a list of events, a filter,
 * a period, a frequency. What is accepted has to be what the module may rely on.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>

#include "../../common/abi.h"
#include "fuzz.h"

typedef s64 ssize;

#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define TASK_COMM_LEN		16
#define PID_MAX_LIMIT		(4 * 1024 * 1024)
#define VH_MAX_EVENTS		8
#define sizeof_field(t, f)	sizeof(((t *)0)->f)
#define scnprintf(to, n, ...)	min_u64(snprintf(to, n, __VA_ARGS__), (n) ? (n) - 1 : 0)
#define str_has_prefix(s, p)	(strncmp(s, p, strlen(p)) ? 0 : strlen(p))

static ssize strscpy(char *to, const char *from, size_t n)
{
	size_t len = strnlen(from, n);

	if (!n)
		return -E2BIG;
	memcpy(to, from, len);
	to[len < n ? len : n - 1] = '\0';
	return len < n ? (ssize)len : -E2BIG;
}

static int kstrtoull(const char *s, unsigned int base, u64 *val)
{
	char *end;

	if (!isalnum(*s))
		return -EINVAL;
	errno = 0;
	*val = strtoull(s, &end, base);
	return errno || *end ? -EINVAL : 0;
}

#define kstrtou64		kstrtoull

#include "parse-host.h"			/* of host-mod/host.h: message.c's and parse.c's parts */

void vh_err(const char *fmt, ...)
{
	char text[sizeof_field(struct vmcoop_host_message, text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
}

#include "parse-host.c"			/* host-mod/parse.c without its includes */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void fuzz_list(char *text)
{
	struct vh_event events[VH_MAX_EVENTS] = { 0 };
	int nr = vh_parse_events(text, events, VH_MAX_EVENTS), i;

	if (nr > VH_MAX_EVENTS || !nr)
		abort();
	for (i = 0; i < nr; i++)
		if (!*events[i].name || !memchr(events[i].name, 0, sizeof(events[i].name)) ||
		    events[i].type == VH_TYPE_UNSET || (events[i].period && events[i].freq))
			abort();
}

static void fuzz_filter(char *text)
{
	struct vh_filter filter;
	unsigned int i;

	if (vh_parse_filter(text, &filter))
		return;
	if (filter.nr > ARRAY_SIZE(filter.term))
		abort();
	for (i = 0; i < filter.nr; i++)
		if (!filter.term[i].pid &&
		    (!*filter.term[i].comm || !memchr(filter.term[i].comm, 0, TASK_COMM_LEN)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vh_event event = { .name = "cycles", .min_period = 100 };
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	switch (*data) {
	case 'v':
		fuzz_filter(text);
		break;
	case 'p':
		vh_parse_period(text, &event);
		break;
	case 'f':
		vh_parse_freq(text, &event);
		break;
	default:
		fuzz_list(text);
	}
	free(text);
	return 0;
}
