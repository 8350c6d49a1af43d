/* The jobs at hand: order, signers, and signers that end in the middle (S4). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "core/issue.h"
#include "macs.h"

enum { N_JOBS = 48, N_CELLS = 128 };

static struct issue i;
static struct issue_job jobs[N_JOBS];
static uint32_t cells[N_CELLS];

static int setup(void **state)
{
	static const struct hash_key secret = { 1, 2 };

	(void)state;
	issue_init(&i, jobs, N_JOBS, cells, N_CELLS, &secret);
	return 0;
}

static struct mac device(uint32_t n)
{
	return mac_from_u64(0x00104b000000u + n);
}

static struct issue_job *add(uint32_t n)
{
	struct mac mac = device(n);

	return issue_add(&i, &mac, 1, ISSUE_NEED_PLAN);
}

static uint64_t send_next(uint32_t want)
{
	struct issue_job *job;
	struct mac mac = device(want);
	uint16_t signer;

	assert_true(issue_next(&i, &job, &signer));
	assert_true(mac_equal(&job->mac, &mac));
	return issue_sent(&i, job, signer);
}

static void s4_a_device_has_one_job(void **state)
{
	struct issue_job *a = add(1);
	struct mac mac = device(1);

	(void)state;
	assert_non_null(a);
	a->epoch = 7;
	assert_ptr_equal(add(1), a);
	assert_int_equal(a->epoch, 7);
	assert_ptr_equal(issue_find(&i, &mac), a);
	assert_int_equal(issue_count(&i), 1);
	issue_drop(&i, a);
	assert_null(issue_find(&i, &mac));
	assert_int_equal(issue_count(&i), 0);
}

static void a_full_table_says_so_and_takes_more_later(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < N_JOBS; n++)
		assert_non_null(add(n));
	assert_null(add(N_JOBS));
	assert_non_null(add(3));
	issue_drop(&i, add(3));
	assert_non_null(add(N_JOBS));
	assert_int_equal(issue_count(&i), N_JOBS);
}

static void jobs_go_in_their_order_through_all_steps(void **state)
{
	struct issue_job *job;
	uint64_t plan, sign;
	uint16_t signer;

	(void)state;
	(void)add(1);
	(void)add(2);
	assert_false(issue_next(&i, &job, &signer)); /* no signer */
	issue_signer_up(&i, 5);
	plan = send_next(1);
	(void)send_next(2);
	assert_false(issue_next(&i, &job, &signer));

	job = issue_answered(&i, plan, 5);
	assert_non_null(job);
	assert_int_equal(job->state, ISSUE_PLANNING);
	issue_again(&i, job, ISSUE_NEED_SIGN);
	assert_null(issue_answered(&i, plan, 5)); /* answered already */
	sign = send_next(1);
	assert_int_equal(job->state, ISSUE_SIGNING);
	assert_null(issue_answered(&i, sign, 6)); /* not that signer's */
	assert_null(issue_answered(&i, plan, 5)); /* an earlier number */
	assert_ptr_equal(issue_answered(&i, sign, 5), job);
	issue_drop(&i, job);
	assert_null(issue_answered(&i, sign, 5));
	assert_null(issue_answered(&i, UINT64_MAX, 5));
}

static void the_least_busy_signer_is_next_and_none_gets_too_many(void **state)
{
	struct issue_job *job;
	uint16_t signer;
	unsigned at[2] = { 0 };

	(void)state;
	issue_signer_up(&i, 0);
	issue_signer_up(&i, 1);
	for (uint32_t n = 0; n < N_JOBS; n++)
		(void)add(n);
	for (uint32_t n = 0; n < N_JOBS; n++) {
		assert_true(issue_next(&i, &job, &signer));
		at[signer]++;
		(void)issue_sent(&i, job, signer);
	}
	assert_int_equal(at[0], N_JOBS / 2);
	assert_int_equal(at[1], N_JOBS / 2);

	assert_int_equal(setup(NULL), 0);
	issue_signer_up(&i, 0);
	for (uint32_t n = 0; n < N_JOBS; n++)
		(void)add(n);
	for (unsigned n = 0; n < ISSUE_AT_SIGNER_MAX; n++) {
		assert_true(issue_next(&i, &job, &signer));
		(void)issue_sent(&i, job, signer);
	}
	assert_false(issue_next(&i, &job, &signer));
	issue_drop(&i, job);
	assert_true(issue_next(&i, &job, &signer)); /* room again */
}

