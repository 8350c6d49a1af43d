#include "crypto/x509check.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "base/secret.h"
#include "crypto/keybox.h"
#include "crypto/spki.h"
#include "crypto/x509cert.h"

static_assert(sizeof(((struct x509_verdict *)NULL)->pkcs8) == KEYBOX_PKCS8_MAX,
	      "any key that a box can hold");

/* One check: what it is done with, and what comes of it. */
struct check {
	const struct x509_trust *trust;
	const struct x509_device *device;
	int64_t until; /* certificates must last until then; device->now or later */
	struct x509_cert link; /* x == NULL: none, or not to be trusted */
	struct x509_cert manufacturer, certificate;
	struct x509_verdict *verdict;
};

static enum device_error bad(struct check *c, enum device_error error, const char *what)
{
	c->verdict->error = error;
	(void)snprintf(c->verdict->what, sizeof(c->verdict->what), "%s", what);
	return error;
}

/* whose: "device certificate", …; fault: what is wrong with its dates. */
static enum device_error bad_dates(struct check *c, enum device_error error,
				   const char *whose, const char *fault)
{
	char what[80];

	(void)snprintf(what, sizeof(what), "%s %s", whose, fault);
	return bad(c, error, what);
}

static bool same_bytes(const struct x509_cert *a, const uint8_t *p, size_t len)
{
	return a->der_len == len && !memcmp(a->der, p, len);
}

/* NULL, or why its dates forbid it. Without the time of day nothing is judged (A1). */
static const char *dates_fault(const struct check *c, const struct x509_cert *cert)
{
	if (c->device->now < 0)
		return NULL;
	if (cert->not_before > c->device->now)
		return "is not valid yet";
	if (cert->not_after < c->device->now)
		return "has expired";
	if (cert->not_after < c->until)
		return "is about to expire";
	return NULL;
}

/* SHA-1 is what legacy modems live with; what is older is forged by anyone. */
static bool digest_is_good(const X509 *x)
{
	static const int good[] = { NID_sha1, NID_sha224, NID_sha256, NID_sha384,
				    NID_sha512 };
	int digest = NID_undef;

	if (!OBJ_find_sigid_algs(X509_get_signature_nid(x), &digest, NULL))
		return false;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (digest == good[i])
			return true;
	return false;
}

static bool is_signed_by(const struct x509_cert *cert, const struct x509_cert *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer->x);

	return key && digest_is_good(cert->x) && X509_verify(cert->x, key) == 1;
}

static bool names_issuer(const struct x509_cert *cert, const struct x509_cert *issuer)
{
	return X509_NAME_cmp(X509_get_issuer_name(cert->x),
			     X509_get_subject_name(issuer->x)) == 0;
}

/* basicConstraints says so, and keyUsage, where there is one, allows it. */
static bool is_ca(const struct x509_cert *cert)
{
	return X509_check_ca(cert->x) == 1;
}

/* RFC 5280, 4.2: what must be understood and is not. */
static bool asks_too_much(const struct x509_cert *cert)
{
	return X509_get_extension_flags(cert->x) & EXFLAG_CRITICAL;
}

/* ---- who may have signed a manufacturer certificate ----------------------------- */

enum anchor {
	ANCHOR_GOOD,
	ANCHOR_NO_NAME, /* nothing held has the issuer's name */
	ANCHOR_EXPIRED, /* what has it ran out */
	ANCHOR_BAD_SIGNATURE
};

/* The better of two attempts, for the report. */
static enum anchor better(enum anchor a, enum anchor b)
{
	static const int rank[] = {
		[ANCHOR_GOOD] = 3,
		[ANCHOR_BAD_SIGNATURE] = 2,
		[ANCHOR_EXPIRED] = 1,
		[ANCHOR_NO_NAME] = 0,
	};

	return rank[a] > rank[b] ? a : b;
}

static enum anchor try_cert(const struct check *c, const struct x509_cert *cert,
			    const struct x509_cert *held)
{
	if (!names_issuer(cert, held))
		return ANCHOR_NO_NAME;
	if (dates_fault(c, held))
		return ANCHOR_EXPIRED;
	return is_signed_by(cert, held) ? ANCHOR_GOOD : ANCHOR_BAD_SIGNATURE;
}

/* A certificate that is held itself needs nobody's signature: so is a link's once it
 * is stored with the roots. */
static enum anchor try_held(const struct check *c, const struct x509_cert *cert,
			    const struct x509_bytes *held)
{
	struct x509_cert h;
	enum anchor a;

	if (same_bytes(cert, held->p, held->len))
		return ANCHOR_GOOD;
	if (x509_cert_open(held->p, held->len, &h))
		return ANCHOR_NO_NAME;
	a = try_cert(c, cert, &h);
	x509_cert_close(&h);
	return a;
}

