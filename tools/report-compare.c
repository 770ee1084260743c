// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shares that the methods tell, side by side. They are of different things (events,
 * running time, counted events): the more they differ, the less a function's time says of
 * its events. They are never added up.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "report.h"
#include "term.h"

/**
 * struct comparison - the rows of all methods that have any
 * @nr_methods: of them
 * @methods: which
 * @pairs: the rows with the same keys, NULL where a method has none
 * @nr: of them
 */
struct comparison {
	u32 nr_methods;
	enum join_method methods[NR_METHODS];
	struct pair {
		const struct row *of[NR_METHODS];
	} *pairs;
	size_t nr;
};

static bool in_an_earlier(const struct report *r, const struct comparison *c, u32 upto,
			  const struct row *row)
{
	u32 m;

	for (m = 0; m < upto; m++)
		if (rows_like(&r->rows[c->methods[m]], row))
			return true;
	return false;
}

/* What weighs most for the first method comes first, then what it does not have. */
static void compare(const struct report *r, struct comparison *c)
{
	size_t all = 0, i;
	u32 m, k;

	memset(c, 0, sizeof(*c));
	for (m = 0; m < NR_METHODS; m++) {
		if (!r->rows[m].period)
			continue;
		c->methods[c->nr_methods++] = m;
		all += r->rows[m].nr;
	}
	c->pairs = xcalloc(all + 1, sizeof(*c->pairs));
	for (m = 0; m < c->nr_methods; m++) {
		const struct rows *rows = &r->rows[c->methods[m]];

		for (i = 0; i < rows->nr; i++) {
			if (in_an_earlier(r, c, m, &rows->rows[i]))
				continue;
			for (k = m; k < c->nr_methods; k++)
				c->pairs[c->nr].of[k] =
					rows_like(&r->rows[c->methods[k]],
						  &rows->rows[i]);
			c->nr++;
		}
	}
}

static double pair_share(const struct report *r, const struct comparison *c, const struct pair *p,
			 u32 m)
{
	return p->of[m] ? row_share(&r->rows[c->methods[m]], p->of[m]) : 0;
}

/* Total variation distance of two methods' shares, 0 to 1. */
static double distance(const struct report *r, const struct comparison *c, u32 a, u32 b)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < c->nr; i++)
		sum += fabs(pair_share(r, c, &c->pairs[i], a) - pair_share(r, c, &c->pairs[i], b));
	return sum / 2;
}

static const struct row *any_of(const struct comparison *c, const struct pair *p, u32 *m)
{
	for (*m = 0; *m < c->nr_methods; ++*m)
		if (p->of[*m])
			return p->of[*m];
	return NULL;
}

/* ---- Text ---------------------------------------------------------------------------- */

#define SHARE_WIDTH	22

/**
 * struct keys - the columns that tell rows apart
 * @fields: what they are
 * @nr: of them
 * @widths: of each
 */
struct keys {
	u8 fields[NR_FIELDS];
	u32 nr;
	size_t widths[NR_FIELDS];
};

static void find_keys(const struct report *r, const struct comparison *c, size_t nr_pairs,
		      struct keys *k)
{
	u8 fields[NR_FIELDS];
	u32 nr = report_fields(r, r->method, fields), i, m;
	char cell[REPORT_CELL];
	size_t p;

	k->nr = 0;
	for (i = 0; i < nr; i++) {
		if (!report_field_is_key(fields[i]))
			continue;
		k->fields[k->nr] = fields[i];
		k->widths[k->nr] = strlen(report_field_title(fields[i]));
		for (p = 0; p < nr_pairs; p++) {
			const struct row *row = any_of(c, &c->pairs[p], &m);

			report_cell(r, c->methods[m], row, fields[i], cell);
			k->widths[k->nr] = max_u64(k->widths[k->nr], text_width(cell));
		}
		k->nr++;
	}
}

