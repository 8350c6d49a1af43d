/* A5 in its order, and every number of SPEC section 6 that a file can cause. */
#include "scene.h"

#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* ---- good files ---------------------------------------------------------------------
 */

static void A5_a_whole_file_is_good(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_int_equal(check(&s), DEVICE_OK);
	assert_int_equal(s.verdict.pkcs8_len, device_key.pkcs8_len);
	assert_memory_equal(s.verdict.pkcs8, device_key.pkcs8, device_key.pkcs8_len);
	assert_int_equal(s.verdict.not_before, PKI_2026);
	assert_int_equal(s.verdict.not_after, PKI_2026 + 10 * PKI_YEAR);
	assert_false(s.verdict.link_used);
}

static void A5_with_the_installed_key(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.key_len = 0;
	s.device.public_key = bytes(device_key.spki, device_key.spki_len);
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	assert_int_equal(check(&s), DEVICE_OK);
	assert_int_equal(s.verdict.pkcs8_len, 0);
	/* a key in a secure element: the public one is all there is */
	s.device.private_key = bytes(NULL, 0);
	assert_int_equal(check(&s), DEVICE_OK);
	/* and the private one alone is enough, too */
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	s.device.public_key = bytes(NULL, 0);
	assert_int_equal(check(&s), DEVICE_OK);
}

static void A5_a_downloaded_key_replaces_the_installed_one(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.public_key = bytes(other_key.spki, other_key.spki_len);
	s.device.private_key = bytes(other_key.pkcs8, other_key.pkcs8_len);
	assert_int_equal(check(&s), DEVICE_OK);
}

static void A5_without_manufacturer_the_installed_one_counts(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.has_manufacturer = false;
	s.trust.manufacturer =
		bytes(pki.manufacturer_cert.der, pki.manufacturer_cert.len);
	assert_int_equal(check(&s), DEVICE_OK);
}

static void A5_elliptic_curve_keys(void **state)
{
	struct pki_key ec;
	struct scene s;

	(void)state;
	scene_init(&s);
	pki_make_key(256, &ec);
	s.certificate =
		device_cert(pki.manufacturer, PKI_2026, PKI_2026 + PKI_YEAR, &ec);
	put_key(&s, &ec);
	assert_int_equal(check(&s), DEVICE_OK);
	put_key(&s, &device_key);
	assert_error(&s, DEVICE_EPAIR, "no pair");
}

static void A5_legacy_digests(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate = altered(&good, NULL, pki.manufacturer->key, EVP_sha1());
	s.manufacturer =
		altered(&pki.manufacturer_cert, NULL, pki.root->key, EVP_sha1());
	assert_int_equal(check(&s), DEVICE_OK);
	s.certificate = altered(&good, NULL, pki.manufacturer->key, EVP_md5());
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate's signature");
	s.certificate = good;
	s.manufacturer =
		altered(&pki.manufacturer_cert, NULL, pki.root->key, EVP_md5());
	assert_error(&s, DEVICE_ESIGNATURE, "manufacturer certificate's signature");
}

static void A5_roots_names_and_keys_are_lists(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	/* a root of the same name with another key comes first */
	s.trust.roots[0] = bytes(stranger.root_cert.der, stranger.root_cert.len);
	s.trust.roots[1] = bytes("garbage", 7);
	s.trust.roots[2] = bytes(pki.root_cert.der, pki.root_cert.len);
	s.trust.n_roots = 3;
	s.trust.names[0] = "C=US, O=Another, CN=Another CA";
	s.trust.names[1] = "C=US, O=Example, OU=DOCSIS, CN=Example CA";
	s.trust.n_names = 2;
	s.trust.keys[0] = bytes(other_key.spki, other_key.spki_len);
	s.trust.keys[1] =
		bytes(pki.manufacturer_key.spki, pki.manufacturer_key.spki_len);
	s.trust.n_keys = 2;
	assert_int_equal(check(&s), DEVICE_OK);
}

static void A1_dates_count_to_the_second_and_only_with_a_clock(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.now = PKI_2026;
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.now = PKI_2026 - 1;
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate is not valid yet");
	s.device.now = PKI_2026 + 10 * PKI_YEAR;
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.now++;
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate has expired");
	s.device.now = -1;
	assert_int_equal(check(&s), DEVICE_OK);
}

