/* N3 to N6.  Constants are what `openssl dgst` and `openssl kdf` print. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "crypto/authcode.h"
#include "crypto/hkdf.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };
static const char serial[] = "J09H7CDEF";

static struct auth_secret secret_of(const char *s)
{
	struct auth_secret r = { .len = strlen(s) };

	memcpy(r.s, s, r.len);
	return r;
}

static struct auth_secret one(void)
{
	return secret_of("This is a secret string number one");
}

static struct auth_secret two(void)
{
	return secret_of("This is a secret string number two.");
}

static struct auth_spec spec_of(enum auth_hash h, unsigned bits)
{
	return (struct auth_spec){ .hash = h,
				   .bits = (uint16_t)bits,
				   .request_serial = true,
				   .confirm_code = true };
}

static struct name_code code_of(const char *digits)
{
	struct name_code c = { .digits = (uint8_t)strlen(digits) };
	char even[2 * NAME_CODE_MAX_LEN + 2];

	(void)snprintf(even, sizeof(even), "%s%s", digits, c.digits % 2 ? "0" : "");
	assert_int_equal(hex_decode(even, strlen(even), c.b, strlen(even) / 2), 0);
	return c;
}

/* Number of digits, the digits, and nothing behind them. */
static void assert_code(const struct name_code *c, const char *digits)
{
	struct name_code wanted = code_of(digits);

	assert_int_equal(c->digits, wanted.digits);
	assert_memory_equal(c->b, wanted.b, sizeof(c->b));
}

static struct name_code request(struct authcode *a, struct auth_spec spec)
{
	struct auth_secret s = one();
	struct name_code c;

	memset(&c, 0xee, sizeof(c));
	assert_int_equal(
		authcode_request(a, &spec, &s, serial, strlen(serial), &modem, &c), 0);
	return c;
}

static struct name_code confirm(struct authcode *a, struct auth_spec spec,
				const char *yy)
{
	struct auth_secret s = two();
	struct name_code code = code_of(yy), c;
	uint8_t digest[32];

	assert_int_equal(sha256_of("abc", 3, digest), 0);
	memset(&c, 0xee, sizeof(c));
	assert_int_equal(authcode_confirm(a, &spec, &s, &modem, &code, digest, &c), 0);
	return c;
}

static int setup(void **state)
{
	*state = authcode_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	authcode_free(*state);
	return 0;
}

static void N3_table_1_of_the_source(void **state)
{
	struct name_code c = request(*state, spec_of(AUTH_SHA1, 24));

	assert_code(&c, "86e546");
}

static void N3_without_the_serial_number(void **state)
{
	struct auth_spec spec = spec_of(AUTH_SHA1, 160);
	struct name_code c;

	spec.request_serial = false;
	c = request(*state, spec);
	assert_code(&c, "26b688fbe6cd9eade4da6ba9c5ff48ab0cc58300");
}

static void N3_any_multiple_of_four_bits_and_the_low_half_is_clear(void **state)
{
	static const char all[] = "86e546f9b485885072e84f510808295a5153e272";

	for (unsigned digits = 3; digits <= 40; digits++) {
		char wanted[41];
		struct name_code c = request(*state, spec_of(AUTH_SHA1, digits * 4));

		(void)snprintf(wanted, sizeof(wanted), "%.*s", (int)digits, all);
		assert_code(&c, wanted);
	}
}

static void N3_serial_number_and_mac_both_count(void **state)
{
	struct auth_secret s = one();
	struct auth_spec spec = spec_of(AUTH_SHA1, 24);
	struct mac other = modem;
	struct name_code good = request(*state, spec), c;

	other.b[5] ^= 1;
	assert_int_equal(
		authcode_request(*state, &spec, &s, serial, strlen(serial), &other, &c),
		0);
	assert_false(authcode_equal(&good, &c));
	assert_int_equal(
		authcode_request(*state, &spec, &s, "J09H7CDEE", 9, &modem, &c), 0);
	assert_false(authcode_equal(&good, &c));
	assert_int_equal(authcode_request(*state, &spec, &s, NULL, 0, &modem, &c), 0);
	assert_code(&c, "26b688");
}

static void N4_table_3_of_the_source(void **state)
{
	struct name_code c = confirm(*state, spec_of(AUTH_SHA1, 24), "91dfd4");

	assert_code(&c, "75dbc9");
	c = confirm(*state, spec_of(AUTH_SHA1, 160), "91dfd4");
	assert_code(&c, "75dbc962e4cdea46918b4241b7c0283411540a39");
}

static void N4_an_odd_digit_is_one_digit_in_the_hash(void **state)
{
	struct name_code c = confirm(*state, spec_of(AUTH_SHA1, 160), "91dfd");

	assert_code(&c, "fef8d9ca0ef8371520e85fb5844a6b843d514dd0");
}

static void N4_without_the_code(void **state)
{
	struct auth_spec spec = spec_of(AUTH_SHA1, 160);
	struct name_code c;

	spec.confirm_code = false;
	c = confirm(*state, spec, "91dfd4");
	assert_code(&c, "74c9d0eb54117024770c6c22e92e17c3b20d7bfa");
}

