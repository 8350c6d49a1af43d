/* Which certificates are being made right now, and where each of them stands.
 *
 *	NEED_PLAN --> PLANNING --> NEED_SIGN --> SIGNING --> gone
 *	                NEED_WRAP --> WRAPPING ------------> gone
 *
 * What must outlive a crash is in the database (the queue, and plans committed
 * before they are signed: S4); this is the work at hand, a job a device, in fixed
 * memory.  Jobs go to signers in the order in which they came, to the least busy
 * signer first; but a plan is signed before others are made, or after a power cut
 * nobody would have a certificate until everybody's key was made.  A signer that
 * ends gives its jobs back: they go to the next one, and a job that was with
 * ISSUE_TRIES_MAX signers when they ended is not sent again by itself, since it may
 * be what ended them.
 *
 * No clock, allocation or I/O: the caller brings memory, sends what issue_next
 * says, and commits what must be committed before. */
#ifndef CORE_ISSUE_H
#define CORE_ISSUE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/hashtable.h"
#include "base/mac.h"

enum {
	ISSUE_SIGNERS_MAX = 64,
	ISSUE_AT_SIGNER_MAX = 32, /* jobs that one signer has at once */
	ISSUE_TRIES_MAX = 3,
	ISSUE_REPLANS_MAX = 3 /* plans voided in a row, the issuer having changed */
};

enum issue_state {
	ISSUE_FREE,
	ISSUE_NEED_PLAN,
	ISSUE_PLANNING,
	ISSUE_NEED_SIGN,
	ISSUE_SIGNING,
	ISSUE_NEED_WRAP,
	ISSUE_WRAPPING
};

struct issue_job {
	struct mac mac;
	enum issue_state state;
	uint8_t set;        /* secret set that the key object is for */
	uint8_t tries;      /* signers that ended with it */
	uint8_t replans;    /* the caller's count */
	uint16_t signer;    /* PLANNING, SIGNING, WRAPPING */
	uint32_t epoch;     /* the caller's */
	int64_t cert;       /* the plan's number in the database; the caller's */
	uint8_t serial[16]; /* what was asked for with PLAN; the caller's, too */
	int64_t not_before, not_after;
	/* private */
	uint32_t generation, prev, next;
	uint8_t list;
};

enum issue_list {
	ISSUE_LIST_FREE,
	ISSUE_LIST_READY,
	ISSUE_LIST_PARKED,
	ISSUE_LIST_AWAY,
	ISSUE_LISTS
};

struct issue {
	struct issue_job *jobs;
	uint32_t n_jobs;
	struct hashtable by_mac;
	uint32_t first[ISSUE_LISTS], last[ISSUE_LISTS];
	uint16_t busy[ISSUE_SIGNERS_MAX];
	bool up[ISSUE_SIGNERS_MAX];
};

/* n_cells: a power of two, at least twice n_jobs. */
void issue_init(struct issue *i, struct issue_job *jobs, uint32_t n_jobs,
		uint32_t *cells, uint32_t n_cells, const struct hash_key *secret);

/* A new job in a NEED_ state, or the one that this device has (left as it is).
 * NULL: all are taken. */
struct issue_job *issue_add(struct issue *i, const struct mac *mac, uint8_t set,
			    enum issue_state state);
struct issue_job *issue_find(const struct issue *i, const struct mac *mac);
uint32_t issue_count(const struct issue *i);
void issue_drop(struct issue *i, struct issue_job *job);

void issue_signer_up(struct issue *i, uint16_t signer);
/* Its jobs are ready again, each with one more try. WRAPPING ones, too. */
void issue_signer_down(struct issue *i, uint16_t signer);

/* The next job to be sent, and to whom. The caller then does one of issue_sent,
 * issue_park, issue_drop, else it gets the same again. */
bool issue_next(const struct issue *i, struct issue_job **ret, uint16_t *ret_signer);
/* Sent: the number that its answer will carry. */
uint64_t issue_sent(struct issue *i, struct issue_job *job, uint16_t signer);
/* Set aside until issue_unpark: its issuer is not ready yet. */
void issue_park(struct issue *i, struct issue_job *job);
void issue_unpark(struct issue *i);

/* Whose answer is this? NULL when it is not this signer's, or nobody waits. */
struct issue_job *issue_answered(struct issue *i, uint64_t number, uint16_t signer);
/* Its next step: ready in a NEED_ state, NEED_SIGN before all others. */
void issue_again(struct issue *i, struct issue_job *job, enum issue_state state);

#endif
