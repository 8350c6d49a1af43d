#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <stdbool.h>
#include <cmocka.h>
#include "base/errors.h"
#include "wire/name.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

static int parse(const char *s, struct name *ret)
{
	memset(ret, 0xee, sizeof(*ret));
	return name_parse(s, strlen(s), ret);
}

static void assert_none(const char *s, size_t len)
{
	struct name n, before;

	memset(&n, 0xee, sizeof(n));
	memcpy(&before, &n, sizeof(n));
	if (name_parse(s, len, &n) != FC_EBAD)
		fail_msg("accepted: %.*s", (int)len, s);
	assert_memory_equal(&n, &before, sizeof(n));
}

static void N1_the_type_is_two_letters(void **state)
{
	static const char *const types[] = { "CM", "EM", "MT", "ZZ" };
	struct name n;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char s[] = "CM_00_10_4b_ab_cd_ef_91_df_d4.509";

		memcpy(s, types[i], 2);
		assert_int_equal(parse(s, &n), 0);
		assert_int_equal(n.kind, NAME_REQUEST);
		assert_string_equal(n.type, types[i]);
	}
	assert_int_equal(parse("cm_00_10_4b_ab_cd_ef_91_df_d4.509", &n), 0);
	assert_string_equal(n.type, "CM");
	assert_int_equal(parse("eM_00_10_4b_ab_cd_ef_91_df_d4.509", &n), 0);
	assert_string_equal(n.type, "EM");
	assert_int_equal(parse("az_00_10_4b_ab_cd_ef_91_df_d4.509", &n), 0);
	assert_string_equal(n.type, "AZ");
	assert_int_equal(parse("Za_00_10_4b_ab_cd_ef_91_df_d4.509", &n), 0);
	assert_string_equal(n.type, "ZA");
	/* the neighbours of letters */
	assert_none("@M_00_10_4b_ab_cd_ef_91_df_d4.509", 33);
	assert_none("C[_00_10_4b_ab_cd_ef_91_df_d4.509", 33);
	assert_none("`M_00_10_4b_ab_cd_ef_91_df_d4.509", 33);
	assert_none("C{_00_10_4b_ab_cd_ef_91_df_d4.509", 33);
}

static void N2_the_mac_follows(void **state)
{
	struct name n;

	(void)state;
	assert_int_equal(parse("CM_00_10_4b_ab_cd_ef_91_df_d4.509", &n), 0);
	assert_true(mac_equal(&n.mac, &modem));
	assert_int_equal(n.error, 0);
	assert_int_equal(parse("CM_00_10_4B_AB_CD_EF_91_DF_D4.509", &n), 0);
	assert_true(mac_equal(&n.mac, &modem));
	assert_int_equal(n.code.digits, 6);
	assert_memory_equal(n.code.b, "\x91\xdf\xd4", 3);
}

static void N3_codes_of_every_length(void **state)
{
	for (uint8_t digits = 1; digits <= NAME_CODE_MAX_DIGITS + 2; digits++) {
		char s[512] = "EM_00_10_4b_ab_cd_ef";
		struct out o = out_of(s + strlen(s), sizeof(s) - strlen(s));
		struct name n;

		for (unsigned i = 0; i < digits; i++) {
			if (i % 2 == 0)
				out_str(&o, "_");
			out_u8(&o, (uint8_t) "123456789abcdef"[i % 15]);
		}
		out_str(&o, ".509");
		assert_non_null(out_cstr(&o));
		if (digits < NAME_CODE_MIN_DIGITS || digits > NAME_CODE_MAX_DIGITS) {
			assert_none(s, strlen(s));
			continue;
		}
		assert_int_equal(parse(s, &n), 0);
		assert_int_equal(n.code.digits, digits);
		for (unsigned i = 0; i < digits; i++) {
			unsigned half = n.code.b[i / 2] >> (i % 2 ? 0 : 4) & 15;

			assert_int_equal(half, i % 15 + 1);
		}
		if (digits % 2)
			assert_int_equal(n.code.b[digits / 2] & 15, 0);
	}
	(void)state;
}

static void N3_an_odd_digit_ends_the_name(void **state)
{
	struct name n;

	(void)state;
	assert_int_equal(parse("CM_00_10_4b_ab_cd_ef_91_d.509", &n), 0);
	assert_int_equal(n.code.digits, 3);
	assert_memory_equal(n.code.b, "\x91\xd0", 2);
	assert_none("CM_00_10_4b_ab_cd_ef_9_1d.509", 29);
	assert_none("CM_00_10_4b_ab_cd_ef_91d.509", 28);
}

