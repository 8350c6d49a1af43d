/* S4, S5, S7: certificates of a profile, keys, and what is refused. */
#include "pki.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include "base/errors.h"
#include "crypto/der.h"
#include "crypto/spki.h"
#include "crypto/pem.h"
#include "crypto/x509check.h"

static struct pki pki;
static struct pki_key rsa_1024, rsa_2048, p256;

static int setup(void **state)
{
	(void)state;
	pki_init(&pki);
	pki_make_key(1024, &rsa_1024);
	pki_make_key(2048, &rsa_2048);
	pki_make_key(256, &p256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_release(&pki);
	return 0;
}

static X509 *decode(const struct pki_cert *c)
{
	const uint8_t *p = c->der;
	X509 *x = d2i_X509(NULL, &p, (long)c->len);

	assert_non_null(x);
	assert_ptr_equal(p, c->der + c->len);
	return x;
}

/* As `openssl verify -x509_strict -CAfile root -untrusted manufacturer`. */
static void assert_strict(const struct pki_cert *root,
			  const struct pki_cert *manufacturer,
			  const struct pki_cert *device)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509 *r = decode(root), *m = decode(manufacturer), *d = decode(device);

	assert_int_equal(X509_STORE_add_cert(store, r), 1);
	assert_true(sk_X509_push(untrusted, m) > 0);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, d, untrusted), 1);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)(PKI_2026 + PKI_DAY));
	if (X509_verify_cert(ctx) != 1)
		fail_msg("%s",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(untrusted);
	X509_free(r);
	X509_free(m);
	X509_free(d);
}

static int refused(const struct x509_profile *p, const struct x509_values *v)
{
	uint8_t tbs[X509_TBS_MAX];
	size_t len = 12345;
	const char *why = NULL;
	int rc =
		x509_build_device(p, v, pki.manufacturer, tbs, sizeof(tbs), &len, &why);

	if (rc) {
		assert_int_equal(rc, FC_EDENIED);
		assert_non_null(why);
		assert_int_equal(len, 12345);
	}
	return rc;
}

static struct pki_cert device(const struct x509_profile *p, const struct pki_key *key)
{
	struct x509_values v = pki_values(&pki, key);
	struct pki_cert c;

	pki_device(p, &v, pki.manufacturer, &c);
	return c;
}

static void S4_chains_pass_strict_verification(void **state)
{
	static const char *const digests[] = { "sha1", "sha256", "sha384", "sha512" };
	struct x509_profile p = pki_profile;
	const struct pki_key *const keys[] = { &rsa_1024, &rsa_2048, &p256 };

	(void)state;
	for (size_t d = 0; d < 4; d++) {
		for (size_t k = 0; k < 6; k++) {
			struct pki_cert c;

			p.digest = digests[d];
			p.key_usage = k % 2;
			c = device(&p, keys[k / 2]);
			assert_strict(&pki.root_cert, &pki.manufacturer_cert, &c);
		}
	}
}

static void S4_the_same_input_gives_the_same_bytes(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct pki_cert a, b;

	(void)state;
	pki_device(&pki_profile, &v, pki.manufacturer, &a);
	pki_device(&pki_profile, &v, pki.manufacturer, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.der, b.der, a.len);
}

static void S4_what_stands_in_a_certificate(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct x509_profile p = pki_profile;
	struct x509_facts f;
	struct pki_cert c;
	X509 *x;

	(void)state;
	v.location = "Site 1";
	p.digest = "sha1";
	pki_device(&p, &v, pki.manufacturer, &c);
	assert_true(der_is_strict(c.der, c.len));
	assert_int_equal(x509_facts_of(c.der, c.len, &f), 0);
	assert_string_equal(f.subject,
			    "C=US, O=Example, OU=Site 1, CN=00:10:4B:AB:CD:EF");
	assert_string_equal(f.issuer, "C=US, O=Example, OU=DOCSIS, CN=Example CA");
	assert_string_equal(f.key, "RSA-1024");
	assert_string_equal(f.signature, "sha1WithRSAEncryption");
	assert_true(f.has_mac && mac_equal(&f.mac, &pki_mac));
	assert_int_equal(f.not_before, v.not_before);
	assert_int_equal(f.not_after, v.not_after);
	assert_int_equal(f.spki_len, rsa_1024.spki_len);
	assert_memory_equal(f.spki, rsa_1024.spki, f.spki_len);
	assert_int_equal(strlen(f.serial), 32);
	x = decode(&c);
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_true(X509_check_ca(x) == 0);
	X509_free(x);
}