static void put_keys(const struct report *r, enum join_method m, const struct row *row,
		     const struct keys *k, FILE *f)
{
	char cell[REPORT_CELL];
	u32 i;

	for (i = 0; i < k->nr; i++) {
		int pad;

		if (row)
			report_cell(r, m, row, k->fields[i], cell);
		else
			snprintf(cell, sizeof(cell), "%s", report_field_title(k->fields[i]));
		pad = k->widths[i] - text_width(cell);
		if (report_field_right(k->fields[i]))
			fprintf(f, "  %*s%s", pad, "", cell);
		else
			fprintf(f, "  %s%*s", cell, i + 1 < k->nr ? pad : 0, "");
	}
	fputc('\n', f);
}

static void put_pair(const struct report *r, const struct comparison *c, const struct pair *p,
		     const struct keys *k, FILE *f)
{
	char share[REPORT_CELL], interval[REPORT_CELL];
	const struct row *row;
	u32 m;

	fputc(' ', f);
	for (m = 0; m < c->nr_methods; m++) {
		strcpy(share, "-");
		*interval = '\0';
		if (p->of[m]) {
			report_cell(r, c->methods[m], p->of[m], FIELD_SHARE, share);
			report_cell(r, c->methods[m], p->of[m], FIELD_INTERVAL, interval);
		}
		fprintf(f, "  %7s %14s", share, interval);
	}
	row = any_of(c, p, &m);
	put_keys(r, c->methods[m], row, k, f);
}

void report_compare(const struct report *r, FILE *f)
{
	struct comparison c;
	struct keys k;
	u32 a, b;
	size_t i, n;

	compare(r, &c);
	for (a = 0; a < c.nr_methods; a++)
		for (b = a + 1; b < c.nr_methods; b++)
			fprintf(f, "# %s and %s differ in %.2f %% of their weight\n",
				method_names[c.methods[a]], method_names[c.methods[b]],
				100 * distance(r, &c, a, b));
	n = report_limit(r, c.nr);
	find_keys(r, &c, n, &k);
	fprintf(f, "#%s", term_style(TERM_BOLD));
	for (a = 0; a < c.nr_methods; a++)
		fprintf(f, "  %*s", SHARE_WIDTH, method_names[c.methods[a]]);
	put_keys(r, r->method, NULL, &k, f);
	fputs(term_style(TERM_PLAIN), f);
	for (i = 0; i < n; i++)
		put_pair(r, &c, &c.pairs[i], &k, f);
	if (n < c.nr)
		fprintf(f, "# and %zu rows more\n", c.nr - n);
	free(c.pairs);
}

/* ---- JSON ---------------------------------------------------------------------------- */

static void json_pair(const struct report *r, const struct comparison *c, const struct pair *p,
		      struct json *j)
{
	char buf[64];
	const struct row *row;
	u32 m;

	row = any_of(c, p, &m);
	json_open(j, NULL, '{');
	json_row_keys(j, &r->rows[c->methods[m]], row);
	json_str(j, "sym", row_symbol(row, buf, sizeof(buf)));
	for (m = 0; m < c->nr_methods; m++) {
		struct interval iv = { 0 };

		if (p->of[m])
			iv = row_interval(&r->rows[c->methods[m]], p->of[m]);
		json_open(j, method_names[c->methods[m]], '{');
		json_num(j, "share", pair_share(r, c, p, m), 6, true);
		json_num(j, "low", iv.low, 6, iv.n > 0);
		json_num(j, "high", iv.high, 6, iv.n > 0);
		json_close(j, '}');
	}
	json_close(j, '}');
}

void report_compare_json(const struct report *r, struct json *j)
{
	struct comparison c;
	u32 a, b;
	size_t i;

	compare(r, &c);
	json_open(j, "compared", '{');
	json_open(j, "distances", '[');
	for (a = 0; a < c.nr_methods; a++) {
		for (b = a + 1; b < c.nr_methods; b++) {
			json_open(j, NULL, '{');
			json_str(j, "a", method_names[c.methods[a]]);
			json_str(j, "b", method_names[c.methods[b]]);
			json_num(j, "total_variation", distance(r, &c, a, b), 6, true);
			json_close(j, '}');
		}
	}
	json_close(j, ']');
	json_open(j, "rows", '[');
	for (i = 0; i < report_limit(r, c.nr); i++)
		json_pair(r, &c, &c.pairs[i], j);
	json_close(j, ']');
	json_close(j, '}');
	free(c.pairs);
}
