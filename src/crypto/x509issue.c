#include "crypto/x509issue.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "base/secret.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "crypto/spki.h"
#include "crypto/x509issuer.h"
#include "crypto/x509time.h"

/* RFC 4055 (NULL parameters) and RFC 5758 (none). */
#define PKCS1(last)                                                               \
	{                                                                         \
		0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, \
			0x01, last, 0x05, 0x00                                    \
	}
#define ECDSA(last)                                                                    \
	{                                                                              \
		0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last \
	}
static const struct x509_algorithm algorithms[] = {
	{ "sha1", false, PKCS1(0x05), 15 },   { "sha256", false, PKCS1(0x0b), 15 },
	{ "sha384", false, PKCS1(0x0c), 15 }, { "sha512", false, PKCS1(0x0d), 15 },
	{ "sha256", true, ECDSA(0x02), 12 },  { "sha384", true, ECDSA(0x03), 12 },
	{ "sha512", true, ECDSA(0x04), 12 },
};
enum { N_ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

const struct x509_algorithm *x509_algorithm_by_digest(const char *digest, bool ec)
{
	for (size_t i = 0; i < N_ALGORITHMS; i++)
		if (algorithms[i].ec == ec && !strcmp(algorithms[i].digest, digest))
			return &algorithms[i];
	return NULL;
}

static const struct x509_algorithm *algorithm_by_der(const struct cur *c, bool ec)
{
	for (size_t i = 0; i < N_ALGORITHMS; i++)
		if (algorithms[i].ec == ec && algorithms[i].der_len == c->len &&
		    !memcmp(algorithms[i].der, c->buf, c->len))
			return &algorithms[i];
	return NULL;
}

int x509_keyid_of(const uint8_t *spki, size_t spki_len, uint8_t ret[X509_KEYID_LEN])
{
	const uint8_t *key;
	size_t len;
	int rc = spki_key_bits(spki, spki_len, &key, &len);

	if (rc)
		return rc;
	return SHA1(key, len, ret) ? 0 : FC_ECRYPTO;
}

/* ---- an issuer ------------------------------------------------------------- */

/* Never ask a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

static bool is_pem(const void *p, size_t len)
{
	return memmem(p, len, "-----BEGIN ", 11);
}

static X509 *read_cert(const void *p, size_t len)
{
	const uint8_t *der = p;
	X509 *x = NULL;
	BIO *bio;

	if (len == 0 || len > INT32_MAX)
		return NULL;
	if (!is_pem(p, len)) {
		x = d2i_X509(NULL, &der, (long)len);
		if (x && der != (const uint8_t *)p + len) {
			X509_free(x);
			x = NULL;
		}
		return x;
	}
	bio = BIO_new_mem_buf(p, (int)len);
	if (bio)
		x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return x;
}

static EVP_PKEY *read_key(const void *p, size_t len)
{
	const uint8_t *der = p;
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (len == 0 || len > INT32_MAX)
		return NULL;
	if (!is_pem(p, len))
		return d2i_AutoPrivateKey(NULL, &der, (long)len);
	bio = BIO_new_mem_buf(p, (int)len);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

/* NULL, or what keeps this pair from issuing. */
static const char *pair_fault(X509 *cert, EVP_PKEY *key)
{
	int kind = EVP_PKEY_get_base_id(key);

	if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_EC)
		return "the key is neither RSA nor EC";
	if (X509_check_private_key(cert, key) != 1)
		return "the key does not fit the certificate";
	if (X509_get_version(cert) != 2)
		return "the certificate is not X.509 version 3";
	/* 1: basicConstraints says so, and keyUsage, if there, does not object */
	if (X509_check_ca(cert) != 1)
		return "the certificate is not a CA's";
	return NULL;
}

