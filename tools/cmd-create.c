// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump create: makes the region that a VM's guest module writes to.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "region.h"

static const char help[] =
"usage: vmcoop-dump create [--size SIZE] [--group GROUP] [--owner USER] [--force] NAME\n"
"       vmcoop-dump create --remove NAME\n"
"\n"
"Makes the memory region " REGION_DIR "/NAME that one VM shares with its host,\n"
"and prints the QEMU arguments that give it to the VM.\n"
"\n"
"  --size SIZE     bytes, or with K, M or G behind: a power of two from 256K to 1G\n"
"                  (default 4M; about 1M for each vCPU is a good choice)\n"
"  --group GROUP   who runs QEMU: the region opens for this group too\n"
"  --owner USER    who runs QEMU: the region belongs to this user\n"
"  --force         replace a region of that name\n"
"  --remove        remove it: a VM that has it keeps it until it ends\n"
"  -h, --help      this\n"
"\n"
"Examples:\n"
"  vmcoop-dump create demo\n"
"  qemu-system-x86_64 ... $(vmcoop-dump create --size 8M --owner libvirt-qemu web1)\n"
"  vmcoop-dump create --remove demo\n";

struct create_options {
	const char *name;
	u64 size;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool force, remove;
};

static bool parse_size(const char *s, u64 *size)
{
	static const char units[] = "KMG";
	char *end, *unit;
	u64 v;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || errno)
		return false;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || !*unit || end[1] || v > REGION_MAX)
			return false;
		v <<= 10 * (unit - units + 1);
	}
	*size = v;
	return true;
}

static int set_size(struct create_options *o, const char *arg)
{
	if (parse_size(arg, &o->size) && region_size_ok(o->size))
		return 0;
	return fail(EXIT_BAD, "--size wants a power of two from 256K to 1G (QEMU's ivshmem takes no other), not '%s'",
		    arg);
}

static int set_group(struct create_options *o, const char *arg)
{
	struct group *gr = getgrnam(arg);

	if (!gr)
		return fail(EXIT_BAD, "there is no group '%s'", arg);
	o->gid = gr->gr_gid;
	o->mode = 0660;
	return 0;
}

static int set_owner(struct create_options *o, const char *arg)
{
	struct passwd *pw = getpwnam(arg);

	if (!pw)
		return fail(EXIT_BAD, "there is no user '%s'", arg);
	o->uid = pw->pw_uid;
	return 0;
}

static int parse(int argc, char **argv, struct create_options *o)
{
	static const struct option longopts[] = {
		{ "size", required_argument, NULL, 's' },
		{ "group", required_argument, NULL, 'g' },
		{ "owner", required_argument, NULL, 'o' },
		{ "force", no_argument, NULL, 'f' },
		{ "remove", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		switch (opt) {
		case 's':
			status = set_size(o, optarg);
			break;
		case 'g':
			status = set_group(o, optarg);
			break;
		case 'o':
			status = set_owner(o, optarg);
			break;
		case 'f':
			o->force = true;
			break;
		case 'r':
			o->remove = true;
			break;
		case 'h':
			show_help(&cmd_create);
			exit(EXIT_OK);
		default:
			return bad_usage(&cmd_create);
		}
	}
	if (status)
		return status;
	if (optind != argc - 1) {
		warn("create wants one NAME");
		return bad_usage(&cmd_create);
	}
	o->name = argv[optind];
	return 0;
}

/* The name goes into a path and into QEMU's comma-separated options. */
static bool name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	return *name && *name != '.' && *name != '-' && strlen(name) <= 64 &&
	       !name[strspn(name, allowed)];
}

/*
 * The directory is root's; others may pass through it but not list it, since
 * whoever runs QEMU must reach a file whose name they know.
 */
static int make_dir(void)
{
	struct stat st;

	if (mkdir(REGION_DIR, 0711) && errno != EEXIST)
		return fail(EXIT_FAILED, "cannot make " REGION_DIR ": %s", strerror(errno));
	if (lstat(REGION_DIR, &st))
		return fail(EXIT_FAILED, "cannot look at " REGION_DIR ": %s", strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 0022)
		return fail(EXIT_FAILED, REGION_DIR " is not a directory that is yours alone to write: remove it");
	/* The umask may have taken bits away. */
	if ((st.st_mode & 07777) != 0711 && chmod(REGION_DIR, 0711))
		return fail(EXIT_FAILED, "cannot set the mode of " REGION_DIR ": %s",
			    strerror(errno));
	return 0;
}

static int remove_region(const char *path)
{
	if (!unlink(path))
		return EXIT_OK;
	return fail(EXIT_FAILED, "cannot remove '%s': %s", path, strerror(errno));
}

static int create(const struct create_options *o, const char *path)
{
	int status = make_dir();
	bool mega;

	if (status)
		return status;
	if (o->force && unlink(path) && errno != ENOENT)
		return fail(EXIT_FAILED, "cannot replace '%s': %s", path, strerror(errno));
	status = region_create(path, o->size, o->gid, o->uid, o->mode);
	if (status)
		return status;
	mega = o->size >= 1 << 20;
	printf("-object memory-backend-file,id=vmcoop0,share=on,mem-path=%s,size=%llu%c "
	       "-device ivshmem-plain,memdev=vmcoop0,master=on\n", path,
	       o->size >> (mega ? 20 : 10), mega ? 'M' : 'K');
	fprintf(stderr, "Made %s. Start one VM with the arguments above, load vmcoop_guest.ko in it,\n"
		"then run 'vmcoop-dump record' here.\n", path);
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct create_options o = { .size = 4 << 20, .uid = -1, .gid = -1, .mode = 0600 };
	int status = parse(argc, argv, &o);
	char *path;

	if (status)
		return status;
	if (!name_ok(o.name))
		return fail(EXIT_BAD, "a region's name is made of letters, digits, '.', '_' and '-', up to 64, and begins with none of '.-': not '%s'",
			    o.name);
	path = xasprintf("%s/%s", REGION_DIR, o.name);
	status = o.remove ? remove_region(path) : create(&o, path);
	free(path);
	return status;
}

const struct command cmd_create = {
	.name = "create",
	.summary = "make a region that a VM shares with its host",
	.help = help,
	.run = run,
};
