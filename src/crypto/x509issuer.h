/* What x509issue.c and x509build.c share: a CA certificate, its key, and the
 * signature algorithms that it can sign with.  Not for other folders. */
#ifndef CRYPTO_X509ISSUER_H
#define CRYPTO_X509ISSUER_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "crypto/x509issue.h"

enum { X509_KEYID_LEN = 20, X509_KEYID_MAX = 64, X509_NAME_MAX = 1024 };

struct x509_issuer {
	EVP_PKEY *key;
	bool ec;
	uint8_t *der; /* certificate */
	size_t der_len;
	uint8_t *subject; /* Name, DER */
	size_t subject_len;
	uint8_t keyid[X509_KEYID_MAX]; /* its subject key identifier */
	size_t keyid_len;
	int64_t not_before, not_after;
	long pathlen; /* -1: none */
};

/* A signature AlgorithmIdentifier, whole. */
struct x509_algorithm {
	const char *digest;
	bool ec;
	uint8_t der[16];
	size_t der_len;
};

/* NULL: nothing known by that digest for that kind of key. */
const struct x509_algorithm *x509_algorithm_by_digest(const char *digest, bool ec);

/* Key identifier of a SubjectPublicKeyInfo: RFC 5280, 4.2.1.2, method 1.
 * 0, FC_EBAD, FC_ECRYPTO. */
int x509_keyid_of(const uint8_t *spki, size_t spki_len, uint8_t ret[X509_KEYID_LEN]);

/* To-be-signed DER of a self-signed root for this key. */
struct x509_root_values {
	const char *country, *organization, *unit, *common_name;
	const uint8_t *cert_serial;
	int64_t not_before, not_after;
	const uint8_t *spki;
	size_t spki_len;
};
int x509_build_root(const struct x509_root_values *v, uint8_t *ret, size_t cap,
		    size_t *ret_len);

#endif
