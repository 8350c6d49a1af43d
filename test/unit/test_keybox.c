/* F1: the private key on its way to the device; S4: at rest, and the plan's seal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <string.h>
#include "base/crc32.h"
#include "base/errors.h"
#include "crypto/hkdf.h"
#include "crypto/keybox.h"

static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };
static const char serial[] = "J09H7CDEF";
static const uint8_t nonce[CERTKEY_NONCE_LEN] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
};
static const uint8_t key[] = "this stands for a PKCS#8 DER";

struct box {
	uint8_t b[KEYBOX_PKCS8_MAX + 64];
	size_t len;
};

static struct auth_secret secret3(void)
{
	struct auth_secret s = { .len = 7 };

	memcpy(s.s, "secret3", 7);
	return s;
}

static struct box sealed(void)
{
	struct auth_secret s = secret3();
	struct box x;
	struct out o = out_of(x.b, sizeof(x.b));

	assert_int_equal(keybox_seal(&s, &modem, serial, strlen(serial), 7, nonce, key,
				     sizeof(key), &o),
			 0);
	x.len = o.len;
	return x;
}

static int opened(const struct box *x, const struct mac *mac, const char *sn)
{
	struct auth_secret s = secret3();
	uint8_t got[KEYBOX_PKCS8_MAX];
	size_t len = 0;
	int rc = keybox_open(&s, mac, sn, strlen(sn), x->b, x->len, got, &len);

	if (rc == 0) {
		assert_int_equal(len, sizeof(key));
		assert_memory_equal(got, key, len);
	}
	return rc;
}

static void F1_what_was_sealed_opens(void **state)
{
	struct box x = sealed();

	(void)state;
	assert_int_equal(x.len, CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN + sizeof(key));
	assert_int_equal(opened(&x, &modem, serial), 0);
}

/* With OpenSSL alone, after the words of F1. */
static void decrypt_by_the_book(const struct box *x, uint8_t *ret)
{
	static const uint8_t info[] = "fieldcert pkek 1J09H7CDEF";
	uint8_t pkek[32], tag[16], aad[12] = { 0, 3, 0, 0, 1, 7 };
	size_t n = sizeof(pkek);
	int text_len = (int)x->len - 30, got;
	EVP_PKEY_CTX *h = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	assert_int_equal(EVP_PKEY_derive_init(h), 1);
	assert_int_equal(EVP_PKEY_CTX_set_hkdf_md(h, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_hkdf_salt(h, modem.b, 6), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_hkdf_key(h, (const uint8_t *)"secret3", 7),
			 1);
	assert_int_equal(EVP_PKEY_CTX_add1_hkdf_info(h, info, (int)sizeof(info) - 1),
			 1);
	assert_int_equal(EVP_PKEY_derive(h, pkek, &n), 1);

	aad[2] = (uint8_t)(x->len >> 8);
	aad[3] = (uint8_t)x->len;
	memcpy(aad + 6, modem.b, 6);
	memcpy(tag, x->b + x->len - 16, 16);
	assert_int_equal(EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, pkek, x->b + 2),
			 1);
	assert_int_equal(EVP_DecryptUpdate(c, NULL, &got, aad, sizeof(aad)), 1);
	assert_int_equal(EVP_DecryptUpdate(c, ret, &got, x->b + 14, text_len), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag), 1);
	assert_int_equal(EVP_DecryptFinal_ex(c, ret + got, &got), 1);
	EVP_CIPHER_CTX_free(c);
	EVP_PKEY_CTX_free(h);
}

static void F1_the_format_is_that_of_the_specification(void **state)
{
	struct box x = sealed();
	uint8_t plain[sizeof(x.b)];
	uint32_t crc = crc32_of(key, sizeof(key));

	(void)state;
	assert_int_equal(x.b[0], 1);
	assert_int_equal(x.b[1], 7);
	assert_memory_equal(x.b + 2, nonce, sizeof(nonce));
	decrypt_by_the_book(&x, plain);
	assert_int_equal(plain[0], crc >> 24);
	assert_int_equal(plain[1], crc >> 16 & 0xff);
	assert_int_equal(plain[2], crc >> 8 & 0xff);
	assert_int_equal(plain[3], crc & 0xff);
	assert_memory_equal(plain + 4, key, sizeof(key));
}

static void F1_every_bit_counts(void **state)
{
	struct box good = sealed();

	(void)state;
	for (size_t i = 0; i < good.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct box x = good;

			x.b[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(opened(&x, &modem, serial),
					 i == 0 ? FC_EUNKNOWN : FC_EAUTH);
		}
	}
}

static void F1_for_one_device_only(void **state)
{
	struct box x = sealed();
	struct auth_secret other = secret3();
	struct mac mac = modem;
	uint8_t got[KEYBOX_PKCS8_MAX];
	size_t len;

	(void)state;
	mac.b[0] ^= 2;
	assert_int_equal(opened(&x, &mac, serial), FC_EAUTH);
	assert_int_equal(opened(&x, &modem, "J09H7CDEE"), FC_EAUTH);
	other.s[0] ^= 1;
	assert_int_equal(keybox_open(&other, &modem, serial, strlen(serial), x.b, x.len,
				     got, &len),
			 FC_EAUTH);
}

