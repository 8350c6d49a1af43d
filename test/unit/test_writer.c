#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "base/writer.h"

static void numbers_are_big_endian(void **state)
{
	uint8_t buf[15];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	out_u8(&o, 0x01);
	out_u16(&o, 0x0203);
	out_u32(&o, 0x04050607);
	out_u64(&o, 0x08090a0b0c0d0e0f);
	assert_false(o.full);
	assert_int_equal(o.len, 15);
	assert_memory_equal(buf, "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf", 15);
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	uint8_t buf[4] = { 9, 9, 9, 9 };
	struct out o = out_of(buf, 3);

	(void)state;
	out_u16(&o, 0x0102);
	out_u16(&o, 0x0304);
	assert_true(o.full);
	assert_int_equal(o.len, 2);
	out_u8(&o, 5); /* would fit, but the writer is full for good */
	assert_int_equal(o.len, 2);
	assert_memory_equal(buf, "\1\2\x9\x9", 4);
}

static void a_huge_length_does_not_wrap(void **state)
{
	uint8_t buf[4];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	out_u8(&o, 1);
	out_bytes(&o, buf, SIZE_MAX);
	assert_true(o.full);
	o = out_of(buf, sizeof(buf));
	out_hex(&o, buf, SIZE_MAX / 2 + 1, false);
	assert_true(o.full);
	assert_int_equal(o.len, 0);
}

static void text_and_numbers(void **state)
{
	char buf[64];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	out_str(&o, "a");
	out_dec(&o, 0);
	out_str(&o, " ");
	out_dec(&o, UINT64_MAX);
	out_str(&o, " ");
	out_hex(&o, "\x0a\xbf", 2, false);
	out_hex(&o, "\x0a\xbf", 2, true);
	assert_string_equal(out_cstr(&o), "a0 18446744073709551615 0abf0ABF");
	assert_int_equal(o.len, strlen(buf));
}

static void hex_digits_are_whole_or_absent(void **state)
{
	uint8_t buf[4];
	struct out o = out_of(buf, 3);

	(void)state;
	out_hex(&o, "\1", 1, false);
	assert_false(o.full);
	out_hex(&o, "\2", 1, false);
	assert_true(o.full);
	assert_int_equal(o.len, 2);
}

static void the_nul_needs_room_and_is_not_counted(void **state)
{
	char buf[3];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	out_str(&o, "ab");
	assert_string_equal(out_cstr(&o), "ab");
	assert_int_equal(o.len, 2);
	out_str(&o, "c");
	assert_null(out_cstr(&o));
	assert_true(o.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(text_and_numbers),
		cmocka_unit_test(hex_digits_are_whole_or_absent),
		cmocka_unit_test(the_nul_needs_room_and_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