static enum anchor try_roots(const struct check *c, const struct x509_cert *cert)
{
	enum anchor best = ANCHOR_NO_NAME;

	for (size_t i = 0; i < c->trust->n_roots && best != ANCHOR_GOOD; i++)
		best = better(best, try_held(c, cert, &c->trust->roots[i]));
	return best;
}

/* The file's link certificate: a CA's, in date, signed by a root or the manufacturer
 * key held.  One that is not so is as good as none (F2: it may be skipped). */
static void take_link(struct check *c, const struct certfile_part *part)
{
	enum anchor a;

	if (!part->present || x509_cert_open(part->value, part->len, &c->link))
		return;
	a = try_roots(c, &c->link);
	if (a != ANCHOR_GOOD && c->trust->manufacturer.len)
		a = better(a, try_held(c, &c->link, &c->trust->manufacturer));
	if (a != ANCHOR_GOOD || !is_ca(&c->link) || asks_too_much(&c->link) ||
	    dates_fault(c, &c->link))
		x509_cert_close(&c->link);
}

static enum anchor try_link(struct check *c, const struct x509_cert *cert)
{
	enum anchor a = ANCHOR_NO_NAME;

	if (!c->link.x)
		return a;
	a = same_bytes(cert, c->link.der, c->link.der_len)
		    ? ANCHOR_GOOD
		    : try_cert(c, cert, &c->link);
	if (a == ANCHOR_GOOD)
		c->verdict->link_used = true;
	return a;
}

static enum device_error check_anchor(struct check *c)
{
	enum anchor a = try_roots(c, &c->manufacturer);

	if (a != ANCHOR_GOOD)
		a = better(a, try_link(c, &c->manufacturer));
	switch (a) {
	case ANCHOR_GOOD:
		return DEVICE_OK;
	case ANCHOR_NO_NAME:
		return bad(c, DEVICE_EISSUER,
			   "manufacturer certificate's issuer is not a root held");
	case ANCHOR_EXPIRED:
		return bad(c, DEVICE_EISSUER,
			   "manufacturer certificate's root is out of date");
	case ANCHOR_BAD_SIGNATURE:
		break;
	}
	return bad(c, DEVICE_ESIGNATURE,
		   "manufacturer certificate's signature by the root is wrong");
}

/* ---- the manufacturer certificate -------------------------------------------------
 */

static bool name_is(const struct x509_cert *cert, const char *text)
{
	uint8_t buf[X509_SUBJECT_TEXT_MAX];
	struct out o = out_of(buf, sizeof(buf));
	const char *subject;

	x509_name_text(X509_get_subject_name(cert->x), &o);
	subject = out_cstr(&o);
	return subject && !strcmp(subject, text);
}

static bool name_is_known(struct check *c)
{
	const struct x509_trust *t = c->trust;

	if (t->n_names == 0)
		return true;
	for (size_t i = 0; i < t->n_names; i++)
		if (name_is(&c->manufacturer, t->names[i]))
			return true;
	if (!c->link.x || X509_NAME_cmp(X509_get_subject_name(c->manufacturer.x),
					X509_get_subject_name(c->link.x)) != 0)
		return false;
	return c->verdict->link_used = true;
}

static bool same_key(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct spki x, y;

	if (a_len == b_len && !memcmp(a, b, a_len))
		return true;
	return !spki_parse(a, a_len, &x) && !spki_parse(b, b_len, &y) &&
	       spki_equal(&x, &y);
}

static bool has_key(const struct x509_cert *cert, const uint8_t *spki, size_t len)
{
	return same_key(cert->spki, cert->spki_len, spki, len);
}

static bool key_is_known(struct check *c)
{
	const struct x509_trust *t = c->trust;

	if (t->n_keys == 0)
		return true;
	for (size_t i = 0; i < t->n_keys; i++)
		if (has_key(&c->manufacturer, t->keys[i].p, t->keys[i].len))
			return true;
	if (!c->link.x || !has_key(&c->manufacturer, c->link.spki, c->link.spki_len))
		return false;
	return c->verdict->link_used = true;
}

