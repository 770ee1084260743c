// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VMs there are, and which of them somebody wants to look at.
 *
 * A VM has a place from the first VM entry of one of its vCPUs until the last
 * of its vCPU threads is gone. It is found without a lock, from NMI too, and
 * a place is not used anew before a grace period.
 */
#include <linux/glob.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/vmalloc.h>

#include "host.h"

static struct vh_vm *vh_vms;
static struct hlist_head *vh_vm_buckets;
static unsigned int vh_vms_max, vh_vm_bits;

/* Covers the filter, the free places, the buckets' links and vcpus. */
static DEFINE_RAW_SPINLOCK(vh_vms_lock);
static struct vh_vm *vh_free_vms;
static struct vh_filter vh_vms_wanted;

/**
 * vh_vms_init() - allocate the table
 * @max: VMs it holds at a time
 *
 * Return: 0 or -ENOMEM.
 */
int vh_vms_init(unsigned int max)
{
	unsigned int i;

	vh_vms_max = max;
	vh_vm_bits = ilog2(roundup_pow_of_two(max)) + 1;	/* hash_32() takes no 0 */
	vh_vms = kvcalloc(max, sizeof(*vh_vms), GFP_KERNEL);
	vh_vm_buckets = kvcalloc(1U << vh_vm_bits, sizeof(*vh_vm_buckets), GFP_KERNEL);
	if (!vh_vms || !vh_vm_buckets) {
		vh_vms_exit();
		return -ENOMEM;
	}
	for (i = max; i-- > 0; ) {
		vh_vms[i].next_free = vh_free_vms;
		vh_free_vms = &vh_vms[i];
	}
	return 0;
}

/* Free the table; nobody looks at it any more. */
void vh_vms_exit(void)
{
	/* Places on their way back to the free list. */
	rcu_barrier();
	kvfree(vh_vm_buckets);
	kvfree(vh_vms);
}

static struct hlist_head *vh_vm_bucket(u32 pid)
{
	return &vh_vm_buckets[hash_32(pid, vh_vm_bits)];
}

static bool vh_vm_fits(const struct vh_vm *vm)
{
	const struct vh_filter *f = &vh_vms_wanted;
	unsigned int i;

	for (i = 0; i < f->nr; i++) {
		const struct vh_filter_term *t = &f->term[i];

		if (t->pid ? t->pid == vm->pid : glob_match(t->comm, vm->comm))
			return true;
	}
	return !f->nr;
}

/**
 * vh_vm_find() - the VM whose VMM is a process
 * @pid: of the process
 *
 * Context: any, NMI included. What is found may be used until the callback ends.
 * Return: NULL if there is none.
 */
struct vh_vm *vh_vm_find(u32 pid)
{
	struct vh_vm *vm, *found = NULL;

	rcu_read_lock();
	hlist_for_each_entry_rcu(vm, vh_vm_bucket(pid), node) {
		if (vm->pid == pid) {
			found = vm;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/**
 * vh_vm_get() - the VM to which a new vCPU belongs
 * @pid: of its VMM
 * @comm: the VMM's name
 *
 * Context: interrupts off.
 * Return: NULL if there is no place.
 */
struct vh_vm *vh_vm_get(u32 pid, const char *comm)
{
	struct vh_vm *vm;

	raw_spin_lock(&vh_vms_lock);
	vm = vh_vm_find(pid);
	if (!vm && vh_free_vms) {
		vm = vh_free_vms;
		vh_free_vms = vm->next_free;
		vm->pid = pid;
		vm->vcpus = 0;
		strscpy_pad(vm->comm, comm, sizeof(vm->comm));
		vm->wanted = vh_vm_fits(vm);
		hlist_add_head_rcu(&vm->node, vh_vm_bucket(pid));
	}
	if (vm)
		vm->vcpus++;
	raw_spin_unlock(&vh_vms_lock);
	return vm;
}

static void vh_vm_give_back(struct rcu_head *rcu)
{
	struct vh_vm *vm = container_of(rcu, struct vh_vm, rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&vh_vms_lock, flags);
	vm->next_free = vh_free_vms;
	vh_free_vms = vm;
	raw_spin_unlock_irqrestore(&vh_vms_lock, flags);
}

/* One of the VM's vCPUs is gone. Context: interrupts off. */
void vh_vm_put(struct vh_vm *vm)
{
	bool last;

	raw_spin_lock(&vh_vms_lock);
	last = !--vm->vcpus;
	if (last)
		hlist_del_rcu(&vm->node);
	raw_spin_unlock(&vh_vms_lock);
	if (last)
		call_rcu(&vm->rcu, vh_vm_give_back);
}

/* Look at those VMs that pass @filter, from now on. Context: task. */
void vh_vms_filter(const struct vh_filter *filter)
{
	unsigned int i;

	raw_spin_lock_irq(&vh_vms_lock);
	vh_vms_wanted = *filter;
	for (i = 0; i < vh_vms_max; i++)
		WRITE_ONCE(vh_vms[i].wanted, vh_vm_fits(&vh_vms[i]));
	raw_spin_unlock_irq(&vh_vms_lock);
}

/* The VMs as text. Context: task. */
void vh_vms_show(struct seq_file *m)
{
	unsigned int i;

	seq_puts(m, "vms:\n");
	for (i = 0; i < vh_vms_max; i++) {
		struct vh_vm vm;

		raw_spin_lock_irq(&vh_vms_lock);
		vm = vh_vms[i];
		raw_spin_unlock_irq(&vh_vms_lock);
		if (!vm.vcpus)
			continue;
		seq_printf(m, "  vm %u (", vm.pid);
		vm.comm[sizeof(vm.comm) - 1] = '\0';
		seq_escape_str(m, vm.comm, ESCAPE_ANY_NP, NULL);
		seq_printf(m, "): %u vcpus%s\n", vm.vcpus, vm.wanted ? "" : ", not wanted");
	}
}
