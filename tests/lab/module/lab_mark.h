/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a lab guest tells its lab host, at the cost of one VM exit, where a piece of work
 * begins and ends: a hypercall that no hypervisor knows, and refuses. On arm64 the number
 * is a function ID of SMCCC (Arm DEN 0028), in the range of vendors' hypervisors.
 */
#ifndef LAB_MARK_H
#define LAB_MARK_H

#define LAB_MARK_BEGIN	0x86007ab0
#define LAB_MARK_END	0x86007ab1

#endif
