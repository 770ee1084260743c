// SPDX-License-Identifier: GPL-2.0-only
/* vm.c: VMs come and go, and the filter says which are wanted. */
#include "../vm.c"
#include "world.h"

#define PLACES	3

static int vm_test_init(struct kunit *test)
{
	return vh_vms_init(PLACES);
}

void world_vms_exit(void)
{
	static const struct vh_filter all;

	vh_vms_filter(&all);
	vh_vms_exit();
	vh_free_vms = NULL;
}

static void vm_test_exit(struct kunit *test)
{
	world_vms_exit();
}

static struct vh_vm *get(u32 pid, const char *comm)
{
	struct vh_vm *vm;

	local_irq_disable();
	vm = vh_vm_get(pid, comm);
	local_irq_enable();
	return vm;
}

static void put(struct vh_vm *vm)
{
	local_irq_disable();
	vh_vm_put(vm);
	local_irq_enable();
}

static void vm_one_of_many_vcpus(struct kunit *test)
{
	struct vh_vm *vm = get(100, "qemu"), *other;

	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_EXPECT_PTR_EQ(test, get(100, "qemu"), vm);
	KUNIT_EXPECT_EQ(test, vm->vcpus, 2U);
	other = get(101, "qemu");
	KUNIT_EXPECT_PTR_NE(test, other, vm);
	put(vm);
	KUNIT_EXPECT_PTR_EQ(test, vh_vm_find(100), vm);
	put(vm);
	KUNIT_EXPECT_NULL(test, vh_vm_find(100));
	KUNIT_EXPECT_PTR_EQ(test, vh_vm_find(101), other);
	put(other);
}

static void vm_table_full(struct kunit *test)
{
	struct vh_vm *vm[PLACES];
	unsigned int i;

	for (i = 0; i < PLACES; i++) {
		vm[i] = get(100 + i, "qemu");
		KUNIT_ASSERT_NOT_NULL(test, vm[i]);
	}
	KUNIT_EXPECT_NULL(test, get(200, "qemu"));
	KUNIT_EXPECT_PTR_EQ(test, get(101, "qemu"), vm[1]);
	put(vm[1]);
	put(vm[1]);
	/* Not before whoever may still look at it has gone. */
	rcu_barrier();
	KUNIT_EXPECT_PTR_EQ(test, get(200, "another"), vm[1]);
	KUNIT_EXPECT_STREQ(test, vm[1]->comm, "another");
	for (i = 0; i < PLACES; i++)
		put(vm[i]);
}

static void vm_names_cut(struct kunit *test)
{
	struct vh_vm *vm = get(U32_MAX, "a-name-longer-than-a-task-can-have");

	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_EXPECT_STREQ(test, vm->comm, "a-name-longer-t");
	KUNIT_EXPECT_PTR_EQ(test, vh_vm_find(U32_MAX), vm);
	put(vm);
}

static void vm_filters(struct kunit *test)
{
	struct vh_filter f = { .nr = 2, .term = { { .pid = 100 }, { .comm = "fire*r?cker" } } };
	static const struct vh_filter all;
	struct vh_vm *vm[PLACES];
	unsigned int i;

	vm[0] = get(100, "qemu");
	vm[1] = get(101, "qemu");
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_TRUE(test, vm[i]->wanted);
	/* Those that are there, and those that come. */
	vh_vms_filter(&f);
	vm[2] = get(102, "firecracker");
	KUNIT_EXPECT_TRUE(test, vm[0]->wanted);
	KUNIT_EXPECT_FALSE(test, vm[1]->wanted);
	KUNIT_EXPECT_TRUE(test, vm[2]->wanted);
	/* A name does not match where a number is asked for. */
	f = (struct vh_filter){ .nr = 1, .term = { { .pid = 1, .comm = "*" } } };
	vh_vms_filter(&f);
	for (i = 0; i < PLACES; i++)
		KUNIT_EXPECT_FALSE(test, vm[i]->wanted);
	vh_vms_filter(&all);
	for (i = 0; i < PLACES; i++) {
		KUNIT_EXPECT_TRUE(test, vm[i]->wanted);
		put(vm[i]);
	}
}

static struct kunit_case vm_cases[] = {
	KUNIT_CASE(vm_one_of_many_vcpus),
	KUNIT_CASE(vm_table_full),
	KUNIT_CASE(vm_names_cut),
	KUNIT_CASE(vm_filters),
	{ }
};

static struct kunit_suite vm_suite = {
	.name = "vmcoop_host_vm",
	.init = vm_test_init,
	.exit = vm_test_exit,
	.test_cases = vm_cases,
};

kunit_test_suite(vm_suite);
