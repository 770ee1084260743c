/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files below a directory whose content somebody else chose.
 */
#ifndef VMCOOP_BELOW_H
#define VMCOOP_BELOW_H

#include "util.h"

/*
 * Opens the regular file @path, of @max bytes at most, to read: no link leads out
 * of @root, nothing that would hold us up is opened. Return: -1 if it is none.
 */
int open_below(int root, const char *path, u64 max);

#endif /* VMCOOP_BELOW_H */
