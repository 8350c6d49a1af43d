/* A modem's life (A1, A4, A6, A8, A9), event by event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/enrol.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const struct enrol_config config = {
	.retry_ms = { 10 * MINUTE, 20 * MINUTE, 40 * MINUTE },
	.n_retry = 3,
	.long_wait_ms = 4 * HOUR,
	.announced_min_ms = MINUTE,
	.confirm_ms = { 10 * SECOND, 20 * SECOND, 40 * SECOND },
	.n_confirm = 3,
	.start_spread_ms = 30 * SECOND,
	.examine_ms = 24 * HOUR,
	.guard_ms = 5 * MINUTE,
	.jitter_percent = 0,
};

static struct enrol e;
static uint64_t now;
static uint32_t dice;

static void start_with(const struct enrol_config *c, enum enrol_event verdict)
{
	now = 5000;
	dice = 0;
	enrol_start(
		&e, c,
		&(struct enrol_input){ .event = verdict, .renew_in_ms = TIMER_NONE },
		now, dice);
}

static void start(enum enrol_event verdict)
{
	start_with(&config, verdict);
}

static enum enrol_action happen(enum enrol_event event)
{
	return enrol_step(&e,
			  &(struct enrol_input){ .event = event,
						 .error = 9,
						 .renew_in_ms = TIMER_NONE },
			  now, dice);
}

/* The deadline passes, after this long. */
static enum enrol_action pass(uint64_t wait)
{
	assert_int_equal(e.deadline - now, wait);
	now = e.deadline - 1;
	assert_int_equal(happen(ENROL_TICK), ENROL_DO_NOTHING);
	now = e.deadline;
	return happen(ENROL_TICK);
}

static void begin_request(void)
{
	start(ENROL_ABSENT);
	assert_int_equal(pass(0), ENROL_DO_REQUEST);
}

/* A1 */
static void test_good_certificate_rests(void **state)
{
	(void)state;
	start(ENROL_GOOD);
	assert_int_equal(e.state, ENROL_REST);
	assert_int_equal(pass(24 * HOUR), ENROL_DO_EXAMINE);
	assert_int_equal(happen(ENROL_GOOD), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_REST);
	assert_int_equal(pass(24 * HOUR), ENROL_DO_EXAMINE);
	assert_int_equal(happen(ENROL_ABSENT), ENROL_DO_REQUEST);
}

/* A1: near its end it counts as absent */
static void test_rest_ends_at_the_renewal(void **state)
{
	struct enrol_input good = { .event = ENROL_GOOD, .renew_in_ms = 3 * HOUR };

	(void)state;
	now = 77;
	enrol_start(&e, &config, &good, now, 0);
	assert_int_equal(pass(3 * HOUR), ENROL_DO_EXAMINE);
	good.renew_in_ms = 0;
	assert_int_equal(enrol_step(&e, &good, now, 0), ENROL_DO_NOTHING);
	assert_int_equal(e.deadline, now + 24 * HOUR); /* no loop */
}

/* A4: 10, 20, 40 minutes, then four hours, then anew */
static void test_schedule(void **state)
{
	(void)state;
	begin_request();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
			assert_false(e.long_wait);
			assert_int_equal(pass((uint64_t)(10 << i) * MINUTE),
					 ENROL_DO_REQUEST);
		}
		assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
		assert_true(e.long_wait);
		assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
	}
	assert_int_equal(e.attempts, 9);
}

/* All waits are the operator's: also a series longer than the long wait */
static void test_retry_longer_than_the_long_wait(void **state)
{
	struct enrol_config c = config;

	(void)state;
	c.long_wait_ms = MINUTE;
	start_with(&c, ENROL_ABSENT);
	assert_int_equal(pass(0), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
	assert_int_equal(pass(10 * MINUTE), ENROL_DO_REQUEST);
}

/* A4: ERROR 2 */
static void test_rejected(void **state)
{
	(void)state;
	begin_request();
	assert_int_equal(happen(ENROL_REJECTED), ENROL_DO_NOTHING);
	assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
	assert_int_equal(pass(10 * MINUTE), ENROL_DO_REQUEST);
}

static enum enrol_action fail_with(uint64_t announced)
{
	return enrol_step(&e,
			  &(struct enrol_input){ .event = ENROL_FAILED,
						 .announced_ms = announced },
			  now, dice);
}

/* A4: a server's announced wait, within bounds */
static void test_announced_wait(void **state)
{
	(void)state;
	begin_request();
	assert_int_equal(fail_with(15 * MINUTE), ENROL_DO_NOTHING);
	assert_int_equal(pass(15 * MINUTE), ENROL_DO_REQUEST);
	assert_int_equal(fail_with(1), ENROL_DO_NOTHING);
	assert_int_equal(pass(MINUTE), ENROL_DO_REQUEST);
	assert_int_equal(fail_with(400 * HOUR), ENROL_DO_NOTHING);
	assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
	assert_int_equal(fail_with(MINUTE), ENROL_DO_NOTHING);
	assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST); /* the series is over */
}