static enum device_error check_manufacturer(struct check *c,
					    const struct x509_bytes *der)
{
	const char *why;

	if (der->len == 0)
		return bad(c, DEVICE_EMFR_NAME, "no manufacturer certificate");
	if (x509_cert_open(der->p, der->len, &c->manufacturer))
		return bad(c, DEVICE_EMFR_NAME, "manufacturer certificate is not DER");
	why = dates_fault(c, &c->manufacturer);
	if (why)
		return bad_dates(c, DEVICE_EMFR_NAME, "manufacturer certificate", why);
	if (check_anchor(c))
		return c->verdict->error;
	if (!is_ca(&c->manufacturer))
		return bad(c, DEVICE_EMFR_NAME,
			   "manufacturer certificate is not a CA's");
	if (asks_too_much(&c->manufacturer))
		return bad(c, DEVICE_EMFR_NAME,
			   "manufacturer certificate has a critical extension that is "
			   "not known");
	if (!name_is_known(c))
		return bad(c, DEVICE_EMFR_NAME,
			   "manufacturer's subject is not a predetermined name");
	if (!key_is_known(c))
		return bad(c, DEVICE_EMFR_KEY,
			   "manufacturer's public key is not a stored one");
	return DEVICE_OK;
}

/* ---- the device certificate --------------------------------------------------------
 */

/* basicConstraints CA, or the right to sign certificates. */
static bool may_sign(const struct x509_cert *cert)
{
	uint32_t flags = X509_get_extension_flags(cert->x);

	return flags & EXFLAG_CA || (flags & EXFLAG_KUSAGE &&
				     X509_get_key_usage(cert->x) & KU_KEY_CERT_SIGN);
}

static enum device_error check_certificate(struct check *c,
					   const struct x509_bytes *der)
{
	const char *why;

	if (x509_cert_open(der->p, der->len, &c->certificate))
		return bad(c, DEVICE_ENO_CERT, "device certificate is not DER");
	if (X509_get_extension_flags(c->certificate.x) & EXFLAG_INVALID)
		return bad(c, DEVICE_ENO_CERT,
			   "device certificate's extensions cannot be read");
	if (asks_too_much(&c->certificate))
		return bad(c, DEVICE_ENO_CERT,
			   "device certificate has a critical extension that is not "
			   "known");
	c->verdict->not_before = c->certificate.not_before;
	c->verdict->not_after = c->certificate.not_after;
	why = dates_fault(c, &c->certificate);
	if (why)
		return bad_dates(c, DEVICE_ESIGNATURE, "device certificate", why);
	if (!x509_cert_is_for(&c->certificate, &c->device->mac))
		return bad(c, DEVICE_EMAC,
			   "device certificate is for another MAC address");
	if (!names_issuer(&c->certificate, &c->manufacturer))
		return bad(c, DEVICE_EISSUER,
			   "device certificate's issuer is not the manufacturer's "
			   "subject");
	if (!is_signed_by(&c->certificate, &c->manufacturer))
		return bad(c, DEVICE_ESIGNATURE,
			   "device certificate's signature is wrong");
	if (may_sign(&c->certificate))
		return bad(c, DEVICE_ESIGNATURE, "device certificate is a CA's");
	return DEVICE_OK;
}

static enum device_error check_rollback(struct check *c)
{
	if (c->certificate.not_before >= c->device->installed_not_before)
		return DEVICE_OK;
	return bad(c, DEVICE_ESIGNATURE,
		   "device certificate is older than the installed one");
}

/* ---- its key
 * ------------------------------------------------------------------------- */

/* Equal public halves prove little about a damaged private one: sign with it. */
static bool signs_for(EVP_PKEY *private, EVP_PKEY *public)
{
	static const uint8_t message[] = "fieldcert";
	uint8_t sig[2048];
	size_t len = sizeof(sig);
	EVP_MD_CTX *s = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
	bool ok = s && v &&
		  EVP_DigestSignInit(s, NULL, EVP_sha256(), NULL, private) == 1 &&
		  EVP_DigestSign(s, sig, &len, message, sizeof(message)) == 1 &&
		  EVP_DigestVerifyInit(v, NULL, EVP_sha256(), NULL, public) == 1 &&
		  EVP_DigestVerify(v, sig, len, message, sizeof(message)) == 1;

	EVP_MD_CTX_free(s);
	EVP_MD_CTX_free(v);
	return ok;
}

static EVP_PKEY *read_pkcs8(const uint8_t *p, size_t len)
{
	const uint8_t *at = p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)len);
	EVP_PKEY *key = info && at == p + len ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

static bool fits(const struct x509_cert *cert, const uint8_t *pkcs8, size_t len)
{
	EVP_PKEY *public = X509_get0_pubkey(cert->x);
	EVP_PKEY *private = public ? read_pkcs8(pkcs8, len) : NULL;
	/* EVP_PKEY_eq: modulus and exponent, or curve and point */
	bool ok = private && EVP_PKEY_eq(private, public) == 1 &&
		  signs_for(private, public);

	EVP_PKEY_free(private);
	return ok;
}

