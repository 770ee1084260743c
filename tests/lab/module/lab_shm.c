// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab guest alone: a driver of somebody else's for the ivshmem device, who
 * takes what has no vmcoop region and reads it.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>

static int lab_shm_probe(struct pci_dev *pdev, const struct pci_device_id *ent)
{
	void *mem;
	int err = pcim_enable_device(pdev);

	if (err)
		return err;
	err = pci_request_region(pdev, 2, "lab_shm");
	if (err)
		return err;
	mem = memremap(pci_resource_start(pdev, 2), PAGE_SIZE, MEMREMAP_WB);
	if (!mem) {
		pci_release_region(pdev, 2);
		return -ENOMEM;
	}
	pci_info(pdev, "first word %08x\n", *(u32 *)mem);
	memunmap(mem);
	return 0;
}

static void lab_shm_remove(struct pci_dev *pdev)
{
	pci_release_region(pdev, 2);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1af4, 0x1110) }, { } };

static struct pci_driver lab_shm_driver = {
	.name = "lab_shm",
	.id_table = ids,
	.probe = lab_shm_probe,
	.remove = lab_shm_remove,
};
module_pci_driver(lab_shm_driver);

MODULE_DESCRIPTION("Another driver for ivshmem, for the lab guest");
MODULE_LICENSE("GPL");