static void F2_an_unknown_skippable_object_is_skipped(void **state)
{
	struct scene s;
	struct out o;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	o = out_of(s.file, sizeof(s.file));
	o.len = s.len;
	certfile_put(&o, (enum certfile_type)0x8777, "anything", 8);
	s.len = o.len;
	assert_int_equal(judge(&s), DEVICE_OK);
	o.len = s.len - 16;
	certfile_put(&o, (enum certfile_type)0x0777, "anything", 8);
	assert_int_equal(judge(&s), DEVICE_EUNKNOWN_TYPE);
}

/* ---- section 6, by number ---------------------------------------------------------
 */

static void error_02_another_devices_certificate(void **state)
{
	struct x509_values v = pki_values(&pki, &device_key);
	struct scene s;

	(void)state;
	scene_init(&s);
	v.mac.b[5] ^= 1;
	pki_device(&pki_profile, &v, pki.manufacturer, &s.certificate);
	assert_error(&s, DEVICE_EMAC, "another MAC");
}

static void add_serial_cn(X509 *x)
{
	X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName,
				   MBSTRING_ASC, (const uint8_t *)"001122334455", -1, 0,
				   0);
}

static void add_other_mac(X509 *x)
{
	X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName,
				   MBSTRING_ASC, (const uint8_t *)"00:11:22:33:44:55",
				   -1, 0, 0);
}

static void remove_cn(X509 *x)
{
	X509_NAME *n = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(n, NID_commonName, -1);

	X509_NAME_ENTRY_free(X509_NAME_delete_entry(n, at));
}

static void replace_cn(X509 *x, const char *cn)
{
	remove_cn(x);
	X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName,
				   MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0);
}

static void lower_case_mac(X509 *x)
{
	replace_cn(x, "00:10:4b:ab:cd:ef");
}

static void mac_with_dashes(X509 *x)
{
	replace_cn(x, "00-10-4B-AB-CD-EF");
}

static void error_02_all_common_names_are_looked_at(void **state)
{
	EVP_PKEY *key = pki.manufacturer->key;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate = altered(&good, add_serial_cn, key, EVP_sha256());
	assert_int_equal(check(&s), DEVICE_OK);
	s.certificate = altered(&good, lower_case_mac, key, EVP_sha256());
	assert_int_equal(check(&s), DEVICE_OK);
	s.certificate = altered(&good, add_other_mac, key, EVP_sha256());
	assert_error(&s, DEVICE_EMAC, "another MAC");
	s.certificate = altered(&good, mac_with_dashes, key, EVP_sha256());
	assert_error(&s, DEVICE_EMAC, "another MAC");
	s.certificate = altered(&good, remove_cn, key, EVP_sha256());
	assert_error(&s, DEVICE_EMAC, "another MAC");
}

static void error_03_the_public_key_is_not_the_stored_one(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.key_len = 0;
	s.device.public_key = bytes(other_key.spki, other_key.spki_len);
	s.device.private_key = bytes(other_key.pkcs8, other_key.pkcs8_len);
	assert_error(&s, DEVICE_EPUBLIC_KEY, "differs");
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	assert_error(&s, DEVICE_EPUBLIC_KEY, "differs");
}

static void error_04_no_pair_with_the_downloaded_key(void **state)
{
	struct pki_key junk = { .pkcs8 = "not PKCS#8 at all", .pkcs8_len = 17 };
	struct scene s;

	(void)state;
	scene_init(&s);
	put_key(&s, &other_key);
	assert_error(&s, DEVICE_EPAIR, "downloaded private key are no pair");
	put_key(&s, &junk);
	assert_error(&s, DEVICE_EPAIR, "downloaded private key are no pair");
	junk = device_key;
	junk.pkcs8[junk.pkcs8_len++] = 0;
	put_key(&s, &junk);
	assert_error(&s, DEVICE_EPAIR, "downloaded private key are no pair");
}

/* Modulus and exponent are right, the private numbers are another key's. */
static struct pki_key damaged_key(void)
{
	const uint8_t *p = device_key.pkcs8, *q = other_key.pkcs8;
	EVP_PKEY *a = d2i_AutoPrivateKey(NULL, &p, (long)device_key.pkcs8_len);
	EVP_PKEY *b = d2i_AutoPrivateKey(NULL, &q, (long)other_key.pkcs8_len);
	static const char *const names[] = { "n",
					     "e",
					     "d",
					     "rsa-factor1",
					     "rsa-factor2",
					     "rsa-exponent1",
					     "rsa-exponent2",
					     "rsa-coefficient1" };
	BIGNUM *v[8] = { 0 };
	EVP_PKEY *mixed = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	PKCS8_PRIV_KEY_INFO *info;
	struct pki_key k = device_key;
	uint8_t *out = k.pkcs8;

