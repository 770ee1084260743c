// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes the bench's data files.
 *
 * usage: synth vmcoop FILE SAMPLES
 *        synth perf FILE SAMPLES PROGRAM
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synth.h"

static uint64_t mix(uint64_t v)
{
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
	return v ^ (v >> 31);
}

/* Few addresses are hot, as in programs: a product of random numbers is rather low. */
static uint64_t low(uint64_t r, uint64_t below)
{
	return (r % below) * (r / below % below) / below * (r / below / below % below) / below;
}

static uint64_t address(uint64_t r, int kernel)
{
	uint64_t at = low(r, FUNCTIONS) * FUNCTION_SIZE + low(mix(r), FUNCTION_SIZE / 4) * 4;

	return (kernel ? KERNEL_START : TEXT_START) + at;
}

void synth_at(uint64_t n, struct synth *s)
{
	uint64_t turn = n / PCPUS, slot, r = mix(n);

	s->n = n;
	s->pcpu = n % PCPUS;
	s->t = 1000000000 + turn * PERIOD_NS + s->pcpu * (PERIOD_NS / PCPUS) + r % 1000;
	/* The vCPUs of a CPU take turns; each CPU has four of its own. */
	slot = s->pcpu + turn / SLICE_SAMPLES % (VMS * VCPUS / PCPUS) * PCPUS;
	s->vm = slot / VCPUS;
	s->vcpu = slot % VCPUS;
	s->proc = mix(slot << 40 | turn / SWITCH_SAMPLES) % PROCS;
	s->ip = address(mix(r), r % 8 == 0);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "vmcoop"))
		return write_vmcoop(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 5 && !strcmp(argv[1], "perf"))
		return write_perf(argv[2], argv[4], strtoull(argv[3], NULL, 10));
	fprintf(stderr, "usage: synth vmcoop FILE SAMPLES | synth perf FILE SAMPLES PROGRAM\n");
	return 2;
}
