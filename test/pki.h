/* A small PKI made at test time, for the tests of certificates: a root and a
 * manufacturer below it, with RSA-1024 keys for speed, and device certificates.
 * Every step must succeed; the dates are given, so that nothing depends on today. */
#ifndef TEST_PKI_H
#define TEST_PKI_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/mac.h"
#include "crypto/x509issue.h"
#include "crypto/x509issuer.h"

#define PKI_2026 INT64_C(1767225600) /* 2026-01-01 00:00:00 */
#define PKI_DAY INT64_C(86400)
#define PKI_YEAR (365 * PKI_DAY)

struct pki_key {
	uint8_t pkcs8[3072], spki[1024];
	size_t pkcs8_len, spki_len;
};

struct pki_cert {
	uint8_t der[X509_CERT_MAX];
	size_t len;
};

struct pki {
	struct pki_key manufacturer_key;
	struct pki_cert root_cert, manufacturer_cert;
	struct x509_issuer *root, *manufacturer;
	uint8_t next_serial;
};

static const struct x509_profile pki_profile = {
	.name = "test",
	.subject = { { "C", "%{country}" },
		     { "O", "%{organization}" },
		     { "OU", "%{location}" },
		     { "CN", "%{mac}" } },
	.n_subject = 4,
	.manufacturer = { { "C", "%{country}" },
			  { "O", "%{organization}" },
			  { "OU", "DOCSIS" },
			  { "CN", "%{organization} CA" } },
	.n_manufacturer = 4,
	.digest = "sha256",
	.key_usage = true,
	.allow_ec = true,
	.rsa_bits_min = 1024,
	.validity_days = 7305,
	.manufacturer_validity_days = 7305,
	.manufacturer_bits = 1024,
};

static const struct mac pki_mac = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

__attribute__((unused)) static void pki_make_key(unsigned bits, struct pki_key *ret)
{
	assert_int_equal(keygen(bits, ret->pkcs8, sizeof(ret->pkcs8), &ret->pkcs8_len,
				ret->spki, sizeof(ret->spki), &ret->spki_len),
			 0);
}

__attribute__((unused)) static struct x509_values pki_values(struct pki *p,
							     const struct pki_key *key)
{
	struct x509_values v = {
		.mac = pki_mac,
		.serial = "J09H7CDEF",
		.country = "US",
		.organization = "Example",
		.location = "",
		.class_name = "default",
		.not_before = PKI_2026,
		.not_after = PKI_2026 + 10 * PKI_YEAR,
		.spki = key->spki,
		.spki_len = key->spki_len,
	};

	memset(v.cert_serial, 0x41, sizeof(v.cert_serial));
	v.cert_serial[15] = ++p->next_serial;
	return v;
}

__attribute__((unused)) static void pki_sign(const struct x509_issuer *i,
					     const uint8_t *tbs, size_t len,
					     struct pki_cert *ret)
{
	assert_int_equal(x509_sign(i, tbs, len, ret->der, sizeof(ret->der), &ret->len),
			 0);
}

__attribute__((unused)) static void pki_device(const struct x509_profile *profile,
					       const struct x509_values *v,
					       const struct x509_issuer *i,
					       struct pki_cert *ret)
{
	uint8_t tbs[X509_TBS_MAX];
	size_t len;
	const char *why = NULL;
	int rc = x509_build_device(profile, v, i, tbs, sizeof(tbs), &len, &why);

	if (rc)
		fail_msg("device certificate refused: %s", why);
	pki_sign(i, tbs, len, ret);
}

__attribute__((unused)) static void pki_manufacturer(const struct x509_profile *profile,
						     const struct x509_values *v,
						     const struct x509_issuer *root,
						     struct pki_cert *ret)
{
	uint8_t tbs[X509_TBS_MAX];
	size_t len;
	const char *why = NULL;
	int rc =
		x509_build_manufacturer(profile, v, root, tbs, sizeof(tbs), &len, &why);

	if (rc)
		fail_msg("manufacturer certificate refused: %s", why);
	pki_sign(root, tbs, len, ret);
}

__attribute__((unused)) static struct x509_issuer *
pki_issuer(const struct pki_cert *cert, const struct pki_key *key)
{
	struct x509_issuer *i = NULL;
	const char *why = NULL;

	if (x509_issuer_new(cert->der, cert->len, key->pkcs8, key->pkcs8_len, &i, &why))
		fail_msg("issuer refused: %s", why);
	return i;
}

__attribute__((unused)) static struct x509_issuer *pki_root(const char *common_name,
							    int64_t not_before,
							    int64_t not_after,
							    struct pki_cert *ret)
{
	static const uint8_t serial[16] = { 1, 2, 3 };
	struct x509_issuer *i = NULL;
	char *key_pem, *cert_pem;
	const char *why = NULL;
	const uint8_t *der;

	assert_int_equal(x509_make_root("US", "Example", "Test", common_name, 1024,
					serial, not_before, not_after, &key_pem,
					&cert_pem),
			 0);
	if (x509_issuer_new(cert_pem, strlen(cert_pem), key_pem, strlen(key_pem), &i,
			    &why))
		fail_msg("root refused: %s", why);
	free(key_pem);
	free(cert_pem);
	der = x509_issuer_cert(i, &ret->len);
	memcpy(ret->der, der, ret->len);
	return i;
}

__attribute__((unused)) static void pki_init(struct pki *p)
{
	struct x509_values v;

	memset(p, 0, sizeof(*p));
	p->root = pki_root("Test Root", PKI_2026 - PKI_YEAR, PKI_2026 + 30 * PKI_YEAR,
			   &p->root_cert);
	pki_make_key(1024, &p->manufacturer_key);
	v = pki_values(p, &p->manufacturer_key);
	v.not_before = PKI_2026 - PKI_YEAR;
	v.not_after = PKI_2026 + 20 * PKI_YEAR;
	pki_manufacturer(&pki_profile, &v, p->root, &p->manufacturer_cert);
	p->manufacturer = pki_issuer(&p->manufacturer_cert, &p->manufacturer_key);
}

__attribute__((unused)) static void pki_release(struct pki *p)
{
	x509_issuer_free(p->root);
	x509_issuer_free(p->manufacturer);
}

#endif