/* openssl's own words for an extension's value. */
static void assert_extension(X509 *x, int nid, int critical, const char *value)
{
	int at = X509_get_ext_by_NID(x, nid, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	assert_true(at >= 0);
	assert_int_equal(X509_get_ext_by_NID(x, nid, at), -1);
	assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, at)), critical);
	assert_int_equal(X509V3_EXT_print(bio, X509_get_ext(x, at), 0, 0), 1);
	n = BIO_get_mem_data(bio, &text);
	assert_int_equal(n, strlen(value));
	assert_memory_equal(text, value, (size_t)n);
	BIO_free(bio);
}

static void assert_key_identifiers(X509 *x, X509 *issuer)
{
	uint8_t digest[20];
	unsigned n;

	assert_int_equal(X509_pubkey_digest(x, EVP_sha1(), digest, &n), 1);
	assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(x)), 20);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_subject_key_id(x)), digest,
			    20);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x),
					       X509_get0_subject_key_id(issuer)),
			 0);
	assert_int_equal(X509_get_extension_flags(x) & EXFLAG_INVALID, 0);
}

static void S4_extensions_of_each_tier(void **state)
{
	struct pki_cert rsa = device(&pki_profile, &rsa_1024),
			ec = device(&pki_profile, &p256), bare;
	struct x509_profile p = pki_profile;
	X509 *r = decode(&pki.root_cert), *m = decode(&pki.manufacturer_cert);
	X509 *d = decode(&rsa), *e = decode(&ec), *b;

	(void)state;
	p.key_usage = false;
	bare = device(&p, &rsa_1024);
	b = decode(&bare);
	assert_extension(r, NID_basic_constraints, 1, "CA:TRUE");
	assert_extension(r, NID_key_usage, 1, "Certificate Sign, CRL Sign");
	assert_extension(m, NID_basic_constraints, 1, "CA:TRUE, pathlen:0");
	assert_extension(m, NID_key_usage, 1, "Certificate Sign, CRL Sign");
	assert_extension(d, NID_key_usage, 1, "Digital Signature, Key Encipherment");
	assert_extension(e, NID_key_usage, 1, "Digital Signature, Key Agreement");
	assert_int_equal(X509_get_ext_by_NID(d, NID_basic_constraints, -1), -1);
	assert_int_equal(X509_get_ext_count(b), 2);
	assert_key_identifiers(r, r);
	assert_key_identifiers(m, r);
	assert_key_identifiers(d, m);
	assert_key_identifiers(e, m);
	assert_key_identifiers(b, m);
	X509_free(r);
	X509_free(m);
	X509_free(d);
	X509_free(e);
	X509_free(b);
}

static void S4_names_are_printable_strings_where_they_can_be(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct pki_cert c;
	X509 *x;
	X509_NAME *n;

	(void)state;
	v.organization = "Ex\xc3\xa4mple";
	pki_device(&pki_profile, &v, pki.manufacturer, &c);
	x = decode(&c);
	n = X509_get_subject_name(x);
	assert_int_equal(X509_NAME_entry_count(n), 3); /* no location, no OU */
	assert_int_equal(
		ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, 0))),
		V_ASN1_PRINTABLESTRING);
	assert_int_equal(
		ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, 1))),
		V_ASN1_UTF8STRING);
	assert_int_equal(
		ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, 2))),
		V_ASN1_PRINTABLESTRING);
	X509_free(x);
}

static void S4_utc_time_until_2049_and_longer_years_after(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	/* 2049-12-31 23:59:59 and the second after */
	static const int64_t edge = INT64_C(2524607999);
	struct pki_cert root, c;
	struct x509_issuer *i =
		pki_root("Long", PKI_2026, PKI_2026 + 40 * PKI_YEAR, &root);
	X509 *x;

	(void)state;
	v.not_after = edge;
	pki_device(&pki_profile, &v, i, &c);
	x = decode(&c);
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(x)), V_ASN1_UTCTIME);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_notAfter(x)),
			    "491231235959Z", 13);
	X509_free(x);
	v.not_after = edge + 1;
	pki_device(&pki_profile, &v, i, &c);
	x = decode(&c);
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(x)),
			 V_ASN1_GENERALIZEDTIME);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_notAfter(x)),
			    "20500101000000Z", 15);
	X509_free(x);
	x509_issuer_free(i);
}

