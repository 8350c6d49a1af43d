#include "crypto/authcode.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/hkdf.h"

static const struct {
	const char *name;    /* in configurations */
	const char *fetched; /* OpenSSL's */
	unsigned bits;
} hashes[] = {
	[AUTH_MD4] = { "md4", "MD4", 128 },
	[AUTH_MD5] = { "md5", "MD5", 128 },
	[AUTH_SHA1] = { "sha1", "SHA1", 160 },
	[AUTH_SHA256] = { "sha256", "SHA256", 256 },
	[AUTH_SHA384] = { "sha384", "SHA384", 384 },
	[AUTH_SHA512] = { "sha512", "SHA512", 512 },
	[AUTH_SHA3_256] = { "sha3-256", "SHA3-256", 256 },
	[AUTH_SHA3_384] = { "sha3-384", "SHA3-384", 384 },
	[AUTH_SHA3_512] = { "sha3-512", "SHA3-512", 512 },
	[AUTH_HMAC_SHA256] = { "hmac-sha256", NULL, 256 },
};
static_assert(sizeof(hashes) / sizeof(hashes[0]) == AUTH_HASH_COUNT, "one row a hash");

enum { CODE_BITS_MIN = NAME_CODE_MIN_DIGITS * 4, DIGEST_MAX = 64 };
static_assert((int)NAME_CODE_MAX_LEN == (int)DIGEST_MAX,
	      "the longest digest fits a name");

struct authcode {
	OSSL_LIB_CTX *legacy;
	OSSL_PROVIDER *legacy_provider;
	EVP_MD *md[AUTH_HASH_COUNT];
	EVP_MD_CTX *md_ctx;
	EVP_MAC *mac;
	EVP_MAC_CTX *mac_ctx;
};

int auth_hash_by_name(const char *name)
{
	for (int h = 0; h < AUTH_HASH_COUNT; h++)
		if (!strcmp(name, hashes[h].name))
			return h;
	return strcmp(name, "md2") ? FC_EABSENT : FC_EUNKNOWN;
}

const char *auth_hash_name(enum auth_hash h)
{
	return hashes[h].name;
}

unsigned auth_hash_bits(enum auth_hash h)
{
	return hashes[h].bits;
}

int auth_spec_check(const struct auth_spec *spec, const char **ret_why)
{
	if (spec->bits % 4)
		return *ret_why = "bits must be a multiple of 4", FC_EBAD;
	if (spec->bits < CODE_BITS_MIN)
		return *ret_why = "bits must be 12 or more", FC_EBAD;
	if (spec->bits > hashes[spec->hash].bits)
		return *ret_why = "more bits than the hash has", FC_EBAD;
	return 0;
}

/* MD4 is worth having but not worth failing for. */
static void load_md4(struct authcode *a)
{
	a->legacy = OSSL_LIB_CTX_new();
	if (a->legacy)
		a->legacy_provider = OSSL_PROVIDER_load(a->legacy, "legacy");
	if (a->legacy_provider)
		a->md[AUTH_MD4] = EVP_MD_fetch(a->legacy, "MD4", NULL);
}

struct authcode *authcode_new(void)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	struct authcode *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	load_md4(a);
	for (int h = AUTH_MD4 + 1; h < AUTH_HASH_COUNT; h++)
		if (hashes[h].fetched &&
		    !(a->md[h] = EVP_MD_fetch(NULL, hashes[h].fetched, NULL)))
			goto fail;
	a->md_ctx = EVP_MD_CTX_new();
	a->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!a->md_ctx || !a->mac)
		goto fail;
	a->mac_ctx = EVP_MAC_CTX_new(a->mac);
	if (!a->mac_ctx || EVP_MAC_CTX_set_params(a->mac_ctx, params) != 1)
		goto fail;
	return a;
fail:
	authcode_free(a);
	return NULL;
}

void authcode_free(struct authcode *a)
{
	if (!a)
		return;
	EVP_MAC_CTX_free(a->mac_ctx);
	EVP_MAC_free(a->mac);
	EVP_MD_CTX_free(a->md_ctx);
	for (int h = 0; h < AUTH_HASH_COUNT; h++)
		EVP_MD_free(a->md[h]);
	if (a->legacy_provider)
		(void)OSSL_PROVIDER_unload(a->legacy_provider);
	OSSL_LIB_CTX_free(a->legacy);
	free(a);
}

bool authcode_has(const struct authcode *a, enum auth_hash h)
{
	return h == AUTH_HMAC_SHA256 || a->md[h];
}

/* What follows the secret in a hash's input, in this order. */
struct piece {
	const void *p;
	size_t len;
};
enum { PIECES_MAX = 3 };