static enum device_error check_downloaded(struct check *c,
					  const struct certfile_part *part)
{
	const struct x509_device *d = c->device;
	size_t len;
	int rc = keybox_open(d->secret3, &d->mac, d->serial, d->serial_len, part->value,
			     part->len, c->verdict->pkcs8, &len);

	if (rc == FC_ECRC)
		return bad(c, DEVICE_EKEY_INNER, "private key's inner CRC is wrong");
	if (rc == FC_EBAD || rc == FC_EUNKNOWN)
		return bad(c, DEVICE_EKEY_INNER, "private key object is malformed");
	if (rc)
		return bad(c, DEVICE_EKEY_INNER, "private key cannot be decrypted");
	if (!fits(&c->certificate, c->verdict->pkcs8, len))
		return bad(c, DEVICE_EPAIR,
			   "public key and downloaded private key are no pair");
	c->verdict->pkcs8_len = len;
	return DEVICE_OK;
}

static enum device_error check_installed_key(struct check *c)
{
	const struct x509_device *d = c->device;

	if (d->public_key.len &&
	    !has_key(&c->certificate, d->public_key.p, d->public_key.len))
		return bad(c, DEVICE_EPUBLIC_KEY,
			   "public key differs from the stored one");
	if (!d->secret3)
		return DEVICE_OK; /* a server, which has no device's private key */
	if (d->private_key.len &&
	    !fits(&c->certificate, d->private_key.p, d->private_key.len))
		return bad(c, DEVICE_EPAIR,
			   "public key and installed private key are no pair");
	if (!d->private_key.len && !d->public_key.len)
		return bad(c, DEVICE_EPAIR,
			   "no private key, neither sent nor installed");
	return DEVICE_OK;
}

/* ---- all of it
 * ------------------------------------------------------------------------- */

/* margin_s: not negative. */
static struct check begin(const struct x509_trust *trust,
			  const struct x509_device *device, int64_t margin_s,
			  struct x509_verdict *verdict)
{
	int64_t now = device->now;

	*verdict = (struct x509_verdict){ .error = DEVICE_OK };
	return (struct check){
		.trust = trust,
		.device = device,
		.until = now > 0 && margin_s > INT64_MAX - now ? INT64_MAX
							       : now + margin_s,
		.verdict = verdict,
	};
}

static enum device_error end(struct check *c)
{
	x509_cert_close(&c->link);
	x509_cert_close(&c->manufacturer);
	x509_cert_close(&c->certificate);
	if (c->verdict->error != DEVICE_OK) {
		secret_wipe(c->verdict->pkcs8, sizeof(c->verdict->pkcs8));
		c->verdict->pkcs8_len = 0;
		c->verdict->link_used = false;
	}
	return c->verdict->error;
}

static enum device_error check_objects(struct check *c, const struct certfile *f)
{
	struct x509_bytes manufacturer = c->trust->manufacturer;
	const struct x509_bytes device = { f->device.value, f->device.len };
	enum device_error e;

	if (f->manufacturer.present)
		manufacturer = (struct x509_bytes){ f->manufacturer.value,
						    f->manufacturer.len };
	take_link(c, &f->link);
	e = check_manufacturer(c, &manufacturer);
	if (!e)
		e = check_certificate(c, &device);
	if (!e)
		e = check_rollback(c);
	if (e)
		return e;
	if (f->key.present && c->device->secret3)
		return check_downloaded(c, &f->key);
	return f->key.present ? DEVICE_OK : check_installed_key(c);
}

enum device_error x509_check_file(const void *file, size_t len,
				  const struct x509_trust *trust,
				  const struct x509_device *device,
				  struct x509_verdict *ret)
{
	struct check c = begin(trust, device, 0, ret);
	struct certfile f;
	struct certfile_fault fault;
	enum device_error e = certfile_parse(file, len, &f, &fault);

	if (e)
		(void)bad(&c, e, fault.what);
	else
		(void)check_objects(&c, &f);
	return end(&c);
}

enum device_error x509_check_installed(const struct x509_bytes *device_cert,
				       const struct x509_trust *trust,
				       const struct x509_device *device,
				       int64_t margin_s, struct x509_verdict *ret)
{
	struct check c = begin(trust, device, margin_s, ret);

	if (!check_manufacturer(&c, &trust->manufacturer) &&
	    !check_certificate(&c, device_cert))
		(void)check_installed_key(&c);
	return end(&c);
}
