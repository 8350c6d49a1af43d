/* N6: secrets for all, derived, or a line a device. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "cmd/shared/fromconf.h"
#include "cmd/shared/secretset.h"
#include "macs.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

static struct secretset *set_of(enum conf_secret_kind kind, const char *text)
{
	struct secretset *s = NULL;
	const char *why = NULL;
	unsigned line = 0;

	if (secretset_new(kind, text, strlen(text), &s, &why, &line))
		fail_msg("line %u: %s", line, why);
	return s;
}

static void assert_secret(const struct secretset *s, struct mac mac, const char *wanted)
{
	struct auth_secret got;

	assert_int_equal(secretset_get(s, &mac, &got), 0);
	assert_int_equal(got.len, strlen(wanted));
	assert_memory_equal(got.s, wanted, got.len);
}

static void assert_refused(const char *text, size_t len, unsigned wanted_line)
{
	struct secretset *s = NULL;
	const char *why = NULL;
	unsigned line = 0;

	assert_int_equal(secretset_new(CONF_SECRET_DEVICE, text, len, &s, &why, &line),
			 FC_EBAD);
	assert_null(s);
	assert_non_null(why);
	assert_int_equal(line, wanted_line);
}

static void N6_one_for_all(void **state)
{
	struct secretset *s = set_of(CONF_SECRET_SHARED, "the secret\n");
	struct mac other = { { 2, 0, 0, 0, 0, 1 } };

	(void)state;
	assert_secret(s, modem, "the secret");
	assert_secret(s, other, "the secret");
	secretset_free(s);
}

static void N6_derived_from_a_master(void **state)
{
	struct secretset *s = set_of(CONF_SECRET_DERIVED, "master secret\n");
	struct mac other = modem;
	struct auth_secret a, b;

	(void)state;
	assert_secret(
		s, modem,
		"315d103ddd863f664afb4acbcd566718c1a3a0539ba9516c55cc32f0b763d432");
	other.b[5]++;
	assert_int_equal(secretset_get(s, &modem, &a), 0);
	assert_int_equal(secretset_get(s, &other, &b), 0);
	assert_memory_not_equal(a.s, b.s, 64);
	/* again and again the same, and the same as from the master alone */
	for (unsigned i = 0; i < 300; i++) {
		struct auth_secret master = { .len = 13, .s = "master secret" };
		struct mac mac = mac_from_u64(UINT64_C(0x00104b000000) + i * 77);

		assert_int_equal(secretset_get(s, &mac, &a), 0);
		assert_int_equal(auth_secret_derive(&master, &mac, &b), 0);
		assert_memory_equal(a.s, b.s, 64);
	}
	secretset_free(s);
}

static void N6_a_line_for_each_device(void **state)
{
	struct secretset *s =
		set_of(CONF_SECRET_DEVICE, "# MAC and secret\n"
					   "\n"
					   "00:10:4B:AB:CD:EF  first one\n"
					   "  0010.4bab.cdee\tsecond\r\n"
					   "   \t \n"
					   "00-10-4b-ab-cd-f0 third # no comment");
	struct mac mac = modem;
	struct auth_secret got = { .len = 77 };

	(void)state;
	assert_secret(s, mac, "first one");
	mac.b[5] = 0xee;
	assert_secret(s, mac, "second");
	mac.b[5] = 0xf0;
	assert_secret(s, mac, "third # no comment");
	mac.b[5] = 0xf1;
	assert_int_equal(secretset_get(s, &mac, &got), FC_EABSENT);
	assert_int_equal(got.len, 77);
	secretset_free(s);
}

static void N6_a_file_without_devices_knows_none(void **state)
{
	struct secretset *s = NULL;
	struct auth_secret got;
	const char *why;
	unsigned line;

	(void)state;
	assert_int_equal(secretset_new(CONF_SECRET_DEVICE, NULL, 0, &s, &why, &line),
			 0);
	assert_int_equal(secretset_get(s, &modem, &got), FC_EABSENT);
	secretset_free(s);
}

static void N6_every_device_of_many_is_found(void **state)
{
	enum { N = 5000, LINE = 40 };
	char *text = malloc(N * LINE), *at = text;
	struct secretset *s;

	(void)state;
	assert_non_null(text);
	/* 7919 and N have no common divisor: every number once, in no order */
	for (unsigned i = 0; i < N; i++) {
		struct mac m = mac_from_u64(UINT64_C(0x00104b000000) + i * 7919 % N);
		char mac[MAC_TEXT_SIZE];

		at += snprintf(at, LINE, "%s s%u\n", mac_text(&m, mac), i * 7919 % N);
	}
	s = set_of(CONF_SECRET_DEVICE, text);
	for (unsigned i = 0; i < N; i++) {
		char wanted[12];

		(void)snprintf(wanted, sizeof(wanted), "s%u", i);
		assert_secret(s, mac_from_u64(UINT64_C(0x00104b000000) + i), wanted);
	}
	secretset_free(s);
	free(text);
}

