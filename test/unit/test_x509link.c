/* A5's link certificates, S9's look at a file from the server's side, and A1. */
#include "scene.h"

/* ---- links --------------------------------------------------------------------------
 */

static struct pki_cert new_root_link(const struct x509_issuer *old,
				     const struct pki_key *key)
{
	struct x509_values v = pki_values(&pki, key);
	struct x509_profile p = pki_profile;
	struct pki_cert c;

	p.manufacturer[3].text = "New Root";
	v.not_after = PKI_2026 + 15 * PKI_YEAR;
	pki_manufacturer(&p, &v, old, &c);
	return c;
}

/* As a root would: the link's own subject issues the manufacturer certificate, here
 * one that outlives it. */
static struct pki_cert manufacturer_under(const struct pki_cert *link,
					  const struct pki_key *key)
{
	struct x509_issuer *i = pki_issuer(link, key);
	struct pki_cert c;

	i->pathlen = -1;
	i->not_after = PKI_2026 + 18 * PKI_YEAR;
	c = manufacturer_cert(i, "Example", PKI_2026, PKI_2026 + 18 * PKI_YEAR,
			      &pki.manufacturer_key);
	x509_issuer_free(i);
	return c;
}

static void A5_a_link_brings_a_new_root(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.link = new_root_link(pki.root, &other_key);
	s.manufacturer = manufacturer_under(&s.link, &other_key);
	assert_error(&s, DEVICE_EISSUER, "not a root held");
	s.has_link = true;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_true(s.verdict.link_used);
	s.device.mac.b[0] ^= 2; /* a file that is refused teaches nothing (judge) */
	assert_int_equal(check(&s), DEVICE_EMAC);
	s.device.mac.b[0] ^= 2;
	/* stored among the roots it does without the link */
	s.trust.roots[1] = bytes(s.link.der, s.link.len);
	s.trust.n_roots = 2;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_false(s.verdict.link_used);
	s.has_link = false;
	assert_int_equal(check(&s), DEVICE_OK);
}

static void A5_a_link_of_no_one_held_is_as_good_as_none(void **state)
{
	struct pki_key forged;
	struct scene s;

	(void)state;
	scene_init(&s);
	pki_make_key(1024, &forged);
	s.has_link = true;
	s.link = new_root_link(stranger.root, &forged);
	s.manufacturer = manufacturer_under(&s.link, &forged);
	assert_error(&s, DEVICE_EISSUER, "not a root held");
	s.link.len--;
	assert_error(&s, DEVICE_EISSUER, "not a root held");
	/* nor does it harm a file that needs none */
	s.manufacturer = pki.manufacturer_cert;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_false(s.verdict.link_used);
}

static void A5_a_device_cannot_sign_a_link(void **state)
{
	struct x509_values v = pki_values(&pki, &other_key);
	struct pki_cert ee;
	struct scene s;

	(void)state;
	scene_init(&s);
	/* another device's certificate as a link, and its key as a manufacturer's */
	v.mac.b[5] ^= 1;
	pki_device(&pki_profile, &v, pki.manufacturer, &ee);
	s.has_link = true;
	s.link = ee;
	s.manufacturer = ee;
	s.trust.manufacturer =
		bytes(pki.manufacturer_cert.der, pki.manufacturer_cert.len);
	assert_error(&s, DEVICE_EISSUER, "not a root held");
}

static void A5_a_link_that_asks_too_much_is_as_good_as_none(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.has_link = true;
	s.link = new_root_link(pki.root, &other_key);
	s.manufacturer = manufacturer_under(&s.link, &other_key);
	assert_int_equal(check(&s), DEVICE_OK);
	s.link = altered(&s.link, unknown_critical, pki.root->key, EVP_sha256());
	assert_error(&s, DEVICE_EISSUER, "not a root held");
}

static void A5_an_expired_link_is_as_good_as_none(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.has_link = true;
	s.link = new_root_link(pki.root, &other_key);
	s.manufacturer = manufacturer_under(&s.link, &other_key);
	s.certificate = device_cert(pki.manufacturer, PKI_2026,
				    PKI_2026 + 20 * PKI_YEAR, &device_key);
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.now = PKI_2026 + 16 * PKI_YEAR;
	assert_error(&s, DEVICE_EISSUER, "not a root held");
}

/* The manufacturer held signs its successor, which comes as link and as itself. */
static void A5_a_link_brings_a_new_manufacturer_key(void **state)
{
	struct x509_issuer *old = pki.manufacturer, *i;
	long pathlen = old->pathlen;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.trust.manufacturer =
		bytes(pki.manufacturer_cert.der, pki.manufacturer_cert.len);
	s.trust.names[0] = "C=US, O=Example, OU=DOCSIS, CN=Example CA";
	s.trust.n_names = 1;
	s.trust.keys[0] =
		bytes(pki.manufacturer_key.spki, pki.manufacturer_key.spki_len);
	s.trust.n_keys = 1;
	old->pathlen = -1;
	s.link = manufacturer_cert(old, "Successor", PKI_2026, PKI_2026 + PKI_YEAR,
				   &other_key);
	old->pathlen = pathlen;
	i = pki_issuer(&s.link, &other_key);
	s.certificate = device_cert(i, PKI_2026, PKI_2026 + PKI_YEAR, &device_key);
	x509_issuer_free(i);
	s.manufacturer = s.link;
	assert_int_equal(check(&s), DEVICE_EISSUER);
	s.has_link = true;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_true(s.verdict.link_used);
	/* kept with roots, names and keys it is good without the link (A1) */
	s.has_link = false;
	s.trust.roots[1] = bytes(s.link.der, s.link.len);
	s.trust.n_roots = 2;
	s.trust.names[1] = "C=US, O=Successor, OU=DOCSIS, CN=Successor CA";
	s.trust.n_names = 2;
	s.trust.keys[1] = bytes(other_key.spki, other_key.spki_len);
	s.trust.n_keys = 2;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_false(s.verdict.link_used);
}

