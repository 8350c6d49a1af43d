/* A device, what it trusts, and the certificate file that it gets: everything as it
 * should be, for tests to spoil. */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include "pki.h"

#include <openssl/x509.h>
#include "crypto/keybox.h"
#include "crypto/x509check.h"
#include "wire/certfile.h"

#define NOW (PKI_2026 + 100 * PKI_DAY)

static struct pki pki, stranger; /* the stranger's has the same names */
static struct pki_key device_key, other_key;
static struct pki_cert good;

static const struct auth_secret secret3 = { .len = 8, .s = "secret 3" };
static const uint8_t nonce[CERTKEY_NONCE_LEN] = { 4, 5, 6 };

/* A device, what it trusts, and the file that it gets. */
struct scene {
	struct x509_trust trust;
	struct x509_device device;
	struct pki_cert manufacturer, certificate, link;
	bool has_manufacturer, has_certificate, has_link;
	uint8_t key[KEYBOX_PKCS8_MAX + 64];
	size_t key_len; /* 0: no key object */
	uint8_t file[CERTFILE_MAX + 64];
	size_t len;
	struct x509_verdict verdict;
};

__attribute__((unused)) static struct x509_bytes bytes(const void *p, size_t len)
{
	return (struct x509_bytes){ p, len };
}

__attribute__((unused)) static void put_key(struct scene *s, const struct pki_key *k)
{
	struct out o = out_of(s->key, sizeof(s->key));

	assert_int_equal(keybox_seal(&secret3, &pki_mac, "J09H7CDEF", 9, 1, nonce,
				     k->pkcs8, k->pkcs8_len, &o),
			 0);
	s->key_len = o.len;
}

/* Everything as it should be: manufacturer, certificate and key in the file. */
__attribute__((unused)) static void scene_init(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->trust.roots[0] = bytes(pki.root_cert.der, pki.root_cert.len);
	s->trust.n_roots = 1;
	s->device = (struct x509_device){
		.mac = pki_mac,
		.serial = "J09H7CDEF",
		.serial_len = 9,
		.secret3 = &secret3,
		.now = NOW,
		.installed_not_before = INT64_MIN,
	};
	s->manufacturer = pki.manufacturer_cert;
	s->certificate = good;
	s->has_manufacturer = s->has_certificate = true;
	put_key(s, &device_key);
}

__attribute__((unused)) static void scene_build(struct scene *s)
{
	struct out o = out_of(s->file, sizeof(s->file));

	if (s->has_link)
		certfile_put(&o, CERTFILE_LINK, s->link.der, s->link.len);
	if (s->has_manufacturer)
		certfile_put(&o, CERTFILE_MANUFACTURER, s->manufacturer.der,
			     s->manufacturer.len);
	if (s->has_certificate)
		certfile_put(&o, CERTFILE_DEVICE, s->certificate.der,
			     s->certificate.len);
	if (s->key_len)
		certfile_put(&o, CERTFILE_KEY, s->key, s->key_len);
	assert_false(o.full);
	s->len = o.len;
}

__attribute__((unused)) static enum device_error judge(struct scene *s)
{
	enum device_error e;

	memset(&s->verdict, 0xee, sizeof(s->verdict));
	e = x509_check_file(s->file, s->len, &s->trust, &s->device, &s->verdict);
	assert_int_equal(e, s->verdict.error);
	assert_int_equal(e == DEVICE_OK, s->verdict.what[0] == '\0');
	if (e != DEVICE_OK) {
		static const uint8_t zeros[sizeof(s->verdict.pkcs8)];

		assert_int_equal(s->verdict.pkcs8_len, 0);
		assert_memory_equal(s->verdict.pkcs8, zeros, sizeof(zeros));
		assert_false(s->verdict.link_used);
	}
	return e;
}

__attribute__((unused)) static enum device_error check(struct scene *s)
{
	scene_build(s);
	return judge(s);
}

__attribute__((unused)) static void assert_error(struct scene *s, enum device_error e,
						 const char *what)
{
	assert_int_equal(check(s), e);
	if (!strstr(s->verdict.what, what))
		fail_msg("'%s' is not about '%s'", s->verdict.what, what);
}

/* The same certificate with something changed, signed again. */
__attribute__((unused)) static struct pki_cert altered(const struct pki_cert *c,
						       void (*change)(X509 *),
						       EVP_PKEY *key, const EVP_MD *md)
{
	const uint8_t *p = c->der;
	X509 *x = d2i_X509(NULL, &p, (long)c->len);
	struct pki_cert r;
	uint8_t *out = r.der;
	int n;

	assert_non_null(x);
	if (change)
		change(x);
	assert_true(X509_sign(x, key, md) > 0);
	n = i2d_X509(x, NULL);
	assert_in_range(n, 1, sizeof(r.der));
	r.len = (size_t)i2d_X509(x, &out);
	X509_free(x);
	return r;
}

/* An extension of nobody's, 1.3.6.1.4.1.99999.1. */
__attribute__((unused)) static void unknown_extension(X509 *x, int critical)
{
	ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	assert_int_equal(ASN1_OCTET_STRING_set(value, (const uint8_t *)"\5", 2), 1);
	e = X509_EXTENSION_create_by_OBJ(NULL, type, critical, value);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(type);
}

__attribute__((unused)) static void unknown_critical(X509 *x)
{
	unknown_extension(x, 1);
}

__attribute__((unused)) static struct pki_cert device_cert(const struct x509_issuer *i,
							   int64_t from, int64_t to,
							   const struct pki_key *key)
{
	struct x509_values v = pki_values(&pki, key);
	struct pki_cert c;

	v.not_before = from;
	v.not_after = to;
	pki_device(&pki_profile, &v, i, &c);
	return c;
}

__attribute__((unused)) static struct pki_cert
manufacturer_cert(struct x509_issuer *root, const char *name, int64_t from, int64_t to,
		  const struct pki_key *key)
{
	struct x509_values v = pki_values(&pki, key);
	struct pki_cert c;

	v.organization = name;
	v.not_before = from;
	v.not_after = to;
	pki_manufacturer(&pki_profile, &v, root, &c);
	return c;
}

__attribute__((unused)) static int setup(void **state)
{
	struct x509_values v;

	(void)state;
	pki_init(&pki);
	pki_init(&stranger);
	pki_make_key(1024, &device_key);
	pki_make_key(1024, &other_key);
	v = pki_values(&pki, &device_key);
	pki_device(&pki_profile, &v, pki.manufacturer, &good);
	return 0;
}

__attribute__((unused)) static int teardown(void **state)
{
	(void)state;
	pki_release(&pki);
	pki_release(&stranger);
	return 0;
}

#endif