static void N4_confirmations(void **state)
{
	struct name n;

	(void)state;
	assert_int_equal(parse("OK_00_10_4b_ab_cd_ef_57_9f_26.OK", &n), 0);
	assert_int_equal(n.kind, NAME_CONFIRM);
	assert_string_equal(n.type, "");
	assert_true(mac_equal(&n.mac, &modem));
	assert_int_equal(n.code.digits, 6);
	assert_memory_equal(n.code.b, "\x57\x9f\x26", 3);
	assert_int_equal(parse("ok_00_10_4b_ab_cd_ef_57_9f_26.oK", &n), 0);
	assert_int_equal(n.kind, NAME_CONFIRM);
}

static void reports_of_the_fourteen_numbers(void **state)
{
	char s[] = "ERR00_00_10_4b_ab_cd_ef.ERR";
	struct name n;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		s[3] = (char)('0' + i / 10);
		s[4] = (char)('0' + i % 10);
		if (i < 1 || i > 14) {
			assert_none(s, strlen(s));
			continue;
		}
		assert_int_equal(parse(s, &n), 0);
		assert_int_equal(n.kind, NAME_REPORT);
		assert_int_equal(n.error, i);
		assert_int_equal(n.code.digits, 0);
		assert_true(mac_equal(&n.mac, &modem));
	}
	assert_int_equal(parse("err07_00_10_4B_ab_cd_ef.Err", &n), 0);
	assert_int_equal(n.error, 7);
}

static void N7_spaces_are_ignored(void **state)
{
	static const char *const spaced[] = {
		" CM_00_10_4b_ab_cd_ef_91_df_d4.509",
		"CM_00_10_4b_ab_cd_ef_91_df_d4.509   ",
		"CM _ 00 _10_4b_ab_cd_ef_91_df_d4.509",
		"CM_00_10_4b_ab_cd_ef_91_df_d4 .509",
		"C M_0 0_1 0_4 b_a b_c d_e f_9 1_d f_d 4. 5 0 9",
	};
	struct name want, n;

	(void)state;
	assert_int_equal(parse("CM_00_10_4b_ab_cd_ef_91_df_d4.509", &want), 0);
	for (size_t i = 0; i < sizeof(spaced) / sizeof(spaced[0]); i++) {
		assert_int_equal(parse(spaced[i], &n), 0);
		assert_memory_equal(&n.mac, &want.mac, sizeof(n.mac));
		assert_memory_equal(&n.code, &want.code, sizeof(n.code));
	}
	assert_int_equal(parse("ERR 07_00_10_4b_ab_cd_ef .ERR", &n), 0);
	assert_int_equal(n.error, 7);
	assert_int_equal(parse("OK_00_10_4b_ab_cd_ef_57_9f_26. O K ", &n), 0);
	assert_none("CM_00_10_4b_ab_cd_ef_91_df_d4.509\t", 34);
	assert_none("CM_00_10_4b_ab_cd_ef_91_df_d4.509\n", 34);
}

static void N7_spaces_up_to_a_limit(void **state)
{
	const char *name = "CM_00_10_4b_ab_cd_ef_91_df_d4.509";
	char s[NAME_RAW_MAX + 1];
	struct name n;

	(void)state;
	memset(s, ' ', sizeof(s));
	memcpy(s + 100, name, strlen(name));
	assert_int_equal(name_parse(s, NAME_RAW_MAX, &n), 0);
	assert_none(s, NAME_RAW_MAX + 1);
	memset(s, ' ', sizeof(s));
	assert_none(s, NAME_RAW_MAX);
}

/* Section 9: table 1 of the source has '_' where the text has '.'. */
static void underscore_509_is_accepted(void **state)
{
	struct name n;

	(void)state;
	assert_int_equal(parse("CM_00_10_4b_ab_cd_ef_91_df_d4_509", &n), 0);
	assert_int_equal(n.code.digits, 6);
	assert_int_equal(parse("CM_00_10_4b_ab_cd_ef_91_d_509", &n), 0);
	assert_int_equal(n.code.digits, 3);
	assert_none("OK_00_10_4b_ab_cd_ef_57_9f_26_OK", 32);
	assert_none("ERR07_00_10_4b_ab_cd_ef_ERR", 27);
}