static void S4_serial_numbers_are_positive_and_minimal(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct x509_facts f;
	struct pki_cert c;

	(void)state;
	memset(v.cert_serial, 0, sizeof(v.cert_serial));
	assert_true(refused(&pki_profile, &v));
	v.cert_serial[14] = 0x80;
	pki_device(&pki_profile, &v, pki.manufacturer, &c);
	assert_true(der_is_strict(c.der, c.len));
	assert_int_equal(x509_facts_of(c.der, c.len, &f), 0);
	assert_string_equal(f.serial, "8000");
	v.cert_serial[0] = 0x80;
	assert_true(refused(&pki_profile, &v));
	v.cert_serial[0] = 0x7f;
	assert_false(refused(&pki_profile, &v));
}

static void S5_keys_that_a_profile_does_not_allow(void **state)
{
	struct x509_profile p = pki_profile;
	struct x509_values v = pki_values(&pki, &p256);
	uint8_t spki[1024];

	(void)state;
	p.allow_ec = false;
	assert_true(refused(&p, &v));
	v.spki = rsa_1024.spki;
	v.spki_len = rsa_1024.spki_len;
	assert_false(refused(&p, &v));
	p.rsa_bits_min = 1025;
	assert_true(refused(&p, &v));
	p.rsa_bits_min = 1024;

	memcpy(spki, rsa_1024.spki, rsa_1024.spki_len);
	v.spki = spki;
	for (size_t n = 0; n < rsa_1024.spki_len; n++) {
		v.spki_len = n;
		assert_true(refused(&p, &v));
	}
	v.spki_len = rsa_1024.spki_len;
	spki[v.spki_len - 1] ^= 1; /* even exponent */
	assert_true(refused(&p, &v));

	p.allow_ec = true;
	memcpy(spki, p256.spki, p256.spki_len);
	v.spki_len = p256.spki_len;
	assert_false(refused(&p, &v));
	spki[v.spki_len - 1] ^= 1; /* off the curve */
	assert_true(refused(&p, &v));
}

static void S4_dates_stay_within_the_issuers(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	int64_t begin = x509_issuer_not_before(pki.manufacturer);
	int64_t end = x509_issuer_not_after(pki.manufacturer);

	(void)state;
	assert_int_equal(begin, PKI_2026 - PKI_YEAR);
	assert_int_equal(end, PKI_2026 + 20 * PKI_YEAR);
	v.not_before = begin;
	v.not_after = end;
	assert_false(refused(&pki_profile, &v));
	v.not_after = end + 1;
	assert_true(refused(&pki_profile, &v));
	v.not_after = end;
	v.not_before = begin - 1;
	assert_true(refused(&pki_profile, &v));
	v.not_before = v.not_after;
	assert_true(refused(&pki_profile, &v));
}

static void S4_texts_that_no_subject_may_have(void **state)
{
	static const char *const bad[] = {
		"bell\a",
		"del\x7f",
		"\xff",
		"cut\xc3",
		"\xc0\xaf",         /* not the shortest form */
		"\xed\xa0\x80",     /* surrogate */
		"\xf4\x90\x80\x80", /* beyond Unicode */
		"\xc2\x85",         /* C1 control */
		"01234567890123456789012345678901234567890123456789012345678901234",
	};
	struct x509_values v = pki_values(&pki, &rsa_1024);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v.organization = bad[i];
		assert_true(refused(&pki_profile, &v));
	}
	v.organization = bad[8] + 1; /* 64 */
	assert_false(refused(&pki_profile, &v));
	v.country = "USA";
	assert_true(refused(&pki_profile, &v));
	v.country = "U\xc3";
	assert_true(refused(&pki_profile, &v));
	v.country = "";
	assert_false(refused(&pki_profile, &v));
}

static void S6_a_profile_must_name_the_device(void **state)
{
	struct x509_profile p = pki_profile;
	struct x509_values v = pki_values(&pki, &rsa_1024);

	(void)state;
	p.subject[3].text = "modem %{mac}";
	assert_true(refused(&p, &v));
	p.subject[3].text = "%{serial}";
	assert_true(refused(&p, &v));
	p.subject[3].text = "%{unknown}";
	assert_true(refused(&p, &v));
	p.subject[3].text = "%{mac";
	assert_true(refused(&p, &v));
	p.subject[3].text = " %{mac} ";
	assert_false(refused(&p, &v));
	p.subject[2] = (struct x509_rdn){ "CN", "%{serial}" };
	assert_false(refused(&p, &v));
	p.subject[2] = (struct x509_rdn){ "XX", "x" };
	assert_true(refused(&p, &v));
	p.subject[2] = (struct x509_rdn){ "OU", "100%" };
	assert_false(refused(&p, &v));
	p.digest = "md5";
	assert_true(refused(&p, &v));
}

