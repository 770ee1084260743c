// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shared region's device: QEMU's ivshmem-plain (docs/specs/ivshmem-spec.txt
 * in QEMU: PCI 1af4:1110, the shared memory is BAR 2).
 *
 * Others use the same device. One whose memory does not bear vmcoop's magic is
 * only read from, and left unbound for its own driver.
 */
#include <linux/pci.h>

#include "guest.h"

#define PCI_VENDOR_IVSHMEM	0x1af4
#define PCI_DEVICE_IVSHMEM	0x1110
#define IVSHMEM_BAR		2

static bool wait;
module_param(wait, bool, 0444);
MODULE_PARM_DESC(wait, "without a region, stay loaded until one is plugged in (default 0: do not load)");

static char *device = "";
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "PCI address of the region's device, as in 0000:00:05.0 (default: the first with a vmcoop region)");

static struct pci_dev *bound;		/* the device in use */
static int last_error = -ENODEV;	/* why none is */

/* Whether the region is vmcoop's, and fit for use. */
static int check_id(struct pci_dev *pdev, const struct vmcoop_region *region, u64 bar_size)
{
	struct vmcoop_region_id id = region->id;

	if (id.magic != VMCOOP_REGION_MAGIC) {
		pci_info(pdev, "shared memory without vmcoop's magic, left alone; a region for vmcoop is made by 'vmcoop-dump create' on the host\n");
		return -ENODEV;
	}
	if (id.version != VMCOOP_ABI_VERSION) {
		pci_err(pdev, "region of ABI version %u, this module has %u: use vmcoop-dump and modules of one release\n",
			id.version, VMCOOP_ABI_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (id.size != bar_size) {
		pci_err(pdev, "region says %llu bytes, the device has %llu: give QEMU the size that vmcoop-dump create printed\n",
			id.size, bar_size);
		return -EINVAL;
	}
	return 0;
}

static int map_and_start(struct pci_dev *pdev)
{
	u64 size = pci_resource_len(pdev, IVSHMEM_BAR);
	struct vmcoop_region *region;
	const char *uncached;
	int err;

	if (!size) {
		pci_err(pdev, "BAR %d has no address: the bridge it was plugged into has no room (QEMU: pcie-root-port,pref64-reserve=SIZE)\n",
			IVSHMEM_BAR);
		return -ENOMEM;
	}
	if (size < sizeof(*region)) {
		pci_err(pdev, "BAR %d of %llu bytes is too small for a region\n",
			IVSHMEM_BAR, size);
		return -EINVAL;
	}
	region = vmcoop_arch_map(pci_resource_start(pdev, IVSHMEM_BAR), size);
	if (!region) {
		pci_err(pdev, "cannot map BAR %d\n", IVSHMEM_BAR);
		return -ENOMEM;
	}
	err = check_id(pdev, region, size);
	if (err)
		goto unmap;
	uncached = vmcoop_arch_uncached(region, size);
	if (uncached)
		pci_warn(pdev, "the region is mapped %s: each record costs more than it should\n",
			 uncached);
	err = vmcoop_guest_start(region, size, pci_name(pdev));
	if (err)
		goto unmap;
	pci_set_drvdata(pdev, region);
	return 0;

unmap:
	vmcoop_arch_unmap(region);
	return err;
}

static int vmcoop_pci_probe(struct pci_dev *pdev, const struct pci_device_id *ent)
{
	int err;

	if (*device && strcmp(device, pci_name(pdev)))
		return -ENODEV;
	if (bound) {
		pci_info(pdev, "left alone, recording to %s already\n", pci_name(bound));
		return -ENODEV;
	}
	err = pci_enable_device_mem(pdev);
	if (err)
		goto out;
	err = pci_request_region(pdev, IVSHMEM_BAR, "vmcoop");
	if (err) {
		pci_err(pdev, "BAR %d is in use by another driver\n", IVSHMEM_BAR);
		goto disable;
	}
	err = map_and_start(pdev);
	if (err)
		goto release;
	bound = pdev;
	return 0;

release:
	pci_release_region(pdev, IVSHMEM_BAR);
disable:
	pci_disable_device(pdev);
out:
	last_error = err;
	return err;
}

static void vmcoop_pci_remove(struct pci_dev *pdev)
{
	vmcoop_guest_stop();
	vmcoop_arch_unmap(pci_get_drvdata(pdev));
	pci_release_region(pdev, IVSHMEM_BAR);
	pci_disable_device(pdev);
	bound = NULL;
}

/* No MODULE_DEVICE_TABLE: the device is others' too, nothing loads us by itself. */
static const struct pci_device_id vmcoop_pci_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_IVSHMEM, PCI_DEVICE_IVSHMEM) },
	{ }
};

static struct pci_driver vmcoop_pci_driver = {
	.name		= "vmcoop_guest",
	.id_table	= vmcoop_pci_ids,
	.probe		= vmcoop_pci_probe,
	.remove		= vmcoop_pci_remove,
};

int vmcoop_device_init(void)
{
	int err;

	err = pci_register_driver(&vmcoop_pci_driver);
	if (err)
		return err;
	if (bound)
		return 0;
	if (last_error == -ENODEV && wait) {
		pr_info("no ivshmem device with a vmcoop region yet, waiting for one\n");
		return 0;
	}
	if (last_error == -ENODEV)
		pr_err("no ivshmem device with a vmcoop region%s%s: on the host, run 'vmcoop-dump create NAME' and add the arguments that it prints to QEMU's, load with wait=1 and plug the device in later, or load with memory=4M and record in the guest with 'vmcoop-dump record --guest-only'\n",
		       *device ? " at " : "", device);
	pci_unregister_driver(&vmcoop_pci_driver);
	return last_error;
}

void vmcoop_device_exit(void)
{
	pci_unregister_driver(&vmcoop_pci_driver);
}