static void A5_a_link_adds_its_name_and_key_to_the_lists(void **state)
{
	struct x509_issuer *i;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.trust.names[0] = "C=US, O=Example, OU=DOCSIS, CN=Example CA";
	s.trust.n_names = 1;
	s.trust.keys[0] =
		bytes(pki.manufacturer_key.spki, pki.manufacturer_key.spki_len);
	s.trust.n_keys = 1;
	s.manufacturer = manufacturer_cert(pki.root, "Successor", PKI_2026,
					   PKI_2026 + PKI_YEAR, &other_key);
	i = pki_issuer(&s.manufacturer, &other_key);
	s.certificate = device_cert(i, PKI_2026, PKI_2026 + PKI_YEAR, &device_key);
	x509_issuer_free(i);
	assert_error(&s, DEVICE_EMFR_NAME, "predetermined");
	s.trust.n_names = 0;
	assert_error(&s, DEVICE_EMFR_KEY, "stored");
	s.trust.n_names = 1;
	s.link = s.manufacturer;
	s.has_link = true;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_true(s.verdict.link_used);
}

/* ---- the server's side, and A1 ------------------------------------------------------
 */

static void S9_the_server_opens_no_key(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.secret3 = NULL;
	s.key[40] ^= 1;
	assert_int_equal(check(&s), DEVICE_OK);
	assert_int_equal(s.verdict.pkcs8_len, 0);
	s.key_len = 0;
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.public_key = bytes(device_key.spki, device_key.spki_len);
	assert_int_equal(check(&s), DEVICE_OK);
	s.device.public_key = bytes(other_key.spki, other_key.spki_len);
	assert_error(&s, DEVICE_EPUBLIC_KEY, "differs");
}

static enum device_error installed(struct scene *s, int64_t margin_s)
{
	struct x509_bytes cert = bytes(s->certificate.der, s->certificate.len);

	s->trust.manufacturer = bytes(s->manufacturer.der, s->manufacturer.len);
	return x509_check_installed(&cert, &s->trust, &s->device, margin_s,
				    &s->verdict);
}

static void A1_what_is_installed(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.public_key = bytes(device_key.spki, device_key.spki_len);
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	s.device.installed_not_before = PKI_2026 + PKI_YEAR; /* means nothing here */
	assert_int_equal(installed(&s, 0), DEVICE_OK);
	s.device.private_key = bytes(other_key.pkcs8, other_key.pkcs8_len);
	assert_int_equal(installed(&s, 0), DEVICE_EPAIR);
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	s.certificate.der[s.certificate.len - 1] ^= 1;
	assert_int_equal(installed(&s, 0), DEVICE_ESIGNATURE);
	s.certificate.len = 0;
	assert_int_equal(installed(&s, 0), DEVICE_ENO_CERT);
	s.certificate = good;
	s.manufacturer.len = 0;
	assert_int_equal(installed(&s, 0), DEVICE_EMFR_NAME);
	s.manufacturer = pki.manufacturer_cert;
	s.device.mac.b[0] ^= 2;
	assert_int_equal(installed(&s, 0), DEVICE_EMAC);
}

static void A1_near_its_end_counts_as_absent(void **state)
{
	int64_t left = PKI_2026 + 10 * PKI_YEAR - NOW;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.device.private_key = bytes(device_key.pkcs8, device_key.pkcs8_len);
	assert_int_equal(installed(&s, left), DEVICE_OK);
	assert_int_equal(installed(&s, left + 1), DEVICE_ESIGNATURE);
	assert_non_null(strstr(s.verdict.what, "about to expire"));
	assert_int_equal(installed(&s, INT64_MAX), DEVICE_EMFR_NAME);
	s.device.now = -1;
	assert_int_equal(installed(&s, left + 1), DEVICE_OK);
	assert_int_equal(installed(&s, INT64_MAX), DEVICE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(A5_a_link_brings_a_new_root),
		cmocka_unit_test(A5_a_link_of_no_one_held_is_as_good_as_none),
		cmocka_unit_test(A5_a_device_cannot_sign_a_link),
		cmocka_unit_test(A5_a_link_that_asks_too_much_is_as_good_as_none),
		cmocka_unit_test(A5_an_expired_link_is_as_good_as_none),
		cmocka_unit_test(A5_a_link_brings_a_new_manufacturer_key),
		cmocka_unit_test(A5_a_link_adds_its_name_and_key_to_the_lists),
		cmocka_unit_test(S9_the_server_opens_no_key),
		cmocka_unit_test(A1_what_is_installed),
		cmocka_unit_test(A1_near_its_end_counts_as_absent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