static int take_names(struct x509_issuer *i, X509 *cert)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);
	unsigned n = 0;
	int der_len, name_len;

	der_len = i2d_X509(cert, &i->der);
	name_len = i2d_X509_NAME(X509_get_subject_name(cert), &i->subject);
	if (der_len <= 0 || name_len <= 0)
		return FC_ECRYPTO;
	i->der_len = (size_t)der_len;
	i->subject_len = (size_t)name_len;
	if (id && ASN1_STRING_length(id) > 0 &&
	    ASN1_STRING_length(id) <= X509_KEYID_MAX) {
		i->keyid_len = (size_t)ASN1_STRING_length(id);
		memcpy(i->keyid, ASN1_STRING_get0_data(id), i->keyid_len);
		return 0;
	}
	if (X509_pubkey_digest(cert, EVP_sha1(), i->keyid, &n) != 1)
		return FC_ECRYPTO;
	i->keyid_len = n;
	return 0;
}

int x509_issuer_new(const void *cert, size_t cert_len, const void *key, size_t key_len,
		    struct x509_issuer **ret, const char **ret_why)
{
	struct x509_issuer *i = calloc(1, sizeof(*i));
	X509 *x = read_cert(cert, cert_len);
	const char *why = NULL;
	int rc = FC_EBAD;

	if (!i)
		why = "out of memory";
	else if (!x)
		why = "no certificate in PEM or DER";
	else if (!(i->key = read_key(key, key_len)))
		why = "no private key in PEM or DER (or one with a passphrase)";
	else
		why = pair_fault(x, i->key);
	if (why)
		goto out;
	i->ec = EVP_PKEY_get_base_id(i->key) == EVP_PKEY_EC;
	i->pathlen = X509_get_pathlen(x);
	why = "the certificate's dates or names cannot be read";
	if (x509_time_of(X509_get0_notBefore(x), &i->not_before) ||
	    x509_time_of(X509_get0_notAfter(x), &i->not_after) || take_names(i, x))
		goto out;
	rc = 0;
out:
	X509_free(x);
	if (rc) {
		x509_issuer_free(i);
		*ret_why = why;
	} else {
		*ret = i;
	}
	return rc;
}

void x509_issuer_free(struct x509_issuer *i)
{
	if (!i)
		return;
	EVP_PKEY_free(i->key);
	OPENSSL_free(i->der);
	OPENSSL_free(i->subject);
	free(i);
}

const uint8_t *x509_issuer_cert(const struct x509_issuer *i, size_t *ret_len)
{
	*ret_len = i->der_len;
	return i->der;
}

int64_t x509_issuer_not_before(const struct x509_issuer *i)
{
	return i->not_before;
}

int64_t x509_issuer_not_after(const struct x509_issuer *i)
{
	return i->not_after;
}

/* ---- signing ------------------------------------------------------------------ */

/* The algorithm and issuer that to-be-signed bytes name. */
static int names_inside(const uint8_t *tbs, size_t len, struct cur *ret_algorithm,
			struct cur *ret_issuer)
{
	struct cur c = cur_of(tbs, len), inside, version;

	if (!der_is_strict(tbs, len))
		return FC_EBAD;
	inside = der_take(&c, DER_SEQUENCE);
	version = der_take(&inside, DER_CONTEXT_0_CONSTRUCTED);
	(void)der_positive(&inside);
	*ret_algorithm = der_whole(&inside, DER_SEQUENCE);
	*ret_issuer = der_whole(&inside, DER_SEQUENCE);
	return version.dead || inside.dead ? FC_EBAD : 0;
}

static int signature(EVP_PKEY *key, const char *digest, const uint8_t *p, size_t len,
		     uint8_t *ret, size_t *ret_len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	const EVP_MD *md = EVP_get_digestbyname(digest);
	bool ok = c && md && EVP_DigestSignInit(c, NULL, md, NULL, key) == 1 &&
		  EVP_DigestSign(c, ret, ret_len, p, len) == 1;

	EVP_MD_CTX_free(c);
	return ok ? 0 : FC_ECRYPTO;
}

