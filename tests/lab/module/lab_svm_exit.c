// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host alone: works around a bug of the emulator, QEMU 7.2.
 *
 * When VMRUN injects an interrupt, the emulator forgets to clear its own note of it,
 * until the next VM exit or interrupt. Asked to leave its execution loop in between
 * (whenever a timer is due under icount, at each switch between CPUs that share a
 * thread, and now and then when a device calls), it takes the note for a new interrupt
 * and delivers that at once, also where the guest has interrupts off: sooner or later
 * the guest's kernel deadlocks.
 *
 * So have an interrupt of our own pending at each VMRUN that injects one. The guest
 * then exits before its first instruction and is entered again, with no note left.
 */
#include <linux/hash.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>

/* Set for a vCPU, by a hash of its address, from injection to entry. */
#define INJECTED_BITS 6
static bool injected[1 << INJECTED_BITS];

static bool *injected_into(struct pt_regs *regs)
{
	return &injected[hash_long(regs_get_kernel_argument(regs, 0), INJECTED_BITS)];
}

/* The IPI is all that is wanted. */
static void nothing(struct irq_work *work)
{
}

static DEFINE_PER_CPU(struct irq_work, ipi);

/* Interrupts are still on here. */
static int inject(struct kprobe *p, struct pt_regs *regs)
{
	WRITE_ONCE(*injected_into(regs), true);
	return 0;
}

/* Interrupts are off here: the IPI stays pending until VMRUN. */
static int enter(struct kprobe *p, struct pt_regs *regs)
{
	bool *flag = injected_into(regs);

	if (READ_ONCE(*flag)) {
		WRITE_ONCE(*flag, false);
		irq_work_queue(this_cpu_ptr(&ipi));
	}
	return 0;
}

static struct kprobe inject_probe = {
	.symbol_name = "svm_inject_irq",
	.pre_handler = inject,
};

static struct kprobe enter_probe = {
	.symbol_name = "svm_vcpu_run",
	.pre_handler = enter,
};

static struct kprobe *probes[] = { &inject_probe, &enter_probe };

static int __init lab_svm_exit_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(ipi, cpu) = IRQ_WORK_INIT_HARD(nothing);
	return register_kprobes(probes, ARRAY_SIZE(probes));
}
module_init(lab_svm_exit_init);

static void __exit lab_svm_exit_exit(void)
{
	int cpu;

	unregister_kprobes(probes, ARRAY_SIZE(probes));
	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&ipi, cpu));
}
module_exit(lab_svm_exit_exit);

MODULE_DESCRIPTION("Nested VM exit at each injected interrupt, for an emulated SVM");
MODULE_LICENSE("GPL");
