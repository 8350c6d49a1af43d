/* The worked examples of fieldcert-protocol(7), which were computed with openssl(1)
 * and Python's cryptography, not by this code. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>
#include "crypto/authcode.h"
#include "crypto/keybox.h"
#include "wire/certfile.h"
#include "wire/name.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };
static const char serial[] = "J09H7CDEF";

static struct auth_secret secret_of(const char *text)
{
	struct auth_secret s = { .len = strlen(text) };

	memcpy(s.s, text, s.len);
	return s;
}

static void assert_name(const struct name *n, const char *want)
{
	char text[NAME_TEXT_SIZE];
	struct out o = out_of(text, sizeof(text));

	name_build(&o, n);
	assert_string_equal(out_cstr(&o), want);
}

/* Name and confirmation of the modem under spec. */
static void assert_names(const struct auth_spec *spec, const char *request,
			 const char *confirmation)
{
	const struct auth_secret one = secret_of("This is a secret string number one");
	const struct auth_secret two = secret_of("This is a secret string number two");
	struct name ask = { .kind = NAME_REQUEST, .type = "CM", .mac = modem };
	struct name ok = { .kind = NAME_CONFIRM, .mac = modem };
	struct authcode *a = authcode_new();

	assert_non_null(a);
	assert_int_equal(authcode_request(a, spec, &one, serial, sizeof(serial) - 1,
					  &modem, &ask.code),
			 0);
	assert_name(&ask, request);
	assert_int_equal(
		authcode_confirm(a, spec, &two, &modem, &ask.code, NULL, &ok.code), 0);
	if (confirmation)
		assert_name(&ok, confirmation);
	authcode_free(a);
}

static void N3_N4_names_of_the_example(void **state)
{
	const struct auth_spec usual = { .hash = AUTH_SHA1,
					 .bits = 24,
					 .request_serial = true,
					 .confirm_code = true };
	const struct auth_spec without = { .hash = AUTH_SHA1, .bits = 24 };
	const struct auth_spec hmac = { .hash = AUTH_HMAC_SHA256,
					.bits = 12,
					.request_serial = true,
					.confirm_code = true };

	(void)state;
	assert_names(&usual, "CM_00_10_4b_ab_cd_ef_86_e5_46.509",
		     "OK_00_10_4b_ab_cd_ef_64_41_d5.OK");
	assert_names(&without, "CM_00_10_4b_ab_cd_ef_26_b6_88.509",
		     "OK_00_10_4b_ab_cd_ef_4c_4b_ff.OK");
	assert_names(&hmac, "CM_00_10_4b_ab_cd_ef_d5_d.509", NULL);
}

static void N6_derived_secret_of_the_example(void **state)
{
	const struct auth_secret master = secret_of("This is a master string");
	struct auth_secret own;

	(void)state;
	assert_int_equal(auth_secret_derive(&master, &modem, &own), 0);
	assert_int_equal(own.len, 64);
	assert_memory_equal(own.s,
			    "8263c26e81dea443fd9c4fae06ebbb31"
			    "7319a5c742d6f045d52ccab418ad7a37",
			    64);
}

static void F1_key_object_of_the_example(void **state)
{
	static const uint8_t object[] = {
		0x00, 0x03, 0x00, 0x27, 0x01, 0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05,
		0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x6b, 0xc9, 0x9a, 0x6f, 0x29, 0x8c,
		0x75, 0x4f, 0x9c, 0x6f, 0xe7, 0x66, 0x9b, 0x41, 0xf5, 0x96, 0x62, 0x07,
		0x80, 0xbe, 0x8b, 0x4d, 0xce, 0x93, 0xf4, 0x6d, 0x32, 0x6b, 0xcb,
	};
	static const uint8_t der[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };
	const struct auth_secret three =
		secret_of("This is a secret string number three");
	uint8_t nonce[CERTKEY_NONCE_LEN], value[64], made[64], opened[KEYBOX_PKCS8_MAX];
	struct out v = out_of(value, sizeof(value)), o = out_of(made, sizeof(made));
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)i;
	assert_int_equal(keybox_seal(&three, &modem, serial, sizeof(serial) - 1, 1,
				     nonce, der, sizeof(der), &v),
			 0);
	certfile_put(&o, CERTFILE_KEY, value, v.len);
	assert_int_equal(o.len, 47);
	assert_int_equal(keybox_open(&three, &modem, serial, sizeof(serial) - 1,
				     object + 4, 39, opened, &len),
			 0);
	assert_int_equal(len, sizeof(der));
	assert_memory_equal(opened, der, sizeof(der));
	assert_memory_equal(made, object, sizeof(object));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N3_N4_names_of_the_example),
		cmocka_unit_test(N6_derived_secret_of_the_example),
		cmocka_unit_test(F1_key_object_of_the_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
