/* Which manufacturer certificates there are, and which signers have them (S4).
 *
 * An issuer whose key is in a file is loaded by every signer itself.  One that has
 * a root only is made once, by one signer; certificate and wrapped key are
 * committed here before anything is signed under it, and handed to every signer,
 * now and whenever one starts again.  Two signers never make one each: their
 * first devices would end up under different manufacturers. */
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "cmd/fieldcertd/registrar.h"
#include "core/policy.h"
#include "crypto/x509check.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/rng.h"

enum { LOAD_ANSWER_MS = 2000 };

static uint64_t bit(uint16_t signer)
{
	return UINT64_C(1) << signer;
}

const struct issuer *issuers_find(const struct registrar *r, const char *name,
				  size_t len)
{
	for (size_t i = 0; i < r->n_issuers; i++) {
		const struct issuer *is = &r->issuers[i];

		if (strlen(is->name) == len && memcmp(is->name, name, len) == 0)
			return is;
	}
	return NULL;
}

static struct issuer *find(struct registrar *r, const struct ipc_blob *name)
{
	for (size_t i = 0; i < r->n_issuers; i++) {
		struct issuer *is = &r->issuers[i];

		if (strlen(is->name) == name->len &&
		    memcmp(is->name, name->p, name->len) == 0)
			return is;
	}
	return NULL;
}

static const struct conf_issuer *conf_of(const struct registrar *r, const char *name)
{
	for (size_t i = 0; i < r->conf->n_issuers; i++) {
		if (strcmp(r->conf->issuers[i].name, name) == 0)
			return &r->conf->issuers[i];
	}
	return NULL;
}

/* Each signer says again how it stands after its own START, which may come before
 * or after ours: what is known of an issuer that stays is kept. */
void issuers_configure(struct registrar *r)
{
	static struct issuer old[CONF_ISSUERS_MAX];
	size_t n = r->n_issuers;

	memcpy(old, r->issuers, sizeof(old));
	memset(r->issuers, 0, sizeof(r->issuers));
	r->n_issuers = r->conf->n_issuers;
	for (size_t i = 0; i < r->n_issuers; i++) {
		struct issuer *is = &r->issuers[i];

		(void)snprintf(is->name, sizeof(is->name), "%s",
			       r->conf->issuers[i].name);
		for (size_t k = 0; k < n; k++) {
			if (strcmp(old[k].name, is->name) != 0)
				continue;
			*is = old[k];
			memset(is->asked_ms, 0, sizeof(is->asked_ms));
			is->failed[0] = '\0';
		}
	}
}

void issuers_signer_gone(struct registrar *r, uint16_t signer)
{
	for (size_t i = 0; i < r->n_issuers; i++) {
		struct issuer *is = &r->issuers[i];

		is->heard &= ~bit(signer);
		is->loaded &= ~bit(signer);
		is->lacking &= ~bit(signer);
		is->asked_ms[signer] = 0;
		if (is->making && is->maker == signer)
			is->making = false;
	}
}

enum issuer_state issuers_state(const struct registrar *r, const char *name,
				uint16_t signer, const struct issuer **ret)
{
	const struct issuer *is = issuers_find(r, name, strlen(name));

	*ret = is;
	if (!is || is->failed[0])
		return ISSUER_FAILED;
	return (is->loaded & bit(signer)) != 0 ? ISSUER_READY : ISSUER_COMING;
}

/* Jobs go to a signer only when it has said how it stands with every issuer. */
static void heard(struct registrar *r, struct issuer *is, uint16_t signer)
{
	bool all = true;

	is->heard |= bit(signer);
	for (size_t i = 0; i < r->n_issuers; i++)
		all = all && (r->issuers[i].heard & bit(signer));
	if (all)
		issue_signer_up(&r->issue, signer);
	issue_unpark(&r->issue);
}

static void fail(struct issuer *is, const char *why)
{
	if (strcmp(is->failed, why) != 0)
		log_error("event=issuer-unusable issuer=\"%s\" why=\"%s\"", is->name,
			  why);
	(void)snprintf(is->failed, sizeof(is->failed), "%s", why);
}

static bool take_cert(struct issuer *is, const struct ipc_blob *cert)
{
	struct x509_facts facts;

	if (cert->len > sizeof(is->cert) ||
	    x509_facts_of(cert->p, cert->len, &facts) < 0) {
		fail(is, "the signer sent a certificate that cannot be read");
		return false;
	}
	if (is->cert_len != cert->len || memcmp(is->cert, cert->p, cert->len) != 0)
		is->wrapped_len = 0; /* of another certificate */
	memcpy(is->cert, cert->p, cert->len);
	is->cert_len = cert->len;
	is->not_before = facts.not_before;
	is->not_after = facts.not_after;
	(void)snprintf(is->subject, sizeof(is->subject), "%s", facts.subject);
	is->failed[0] = '\0';
	return true;
}

static void load(struct registrar *r, struct issuer *is, struct peer *p,
		 const uint8_t *cert, size_t cert_len, const uint8_t *wrapped,
		 size_t wrapped_len)
{
	struct ipc_message m = { .type = IPC_ISSUER_LOAD };

	m.u.issuer_load.name.p = (const uint8_t *)is->name;
	m.u.issuer_load.name.len = strlen(is->name);
	m.u.issuer_load.cert = (struct ipc_blob){ cert, cert_len };
	m.u.issuer_load.wrapped = (struct ipc_blob){ wrapped, wrapped_len };
	outbox_put(r, p, &m);
	is->asked_ms[p->number] = clock_ms();
	is->loaded |= bit(p->number);
}

