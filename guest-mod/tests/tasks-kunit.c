// SPDX-License-Identifier: GPL-2.0-only
/* tasks.c: the records that name tasks and their code. */
#include "../tasks.c"

#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "world.h"

static void comm_record(struct kunit *test)
{
	struct vmcoop_guest_comm *c;

	vmcoop_emit_comm(current, "a name that is longer than any", VMCOOP_F_SNAPSHOT);
	c = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_EQ(test, c->hdr.type, (u8)VMCOOP_GUEST_COMM);
	KUNIT_EXPECT_EQ(test, c->hdr.flags, (u8)VMCOOP_F_SNAPSHOT);
	KUNIT_EXPECT_EQ(test, c->hdr.size, (u16)sizeof(*c));
	KUNIT_EXPECT_EQ(test, c->pid, (u32)current->tgid);
	KUNIT_EXPECT_EQ(test, c->tid, (u32)current->pid);
	KUNIT_EXPECT_EQ(test, c->ns_pid, (u32)current->tgid);
	KUNIT_EXPECT_EQ(test, c->ns_tid, (u32)current->pid);
	KUNIT_EXPECT_EQ(test, c->tflags, (u32)VMCOOP_T_KTHREAD);
	KUNIT_EXPECT_EQ(test, c->cgroup, 4711ULL);
	KUNIT_EXPECT_STREQ(test, c->comm, "a name that is ");
	/* Nothing of the stack goes with it. */
	vmcoop_emit_comm(current, "", 0);
	c = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_NULL(test, memchr_inv(c->comm, 0, sizeof(c->comm)));
}

static void life_records(struct kunit *test)
{
	struct vmcoop_guest_fork *f;
	struct vmcoop_guest_exit *e;
	struct vmcoop_hdr *renamed;

	probe_fork(NULL, current, current);
	f = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_EXPECT_EQ(test, f->hdr.type, (u8)VMCOOP_GUEST_FORK);
	KUNIT_EXPECT_EQ(test, f->ptid, (u32)current->pid);
	KUNIT_EXPECT_EQ(test, f->tid, (u32)current->pid);
	probe_exit(NULL, current);
	e = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, e);
	KUNIT_EXPECT_EQ(test, e->hdr.type, (u8)VMCOOP_GUEST_EXIT);
	KUNIT_EXPECT_EQ(test, e->tid, (u32)current->pid);
	probe_task_rename(NULL, current, "renamed");
	renamed = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, renamed);
	KUNIT_EXPECT_EQ(test, renamed->flags, 0);
}

/* A mapping without a file, anywhere. */
static void mmap_anonymous(struct kunit *test)
{
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	void *buf = kunit_kmalloc(test, VMCOOP_REC_MAX, GFP_KERNEL);
	struct vmcoop_guest_mmap *m;

	KUNIT_ASSERT_TRUE(test, vma && buf);
	vmcoop_emit_mmap(7, vma, buf, 0);
	KUNIT_EXPECT_NULL(test, world_next(test));
	/* Not through vm_flags, which nobody may write. */
	*(vm_flags_t *)&vma->vm_flags = VM_EXEC;
	vma->vm_start = 0;
	vma->vm_end = ULONG_MAX & PAGE_MASK;
	vma->vm_pgoff = ULONG_MAX;
	vmcoop_emit_mmap(U32_MAX, vma, buf, VMCOOP_F_SNAPSHOT);
	m = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_EXPECT_EQ(test, m->hdr.type, (u8)VMCOOP_GUEST_MMAP);
	KUNIT_EXPECT_EQ(test, m->hdr.flags, (u8)VMCOOP_F_SNAPSHOT);
	KUNIT_EXPECT_EQ(test, m->pid, U32_MAX);
	KUNIT_EXPECT_EQ(test, m->start, 0ULL);
	KUNIT_EXPECT_EQ(test, m->len, (u64)(ULONG_MAX & PAGE_MASK));
	KUNIT_EXPECT_EQ(test, m->pgoff | m->ino | m->dev_major | m->dev_minor, 0ULL);
	KUNIT_EXPECT_EQ(test, m->path_len, 6U);
	KUNIT_EXPECT_STREQ(test, m->path, "//anon");
	KUNIT_EXPECT_EQ(test, (size_t)m->hdr.size, sizeof(*m) + 8);
	KUNIT_EXPECT_EQ(test, world_build_ids, 0U);
}

