#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "base/errors.h"
#include "base/escape.h"
#include "base/hex.h"
#include "base/mac.h"
#include "base/secret.h"
#include "macs.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

static void hex_digits_of_either_case(void **state)
{
	uint8_t got[4] = { 1, 1, 1, 1 };
	char text[9];

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *all = "0123456789abcdef0123456789ABCDEF";
		const char *at = c ? strchr(all, c) : NULL;

		assert_int_equal(hex_digit((uint8_t)c), at ? (int)(at - all) % 16 : -1);
	}
	assert_int_equal(hex_decode("00aBfF9a", 8, got, 4), 0);
	assert_memory_equal(got, "\x00\xab\xff\x9a", 4);
	hex_encode(got, 4, text);
	assert_string_equal(text, "00abff9a");
}

static void bad_hex_leaves_the_result_alone(void **state)
{
	uint8_t got[2] = { 7, 7 };

	(void)state;
	assert_int_equal(hex_decode("0011", 4, got, 1), FC_EBAD);
	assert_int_equal(hex_decode("001", 3, got, 1), FC_EBAD);
	assert_int_equal(hex_decode("001g", 4, got, 2), FC_EBAD);
	assert_int_equal(hex_decode("0:11", 4, got, 2), FC_EBAD);
	assert_int_equal(hex_decode("", 0, got, 2), FC_EBAD);
	assert_memory_equal(got, "\7\7", 2);
	assert_int_equal(hex_decode("", 0, got, 0), 0);
}

static void mac_in_every_spelling(void **state)
{
	static const char *const good[] = {
		"00:10:4B:AB:CD:EF", "00-10-4b-ab-cd-ef", "00_10_4b_AB_cd_ef",
		"00104BABCDEF",      "0010.4bab.cdef",
	};
	char text[MAC_TEXT_SIZE];
	struct mac m;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&m, 0xee, sizeof(m));
		assert_int_equal(mac_parse(good[i], strlen(good[i]), &m), 0);
		assert_true(mac_equal(&m, &modem));
	}
	/* the spelling that is hashed: N3 */
	assert_string_equal(mac_text(&modem, text), "00:10:4B:AB:CD:EF");
}

static void what_is_no_mac(void **state)
{
	static const char *const bad[] = {
		"",
		"00:10:4B:AB:CD:E",
		"00:10:4B:AB:CD:EF:",
		"00:10:4B:AB:CD-EF",
		"00.10.4B.AB.CD.EF",
		"0010:4BAB:CDEF",
		"0010-4bab-cdef",
		"00 10 4B AB CD EF",
		"00:10:4B:AB:CD:EG",
		"0:010:4B:AB:CD:EF",
		"00104BABCDE",
		"00104BABCDEFF",
		"0010.4bab_cdef",
		"00/10/4B/AB/CD/EF",
	};
	struct mac m = modem;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mac_parse(bad[i], strlen(bad[i]), &m), FC_EBAD);
	assert_int_equal(mac_parse("00:10:4B\0AB:CD:EF", 17, &m), FC_EBAD);
	assert_true(mac_equal(&m, &modem));
}

static void macs_as_numbers_and_as_devices(void **state)
{
	struct mac other = modem, broadcast = mac_from_u64(0xffffffffffff);
	struct mac none = mac_from_u64(0), multicast = mac_from_u64(0x01005e000001);

	(void)state;
	assert_true(mac_u64(&modem) == 0x00104babcdef);
	other = mac_from_u64(0x00104babcdef);
	assert_true(mac_equal(&other, &modem));
	for (size_t i = 0; i < MAC_LEN; i++) {
		other = modem;
		other.b[i] ^= 1;
		assert_false(mac_equal(&other, &modem));
	}
	assert_true(mac_is_device(&modem));
	assert_false(mac_is_device(&none));
	assert_false(mac_is_device(&broadcast));
	assert_false(mac_is_device(&multicast));
}

/* S2: every byte counts, the first and the last alike. */
static void secrets_are_compared_over_all_bytes(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(b, a, sizeof(b));
			b[i] ^= (uint8_t)(1u << bit);
			assert_false(secret_equal(a, b, sizeof(a)));
			assert_true(secret_equal(a, b, i));
		}
	}
	memcpy(b, a, sizeof(b));
	assert_true(secret_equal(a, b, sizeof(a)));
	/* differences that cancel out in a sum or a difference do not here */
	b[0] ^= 0x80;
	b[1] ^= 0x80;
	assert_false(secret_equal(a, b, sizeof(a)));
	assert_true(secret_equal(a, b, 0));
}

static void wiped_is_zero_and_no_more(void **state)
{
	uint8_t a[5] = { 1, 2, 3, 4, 5 };

	(void)state;
	secret_wipe(a, 4);
	assert_memory_equal(a, "\0\0\0\0\5", 5);
	secret_wipe(NULL, 0);
}

/* N6: under 128 bits is warned about. */
static void strength_of_secrets(void **state)
{
	(void)state;
	assert_int_equal(secret_bits("", 0), 0);
	assert_int_equal(secret_bits("0123456789abcdef0123456789abcdef", 32), 128);
	assert_int_equal(secret_bits("0123456789abcdef0123456789abcde", 31), 124);
	assert_int_equal(secret_bits("qwertzuiop", 10), 50);
	assert_int_equal(secret_bits("qwertz-iop", 10), 60);
	assert_int_equal(secret_bits("aaaaaaaa", 8), 4 + 7);
	assert_int_equal(secret_bits("az09AZ", 6), 6 * 5);
	assert_int_equal(secret_bits("zf", 2), 2 * 5);
	assert_int_equal(secret_bits("-f", 2), 2 * 6);
	for (const char *c = "`{@[/:"; *c; c++) /* neighbours of letters and digits */
		assert_int_equal(secret_bits(c, 1), 6);
	assert_int_equal(secret_bits("--------", 8), 6 + 7);
}