static void S6_a_profiles_size_limit(void **state)
{
	struct x509_profile p = pki_profile;
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct pki_cert c;

	(void)state;
	pki_device(&p, &v, pki.manufacturer, &c);
	p.size_max = c.len + 1; /* the limit counts a length byte that may not be */
	assert_false(refused(&p, &v));
	p.size_max = c.len - 1;
	assert_true(refused(&p, &v));
}

/* facts of real modems: 1400 bytes at most in the MIB before RFC 4131 */
static void S6_docsis_legacy_fits_1400_bytes(void **state)
{
	struct x509_profile p = pki_profile;
	struct pki_key ca;
	struct x509_values v;
	struct pki_cert m, d;
	struct x509_issuer *i;

	(void)state;
	p.digest = "sha1";
	p.key_usage = false;
	p.size_max = 1400;
	pki_make_key(2048, &ca);
	v = pki_values(&pki, &ca);
	v.organization = "A Manufacturer With A Rather Long Name, Incorporated";
	pki_manufacturer(&p, &v, pki.root, &m);
	i = pki_issuer(&m, &ca);
	v.spki = rsa_2048.spki;
	v.spki_len = rsa_2048.spki_len;
	v.location = "Plant number one in the northern part of the country";
	pki_device(&p, &v, i, &d);
	assert_in_range(d.len, 700, 1400);
	assert_strict(&pki.root_cert, &m, &d);
	x509_issuer_free(i);
}

static void S4_no_room_is_refused_whole(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	uint8_t tbs[X509_TBS_MAX], small[X509_TBS_MAX];
	size_t len, got;
	const char *why;

	(void)state;
	assert_int_equal(x509_build_device(&pki_profile, &v, pki.manufacturer, tbs,
					   sizeof(tbs), &len, &why),
			 0);
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(x509_build_device(&pki_profile, &v, pki.manufacturer,
						   small, cap, &got, &why),
				 FC_EDENIED);
	for (size_t cap = 0; cap < len + 140; cap += 7)
		assert_int_equal(
			x509_sign(pki.manufacturer, tbs, len, small, cap, &got),
			FC_EFULL);
}

static void S7_only_what_names_this_issuer_is_signed(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	uint8_t tbs[X509_TBS_MAX], cert[X509_CERT_MAX];
	size_t len, got;
	const char *why;

	(void)state;
	assert_int_equal(x509_build_device(&pki_profile, &v, pki.manufacturer, tbs,
					   sizeof(tbs), &len, &why),
			 0);
	assert_int_equal(x509_sign(pki.root, tbs, len, cert, sizeof(cert), &got),
			 FC_EAUTH);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(
			x509_sign(pki.manufacturer, tbs, n, cert, sizeof(cert), &got),
			FC_EBAD);
	tbs[len] = 0; /* a byte too many */
	assert_int_equal(
		x509_sign(pki.manufacturer, tbs, len + 1, cert, sizeof(cert), &got),
		FC_EBAD);
	/* the algorithm's last OID byte: 11 is sha256WithRSAEncryption, 4 md5 */
	for (size_t i = 0; i + 1 < len; i++) {
		if (memcmp(tbs + i, "\x01\x01\x0b\x05", 4) == 0) {
			tbs[i + 2] = 4;
			break;
		}
	}
	assert_int_equal(
		x509_sign(pki.manufacturer, tbs, len, cert, sizeof(cert), &got),
		FC_EUNKNOWN);
}

/* A name of the same length is another name. */
static void S7_an_issuer_of_a_name_as_long_signs_nothing_of_it(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	uint8_t tbs[X509_TBS_MAX], cert[X509_CERT_MAX];
	struct x509_issuer *twin;
	struct pki_cert m;
	size_t len, got;
	const char *why;

	(void)state;
	assert_int_equal(x509_build_device(&pki_profile, &v, pki.manufacturer, tbs,
					   sizeof(tbs), &len, &why),
			 0);
	v = pki_values(&pki, &pki.manufacturer_key);
	v.organization = "Exempla";
	pki_manufacturer(&pki_profile, &v, pki.root, &m);
	twin = pki_issuer(&m, &pki.manufacturer_key);
	assert_int_equal(twin->subject_len, pki.manufacturer->subject_len);
	assert_int_equal(x509_sign(twin, tbs, len, cert, sizeof(cert), &got), FC_EAUTH);
	x509_issuer_free(twin);
}

