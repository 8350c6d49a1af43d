#include "core/issue.h"

#include <assert.h>
#include <string.h>

#define NONE UINT32_MAX

static uint32_t slot_of(const struct issue *i, const struct issue_job *job)
{
	return (uint32_t)(job - i->jobs);
}

static const void *key_at(const void *ctx, uint32_t slot)
{
	const struct issue *i = ctx;

	return &i->jobs[slot].mac;
}

static void unlink_job(struct issue *i, struct issue_job *job)
{
	if (job->prev == NONE)
		i->first[job->list] = job->next;
	else
		i->jobs[job->prev].next = job->next;
	if (job->next == NONE)
		i->last[job->list] = job->prev;
	else
		i->jobs[job->next].prev = job->prev;
}

static void append(struct issue *i, struct issue_job *job, enum issue_list list)
{
	uint32_t slot = slot_of(i, job);

	job->list = (uint8_t)list;
	job->prev = i->last[list];
	job->next = NONE;
	if (job->prev == NONE)
		i->first[list] = slot;
	else
		i->jobs[job->prev].next = slot;
	i->last[list] = slot;
}

static void put_first(struct issue *i, struct issue_job *job, enum issue_list list)
{
	uint32_t slot = slot_of(i, job);

	job->list = (uint8_t)list;
	job->prev = NONE;
	job->next = i->first[list];
	if (job->next == NONE)
		i->last[list] = slot;
	else
		i->jobs[job->next].prev = slot;
	i->first[list] = slot;
}

/* Away or not, a job counts as its signer's only while it is on that list. */
static void take_off(struct issue *i, struct issue_job *job)
{
	if (job->list == ISSUE_LIST_AWAY) {
		assert(i->busy[job->signer] > 0);
		i->busy[job->signer]--;
	}
	unlink_job(i, job);
}

static void move(struct issue *i, struct issue_job *job, enum issue_list list)
{
	take_off(i, job);
	append(i, job, list);
	if (list == ISSUE_LIST_AWAY)
		i->busy[job->signer]++;
}

static bool is_need(enum issue_state state)
{
	return state == ISSUE_NEED_PLAN || state == ISSUE_NEED_SIGN ||
	       state == ISSUE_NEED_WRAP;
}

void issue_init(struct issue *i, struct issue_job *jobs, uint32_t n_jobs,
		uint32_t *cells, uint32_t n_cells, const struct hash_key *secret)
{
	memset(i, 0, sizeof(*i));
	memset(jobs, 0, n_jobs * sizeof(*jobs));
	i->jobs = jobs;
	i->n_jobs = n_jobs;
	hashtable_init(&i->by_mac, cells, n_cells, sizeof(struct mac), secret, key_at,
		       i);
	for (int l = 0; l < ISSUE_LISTS; l++)
		i->first[l] = i->last[l] = NONE;
	for (uint32_t n = 0; n < n_jobs; n++)
		append(i, &jobs[n], ISSUE_LIST_FREE);
}

struct issue_job *issue_find(const struct issue *i, const struct mac *mac)
{
	uint32_t slot = hashtable_find(&i->by_mac, mac);

	return slot == HASH_NONE ? NULL : &i->jobs[slot];
}

struct issue_job *issue_add(struct issue *i, const struct mac *mac, uint8_t set,
			    enum issue_state state)
{
	uint32_t generation, slot = hashtable_find(&i->by_mac, mac);
	struct issue_job *job;

	assert(is_need(state));
	if (slot != HASH_NONE)
		return &i->jobs[slot];
	slot = i->first[ISSUE_LIST_FREE];
	if (slot == NONE)
		return NULL;
	job = &i->jobs[slot];
	unlink_job(i, job);
	generation = job->generation;
	*job = (struct issue_job){
		.mac = *mac, .state = state, .set = set, .generation = generation
	};
	append(i, job, ISSUE_LIST_READY);
	hashtable_insert(&i->by_mac, slot);
	return job;
}

