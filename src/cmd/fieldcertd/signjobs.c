#include "cmd/fieldcertd/signjobs.h"

#include <stdarg.h>
#include <string.h>
#include "base/errors.h"
#include "base/escape.h"
#include "base/secret.h"
#include "cmd/shared/fromconf.h"
#include "crypto/issuedby.h"
#include "sys/log.h"
#include "sys/rng.h"

enum { NONCE_LEN = 12, ISSUER_LABEL_MAX = 80 };

static struct ipc_blob blob(const void *p, size_t len)
{
	return (struct ipc_blob){ len ? p : NULL, len };
}

static struct ipc_blob text_blob(const char *s)
{
	return blob(s, strlen(s));
}

/* A sentence for the operator, and the code that goes with it. */
#define refuse(why, rc, ...) (say(why, __VA_ARGS__), rc)

__attribute__((format(printf, 2, 3))) static void say(char why[IPC_TEXT_MAX],
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, IPC_TEXT_MAX, fmt, ap);
	va_end(ap);
}

static int crypto_failed(char why[IPC_TEXT_MAX], int rc, const char *what)
{
	return rc ? refuse(why, rc, "%s: %s", what, error_name(rc)) : 0;
}

/* ---- private keys at rest and on their way ----------------------------------------
 */

static int wrap(const struct signstate *s, const void *label, size_t label_len,
		const uint8_t *pkcs8, size_t len, struct out *o)
{
	uint8_t nonce[NONCE_LEN];

	rng_bytes(nonce, sizeof(nonce));
	return storage_wrap(s->storage, label, label_len, nonce, pkcs8, len, o);
}

/* The stored key, encrypted for its device. */
static int box(const struct signstate *s, const struct mac *mac,
	       const struct ipc_blob *serial, uint8_t set,
	       const struct ipc_blob *wrapped, struct out *o, char why[IPC_TEXT_MAX])
{
	uint8_t pkcs8[KEYBOX_PKCS8_MAX], nonce[CERTKEY_NONCE_LEN];
	struct auth_secret secret = { 0 };
	size_t len = 0;
	int rc;

	if (!s->keybox[set])
		return refuse(why, FC_ESTATE, "no secret set %u is configured", set);
	rc = secretset_get(s->keybox[set], mac, &secret);
	if (rc == FC_EABSENT)
		return refuse(why, rc, "secret set %u has no line for this device",
			      set);
	if (!rc)
		rc = storage_unwrap(s->storage, mac->b, MAC_LEN, wrapped->p,
				    wrapped->len, pkcs8, sizeof(pkcs8), &len);
	if (rc) {
		rc = refuse(why, rc,
			    "the stored key does not open under the storage key");
	} else {
		rng_bytes(nonce, sizeof(nonce));
		rc = crypto_failed(why,
				   keybox_seal(&secret, mac, (const char *)serial->p,
					       serial->len, set, nonce, pkcs8, len, o),
				   "encrypting the key");
	}
	secret_wipe(&secret, sizeof(secret));
	secret_wipe(pkcs8, sizeof(pkcs8));
	return rc;
}

/* ---- a plan -------------------------------------------------------------------------
 */

struct planning {
	const struct conf_class *class;
	struct signissuer *issuer;
	struct x509_profile profile;
	uint8_t spki[IPC_SPKI_MAX], wrapped[IPC_KEY_MAX], tbs[IPC_CERT_MAX];
	size_t spki_len, tbs_len;
	struct out wrap;
};

/* Class, profile and issuer of a plan. */
static int choose(struct signstate *s, const struct ipc_plan *m, struct planning *p,
		  char why[IPC_TEXT_MAX])
{
	char name[IPC_NAME_MAX + 1];
	const char type[3] = { m->type[0], m->type[1] };
	const struct conf_profile *profile;
	const struct conf_type *t;

	(void)snprintf(name, sizeof(name), "%.*s", (int)m->class_name.len,
		       m->class_name.p ? (const char *)m->class_name.p : "");
	p->class = conf_class_by_name(s->conf, name);
	if (!p->class)
		return refuse(why, FC_EABSENT, "no class \"%s\" is configured", name);
	profile = p->class->profile;
	if (!profile) {
		t = conf_type_by_name(s->conf, type);
		profile = t ? t->profile : NULL;
	}
	if (!profile)
		return refuse(
			why, FC_EABSENT,
			"class \"%s\" names no profile, nor does the device's type",
			name);
	fromconf_profile(profile, &p->profile);
	if (!p->class->issuer)
		return refuse(why, FC_ESTATE, "class \"%s\" has no issuer", name);
	p->issuer = &s->issuers[p->class->issuer - s->conf->issuers];
	if (!p->issuer->ready)
		return refuse(why, FC_ESTATE,
			      "issuer \"%s\" has no manufacturer certificate yet",
			      p->class->issuer->name);
	return 0;
}

