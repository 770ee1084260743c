// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disassembly with capstone and source lines with elfutils' libdw, both in a
 * confined child: see disasm.h. The child answers in lines of text,
 *
 *	I address instruction
 *	L address line file
 *
 * of which the parent believes nothing.
 */
#include <capstone/capstone.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "disasm.h"

/* What the child is to look at: it has this from its parent's memory. */
static struct {
	u64 start, end;
	const struct insns *known;	/* NULL: disassemble */
} job;

/* ---- The child ------------------------------------------------------------------------ */

/* A line of an answer is a line, whatever the name in it. */
static void put_name(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc(*s == '\n' ? '?' : *s, f);
	fputc('\n', f);
}

static void put_line(FILE *f, Dwarf *dw, Dwarf_Addr addr)
{
	Dwarf_Die cu, *die = NULL;
	Dwarf_Line *line;
	const char *file;
	Dwarf_Off off = 0, next;
	size_t size;
	int nr;

	/* Files without .debug_aranges are searched unit by unit. */
	die = dwarf_addrdie(dw, addr, &cu);
	while (!die && !dwarf_nextcu(dw, off, &next, &size, NULL, NULL, NULL)) {
		if (dwarf_offdie(dw, off + size, &cu) && dwarf_haspc(&cu, addr) > 0)
			die = &cu;
		off = next;
	}
	line = die ? dwarf_getsrc_die(die, addr) : NULL;
	file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (!file || dwarf_lineno(line, &nr) || nr <= 0)
		return;
	fprintf(f, "L %llx %d ", (u64)addr, nr);
	put_name(f, file);
}

static bool open_capstone(const GElf_Ehdr *eh, csh *cs)
{
	switch (eh->e_machine) {
	case EM_X86_64:
		return cs_open(CS_ARCH_X86, CS_MODE_64, cs) == CS_ERR_OK;
	case EM_386:
		return cs_open(CS_ARCH_X86, CS_MODE_32, cs) == CS_ERR_OK;
	case EM_AARCH64:
		return cs_open(CS_ARCH_ARM64, CS_MODE_ARM, cs) == CS_ERR_OK;
	case EM_ARM:
		return cs_open(CS_ARCH_ARM, CS_MODE_ARM, cs) == CS_ERR_OK;
	default:
		return false;
	}
}

/* The section's bytes from job.start on, and how many are of the function. */
static const u8 *find_code(Elf *elf, size_t *len)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &sh) || !(sh.sh_flags & SHF_EXECINSTR) ||
		    sh.sh_type == SHT_NOBITS || job.start - sh.sh_addr >= sh.sh_size)
			continue;
		data = elf_rawdata(scn, NULL);
		if (!data || job.start - sh.sh_addr >= data->d_size)
			continue;
		*len = min_u64(job.end - job.start, data->d_size - (job.start - sh.sh_addr));
		return (u8 *)data->d_buf + (job.start - sh.sh_addr);
	}
	return NULL;
}

static void put_insns(FILE *f, Elf *elf, const GElf_Ehdr *eh, Dwarf *dw)
{
	uint64_t addr = job.start;
	const u8 *code;
	cs_insn *insn;
	size_t len;
	u32 nr = 0;
	csh cs;

	code = find_code(elf, &len);
	if (!code || !open_capstone(eh, &cs))
		_exit(1);
	cs_option(cs, CS_OPT_SKIPDATA, CS_OPT_ON);
	insn = cs_malloc(cs);
	while (nr++ < DISASM_MAX && cs_disasm_iter(cs, &code, &len, &addr, insn)) {
		fprintf(f, "I %llx %s%s%s\n", (u64)insn->address, insn->mnemonic,
			*insn->op_str ? " " : "", insn->op_str);
		if (dw)
			put_line(f, dw, insn->address);
	}
}

static void work(int in, int out)
{
	FILE *f = fdopen(out, "w");
	GElf_Ehdr eh;
	Dwarf *dw;
	Elf *elf;
	u32 i;

	elf_version(EV_CURRENT);
	elf = elf_begin(in, ELF_C_READ, NULL);
	if (!f || !elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		_exit(1);
	dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!job.known)
		put_insns(f, elf, &eh, dw);
	for (i = 0; job.known && dw && i < job.known->nr; i++)
		if (!job.known->insns[i].file)
			put_line(f, dw, job.known->insns[i].addr);
	if (fflush(f))
		_exit(1);
}

/* ---- The parent ------------------------------------------------------------------------- */

static struct insn *find_insn(const struct insns *i, u64 addr)
{
	u32 lo = 0, hi = i->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (i->insns[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < i->nr && i->insns[lo].addr == addr ? &i->insns[lo] : NULL;
}

static void take_insn(struct insns *i, u64 addr, const char *text)
{
	if (i->nr == DISASM_MAX || addr < job.start || addr >= job.end ||
	    (i->nr && addr <= i->insns[i->nr - 1].addr))
		return;
	i->insns = xreallocarray(i->insns, i->nr + 1, sizeof(*i->insns));
	i->insns[i->nr++] = (struct insn){ .addr = addr, .text = xstrdup(text) };
}

static void take_line(struct insns *i, u64 addr, u32 line, const char *file)
{
	struct insn *insn = find_insn(i, addr);

	if (!insn || insn->file)
		return;
	insn->file = xstrdup(file);
	insn->line = line;
}

static void take_answer(struct insns *i, char *text)
{
	unsigned long long addr;
	unsigned int line;
	int at = 0;

	text[strcspn(text, "\n")] = '\0';
	if (sscanf(text, "I %llx %n", &addr, &at) == 1 && at && !job.known)
		take_insn(i, addr, text + at);
	else if (sscanf(text, "L %llx %u %n", &addr, &line, &at) == 2 && at)
		take_line(i, addr, line, text + at);
}

static bool run(int fd, struct insns *i)
{
	char text[8192];
	struct confined c;

	if (confine_start(&c, fd, work))
		return false;
	while (fgets(text, sizeof(text), c.answer))
		take_answer(i, text);
	return confine_end(&c);
}

bool disasm(int fd, u64 start, u64 end, struct insns *out)
{
	memset(out, 0, sizeof(*out));
	job.start = start;
	job.end = end;
	job.known = NULL;
	return run(fd, out) && out->nr;
}

void disasm_lines(int fd, struct insns *i)
{
	job.known = i;
	run(fd, i);
}

void insns_free(struct insns *i)
{
	u32 k;

	for (k = 0; k < i->nr; k++) {
		free(i->insns[k].text);
		free(i->insns[k].file);
	}
	free(i->insns);
	memset(i, 0, sizeof(*i));
}