uint32_t issue_count(const struct issue *i)
{
	return i->by_mac.len;
}

void issue_drop(struct issue *i, struct issue_job *job)
{
	assert(job->state != ISSUE_FREE);
	hashtable_remove(&i->by_mac, slot_of(i, job));
	move(i, job, ISSUE_LIST_FREE);
	job->state = ISSUE_FREE;
	job->generation++; /* late answers are nobody's */
}

void issue_signer_up(struct issue *i, uint16_t signer)
{
	assert(signer < ISSUE_SIGNERS_MAX);
	i->up[signer] = true;
}

static enum issue_state back(enum issue_state state)
{
	return state == ISSUE_PLANNING  ? ISSUE_NEED_PLAN
	       : state == ISSUE_SIGNING ? ISSUE_NEED_SIGN
					: ISSUE_NEED_WRAP;
}

void issue_signer_down(struct issue *i, uint16_t signer)
{
	uint32_t next;

	assert(signer < ISSUE_SIGNERS_MAX);
	i->up[signer] = false;
	for (uint32_t s = i->first[ISSUE_LIST_AWAY]; s != NONE; s = next) {
		struct issue_job *job = &i->jobs[s];

		next = job->next;
		if (job->signer != signer)
			continue;
		job->tries++;
		move(i, job, ISSUE_LIST_READY);
		job->state = back(job->state);
	}
}

bool issue_next(const struct issue *i, struct issue_job **ret, uint16_t *ret_signer)
{
	uint32_t slot = i->first[ISSUE_LIST_READY];
	unsigned best = ISSUE_SIGNERS_MAX;

	if (slot == NONE)
		return false;
	for (unsigned n = 0; n < ISSUE_SIGNERS_MAX; n++) {
		if (!i->up[n] || i->busy[n] >= ISSUE_AT_SIGNER_MAX)
			continue;
		if (best == ISSUE_SIGNERS_MAX || i->busy[n] < i->busy[best])
			best = n;
	}
	if (best == ISSUE_SIGNERS_MAX)
		return false;
	*ret = &i->jobs[slot];
	*ret_signer = (uint16_t)best;
	return true;
}

/* Generation above slot: no number is given out twice. */
static uint64_t number_of(const struct issue *i, const struct issue_job *job)
{
	return (uint64_t)job->generation << 32 | slot_of(i, job);
}

uint64_t issue_sent(struct issue *i, struct issue_job *job, uint16_t signer)
{
	assert(job->list == ISSUE_LIST_READY);
	job->signer = signer;
	job->generation++;
	job->state = job->state == ISSUE_NEED_PLAN   ? ISSUE_PLANNING
		     : job->state == ISSUE_NEED_SIGN ? ISSUE_SIGNING
						     : ISSUE_WRAPPING;
	move(i, job, ISSUE_LIST_AWAY);
	return number_of(i, job);
}

void issue_park(struct issue *i, struct issue_job *job)
{
	assert(job->list == ISSUE_LIST_READY);
	move(i, job, ISSUE_LIST_PARKED);
}

void issue_unpark(struct issue *i)
{
	while (i->first[ISSUE_LIST_PARKED] != NONE)
		move(i, &i->jobs[i->first[ISSUE_LIST_PARKED]], ISSUE_LIST_READY);
}

struct issue_job *issue_answered(struct issue *i, uint64_t number, uint16_t signer)
{
	uint32_t slot = (uint32_t)number;
	struct issue_job *job;

	if (slot >= i->n_jobs)
		return NULL;
	job = &i->jobs[slot];
	return job->list == ISSUE_LIST_AWAY && job->signer == signer &&
			       number_of(i, job) == number
		       ? job
		       : NULL;
}

void issue_again(struct issue *i, struct issue_job *job, enum issue_state state)
{
	assert(is_need(state));
	if (state == ISSUE_NEED_SIGN) {
		take_off(i, job);
		put_first(i, job, ISSUE_LIST_READY);
	} else {
		move(i, job, ISSUE_LIST_READY);
	}
	job->state = state;
}
