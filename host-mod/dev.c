// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vmcoop: the rings and the events for the tool, one reader at a time.
 * common/abi.h describes the interface.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include "arch.h"
#include "compat.h"
#include "../common/walk.h"

static unsigned long vh_dev_busy;

/* As they were when the reader came. Under vh_control_lock. */
static struct vh_settings vh_dev_before;
static bool vh_dev_ran;

/* Tracking records are written. Under vh_control_lock. */
static bool vh_dev_started;

/* Is there a reader? */
bool vh_dev_in_use(void)
{
	return test_bit(0, &vh_dev_busy);
}

/* Has the reader said START? Under vh_control_lock. */
bool vh_dev_recording(void)
{
	return vh_dev_started;
}

static int vh_dev_open(struct inode *inode, struct file *file)
{
	int ret = vmcoop_may_look();

	if (ret)
		return ret;
	if (test_and_set_bit(0, &vh_dev_busy))
		return -EBUSY;
	mutex_lock(&vh_control_lock);
	vh_message_clear();
	vh_control_save(&vh_dev_before);
	vh_dev_ran = vh_events_running();
	mutex_unlock(&vh_control_lock);
	return nonseekable_open(inode, file);
}

/* Comes after the reader's last unmapping: it writes no consumer page any more. */
static int vh_dev_release(struct inode *inode, struct file *file)
{
	mutex_lock(&vh_control_lock);
	vh_vcpus_untrack();
	vh_dev_started = false;
	vh_rings_detach();
	vh_control_restore(&vh_dev_before, vh_dev_ran);
	mutex_unlock(&vh_control_lock);
	/* The next reader sees what was done above. */
	clear_bit_unlock(0, &vh_dev_busy);
	return 0;
}

/* ---- Mapping ------------------------------------------------------------- */

static int vh_map_pages(struct vm_area_struct *vma, unsigned int ring, u64 offset)
{
	unsigned long addr;
	int ret = 0;

	for (addr = vma->vm_start; !ret && addr < vma->vm_end; addr += PAGE_SIZE) {
		ret = vm_insert_page(vma, addr, vh_ring_page(ring, offset));
		offset += PAGE_SIZE;
	}
	return ret;
}

/*
 * The consumer page alone, writable; or of what the producer writes any part,
 * which must not be writable, nor become so by mprotect().
 */
static int vh_dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 stride = vh_ring_stride(), pages = stride >> PAGE_SHIFT;
	unsigned long ring = vma->vm_pgoff / pages;
	u64 offset = (u64)(vma->vm_pgoff % pages) << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;

	if (ring >= vh_rings_nr())
		return -ENXIO;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (offset + len > (offset ? stride : PAGE_SIZE))
		return -EINVAL;
	if (offset) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return vh_map_pages(vma, ring, offset);
}

/* ---- Control ------------------------------------------------------------- */

static int vh_dev_info(void __user *arg)
{
	struct vmcoop_host_info info = {
		.abi = VMCOOP_ABI_VERSION,
		.arch = vh_arch_id(),
		.nr_rings = vh_rings_nr(),
		.nr_events = vh_events_nr(),
		.ring_stride = vh_ring_stride(),
		.prod_off = PAGE_SIZE,
		.data_off = 2 * PAGE_SIZE,
		.data_size = vh_ring_stride() - 2 * PAGE_SIZE,
		.clock_khz = vh_arch_clock_khz(),
		.running = vh_events_running(),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int vh_dev_event(void __user *arg)
{
	struct vmcoop_host_event event;

	if (copy_from_user(&event, arg, sizeof(event)))
		return -EFAULT;
	if (event.index >= vh_events_nr())
		return -EINVAL;
	vh_event_info(event.index, &event);
	return copy_to_user(arg, &event, sizeof(event)) ? -EFAULT : 0;
}

static int vh_dev_message(void __user *arg)
{
	struct vmcoop_host_message message;

	strscpy_pad(message.text, vh_message(), sizeof(message.text));
	return copy_to_user(arg, &message, sizeof(message)) ? -EFAULT : 0;
}

static int vh_dev_start(void)
{
	int ret;

	vh_message_clear();
	ret = vh_control_start();
	if (ret)
		return ret;
	vh_dev_started = true;
	vh_vcpus_track();
	return 0;
}

/* What the vCPUs have spent belongs to the recording, too. */
static int vh_dev_stop(void)
{
	vh_events_stop();
	vh_vcpus_untrack();
	vh_dev_started = false;
	return 0;
}

static ssize_t vh_dev_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	int ret;

	mutex_lock(&vh_control_lock);
	ret = vh_control_write(buf, len);
	mutex_unlock(&vh_control_lock);
	return ret ? ret : len;
}

static int vh_dev_command(unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case VMCOOP_IOC_INFO:
		return vh_dev_info(arg);
	case VMCOOP_IOC_EVENT:
		return vh_dev_event(arg);
	case VMCOOP_IOC_START:
		return vh_dev_start();
	case VMCOOP_IOC_STOP:
		return vh_dev_stop();
	case VMCOOP_IOC_MESSAGE:
		return vh_dev_message(arg);
	default:
		return -ENOTTY;
	}
}

static long vh_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	int ret;

	mutex_lock(&vh_control_lock);
	ret = vh_dev_command(cmd, (void __user *)arg);
	mutex_unlock(&vh_control_lock);
	return ret;
}

static const struct file_operations vh_dev_fops = {
	.owner		= THIS_MODULE,
	.open		= vh_dev_open,
	.release	= vh_dev_release,
	.mmap		= vh_dev_mmap,
	.write		= vh_dev_write,
	.unlocked_ioctl	= vh_dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice vh_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "vmcoop",
	.fops	= &vh_dev_fops,
	.mode	= 0600,
};

int vh_dev_init(void)
{
	return misc_register(&vh_dev);
}

/* Nobody has it open: an open file holds a reference to the module. */
void vh_dev_exit(void)
{
	misc_deregister(&vh_dev);
}