static void a_signer_that_ends_gives_its_jobs_back(void **state)
{
	struct issue_job *one, *two, *job;
	uint64_t number;
	uint16_t signer;

	(void)state;
	one = add(1);
	two = add(2);
	issue_signer_up(&i, 0);
	number = send_next(1);
	(void)send_next(2);
	issue_again(&i, two, ISSUE_NEED_SIGN);
	(void)send_next(2);
	issue_signer_down(&i, 0);
	assert_int_equal(one->state, ISSUE_NEED_PLAN);
	assert_int_equal(two->state, ISSUE_NEED_SIGN);
	assert_int_equal(one->tries, 1);
	assert_int_equal(two->tries, 1);
	assert_null(issue_answered(&i, number, 0)); /* from its grave */
	assert_false(issue_next(&i, &job, &signer));
	issue_signer_up(&i, 0);
	(void)send_next(1);
	(void)send_next(2);
	assert_int_equal(i.busy[0], 2);
}

static void s4_a_plan_is_signed_before_others_are_made(void **state)
{
	struct issue_job *one, *two;

	(void)state;
	one = add(1);
	two = add(2);
	(void)add(3);
	(void)add(4);
	issue_signer_up(&i, 0);
	(void)send_next(1);
	(void)send_next(2);
	issue_again(&i, one, ISSUE_NEED_SIGN);
	(void)send_next(1);
	issue_again(&i, two, ISSUE_NEED_PLAN); /* from the start: behind the others */
	(void)send_next(3);
	(void)send_next(4);
	(void)send_next(2);
	issue_again(&i, two, ISSUE_NEED_SIGN); /* alone: first and last */
	(void)send_next(2);
	(void)add(5);
	(void)send_next(5);
	assert_int_equal(i.busy[0], 5);
}

static void jobs_of_other_signers_stay_where_they_are(void **state)
{
	struct issue_job *one = add(1), *two = add(2);

	(void)state;
	issue_signer_up(&i, 0);
	issue_signer_up(&i, 1);
	(void)send_next(1);
	(void)send_next(2);
	assert_int_not_equal(one->signer, two->signer);
	issue_signer_down(&i, one->signer);
	assert_int_equal(one->state, ISSUE_NEED_PLAN);
	assert_int_equal(two->state, ISSUE_PLANNING);
	assert_int_equal(two->tries, 0);
}

static void parked_jobs_wait_for_their_issuer(void **state)
{
	struct issue_job *job;
	uint16_t signer;

	(void)state;
	(void)add(1);
	(void)add(2);
	issue_signer_up(&i, 0);
	assert_true(issue_next(&i, &job, &signer));
	issue_park(&i, job);
	(void)send_next(2);
	assert_false(issue_next(&i, &job, &signer));
	issue_unpark(&i);
	(void)send_next(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(s4_a_device_has_one_job, setup),
		cmocka_unit_test_setup(a_full_table_says_so_and_takes_more_later,
				       setup),
		cmocka_unit_test_setup(jobs_go_in_their_order_through_all_steps, setup),
		cmocka_unit_test_setup(
			the_least_busy_signer_is_next_and_none_gets_too_many, setup),
		cmocka_unit_test_setup(a_signer_that_ends_gives_its_jobs_back, setup),
		cmocka_unit_test_setup(s4_a_plan_is_signed_before_others_are_made,
				       setup),
		cmocka_unit_test_setup(jobs_of_other_signers_stay_where_they_are,
				       setup),
		cmocka_unit_test_setup(parked_jobs_wait_for_their_issuer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
