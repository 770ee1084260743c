/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this machine ready for vmcoop, as a host or as a guest, and what is to be
 * done if not. All of it is read through hostfs.h; nothing is changed.
 */
#ifndef VMCOOP_DOCTOR_H
#define VMCOOP_DOCTOR_H

#include "hostfs.h"
#include "offer.h"

enum verdict {
	DOCTOR_OK,
	DOCTOR_NOTE,		/* good to know */
	DOCTOR_WARN,		/* it works, with less */
	DOCTOR_FAIL,		/* it does not work */
};

/**
 * struct finding - one thing that was looked at
 * @topic: what
 * @found: how it is; names in it may hold any bytes
 * @todo: what to do about it, NULL if nothing
 */
struct finding {
	enum verdict verdict;
	const char *topic;
	char *found;
	const char *todo;
};

/** struct findings - all of them; all zero is none */
struct findings {
	struct finding *v;
	size_t nr;
};

void found(struct findings *f, enum verdict verdict, const char *topic, const char *todo,
	   const char *fmt, ...) __printf(5, 6);
void findings_free(struct findings *f);
bool findings_ready(const struct findings *f);

/* Both roles: kernel, Secure Boot and module signing, module, permissions. */
void doctor_kernel(struct findings *f);
void doctor_signing(struct findings *f, const char *module);
void doctor_module(struct findings *f, const char *module);
void doctor_permissions(struct findings *f);

/* True, false, or -1 if it is not known: CONFIG_@option is built in or a module. */
int doctor_config(const char *option);
/* True if the CPU says that it has @flag (x86). */
bool doctor_cpu_flag(const char *flag);
/* "none", "integrity", "confidentiality", or "" where the kernel does not say. */
void doctor_lockdown(char out[32]);

/* @cycles: how the CPU's cycles can be used here. */
void doctor_host(struct findings *f, const struct offer *cycles);
void doctor_guest(struct findings *f);

/* Is this machine a guest rather than a host? */
bool doctor_is_guest(void);

#endif /* VMCOOP_DOCTOR_H */