static int provide_key(struct signstate *s, const struct ipc_plan *m,
		       struct planning *p, char why[IPC_TEXT_MAX])
{
	uint8_t pkcs8[KEYBOX_PKCS8_MAX];
	size_t len = 0;
	int rc;

	if (m->spki.len) {
		memcpy(p->spki, m->spki.p, m->spki.len);
		p->spki_len = m->spki.len;
		return 0;
	}
	rc = keygen(p->class->key_bits, pkcs8, sizeof(pkcs8), &len, p->spki,
		    sizeof(p->spki), &p->spki_len);
	if (!rc)
		rc = wrap(s, m->mac.b, MAC_LEN, pkcs8, len, &p->wrap);
	secret_wipe(pkcs8, sizeof(pkcs8));
	return crypto_failed(why, rc, "making a key pair");
}

static int build(const struct ipc_plan *m, struct planning *p, char why[IPC_TEXT_MAX])
{
	char serial[IPC_SERIAL_MAX + 1];
	struct x509_values v = {
		.mac = m->mac,
		.serial = serial,
		.country = p->class->country,
		.organization = p->class->organization,
		.location = p->class->location,
		.class_name = p->class->name,
		.not_before = m->not_before,
		.not_after = m->not_after,
		.spki = p->spki,
		.spki_len = p->spki_len,
	};
	const char *wrong;

	(void)snprintf(serial, sizeof(serial), "%.*s", (int)m->serial.len,
		       m->serial.p ? (const char *)m->serial.p : "");
	memcpy(v.cert_serial, m->cert_serial, sizeof(v.cert_serial));
	/* a certificate cannot outlast its issuer's: it gets what there is */
	if (v.not_before < x509_issuer_not_before(p->issuer->ready))
		v.not_before = x509_issuer_not_before(p->issuer->ready);
	if (v.not_after > x509_issuer_not_after(p->issuer->ready))
		v.not_after = x509_issuer_not_after(p->issuer->ready);
	if (x509_build_device(&p->profile, &v, p->issuer->ready, p->tbs, sizeof(p->tbs),
			      &p->tbs_len, &wrong))
		return refuse(why, FC_EDENIED, "profile \"%s\": %s", p->profile.name,
			      wrong);
	return 0;
}

static void plan(struct signstate *s, const struct ipc_plan *m, struct out *reply)
{
	struct planning p = { 0 };
	char why[IPC_TEXT_MAX] = "";
	struct ipc_message answer = { .type = IPC_PLANNED, .u.planned.job = m->job };
	struct ipc_planned *a = &answer.u.planned;

	p.wrap = out_of(p.wrapped, sizeof(p.wrapped));
	a->rc = choose(s, m, &p, why);
	if (!a->rc)
		a->rc = provide_key(s, m, &p, why);
	if (!a->rc)
		a->rc = build(m, &p, why);
	if (!a->rc) {
		const char *issuer = p.issuer->conf->name;

		a->tbs = blob(p.tbs, p.tbs_len);
		a->spki = blob(p.spki, p.spki_len);
		a->wrapped = blob(p.wrapped, p.wrap.len);
		a->issuer = text_blob(issuer);
		a->rc = crypto_failed(why,
				      storage_seal(s->storage, issuer, strlen(issuer),
						   &m->mac, p.tbs, p.tbs_len, a->seal),
				      "sealing the plan");
	}
	if (a->rc)
		a->tbs = a->spki = a->wrapped = a->issuer = (struct ipc_blob){ 0 };
	a->text = text_blob(why);
	ipc_build(reply, &answer);
}

/* ---- a signature
 * ---------------------------------------------------------------------- */

static int sign_sealed(struct signstate *s, const struct ipc_sign *m, uint8_t *ret_cert,
		       size_t *ret_len, char why[IPC_TEXT_MAX])
{
	uint8_t seal[IPC_SEAL_LEN];
	struct signissuer *i = signstate_issuer(s, &m->issuer);
	int rc = storage_seal(s->storage, (const char *)m->issuer.p, m->issuer.len,
			      &m->mac, m->tbs.p, m->tbs.len, seal);

	if (rc)
		return crypto_failed(why, rc, "checking the plan's seal");
	if (!secret_equal(seal, m->seal, sizeof(seal)))
		return refuse(why, FC_EAUTH,
			      "the plan does not carry this signer's seal");
	if (!i || !i->ready)
		return refuse(why, FC_ESTATE,
			      "the plan's issuer is not there any more");
	rc = x509_sign(i->ready, m->tbs.p, m->tbs.len, ret_cert, IPC_CERT_MAX, ret_len);
	if (rc == FC_EAUTH)
		return refuse(
			why, rc,
			"the plan was made for another certificate of issuer \"%s\"",
			i->conf->name);
	return crypto_failed(why, rc, "signing");
}