static void other_key_identifier(X509 *x)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_key_identifier,
						"01:02:03:04:05:06:07:08");

	X509_EXTENSION_free(X509_delete_ext(
		x, X509_get_ext_by_NID(x, NID_subject_key_identifier, -1)));
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* RFC 5280, 4.2.1.1: the authority's identifier is what its certificate says. */
static void S4_an_issuers_own_key_identifier_is_used(void **state)
{
	const uint8_t *p = pki.manufacturer_cert.der;
	X509 *x = d2i_X509(NULL, &p, (long)pki.manufacturer_cert.len);
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct pki_cert m, d;
	uint8_t *out = m.der;
	struct x509_issuer *i;

	(void)state;
	assert_non_null(x);
	other_key_identifier(x);
	assert_true(X509_sign(x, pki.root->key, EVP_sha256()) > 0);
	m.len = (size_t)i2d_X509(x, &out);
	X509_free(x);
	i = pki_issuer(&m, &pki.manufacturer_key);
	pki_device(&pki_profile, &v, i, &d);
	assert_strict(&pki.root_cert, &m, &d);
	x509_issuer_free(i);
}

static void S7_an_elliptic_curve_ca(void **state)
{
	struct pki_key ca;
	struct x509_values v;
	struct pki_cert m, d;
	struct x509_issuer *i;

	(void)state;
	pki_make_key(256, &ca);
	v = pki_values(&pki, &ca);
	v.organization = "Curve";
	pki_manufacturer(&pki_profile, &v, pki.root, &m);
	i = pki_issuer(&m, &ca);
	v.spki = rsa_1024.spki;
	v.spki_len = rsa_1024.spki_len;
	pki_device(&pki_profile, &v, i, &d);
	assert_strict(&pki.root_cert, &m, &d);
	x509_issuer_free(i);
}

static const char *issuer_fault(const void *cert, size_t cert_len, const void *key,
				size_t key_len)
{
	struct x509_issuer *i = NULL;
	const char *why = NULL;
	int rc = x509_issuer_new(cert, cert_len, key, key_len, &i, &why);

	x509_issuer_free(i);
	assert_true(rc == 0 ? !why : rc == FC_EBAD && why);
	return why;
}

static void S7_what_is_no_issuer(void **state)
{
	struct pki_cert ee = device(&pki_profile, &rsa_1024);
	const struct pki_cert *m = &pki.manufacturer_cert;
	const struct pki_key *k = &pki.manufacturer_key;

	(void)state;
	assert_null(issuer_fault(m->der, m->len, k->pkcs8, k->pkcs8_len));
	assert_non_null(
		strstr(issuer_fault(m->der, m->len, rsa_1024.pkcs8, rsa_1024.pkcs8_len),
		       "does not fit"));
	assert_non_null(
		strstr(issuer_fault(ee.der, ee.len, rsa_1024.pkcs8, rsa_1024.pkcs8_len),
		       "not a CA"));
	assert_non_null(issuer_fault(m->der, m->len - 1, k->pkcs8, k->pkcs8_len));
	assert_non_null(issuer_fault("", 0, k->pkcs8, k->pkcs8_len));
	assert_non_null(issuer_fault(m->der, m->len, "", 0));
	assert_non_null(issuer_fault(m->der, m->len, k->pkcs8, k->pkcs8_len - 1));
	assert_non_null(issuer_fault("-----BEGIN CERTIFICATE-----\nAAAA\n", 33,
				     k->pkcs8, k->pkcs8_len));
}

static void S7_a_key_with_a_passphrase_is_refused_without_asking(void **state)
{
	const uint8_t *p = pki.manufacturer_key.pkcs8;
	EVP_PKEY *key =
		d2i_AutoPrivateKey(NULL, &p, (long)pki.manufacturer_key.pkcs8_len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;
	const char *why;

	(void)state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(),
						       "secret", 6, NULL, NULL),
			 1);
	n = BIO_get_mem_data(bio, &text);
	why = issuer_fault(pki.manufacturer_cert.der, pki.manufacturer_cert.len, text,
			   (size_t)n);
	assert_non_null(strstr(why, "passphrase"));
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void S4_a_manufacturer_needs_a_root_that_may(void **state)
{
	struct x509_values v = pki_values(&pki, &rsa_1024);
	struct x509_profile p = pki_profile;
	uint8_t tbs[X509_TBS_MAX];
	size_t len;
	const char *why = NULL;

	(void)state;
	/* under a manufacturer, whose pathlen is 0 */
	assert_int_equal(x509_build_manufacturer(&p, &v, pki.manufacturer, tbs,
						 sizeof(tbs), &len, &why),
			 FC_EDENIED);
	assert_non_null(strstr(why, "pathlen"));
	p.manufacturer_bits = 2048;
	assert_int_equal(
		x509_build_manufacturer(&p, &v, pki.root, tbs, sizeof(tbs), &len, &why),
		FC_EDENIED);
	p.manufacturer_bits = 1024;
	/* with the root's own subject it could not be told from the root */
	p.manufacturer[2].text = "Test";
	p.manufacturer[3].text = "Test Root";
	assert_int_equal(
		x509_build_manufacturer(&p, &v, pki.root, tbs, sizeof(tbs), &len, &why),
		FC_EDENIED);
}

