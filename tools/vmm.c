// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading /proc/PID of VMM processes: see vmm.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm.h"

static FILE *proc_open(u32 pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	return fopen(path, "re");
}

static size_t proc_read(u32 pid, const char *file, char *buf, size_t cap)
{
	FILE *f = proc_open(pid, file);
	size_t n;

	if (!f)
		return 0;
	n = fread(buf, 1, cap - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n;
}

/* "guest=NAME,debug-threads=on" or "NAME,…"; ",," stands for a comma. */
static void qemu_name(const char *arg, char name[VMM_NAME_MAX])
{
	size_t n = 0;

	if (!strncmp(arg, "guest=", 6))
		arg += 6;
	for (; *arg && n + 1 < VMM_NAME_MAX; arg++) {
		if (*arg == ',' && *++arg != ',')
			break;
		name[n++] = *arg;
	}
	name[n] = '\0';
}

bool vmm_name_from_cmdline(const char *cmdline, size_t len, char name[VMM_NAME_MAX])
{
	const char *end = cmdline + len, *arg, *next;

	for (arg = cmdline; arg < end; arg = next) {
		next = arg + strnlen(arg, end - arg) + 1;
		if (next >= end)
			break;
		if (!strcmp(arg, "-name") || !strcmp(arg, "--name")) {
			qemu_name(next, name);
			return *name;
		}
		if (!strcmp(arg, "--id")) {
			snprintf(name, VMM_NAME_MAX, "%s", next);
			return *name;
		}
	}
	return false;
}

void vmm_name(u32 pid, char name[VMM_NAME_MAX])
{
	size_t cap = 1 << 16, len;
	char *buf = xcalloc(1, cap);

	len = proc_read(pid, "cmdline", buf, cap);
	if (!vmm_name_from_cmdline(buf, len, name)) {
		len = proc_read(pid, "comm", name, VMM_NAME_MAX);
		if (len)
			name[len - 1] = '\0';	/* its newline */
		if (!*name || !len)
			snprintf(name, VMM_NAME_MAX, "pid-%u", pid);
	}
	free(buf);
}

u64 vmm_start_time(u32 pid)
{
	char buf[1024], *p;
	int field;

	if (!proc_read(pid, "stat", buf, sizeof(buf)))
		return 0;
	/* The name, in parentheses, may hold anything: count from its end. */
	p = strrchr(buf, ')');
	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

bool vmm_maps_file(u32 pid, dev_t dev, ino_t ino)
{
	FILE *f = proc_open(pid, "maps");
	unsigned int maj, min;
	unsigned long inode;
	char *line = NULL;
	bool found = false;
	size_t cap = 0;

	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0)
		found = sscanf(line, "%*x-%*x %*s %*x %x:%x %lu", &maj, &min, &inode) == 3 &&
			inode == ino && maj == major(dev) && min == minor(dev);
	free(line);
	fclose(f);
	return found;
}