static void N4_bound_to_the_file(void **state)
{
	struct auth_spec spec = spec_of(AUTH_SHA1, 160);
	struct name_code c;

	spec.bound = true;
	c = confirm(*state, spec, "91dfd4");
	assert_code(&c, "8b71d3177a7be585bba5f50d9e4b5f1a8c960a31");
	spec.confirm_code = false;
	c = confirm(*state, spec, "91dfd4");
	assert_code(&c, "f7256c4b71c7318102d5c593a9c97fb9983b9aac");
}

static void N5_every_hash(void **state)
{
	static const struct {
		enum auth_hash hash;
		const char *digits;
	} all[] = {
		{ AUTH_MD5, "62f71f18e104f06ce249f4a6f92e1fd1" },
		{ AUTH_SHA1, "86e546f9b485885072e84f510808295a5153e272" },
		{ AUTH_SHA256,
		  "577b1e74b5f789ae94c4b50db693dd985153954301f6815cc93aef62e9ef89a0" },
		{ AUTH_SHA384,
		  "0e2c18d6340137cdba551d1cc84cdbde102284d03ad223a579960690ee014ea5"
		  "9797e6643775fa2bdf4e8bf0f5b739d6" },
		{ AUTH_SHA512,
		  "038aac805d79a4d02b89d03b885848407a5273aeda68ed91d58be581d04fbadf"
		  "35dce6fe916160d909fe781462c68a44f534474495988cf8b5134d4ba0cfc9c9" },
		{ AUTH_SHA3_256,
		  "ecebcb440b2523ff9876e36720dd28d720071fc91b08b508190ea69cfff59487" },
		{ AUTH_SHA3_384,
		  "2cdc13d9b0362afbf30463feeb96c1dbfc5ba1ea802efb4a79a19b0e27a03cca"
		  "487c8388ba72ce58c180f8ff0329fe72" },
		{ AUTH_SHA3_512,
		  "1338ea3e4347f61e439a12bd69aeddc9081f467ee166b784afd8dc4333faeec8"
		  "5d8b623ba26e0687cdc90dc84c05b56b5cd2c52f5ec07cee8fe5d389ad78a087" },
		{ AUTH_HMAC_SHA256,
		  "d5db5408552f25317f79553472fc277b47fd44e9dda06118a2b3930a3f9dc23e" },
	};

	/* twice round: a context that keeps something of the last message shows */
	for (size_t i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
		size_t k = i % (sizeof(all) / sizeof(all[0]));
		unsigned bits = auth_hash_bits(all[k].hash);
		struct name_code c = request(*state, spec_of(all[k].hash, bits));

		assert_true(authcode_has(*state, all[k].hash));
		assert_int_equal(bits, 4 * strlen(all[k].digits));
		assert_code(&c, all[k].digits);
	}
}

static void N5_hmac_confirms_with_the_secret_as_key(void **state)
{
	struct name_code c = confirm(*state, spec_of(AUTH_HMAC_SHA256, 256), "91dfd4");

	assert_code(&c, "6343439705c07b27695fa5abe1e53c14f4af902797f1eb40ebf8af4dd5665b"
			"cc");
}

static void N5_md4_where_the_legacy_provider_is(void **state)
{
	struct auth_spec spec = spec_of(AUTH_MD4, 128);
	struct auth_secret s = one();
	struct name_code c;

	if (authcode_has(*state, AUTH_MD4)) {
		c = request(*state, spec);
		assert_code(&c, "cb1d0848231bbfc4a426dd4e66d4cd49");
		return;
	}
	assert_int_equal(
		authcode_request(*state, &spec, &s, serial, strlen(serial), &modem, &c),
		FC_ECRYPTO);
}

static void N5_names_of_hashes(void **state)
{
	(void)state;
	for (int h = 0; h < AUTH_HASH_COUNT; h++)
		assert_int_equal(auth_hash_by_name(auth_hash_name((enum auth_hash)h)),
				 h);
	assert_int_equal(auth_hash_by_name("sha1"), AUTH_SHA1);
	assert_int_equal(auth_hash_by_name("hmac-sha256"), AUTH_HMAC_SHA256);
	assert_int_equal(auth_hash_by_name("md2"), FC_EUNKNOWN);
	assert_int_equal(auth_hash_by_name("sha"), FC_EABSENT);
	assert_int_equal(auth_hash_by_name(""), FC_EABSENT);
}

static void N3_lengths_of_a_code(void **state)
{
	struct auth_spec spec = spec_of(AUTH_SHA1, 24);
	const char *why = NULL;

	(void)state;
	for (unsigned bits = 0; bits <= 600; bits++) {
		bool good = bits % 4 == 0 && bits >= 12 && bits <= 160;

		spec.bits = (uint16_t)bits;
		assert_int_equal(auth_spec_check(&spec, &why), good ? 0 : FC_EBAD);
	}
	spec = spec_of(AUTH_SHA512, 512);
	assert_int_equal(auth_spec_check(&spec, &why), 0);
}

