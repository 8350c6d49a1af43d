#include "core/enrol.h"

#include <assert.h>

enum move {
	MOVE_NONE,
	MOVE_BEGIN, /* the spread is over */
	MOVE_REQUEST,
	MOVE_JUDGE,
	MOVE_RETRY,    /* a failed attempt */
	MOVE_REJECTED, /* the long wait */
	MOVE_CUT_OFF,  /* 01, then as a failed attempt */
	MOVE_INVALID,  /* its number, then the long wait */
	MOVE_WAIT,     /* after a report */
	MOVE_CONFIRM,
	MOVE_CONFIRM_AGAIN,
	MOVE_CONFIRMED,
	MOVE_EXAMINE,
	MOVE_REST
};

static const uint8_t moves[][ENROL_EVENT_COUNT] = {
	[ENROL_START] = {
		[ENROL_TICK] = MOVE_BEGIN,
		[ENROL_ASK_NOW] = MOVE_REQUEST,
	},
	[ENROL_REQUEST] = {
		[ENROL_TICK] = MOVE_RETRY,
		[ENROL_FILE] = MOVE_JUDGE,
		[ENROL_FAILED] = MOVE_RETRY,
		[ENROL_REJECTED] = MOVE_REJECTED,
		[ENROL_CUT_OFF] = MOVE_CUT_OFF,
		[ENROL_INVALID] = MOVE_INVALID,
	},
	[ENROL_JUDGE] = {
		[ENROL_TICK] = MOVE_RETRY,
		[ENROL_INVALID] = MOVE_INVALID,
		[ENROL_INSTALLED] = MOVE_CONFIRM,
	},
	[ENROL_REPORT] = {
		[ENROL_TICK] = MOVE_WAIT,
		[ENROL_ANSWERED] = MOVE_WAIT,
		[ENROL_UNANSWERED] = MOVE_WAIT,
	},
	[ENROL_WAIT] = {
		[ENROL_TICK] = MOVE_REQUEST,
		[ENROL_ASK_NOW] = MOVE_REQUEST,
	},
	[ENROL_CONFIRM] = {
		[ENROL_TICK] = MOVE_CONFIRM_AGAIN,
		[ENROL_ANSWERED] = MOVE_CONFIRMED,
		[ENROL_UNANSWERED] = MOVE_CONFIRM_AGAIN,
	},
	[ENROL_REST] = {
		[ENROL_TICK] = MOVE_EXAMINE,
		[ENROL_GOOD] = MOVE_REST,
		[ENROL_UNCONFIRMED] = MOVE_REST, /* A8: at the next start */
		[ENROL_ABSENT] = MOVE_REQUEST,
		[ENROL_ASK_NOW] = MOVE_REQUEST,
	},
};
static_assert(sizeof(moves) / sizeof(moves[0]) == ENROL_STATE_COUNT, "a row a state");

static const char *const state_names[] = {
	[ENROL_START] = "start", [ENROL_REQUEST] = "request",
	[ENROL_JUDGE] = "judge", [ENROL_REPORT] = "report",
	[ENROL_WAIT] = "wait",   [ENROL_CONFIRM] = "confirm",
	[ENROL_REST] = "rest",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == ENROL_STATE_COUNT,
	      "a name a state");

const char *enrol_state_name(enum enrol_state s)
{
	return state_names[s];
}

/* base and up to jitter_percent more */
static uint64_t spread(const struct enrol *e, uint64_t base, uint32_t dice)
{
	return base + base / 100 * e->cfg.jitter_percent * (dice >> 8) / (1u << 24) +
	       base % 100 * e->cfg.jitter_percent * (dice >> 8) / (1u << 24) / 100;
}

static uint64_t within(uint64_t wish, uint64_t least, uint64_t most)
{
	uint64_t v = wish < least ? least : wish;

	return v < most ? v : most;
}

static void enter(struct enrol *e, enum enrol_state s, uint64_t deadline)
{
	e->state = s;
	e->deadline = deadline;
}

static enum enrol_action request(struct enrol *e, uint64_t now)
{
	e->attempts++;
	e->announced_ms = 0;
	e->long_wait = false;
	enter(e, ENROL_REQUEST, now + e->cfg.guard_ms);
	return ENROL_DO_REQUEST;
}

/* The one place where a failure ends: a wait, and then the next request. */
static enum enrol_action wait(struct enrol *e, uint64_t now, uint32_t dice)
{
	uint64_t base = e->cfg.long_wait_ms;

	if (e->long_wait)
		e->failures = 0;
	else if (e->announced_ms > 0)
		base = within(e->announced_ms, e->cfg.announced_min_ms, base);
	else
		base = e->cfg.retry_ms[e->failures - 1];
	enter(e, ENROL_WAIT, now + spread(e, base, dice));
	return ENROL_DO_NOTHING;
}

