// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files through whole commands: reader, merge, join, symbols of hostile guests,
 * and what writes them out: report, script, stat and each exporter. The input's first
 * byte chooses the command. FUZZ_DIR is an own directory to write into. Leaks are not
 * looked for: who fails to write a file ends, and what he holds with him.
 */
#include <getopt.h>

#include "fuzz.h"

int vmcoop_main(int argc, char **argv);

static char *const commands[][6] = {
	{ "report" },
	{ "report", "--method", "counted" },
	{ "report", "--format", "json" },
	{ "script" },
	{ "stat" },
	{ "export", "-f", "folded" },
	{ "export", "-f", "perf" },
	{ "export", "-f", "perf-flat" },
	{ "export", "-f", "pprof" },
	{ "export", "-f", "perfetto" },
	{ "report", "--method", "tick" },
};

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	quiet = true;
	if (!getenv("FUZZ_DIR"))
		setenv("FUZZ_DIR", "fuzz.out", 1);
	/* Reports go to standard output, libFuzzer's own words to standard error. */
	if (!freopen("/dev/null", "w", stdout))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[16] = { "vmcoop-dump" }, path[64], out[64], *file;
	int argc = 1, fd, to, i;

	if (size < 1)
		return 0;
	file = malloc(size);
	memcpy(file, data + 1, size - 1);
	fuzz_fix_chunks(file, size - 1);
	fd = fuzz_file(file, size - 1, path);
	to = fuzz_file("", 0, out);
	free(file);
	for (i = 0; i < 6 && commands[*data % ARRAY_SIZE(commands)][i]; i++)
		argv[argc++] = commands[*data % ARRAY_SIZE(commands)][i];
	argv[argc++] = "-i";
	argv[argc++] = path;
	if (!strcmp(argv[1], "export")) {
		argv[argc++] = "--force";
		argv[argc++] = "-o";
		/* This one makes a file a VM. */
		argv[argc++] = strcmp(argv[3], "perf") ? out : getenv("FUZZ_DIR");
	}
	optind = 0;
	vmcoop_main(argc, argv);
	close(fd);
	close(to);
	return 0;
}
