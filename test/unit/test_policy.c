/* What is answered and done for a device's request; dates; what counts afterwards. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "core/policy.h"

static struct policy_request good(void)
{
	return (struct policy_request){ .class_known = true,
					.type_allowed = true,
					.key = POLICY_KEY_EITHER,
					.epoch = 1,
					.asked_set = 1 };
}

static void assert_policy(const struct policy_request *r, enum policy_reply reply,
			  enum policy_work work)
{
	struct policy p = policy_request(r);

	assert_int_equal(p.reply, reply);
	assert_int_equal(p.work, work);
	assert_true((p.why != NULL) == (work == POLICY_WAIT));
}

static void s3_absent_is_not_found_and_made(void **state)
{
	struct policy_request r = good();

	(void)state;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_MAKE);
}

static void s3_denied_gets_nothing_even_what_is_there(void **state)
{
	struct policy_request r = good();

	(void)state;
	r.denied = true;
	assert_policy(&r, POLICY_DENY, POLICY_REST);
	r.file_epoch = 1;
	assert_policy(&r, POLICY_DENY, POLICY_REST);
}

static void s3_present_is_sent_and_nothing_is_made(void **state)
{
	struct policy_request r = good();

	(void)state;
	r.file_epoch = 1;
	assert_policy(&r, POLICY_FILE, POLICY_REST);
	r.file_set = 1; /* its key object is for the set that asks */
	assert_policy(&r, POLICY_FILE, POLICY_REST);
	/* what the class has become does not take away what was issued */
	r.class_known = false;
	assert_policy(&r, POLICY_FILE, POLICY_REST);
}

static void s4_old_file_is_served_until_the_new_epochs(void **state)
{
	struct policy_request r = good();

	(void)state;
	r.epoch = 2;
	r.file_epoch = 1;
	assert_policy(&r, POLICY_FILE, POLICY_MAKE);
	r.file_epoch = 2;
	assert_policy(&r, POLICY_FILE, POLICY_REST);
	r.epoch = 3;
	r.class_known = false;
	assert_policy(&r, POLICY_FILE, POLICY_WAIT);
}

static void n6_another_secret_set_needs_the_key_wrapped_again(void **state)
{
	struct policy_request r = good();

	(void)state;
	r.file_epoch = 1;
	r.file_set = 2;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_WRAP);
	r.epoch = 2; /* the new epoch's is made for the asking set anyway */
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_MAKE);
}

static void s3_waits_with_a_reason(void **state)
{
	struct policy_request r = good();

	(void)state;
	r.class_known = false;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_WAIT);
	r = good();
	r.type_allowed = false;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_WAIT);
	r = good();
	r.key = POLICY_KEY_REGISTRY;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_WAIT);
	assert_non_null(strstr(policy_request(&r).why, "no public key"));
	r.key_registered = true;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_MAKE);
	r.key = POLICY_KEY_SERVER;
	r.key_registered = false;
	assert_policy(&r, POLICY_NOT_FOUND, POLICY_MAKE);
}

static void s5_whose_key(void **state)
{
	(void)state;
	assert_true(policy_takes_registered(POLICY_KEY_REGISTRY, true));
	assert_true(policy_takes_registered(POLICY_KEY_EITHER, true));
	assert_false(policy_takes_registered(POLICY_KEY_EITHER, false));
	assert_false(policy_takes_registered(POLICY_KEY_SERVER, true));
}

/* ---- dates -------------------------------------------------------------- */

enum { NOW = 1000000000 };

static struct policy_dates dates(void)
{
	return (struct policy_dates){ .now = NOW,
				      .issuer_not_before = NOW - 10 * POLICY_DAY_S,
				      .issuer_not_after = NOW + 1000 * POLICY_DAY_S,
				      .days = 100 };
}

