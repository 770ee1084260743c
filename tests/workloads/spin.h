/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that run a known number of instructions: units of SPIN_INSNS each.
 *
 * All but two of a unit are nops. Where time counts instructions, an emulator has next
 * to nothing to do for them, so that seconds of the guest's time cost a fraction here.
 */
#ifndef WORKLOADS_SPIN_H
#define WORKLOADS_SPIN_H

#define SPIN_INSNS	256UL

#if defined(__x86_64__)
#define SPIN(n) asm volatile("1:	.rept 254\n	nop\n	.endr\n"		\
			     "	sub	$1, %0\n	jnz	1b\n" : "+r" (n) : : "cc")
#elif defined(__aarch64__)
#define SPIN(n) asm volatile("1:	.rept 254\n	nop\n	.endr\n"		\
			     "	subs	%0, %0, #1\n	b.ne	1b\n" : "+r" (n) : : "cc")
#else
#error "a loop of known length for this architecture is missing"
#endif

/* @units: not 0. */
#define SPIN_FUNCTION(name)							\
__attribute__((noinline, aligned(64))) void name(unsigned long units)		\
{										\
	SPIN(units);								\
}

#endif
