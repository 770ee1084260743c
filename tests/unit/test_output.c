// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is printed: names that guests chose come out harmless in every format,
 * and shares are what they should be.
 */
#include "../../tools/output.h"
#include "../../tools/report.h"
#include "stream.h"
#include "tap.h"

static const char *esc(const char *s)
{
	static char buf[256];

	return escape(buf, sizeof(buf), s);
}

TEST(plain_text_stays)
{
	STREQ(esc("sh -c x"), "sh -c x");
	STREQ(esc(""), "");
	STREQ(esc("grün 日本 🙂"), "grün 日本 🙂");
	STREQ(esc("<b>&\"'=1+1"), "<b>&\"'=1+1");
}

TEST(control_characters_are_escaped)
{
	STREQ(esc("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m");
	STREQ(esc("a\nb\rc\td\be"), "a\\x0ab\\x0dc\\x09d\\x08e");
	STREQ(esc("\x7f\x01"), "\\x7f\\x01");
	/* U+009B, a terminal's one-character "ESC [". */
	STREQ(esc("\xc2\x9b" "31m"), "\\xc2\\x9b31m");
	/* U+202E turns the text behind it around; U+200B is not to be seen. */
	STREQ(esc("a\xe2\x80\xae" "b\xe2\x80\x8b"), "a\\xe2\\x80\\xaeb\\xe2\\x80\\x8b");
	STREQ(esc("back\\slash"), "back\\\\slash");
}

TEST(what_is_no_utf8_is_escaped)
{
	STREQ(esc("\xff\xfe"), "\\xff\\xfe");
	STREQ(esc("\xc3"), "\\xc3");			/* cut */
	STREQ(esc("\xe2\x82"), "\\xe2\\x82");
	STREQ(esc("\xc0\xaf"), "\\xc0\\xaf");		/* overlong '/' */
	STREQ(esc("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
	STREQ(esc("\xed\xa0\x80"), "\\xed\\xa0\\x80");	/* surrogate */
	STREQ(esc("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	STREQ(esc("\x80" "abc"), "\\x80abc");
}

TEST(escapes_are_cut_whole)
{
	char buf[8];

	STREQ(escape(buf, 4, "\n\n"), "");
	STREQ(escape(buf, 5, "\n\n"), "\\x0a");
	STREQ(escape(buf, 8, "abc\n\n"), "abc\\x0a");
	STREQ(escape(buf, 4, "ab\xc3\xbc"), "ab");
	STREQ(escape(buf, 1, "abc"), "");
	EQ(text_width("gr\xc3\xbcn"), 4);
}

/* ---- JSON -------------------------------------------------------------------------- */

static char *json_text;
static size_t json_len;

static const char *json_of(const char *s)
{
	FILE *f;

	free(json_text);
	f = open_memstream(&json_text, &json_len);
	json_string(f, s);
	fclose(f);
	return json_text;
}

TEST(json_strings_are_valid)
{
	STREQ(json_of("plain"), "\"plain\"");
	STREQ(json_of("say \"hi\""), "\"say \\\"hi\\\"\"");
	STREQ(json_of("back\\slash"), "\"back\\\\\\\\slash\"");
	STREQ(json_of("\x1b\n"), "\"\\\\x1b\\\\x0a\"");
	STREQ(json_of("\xff"), "\"\\\\xff\"");
	STREQ(json_of("ü"), "\"ü\"");
	STREQ(json_of(NULL), "null");
}

/* ---- Reports ------------------------------------------------------------------------- */

static struct report report;
static char *text;

static void on_sample(void *ctx, const struct joined *j)
{
	struct place p;

	(void)ctx;
	symbolize(&report.sym, j, &p);
	rows_add(&report.rows[j->method], j, &p);
}

static void make_report(struct stream *s, enum join_method method, bool json)
{
	size_t len;
	FILE *f;

	memset(&report, 0, sizeof(report));
	report.file = "te\x1bst";
	report.method = method;
	report.rows[0].keys = report.rows[1].keys = parse_sort_keys("vm,comm,pid,dso,sym");
	stream_read(s, &report.s, on_sample, NULL);
	stream_free(s);
	rows_finish(&report.rows[method]);
	f = open_memstream(&text, &len);
	if (json)
		report_json(&report, f);
	else
		report_text(&report, f);
	fclose(f);
}

static void end_report(void)
{
	int i;

	for (i = 0; i < NR_METHODS; i++)
		rows_free(&report.rows[i]);
	session_free(&report.s);
	symbolizer_free(&report.sym);
	free(text);
}

/* Two processes; the first has three objects hit 60, 30 and 10 times. */
static void shares_stream(struct stream *s)
{
	int i;

	stream_begin(s);
	stream_guest(s, 10, 100, 1, 0);
	put_vcpu(s, 1, 1, 0, 5);
	put_clock(s, 1, 1, 0, 5, &s->clock);
	put_in(s, 1, 1, 0, 5);
	put_comm(s, 10, 2, 0, 7, 7, "shares");
	put_comm(s, 10, 2, 0, 8, 8, "other");
	put_mmap(s, 10, 3, 0, 7, 0x1000, 0x1000, 0, "/bin/sixty");
	put_mmap(s, 10, 3, 0, 7, 0x2000, 0x1000, 0, "/bin/thirty");
	put_mmap(s, 10, 3, 0, 7, 0x3000, 0x1000, 0, "/bin/ten");
	put_switch(s, 10, 10, 0, 7, 7);
	for (i = 0; i < 100; i++)
		put_sample(s, 1, 20 + i, 0, 5, i < 60 ? 0x1010 : i < 90 ? 0x2010 : 0x3010);
	put_switch(s, 10, 200, 0, 8, 8);
	for (i = 0; i < 100; i++)
		put_sample(s, 1, 210 + i, 0, 5, 0xffffffff81000000ULL);
	put_sample(s, 1, 400, 0, 5, 0x5000);
}

TEST(shares_and_process_shares)
{
	const struct rows *rows = &report.rows[METHOD_SAMPLED];
	struct stream s;

	shares_stream(&s);
	make_report(&s, METHOD_SAMPLED, false);
	EQ(rows->samples, 201);
	EQ(rows->nr, 5);
	EQ(rows->by_reason[REASON_NO_MAPPING], 1);
	STREQ(rows->rows[0].dso, "[kernel]");
	NEAR(row_share(rows, &rows->rows[0]), 100.0 / 201, 1e-9);
	NEAR(row_process_share(rows, &rows->rows[0]), 100.0 / 101, 1e-9);
	STREQ(rows->rows[1].dso, "sixty");
	NEAR(row_share(rows, &rows->rows[1]), 60.0 / 201, 1e-9);
	NEAR(row_process_share(rows, &rows->rows[1]), 0.6, 1e-9);
	NEAR(row_process_share(rows, &rows->rows[2]), 0.3, 1e-9);
	NEAR(row_process_share(rows, &rows->rows[3]), 0.1, 1e-9);
	CHECK(strstr(text, "200 attributed"));
	CHECK(strstr(text, "[no mapping at the address]"));
	end_report();
}

/* A VM, a task and an object whose names want to be more than names. */
static void hostile_stream(struct stream *s)
{
	stream_begin(s);
	stream_kv(s, CHUNK_VM, 0, "pid=100\nname=\\x1b[2J\\x0aevil\nregion=/dev/shm/\\x07x\n");
	stream_guest(s, 10, 100, 1, 0);
	stream_kv(s, CHUNK_NOTE, 0, "text=note \\x1b]0;title\\x07\n");
	put_vcpu(s, 1, 1, 0, 5);
	put_clock(s, 1, 1, 0, 5, &s->clock);
	put_comm(s, 10, 2, 0, 7, 7, "\x1b[31m\"],\xff");
	put_mmap(s, 10, 3, 0, 7, 0x1000, 0x1000, 0, "/bin/\n\x1b[0m\"},{\"x\":\"y");
	put_switch(s, 10, 10, 0, 7, 7);
	put_sample(s, 1, 20, 0, 5, 0x1010);
}

static bool only_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' && *s != '\n')
			return false;
	return true;
}

TEST(hostile_names_are_harmless_in_text)
{
	struct stream s;

	hostile_stream(&s);
	make_report(&s, METHOD_SAMPLED, false);
	CHECK(only_text(text));
	CHECK(strstr(text, "\\x1b[2J\\x0aevil"));
	CHECK(strstr(text, "\\x1b[31m\"],\\xff"));
	CHECK(strstr(text, "\\x0a\\x1b[0m\"},{\"x\":\"y"));
	end_report();
}

/* Walks over a JSON value; NULL if it is not valid. Strings must be plain. */
static const char *json_value(const char *p);

static const char *json_space(const char *p)
{
	return p ? p + strspn(p, " \n\t") : NULL;
}

static const char *json_quoted(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if ((unsigned char)*p < ' ')
			return NULL;
		if (*p == '\\' && *++p != '\\' && *p != '"')
			return NULL;
	}
	return p + 1;
}

static const char *json_list(const char *p, char end)
{
	p = json_space(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		if (end == '}') {
			p = json_space(json_quoted(p));
			if (!p || *p++ != ':')
				return NULL;
		}
		p = json_space(json_value(json_space(p)));
		if (!p)
			return NULL;
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
		p = json_space(p);
	}
}

static const char *json_value(const char *p)
{
	char *end;

	if (*p == '{')
		return json_list(p, '}');
	if (*p == '[')
		return json_list(p, ']');
	if (*p == '"')
		return json_quoted(p);
	if (!strncmp(p, "null", 4) || !strncmp(p, "true", 4))
		return p + 4;
	if (!strncmp(p, "false", 5))
		return p + 5;
	strtod(p, &end);
	return end > p ? end : NULL;
}

TEST(reports_in_json_are_valid_whatever_the_names)
{
	static const char *const keys[] = {
		"\"file\":", "\"duration_s\":", "\"events\":", "\"vms\":", "\"rings\":",
		"\"join\":", "\"ticks\":", "\"inside\":", "\"shifted\":", "\"shift_us\":",
		"\"entry_distance_us\":", "\"median\":", "\"verdict\":", "\"samples\":",
		"\"unattributed\":", "\"rows\":", "\"notes\":", "\"process_share\":", "\"balanced\":",
	};
	struct stream s;
	const char *end;
	size_t i;

	hostile_stream(&s);
	make_report(&s, METHOD_SAMPLED, true);
	end = json_space(json_value(text));
	CHECK(end && !*end);
	CHECK(only_text(text));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!CHECK(strstr(text, keys[i])))
			printf("#   %s\n", keys[i]);
	end_report();
	shares_stream(&s);
	make_report(&s, METHOD_SAMPLED, true);
	end = json_space(json_value(text));
	CHECK(end && !*end);
	CHECK(strstr(text, "\"process_share\":0.600000"));
	end_report();
}

TEST(an_empty_recording_is_reported)
{
	struct stream s;
	const char *end;

	stream_begin(&s);
	make_report(&s, METHOD_TICK, true);
	end = json_space(json_value(text));
	CHECK(end && !*end);
	end_report();
	stream_begin(&s);
	make_report(&s, METHOD_SAMPLED, false);
	CHECK(strstr(text, "none was seen"));
	end_report();
}

TEST(sort_keys)
{
	quiet = true;
	EQ(parse_sort_keys("vm"), 1 << KEY_VM);
	EQ(parse_sort_keys("pid,vm"), 1 << KEY_VM | 1 << KEY_PID);
	EQ(parse_sort_keys("sym"), 1 << KEY_SYM | 1 << KEY_MODE);
	EQ(parse_sort_keys(""), 0);
	EQ(parse_sort_keys("vm,nonsense"), 0);
	EQ(parse_sort_keys("vm,,pid"), 0);
	quiet = false;
}

TEST(lines_are_what_printf_would_print)
{
	static const u64 values[] = { 0, 7, 1000003, 0xffffffff81000000ULL, UINT64_MAX };
	struct line l = { 0 };
	char want[256];
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		l.n = 0;
		line_u64(&l, values[i], 10, 10, ' ');
		line_str(&l, "|");
		line_u64(&l, values[i], 16, 16, ' ');
		line_u64(&l, values[i], 10, 0, ' ');
		line_u64(&l, values[i], 10, 6, '0');
		line_escaped(&l, "a\nb\\c");
		snprintf(want, sizeof(want), "%10llu|%16llx%llu%06llua\\x0ab\\\\c", values[i],
			 values[i], values[i], values[i]);
		EQ(l.n, strlen(want));
		CHECK(!memcmp(l.text, want, l.n));
	}
	/* More than fits is left out. */
	for (i = 0; i < sizeof(l.text) / 10 + 2; i++)
		line_str(&l, "0123456789");
	EQ(l.n, sizeof(l.text));
}

TESTS(
	RUN(lines_are_what_printf_would_print),
	RUN(plain_text_stays),
	RUN(control_characters_are_escaped),
	RUN(what_is_no_utf8_is_escaped),
	RUN(escapes_are_cut_whole),
	RUN(json_strings_are_valid),
	RUN(shares_and_process_shares),
	RUN(hostile_names_are_harmless_in_text),
	RUN(reports_in_json_are_valid_whatever_the_names),
	RUN(an_empty_recording_is_reported),
	RUN(sort_keys),
)