static void S4_a_root_that_cannot_be(void **state)
{
	static const uint8_t serial[16] = { 1 }, zero[16];
	char *key = NULL, *cert = NULL;

	(void)state;
	assert_int_equal(
		x509_make_root("USA", "O", "", "CN", 1024, serial, 0, 1, &key, &cert),
		FC_EDENIED);
	assert_int_equal(
		x509_make_root("US", "O", "", "CN", 1024, serial, 1, 1, &key, &cert),
		FC_EDENIED);
	assert_int_equal(
		x509_make_root("US", "O", "", "CN", 1024, zero, 0, 1, &key, &cert),
		FC_EDENIED);
	assert_int_equal(
		x509_make_root("US", "O", "", "CN", 512, serial, 0, 1, &key, &cert),
		FC_EBAD);
	assert_null(key);
	assert_null(cert);
	assert_int_equal(x509_make_root("", "100% %{mac}", "", "CN", 1024, serial, 0, 1,
					&key, &cert),
			 0);
	assert_non_null(strstr(key, "BEGIN PRIVATE KEY"));
	assert_non_null(strstr(cert, "BEGIN CERTIFICATE"));
	free(key);
	free(cert);
}

static void S5_key_pairs(void **state)
{
	static const unsigned sizes[] = { 1024, 2048, 256 };
	uint8_t small[8];
	size_t a, b;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pki_key k;
		struct spki s;
		const uint8_t *p = k.pkcs8;
		PKCS8_PRIV_KEY_INFO *info;
		EVP_PKEY *key;
		uint8_t *spki = NULL;

		pki_make_key(sizes[i], &k);
		assert_int_equal(spki_parse(k.spki, k.spki_len, &s), 0);
		assert_int_equal(s.bits, sizes[i]);
		assert_null(spki_fault(&s));
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)k.pkcs8_len);
		assert_non_null(info);
		assert_ptr_equal(p, k.pkcs8 + k.pkcs8_len);
		key = EVP_PKCS82PKEY(info);
		assert_int_equal(i2d_PUBKEY(key, &spki), k.spki_len);
		assert_memory_equal(spki, k.spki, k.spki_len);
		OPENSSL_free(spki);
		EVP_PKEY_free(key);
		PKCS8_PRIV_KEY_INFO_free(info);
	}
	assert_int_equal(keygen(512, small, 8, &a, small, 8, &b), FC_EBAD);
	assert_int_equal(keygen(8192, small, 8, &a, small, 8, &b), FC_EBAD);
	assert_int_equal(keygen(256, small, 8, &a, small, 8, &b), FC_EFULL);
}

static void der_is_read_strictly(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} all[] = {
		{ "\x05\x00", 2, true },
		{ "\x30\x00", 2, true },
		{ "\x30\x02\x05\x00", 4, true },
		{ "\x30\x04\x30\x00\x05\x00", 6, true },
		{ "", 0, false },
		{ "\x05", 1, false },
		{ "\x05\x00\x05\x00", 4, false }, /* two of them */
		{ "\x30\x02\x05\x01", 4, false }, /* past its parent's end */
		{ "\x30\x80\x00\x00", 4, false }, /* indefinite length */
		{ "\x04\x81\x01\x61", 4, false }, /* long form for a short one */
		{ "\x04\x82\x00\x81", 4, false }, /* leading zero */
		{ "\x1f\x81\x01\x00", 4, false }, /* tag of several bytes */
		{ "\x24\x02\x04\x00", 4, false }, /* constructed string */
		{ "\x10\x00", 2, false },         /* primitive sequence */
		{ "\x00\x00", 2, false },
		{ "\x04\x84\xff\xff\xff\xff", 6, false },
		{ "\x04\x85\x01\x00\x00\x00\x00", 7, false },
	};
	uint8_t deep[2 * 200];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(der_is_strict(all[i].bytes, all[i].len), all[i].good);
	for (size_t i = 0; i < sizeof(deep) / 2; i++) {
		size_t inside = sizeof(deep) - 2 * i - 2;

		deep[2 * i] = 0x30;
		deep[2 * i + 1] = (uint8_t)(inside < 128 ? inside : 127);
	}
	assert_true(der_is_strict(deep + sizeof(deep) - 40, 40));
	assert_false(der_is_strict(deep + sizeof(deep) - 120, 120));
}