static void F1_a_cut_or_longer_object_never_opens(void **state)
{
	struct box good = sealed();

	(void)state;
	for (size_t n = 0; n < good.len + 8; n++) {
		struct box x = good;
		int rc;

		x.len = n;
		rc = opened(&x, &modem, serial);
		assert_true(n == good.len ? rc == 0 : rc == FC_EBAD || rc == FC_EAUTH);
	}
}

/* A box whose tag is right and whose inner CRC is not: made by the book. */
static struct box with_wrong_crc(void)
{
	static const uint8_t info[] = "fieldcert pkek 1J09H7CDEF";
	struct box x = { .len = CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN +
				sizeof(key) };
	uint8_t pkek[32], plain[4 + sizeof(key)];
	uint8_t aad[12] = { 0, 3, 0, (uint8_t)x.len, 1, 7 };
	int got;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	assert_int_equal(
		hkdf_sha256("secret3", 7, modem.b, 6, info, sizeof(info) - 1, pkek), 0);
	memcpy(aad + 6, modem.b, 6);
	memset(plain, 0x5a, 4);
	memcpy(plain + 4, key, sizeof(key));
	x.b[0] = 1;
	x.b[1] = 7;
	memcpy(x.b + 2, nonce, sizeof(nonce));
	assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, pkek, nonce),
			 1);
	assert_int_equal(EVP_EncryptUpdate(c, NULL, &got, aad, sizeof(aad)), 1);
	assert_int_equal(EVP_EncryptUpdate(c, x.b + 14, &got, plain, sizeof(plain)), 1);
	assert_int_equal(EVP_EncryptFinal_ex(c, x.b + 14 + got, &got), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16,
					     x.b + 14 + sizeof(plain)),
			 1);
	EVP_CIPHER_CTX_free(c);
	return x;
}

static void error_12_inner_crc(void **state)
{
	struct box x = with_wrong_crc();

	(void)state;
	assert_int_equal(opened(&x, &modem, serial), FC_ECRC);
}

static void F1_limits(void **state)
{
	static uint8_t large[KEYBOX_PKCS8_MAX + 1], small[40];
	struct auth_secret s = secret3();
	struct box x;
	struct out o = out_of(x.b, sizeof(x.b));
	struct out full = out_of(small, sizeof(small));
	uint8_t got[KEYBOX_PKCS8_MAX];
	size_t len;

	(void)state;
	assert_int_equal(keybox_seal(&s, &modem, serial, 9, 1, nonce, large,
				     KEYBOX_PKCS8_MAX + 1, &o),
			 FC_EFULL);
	assert_int_equal(keybox_seal(&s, &modem, serial, 9, 1, nonce, large,
				     KEYBOX_PKCS8_MAX, &o),
			 0);
	assert_int_equal(keybox_open(&s, &modem, serial, 9, x.b, o.len, got, &len), 0);
	assert_int_equal(len, KEYBOX_PKCS8_MAX);
	assert_int_equal(
		keybox_seal(&s, &modem, serial, 9, 1, nonce, key, sizeof(key), &full),
		FC_EFULL);
}

/* ---- at rest ------------------------------------------------------------------- */

enum { STORAGE_HEAD_AND_TAG = 1 + 12 + 16 };

static const uint8_t storage[STORAGE_KEY_LEN] = { 9, 8, 7 };

static struct box wrapped(const char *label)
{
	struct box x;
	struct out o = out_of(x.b, sizeof(x.b));

	assert_int_equal(storage_wrap(storage, label, strlen(label), nonce, key,
				      sizeof(key), &o),
			 0);
	x.len = o.len;
	return x;
}

static int unwrapped(const uint8_t k[STORAGE_KEY_LEN], const char *label,
		     const struct box *x)
{
	uint8_t got[256];
	static const uint8_t zeros[sizeof(key)];
	size_t len = 0;
	int rc = storage_unwrap(k, label, strlen(label), x->b, x->len, got, sizeof(got),
				&len);

	if (rc == FC_EAUTH && x->len > STORAGE_HEAD_AND_TAG + sizeof(key) - 1)
		assert_memory_equal(got, zeros, sizeof(key)); /* nothing unproven */
	if (rc == 0) {
		assert_int_equal(len, sizeof(key));
		assert_memory_equal(got, key, len);
	}
	return rc;
}