static void sign(struct signstate *s, const struct ipc_sign *m, struct out *reply)
{
	uint8_t cert[IPC_CERT_MAX], key[IPC_KEY_MAX];
	struct out o = out_of(key, sizeof(key));
	size_t len = 0;
	char why[IPC_TEXT_MAX] = "";
	struct ipc_message answer = { .type = IPC_SIGNED, .u.signed_.job = m->job };
	struct ipc_signed *a = &answer.u.signed_;

	a->rc = sign_sealed(s, m, cert, &len, why);
	if (!a->rc && m->wrapped.len)
		a->rc = box(s, &m->mac, &m->serial, m->set, &m->wrapped, &o, why);
	if (!a->rc) {
		a->cert = blob(cert, len);
		a->keybox = blob(key, o.len);
	}
	a->text = text_blob(why);
	ipc_build(reply, &answer);
}

static void wrap_again(struct signstate *s, const struct ipc_wrap *m, struct out *reply)
{
	uint8_t key[IPC_KEY_MAX];
	struct out o = out_of(key, sizeof(key));
	char why[IPC_TEXT_MAX] = "";
	struct ipc_message answer = { .type = IPC_WRAPPED, .u.wrapped.job = m->job };
	struct ipc_wrapped *a = &answer.u.wrapped;

	a->rc = box(s, &m->mac, &m->serial, m->set, &m->wrapped, &o, why);
	if (!a->rc)
		a->keybox = blob(key, o.len);
	a->text = text_blob(why);
	ipc_build(reply, &answer);
}

/* ---- issuers made here
 * ----------------------------------------------------------------- */

static size_t issuer_label(const char *name, char ret[ISSUER_LABEL_MAX])
{
	return (size_t)snprintf(ret, ISSUER_LABEL_MAX, "issuer %s", name);
}

static struct x509_values issuer_values(const struct signissuer *i,
					const struct ipc_issuer_make *m,
					const uint8_t *spki, size_t spki_len)
{
	struct x509_values v = {
		.country = i->conf->country,
		.organization = i->conf->organization,
		.location = i->conf->location,
		.not_before = m->not_before,
		.not_after = m->not_after,
		.spki = spki,
		.spki_len = spki_len,
	};
	memcpy(v.cert_serial, m->cert_serial, sizeof(v.cert_serial));
	if (v.not_before < x509_issuer_not_before(i->root))
		v.not_before = x509_issuer_not_before(i->root);
	if (v.not_after > x509_issuer_not_after(i->root))
		v.not_after = x509_issuer_not_after(i->root);
	return v;
}

/* Key and certificate of a manufacturer, under its root. */
static int make_issuer(const struct signissuer *i, const struct ipc_issuer_make *m,
		       uint8_t pkcs8[KEYBOX_PKCS8_MAX], size_t *ret_pkcs8_len,
		       uint8_t cert[IPC_CERT_MAX], size_t *ret_cert_len,
		       char why[IPC_TEXT_MAX])
{
	uint8_t spki[IPC_SPKI_MAX], tbs[IPC_CERT_MAX];
	struct x509_profile profile;
	struct x509_values v;
	size_t spki_len, tbs_len;
	const char *wrong;
	int rc;

	if (!i->conf->profile)
		return refuse(why, FC_ESTATE, "issuer \"%s\" names no profile",
			      i->conf->name);
	fromconf_profile(i->conf->profile, &profile);
	rc = keygen(profile.manufacturer_bits, pkcs8, KEYBOX_PKCS8_MAX, ret_pkcs8_len,
		    spki, sizeof(spki), &spki_len);
	if (rc)
		return crypto_failed(why, rc, "making the manufacturer's key");
	v = issuer_values(i, m, spki, spki_len);
	if (x509_build_manufacturer(&profile, &v, i->root, tbs, sizeof(tbs), &tbs_len,
				    &wrong))
		return refuse(why, FC_EDENIED, "issuer \"%s\": %s", i->conf->name,
			      wrong);
	return crypto_failed(
		why, x509_sign(i->root, tbs, tbs_len, cert, IPC_CERT_MAX, ret_cert_len),
		"signing the manufacturer certificate");
}