static bool plain_hash(struct authcode *a, enum auth_hash h,
		       const struct auth_secret *secret,
		       const struct piece pieces[PIECES_MAX], uint8_t ret[DIGEST_MAX])
{
	if (!a->md[h] || EVP_DigestInit_ex2(a->md_ctx, a->md[h], NULL) != 1 ||
	    EVP_DigestUpdate(a->md_ctx, secret->s, secret->len) != 1)
		return false;
	for (int i = 0; i < PIECES_MAX; i++)
		if (pieces[i].len &&
		    EVP_DigestUpdate(a->md_ctx, pieces[i].p, pieces[i].len) != 1)
			return false;
	return EVP_DigestFinal_ex(a->md_ctx, ret, NULL) == 1;
}

static bool keyed_hash(struct authcode *a, const struct auth_secret *secret,
		       const struct piece pieces[PIECES_MAX], uint8_t ret[DIGEST_MAX])
{
	size_t n;

	if (EVP_MAC_init(a->mac_ctx, (const uint8_t *)secret->s, secret->len, NULL) !=
	    1)
		return false;
	for (int i = 0; i < PIECES_MAX; i++)
		if (pieces[i].len &&
		    EVP_MAC_update(a->mac_ctx, pieces[i].p, pieces[i].len) != 1)
			return false;
	return EVP_MAC_final(a->mac_ctx, ret, &n, DIGEST_MAX) == 1;
}

static int code_of(struct authcode *a, const struct auth_spec *spec,
		   const struct auth_secret *secret,
		   const struct piece pieces[PIECES_MAX], struct name_code *ret)
{
	uint8_t digest[DIGEST_MAX];
	const char *why;
	bool valid = auth_spec_check(spec, &why) == 0, ok;

	assert(valid);
	ok = spec->hash == AUTH_HMAC_SHA256
		     ? keyed_hash(a, secret, pieces, digest)
		     : plain_hash(a, spec->hash, secret, pieces, digest);
	if (ok) {
		*ret = (struct name_code){ .digits = (uint8_t)(spec->bits / 4) };
		memcpy(ret->b, digest, (spec->bits + 7u) / 8);
		if (ret->digits % 2)
			ret->b[ret->digits / 2] &= 0xf0;
	}
	secret_wipe(digest, sizeof(digest));
	return ok ? 0 : FC_ECRYPTO;
}

int authcode_request(struct authcode *a, const struct auth_spec *spec,
		     const struct auth_secret *secret, const char *serial,
		     size_t serial_len, const struct mac *mac, struct name_code *ret)
{
	char text[MAC_TEXT_SIZE];
	const struct piece pieces[PIECES_MAX] = {
		{ serial, spec->request_serial ? serial_len : 0 },
		{ mac_text(mac, text), MAC_TEXT_SIZE - 1 },
	};

	return code_of(a, spec, secret, pieces, ret);
}

int authcode_confirm(struct authcode *a, const struct auth_spec *spec,
		     const struct auth_secret *secret, const struct mac *mac,
		     const struct name_code *yy, const uint8_t file_digest[32],
		     struct name_code *ret)
{
	char text[MAC_TEXT_SIZE];
	uint8_t digits[2 * NAME_CODE_MAX_LEN];
	struct out o = out_of(digits, sizeof(digits));

	assert(yy->digits <= NAME_CODE_MAX_DIGITS);
	if (spec->confirm_code)
		out_hex(&o, yy->b, (yy->digits + 1u) / 2, true);

	const struct piece pieces[PIECES_MAX] = {
		{ mac_text(mac, text), MAC_TEXT_SIZE - 1 },
		{ digits, spec->confirm_code ? yy->digits : 0 },
		{ file_digest, spec->bound ? SHA256_DIGEST_LENGTH : 0 },
	};
	return code_of(a, spec, secret, pieces, ret);
}

bool authcode_equal(const struct name_code *a, const struct name_code *b)
{
	if (a->digits != b->digits || a->digits > NAME_CODE_MAX_DIGITS)
		return false;
	return secret_equal(a->b, b->b, (a->digits + 1u) / 2);
}

int auth_secret_derive(const struct auth_secret *master, const struct mac *mac,
		       struct auth_secret *ret)
{
	uint8_t key[HKDF_LEN];
	char digits[2 * HKDF_LEN + 1];
	int rc = hkdf_sha256(master->s, master->len, NULL, 0, mac->b, MAC_LEN, key);

	if (!rc) {
		hex_encode(key, sizeof(key), digits);
		ret->len = 2 * sizeof(key);
		memcpy(ret->s, digits, ret->len);
	}
	secret_wipe(key, sizeof(key));
	secret_wipe(digits, sizeof(digits));
	return rc;
}

int auth_secret_from_line(const void *p, size_t len, struct auth_secret *ret)
{
	const char *s = p;
	const char *end = len ? memchr(s, '\n', len) : NULL;
	size_t n = end ? (size_t)(end - s) : len;

	if (n > 0 && s[n - 1] == '\r')
		n--;
	if (n == 0 || memchr(s, '\0', n))
		return FC_EBAD;
	if (n > SECRET_MAX)
		return FC_EFULL;
	ret->len = n;
	memcpy(ret->s, s, n);
	return 0;
}

int sha256_of(const void *p, size_t len, uint8_t ret[32])
{
	return SHA256(p, len, ret) ? 0 : FC_ECRYPTO;
}
