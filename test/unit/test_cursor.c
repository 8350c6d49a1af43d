#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "base/cursor.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void numbers_are_big_endian(void **state)
{
	struct cur c = cur_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cur_u8(&c), 0x01);
	assert_int_equal(cur_u16(&c), 0x0203);
	assert_int_equal(cur_u32(&c), 0x04050607);
	assert_true(cur_u64(&c) == 0x08090a0b0c0d0e0f);
	assert_true(cur_done(&c));
}

static void a_read_past_the_end_kills(void **state)
{
	struct cur c = cur_of(bytes, 3);

	(void)state;
	assert_int_equal(cur_u16(&c), 0x0102);
	assert_int_equal(cur_left(&c), 1);
	assert_int_equal(cur_u16(&c), 0);
	assert_true(c.dead);
	assert_int_equal(cur_left(&c), 0);
	/* the byte that is still there is not given any more */
	assert_int_equal(cur_u8(&c), 0);
	assert_false(cur_done(&c));
}

static void the_end_is_reached_exactly(void **state)
{
	struct cur c = cur_of(bytes, 2);

	(void)state;
	assert_false(cur_done(&c));
	(void)cur_u8(&c);
	assert_false(cur_done(&c));
	(void)cur_u8(&c);
	assert_true(cur_done(&c));
	(void)cur_u8(&c);
	assert_false(cur_done(&c));
}

static void a_child_ends_where_it_should(void **state)
{
	struct cur c = cur_of(bytes, 6), child = cur_sub(&c, 2);

	(void)state;
	assert_int_equal(child.len, 2);
	assert_int_equal(cur_u16(&child), 0x0102);
	assert_true(cur_done(&child));
	assert_int_equal(cur_u8(&child), 0);
	assert_true(child.dead);
	assert_false(c.dead);
	assert_int_equal(cur_u8(&c), 3);
	child = cur_sub(&c, 4);
	assert_true(child.dead);
	assert_true(c.dead);
}

static void a_huge_length_does_not_wrap(void **state)
{
	struct cur c = cur_of(bytes, 4);

	(void)state;
	(void)cur_u8(&c);
	assert_null(cur_bytes(&c, SIZE_MAX));
	assert_true(c.dead);
	c = cur_of(bytes, 4);
	(void)cur_u8(&c);
	assert_true(cur_sub(&c, SIZE_MAX - 1).dead);
}

static void copies_are_zeroed_when_short(void **state)
{
	struct cur c = cur_of(bytes, 3);
	uint8_t got[4] = { 0xff, 0xff, 0xff, 0xff };

	(void)state;
	cur_copy(&c, got, 2);
	assert_memory_equal(got, "\1\2\xff\xff", 4);
	cur_copy(&c, got, 4);
	assert_memory_equal(got, "\0\0\0\0", 4);
	assert_true(c.dead);
}

static void strings_end_at_their_nul(void **state)
{
	struct cur c = cur_of("ab\0\0cd", 6), s;

	(void)state;
	s = cur_string(&c);
	assert_int_equal(s.len, 2);
	assert_memory_equal(s.buf, "ab", 2);
	s = cur_string(&c);
	assert_false(s.dead);
	assert_int_equal(s.len, 0);
	s = cur_string(&c); /* "cd" has none */
	assert_true(s.dead);
	assert_true(c.dead);
}

static void nothing_at_all_is_readable(void **state)
{
	struct cur c = cur_of(NULL, 0);

	(void)state;
	assert_true(cur_done(&c));
	assert_non_null(cur_bytes(&c, 0));
	assert_false(cur_sub(&c, 0).dead);
	assert_true(cur_done(&c));
	assert_true(cur_string(&c).dead);
	assert_true(c.dead);
	assert_null(cur_bytes(&c, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(a_read_past_the_end_kills),
		cmocka_unit_test(the_end_is_reached_exactly),
		cmocka_unit_test(a_child_ends_where_it_should),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(copies_are_zeroed_when_short),
		cmocka_unit_test(strings_end_at_their_nul),
		cmocka_unit_test(nothing_at_all_is_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
