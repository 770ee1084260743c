/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of a function in a file of a guest, and their source lines.
 */
#ifndef VMCOOP_DISASM_H
#define VMCOOP_DISASM_H

#include "util.h"

#define DISASM_MAX	(1U << 16)	/* instructions of a function */

/**
 * struct insn - an instruction
 * @text: as an assembler writes it, NULL if not known; any bytes
 * @file: source file, NULL if not known; any bytes
 * @line: in @file
 */
struct insn {
	u64 addr;
	char *text;
	char *file;
	u32 line;
};

/** struct insns - in the order of addresses; all zero is none */
struct insns {
	struct insn *insns;
	u32 nr;
};

/*
 * Reads the instructions of the file's addresses [@start, @end), in a confined
 * child. False: it is no ELF file with code there.
 */
bool disasm(int fd, u64 start, u64 end, struct insns *out);
/* Adds the lines that this file, of the same addresses, knows and @i does not. */
void disasm_lines(int fd, struct insns *i);
void insns_free(struct insns *i);

#endif /* VMCOOP_DISASM_H */
