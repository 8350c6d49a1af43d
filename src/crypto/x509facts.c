#include "crypto/x509check.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/der.h"
#include "crypto/spki.h"
#include "crypto/x509cert.h"

/* As much of it as fits, NUL-terminated, and no half of a UTF-8 character. */
static void cut(char *ret, size_t size, const void *p, size_t len)
{
	const uint8_t *text = p;
	size_t n = len < size ? len : size - 1;

	if (n < len)
		while (n > 0 && (text[n] & 0xc0) == 0x80)
			n--;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

static void name_facts(const X509_NAME *n, char *ret, size_t size)
{
	uint8_t buf[X509_SUBJECT_TEXT_MAX];
	struct out o = out_of(buf, sizeof(buf));

	x509_name_text(n, &o);
	cut(ret, size, o.buf, o.len);
}

static void key_facts(const struct x509_cert *c, char *ret, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(c->x);
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
	struct spki k;

	if (!spki_parse(c->spki, c->spki_len, &k))
		(void)snprintf(ret, size, "%s-%u", k.kind == SPKI_RSA ? "RSA" : "P",
			       k.bits);
	else if (type)
		(void)snprintf(ret, size, "%s-%d", type, EVP_PKEY_get_bits(key));
	else
		cut(ret, size, "unknown", strlen("unknown"));
}

static void serial_facts(const struct x509_cert *c, char ret[41])
{
	const uint8_t *p = c->serial;
	size_t n = c->serial_len;

	while (n > 1 && *p == 0)
		p++, n--;
	hex_encode(p, n < 20 ? n : 20, ret);
}

int x509_facts_of(const void *der, size_t len, struct x509_facts *ret)
{
	struct x509_cert c;
	struct x509_facts f = { 0 };
	const char *algorithm;

	if (x509_cert_open(der, len, &c))
		return FC_EBAD;
	if (c.spki_len > sizeof(f.spki)) {
		x509_cert_close(&c);
		return FC_EBAD;
	}
	name_facts(X509_get_subject_name(c.x), f.subject, sizeof(f.subject));
	name_facts(X509_get_issuer_name(c.x), f.issuer, sizeof(f.issuer));
	serial_facts(&c, f.serial);
	key_facts(&c, f.key, sizeof(f.key));
	algorithm = OBJ_nid2ln(X509_get_signature_nid(c.x));
	cut(f.signature, sizeof(f.signature), algorithm, strlen(algorithm));
	f.has_mac = x509_cert_macs(&c, &f.mac) > 0 && x509_cert_is_for(&c, &f.mac);
	f.not_before = c.not_before;
	f.not_after = c.not_after;
	memcpy(f.spki, c.spki, c.spki_len);
	f.spki_len = c.spki_len;
	x509_cert_close(&c);
	*ret = f;
	return 0;
}

/* ---- PEM --------------------------------------------------------------------- */

/* The first block of PEM with this label: OpenSSL's memory. */
static uint8_t *pem_block(const void *pem, size_t len, const char *label, long *ret_len)
{
	BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	char *name = NULL, *header = NULL;
	uint8_t *data = NULL;

	while (bio && PEM_read_bio(bio, &name, &header, &data, ret_len) == 1) {
		bool wanted = !strcmp(name, label);

		OPENSSL_free(name);
		OPENSSL_free(header);
		if (wanted)
			break;
		OPENSSL_free(data);
		data = NULL;
	}
	BIO_free(bio);
	return data;
}

int x509_from_pem(const void *pem, size_t len, uint8_t **ret, size_t *ret_len)
{
	struct x509_cert c;
	long n = 0;
	uint8_t *data = pem_block(pem, len, "CERTIFICATE", &n), *copy = NULL;
	int rc = FC_EBAD;

	if (!data || x509_cert_open(data, (size_t)n, &c))
		goto out;
	x509_cert_close(&c);
	copy = malloc((size_t)n);
	rc = copy ? 0 : FC_EFULL;
	if (rc)
		goto out;
	memcpy(copy, data, (size_t)n);
	*ret = copy;
	*ret_len = (size_t)n;
out:
	OPENSSL_free(data);
	return rc;
}

/* ---- a public key ------------------------------------------------------------- */

/* A bare RSAPublicKey becomes a SubjectPublicKeyInfo. */
static int wrap_rsa(const uint8_t *p, size_t len, uint8_t *ret, size_t cap,
		    size_t *ret_len)
{
	static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a,
					     0x86, 0x48, 0x86, 0xf7, 0x0d,
					     0x01, 0x01, 0x01, 0x05, 0x00 };
	struct cur c = cur_of(p, len);
	struct cur key = der_take(&c, DER_SEQUENCE);
	struct cur n = der_positive(&key), e = der_positive(&key);
	struct out o = out_of(ret, cap);
	size_t seq, bits;

	if (n.dead || e.dead || !cur_done(&key) || !cur_done(&c))
		return FC_EBAD;
	seq = der_open(&o, DER_SEQUENCE);
	out_bytes(&o, algorithm, sizeof(algorithm));
	bits = der_open(&o, DER_BIT_STRING);
	out_u8(&o, 0);
	out_bytes(&o, p, len);
	der_close(&o, bits);
	der_close(&o, seq);
	*ret_len = o.len;
	return o.full ? FC_EFULL : 0;
}

