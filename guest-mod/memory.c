// SPDX-License-Identifier: GPL-2.0-only
/*
 * A region in the guest's own memory, for VMs without an ivshmem device, and
 * /dev/vmcoop, by which the tool drains it in the guest.
 *
 * Layout and rules are those of a region shared with a host: the reader maps
 * all of it, and the module believes nothing of what is written there.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "guest.h"
#include "walk.h"

static char *memory = "";
module_param(memory, charp, 0444);
MODULE_PARM_DESC(memory, "record into this much of the guest's own memory instead of a device's, as in 4M; 'vmcoop-dump record --guest-only' drains it (default: a device)");

static struct vmcoop_region *own;	/* the region */
static u64 own_size;
static unsigned long busy;		/* bit 0: somebody has it open */

static int memory_open(struct inode *inode, struct file *file)
{
	int err = vmcoop_may_look();

	if (err)
		return err;
	if (test_and_set_bit(0, &busy))
		return -EBUSY;
	return nonseekable_open(inode, file);
}

/* Comes after the reader's last unmapping, also where it died. */
static int memory_release(struct inode *inode, struct file *file)
{
	vmcoop_rings_detach();
	/* The next reader sees what was done above. */
	clear_bit_unlock(0, &busy);
	return 0;
}

static int memory_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, own, vma->vm_pgoff);
}

/* An open file, or a mapping, holds a reference to the module. */
static const struct file_operations memory_fops = {
	.owner		= THIS_MODULE,
	.open		= memory_open,
	.release	= memory_release,
	.mmap		= memory_mmap,
};

static struct miscdevice memory_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "vmcoop",
	.fops	= &memory_fops,
	.mode	= 0600,
};

bool vmcoop_memory_wanted(void)
{
	return *memory;
}

/* What memory= says, in bytes; 0 if that can be no region. */
static u64 wanted_size(void)
{
	char *end;
	u64 size = memparse(memory, &end);

	if (*end || size < SZ_256K || size > SZ_1G || !is_power_of_2(size))
		return 0;
	return size;
}

/*
 * Populated and zeroed: a record faults nothing in. The set-up touches every
 * page once more.
 */
static int memory_alloc(void)
{
	own_size = wanted_size();
	if (!own_size) {
		pr_err("memory=%s is no size of a region: give a power of two from 256K to 1G\n",
		       memory);
		return -EINVAL;
	}
	own = vmalloc_user(own_size);
	if (!own) {
		pr_err("memory=%s: the guest has not that much to spare: give less\n", memory);
		return -ENOMEM;
	}
	own->id.version = VMCOOP_ABI_VERSION;
	own->id.size = own_size;
	own->id.magic = VMCOOP_REGION_MAGIC;
	return 0;
}

int vmcoop_memory_init(void)
{
	int err = memory_alloc();

	if (err)
		return err;
	err = vmcoop_guest_start(own, own_size, "memory");
	if (err)
		goto err_free;
	err = misc_register(&memory_dev);
	if (err) {
		pr_err("cannot make /dev/vmcoop: error %d\n", err);
		goto err_stop;
	}
	return 0;

err_stop:
	vmcoop_guest_stop();
err_free:
	vfree(own);
	return err;
}

void vmcoop_memory_exit(void)
{
	misc_deregister(&memory_dev);
	vmcoop_guest_stop();
	vfree(own);
}
