// SPDX-License-Identifier: GPL-2.0-only
/*
 * withcaps - run a command as root with no other capabilities than those named.
 *
 * usage: withcaps MASK COMMAND [ARG...]
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned long long mask;
	int cap;

	if (argc < 3) {
		fprintf(stderr, "usage: withcaps MASK COMMAND [ARG...]\n");
		return 2;
	}
	mask = strtoull(argv[1], NULL, 0);
	for (cap = 0; cap < 2; cap++) {
		data[cap].permitted = mask >> 32 * cap;
		data[cap].effective = data[cap].permitted;
		data[cap].inheritable = data[cap].permitted;
	}
	/* Or root gets them all back by executing the command. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) ||
	    syscall(SYS_capset, &head, data)) {
		perror("withcaps");
		return 1;
	}
	for (cap = 0; cap < 64; cap++) {
		if (mask >> cap & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