	for (int i = 0; i < 8; i++) {
		assert_int_equal(EVP_PKEY_get_bn_param(i < 2 ? a : b, names[i], &v[i]),
				 1);
		assert_int_equal(OSSL_PARAM_BLD_push_BN(build, names[i], v[i]), 1);
	}
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
	assert_int_equal(EVP_PKEY_fromdata(c, &mixed, EVP_PKEY_KEYPAIR, params), 1);
	info = EVP_PKEY2PKCS8(mixed);
	assert_non_null(info);
	assert_in_range(i2d_PKCS8_PRIV_KEY_INFO(info, NULL), 1, sizeof(k.pkcs8));
	k.pkcs8_len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &out);
	PKCS8_PRIV_KEY_INFO_free(info);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(mixed);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
	for (int i = 0; i < 8; i++)
		BN_free(v[i]);
	return k;
}

static void error_04_a_damaged_private_key(void **state)
{
	struct pki_key k = damaged_key();
	struct scene s;

	(void)state;
	scene_init(&s);
	put_key(&s, &k);
	assert_error(&s, DEVICE_EPAIR, "downloaded private key are no pair");
}

static void error_04_no_pair_with_the_installed_key(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.key_len = 0;
	s.device.public_key = bytes(device_key.spki, device_key.spki_len);
	s.device.private_key = bytes(other_key.pkcs8, other_key.pkcs8_len);
	assert_error(&s, DEVICE_EPAIR, "installed private key are no pair");
	s.device.public_key = s.device.private_key = bytes(NULL, 0);
	assert_error(&s, DEVICE_EPAIR, "no private key");
}

/* Object n of the file (0 is the first): where it begins. */
static size_t object_at(const struct scene *s, int n)
{
	size_t at = 0;

	while (n-- > 0)
		at += 8u + (size_t)(s->file[at + 2] << 8 | s->file[at + 3]);
	return at;
}

static void errors_05_and_06_checksums(void **state)
{
	static const enum device_error wanted[] = { DEVICE_ECERT_CRC, DEVICE_ECERT_CRC,
						    DEVICE_EKEY_CRC };
	struct scene s;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	for (int i = 0; i < 3; i++) {
		size_t at = object_at(&s, i);

		s.file[at + 100] ^= 1;
		assert_int_equal(judge(&s), wanted[i]);
		s.file[at + 100] ^= 1;
		s.file[object_at(&s, i + 1) - 1] ^= 1;
		assert_int_equal(judge(&s), wanted[i]);
		s.file[object_at(&s, i + 1) - 1] ^= 1;
	}
	assert_int_equal(judge(&s), DEVICE_OK);
}

static void F3_error_05_a_cut_file_is_never_good(void **state)
{
	struct scene s;
	size_t whole;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	whole = s.len;
	for (s.len = 0; s.len < whole; s.len++) {
		enum device_error e = judge(&s);

		if (s.len == object_at(&s, 2)) {
			assert_int_equal(e, DEVICE_EPAIR); /* whole, but for the key */
			continue;
		}
		if (s.len == 0 || s.len == object_at(&s, 1))
			assert_int_equal(e, DEVICE_ENO_CERT);
		else
			assert_int_equal(e, DEVICE_ECERT_CRC);
	}
	s.file[whole] = 0;
	s.len = whole + 1;
	assert_int_equal(judge(&s), DEVICE_ECERT_CRC);
}

static void error_07_no_certificate_in_the_file(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.has_certificate = false;
	assert_int_equal(check(&s), DEVICE_ENO_CERT);
}

static void break_extension(X509 *x)
{
	int at = X509_get_ext_by_NID(x, NID_key_usage, -1);
	ASN1_OCTET_STRING *junk = ASN1_OCTET_STRING_new();

	assert_int_equal(ASN1_OCTET_STRING_set(junk, (const uint8_t *)"junk", 4), 1);
	assert_int_equal(X509_EXTENSION_set_data(X509_get_ext(x, at), junk), 1);
	ASN1_OCTET_STRING_free(junk);
}

