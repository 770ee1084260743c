// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a host and a guest of vmcoop need alike: see doctor.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "commands.h"
#include "doctor.h"

void found(struct findings *f, enum verdict verdict, const char *topic, const char *todo,
	   const char *fmt, ...)
{
	struct finding *one;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("");
	va_end(ap);
	f->v = xreallocarray(f->v, f->nr + 1, sizeof(*f->v));
	one = &f->v[f->nr++];
	*one = (struct finding){ verdict, topic, text, todo };
}

void findings_free(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->nr; i++)
		free(f->v[i].found);
	free(f->v);
	memset(f, 0, sizeof(*f));
}

bool findings_ready(const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->nr; i++)
		if (f->v[i].verdict == DOCTOR_FAIL)
			return false;
	return true;
}

/* ---- Looking things up ----------------------------------------------------- */

static char *release(void)
{
	return hostfs_read(NULL, "/proc/sys/kernel/osrelease") ?: xstrdup("unknown");
}

/* The kernel's configuration: the running one's own, else the distribution's file. */
static gzFile open_config(void)
{
	char *rel = release();
	char *paths[] = {
		xasprintf("%s/proc/config.gz", hostfs_root),
		xasprintf("%s/boot/config-%s", hostfs_root, rel),
		xasprintf("%s/lib/modules/%s/config", hostfs_root, rel),
		xasprintf("%s/lib/modules/%s/build/.config", hostfs_root, rel),
	};
	gzFile gz = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!gz)
			gz = gzopen(paths[i], "rbe");
		free(paths[i]);
	}
	free(rel);
	return gz;
}

int doctor_config(const char *option)
{
	gzFile gz = open_config();
	size_t n = strlen(option);
	char line[512];
	int set = 0;

	if (!gz)
		return -1;
	while (!set && gzgets(gz, line, sizeof(line)))
		set = !strncmp(line, "CONFIG_", 7) && !strncmp(line + 7, option, n) &&
		      line[7 + n] == '=' && strchr("ym", line[8 + n]);
	gzclose(gz);
	return set;
}

bool doctor_cpu_flag(const char *flag)
{
	char *text = hostfs_read(NULL, "/proc/cpuinfo");
	char *flags = text ? strstr(text, "\nflags") : NULL, *word;
	bool has = false;

	if (flags) {
		flags++;
		flags[strcspn(flags, "\n")] = '\0';
		while (!has && (word = strsep(&flags, " \t")))
			has = !strcmp(word, flag);
	}
	free(text);
	return has;
}

void doctor_lockdown(char out[32])
{
	char *text = hostfs_read(NULL, "/sys/kernel/security/lockdown");
	char *open = text ? strchr(text, '[') : NULL;

	*out = '\0';
	if (open)
		snprintf(out, 32, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
	free(text);
}

/* ---- Looking --------------------------------------------------------------- */

void doctor_kernel(struct findings *f)
{
	char *rel = release();
	unsigned int major = 0, minor = 0;

	sscanf(rel, "%u.%u", &major, &minor);
	if (major < 6 || (major == 6 && minor < 1))
		found(f, DOCTOR_FAIL, "kernel", "Run Linux 6.1 or newer.", "%s is older than 6.1", rel);
	else if (major > 7 || (major == 7 && minor > 2))
		found(f, DOCTOR_WARN, "kernel", "If the modules do not build, take a newer vmcoop.",
		      "%s is newer than what vmcoop was built for", rel);
	else
		found(f, DOCTOR_OK, "kernel", NULL, "%s", rel);
	free(rel);
}

/* The last byte of the firmware's variable. */
static bool secure_boot(void)
{
	size_t len = 0;
	char *text = hostfs_read(&len, "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
	bool on = text && len == 5 && text[4] == 1;

	free(text);
	return on;
}

void doctor_signing(struct findings *f, const char *module)
{
	bool forced = hostfs_says("Y", "/sys/module/module/parameters/sig_enforce");
	bool secure = secure_boot();
	char lockdown[32];
	bool locked;

	doctor_lockdown(lockdown);
	locked = *lockdown && strcmp(lockdown, "none");
	if (!forced && !locked)
		found(f, DOCTOR_OK, "signing", NULL, "modules need no signature (Secure Boot %s, lockdown %s)",
		      secure ? "on" : "off", *lockdown ? lockdown : "not there");
	else
		found(f, hostfs_exists("/sys/module/%s", module) ? DOCTOR_OK : DOCTOR_WARN, "signing",
		      hostfs_exists("/sys/module/%s", module) ? NULL :
		      "Sign the module with a key that this machine trusts: README.md, Secure Boot.",
		      "the kernel takes signed modules only (Secure Boot %s, lockdown %s%s)",
		      secure ? "on" : "off", *lockdown ? lockdown : "not there",
		      forced ? ", signatures enforced" : "");
}

/* Where a package or dkms may have put it. */
static bool installed(const char *module)
{
	static const char *const dirs[] = { "updates/dkms", "updates", "extra" };
	static const char *const ends[] = { "", ".xz", ".zst", ".gz" };
	char *rel = release();
	bool is = false;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		for (j = 0; j < ARRAY_SIZE(ends); j++)
			is |= hostfs_exists("/lib/modules/%s/%s/%s.ko%s", rel, dirs[i], module,
					    ends[j]);
	free(rel);
	return is;
}

static const char *load_advice(const char *module, bool there)
{
	bool host = !strcmp(module, "vmcoop_host");

	if (there)
		return host ? "modprobe vmcoop_host" : "modprobe vmcoop_guest";
	return host ? "Build it (make modules) and load it: insmod vmcoop_host.ko" :
		      "Build it for this kernel (make modules) and load it: insmod vmcoop_guest.ko";
}

void doctor_module(struct findings *f, const char *module)
{
	char *version = hostfs_read(NULL, "/sys/module/%s/version", module);

	if (!hostfs_exists("/sys/module/%s", module))
		found(f, DOCTOR_FAIL, "module", load_advice(module, installed(module)),
		      "%s is not loaded", module);
	else if (version && strcmp(version, VMCOOP_VERSION))
		found(f, DOCTOR_WARN, "module", "Use module and tool from one build.",
		      "%s is version %s, this tool %s", module, version, VMCOOP_VERSION);
	else
		found(f, DOCTOR_OK, "module", NULL, "%s is loaded", module);
	free(version);
}

/* The number behind @key in /proc/self/status. */
static u64 self_status(const char *key, int base)
{
	char *text = hostfs_read(NULL, "/proc/self/status"), *at = text;
	size_t n = strlen(key);
	u64 v = 0;

	while (at && strncmp(at, key, n))
		at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
	if (at)
		v = strtoull(at + n, NULL, base);
	free(text);
	return v;
}

void doctor_permissions(struct findings *f)
{
	const unsigned int cap_sys_admin = 21, cap_perfmon = 38;
	u64 caps = self_status("CapEff:", 16);

	if (caps >> cap_sys_admin & 1)
		found(f, DOCTOR_OK, "permissions", NULL, "root's");
	else
		found(f, DOCTOR_WARN, "permissions",
		      "Be root to load a module, to record, and to see all that is looked at here.",
		      "%s", caps >> cap_perfmon & 1 ? "CAP_PERFMON, not root's" :
						     "a plain user's");
}
