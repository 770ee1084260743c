/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The made-up load that the bench's data files hold: virtual machines whose
 * vCPUs take turns on the host's CPUs and run a few processes each.
 *
 * Both files, vmcoop's and perf's, tell of the same samples.
 */
#ifndef VMCOOP_BENCH_SYNTH_H
#define VMCOOP_BENCH_SYNTH_H

#include <stdint.h>

#define PCPUS		16
#define VMS		32
#define VCPUS		2		/* of each VM */
#define PROCS		2		/* of each VM */
#define FUNCTIONS	50		/* of the program they all run */
#define FUNCTION_SIZE	64
#define TEXT_START	0x401000ULL
#define KERNEL_START	0xffffffff81000000ULL

#define PERIOD_NS	250000		/* from sample to sample of a CPU: 4 kHz */
#define SWITCH_SAMPLES	5		/* samples of a CPU from task switch to task switch */
#define SLICE_SAMPLES	20		/* and from run slice to run slice */
#define ROUND_SAMPLES	200		/* and from drain round to drain round */
#define TICK_SAMPLES	16		/* and from guest tick to guest tick: 250 Hz */

/**
 * struct synth - a sample of the load
 * @n: its number
 * @t: when, ns
 * @ip: user or, each eighth, kernel address
 */
struct synth {
	uint64_t n, t, ip;
	uint32_t pcpu, vm, vcpu, proc;
};

void synth_at(uint64_t n, struct synth *s);

static inline uint32_t synth_pid(const struct synth *s)
{
	return 1000 + s->proc;
}

int write_vmcoop(const char *path, uint64_t samples);
int write_perf(const char *path, const char *program, uint64_t samples);

#endif /* VMCOOP_BENCH_SYNTH_H */