/* A6: its number, then the long wait; answered or not */
static void test_invalid_file(void **state)
{
	static const enum enrol_event ends[] = { ENROL_ANSWERED, ENROL_UNANSWERED };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin_request();
		assert_int_equal(happen(ENROL_FILE), ENROL_DO_JUDGE);
		assert_int_equal(happen(ENROL_INVALID), ENROL_DO_REPORT);
		assert_int_equal(e.error, 9);
		assert_int_equal(happen(ends[i]), ENROL_DO_NOTHING);
		assert_true(e.long_wait);
		assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
	}
}

/* error 08 before there is a file: oversize */
static void test_invalid_during_the_request(void **state)
{
	(void)state;
	begin_request();
	assert_int_equal(happen(ENROL_INVALID), ENROL_DO_REPORT);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
}

/* error 01: reported, and counted as a failed attempt */
static void test_cut_off(void **state)
{
	(void)state;
	begin_request();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(happen(ENROL_CUT_OFF), ENROL_DO_REPORT);
		assert_int_equal(e.error, 1);
		assert_int_equal(happen(ENROL_UNANSWERED), ENROL_DO_NOTHING);
		assert_int_equal(pass((uint64_t)(10 << i) * MINUTE), ENROL_DO_REQUEST);
	}
	assert_int_equal(happen(ENROL_CUT_OFF), ENROL_DO_REPORT);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(pass(4 * HOUR), ENROL_DO_REQUEST);
}

static void install(const struct enrol_config *c)
{
	start_with(c, ENROL_ABSENT);
	assert_int_equal(pass(0), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_FILE), ENROL_DO_JUDGE);
	assert_int_equal(happen(ENROL_INSTALLED), ENROL_DO_CONFIRM);
}

/* A8: answered at once */
static void test_confirmed(void **state)
{
	(void)state;
	install(&config);
	assert_int_equal(e.error, 0);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_REST);
	assert_int_equal(e.confirms, 1);
	assert_int_equal(e.failures, 0);
}

/* A4: what failed before an install does not count at the renewal */
static void test_failures_end_with_an_install(void **state)
{
	(void)state;
	begin_request();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
		assert_int_equal(pass((uint64_t)(10 << i) * MINUTE), ENROL_DO_REQUEST);
	}
	assert_int_equal(happen(ENROL_FILE), ENROL_DO_JUDGE);
	assert_int_equal(happen(ENROL_INSTALLED), ENROL_DO_CONFIRM);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(pass(24 * HOUR), ENROL_DO_EXAMINE);
	assert_int_equal(happen(ENROL_ABSENT), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
	assert_false(e.long_wait);
	assert_int_equal(pass(10 * MINUTE), ENROL_DO_REQUEST);
}

/* A8: four times, 10, 20 and 40 seconds between */
static void test_confirmation_unanswered(void **state)
{
	(void)state;
	install(&config);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(e.confirm_wait_ms, (10 << i) * SECOND);
		now += e.confirm_wait_ms;
		assert_int_equal(happen(ENROL_UNANSWERED), ENROL_DO_CONFIRM);
	}
	assert_int_equal(e.confirms, 4);
	assert_int_equal(e.confirm_wait_ms, 40 * SECOND);
	assert_int_equal(happen(ENROL_UNANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_REST);
	/* not again before the next start */
	assert_int_equal(pass(24 * HOUR), ENROL_DO_EXAMINE);
	assert_int_equal(happen(ENROL_UNCONFIRMED), ENROL_DO_NOTHING);
}

/* A8: at the next start */
static void test_unconfirmed_at_the_start(void **state)
{
	(void)state;
	start(ENROL_UNCONFIRMED);
	assert_int_equal(pass(0), ENROL_DO_CONFIRM);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_REST);
	assert_int_equal(e.attempts, 0);
}

