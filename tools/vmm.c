// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading /proc/PID of VMM processes: see vmm.h.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostfs.h"
#include "vmm.h"

/* "debug-threads=on,guest=NAME" or "NAME,…"; ",," stands for a comma. */
static void qemu_name(const char *arg, char name[VMM_NAME_MAX])
{
	bool first = true;

	while (*arg) {
		bool named = !strncmp(arg, "guest=", 6);
		bool take = named || (first && !memchr(arg, '=', strcspn(arg, ",")));
		size_t n = 0;

		for (arg += named ? 6 : 0; *arg; arg++) {
			if (*arg == ',' && *++arg != ',')
				break;
			if (take && n + 1 < VMM_NAME_MAX)
				name[n++] = *arg;
		}
		if (take)
			name[n] = '\0';
		first = false;
	}
}

static void qemu_uuid(const char *arg, char uuid[VMM_UUID_MAX])
{
	size_t i;

	if (strlen(arg) != VMM_UUID_MAX - 1 || arg[strspn(arg, "0123456789abcdefABCDEF-")])
		return;
	for (i = 0; i < VMM_UUID_MAX; i++)
		uuid[i] = tolower(arg[i]);
}

/* guest-cid=3, or JSON's "guest-cid":3. */
static void qemu_cid(const char *arg, u32 *cid)
{
	const char *p = strstr(arg, "guest-cid");

	if (!p)
		return;
	p += strlen("guest-cid");
	p += strspn(p, "\"=: ");
	*cid = strtoul(p, NULL, 10);
}

void vmm_id_from_cmdline(const char *cmdline, size_t len, struct vmm_id *id)
{
	const char *end = cmdline + len, *arg, *next;

	memset(id, 0, sizeof(*id));
	for (arg = cmdline; arg < end; arg = next) {
		next = arg + strnlen(arg, end - arg) + 1;
		if (next >= end || *arg != '-')
			continue;
		/* QEMU takes its options with one dash or two; the last one counts. */
		arg += arg[1] == '-';
		if (!strcmp(arg, "-name"))
			qemu_name(next, id->name);
		else if (!strcmp(arg, "-uuid"))
			qemu_uuid(next, id->uuid);
		else if (!strcmp(arg, "-device"))
			qemu_cid(next, &id->cid);
		else if (!strcmp(arg, "-id") && arg[-1] == '-')
			snprintf(id->name, VMM_NAME_MAX, "%s", next);
	}
}

void vmm_identify(u32 pid, struct vmm_id *id)
{
	size_t len = 0;
	char *text = hostfs_read(&len, "/proc/%u/cmdline", pid);

	vmm_id_from_cmdline(text ?: "", len, id);
	free(text);
	if (*id->name)
		return;
	text = hostfs_read(NULL, "/proc/%u/comm", pid);
	if (text && *text)
		snprintf(id->name, VMM_NAME_MAX, "%s", text);
	else
		snprintf(id->name, VMM_NAME_MAX, "pid-%u", pid);
	free(text);
}

bool vmm_matches(const struct vmm_id *id, u32 pid, const char *wanted)
{
	u64 number;

	if (parse_u64(wanted, 1, INT32_MAX, &number) && number == pid)
		return true;
	return !strcmp(wanted, id->name) || !fnmatch(wanted, id->name, 0) ||
	       (*id->uuid && !strcasecmp(wanted, id->uuid));
}

/* One of the process's open files is a VM of KVM's. */
static bool has_vm(const char *pid)
{
	struct names fds = hostfs_list("/proc/%s/fd", pid);
	bool found = false;
	size_t i;

	for (i = 0; i < fds.nr && !found; i++) {
		char *path = xasprintf("%s/proc/%s/fd/%s", hostfs_root, pid, fds.v[i]);
		char target[32] = "";

		found = readlink(path, target, sizeof(target) - 1) > 0 &&
			!strcmp(target, "anon_inode:kvm-vm");
		free(path);
	}
	names_free(&fds);
	return found;
}

size_t vmm_list(u32 *pids, size_t max)
{
	struct names all = hostfs_list("/proc");
	size_t i, nr = 0;
	u64 pid;

	for (i = 0; i < all.nr && nr < max; i++)
		if (parse_u64(all.v[i], 1, INT32_MAX, &pid) && has_vm(all.v[i]))
			pids[nr++] = pid;
	names_free(&all);
	return nr;
}

u32 vmm_of_cid(u32 cid)
{
	u32 pids[1024], found = 0;
	size_t nr = vmm_list(pids, ARRAY_SIZE(pids)), i;
	struct vmm_id id;

	for (i = 0; i < nr && !found; i++) {
		vmm_identify(pids[i], &id);
		if (id.cid == cid)
			found = pids[i];
	}
	return found;
}

u64 vmm_start_time(u32 pid)
{
	char *text = hostfs_read(NULL, "/proc/%u/stat", pid), *p;
	u64 start;
	int field;

	/* The name, in parentheses, may hold anything: count from its end. */
	p = text ? strrchr(text, ')') : NULL;
	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	start = p ? strtoull(p, NULL, 10) : 0;
	free(text);
	return start;
}

bool vmm_maps_file(u32 pid, dev_t dev, ino_t ino)
{
	char *path = xasprintf("%s/proc/%u/maps", hostfs_root, pid), *line = NULL;
	FILE *f = fopen(path, "re");
	unsigned int maj, min;
	unsigned long inode;
	bool found = false;
	size_t cap = 0;

	free(path);
	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0)
		found = sscanf(line, "%*x-%*x %*s %*x %x:%x %lu", &maj, &min, &inode) == 3 &&
			inode == ino && maj == major(dev) && min == minor(dev);
	free(line);
	fclose(f);
	return found;
}