/* Those of the first program there is: as the kernel itself has them. */
static void mmap_of_init(struct kunit *test)
{
	void *buf = kunit_kmalloc(test, VMCOOP_REC_MAX, GFP_KERNEL);
	char *path = kunit_kmalloc(test, PATH_MAX, GFP_KERNEL);
	struct pid *pid = find_get_pid(1);
	struct task_struct *init = get_pid_task(pid, PIDTYPE_PID);
	struct vm_area_struct *vma;
	unsigned int files = 0;
	struct mm_struct *mm;

	put_pid(pid);
	KUNIT_ASSERT_TRUE(test, buf && path && init);
	mm = get_task_mm(init);
	put_task_struct(init);
	KUNIT_ASSERT_NOT_NULL(test, mm);
	mmap_read_lock(mm);
	{
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			struct vmcoop_guest_mmap *m;

			vmcoop_emit_mmap(1, vma, buf, 0);
			m = world_next(test);
			KUNIT_EXPECT_EQ(test, !!m, !!(vma->vm_flags & VM_EXEC));
			if (!m)
				continue;
			KUNIT_EXPECT_EQ(test, m->start, (u64)vma->vm_start);
			KUNIT_EXPECT_EQ(test, m->len, (u64)vma->vm_end - vma->vm_start);
			KUNIT_EXPECT_EQ(test, (size_t)m->path_len, strlen(m->path));
			KUNIT_EXPECT_EQ(test, (size_t)m->hdr.size,
					ALIGN(sizeof(*m) + m->path_len, 8));
			if (!vma->vm_file)
				continue;
			KUNIT_EXPECT_STREQ(test, m->path,
					   d_path(&vma->vm_file->f_path, path, PATH_MAX));
			KUNIT_EXPECT_EQ(test, m->pgoff, (u64)vma->vm_pgoff << PAGE_SHIFT);
			KUNIT_EXPECT_EQ(test, m->ino, (u64)file_inode(vma->vm_file)->i_ino);
			files++;
		}
	}
	mmap_read_unlock(mm);
	mmput(mm);
	KUNIT_EXPECT_GE(test, files, 1U);
	KUNIT_EXPECT_EQ(test, world_build_ids, files);
}

/* What covers code lately mapped, and is none, is told; all else is not. */
static void mmap_no_code(struct kunit *test)
{
	struct mm_struct *mm = kunit_kzalloc(test, 64, GFP_KERNEL);
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	static const struct {
		unsigned long start, end;
		bool told;
	} cases[] = {
		{ 0x1000, 0x5000, false }, { 0x1000, 0x5001, true }, { 0x6000, 0x7000, true },
		{ 0x8fff, 0xa000, true }, { 0x9000, 0xa000, false }, { 0, ULONG_MAX, true },
	};
	struct vmcoop_guest_mmap *m;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, mm && vma);
	vma->vm_mm = mm;
	*last_code_of(mm) = (struct last_code){ .mm = mm, .start = 0x5000, .end = 0x9000 };
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		vma->vm_start = cases[i].start;
		vma->vm_end = cases[i].end;
		emit_no_code(9, vma);
		m = world_next(test);
		KUNIT_EXPECT_EQ(test, !!m, cases[i].told);
		if (!m)
			continue;
		KUNIT_EXPECT_EQ(test, m->hdr.flags, (u8)VMCOOP_F_NOEXEC);
		KUNIT_EXPECT_EQ(test, m->path_len, 0U);
	}
	/* Another address space in its place. */
	last_code_of(mm)->mm = NULL;
	emit_no_code(9, vma);
	KUNIT_EXPECT_NULL(test, world_next(test));
}

static void records_full(struct kunit *test)
{
	struct world *w = test->priv;

	world_fill(test);
	vmcoop_emit_comm(current, "x", 0);
	probe_exit(NULL, current);
	probe_exit(NULL, current);
	KUNIT_EXPECT_EQ(test, w->ring->prod->dropped[VMCOOP_GUEST_COMM], 1ULL);
	KUNIT_EXPECT_EQ(test, w->ring->prod->dropped[VMCOOP_GUEST_EXIT], 2ULL);
	KUNIT_EXPECT_NULL(test, world_next(test));
}

static struct kunit_case tasks_cases[] = {
	KUNIT_CASE(comm_record),
	KUNIT_CASE(life_records),
	KUNIT_CASE(mmap_anonymous),
	KUNIT_CASE(mmap_of_init),
	KUNIT_CASE(mmap_no_code),
	KUNIT_CASE(records_full),
	{ }
};

static struct kunit_suite tasks_suite = {
	.name = "vmcoop_guest_tasks",
	.init = world_init,
	.exit = world_exit,
	.test_cases = tasks_cases,
};

kunit_test_suite(tasks_suite);
