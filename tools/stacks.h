/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples summed up by task and stack.
 */
#ifndef VMCOOP_STACKS_H
#define VMCOOP_STACKS_H

#include "frames.h"

#define STACKS_MAX	(1U << 20)	/* more different ones go into one of their VM */

/**
 * struct stack - what has the same task and frames; what is not of interest is 0
 * @comm: unique string
 * @frames: the innermost first
 * @samples: how many
 * @value: of each column
 */
struct stack {
	const struct vm *vm;
	u32 vcpu, pid, tid;
	const char *comm;
	const struct frame *frames;
	u32 depth;
	u64 samples;
	u64 *value;
};

/**
 * struct stacks - all of them; zero but for @columns is none
 * @columns: values of each
 * @merged: samples that are in none of their own for want of room
 */
struct stacks {
	u32 columns;
	struct stack *stacks;
	size_t nr, cap;
	u64 merged;
	u32 *slots;
	size_t nr_slots;
};

/* Adds @samples samples, worth @value, to the stack that is like @key. */
void stacks_add(struct stacks *s, const struct stack *key, u32 column, u64 value, u32 samples);
/* Puts them into an order that depends on nothing but what they say. Ends adding. */
void stacks_sort(struct stacks *s);
void stacks_free(struct stacks *s);

/*
 * Cuts @total into @nr whole parts in proportion to @weight, by largest
 * remainder: their sum is @total (if any weight is not 0).
 */
void apportion(u64 total, const u64 *weight, u64 *part, size_t nr);

#endif /* VMCOOP_STACKS_H */