static void S5_public_keys_as_the_registry_takes_them(void **state)
{
	static const char junk[] = "not a key at all";
	struct spki k;
	uint8_t der[1024], cut[1024];
	char base64[2048], pem[2200];
	const char *why;
	size_t len;

	(void)state;
	assert_int_equal(spki_parse(rsa_1024.spki, rsa_1024.spki_len, &k), 0);
	(void)EVP_EncodeBlock((uint8_t *)base64, k.key, (int)k.key_len);
	assert_int_equal(
		public_key_parse(base64, strlen(base64), der, sizeof(der), &len, &why),
		0);
	assert_int_equal(len, rsa_1024.spki_len);
	assert_memory_equal(der, rsa_1024.spki, len);
	memset(der, 0, sizeof(der));
	assert_int_equal(
		public_key_parse(k.key, k.key_len, der, sizeof(der), &len, &why), 0);
	assert_memory_equal(der, rsa_1024.spki, len);
	assert_int_equal(public_key_parse(p256.spki, p256.spki_len, der, sizeof(der),
					  &len, &why),
			 0);
	assert_memory_equal(der, p256.spki, len);
	(void)EVP_EncodeBlock((uint8_t *)base64, rsa_2048.spki, (int)rsa_2048.spki_len);
	(void)snprintf(pem, sizeof(pem), "%.100s\r\n %s\n", base64, base64 + 100);
	assert_int_equal(
		public_key_parse(pem, strlen(pem), der, sizeof(der), &len, &why), 0);
	assert_memory_equal(der, rsa_2048.spki, len);

	assert_int_equal(
		public_key_parse(junk, strlen(junk), der, sizeof(der), &len, &why),
		FC_EBAD);
	assert_int_equal(public_key_parse("", 0, der, sizeof(der), &len, &why),
			 FC_EBAD);
	for (size_t n = 1; n < rsa_1024.spki_len; n++)
		assert_int_equal(public_key_parse(rsa_1024.spki, n, der, sizeof(der),
						  &len, &why),
				 FC_EBAD);
	memcpy(cut, p256.spki, p256.spki_len);
	cut[p256.spki_len - 1] ^= 1;
	assert_int_equal(
		public_key_parse(cut, p256.spki_len, der, sizeof(der), &len, &why),
		FC_EDENIED);
	memcpy(cut, rsa_1024.spki, rsa_1024.spki_len);
	cut[rsa_1024.spki_len - 1] ^= 1;
	assert_int_equal(
		public_key_parse(cut, rsa_1024.spki_len, der, sizeof(der), &len, &why),
		FC_EDENIED);
	assert_int_equal(public_key_parse(rsa_1024.spki, rsa_1024.spki_len, der, 100,
					  &len, &why),
			 FC_EFULL);
}

static void S5_short_keys_and_other_curves_are_refused(void **state)
{
	EVP_PKEY *keys[] = { EVP_RSA_gen(768), EVP_EC_gen("P-384") };
	uint8_t der[1024];
	const char *why;
	size_t len;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t *spki = NULL;
		int n = i2d_PUBKEY(keys[i], &spki);

		assert_true(n > 0);
		why = NULL;
		assert_int_equal(
			public_key_parse(spki, (size_t)n, der, sizeof(der), &len, &why),
			FC_EDENIED);
		assert_non_null(why);
		OPENSSL_free(spki);
		EVP_PKEY_free(keys[i]);
	}
}

static void S5_the_whole_key_counts(void **state)
{
	struct pki_key other = rsa_1024;
	struct spki a, b;

	(void)state;
	assert_int_equal(spki_parse(rsa_1024.spki, rsa_1024.spki_len, &a), 0);
	assert_int_equal(spki_parse(other.spki, other.spki_len, &b), 0);
	assert_true(spki_equal(&a, &b));
	other.spki[other.spki_len - 6] ^= 2; /* the modulus' last byte */
	assert_int_equal(spki_parse(other.spki, other.spki_len, &b), 0);
	assert_false(spki_equal(&a, &b));
}