static void S4_at_rest_under_key_and_label(void **state)
{
	struct box x = wrapped("label");
	uint8_t other[STORAGE_KEY_LEN], small[4];
	size_t len;

	(void)state;
	memcpy(other, storage, sizeof(other));
	other[31] ^= 1;
	assert_int_equal(unwrapped(storage, "label", &x), 0);
	assert_int_equal(unwrapped(other, "label", &x), FC_EAUTH);
	assert_int_equal(unwrapped(storage, "labem", &x), FC_EAUTH);
	assert_int_equal(unwrapped(storage, "", &x), FC_EAUTH);
	assert_int_equal(storage_unwrap(storage, "label", 5, x.b, x.len, small,
					sizeof(small), &len),
			 FC_EFULL);
	for (size_t i = 0; i < x.len; i++) {
		struct box bad = x;

		bad.b[i] ^= 0x10;
		assert_int_equal(unwrapped(storage, "label", &bad),
				 i == 0 ? FC_EUNKNOWN : FC_EAUTH);
		bad = x;
		bad.len = i;
		assert_true(unwrapped(storage, "label", &bad) < 0);
	}
}

static void S4_wrapping_into_too_little_room_writes_nothing(void **state)
{
	struct box x = wrapped("label");
	uint8_t small[64];

	(void)state;
	for (size_t cap = 0; cap < x.len; cap++) {
		struct out o = out_of(small, cap < sizeof(small) ? cap : sizeof(small));

		assert_int_equal(
			storage_wrap(storage, "label", 5, nonce, key, sizeof(key), &o),
			cap < x.len ? FC_EFULL : 0);
		assert_int_equal(o.len, 0);
	}
}

static void seal_of(const char *issuer, struct mac mac, const char *tbs, uint8_t *ret)
{
	assert_int_equal(storage_seal(storage, issuer, strlen(issuer), &mac,
				      (const uint8_t *)tbs, strlen(tbs), ret),
			 0);
}

static void S4_the_seal_covers_issuer_mac_and_plan(void **state)
{
	uint8_t a[SEAL_LEN], b[SEAL_LEN], other_key[STORAGE_KEY_LEN] = { 9, 8, 6 };
	struct mac mac = modem;

	(void)state;
	seal_of("demo", modem, "to be signed", a);
	seal_of("demo", modem, "to be signed", b);
	assert_memory_equal(a, b, SEAL_LEN);
	seal_of("demp", modem, "to be signed", b);
	assert_memory_not_equal(a, b, SEAL_LEN);
	seal_of("demo", modem, "to be signee", b);
	assert_memory_not_equal(a, b, SEAL_LEN);
	mac.b[5]++;
	seal_of("demo", mac, "to be signed", b);
	assert_memory_not_equal(a, b, SEAL_LEN);
	assert_int_equal(storage_seal(other_key, "demo", 4, &modem,
				      (const uint8_t *)"to be signed", 12, b),
			 0);
	assert_memory_not_equal(a, b, SEAL_LEN);
}

/* A byte that moves from one field to the next is another plan. */
static void S4_the_seal_knows_where_a_field_ends(void **state)
{
	static const char whole[] = "AB\x00\x10\x4b\xab\xcd\xef";
	struct mac first, second;
	uint8_t a[SEAL_LEN], b[SEAL_LEN];

	(void)state;
	memcpy(first.b, whole + 2, MAC_LEN);
	memcpy(second.b, whole + 1, MAC_LEN);
	seal_of("AB", first, "tbs", a);
	assert_int_equal(storage_seal(storage, "A", 1, &second,
				      (const uint8_t *)"\xef"
						       "tbs",
				      4, b),
			 0);
	assert_memory_not_equal(a, b, SEAL_LEN);
}

static void S4_the_seal_is_that_of_its_header(void **state)
{
	static const char purpose[] = "fieldcert storage seal 1";
	static const uint8_t message[] = { 0,    0,    0,   0,   0,    0,    0,    4,
					   'd',  'e',  'm', 'o', 0,    0,    0,    0,
					   0,    0,    0,   6,   0x00, 0x10, 0x4b, 0xab,
					   0xcd, 0xef, 0,   0,   0,    0,    0,    0,
					   0,    3,    't', 'b', 's' };
	uint8_t subkey[HKDF_LEN], wanted[SEAL_LEN], seal[SEAL_LEN];
	unsigned n = sizeof(wanted);

	(void)state;
	assert_int_equal(hkdf_sha256(storage, sizeof(storage), NULL, 0, purpose,
				     strlen(purpose), subkey),
			 0);
	assert_non_null(HMAC(EVP_sha256(), subkey, sizeof(subkey), message,
			     sizeof(message), wanted, &n));
	seal_of("demo", modem, "tbs", seal);
	assert_memory_equal(seal, wanted, sizeof(seal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F1_what_was_sealed_opens),
		cmocka_unit_test(F1_the_format_is_that_of_the_specification),
		cmocka_unit_test(F1_every_bit_counts),
		cmocka_unit_test(F1_for_one_device_only),
		cmocka_unit_test(F1_a_cut_or_longer_object_never_opens),
		cmocka_unit_test(error_12_inner_crc),
		cmocka_unit_test(F1_limits),
		cmocka_unit_test(S4_at_rest_under_key_and_label),
		cmocka_unit_test(S4_wrapping_into_too_little_room_writes_nothing),
		cmocka_unit_test(S4_the_seal_covers_issuer_mac_and_plan),
		cmocka_unit_test(S4_the_seal_knows_where_a_field_ends),
		cmocka_unit_test(S4_the_seal_is_that_of_its_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
