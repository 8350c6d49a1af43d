#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "cmd/ctl/ctl.h"
#include "cmd/ctl/initpki.h"
#include "cmd/shared/fromconf.h"
#include "crypto/keybox.h"
#include "crypto/pem.h"
#include "crypto/x509check.h"
#include "crypto/x509issue.h"
#include "sys/clock.h"
#include "sys/neg.h"
#include "sys/rng.h"

enum {
	DAY_S = 86400,
	ROOT_BITS = 3072,
	ROOT_SPARE_DAYS = 366, /* that the root outlives what it signs by */
	SPKI_MAX = 1024
};

/* Positive, not zero, and always of full length. */
static void draw_serial(uint8_t ret[16])
{
	rng_bytes(ret, 16);
	ret[0] = (uint8_t)((ret[0] & 0x3f) | 0x40);
}

/* A day back, so that nobody's clock is too slow for a fresh certificate. */
static int64_t start_of(int64_t now)
{
	return now - now % DAY_S - DAY_S;
}

static int make_root(struct init_pki *p, const struct conf_issuer *issuer,
		     int64_t not_before, int64_t not_after)
{
	uint8_t serial[16];
	int rc;

	draw_serial(serial);
	rc = x509_make_root(issuer->country, issuer->organization, "Not for production",
			    "fieldcert demonstration root", ROOT_BITS, serial,
			    not_before, not_after, &p->root_key, &p->root_cert);
	return rc < 0 ? ctl_fail("cannot make the root: %s", neg_text(rc)) : CTL_DONE;
}

/* A key pair: PEM into p, its public half into ret_spki. */
static int make_key(struct init_pki *p, unsigned bits, uint8_t ret_spki[SPKI_MAX],
		    size_t *ret_len)
{
	uint8_t pkcs8[KEYBOX_PKCS8_MAX];
	size_t len = 0;
	int rc = keygen(bits, pkcs8, sizeof(pkcs8), &len, ret_spki, SPKI_MAX, ret_len);

	if (rc < 0)
		return ctl_fail("cannot make a key pair: %s", neg_text(rc));
	rc = pem_of("PRIVATE KEY", pkcs8, len, &p->manufacturer_key);
	secret_wipe(pkcs8, sizeof(pkcs8));
	return rc < 0 ? ctl_fail("cannot write a key pair: %s", neg_text(rc))
		      : CTL_DONE;
}

static int sign(struct init_pki *p, const struct x509_profile *profile,
		const struct x509_values *values, const struct x509_issuer *root)
{
	uint8_t tbs[X509_TBS_MAX], cert[X509_CERT_MAX];
	size_t tbs_len = 0, cert_len = 0;
	const char *why = "";
	int rc = x509_build_manufacturer(profile, values, root, tbs, sizeof(tbs),
					 &tbs_len, &why);

	if (rc == 0)
		rc = x509_sign(root, tbs, tbs_len, cert, sizeof(cert), &cert_len);
	if (rc == 0)
		rc = pem_of("CERTIFICATE", cert, cert_len, &p->manufacturer_cert);
	return rc < 0 ? ctl_fail("cannot make the manufacturer certificate: %s: %s",
				 neg_text(rc), why)
		      : CTL_DONE;
}

static int make_manufacturer(struct init_pki *p, const struct x509_profile *profile,
			     const struct conf_issuer *issuer, int64_t not_before)
{
	uint8_t spki[SPKI_MAX];
	struct x509_values values = {
		.serial = "",
		.country = issuer->country,
		.organization = issuer->organization,
		.location = issuer->location,
		.class_name = "",
		.not_before = not_before,
		.not_after = not_before +
			     (int64_t)profile->manufacturer_validity_days * DAY_S,
		.spki = spki,
	};
	struct x509_issuer *root = NULL;
	const char *why = "";
	int rc;

	if (make_key(p, profile->manufacturer_bits, spki, &values.spki_len) != CTL_DONE)
		return CTL_FAILED;
	rc = x509_issuer_new(p->root_cert, strlen(p->root_cert), p->root_key,
			     strlen(p->root_key), &root, &why);
	if (rc < 0)
		return ctl_fail("the root that was just made is refused: %s", why);
	draw_serial(values.cert_serial);
	rc = sign(p, profile, &values, root);
	x509_issuer_free(root);
	return rc;
}

int init_pki_make(struct init_pki *ret, const struct conf *conf)
{
	const struct conf_issuer *issuer = &conf->issuers[0];
	int64_t not_before = start_of(clock_unix_s()), not_after;
	struct x509_profile profile;

	fromconf_profile(conf->types[0].profile, &profile);
	not_after =
		not_before +
		((int64_t)profile.manufacturer_validity_days + ROOT_SPARE_DAYS) * DAY_S;
	if (make_root(ret, issuer, not_before, not_after) != CTL_DONE)
		return CTL_FAILED;
	return make_manufacturer(ret, &profile, issuer, not_before);
}

static void drop_key(char *pem)
{
	if (pem)
		secret_wipe(pem, strlen(pem));
	free(pem);
}

void init_pki_release(struct init_pki *p)
{
	drop_key(p->root_key);
	drop_key(p->manufacturer_key);
	free(p->root_cert);
	free(p->manufacturer_cert);
	*p = (struct init_pki){ 0 };
}