static void issuer_make(struct signstate *s, const struct ipc_issuer_make *m,
			struct out *reply)
{
	uint8_t pkcs8[KEYBOX_PKCS8_MAX], cert[IPC_CERT_MAX], key[IPC_KEY_MAX];
	struct signissuer *i = signstate_issuer(s, &m->name);
	struct out o = out_of(key, sizeof(key));
	size_t pkcs8_len = 0, cert_len = 0;
	char why[IPC_TEXT_MAX] = "", label[ISSUER_LABEL_MAX];
	const char *wrong = "";
	struct ipc_message answer = { .type = IPC_ISSUER_MADE,
				      .u.issuer_made.name = m->name };
	struct ipc_issuer_made *a = &answer.u.issuer_made;

	if (!i || !i->root || i->ready)
		a->rc = refuse(why, FC_ESTATE,
			       "this issuer is not one that is still to be made");
	else
		a->rc = make_issuer(i, m, pkcs8, &pkcs8_len, cert, &cert_len, why);
	if (!a->rc)
		a->rc = crypto_failed(why,
				      wrap(s, label, issuer_label(i->conf->name, label),
					   pkcs8, pkcs8_len, &o),
				      "wrapping the manufacturer's key");
	if (!a->rc &&
	    x509_issuer_new(cert, cert_len, pkcs8, pkcs8_len, &i->ready, &wrong))
		a->rc = refuse(why, FC_ECRYPTO, "the new issuer is no good: %s", wrong);
	if (!a->rc) {
		a->cert = blob(cert, cert_len);
		a->wrapped = blob(key, o.len);
	}
	secret_wipe(pkcs8, sizeof(pkcs8));
	a->text = text_blob(why);
	ipc_build(reply, &answer);
}

/* Else whoever holds the database could give our key a name and dates of his own. */
static int under_root(const struct signissuer *i, const struct ipc_blob *cert,
		      const char **ret_why)
{
	size_t len;
	const uint8_t *root = x509_issuer_cert(i->root, &len);

	return x509_issued_by(cert->p, cert->len, root, len, ret_why);
}

/* What the database kept of an issuer must be of the root that is configured. */
static int load_issuer(struct signstate *s, struct signissuer *i,
		       const struct ipc_issuer_load *m, const char **ret_why)
{
	uint8_t pkcs8[KEYBOX_PKCS8_MAX];
	char label[ISSUER_LABEL_MAX];
	struct x509_issuer *issuer;
	size_t len = 0;
	int rc = storage_unwrap(s->storage, label, issuer_label(i->conf->name, label),
				m->wrapped.p, m->wrapped.len, pkcs8, sizeof(pkcs8),
				&len);

	if (rc)
		*ret_why = "its key does not open under the storage key";
	else
		rc = under_root(i, &m->cert, ret_why);
	if (!rc)
		rc = x509_issuer_new(m->cert.p, m->cert.len, pkcs8, len, &issuer,
				     ret_why);
	secret_wipe(pkcs8, sizeof(pkcs8));
	if (rc)
		return rc;
	x509_issuer_free(i->ready);
	i->ready = issuer;
	return 0;
}

/* The ISSUER_IS that follows says whether it is there now. */
static void issuer_load(struct signstate *s, const struct ipc_issuer_load *m,
			struct out *reply)
{
	struct signissuer *i = signstate_issuer(s, &m->name);
	const char *why = "no such issuer, or it has a certificate of its own";
	uint8_t buf[IPC_NAME_MAX * 4 + 8];
	struct out name = out_of(buf, sizeof(buf));
	int rc = FC_ESTATE;

	if (i && i->root)
		rc = load_issuer(s, i, m, &why);
	if (i)
		signjobs_announce(i, reply);
	if (!rc)
		return;
	escape_log(&name, m->name.p, m->name.len, IPC_NAME_MAX);
	log_error("event=issuer-load issuer=\"%.*s\" rc=%d why=\"%s\"", (int)name.len,
		  (const char *)buf, rc, why);
}

void signjobs_announce(const struct signissuer *i, struct out *reply)
{
	struct ipc_message m = { .type = IPC_ISSUER_IS };

	m.u.issuer_is.name = text_blob(i->conf->name);
	if (i->ready) {
		size_t len;
		const uint8_t *cert = x509_issuer_cert(i->ready, &len);

		m.u.issuer_is.cert = blob(cert, len);
	}
	ipc_build(reply, &m);
}

int signjobs_handle(struct signstate *s, const struct ipc_message *m, struct out *reply)
{
	if (m->type == IPC_PLAN)
		plan(s, &m->u.plan, reply);
	else if (m->type == IPC_SIGN)
		sign(s, &m->u.sign, reply);
	else if (m->type == IPC_WRAP)
		wrap_again(s, &m->u.wrap, reply);
	else if (m->type == IPC_ISSUER_MAKE)
		issuer_make(s, &m->u.issuer_make, reply);
	else if (m->type == IPC_ISSUER_LOAD)
		issuer_load(s, &m->u.issuer_load, reply);
	else
		return FC_EPROTO;
	return 0;
}
