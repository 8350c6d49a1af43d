/* S14: an audit record cannot be edited unseen. */
#include <string.h>
#include <sqlite3.h>
#include "scratch.h"
#include "base/errors.h"
#include "cmd/shared/control.h"
#include "crypto/authcode.h"

static struct scratch scratch;
static struct store *s;
static char path[128];

static int setup(void **state)
{
	(void)state;
	scratch_make(&scratch);
	(void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "t.db"));
	assert_int_equal(store_open(path, STORE_WRITE, &s), 0);
	for (int i = 0; i < 5; i++) {
		char what[32];

		(void)snprintf(what, sizeof(what), "entry n=%d", i);
		assert_int_equal(audit_append(s, 1000 + i, what), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(s);
	scratch_remove(&scratch);
	return 0;
}

static void edit(const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	(void)sqlite3_close(db);
}

static void assert_intact(int64_t want)
{
	int64_t entries = -1, fault = -1;

	assert_int_equal(audit_verify(s, &entries, &fault), 0);
	assert_int_equal(entries, want);
}

static void assert_fault_at(int64_t want)
{
	int64_t entries = -1, fault = -1;

	assert_int_equal(audit_verify(s, &entries, &fault), FC_EAUTH);
	assert_int_equal(fault, want);
}

static void s14_an_untouched_chain_is_intact(void **state)
{
	(void)state;
	assert_intact(5);
	assert_int_equal(audit_append(s, 1, "clock set back"), 0);
	assert_intact(6);
}

static void s14_an_empty_chain_is_intact(void **state)
{
	(void)state;
	edit("DELETE FROM audit");
	assert_intact(0);
	assert_int_equal(audit_append(s, 1, "first"), 0);
	assert_intact(1);
}

/* The definition, computed here by hand: 32 zero bytes, 1, time, text. */
static void s14_the_hash_is_what_is_documented(void **state)
{
	static const char what[] = "entry n=0";
	uint8_t bytes[32 + 16 + sizeof(what) - 1] = { 0 }, want[32];
	struct store_audit last;

	(void)state;
	edit("DELETE FROM audit WHERE seq > 1");
	bytes[39] = 1;
	bytes[46] = 1000 >> 8;
	bytes[47] = 1000 & 0xff;
	memcpy(bytes + 48, what, sizeof(what) - 1);
	assert_int_equal(sha256_of(bytes, sizeof(bytes), want), 0);
	assert_int_equal(store_audit_last(s, &last), 0);
	assert_memory_equal(last.hash, want, sizeof(want));
}

static void s14_a_changed_text_is_seen(void **state)
{
	(void)state;
	edit("UPDATE audit SET what = 'entry n=9' WHERE seq = 3");
	assert_fault_at(3);
}

static void s14_a_changed_time_is_seen(void **state)
{
	(void)state;
	edit("UPDATE audit SET time = time + 1 WHERE seq = 2");
	assert_fault_at(2);
}

static void s14_a_missing_entry_is_seen(void **state)
{
	(void)state;
	edit("DELETE FROM audit WHERE seq = 3");
	assert_fault_at(4);
}

static void s14_a_missing_first_entry_is_seen(void **state)
{
	(void)state;
	edit("DELETE FROM audit WHERE seq = 1");
	assert_fault_at(2);
}

/* Renumbered, so that no gap shows. */
static void s14_a_closed_gap_is_seen(void **state)
{
	(void)state;
	edit("DELETE FROM audit WHERE seq = 3;"
	     "UPDATE audit SET seq = 3 WHERE seq = 4;"
	     "UPDATE audit SET seq = 4 WHERE seq = 5");
	assert_fault_at(3);
}

static void s14_swapped_entries_are_seen(void **state)
{
	(void)state;
	edit("UPDATE audit SET seq = 9 WHERE seq = 2;"
	     "UPDATE audit SET seq = 2 WHERE seq = 3;"
	     "UPDATE audit SET seq = 3 WHERE seq = 9");
	assert_fault_at(2);
}

static void s14_an_entry_before_the_first_is_seen(void **state)
{
	(void)state;
	edit("INSERT INTO audit VALUES (0, 1, 'forged', zeroblob(32), zeroblob(32))");
	assert_fault_at(0);
}

static void s14_a_changed_hash_is_seen(void **state)
{
	(void)state;
	edit("UPDATE audit SET hash = zeroblob(32) WHERE seq = 5");
	assert_fault_at(5);
}

/* The entry's own hash is right, but it does not continue the one before. */
static void s14_a_chain_begun_anew_is_seen(void **state)
{
	struct store_audit a = { .seq = 6, .time = 1, .what = "forged" };
	uint8_t bytes[32 + 16 + 6] = { 0 };

	(void)state;
	bytes[39] = 6;
	bytes[47] = 1;
	memcpy(bytes + 48, "forged", 6);
	assert_int_equal(sha256_of(bytes, sizeof(bytes), a.hash), 0);
	assert_int_equal(store_audit_put(s, &a), 0);
	assert_fault_at(6);
}

/* What a reader of C strings would not see. */
static void s14_text_hidden_behind_a_nul_or_a_limit_is_seen(void **state)
{
	(void)state;
	edit("UPDATE audit SET what = what || char(0) || 'hidden' WHERE seq = 4");
	assert_fault_at(4);
}

static void s14_the_longest_text_cannot_be_lengthened(void **state)
{
	char what[600];

	(void)state;
	memset(what, 'x', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	assert_int_equal(audit_append(s, 1, what), 0);
	assert_intact(6);
	edit("UPDATE audit SET what = what || 'xxxx' WHERE seq = 6");
	assert_fault_at(6);
	edit("UPDATE audit SET what = what || hex(zeroblob(500)) WHERE seq = 6");
	assert_fault_at(6);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(s14_an_untouched_chain_is_intact),
		T(s14_an_empty_chain_is_intact),
		T(s14_the_hash_is_what_is_documented),
		T(s14_a_changed_text_is_seen),
		T(s14_a_changed_time_is_seen),
		T(s14_a_missing_entry_is_seen),
		T(s14_a_missing_first_entry_is_seen),
		T(s14_a_closed_gap_is_seen),
		T(s14_swapped_entries_are_seen),
		T(s14_an_entry_before_the_first_is_seen),
		T(s14_a_changed_hash_is_seen),
		T(s14_a_chain_begun_anew_is_seen),
		T(s14_text_hidden_behind_a_nul_or_a_limit_is_seen),
		T(s14_the_longest_text_cannot_be_lengthened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