/* N8: none of these is a name. */
static const char *const no_names[] = {
	"",
	" ",
	"CM",
	"CM_",
	".509",
	"_509",
	"/etc/passwd",
	"../CM_00_10_4b_ab_cd_ef_91_df_d4.509",
	"./CM_00_10_4b_ab_cd_ef_91_df_d4.509",
	"/CM_00_10_4b_ab_cd_ef_91_df_d4.509",
	"tftpboot/CM_00_10_4b_ab_cd_ef_91_df_d4.509",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.509/..",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.509/",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.50",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.5099",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.cer",
	"CM_00_10_4b_ab_cd_ef_91_df_d4-509",
	"CM_00_10_4b_ab_cd_ef_91_df_d4509",
	"CM_00_10_4b_ab_cd_ef_91_df_d4",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.OK",
	"CM_00_10_4b_ab_cd_ef_91_df_d4.ERR",
	"CM_00_10_4b_ab_cd_ef_91_df_d4_.509",
	"CM_00_10_4b_ab_cd_ef__91_df_d4.509",
	"CM_00_10_4b_ab_cd_ef.509",
	"CM_00_10_4b_ab_cd_ef_.509",
	"CM_00_10_4b_ab_cd_91.509", /* no code */
	"CM-00-10-4b-ab-cd-ef-91-df-d4.509",
	"CM:00:10:4b:ab:cd:ef:91:df:d4.509",
	"CM_00:10:4b:ab:cd:ef_91_df_d4.509",
	"CM_00-10-4b-ab-cd-ef_91_df_d4.509",
	"CM_00104babcdef_91_df_d4.509",
	"CM_00_10_4b_ab_cd_ef_91-df-d4.509",
	"CM_00_10_4b_ab_cd_ef_91.df.d4.509",
	"CM.00_10_4b_ab_cd_ef_91_df_d4.509",
	"CM._00_10_4b_ab_cd_ef_91_df_d4.509",
	"C_00_10_4b_ab_cd_ef_91_df_d4.509",
	"CMM_00_10_4b_ab_cd_ef_91_df_d4.509",
	"C1_00_10_4b_ab_cd_ef_91_df_d4.509",
	"%s_00_10_4b_ab_cd_ef_91_df_d4.509",
	"CM_00_10_4b_ab_cd_ef_%s_df_d4.509",
	"CM_0%_10_4b_ab_cd_ef_91_df_d4.509",
	"%n%n%n%n",
	"CM_0g_10_4b_ab_cd_ef_91_df_d4.509",
	"CM_00_10_4b_ab_cd_ef_91_dg_d4.509",
	"CM_00_10_4b_ab_cd_ef_91_df_d4\\509",
	"CM_00_10_4b_ab_cd_ef_91_df_d\xc3\xa9.509",
	"OK_00_10_4b_ab_cd_ef_57_9f_26.509x",
	"OK_00_10_4b_ab_cd_ef_57_9f_26.OKK",
	"OK_00_10_4b_ab_cd_ef_57_9f_26",
	"OK_00_10_4b_ab_cd_ef_57.OK",
	"OK_00_10_4b_ab_cd_ef.OK",
	"OK00_10_4b_ab_cd_ef_57_9f_26.OK",
	"ERR_00_10_4b_ab_cd_ef.ERR",
	"ERR7_00_10_4b_ab_cd_ef.ERR",
	"ERR007_00_10_4b_ab_cd_ef.ERR",
	"ERR0a_00_10_4b_ab_cd_ef.ERR",
	"ERR0:_00_10_4b_ab_cd_ef.ERR", /* ':' is behind '9' */
	"ERR1/_00_10_4b_ab_cd_ef.ERR",
	"ERR/;_00_10_4b_ab_cd_ef.ERR",
	"ERR:0_00_10_4b_ab_cd_ef.ERR",
	"ERR",
	"ERR0",
	"OK_",
	"ERR+7_00_10_4b_ab_cd_ef.ERR",
	"ERR07_00_10_4b_ab_cd_ef.ERRx",
	"ERR07_00_10_4b_ab_cd_ef",
	"ERR07_00_10_4b_ab_cd_ef_91_df_d4.ERR",
	"ERR07_00_10_4b_ab_cd.ERR",
};

static void N8_all_else_is_no_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++)
		assert_none(no_names[i], strlen(no_names[i]));
}

/* In CM_00_10_4b_ab_cd_ef_91_df_d4.509: which bytes may stand at i instead? */
static bool may_stand_at(size_t i, int c)
{
	if (i < 2)
		return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	if (i == 29)
		return c == '_';
	if (i > 26 && i < 29 && c == ' ')
		return true; /* an odd digit ends the code */
	return i < 29 && i % 3 != 2 && c != 0 && strchr("0123456789abcdefABCDEF", c);
}

