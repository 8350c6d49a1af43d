/* A modem's life from boot to confirmation (method 400, SPEC section 4), without a
 * socket, a clock or an allocation.
 *
 *   boot -> certificate good? rest : request -> judge and install -> confirm -> rest
 *
 * The machine says what to do next (an action) and when to come back (`deadline`);
 * the caller does it and brings the outcome as the next event.  Every failure goes
 * to one place: report it where it has a number, arm a deadline, listen.
 *
 * Goals and timers:
 *   A4  a failed attempt is followed by the next one after retry_ms[0], [1], [2]; after
 *       the last of them, or after an invalid file or a rejection, by long_wait_ms,
 *       and then by a new series.  A wait that the server announced (ERROR 1 with
 *       "retry after N s") takes the place of the next one of the series, within
 *       announced_min_ms and long_wait_ms.
 *   A6  a failure that has a number is reported once, answered or not.  A transfer cut
 *       off is reported as 01, but counts as a failed attempt, not as an invalid file:
 *       there is no file that was judged.
 *   A8  a confirmation is sent n_confirm + 1 times at most, with confirm_ms between;
 *       unanswered, it is left for the next start.
 *   A1  at rest the certificate is examined again after renew_in_ms or examine_ms,
 *       whichever comes first.
 *   Each wait is lengthened by a share of up to jitter_percent, never shortened, and
 *   the first request comes up to start_spread_ms after the start, so that a fleet
 *   does not return in one instant.
 *   guard_ms is the longest that the caller may take for what it was told to do; past
 *   it the attempt counts as failed.  So each state rests or has a deadline. */
#ifndef CORE_ENROL_H
#define CORE_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/timerheap.h"

enum { ENROL_RETRY_MAX = 8, ENROL_CONFIRM_MAX = 8 };

struct enrol_config {
	uint64_t retry_ms[ENROL_RETRY_MAX];
	size_t n_retry;
	uint64_t long_wait_ms, announced_min_ms;
	uint64_t
		confirm_ms[ENROL_CONFIRM_MAX]; /* the last one also ends the last try */
	size_t n_confirm;
	uint64_t start_spread_ms, examine_ms, guard_ms;
	uint8_t jitter_percent;
	bool restart; /* A9: re-initialise once a fresh certificate is in place */
};

enum enrol_state {
	ENROL_START,   /* waiting for the spread's end */
	ENROL_REQUEST, /* the file is being fetched */
	ENROL_JUDGE,   /* it is being checked and installed */
	ENROL_REPORT,  /* ERRnn is being sent */
	ENROL_WAIT,
	ENROL_CONFIRM, /* OK is being sent */
	ENROL_REST,
	ENROL_STATE_COUNT
};

enum enrol_event {
	ENROL_TICK,        /* the deadline has passed */
	ENROL_GOOD,        /* examined: good and confirmed (or nothing to confirm) */
	ENROL_UNCONFIRMED, /* examined: good, its confirmation was never answered */
	ENROL_ABSENT,      /* examined: none, or near its end */
	ENROL_FILE,        /* the request brought a file */
	ENROL_FAILED,      /* not found, no answer, a server's error */
	ENROL_REJECTED,    /* ERROR 2 */
	ENROL_CUT_OFF,     /* begun and not ended: 01 */
	ENROL_INVALID,     /* judged: in.error says why */
	ENROL_INSTALLED,
	ENROL_ANSWERED, /* the report or the confirmation has its answer */
	ENROL_UNANSWERED,
	ENROL_ASK_NOW, /* by the operator (A10) */
	ENROL_EVENT_COUNT
};

enum enrol_action {
	ENROL_DO_NOTHING,
	ENROL_DO_REQUEST, /* fetch; then FILE, FAILED, REJECTED, CUT_OFF or INVALID */
	ENROL_DO_JUDGE,   /* then INVALID or INSTALLED */
	ENROL_DO_REPORT,  /* send ERRnn with e->error; then ANSWERED or UNANSWERED */
	ENROL_DO_CONFIRM, /* send OK once, wait e->confirm_wait_ms; then as above */
	ENROL_DO_EXAMINE, /* A1; then GOOD, UNCONFIRMED or ABSENT */
	ENROL_DO_RESTART
};

struct enrol_input {
	enum enrol_event event;
	uint8_t error;         /* ENROL_INVALID: 1..14 */
	uint64_t announced_ms; /* ENROL_FAILED: the server's wish, or 0 */
	uint64_t renew_in_ms;  /* ENROL_GOOD, _UNCONFIRMED, _INSTALLED: until the
				* certificate counts as absent; TIMER_NONE: unknown */
};

struct enrol {
	struct enrol_config cfg;
	enum enrol_state state;
	uint64_t deadline; /* ms; TIMER_NONE: nothing to wait for */
	uint64_t renew_at; /* ms */
	uint64_t announced_ms;
	uint64_t confirm_wait_ms;
	uint32_t attempts; /* requests since the start */
	uint32_t failures; /* in the present series */
	uint32_t confirms; /* sent in the present state */
	uint8_t error;     /* last number reported or to be; 0: none */
	bool long_wait;    /* the present or next wait is the long one */
	bool fresh;        /* installed in this life: A9 */
	bool to_confirm;   /* what START is for */
};

/* verdict: ENROL_GOOD, ENROL_UNCONFIRMED or ENROL_ABSENT.  dice, here and below:
 * 32 random bits. */
void enrol_start(struct enrol *e, const struct enrol_config *cfg,
		 const struct enrol_input *verdict, uint64_t now, uint32_t dice);

/* An event that has no meaning in the present state changes nothing. */
enum enrol_action enrol_step(struct enrol *e, const struct enrol_input *in,
			     uint64_t now, uint32_t dice);

const char *enrol_state_name(enum enrol_state s);

#endif
