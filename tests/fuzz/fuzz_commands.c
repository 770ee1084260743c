// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files through whole commands: reader, merge, join, symbols of hostile guests,
 * and what writes them out: report, script, stat and each exporter. The input's first
 * byte chooses the command. Leaks are not looked for: who fails to write a file ends, and
 * what he holds with him.
 */
#include <getopt.h>

#include "fuzz.h"

int vmcoop_main(int argc, char **argv);

static char *const commands[][6] = {
	{ "report" },
	{ "report", "--method", "counted" },
	{ "report", "--json" },
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

/* A data file, its number of the command before it; the command's exit status. */
static int run(const uint8_t *data, size_t size)
{
	char *argv[16] = { "vmcoop-dump" }, path[64], out[64], *file;
	int argc = 1, fd, to, i, status;

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
		/* These two write several files. */
		if (!strcmp(argv[3], "perf") || !strcmp(argv[3], "perf-flat"))
			argv[argc++] = getenv("FUZZ_DIR");
		else
			argv[argc++] = out;
	}
	optind = 0;
	status = vmcoop_main(argc, argv);
	close(fd);
	close(to);
	return status;
}

/* The commands must be what the tool knows, or nothing would be fuzzed. */
static void try_commands(const char *sample)
{
	static uint8_t file[1 << 16];
	FILE *f = fopen(sample, "r");
	size_t len;

	if (!f)
		abort();
	len = fread(file, 1, sizeof(file), f);
	fclose(f);
	for (*file = 0; *file < ARRAY_SIZE(commands); ++*file) {
		if (run(file, len)) {
			fprintf(stderr, "'%s %s %s' does not take the sample\n",
				commands[*file][0], commands[*file][1] ?: "",
				commands[*file][1] && commands[*file][2] ? commands[*file][2] : "");
			abort();
		}
	}
}

/* FUZZ_DIR is an own directory to write into, FUZZ_SAMPLE a good input. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* Reports go to standard output, libFuzzer's own words to standard error. */
	if (!getenv("FUZZ_DIR") || !getenv("FUZZ_SAMPLE") || !freopen("/dev/null", "w", stdout))
		abort();
	try_commands(getenv("FUZZ_SAMPLE"));
	quiet = true;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		run(data, size);
	return 0;
}
