/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What capture.c and capture-vms.c offer each other.
 */
#ifndef VMCOOP_CAPTURE_INTERNAL_H
#define VMCOOP_CAPTURE_INTERNAL_H

#include "capture.h"

/* Allows the waits that follow, on unsteady counters, 50 ms all together. */
void capture_patience(struct capture *c);

/* Becomes the ring's consumer; numbers the source if it has no number yet. */
void source_attach(struct capture *c, struct capture_source *s);

/* Consumes what lies before position @upto. */
void source_drain(struct capture *c, struct capture_source *s, u64 upto);

/*
 * Consumes the rest, writes the counters, detaches; with @why the ring is lost
 * for that reason, and only what was consumed is written.
 */
void source_close(struct capture *c, struct capture_source *s, const char *why);

/* Asks the guest to tell all tasks and mappings; it looks at its ticks. */
void region_ask(struct capture_region *reg);

/* Looks whether a region's rings began, ended or began anew. */
void region_poll(struct capture *c, struct capture_region *reg);

/* Closes all sources of @reg; @why as in source_close(). */
void region_end(struct capture *c, struct capture_region *reg, const char *why);

#endif /* VMCOOP_CAPTURE_INTERNAL_H */