static void dates_begin_before_now_and_last_as_long_as_asked(void **state)
{
	struct policy_dates d = dates();
	int64_t from, to;

	(void)state;
	assert_null(policy_validity(&d, &from, &to));
	assert_int_equal(from, NOW - POLICY_BACKDATE_S);
	assert_int_equal(to, from + 100 * POLICY_DAY_S);
}

static void dates_stay_within_the_issuers(void **state)
{
	struct policy_dates d = dates();
	int64_t from, to;

	(void)state;
	d.issuer_not_before = NOW - 60;
	d.issuer_not_after = NOW + 60;
	assert_null(policy_validity(&d, &from, &to));
	assert_int_equal(from, NOW - 60);
	assert_int_equal(to, NOW + 60);
}

static void a_wrong_clock_makes_no_certificate(void **state)
{
	struct policy_dates d = dates();
	int64_t from = 1, to = 2;

	(void)state;
	d.issuer_not_before = NOW + 1;
	assert_non_null(strstr(policy_validity(&d, &from, &to), "clock"));
	d = dates();
	d.issuer_not_after = NOW;
	assert_non_null(strstr(policy_validity(&d, &from, &to), "run out"));
	d = dates();
	d.clock_floor = NOW + POLICY_BACKDATE_S + 1;
	assert_non_null(strstr(policy_validity(&d, &from, &to), "set back"));
	assert_int_equal(from, 1);
	assert_int_equal(to, 2);
	d.clock_floor = NOW + POLICY_BACKDATE_S;
	assert_null(policy_validity(&d, &from, &to));
}

/* ---- afterwards --------------------------------------------------------- */

static void n4_unbound_confirmation_counts_after_delivery_only(void **state)
{
	(void)state;
	assert_false(policy_confirm_counts(false, 1, 0, 0));
	assert_false(policy_confirm_counts(false, 1, 1, 0));
	assert_true(policy_confirm_counts(false, 1, 1, 1));
	/* the same string, replayed in the next epoch */
	assert_false(policy_confirm_counts(false, 2, 1, 1));
	assert_false(policy_confirm_counts(false, 2, 2, 1));
	assert_true(policy_confirm_counts(false, 2, 2, 2));
}

static void n4_bound_confirmation_counts_for_this_epochs_file(void **state)
{
	(void)state;
	assert_true(policy_confirm_counts(true, 1, 1, 0));
	assert_false(policy_confirm_counts(true, 1, 0, 0));
	assert_false(policy_confirm_counts(true, 2, 1, 1));
}

static void s11_reports_count_within_an_hour_from_the_same_address(void **state)
{
	(void)state;
	assert_true(policy_report_counts(NOW, NOW, true));
	assert_true(policy_report_counts(NOW, NOW - 3600, true));
	assert_false(policy_report_counts(NOW, NOW - 3601, true));
	assert_false(policy_report_counts(NOW, NOW, false));
	assert_false(policy_report_counts(NOW, 0, true));
	assert_true(policy_report_counts(NOW, NOW + 5, true)); /* clock set back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s3_absent_is_not_found_and_made),
		cmocka_unit_test(s3_denied_gets_nothing_even_what_is_there),
		cmocka_unit_test(s3_present_is_sent_and_nothing_is_made),
		cmocka_unit_test(s4_old_file_is_served_until_the_new_epochs),
		cmocka_unit_test(n6_another_secret_set_needs_the_key_wrapped_again),
		cmocka_unit_test(s3_waits_with_a_reason),
		cmocka_unit_test(s5_whose_key),
		cmocka_unit_test(dates_begin_before_now_and_last_as_long_as_asked),
		cmocka_unit_test(dates_stay_within_the_issuers),
		cmocka_unit_test(a_wrong_clock_makes_no_certificate),
		cmocka_unit_test(n4_unbound_confirmation_counts_after_delivery_only),
		cmocka_unit_test(n4_bound_confirmation_counts_for_this_epochs_file),
		cmocka_unit_test(
			s11_reports_count_within_an_hour_from_the_same_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