/* The bits of a key are whole bytes, in RSA as on curves. */
static void S5_a_key_with_unused_bits_is_none(void **state)
{
	struct pki_key k = p256;
	size_t at = k.spki_len - 66; /* before the point */
	struct spki s;

	(void)state;
	assert_int_equal(k.spki[at], 0);
	assert_int_equal(spki_parse(k.spki, k.spki_len, &s), 0);
	k.spki[at] = 1;
	assert_int_equal(spki_parse(k.spki, k.spki_len, &s), FC_EBAD);
}

static void S5_4096_bits_are_the_most(void **state)
{
	static const uint8_t exponent[] = { 1, 0, 1 };
	uint8_t modulus[513];
	struct spki s = { .kind = SPKI_RSA,
			  .modulus = modulus,
			  .modulus_len = sizeof(modulus),
			  .exponent = exponent,
			  .exponent_len = sizeof(exponent) };

	(void)state;
	memset(modulus, 0xff, sizeof(modulus));
	s.bits = 4096;
	assert_null(spki_fault(&s));
	s.bits = 4097;
	assert_non_null(strstr(spki_fault(&s), "more than 4096"));
	s.bits = 1023;
	assert_non_null(strstr(spki_fault(&s), "less than 1024"));
	s.bits = 1024;
	assert_null(spki_fault(&s));
}

static void pem_and_back(void **state)
{
	struct pki_cert c = device(&pki_profile, &rsa_1024);
	uint8_t *der = NULL;
	char *pem = NULL, *two;
	size_t len, n;

	(void)state;
	assert_int_equal(pem_of("CERTIFICATE", c.der, c.len, &pem), 0);
	assert_int_equal(strncmp(pem, "-----BEGIN CERTIFICATE-----\n", 28), 0);
	assert_int_equal(x509_from_pem(pem, strlen(pem), &der, &len), 0);
	assert_int_equal(len, c.len);
	assert_memory_equal(der, c.der, len);
	free(der);
	/* text before it, and another kind of block, are passed over */
	n = strlen(pem) + 200;
	two = malloc(n);
	(void)snprintf(two, n,
		       "a comment\n-----BEGIN X-----\nAAAA\n-----END X-----\n%s", pem);
	assert_int_equal(x509_from_pem(two, strlen(two), &der, &len), 0);
	assert_int_equal(len, c.len);
	free(der);
	free(two);
	for (n = 0; n < strlen(pem) - 2; n += 13)
		assert_int_equal(x509_from_pem(pem, n, &der, &len), FC_EBAD);
	free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S4_chains_pass_strict_verification),
		cmocka_unit_test(S4_the_same_input_gives_the_same_bytes),
		cmocka_unit_test(S4_what_stands_in_a_certificate),
		cmocka_unit_test(S4_extensions_of_each_tier),
		cmocka_unit_test(S4_names_are_printable_strings_where_they_can_be),
		cmocka_unit_test(S4_utc_time_until_2049_and_longer_years_after),
		cmocka_unit_test(S4_serial_numbers_are_positive_and_minimal),
		cmocka_unit_test(S4_dates_stay_within_the_issuers),
		cmocka_unit_test(S4_texts_that_no_subject_may_have),
		cmocka_unit_test(S4_no_room_is_refused_whole),
		cmocka_unit_test(S4_a_manufacturer_needs_a_root_that_may),
		cmocka_unit_test(S4_a_root_that_cannot_be),
		cmocka_unit_test(S5_keys_that_a_profile_does_not_allow),
		cmocka_unit_test(S5_key_pairs),
		cmocka_unit_test(S5_public_keys_as_the_registry_takes_them),
		cmocka_unit_test(S5_short_keys_and_other_curves_are_refused),
		cmocka_unit_test(S6_a_profile_must_name_the_device),
		cmocka_unit_test(S6_a_profiles_size_limit),
		cmocka_unit_test(S6_docsis_legacy_fits_1400_bytes),
		cmocka_unit_test(S7_only_what_names_this_issuer_is_signed),
		cmocka_unit_test(S7_an_elliptic_curve_ca),
		cmocka_unit_test(S7_what_is_no_issuer),
		cmocka_unit_test(S7_a_key_with_a_passphrase_is_refused_without_asking),
		cmocka_unit_test(der_is_read_strictly),
		cmocka_unit_test(S7_an_issuer_of_a_name_as_long_signs_nothing_of_it),
		cmocka_unit_test(S4_an_issuers_own_key_identifier_is_used),
		cmocka_unit_test(S5_the_whole_key_counts),
		cmocka_unit_test(S5_a_key_with_unused_bits_is_none),
		cmocka_unit_test(S5_4096_bits_are_the_most),
		cmocka_unit_test(pem_and_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