static void N6_a_bad_line_is_named(void **state)
{
	char line[SECRET_MAX + 64];
	int n;

	(void)state;
	assert_refused("00:10:4B:AB:CD:EF a\nnonsense b\n", 31, 2);
	assert_refused("00:10:4B:AB:CD:EF\n", 18, 1);
	assert_refused("\n#\n00:10:4B:AB:CD:EF   \n", 25, 3);
	assert_refused("00:10:4B:AB:CD:EF a\0b\n", 22, 1);
	n = snprintf(line, sizeof(line), "00:10:4B:AB:CD:EF %0*d", SECRET_MAX + 1, 1);
	assert_refused(line, (size_t)n, 1);
}

static void N6_a_mac_twice_is_refused_at_its_second_line(void **state)
{
	static const char text[] = "00:10:4B:AB:CD:EF a\n"
				   "00:10:4B:AB:CD:EE b\n"
				   "00104babcdef c\n";

	(void)state;
	assert_refused(text, strlen(text), 3);
}

static void N6_an_empty_file_is_no_secret(void **state)
{
	struct secretset *s = NULL;
	const char *why = NULL;
	unsigned line = 0;

	(void)state;
	assert_int_equal(secretset_new(CONF_SECRET_SHARED, "\n", 1, &s, &why, &line),
			 FC_EBAD);
	assert_int_equal(line, 1);
	assert_non_null(why);
}

static void N6_the_weakest_secret_counts(void **state)
{
	struct secretset *s = set_of(CONF_SECRET_SHARED, "0123456789abcdef");

	(void)state;
	assert_int_equal(secretset_bits(s), 64);
	secretset_free(s);
	s = set_of(CONF_SECRET_DEVICE,
		   "00:10:4B:AB:CD:EE 0123456789abcdef\n"
		   "00:10:4B:AB:CD:EF 0123\n"
		   "00:10:4B:AB:CD:F0 0123456789abcdef0123456789\n");
	assert_int_equal(secretset_bits(s), 16);
	secretset_free(s);
}

static void S6_settings_of_a_class(void **state)
{
	struct conf_class c = {
		.hash = "sha256", .code_bits = 48, .request_serial = true, .bound = true
	};
	struct auth_spec spec;
	const char *why = NULL;

	(void)state;
	assert_int_equal(fromconf_auth(&c, &spec, &why), 0);
	assert_int_equal(spec.hash, AUTH_SHA256);
	assert_int_equal(spec.bits, 48);
	assert_true(spec.request_serial && spec.bound && !spec.confirm_code);
	c.hash = "md2";
	assert_int_equal(fromconf_auth(&c, &spec, &why), FC_ECONF);
	assert_non_null(strstr(why, "md2"));
	c.hash = "sha7";
	assert_int_equal(fromconf_auth(&c, &spec, &why), FC_ECONF);
	c.hash = "md5";
	c.code_bits = 132;
	assert_int_equal(fromconf_auth(&c, &spec, &why), FC_ECONF);
	c.code_bits = 26;
	assert_int_equal(fromconf_auth(&c, &spec, &why), FC_ECONF);
}

static void S6_a_profile_is_taken_over_whole(void **state)
{
	struct conf_profile p = {
		.name = "p",
		.subject = { { "CN", "%{mac}" }, { "O", "x" } },
		.manufacturer = { { "CN", "m" } },
		.n_subject = 2,
		.n_manufacturer = 1,
		.digest = "sha256",
		.key_usage = true,
		.allow_ec = true,
		.rsa_bits_min = 1024,
		.validity_days = 2,
		.manufacturer_validity_days = 3,
		.manufacturer_bits = 2048,
		.size_max = 1400,
	};
	struct x509_profile r;

	(void)state;
	fromconf_profile(&p, &r);
	assert_string_equal(r.name, "p");
	assert_int_equal(r.n_subject, 2);
	assert_string_equal(r.subject[0].attribute, "CN");
	assert_string_equal(r.subject[1].text, "x");
	assert_int_equal(r.n_manufacturer, 1);
	assert_string_equal(r.manufacturer[0].text, "m");
	assert_string_equal(r.digest, "sha256");
	assert_true(r.key_usage && r.allow_ec);
	assert_int_equal(r.rsa_bits_min, 1024);
	assert_int_equal(r.validity_days, 2);
	assert_int_equal(r.manufacturer_validity_days, 3);
	assert_int_equal(r.manufacturer_bits, 2048);
	assert_int_equal(r.size_max, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N6_one_for_all),
		cmocka_unit_test(N6_derived_from_a_master),
		cmocka_unit_test(N6_a_line_for_each_device),
		cmocka_unit_test(N6_a_file_without_devices_knows_none),
		cmocka_unit_test(N6_every_device_of_many_is_found),
		cmocka_unit_test(N6_a_bad_line_is_named),
		cmocka_unit_test(N6_a_mac_twice_is_refused_at_its_second_line),
		cmocka_unit_test(N6_an_empty_file_is_no_secret),
		cmocka_unit_test(N6_the_weakest_secret_counts),
		cmocka_unit_test(S6_settings_of_a_class),
		cmocka_unit_test(S6_a_profile_is_taken_over_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