/* A9 */
static void test_restart_after_install(void **state)
{
	struct enrol_config c = config;

	(void)state;
	c.restart = true;
	install(&c);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_RESTART);
	assert_int_equal(e.state, ENROL_REST);
	assert_int_equal(pass(24 * HOUR), ENROL_DO_EXAMINE);
	assert_int_equal(happen(ENROL_GOOD), ENROL_DO_NOTHING); /* once */
	start_with(&c, ENROL_UNCONFIRMED);
	assert_int_equal(pass(0), ENROL_DO_CONFIRM);
	assert_int_equal(happen(ENROL_ANSWERED), ENROL_DO_NOTHING); /* nothing new */
}

static void test_ask_now(void **state)
{
	(void)state;
	start(ENROL_GOOD);
	assert_int_equal(happen(ENROL_ASK_NOW), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_ASK_NOW), ENROL_DO_NOTHING);
	assert_int_equal(happen(ENROL_REJECTED), ENROL_DO_NOTHING);
	assert_int_equal(happen(ENROL_ASK_NOW), ENROL_DO_REQUEST);
	start(ENROL_ABSENT);
	assert_int_equal(happen(ENROL_ASK_NOW), ENROL_DO_REQUEST);
}

/* A4: never sooner, at most jitter_percent later, and spread over the whole of it */
static void test_jitter(void **state)
{
	struct enrol_config c = config;
	uint64_t waits[2];

	(void)state;
	c.jitter_percent = 20;
	for (int i = 0; i < 2; i++) {
		start_with(&c, ENROL_ABSENT);
		assert_int_equal(pass(0), ENROL_DO_REQUEST);
		dice = i == 0 ? 0 : UINT32_MAX;
		assert_int_equal(happen(ENROL_FAILED), ENROL_DO_NOTHING);
		waits[i] = e.deadline - now;
	}
	assert_int_equal(waits[0], 10 * MINUTE);
	assert_true(waits[1] > 12 * MINUTE - SECOND);
	assert_true(waits[1] <= 12 * MINUTE);
}

static void test_start_is_spread(void **state)
{
	(void)state;
	now = 9;
	enrol_start(&e, &config, &(struct enrol_input){ .event = ENROL_ABSENT }, now,
		    UINT32_MAX);
	assert_true(e.deadline > now + 29 * SECOND);
	assert_true(e.deadline < now + 30 * SECOND);
	enrol_start(&e, &config, &(struct enrol_input){ .event = ENROL_ABSENT }, now,
		    UINT32_MAX / 2);
	assert_true(e.deadline > now + 14 * SECOND);
	assert_true(e.deadline < now + 16 * SECOND);
}

/* A caller that never comes back with an outcome is not waited for. */
static void test_guard(void **state)
{
	(void)state;
	begin_request();
	assert_int_equal(pass(5 * MINUTE), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_WAIT);
	assert_int_equal(pass(10 * MINUTE), ENROL_DO_REQUEST);
	assert_int_equal(happen(ENROL_FILE), ENROL_DO_JUDGE);
	assert_int_equal(pass(5 * MINUTE), ENROL_DO_NOTHING);
	assert_int_equal(e.state, ENROL_WAIT);
}

/* Any event in any order, for long: each state rests or has a deadline. */
static void test_every_state_has_a_deadline(void **state)
{
	struct enrol_config c = config;
	uint32_t seed = 1;

	(void)state;
	c.jitter_percent = 100;
	start_with(&c, ENROL_ABSENT);
	for (int i = 0; i < 300000; i++) {
		struct enrol_input in = { .renew_in_ms = TIMER_NONE };

		seed = seed * 1664525u + 1013904223u;
		in.event = (enum enrol_event)((seed >> 16) % ENROL_EVENT_COUNT);
		in.error = (uint8_t)(1 + (seed >> 8) % 14);
		if ((seed >> 4) % 3 == 0) {
			in.event = ENROL_TICK;
			now = e.deadline;
		}
		dice = seed;
		(void)enrol_step(&e, &in, now, dice);
		assert_true(e.state < ENROL_STATE_COUNT);
		assert_true(e.deadline != TIMER_NONE);
		assert_true(e.deadline >= now);
		assert_true(e.deadline <= now + 48 * HOUR);
		assert_true(e.failures <= 4);
		assert_true(e.confirms <= 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_certificate_rests),
		cmocka_unit_test(test_rest_ends_at_the_renewal),
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_retry_longer_than_the_long_wait),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_announced_wait),
		cmocka_unit_test(test_invalid_file),
		cmocka_unit_test(test_invalid_during_the_request),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_failures_end_with_an_install),
		cmocka_unit_test(test_confirmation_unanswered),
		cmocka_unit_test(test_unconfirmed_at_the_start),
		cmocka_unit_test(test_restart_after_install),
		cmocka_unit_test(test_ask_now),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_start_is_spread),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_every_state_has_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