static void every_code_of_ours_has_a_name(void **state)
{
	(void)state;
	for (int a = FC_EBAD; a >= FC_ERROR_LAST; a--) {
		assert_non_null(error_name(a));
		assert_string_not_equal(error_name(a), "system error");
		for (int b = FC_EBAD; b > a; b--)
			assert_string_not_equal(error_name(a), error_name(b));
	}
	assert_string_equal(error_name(FC_EBAD), "malformed");
	assert_string_equal(error_name(FC_ECRC), "checksum wrong");
	assert_string_equal(error_name(FC_EAUTH), "authentication failed");
	assert_string_equal(error_name(FC_ERROR_LAST), "not possible in this state");
	assert_string_equal(error_name(-2), "system error");
	assert_string_equal(error_name(-999), "system error");
	assert_string_equal(error_name(FC_ERROR_LAST - 1), "system error");
	assert_string_equal(error_name(1), "system error");
}

static const char *logged(const void *p, size_t len, size_t max)
{
	static char buf[256];
	struct out o = out_of(buf, sizeof(buf));

	escape_log(&o, p, len, max);
	return out_cstr(&o);
}

static void untrusted_text_in_a_log(void **state)
{
	(void)state;
	assert_string_equal(logged("CM_00.509", 9, 64), "CM_00.509");
	assert_string_equal(logged("a b\"c\\d\n\0\x7f\x80\xff=~", 14, 64),
			    "a\\x20b\\x22c\\x5cd\\x0a\\x00\\x7f\\x80\\xff=~");
	assert_string_equal(logged("abcdef", 6, 6), "abcdef");
	assert_string_equal(logged("abcdefg", 7, 6), "abcdef...");
	assert_string_equal(logged("\x1b[2J", 4, 4), "\\x1b[2J");
}

static const char *json(const char *s, size_t len)
{
	static char buf[256];
	struct out o = out_of(buf, sizeof(buf));

	escape_json(&o, s, len);
	return out_cstr(&o);
}

#define JSON(s) json(s, sizeof(s) - 1)
#define FFFD "\xef\xbf\xbd"

static void untrusted_text_in_json(void **state)
{
	(void)state;
	assert_string_equal(JSON("plain /'<>"), "plain /'<>");
	assert_string_equal(JSON("\"\\\n\r\t\0\x1f\x7f"),
			    "\\\"\\\\\\n\\r\\t\\u0000\\u001f\\u007f");
	assert_string_equal(JSON("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
			    "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void json_keeps_utf8_at_the_ends_of_its_ranges(void **state)
{
	static const char good[] =
		"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
		"\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";

	(void)state;
	assert_string_equal(json(good, strlen(good)), good);
}

static void json_never_holds_broken_utf8(void **state)
{
	(void)state;
	assert_string_equal(JSON("\xff-\x80"), FFFD "-" FFFD);
	assert_string_equal(JSON("\xc3"), FFFD); /* cut off */
	assert_string_equal(JSON("\xc3("), FFFD "(");
	assert_string_equal(JSON("\xe2\x82"), FFFD FFFD);
	assert_string_equal(JSON("\xc0\xaf"), FFFD FFFD);          /* overlong '/' */
	assert_string_equal(JSON("\xe0\x9f\xbf"), FFFD FFFD FFFD); /* overlong */
	assert_string_equal(JSON("\xf0\x8f\xbf\xbf"), FFFD FFFD FFFD FFFD);
	assert_string_equal(JSON("\xed\xa0\x80"), FFFD FFFD FFFD); /* surrogate */
	assert_string_equal(JSON("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD);
	assert_string_equal(JSON("\xe2\x82("), FFFD FFFD "(");
	assert_string_equal(JSON("\xc1\xbf"), FFFD FFFD);
	assert_string_equal(json("\xe2\x82\xac", 2),
			    FFFD FFFD); /* the rest is not ours */
	assert_string_equal(json("\xc3\xa9", 1), FFFD);
	assert_string_equal(JSON("\xf5\x80\x80\x80"), FFFD FFFD FFFD FFFD);
	assert_string_equal(JSON("\xe2\x82\xc0"), FFFD FFFD FFFD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_digits_of_either_case),
		cmocka_unit_test(bad_hex_leaves_the_result_alone),
		cmocka_unit_test(mac_in_every_spelling),
		cmocka_unit_test(what_is_no_mac),
		cmocka_unit_test(macs_as_numbers_and_as_devices),
		cmocka_unit_test(secrets_are_compared_over_all_bytes),
		cmocka_unit_test(wiped_is_zero_and_no_more),
		cmocka_unit_test(strength_of_secrets),
		cmocka_unit_test(every_code_of_ours_has_a_name),
		cmocka_unit_test(untrusted_text_in_a_log),
		cmocka_unit_test(untrusted_text_in_json),
		cmocka_unit_test(json_keeps_utf8_at_the_ends_of_its_ranges),
		cmocka_unit_test(json_never_holds_broken_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
