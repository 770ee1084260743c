/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PMUs of this host and their named events, as
 * /sys/bus/event_source/devices tells them.
 */
#ifndef VMCOOP_PMU_H
#define VMCOOP_PMU_H

#include "hostfs.h"

#define PMU_NAME_MAX	64

/**
 * struct pmu - a performance monitoring unit
 * @name: its directory's name
 * @type: for struct perf_event_attr
 * @shared: it counts for a package or the whole machine, not for each CPU
 */
struct pmu {
	char name[PMU_NAME_MAX];
	u32 type;
	bool shared;
};

/** struct pmu_config - what an event's terms make of struct perf_event_attr */
struct pmu_config {
	u64 config[3];
};

/* The PMU of this name. */
bool pmu_find(const char *name, struct pmu *pmu);
struct names pmu_list(void);

/* Names of the PMU's events, and of the terms that an event is made of. */
struct names pmu_events(const struct pmu *pmu);
struct names pmu_terms(const struct pmu *pmu);

/* The terms that the PMU's event @name stands for; NULL: it has none of that name. */
char *pmu_event(const struct pmu *pmu, const char *name);

enum pmu_set {
	PMU_SET_OK,
	PMU_SET_UNKNOWN,	/* the PMU has no such term */
	PMU_SET_TOO_LARGE,	/* @bits is what there is room for */
	PMU_SET_FORMAT,		/* the term's format cannot be used */
};

/* Puts @value where the PMU's format wants @term. */
enum pmu_set pmu_set(const struct pmu *pmu, const char *term, u64 value,
		     struct pmu_config *c, unsigned int *bits);

#endif /* VMCOOP_PMU_H */
