/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal that standard output may be: its width, colour, and a pager.
 *
 * All three keep their answers once a pager has taken standard output over.
 */
#ifndef VMCOOP_TERM_H
#define VMCOOP_TERM_H

#include "util.h"

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW };

/* Columns of a line; 0: standard output is no terminal, lines may be of any length. */
unsigned int term_width(void);

/*
 * What --color was given: auto (a terminal that knows colours, and no NO_COLOR),
 * always, never. Return: 0, or the exit status with a message.
 */
int term_color(const char *when);

/* What to print to begin @style; "" without colour. TERM_PLAIN ends any. */
const char *term_style(enum term_style style);

/*
 * Hands what is printed from here on to a pager if standard output is a
 * terminal: $VMCOOP_PAGER, $PAGER, or less; none if that is empty or "cat". To be called
 * with the first line ready: Ctrl-C is the pager's from then on. At exit the pager is waited for.
 */
void term_pager(void);

#endif /* VMCOOP_TERM_H */