enum { KEY_DER_MAX = 1024, KEY_TEXT_MAX = 4096 };

static int key_from_der(const uint8_t *p, size_t len, uint8_t *ret, size_t cap,
			size_t *ret_len, const char **ret_why)
{
	uint8_t buf[KEY_DER_MAX + 64];
	struct spki k;
	size_t n = len;
	int rc;

	*ret_why =
		"neither SubjectPublicKeyInfo nor RSAPublicKey, in PEM, DER or base64";
	if (len > KEY_DER_MAX)
		return FC_EBAD;
	if (wrap_rsa(p, len, buf, sizeof(buf), &n))
		memcpy(buf, p, len);
	rc = spki_parse(buf, n, &k);
	if (rc == FC_EUNKNOWN)
		return *ret_why = "neither an RSA nor a P-256 key", FC_EDENIED;
	if (rc)
		return rc;
	*ret_why = spki_fault(&k);
	if (*ret_why)
		return FC_EDENIED;
	if (n > cap)
		return *ret_why = "the key is too long", FC_EFULL;
	memcpy(ret, buf, n);
	*ret_len = n;
	return 0;
}

/* Base64, spaces and line ends anywhere. */
static int key_from_base64(const char *p, size_t len, uint8_t *ret, size_t *ret_len)
{
	uint8_t text[KEY_TEXT_MAX], data[KEY_TEXT_MAX];
	size_t n = 0;
	int got;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n' || p[i] == '\r' || p[i] == ' ' || p[i] == '\t')
			continue;
		if (n == sizeof(text))
			return FC_EBAD;
		text[n++] = (uint8_t)p[i];
	}
	if (n < 4 || n % 4)
		return FC_EBAD;
	got = EVP_DecodeBlock(data, text, (int)n);
	if (got <= 0)
		return FC_EBAD;
	for (size_t i = n; i > n - 2 && text[i - 1] == '='; i--)
		got--; /* EVP_DecodeBlock counts the padding's bytes */
	if (got > KEY_DER_MAX)
		return FC_EBAD;
	memcpy(ret, data, (size_t)got);
	*ret_len = (size_t)got;
	return 0;
}

static int key_from_pem(const void *p, size_t len, uint8_t *ret, size_t *ret_len)
{
	long n = 0;
	uint8_t *data = pem_block(p, len, "PUBLIC KEY", &n);
	int rc = FC_EBAD;

	if (!data)
		data = pem_block(p, len, "RSA PUBLIC KEY", &n);
	if (data && n <= KEY_DER_MAX) {
		memcpy(ret, data, (size_t)n);
		*ret_len = (size_t)n;
		rc = 0;
	}
	OPENSSL_free(data);
	return rc;
}

int public_key_parse(const void *p, size_t len, uint8_t *ret, size_t cap,
		     size_t *ret_len, const char **ret_why)
{
	uint8_t der[KEY_DER_MAX];
	size_t n = 0;
	const char *why = "not base64, nor PEM or DER of a public key";
	int rc;

	if (len == 0)
		rc = FC_EBAD;
	else if (*(const uint8_t *)p == DER_SEQUENCE && der_is_strict(p, len))
		rc = key_from_der(p, len, ret, cap, ret_len, &why);
	else if (memmem(p, len, "-----BEGIN ", 11))
		rc = key_from_pem(p, len, der, &n);
	else
		rc = key_from_base64(p, len, der, &n);
	if (!rc && n)
		rc = key_from_der(der, n, ret, cap, ret_len, &why);
	if (rc)
		*ret_why = why;
	return rc;
}