static void S2_codes_are_compared_to_the_last_digit(void **state)
{
	struct name_code good = request(*state, spec_of(AUTH_SHA512, 512));

	for (size_t i = 0; i < NAME_CODE_MAX_LEN; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct name_code c = good;

			c.b[i] ^= (uint8_t)(1 << bit);
			assert_false(authcode_equal(&good, &c));
		}
	}
	assert_true(authcode_equal(&good, &good));
}

static void S2_a_code_of_another_length_is_another_code(void **state)
{
	struct name_code six = code_of("86e546"), five = code_of("86e54"),
			 seven = code_of("86e5460"), other = code_of("86e547");

	(void)state;
	assert_true(authcode_equal(&six, &six));
	assert_false(authcode_equal(&six, &five));
	assert_false(authcode_equal(&six, &seven));
	assert_false(authcode_equal(&six, &other));
	five.b[2] = 0x40;
	seven = five;
	seven.b[2] = 0x50;
	assert_false(authcode_equal(&five, &seven));
}

static void N6_a_secret_derived_for_a_device(void **state)
{
	struct auth_secret master = secret_of("master secret"), s;
	static const char wanted[] =
		"315d103ddd863f664afb4acbcd566718c1a3a0539ba9516c55cc32f0b763d432";

	(void)state;
	assert_int_equal(auth_secret_derive(&master, &modem, &s), 0);
	assert_int_equal(s.len, 64);
	assert_memory_equal(s.s, wanted, 64);
}

static void hkdf_is_that_of_rfc_5869(void **state)
{
	uint8_t ikm[22], salt[13], info[10], okm[32], wanted[32];
	static const char case_1[] =
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
	static const char case_3[] =
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
	char long_info[HKDF_INFO_MAX + 1] = { 0 };

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(info); i++)
		info[i] = (uint8_t)(0xf0 + i);
	assert_int_equal(hkdf_sha256(ikm, sizeof(ikm), salt, sizeof(salt), info,
				     sizeof(info), okm),
			 0);
	assert_int_equal(hex_decode(case_1, 64, wanted, 32), 0);
	assert_memory_equal(okm, wanted, 32);
	assert_int_equal(hkdf_sha256(ikm, sizeof(ikm), NULL, 0, NULL, 0, okm), 0);
	assert_int_equal(hex_decode(case_3, 64, wanted, 32), 0);
	assert_memory_equal(okm, wanted, 32);
	assert_int_equal(
		hkdf_sha256(ikm, sizeof(ikm), NULL, 0, long_info, HKDF_INFO_MAX, okm),
		0);
	assert_int_equal(hkdf_sha256(ikm, sizeof(ikm), NULL, 0, long_info,
				     HKDF_INFO_MAX + 1, okm),
			 FC_EFULL);
}

static void N6_a_secret_is_the_first_line_of_its_file(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *secret; /* NULL: refused */
	} all[] = {
		{ "abc", 3, "abc" },     { "abc\n", 4, "abc" },
		{ "abc\r\n", 5, "abc" }, { "a b c \nnext\n", 12, "a b c " },
		{ "abc\n\0", 5, "abc" }, { "", 0, NULL },
		{ "\n", 1, NULL },       { "\r\n", 2, NULL },
		{ "a\0b\n", 4, NULL },
	};
	char line[SECRET_MAX + 2];
	struct auth_secret s;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int rc = auth_secret_from_line(all[i].text, all[i].len, &s);

		assert_int_equal(rc, all[i].secret ? 0 : FC_EBAD);
		if (rc)
			continue;
		assert_int_equal(s.len, strlen(all[i].secret));
		assert_memory_equal(s.s, all[i].secret, s.len);
	}
	memset(line, 'x', sizeof(line));
	assert_int_equal(auth_secret_from_line(line, SECRET_MAX, &s), 0);
	assert_int_equal(s.len, SECRET_MAX);
	assert_int_equal(auth_secret_from_line(line, SECRET_MAX + 1, &s), FC_EFULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N3_table_1_of_the_source),
		cmocka_unit_test(N3_without_the_serial_number),
		cmocka_unit_test(
			N3_any_multiple_of_four_bits_and_the_low_half_is_clear),
		cmocka_unit_test(N3_serial_number_and_mac_both_count),
		cmocka_unit_test(N3_lengths_of_a_code),
		cmocka_unit_test(N4_table_3_of_the_source),
		cmocka_unit_test(N4_an_odd_digit_is_one_digit_in_the_hash),
		cmocka_unit_test(N4_without_the_code),
		cmocka_unit_test(N4_bound_to_the_file),
		cmocka_unit_test(N5_every_hash),
		cmocka_unit_test(N5_hmac_confirms_with_the_secret_as_key),
		cmocka_unit_test(N5_md4_where_the_legacy_provider_is),
		cmocka_unit_test(N5_names_of_hashes),
		cmocka_unit_test(S2_codes_are_compared_to_the_last_digit),
		cmocka_unit_test(S2_a_code_of_another_length_is_another_code),
		cmocka_unit_test(N6_a_secret_derived_for_a_device),
		cmocka_unit_test(hkdf_is_that_of_rfc_5869),
		cmocka_unit_test(N6_a_secret_is_the_first_line_of_its_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