static void count_failure(struct enrol *e)
{
	e->failures++;
	e->long_wait = e->failures > e->cfg.n_retry;
}

static enum enrol_action report(struct enrol *e, uint8_t error, uint64_t now)
{
	e->error = error;
	enter(e, ENROL_REPORT, now + e->cfg.guard_ms);
	return ENROL_DO_REPORT;
}

static enum enrol_action confirm(struct enrol *e, uint64_t now, uint32_t dice)
{
	size_t last = e->cfg.n_confirm - 1;

	e->confirm_wait_ms = spread(
		e, e->cfg.confirm_ms[e->confirms < last ? e->confirms : last], dice);
	e->confirms++;
	enter(e, ENROL_CONFIRM, now + e->confirm_wait_ms + e->cfg.guard_ms);
	return ENROL_DO_CONFIRM;
}

static enum enrol_action rest(struct enrol *e, uint64_t now, uint32_t dice)
{
	uint64_t at = now + spread(e, e->cfg.examine_ms, dice);

	if (e->renew_at != TIMER_NONE && e->renew_at > now && e->renew_at < at)
		at = now + spread(e, e->renew_at - now, dice);
	enter(e, ENROL_REST, at);
	if (!e->fresh || !e->cfg.restart)
		return ENROL_DO_NOTHING;
	e->fresh = false;
	return ENROL_DO_RESTART;
}

static void note_renewal(struct enrol *e, const struct enrol_input *in, uint64_t now)
{
	e->renew_at =
		in->renew_in_ms < TIMER_NONE - now ? now + in->renew_in_ms : TIMER_NONE;
}

void enrol_start(struct enrol *e, const struct enrol_config *cfg,
		 const struct enrol_input *verdict, uint64_t now, uint32_t dice)
{
	assert(cfg->n_retry >= 1);
	assert(cfg->n_retry <= ENROL_RETRY_MAX);
	assert(cfg->n_confirm >= 1);
	assert(cfg->n_confirm <= ENROL_CONFIRM_MAX);
	*e = (struct enrol){ .cfg = *cfg, .renew_at = TIMER_NONE };
	if (verdict->event != ENROL_ABSENT)
		note_renewal(e, verdict, now);
	if (verdict->event == ENROL_GOOD) {
		(void)rest(e, now, dice);
		return;
	}
	e->to_confirm = verdict->event == ENROL_UNCONFIRMED;
	enter(e, ENROL_START, now + (cfg->start_spread_ms * (dice >> 8) >> 24));
}

static enum enrol_action installed(struct enrol *e, const struct enrol_input *in,
				   uint64_t now, uint32_t dice)
{
	note_renewal(e, in, now);
	e->failures = 0;
	e->error = 0;
	e->fresh = true;
	e->confirms = 0;
	return confirm(e, now, dice);
}

enum enrol_action enrol_step(struct enrol *e, const struct enrol_input *in,
			     uint64_t now, uint32_t dice)
{
	enum move m = (enum move)moves[e->state][in->event];

	if (in->event == ENROL_TICK && now < e->deadline)
		return ENROL_DO_NOTHING;
	switch (m) {
	case MOVE_NONE:
		return ENROL_DO_NOTHING;
	case MOVE_BEGIN:
		return e->to_confirm ? confirm(e, now, dice) : request(e, now);
	case MOVE_REQUEST:
		return request(e, now);
	case MOVE_JUDGE:
		enter(e, ENROL_JUDGE, now + e->cfg.guard_ms);
		return ENROL_DO_JUDGE;
	case MOVE_RETRY:
		e->announced_ms = in->announced_ms;
		count_failure(e);
		return wait(e, now, dice);
	case MOVE_REJECTED:
		e->long_wait = true;
		return wait(e, now, dice);
	case MOVE_CUT_OFF:
		count_failure(e);
		return report(e, 1, now);
	case MOVE_INVALID:
		e->long_wait = true;
		return report(e, in->error, now);
	case MOVE_WAIT:
		return wait(e, now, dice);
	case MOVE_CONFIRM:
		return installed(e, in, now, dice);
	case MOVE_CONFIRM_AGAIN:
		return e->confirms <= e->cfg.n_confirm ? confirm(e, now, dice)
						       : rest(e, now, dice);
	case MOVE_CONFIRMED:
		return rest(e, now, dice);
	case MOVE_EXAMINE:
		enter(e, ENROL_REST, now + e->cfg.guard_ms);
		return ENROL_DO_EXAMINE;
	case MOVE_REST:
		note_renewal(e, in, now);
		return rest(e, now, dice);
	}
	return ENROL_DO_NOTHING;
}