static void unknown_harmless(X509 *x)
{
	unknown_extension(x, 0);
}

static void errors_07_and_13_a_critical_extension_that_is_not_known(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate =
		altered(&good, unknown_harmless, pki.manufacturer->key, EVP_sha256());
	assert_int_equal(check(&s), DEVICE_OK);
	s.certificate =
		altered(&good, unknown_critical, pki.manufacturer->key, EVP_sha256());
	assert_error(&s, DEVICE_ENO_CERT, "critical");
	s.certificate = good;
	s.manufacturer = altered(&pki.manufacturer_cert, unknown_critical,
				 pki.root->key, EVP_sha256());
	assert_error(&s, DEVICE_EMFR_NAME, "critical");
}

/* A certificate begins 30 82 .. .. 30 82 .. .. a0 03 02 01 02: the last is the version.
 */
static void error_07_versions_that_x509_has_not(void **state)
{
	static const uint8_t wrong[] = { 0, 1, 3, 4, 0x7f, 0xff };
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_memory_equal(good.der + 8, "\xa0\3\2\1\2", 5);
	for (size_t i = 0; i < sizeof(wrong); i++) {
		s.certificate = good;
		s.certificate.der[12] = wrong[i];
		assert_error(&s, DEVICE_ENO_CERT, "not DER");
	}
}

static void version_1(X509 *x)
{
	while (X509_get_ext_count(x) > 0)
		X509_EXTENSION_free(X509_delete_ext(x, 0));
	assert_int_equal(X509_set_version(x, X509_VERSION_1), 1);
}

static void A5_a_device_certificate_of_version_1(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate = altered(&good, version_1, pki.manufacturer->key, EVP_sha256());
	assert_int_equal(check(&s), DEVICE_OK);
	s.certificate = good;
	s.manufacturer =
		altered(&pki.manufacturer_cert, version_1, pki.root->key, EVP_sha256());
	assert_error(&s, DEVICE_EMFR_NAME, "not a CA");
}

static void error_07_what_is_there_is_no_certificate(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate.len--;
	assert_error(&s, DEVICE_ENO_CERT, "not DER");
	s.certificate = good;
	s.certificate.der[s.certificate.len++] = 0;
	assert_error(&s, DEVICE_ENO_CERT, "not DER");
	memset(s.certificate.der, 0x30, sizeof(s.certificate.der));
	assert_error(&s, DEVICE_ENO_CERT, "not DER");
	s.certificate.len = 0;
	assert_error(&s, DEVICE_ENO_CERT, "not DER");
	s.certificate =
		altered(&good, break_extension, pki.manufacturer->key, EVP_sha256());
	assert_error(&s, DEVICE_ENO_CERT, "extensions");
}

static void error_08_unknown_duplicate_oversize(void **state)
{
	struct scene s;
	struct out o;

	(void)state;
	scene_init(&s);
	scene_build(&s);
	o = out_of(s.file, sizeof(s.file));
	o.len = s.len;
	certfile_put(&o, CERTFILE_DEVICE, good.der, good.len);
	s.len = o.len;
	assert_int_equal(judge(&s), DEVICE_EUNKNOWN_TYPE);
	/* 08 is judged before 07 */
	o.len = 0;
	certfile_put(&o, (enum certfile_type)0x0004, "x", 1);
	s.len = o.len;
	assert_int_equal(judge(&s), DEVICE_EUNKNOWN_TYPE);
	scene_build(&s);
	s.len = CERTFILE_MAX + 1;
	assert_int_equal(judge(&s), DEVICE_EUNKNOWN_TYPE);
}

static void error_09_signatures(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate.der[s.certificate.len - 1] ^= 1;
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate's signature");
	s.certificate = good;
	s.manufacturer.der[s.manufacturer.len - 1] ^= 1;
	assert_error(&s, DEVICE_ESIGNATURE, "manufacturer certificate's signature");
	/* a whole chain of somebody else's under the same names */
	scene_init(&s);
	s.manufacturer = stranger.manufacturer_cert;
	s.certificate = device_cert(stranger.manufacturer, PKI_2026,
				    PKI_2026 + PKI_YEAR, &device_key);
	assert_error(&s, DEVICE_ESIGNATURE, "manufacturer certificate's signature");
	s.manufacturer = pki.manufacturer_cert;
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate's signature");
}

