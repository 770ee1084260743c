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
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/percpu.h>

/* Set for a vCPU, by a hash of its address, from injection to entry. */
#define INJECTED_BITS 6
static bool injected[1 << INJECTED_BITS];

static bool *injected_into(struct ftrace_regs *fregs)
{
#ifdef ftrace_regs_get_argument	/* since Linux 6.2 */
	unsigned long vcpu = ftrace_regs_get_argument(fregs, 0);
#else
	unsigned long vcpu = fregs->regs.di;
#endif

	return &injected[hash_long(vcpu, INJECTED_BITS)];
}

/* The IPI is all that is wanted. */
static void nothing(struct irq_work *work)
{
}

static DEFINE_PER_CPU(struct irq_work, ipi);

/* Interrupts are still on here. */
static void inject(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		   struct ftrace_regs *fregs)
{
	WRITE_ONCE(*injected_into(fregs), true);
}

/* Interrupts are off here: the IPI stays pending until VMRUN. */
static void enter(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		  struct ftrace_regs *fregs)
{
	bool *flag = injected_into(fregs);

	if (READ_ONCE(*flag)) {
		WRITE_ONCE(*flag, false);
		irq_work_queue(this_cpu_ptr(&ipi));
	}
}

/* Not kprobes, whose handling costs four times as much at each VM entry. */
static struct ftrace_ops inject_ops = { .func = inject };
static struct ftrace_ops enter_ops = { .func = enter };

static int __init follow(struct ftrace_ops *ops, char *function)
{
	return ftrace_set_filter(ops, function, strlen(function), true) ?:
	       register_ftrace_function(ops);
}

static int __init lab_svm_exit_init(void)
{
	int cpu, ret;

	for_each_possible_cpu(cpu)
		per_cpu(ipi, cpu) = IRQ_WORK_INIT_HARD(nothing);
	ret = follow(&inject_ops, "svm_inject_irq");
	if (ret)
		return ret;
	ret = follow(&enter_ops, "svm_vcpu_run");
	if (ret)
		unregister_ftrace_function(&inject_ops);
	return ret;
}
module_init(lab_svm_exit_init);

static void __exit lab_svm_exit_exit(void)
{
	int cpu;

	unregister_ftrace_function(&enter_ops);
	unregister_ftrace_function(&inject_ops);
	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&ipi, cpu));
}
module_exit(lab_svm_exit_exit);

MODULE_DESCRIPTION("Nested VM exit at each injected interrupt, for an emulated SVM");
MODULE_LICENSE("GPL");
