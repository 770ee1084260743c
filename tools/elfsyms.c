// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ELF symbols with elfutils' libelf: see elfsyms.h.
 */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "elfsyms.h"

/*
 * The last segment, of code, has no bytes: objcopy --only-keep-debug left them
 * out, and with them where they lay. Linkers lay a file out as memory up to
 * there; read_sections() knows of those that do not.
 */
static void guess_load(struct elf_image *img, u64 size)
{
	struct elf_load *l = &img->loads[img->nr_loads - 1];

	l->offset = l->vaddr - img->loads[0].vaddr;
	l->size = size;
	img->guessed = true;
}

static void read_loads(Elf *elf, struct elf_image *img)
{
	size_t nr, i;

	if (elf_getphdrnum(elf, &nr))
		return;
	for (i = 0; i < nr && img->nr_loads < ELF_MAX_LOADS; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, i, &ph) || ph.p_type != PT_LOAD)
			continue;
		img->loads[img->nr_loads++] = (struct elf_load){
			.offset = ph.p_offset,
			.size = ph.p_filesz,
			.vaddr = ph.p_vaddr,
			.exec = !!(ph.p_flags & PF_X),
		};
		if ((ph.p_flags & PF_X) && !ph.p_filesz)
			guess_load(img, ph.p_memsz);
	}
}

/* One bit a section: does it hold code? */
static u8 *code_sections(Elf *elf, size_t *nr)
{
	Elf_Scn *scn = NULL;
	u8 *code;

	if (elf_getshdrnum(elf, nr))
		*nr = 0;
	code = xcalloc(*nr + 1, 1);
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		size_t ndx = elf_ndxscn(scn);

		if (ndx < *nr && gelf_getshdr(scn, &sh))
			code[ndx] = !!(sh.sh_flags & SHF_EXECINSTR);
	}
	return code;
}

static int symbol_rank(const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);

	if (type == STT_NOTYPE)
		return 0;
	if (type != STT_FUNC && type != STT_GNU_IFUNC)
		return -1;
	switch (GELF_ST_BIND(sym->st_info)) {
	case STB_LOCAL:
		return 1;
	case STB_WEAK:
		return 2;
	default:
		return 3;
	}
}

static void add_symbol(struct symtab *t, const GElf_Sym *sym, const char *name)
{
	struct symbol s = {
		.start = sym->st_value,
		.end = sym->st_value + sym->st_size,
		.rank = symbol_rank(sym),
	};

	/* arm64's "$x" and "$d" mark kinds of content, not functions. */
	if (!name || !*name || *name == '$')
		return;
	s.name = symtab_string(t, name, strlen(name));
	if (s.name)
		symtab_add(t, &s);
}

static void read_symbols(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct symtab *t)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t nr_sections, i;
	GElf_Sym sym;
	u8 *code;

	if (!data || !sh->sh_entsize)
		return;
	code = code_sections(elf, &nr_sections);
	for (i = 1; i < sh->sh_size / sh->sh_entsize && i < SYMTAB_MAX; i++) {
		if (!gelf_getsym(data, i, &sym))
			break;
		if (symbol_rank(&sym) < 0 || !sym.st_value || sym.st_shndx >= nr_sections ||
		    !code[sym.st_shndx])
			continue;
		add_symbol(t, &sym, elf_strptr(elf, sh->sh_link, sym.st_name));
	}
	free(code);
}

static void read_build_id(Elf_Scn *scn, struct elf_image *img)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t at = 0, name, desc;
	GElf_Nhdr nh;

	while (data && (at = gelf_getnote(data, at, &nh, &name, &desc)) > 0) {
		if (nh.n_type != NT_GNU_BUILD_ID || nh.n_namesz != 4 ||
		    memcmp((char *)data->d_buf + name, "GNU", 4))
			continue;
		img->build_id_len = min_u64(nh.n_descsz, ELF_BUILD_ID_MAX);
		memcpy(img->build_id, (char *)data->d_buf + desc, img->build_id_len);
		return;
	}
}

static void read_debuglink(Elf_Scn *scn, struct elf_image *img)
{
	Elf_Data *data = elf_getdata(scn, NULL);

	if (data && data->d_buf && memchr(data->d_buf, 0, data->d_size) &&
	    !strchr(data->d_buf, '/'))
		snprintf(img->debuglink, sizeof(img->debuglink), "%s", (char *)data->d_buf);
}

/* The linkers that put pages into memory elsewhere than into the file. */
static bool packs_pages(Elf_Scn *scn)
{
	Elf_Data *data = elf_getdata(scn, NULL);

	return data && data->d_buf && (memmem(data->d_buf, data->d_size, "LLD", 3) ||
				       memmem(data->d_buf, data->d_size, "mold", 4));
}

static void read_sections(Elf *elf, struct elf_image *img)
{
	Elf_Scn *scn = NULL, *symtab = NULL, *dynsym = NULL;
	GElf_Shdr sh, symtab_sh, dynsym_sh;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, &sh))
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (sh.sh_type == SHT_SYMTAB) {
			symtab = scn;
			symtab_sh = sh;
		} else if (sh.sh_type == SHT_DYNSYM) {
			dynsym = scn;
			dynsym_sh = sh;
		} else if (sh.sh_type == SHT_NOTE) {
			if (!img->build_id_len)
				read_build_id(scn, img);
		} else if (name && !strcmp(name, ".gnu_debuglink")) {
			read_debuglink(scn, img);
		} else if (img->guessed && name && !strcmp(name, ".comment") && packs_pages(scn)) {
			img->nr_loads = 0;
		}
	}
	img->full = symtab != NULL;
	if (symtab)
		read_symbols(elf, symtab, &symtab_sh, &img->tab);
	else if (dynsym)
		read_symbols(elf, dynsym, &dynsym_sh, &img->tab);
}

struct elf_image *elf_read(int fd)
{
	struct elf_image *img = NULL;
	GElf_Ehdr eh;
	Elf *elf;

	elf_version(EV_CURRENT);
	/* Not ELF_C_READ_MMAP: a file truncated meanwhile would be a fault. */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return NULL;
	if (elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh)) {
		img = xcalloc(1, sizeof(*img));
		read_loads(elf, img);
		read_sections(elf, img);
		symtab_finish(&img->tab, ELF_MAX_FUNC);
	}
	elf_end(elf);
	return img;
}

void elf_image_free(struct elf_image *img)
{
	if (!img || img->shared--)
		return;
	symtab_free(&img->tab);
	free(img);
}

struct elf_image *elf_image_get(struct elf_image *img)
{
	img->shared++;
	return img;
}

bool elf_address(const struct elf_image *img, u64 offset, u64 *addr)
{
	const struct elf_load *found = NULL;
	u32 i;

	for (i = 0; i < img->nr_loads; i++) {
		const struct elf_load *l = &img->loads[i];

		/* Segments share pages; code is looked for. */
		if (offset - l->offset < l->size && (!found || l->exec))
			found = l;
	}
	if (!found)
		return false;
	*addr = offset - found->offset + found->vaddr;
	return true;
}