/* Every bit of both certificates is under a signature, or is checked otherwise. */
static void error_09_no_bit_may_change(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	for (size_t i = 0; i < good.len; i++) {
		s.certificate.der[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(check(&s), DEVICE_OK);
		s.certificate.der[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < s.manufacturer.len; i++) {
		s.manufacturer.der[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(check(&s), DEVICE_OK);
		s.manufacturer.der[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(check(&s), DEVICE_OK);
}

static void error_09_older_than_the_installed_one(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.installed_not_before = PKI_2026;
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.installed_not_before = PKI_2026 + 1;
	assert_error(&s, DEVICE_ESIGNATURE, "older");
	s.device.now = -1; /* that needs no clock */
	assert_error(&s, DEVICE_ESIGNATURE, "older");
}

static void make_ca(X509 *x)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
						"critical,CA:TRUE");

	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void make_signer(X509 *x)
{
	X509_EXTENSION *e;

	X509_EXTENSION_free(
		X509_delete_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)));
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage,
				"critical,digitalSignature,keyCertSign");
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void error_09_a_device_certificate_that_may_sign(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.certificate = altered(&good, make_ca, pki.manufacturer->key, EVP_sha256());
	assert_error(&s, DEVICE_ESIGNATURE, "is a CA's");
	s.certificate =
		altered(&good, make_signer, pki.manufacturer->key, EVP_sha256());
	assert_error(&s, DEVICE_ESIGNATURE, "is a CA's");
}

static void error_10_issuers(void **state)
{
	struct scene s;
	struct pki_cert m;
	struct x509_issuer *i;

	(void)state;
	scene_init(&s);
	m = manufacturer_cert(pki.root, "Another", PKI_2026, PKI_2026 + PKI_YEAR,
			      &pki.manufacturer_key);
	i = pki_issuer(&m, &pki.manufacturer_key);
	s.certificate = device_cert(i, PKI_2026, PKI_2026 + PKI_YEAR, &device_key);
	x509_issuer_free(i);
	assert_error(&s, DEVICE_EISSUER, "manufacturer's subject");
	scene_init(&s);
	s.trust.n_roots = 0;
	assert_error(&s, DEVICE_EISSUER, "not a root held");
	s.trust.n_roots = 1;
	s.trust.roots[0] = bytes(good.der, good.len);
	assert_error(&s, DEVICE_EISSUER, "not a root held");
}

static void error_10_a_root_out_of_date(void **state)
{
	struct scene s;
	struct pki_cert root;
	struct x509_issuer *i = pki_root("Short", PKI_2026, PKI_2026 + PKI_YEAR, &root);

	(void)state;
	scene_init(&s);
	/* its last certificate outlives it, as the API lets nobody else make */
	i->not_after = PKI_2026 + 10 * PKI_YEAR;
	s.manufacturer =
		manufacturer_cert(i, "Example", PKI_2026, PKI_2026 + 10 * PKI_YEAR,
				  &pki.manufacturer_key);
	s.trust.roots[0] = bytes(root.der, root.len);
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.now = PKI_2026 + 2 * PKI_YEAR;
	assert_error(&s, DEVICE_EISSUER, "out of date");
	s.device.now = -1;
	assert_int_equal(check(&s), DEVICE_OK);
	x509_issuer_free(i);
}

static void error_12_the_private_key_does_not_open(void **state)
{
	static const struct auth_secret wrong = { .len = 8, .s = "secret 4" };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.key[s.key_len - 1] ^= 1;
	assert_error(&s, DEVICE_EKEY_INNER, "decrypted");
	s.key[s.key_len - 1] ^= 1;
	s.key[0] = 2;
	assert_error(&s, DEVICE_EKEY_INNER, "malformed");
	s.key[0] = 1;
	s.key_len = 20;
	assert_error(&s, DEVICE_EKEY_INNER, "malformed");
	scene_init(&s);
	s.device.secret3 = &wrong;
	assert_error(&s, DEVICE_EKEY_INNER, "decrypted");
}

static void error_13_manufacturer_certificate(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.has_manufacturer = false;
	assert_error(&s, DEVICE_EMFR_NAME, "no manufacturer certificate");
	scene_init(&s);
	s.manufacturer.len--;
	assert_error(&s, DEVICE_EMFR_NAME, "not DER");
	scene_init(&s);
	s.manufacturer =
		manufacturer_cert(pki.root, "Example", PKI_2026,
				  PKI_2026 + 50 * PKI_DAY, &pki.manufacturer_key);
	assert_error(&s, DEVICE_EMFR_NAME, "manufacturer certificate has expired");
	s.manufacturer =
		manufacturer_cert(pki.root, "Example", PKI_2026 + PKI_YEAR,
				  PKI_2026 + 2 * PKI_YEAR, &pki.manufacturer_key);
	assert_error(&s, DEVICE_EMFR_NAME, "manufacturer certificate is not valid yet");
}

static void error_13_an_installed_manufacturer_that_ran_out(void **state)
{
	struct scene s;
	struct pki_cert m =
		manufacturer_cert(pki.root, "Example", PKI_2026,
				  PKI_2026 + 50 * PKI_DAY, &pki.manufacturer_key);

	(void)state;
	scene_init(&s);
	s.has_manufacturer = false;
	s.trust.manufacturer = bytes(m.der, m.len);
	assert_error(&s, DEVICE_EMFR_NAME, "expired");
}

static void no_constraints(X509 *x)
{
	X509_EXTENSION_free(
		X509_delete_ext(x, X509_get_ext_by_NID(x, NID_basic_constraints, -1)));
}

static void crl_sign_only(X509 *x)
{
	X509_EXTENSION *e;

	X509_EXTENSION_free(
		X509_delete_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)));
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,cRLSign");
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void error_13_a_manufacturer_that_is_no_ca(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.manufacturer = altered(&pki.manufacturer_cert, no_constraints, pki.root->key,
				 EVP_sha256());
	assert_error(&s, DEVICE_EMFR_NAME, "not a CA");
	s.manufacturer = altered(&pki.manufacturer_cert, crl_sign_only, pki.root->key,
				 EVP_sha256());
	assert_error(&s, DEVICE_EMFR_NAME, "not a CA");
}

static void error_13_not_a_predetermined_name(void **state)
{
	static const char *const wrong[] = {
		"C=US, O=Example, OU=DOCSIS, CN=Example C",
		"C=US, O=Example, OU=DOCSIS, CN=Example CA2",
		"CN=Example CA, OU=DOCSIS, O=Example, C=US",
		"",
	};
	struct scene s;

	(void)state;
	scene_init(&s);
	s.trust.n_names = 1;
	for (size_t i = 0; i < 4; i++) {
		s.trust.names[0] = wrong[i];
		assert_error(&s, DEVICE_EMFR_NAME, "predetermined");
	}
}

/* A comma inside a value is not one between two of them. */
static void error_13_a_name_cannot_hide_in_a_value(void **state)
{
	struct scene s;
	struct x509_facts f;

	(void)state;
	scene_init(&s);
	s.manufacturer = manufacturer_cert(pki.root, "Example, OU=DOCSIS", PKI_2026,
					   PKI_2026 + PKI_YEAR, &pki.manufacturer_key);
	assert_int_equal(x509_facts_of(s.manufacturer.der, s.manufacturer.len, &f), 0);
	assert_string_equal(f.subject, "C=US, O=Example\\, OU=DOCSIS, OU=DOCSIS, "
				       "CN=Example\\, OU=DOCSIS CA");
	s.trust.names[0] = "C=US, O=Example, OU=DOCSIS, OU=DOCSIS, "
			   "CN=Example, OU=DOCSIS CA";
	s.trust.n_names = 1;
	assert_error(&s, DEVICE_EMFR_NAME, "predetermined");
}

static void error_14_not_a_stored_manufacturer_key(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.trust.keys[0] = bytes(other_key.spki, other_key.spki_len);
	s.trust.n_keys = 1;
	assert_error(&s, DEVICE_EMFR_KEY, "not a stored one");
}

/* One fault after the other is mended, from the last to be judged to the first. */
static void A5_the_first_failure_counts(void **state)
{
	struct x509_values v = pki_values(&pki, &device_key);
	struct scene s;

	(void)state;
	scene_init(&s);
	put_key(&s, &other_key);   /* 04 */
	s.key[s.key_len - 1] ^= 1; /* 12 */
	assert_int_equal(check(&s), DEVICE_EKEY_INNER);
	s.device.installed_not_before = PKI_2026 + PKI_YEAR; /* 09, rollback */
	assert_error(&s, DEVICE_ESIGNATURE, "older");
	s.certificate.der[s.certificate.len - 1] ^= 1; /* 09, signature */
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate's signature");
	v.mac.b[0] ^= 2;
	v.not_after = NOW - 1;
	pki_device(&pki_profile, &v, stranger.manufacturer, &s.certificate);
	assert_error(&s, DEVICE_ESIGNATURE, "device certificate has expired");
	s.device.now = -1;
	assert_int_equal(check(&s), DEVICE_EMAC); /* 02 before 09, signature */
	s.device.now = NOW;
	s.certificate.len--;
	assert_int_equal(check(&s), DEVICE_ENO_CERT);
	s.trust.keys[0] = bytes(other_key.spki, other_key.spki_len);
	s.trust.n_keys = 1;
	assert_int_equal(check(&s), DEVICE_EMFR_KEY);
	s.trust.names[0] = "CN=nobody";
	s.trust.n_names = 1;
	assert_int_equal(check(&s), DEVICE_EMFR_NAME);
	s.manufacturer.der[s.manufacturer.len - 1] ^= 1;
	assert_int_equal(check(&s), DEVICE_ESIGNATURE);
	s.trust.n_roots = 0;
	assert_int_equal(check(&s), DEVICE_EISSUER);
	s.device.now = PKI_2026 + 21 * PKI_YEAR;
	assert_error(&s, DEVICE_EMFR_NAME, "expired");
	s.manufacturer.len--;
	assert_error(&s, DEVICE_EMFR_NAME, "not DER");
	s.has_certificate = false;
	assert_int_equal(check(&s), DEVICE_ENO_CERT);
	scene_build(&s);
	s.file[s.len - 1] ^= 1;
	assert_int_equal(judge(&s), DEVICE_EKEY_CRC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(A5_a_whole_file_is_good),
		cmocka_unit_test(A5_with_the_installed_key),
		cmocka_unit_test(A5_a_downloaded_key_replaces_the_installed_one),
		cmocka_unit_test(A5_without_manufacturer_the_installed_one_counts),
		cmocka_unit_test(A5_elliptic_curve_keys),
		cmocka_unit_test(A5_legacy_digests),
		cmocka_unit_test(A5_roots_names_and_keys_are_lists),
		cmocka_unit_test(A1_dates_count_to_the_second_and_only_with_a_clock),
		cmocka_unit_test(F2_an_unknown_skippable_object_is_skipped),
		cmocka_unit_test(error_02_another_devices_certificate),
		cmocka_unit_test(error_02_all_common_names_are_looked_at),
		cmocka_unit_test(error_03_the_public_key_is_not_the_stored_one),
		cmocka_unit_test(error_04_no_pair_with_the_downloaded_key),
		cmocka_unit_test(error_04_a_damaged_private_key),
		cmocka_unit_test(error_04_no_pair_with_the_installed_key),
		cmocka_unit_test(errors_05_and_06_checksums),
		cmocka_unit_test(F3_error_05_a_cut_file_is_never_good),
		cmocka_unit_test(error_07_no_certificate_in_the_file),
		cmocka_unit_test(
			errors_07_and_13_a_critical_extension_that_is_not_known),
		cmocka_unit_test(error_07_versions_that_x509_has_not),
		cmocka_unit_test(A5_a_device_certificate_of_version_1),
		cmocka_unit_test(error_07_what_is_there_is_no_certificate),
		cmocka_unit_test(error_08_unknown_duplicate_oversize),
		cmocka_unit_test(error_09_signatures),
		cmocka_unit_test(error_09_no_bit_may_change),
		cmocka_unit_test(error_09_older_than_the_installed_one),
		cmocka_unit_test(error_09_a_device_certificate_that_may_sign),
		cmocka_unit_test(error_10_issuers),
		cmocka_unit_test(error_10_a_root_out_of_date),
		cmocka_unit_test(error_12_the_private_key_does_not_open),
		cmocka_unit_test(error_13_manufacturer_certificate),
		cmocka_unit_test(error_13_an_installed_manufacturer_that_ran_out),
		cmocka_unit_test(error_13_a_manufacturer_that_is_no_ca),
		cmocka_unit_test(error_13_not_a_predetermined_name),
		cmocka_unit_test(error_13_a_name_cannot_hide_in_a_value),
		cmocka_unit_test(error_14_not_a_stored_manufacturer_key),
		cmocka_unit_test(A5_the_first_failure_counts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