static void N8_hostile_lengths_and_bytes(void **state)
{
	const char *good = "CM_00_10_4b_ab_cd_ef_91_df_d4.509";
	char s[600];
	struct name n;
	(void)state;
	memset(s, 'a', sizeof(s));
	assert_none(s, sizeof(s)); /* a name of 600 bytes */
	memcpy(s, good, strlen(good));
	assert_none(s, sizeof(s));
	s[strlen(good)] = '\0';
	assert_none(s, strlen(good) + 1); /* a NUL behind it */
	/* cut anywhere it is none of the names */
	for (size_t i = 0; i < strlen(good); i++)
		assert_none(good, i);
	/* and with one byte changed only what the grammar has there */
	for (size_t i = 0; i < strlen(good); i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(s, good, strlen(good));
			s[i] = (char)c;
			if (name_parse(s, strlen(good), &n) == 0)
				assert_true(may_stand_at(i, c) || c == good[i]);
		}
	}
}

static void assert_builds(const struct name *n, const char *want)
{
	char buf[NAME_TEXT_SIZE];
	struct out o = out_of(buf, sizeof(buf));
	struct name back;

	name_build(&o, n);
	assert_string_equal(out_cstr(&o), want);
	assert_int_equal(parse(want, &back), 0);
	assert_int_equal(back.kind, n->kind);
	assert_string_equal(back.type, n->type);
	assert_true(mac_equal(&back.mac, &n->mac));
	assert_int_equal(back.error, n->error);
	assert_int_equal(back.code.digits, n->code.digits);
	assert_memory_equal(back.code.b, n->code.b, sizeof(back.code.b));
}

/* Lower-case digits are sent (section 1). */
static void what_is_built_is_read_again(void **state)
{
	(void)state;
	assert_builds(&(struct name){ .kind = NAME_REQUEST,
				      .type = "CM",
				      .mac = modem,
				      .code = { 6, { 0x91, 0xdf, 0xd4 } } },
		      "CM_00_10_4b_ab_cd_ef_91_df_d4.509");
	assert_builds(&(struct name){ .kind = NAME_REQUEST,
				      .type = "EM",
				      .mac = modem,
				      .code = { 3, { 0x91, 0xd0 } } },
		      "EM_00_10_4b_ab_cd_ef_91_d.509");
	assert_builds(&(struct name){ .kind = NAME_CONFIRM,
				      .mac = modem,
				      .code = { 6, { 0x57, 0x9f, 0x26 } } },
		      "OK_00_10_4b_ab_cd_ef_57_9f_26.OK");
	assert_builds(&(struct name){ .kind = NAME_REPORT, .mac = modem, .error = 7 },
		      "ERR07_00_10_4b_ab_cd_ef.ERR");
	assert_builds(&(struct name){ .kind = NAME_REPORT, .mac = modem, .error = 14 },
		      "ERR14_00_10_4b_ab_cd_ef.ERR");
}

static void the_longest_name_fits_its_buffer(void **state)
{
	struct name n = { .kind = NAME_REQUEST,
			  .type = "CM",
			  .mac = modem,
			  .code = { .digits = NAME_CODE_MAX_DIGITS } };
	char buf[NAME_TEXT_SIZE];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	name_build(&o, &n);
	assert_non_null(out_cstr(&o));
	assert_int_equal(name_parse(buf, o.len, &n), 0);
	o = out_of(buf, 20);
	name_build(&o, &n);
	assert_true(o.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N1_the_type_is_two_letters),
		cmocka_unit_test(N2_the_mac_follows),
		cmocka_unit_test(N3_codes_of_every_length),
		cmocka_unit_test(N3_an_odd_digit_ends_the_name),
		cmocka_unit_test(N4_confirmations),
		cmocka_unit_test(reports_of_the_fourteen_numbers),
		cmocka_unit_test(N7_spaces_are_ignored),
		cmocka_unit_test(N7_spaces_up_to_a_limit),
		cmocka_unit_test(underscore_509_is_accepted),
		cmocka_unit_test(N8_all_else_is_no_name),
		cmocka_unit_test(N8_hostile_lengths_and_bytes),
		cmocka_unit_test(what_is_built_is_read_again),
		cmocka_unit_test(the_longest_name_fits_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