static void make(struct registrar *r, struct issuer *is, struct peer *p)
{
	const struct conf_issuer *conf = conf_of(r, is->name);
	struct ipc_message m = { .type = IPC_ISSUER_MAKE };
	int64_t now = clock_unix_s();
	unsigned days =
		conf && conf->profile ? conf->profile->manufacturer_validity_days : 0;

	if (is->making)
		return; /* its ISSUER_MADE is for all of them */
	m.u.issuer_make.name.p = (const uint8_t *)is->name;
	m.u.issuer_make.name.len = strlen(is->name);
	rng_bytes(m.u.issuer_make.cert_serial, IPC_CERT_SERIAL_LEN);
	m.u.issuer_make.cert_serial[0] =
		(uint8_t)((m.u.issuer_make.cert_serial[0] & 0x7f) | 0x40);
	m.u.issuer_make.not_before = now - POLICY_BACKDATE_S;
	m.u.issuer_make.not_after = now + (int64_t)days * POLICY_DAY_S;
	outbox_put(r, p, &m);
	is->making = true;
	is->maker = p->number;
	log_info("event=issuer-make issuer=\"%s\"", is->name);
}

/* Kept here until it is committed, should the database fail now: a signer makes an
 * issuer once. */
static void commit_made(struct registrar *r, struct issuer *is)
{
	char what[160];

	if (!turn_begin(r) ||
	    turn_check(r, store_issuer_put(r->store, is->name, is->cert, is->cert_len,
					   is->wrapped, is->wrapped_len)) < 0)
		return;
	(void)snprintf(what, sizeof(what), "issuer-made issuer=%s", is->name);
	turn_audit(r, what);
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &r->peers[i];

		if (p->chan && p->role == IPC_ROLE_SIGNER &&
		    (is->heard & bit(p->number)))
			load(r, is, p, is->cert, is->cert_len, is->wrapped,
			     is->wrapped_len);
	}
	turn_say(r, "event=issuer-made issuer=\"%s\" subject=\"%s\"", is->name,
		 is->subject);
}

/* From the database, else made now. */
static void provide(struct registrar *r, struct issuer *is, struct peer *p)
{
	struct ipc_blob cert, wrapped;
	int rc = FC_ESTORE;

	if (turn_begin(r))
		rc = turn_check(r,
				store_issuer_get(r->store, is->name, &cert.p, &cert.len,
						 &wrapped.p, &wrapped.len));
	if (rc < 0 && rc != FC_EABSENT)
		return; /* issuers_retry */
	if (rc == 0 && take_cert(is, &cert)) {
		is->wrapped_len = 0;
		load(r, is, p, cert.p, cert.len, wrapped.p, wrapped.len);
	}
	heard(r, is, p->number);
	if (rc == FC_EABSENT && is->wrapped_len > 0)
		commit_made(r, is);
	else if (rc == FC_EABSENT)
		make(r, is, p);
}

void issuers_is(struct registrar *r, struct peer *p, const struct ipc_issuer_is *m)
{
	struct issuer *is = find(r, &m->name);
	uint64_t asked;

	if (!is)
		return; /* of a configuration that is not ours any more, or not yet */
	if (m->cert.len > 0) {
		is->lacking &= ~bit(p->number);
		if (take_cert(is, &m->cert))
			is->loaded |= bit(p->number);
		heard(r, is, p->number);
		return;
	}
	asked = is->asked_ms[p->number];
	is->loaded &= ~bit(p->number);
	is->lacking |= bit(p->number);
	/* Right after ISSUER_LOAD it is the answer to that, else a new START. */
	if (asked > 0 && clock_ms() - asked < LOAD_ANSWER_MS) {
		fail(is, "the stored manufacturer key cannot be loaded: is the storage "
			 "key, or the root, another one?");
		heard(r, is, p->number);
		return;
	}
	provide(r, is, p);
}

void issuers_forget(struct registrar *r)
{
	for (size_t i = 0; i < r->n_issuers; i++) {
		struct issuer *is = &r->issuers[i];

		is->loaded &= ~is->lacking;
		is->making = false;
		memset(is->asked_ms, 0, sizeof(is->asked_ms));
	}
}

void issuers_retry(struct registrar *r)
{
	for (size_t k = 0; k < PEERS_MAX; k++) {
		struct peer *p = &r->peers[k];

		if (!p->chan || p->role != IPC_ROLE_SIGNER)
			continue;
		for (size_t i = 0; i < r->n_issuers; i++) {
			struct issuer *is = &r->issuers[i];

			if ((is->lacking & ~is->loaded & bit(p->number)) &&
			    !is->making && !is->failed[0])
				provide(r, is, p);
		}
	}
}

void issuers_made(struct registrar *r, struct peer *p, const struct ipc_issuer_made *m)
{
	struct issuer *is = find(r, &m->name);
	char why[sizeof(is->failed)];

	if (!is || !is->making || is->maker != p->number)
		return;
	is->making = false;
	if (m->rc < 0) {
		(void)snprintf(why, sizeof(why), "%.*s",
			       m->text.len > 0 ? (int)m->text.len : 0,
			       m->text.len > 0 ? (const char *)m->text.p : "");
		fail(is, why[0] ? why : error_name(m->rc));
	} else if (m->wrapped.len > 0 && m->wrapped.len <= sizeof(is->wrapped) &&
		   take_cert(is, &m->cert)) {
		memcpy(is->wrapped, m->wrapped.p, m->wrapped.len);
		is->wrapped_len = m->wrapped.len;
		commit_made(r, is);
	}
	issue_unpark(&r->issue);
}
