/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A state of the world of model.c, and how ring.pml, which Spin drives, goes through
 * such states. Which world it is, ./run says with the macros here.
 */
#ifndef MODEL_H
#define MODEL_H

void model_begin(void);
void model_take(int choice);	/* goes one of S.choices ways on */

#ifndef WRITES
#define WRITES	4			/* records offered */
#endif
#ifndef ROUNDS
#define ROUNDS	2			/* times that a reader fetches */
#endif
#ifndef RING
#define RING	32			/* bytes of a ring */
#endif
#ifndef SIZES
#define SIZES	~0			/* which records may be the larger ones, bit by bit */
#endif
#ifndef WINDOW
#define WINDOW	(NMI ? 32 : 22)
#endif
#ifndef AHEAD
#define AHEAD	6
#endif
/* Who is there besides the producer: see ./run. */
#ifndef CONSUMER
#define CONSUMER	0
#endif
#ifndef ONLOOKER
#define ONLOOKER	0
#endif
#ifndef ATTACHED
#define ATTACHED	0		/* the consumer is attached from the start */
#endif
#ifndef LOOKS
#define LOOKS	0		/* readers look at the counters, too */
#endif
#ifndef HOSTILE_CONS
#define HOSTILE_CONS	0		/* the consumer's page shows anything */
#endif
#ifndef HOSTILE_DATA
#define HOSTILE_DATA	0		/* the data, too */
#endif
#ifndef NMI
#define NMI	0			/* one write is interrupted, anywhere, by another */
#endif
#ifndef NMI_RING
#define NMI_RING	1		/* which goes to this ring */
#endif

#define TYPES	1			/* ./run's copy of abi.h has as many */
#define WORDS	(RING / 8)
#define VALUES	16
#define RINGS	(1 + NMI)
#define RECORDS	(WRITES + NMI)
#define NMI_PLACES 14			/* events that a write has at most, and more */

enum { ATT, TAIL, SEQ, HEAD, OLDEST, PRODUCED, OVERWRITTEN, DROPPED,
       DATA = DROPPED + TYPES, LOCS = DATA + WORDS };

enum { PRODUCER, READER, WATCHER, THREADS };

struct op {
	unsigned char kind, loc, slot;
	int val;
};

/*
 * @step: which operation it is in
 * @events: of this operation stand in the window or are done
 * @loads: of this operation have a value or stand in the window
 * @wait: it waits for: OP_LOAD, OP_GUESS of @wait_loc, or nothing
 */
struct thread {
	unsigned char step, events, loads, wait, wait_loc, ops;
	unsigned short known;
	int value[VALUES];
	struct op window[WINDOW];
};

struct books {
	unsigned char head, oldest, produced, overwritten, dropped[TYPES];
};

struct own {
	unsigned char seq, head, oldest, produced, overwritten, dropped[TYPES];
};

/* A record that was taken: where; @size 0: it was not. */
struct taken {
	unsigned char pos, size, ring;
};

struct world {
	unsigned char choices;		/* ways to go on from here */
	unsigned char broken;		/* a property is, for good */
	const char *fault;		/* which; in doubt while there are guesses */
	unsigned char begun, sizes, nmi_write, nmi_at;
	int mem[RINGS][LOCS];
	struct thread thread[THREADS];
	/* producer: between its writes */
	struct own own[RINGS];
	unsigned char writes;
	struct taken taken[RECORDS];
	/* what the counters were after each write; index 0: before the first */
	struct books after[RINGS][WRITES + 1];
	unsigned char nr_after[RINGS];
	/* up to where writes that saw no reader have given up records */
	unsigned char unattended;
	/* consumer */
	unsigned char pos[RINGS], from, consumed[RINGS], lost, stale, attached;
	struct books first, last;
	/* onlooker */
	unsigned char watch;
};

extern struct world S;

#endif /* MODEL_H */
