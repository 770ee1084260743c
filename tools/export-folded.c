// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folded stacks: "VM;command;outermost;...;innermost value" lines, as flame
 * graph programs read them.
 */
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "output.h"
#include "stacks.h"

static int begin(struct export *x)
{
	struct stacks *s = xcalloc(1, sizeof(*s));

	s->columns = 1;
	x->priv = s;
	return EXIT_OK;
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct export *x = ctx;
	struct frame f[FRAMES_MAX];
	struct stack key = {
		.vm = j->vm,
		.comm = intern_str(*j->comm ? j->comm : "[unknown]"),
		.frames = f,
	};

	key.depth = frames_of(&x->v.sym, j, f);
	frames_by_symbol(f, key.depth);
	stacks_add(x->priv, &key, 0, j->period, j->count);
}

/* Escaped, and without what separates frames and values. */
static void put_part(FILE *f, const char *escaped)
{
	for (; *escaped; escaped++) {
		if (*escaped == ';')
			fputs("\\x3b", f);
		else
			fputc(*escaped, f);
	}
}

static void put_stack(FILE *f, const struct stack *st, u64 value)
{
	char buf[2048];
	u32 i;

	put_part(f, escape(buf, sizeof(buf), st->vm->name));
	fputc(';', f);
	put_part(f, escape(buf, sizeof(buf), st->comm));
	for (i = st->depth; i--;) {
		fputc(';', f);
		put_part(f, frame_name(&st->frames[i], buf, sizeof(buf)));
	}
	fprintf(f, " %llu\n", value);
}

/* Running time is summed up as stamps and becomes ns here, to the last one. */
static void put_stacks(struct export *x, struct stacks *s, FILE *f)
{
	u64 *value = xreallocarray(NULL, s->nr, sizeof(*value)), total = 0;
	size_t i;

	for (i = 0; i < s->nr; i++) {
		value[i] = s->stacks[i].value[0];
		total += value[i];
	}
	if (x->v.method == METHOD_TICK)
		apportion(view_ns(&x->v, total), value, value, s->nr);
	for (i = 0; i < s->nr; i++)
		if (value[i])
			put_stack(f, &s->stacks[i], value[i]);
	free(value);
}

static int end(struct export *x, int status)
{
	struct stacks *s = x->priv;
	FILE *f;

	f = status ? NULL : output_open(x->output, x->force);
	if (f) {
		stacks_sort(s);
		put_stacks(x, s, f);
		status = output_close(f, x->output, status);
	}
	stacks_free(s);
	free(s);
	return status ?: f ? EXIT_OK : EXIT_FAILED;
}

const struct export_format export_folded = {
	.name = "folded",
	.output = "-",
	.one_event = true,
	.begin = begin,
	.sample = on_sample,
	.end = end,
};