/* Certificate from to-be-signed bytes, signed as they say inside by this key;
 * name: they must say that this is the issuer (NULL: whoever). */
static int sign_with(EVP_PKEY *key, bool ec, const uint8_t *name, size_t name_len,
		     const uint8_t *tbs, size_t tbs_len, uint8_t *ret, size_t cap,
		     size_t *ret_len)
{
	uint8_t sig[2048]; /* RSA-16384 */
	size_t sig_len = sizeof(sig), cert, bits;
	const struct x509_algorithm *a;
	struct cur algorithm, issuer;
	struct out o = out_of(ret, cap);
	int rc = names_inside(tbs, tbs_len, &algorithm, &issuer);

	if (rc)
		return rc;
	if (name && (issuer.len != name_len || memcmp(issuer.buf, name, name_len) != 0))
		return FC_EAUTH;
	a = algorithm_by_der(&algorithm, ec);
	if (!a)
		return FC_EUNKNOWN;
	rc = signature(key, a->digest, tbs, tbs_len, sig, &sig_len);
	if (rc)
		return rc;
	cert = der_open(&o, DER_SEQUENCE);
	out_bytes(&o, tbs, tbs_len);
	out_bytes(&o, a->der, a->der_len);
	bits = der_open(&o, DER_BIT_STRING);
	out_u8(&o, 0);
	out_bytes(&o, sig, sig_len);
	der_close(&o, bits);
	der_close(&o, cert);
	if (o.full)
		return FC_EFULL;
	*ret_len = o.len;
	return 0;
}

int x509_sign(const struct x509_issuer *i, const uint8_t *tbs, size_t tbs_len,
	      uint8_t *ret, size_t cap, size_t *ret_len)
{
	return sign_with(i->key, i->ec, i->subject, i->subject_len, tbs, tbs_len, ret,
			 cap, ret_len);
}

/* ---- a root -------------------------------------------------------------------- */

static int sign_root(const uint8_t *pkcs8, size_t pkcs8_len, const uint8_t *tbs,
		     size_t tbs_len, char **ret_pem)
{
	uint8_t cert[X509_CERT_MAX];
	EVP_PKEY *key = read_key(pkcs8, pkcs8_len);
	size_t cert_len;
	int rc = FC_ECRYPTO;

	if (key)
		rc = sign_with(key, false, NULL, 0, tbs, tbs_len, cert, sizeof(cert),
			       &cert_len);
	if (!rc)
		rc = pem_of("CERTIFICATE", cert, cert_len, ret_pem);
	EVP_PKEY_free(key);
	return rc;
}

int x509_make_root(const char *country, const char *organization, const char *unit,
		   const char *common_name, unsigned bits,
		   const uint8_t cert_serial[16], int64_t not_before, int64_t not_after,
		   char **ret_key_pem, char **ret_cert_pem)
{
	uint8_t pkcs8[3072], spki[1024], tbs[X509_TBS_MAX];
	size_t pkcs8_len = 0, spki_len, tbs_len;
	char *cert = NULL;
	int rc = keygen(bits, pkcs8, sizeof(pkcs8), &pkcs8_len, spki, sizeof(spki),
			&spki_len);

	if (!rc)
		rc = x509_build_root(
			&(struct x509_root_values){
				.country = country,
				.organization = organization,
				.unit = unit,
				.common_name = common_name,
				.cert_serial = cert_serial,
				.not_before = not_before,
				.not_after = not_after,
				.spki = spki,
				.spki_len = spki_len,
			},
			tbs, sizeof(tbs), &tbs_len);
	if (!rc)
		rc = sign_root(pkcs8, pkcs8_len, tbs, tbs_len, &cert);
	if (!rc)
		rc = pem_of("PRIVATE KEY", pkcs8, pkcs8_len, ret_key_pem);
	secret_wipe(pkcs8, sizeof(pkcs8));
	if (rc)
		free(cert);
	else
		*ret_cert_pem = cert;
	return rc;
}
