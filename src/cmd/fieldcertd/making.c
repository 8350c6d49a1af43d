/* queue -> plan -> sign -> file (S4).
 *
 * A device's row in the queue is committed before anything is asked of a signer.
 * PLANNED is committed as the plan, serial number and all, before SIGN is sent;
 * SIGNED is committed as certificate and file, together with the end of the queue
 * row, before anybody is told.  After a crash at any instant the queue says who
 * waits, and a plan that is there is signed again instead of made again: the same
 * to-be-signed bytes, so the same certificate, and one fee.
 *
 * A failure that the signer names ends the job: its sentence stands in
 * devices.waiting, and the device's next request tries again. */
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "cmd/fieldcertd/registrar.h"
#include "core/policy.h"
#include "crypto/issuedby.h"
#include "crypto/spki.h"
#include "crypto/x509check.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/rng.h"
#include "wire/certfile.h"

static const char clock_floor[] = "clock_floor";

void making_reset_jobs(struct registrar *r)
{
	struct hash_key secret;

	rng_bytes(&secret, sizeof(secret));
	issue_init(&r->issue, r->jobs, JOBS_MAX, r->job_cells, JOB_CELLS, &secret);
}

/* Signers that were up stay so; what they still answer is for jobs that are not
 * there any more, and ignored. */
void making_forget(struct registrar *r)
{
	bool up[ISSUE_SIGNERS_MAX];

	memcpy(up, r->issue.up, sizeof(up));
	making_reset_jobs(r);
	memcpy(r->issue.up, up, sizeof(up));
	r->backlog = true;
	r->refill_at = clock_ms() + REGISTRAR_RETRY_MS;
}

void making_want(struct registrar *r, const struct mac *mac, uint8_t set,
		 enum issue_state state)
{
	if (!issue_add(&r->issue, mac, set, state) && state == ISSUE_NEED_PLAN)
		r->backlog = true;
}

void making_changed(struct registrar *r, const struct store_device *d)
{
	struct issue_job *job = issue_find(&r->issue, &d->mac);

	if (job && (d->denied || (job->epoch != 0 && job->epoch != d->epoch)))
		issue_drop(&r->issue, job);
}

/* ---- how a job ends ----------------------------------------------------- */

static void done(struct registrar *r, struct issue_job *job)
{
	if (turn_begin(r))
		(void)turn_check(r, store_queue_drop(r->store, &job->mac));
	issue_drop(&r->issue, job);
}

/* A sentence between quotes stays one. */
static void quote(const char *why, char *ret, size_t size)
{
	size_t n = 0;

	for (; why[n] && n + 1 < size; n++)
		ret[n] = why[n] < 0x20 || why[n] > 0x7e    ? '?'
			 : why[n] == '"' || why[n] == '\\' ? '\''
							   : why[n];
	ret[n] = '\0';
}

/* For the operator: in the database, the log and the status. */
static void fail(struct registrar *r, struct issue_job *job, const char *why)
{
	char text[MAC_TEXT_SIZE], quoted[IPC_TEXT_MAX];
	struct store_device d;

	(void)snprintf(r->last_failure, sizeof(r->last_failure), "%s: %s",
		       mac_text(&job->mac, text), why);
	if (turn_begin(r) &&
	    turn_check(r, store_device_get(r->store, &job->mac, &d)) == 0 &&
	    strncmp(d.waiting, why, sizeof(d.waiting) - 1) != 0) {
		quote(why, quoted, sizeof(quoted));
		log_warning("event=waiting mac=%s why=\"%s\"", text, quoted);
		(void)turn_check(r,
				 store_device_state(r->store, &job->mac, d.state, why));
		turn_event(r, &job->mac, "waiting", d.epoch, "");
	}
	done(r, job);
}

static void fail_blob(struct registrar *r, struct issue_job *job, int rc,
		      const struct ipc_blob *text)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "%.*s", text->len > 0 ? (int)text->len : 0,
		       text->len > 0 ? (const char *)text->p : "");
	fail(r, job, why[0] ? why : error_name(rc));
}

/* ---- plan --------------------------------------------------------------- */

static int64_t get_clock_floor(struct registrar *r)
{
	int64_t floor = 0;

	if (turn_begin(r))
		(void)turn_check(r, store_number_get(r->store, clock_floor, &floor));
	return floor;
}

static unsigned days_of(const struct registrar *r, const struct conf_class *class,
			const struct store_device *d)
{
	const struct conf_type *type = conf_type_by_name(r->conf, d->type);

	if (class->validity_days > 0)
		return class->validity_days;
	if (class->profile)
		return class->profile->validity_days;
	return type ? type->profile->validity_days : 0;
}

static struct ipc_blob blob_of(const char *s)
{
	return (struct ipc_blob){ (const uint8_t *)s, strlen(s) };
}

static struct ipc_blob blob(const void *p, size_t len)
{
	return (struct ipc_blob){ len > 0 ? p : NULL, len };
}

/* RFC 5280, 4.1.2.2: positive, and here of a fixed length: the second bit is set. */
static void draw_serial(uint8_t ret[IPC_CERT_SERIAL_LEN])
{
	rng_bytes(ret, IPC_CERT_SERIAL_LEN);
	ret[0] = (uint8_t)((ret[0] & 0x7f) | 0x40);
}

static void send_plan(struct registrar *r, struct issue_job *job, uint16_t signer,
		      struct peer *p, const struct store_device *d,
		      const struct conf_class *class)
{
	struct ipc_message m = { .type = IPC_PLAN };
	struct ipc_plan *what = &m.u.plan;

	draw_serial(job->serial);
	what->mac = d->mac;
	memcpy(what->type, d->type, sizeof(what->type));
	what->class_name = blob_of(class->name);
	what->serial = blob(d->serial, strlen(d->serial));
	memcpy(what->cert_serial, job->serial, sizeof(what->cert_serial));
	what->not_before = job->not_before;
	what->not_after = job->not_after;
	if (registrar_takes_registered(class, d))
		what->spki = blob(d->spki, d->spki_len);
	what->job = issue_sent(&r->issue, job, signer);
	outbox_put(r, p, &m);
}

/* NULL, or why no dates can be had. */
static const char *choose_dates(struct registrar *r, struct issue_job *job,
				const struct conf_class *class,
				const struct store_device *d, const struct issuer *is)
{
	struct policy_dates dates = { .now = clock_unix_s(),
				      .clock_floor = get_clock_floor(r),
				      .issuer_not_before = is->not_before,
				      .issuer_not_after = is->not_after,
				      .days = days_of(r, class, d) };

	return policy_validity(&dates, &job->not_before, &job->not_after);
}

static void plan(struct registrar *r, struct issue_job *job, uint16_t signer,
		 struct peer *p, const struct store_device *d)
{
	const struct conf_class *class = conf_class_by_name(r->conf, d->class_name);
	struct policy what = registrar_policy(r, d, 0, job->set);
	const struct issuer *is = NULL;
	enum issuer_state state;
	const char *why;

	if (what.work == POLICY_WAIT || !class || !class->issuer) {
		fail(r, job, what.why ? what.why : "its class has no issuer");
		return;
	}
	if (what.work != POLICY_MAKE) {
		done(r, job); /* denied, or there already */
		return;
	}
	state = issuers_state(r, class->issuer->name, signer, &is);
	if (state == ISSUER_COMING) {
		issue_park(&r->issue, job);
		return;
	}
	if (state == ISSUER_FAILED) {
		fail(r, job, is ? is->failed : "its issuer is not known yet");
		return;
	}
	why = choose_dates(r, job, class, d, is);
	if (r->turn_rc < 0)
		return;
	if (why)
		fail(r, job, why);
	else
		send_plan(r, job, signer, p, d, class);
}

/* Its issuer changed since the plan was made. */
static void plan_again(struct registrar *r, struct issue_job *job)
{
	char text[MAC_TEXT_SIZE];

	if (job->replans >= ISSUE_REPLANS_MAX) {
		fail(r, job,
		     "the signer refuses its own plans: is the storage key "
		     "the same for all signers?");
		return;
	}
	if (turn_check(r, store_cert_void(r->store, job->cert)) < 0 && r->turn_rc < 0)
		return;
	turn_say(r, "event=plan-void mac=%s epoch=%u", mac_text(&job->mac, text),
		 job->epoch);
	turn_event(r, &job->mac, "plan-void", job->epoch, "");
	job->replans++;
	issue_again(&r->issue, job, ISSUE_NEED_PLAN);
}

/* ---- sign and wrap ------------------------------------------------------ */

static void send_sign(struct registrar *r, struct issue_job *job, uint16_t signer,
		      struct peer *p, const struct store_device *d,
		      const struct store_cert *c)
{
	struct ipc_message m = { .type = IPC_SIGN };
	struct ipc_sign *sign = &m.u.sign;
	const struct issuer *is = NULL;
	enum issuer_state state = issuers_state(r, c->issuer, signer, &is);

	if (state == ISSUER_COMING) {
		issue_park(&r->issue, job);
		return;
	}
	if (state == ISSUER_FAILED && is) {
		fail(r, job, is->failed);
		return;
	}
	job->cert = c->id;
	if (!is) { /* the configuration has it no more */
		plan_again(r, job);
		return;
	}
	sign->mac = d->mac;
	sign->issuer = blob_of(c->issuer);
	sign->serial = blob(d->serial, strlen(d->serial));
	sign->tbs = blob(c->tbs, c->tbs_len);
	memcpy(sign->seal, c->seal, sizeof(sign->seal));
	sign->set = job->set;
	sign->wrapped = blob(c->wrapped, c->wrapped_len);
	sign->job = issue_sent(&r->issue, job, signer);
	outbox_put(r, p, &m);
}

static void wrap(struct registrar *r, struct issue_job *job, uint16_t signer,
		 struct peer *p, const struct store_device *d)
{
	struct ipc_message m = { .type = IPC_WRAP };
	struct ipc_wrap *w = &m.u.wrap;
	struct store_cert c;
	char text[MAC_TEXT_SIZE];
	int rc = turn_check(r, store_cert_get(r->store, &d->mac, d->file_epoch, &c));

	if (rc == FC_EABSENT || (rc == 0 && c.wrapped_len == 0)) {
		log_warning("event=wrap-impossible mac=%s set=%u "
			    "why=\"the file's private key came from outside\"",
			    mac_text(&d->mac, text), job->set);
		issue_drop(&r->issue, job);
		return;
	}
	if (rc < 0)
		return;
	job->epoch = d->file_epoch;
	w->mac = d->mac;
	w->serial = blob(d->serial, strlen(d->serial));
	w->set = job->set;
	w->wrapped = blob(c.wrapped, c.wrapped_len);
	w->job = issue_sent(&r->issue, job, signer);
	outbox_put(r, p, &m);
}

/* A plan that is there is signed, whatever the job was to do first. */
static void make(struct registrar *r, struct issue_job *job, uint16_t signer,
		 struct peer *p, const struct store_device *d)
{
	struct store_cert c;
	int rc;

	if (job->epoch != 0 && job->epoch != d->epoch)
		job->state = ISSUE_NEED_PLAN;
	job->epoch = d->epoch;
	rc = turn_check(r, store_cert_get(r->store, &d->mac, d->epoch, &c));
	if (rc == 0 && c.state == CERT_PLANNED && !d->denied) {
		job->state = ISSUE_NEED_SIGN;
		send_sign(r, job, signer, p, d, &c);
	} else if (rc == 0) {
		if (!d->denied && d->file_epoch != d->epoch)
			fail(r, job,
			     "its certificate is there but its file is not: "
			     "fieldcertctl device reset");
		else
			done(r, job);
	} else if (rc == FC_EABSENT) {
		job->state = ISSUE_NEED_PLAN;
		plan(r, job, signer, p, d);
	}
}

static struct peer *signer_peer(struct registrar *r, uint16_t number)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &r->peers[i];

		if (p->chan && p->role == IPC_ROLE_SIGNER && p->number == number)
			return p;
	}
	return NULL;
}

static void step(struct registrar *r, struct issue_job *job, uint16_t signer)
{
	struct peer *p = signer_peer(r, signer);
	struct store_device d;
	int rc;

	if (!p) {
		issue_signer_down(&r->issue, signer);
		return;
	}
	if (job->tries >= ISSUE_TRIES_MAX) {
		fail(r, job, "the signer ended three times while it was being made");
		return;
	}
	rc = turn_check(r, store_device_get(r->store, &job->mac, &d));
	if (rc == FC_EABSENT)
		done(r, job);
	else if (rc == 0 && job->state == ISSUE_NEED_WRAP)
		wrap(r, job, signer, p, &d);
	else if (rc == 0)
		make(r, job, signer, p, &d);
}

struct refill {
	struct registrar *r;
	bool full;
};

static int refill_one(void *ctx, const struct mac *mac, uint8_t set)
{
	struct refill *f = ctx;

	f->full = !issue_add(&f->r->issue, mac, set, ISSUE_NEED_PLAN);
	return f->full;
}

/* Half empty before it is read again: each row is looked at a few times at most. */
static void refill(struct registrar *r)
{
	struct refill f = { .r = r };

	if (!r->backlog || issue_count(&r->issue) > JOBS_MAX / 2 ||
	    (r->refill_at != 0 && clock_ms() < r->refill_at) || !turn_begin(r))
		return;
	r->refill_at = 0;
	issuers_retry(r);
	if (turn_check(r, store_queue_each(r->store, refill_one, &f)) == 0)
		r->backlog = f.full;
}

void making_pump(struct registrar *r)
{
	struct issue_job *job;
	uint16_t signer;

	if (r->turn_rc < 0)
		return;
	refill(r);
	while (r->turn_rc == 0 && issue_next(&r->issue, &job, &signer)) {
		if (!turn_begin(r))
			return;
		step(r, job, signer);
	}
}

/* ---- what signers answer ------------------------------------------------ */

static int keep_plan(struct registrar *r, struct issue_job *job,
		     const struct ipc_planned *m)
{
	struct store_cert c = { .mac = job->mac,
				.epoch = job->epoch,
				.not_before = job->not_before,
				.not_after = job->not_after,
				.created = clock_unix_s(),
				.tbs = m->tbs.p,
				.tbs_len = m->tbs.len,
				.spki = m->spki.p,
				.spki_len = m->spki.len,
				.wrapped = m->wrapped.p,
				.wrapped_len = m->wrapped.len };

	memcpy(c.serial, job->serial, sizeof(c.serial));
	memcpy(c.seal, m->seal, sizeof(c.seal));
	(void)snprintf(c.issuer, sizeof(c.issuer), "%.*s", (int)m->issuer.len,
		       (const char *)m->issuer.p);
	return turn_check(r, store_cert_plan(r->store, &c, &job->cert));
}

void making_planned(struct registrar *r, struct peer *p, const struct ipc_planned *m)
{
	struct issue_job *job = issue_answered(&r->issue, m->job, p->number);
	struct store_cert had;
	int rc;

	if (!job || job->state != ISSUE_PLANNING || !turn_begin(r))
		return;
	if (m->rc < 0) {
		fail_blob(r, job, m->rc, &m->text);
		return;
	}
	if (m->tbs.len == 0 || m->spki.len == 0 || m->issuer.len == 0) {
		fail(r, job, "the signer's plan is incomplete");
		return;
	}
	rc = keep_plan(r, job, m);
	if (rc == FC_EDUP)
		rc = turn_check(r,
				store_cert_get(r->store, &job->mac, job->epoch, &had));
	/* There meanwhile (preloaded): make() sees what is to be done. */
	if (rc == 0)
		issue_again(&r->issue, job, ISSUE_NEED_SIGN);
	else if (rc == FC_EABSENT)
		fail(r, job, "its public key is that of another device already");
}

/* NULL: the certificate is the one that was planned, for this device and key, and
 * its signature holds. A faulty HSM must not get past here. */
static const char *cert_fault(const struct registrar *r, const struct issue_job *job,
			      const struct store_cert *c, const struct ipc_blob *cert)
{
	const struct issuer *is = issuers_find(r, c->issuer, strlen(c->issuer));
	struct x509_facts facts;
	const char *why = NULL;

	if (cert->len == 0 || !memmem(cert->p, cert->len, c->tbs, c->tbs_len))
		return "the signed certificate is not the planned one";
	if (x509_facts_of(cert->p, cert->len, &facts) < 0)
		return "the signed certificate cannot be read";
	if (!facts.has_mac || !mac_equal(&facts.mac, &job->mac))
		return "the signed certificate is for another device";
	if (facts.spki_len != c->spki_len ||
	    memcmp(facts.spki, c->spki, c->spki_len) != 0)
		return "the signed certificate has another public key";
	if (!is || is->cert_len == 0)
		return "the certificate's issuer is not known";
	if (x509_issued_by(cert->p, cert->len, is->cert, is->cert_len, &why) < 0)
		return "the signed certificate's signature does not hold";
	return NULL;
}

static size_t build_file(const struct registrar *r, const struct store_device *d,
			 const struct store_cert *c, const struct ipc_signed *m,
			 uint8_t ret[CERTFILE_MAX])
{
	const struct conf_class *class = conf_class_by_name(r->conf, d->class_name);
	const struct issuer *is = issuers_find(r, c->issuer, strlen(c->issuer));
	struct out o = out_of(ret, CERTFILE_MAX);

	if (is && (!class || class->send_manufacturer))
		certfile_put(&o, CERTFILE_MANUFACTURER, is->cert, is->cert_len);
	certfile_put(&o, CERTFILE_DEVICE, m->cert.p, m->cert.len);
	if (m->keybox.len > 0)
		certfile_put(&o, CERTFILE_KEY, m->keybox.p, m->keybox.len);
	return o.full ? 0 : o.len;
}

static void record_issued(struct registrar *r, const struct issue_job *job,
			  const struct store_cert *c)
{
	char what[256], serial[2 * sizeof(c->serial) + 1], text[MAC_TEXT_SIZE];

	hex_encode(c->serial, sizeof(c->serial), serial);
	(void)snprintf(what, sizeof(what), "issued mac=%s epoch=%u serial=%s issuer=%s",
		       mac_text(&job->mac, text), job->epoch, serial, c->issuer);
	turn_event(r, &job->mac, "issued", job->epoch, "");
	turn_audit(r, what);
	turn_say(r, "event=issued mac=%s epoch=%u serial=%s", text, job->epoch, serial);
	r->turn_issued++;
}

/* Certificate, file, state, record and the end of the queue row: together. c lives
 * until the store's first call here, so what is needed of it is copied before. */
static void commit_issued(struct registrar *r, struct issue_job *job,
			  const struct store_device *d, const struct store_cert *c,
			  const struct ipc_signed *m)
{
	uint8_t file[CERTFILE_MAX];
	struct store_cert kept = *c;
	size_t len = build_file(r, d, c, m, file);
	int64_t floor;

	if (len == 0) {
		fail(r, job, "its certificate file would be larger than 16 KiB");
		return;
	}
	floor = get_clock_floor(r);
	if (kept.created > floor)
		(void)turn_check(r,
				 store_number_put(r->store, clock_floor, kept.created));
	(void)turn_check(r,
			 store_cert_issued(r->store, kept.id, m->cert.p, m->cert.len));
	(void)turn_check(r,
			 store_file_put(r->store, &job->mac, job->epoch,
					m->keybox.len > 0 ? job->set : 0, file, len));
	if (d->epoch == job->epoch)
		(void)turn_check(r, store_device_state(r->store, &job->mac,
						       DEVICE_ISSUED, NULL));
	record_issued(r, job, &kept);
	done(r, job);
}

void making_signed(struct registrar *r, struct peer *p, const struct ipc_signed *m)
{
	struct issue_job *job = issue_answered(&r->issue, m->job, p->number);
	struct store_device d;
	struct store_cert c;
	const char *why;
	int rc;

	if (!job || job->state != ISSUE_SIGNING || !turn_begin(r))
		return;
	if (m->rc == FC_EAUTH) {
		plan_again(r, job);
		return;
	}
	if (m->rc < 0) {
		fail_blob(r, job, m->rc, &m->text);
		return;
	}
	rc = turn_check(r, store_device_get(r->store, &job->mac, &d));
	if (rc == 0)
		rc = turn_check(r, store_cert_get(r->store, &job->mac, job->epoch, &c));
	if (rc == FC_EABSENT || (rc == 0 && c.state != CERT_PLANNED)) {
		done(r, job); /* reset or preloaded meanwhile */
		return;
	}
	if (rc != 0)
		return;
	why = cert_fault(r, job, &c, &m->cert);
	if (!why && (m->keybox.len > 0) != (c.wrapped_len > 0))
		why = "the signer lost the private key that it made";
	if (why)
		fail(r, job, why);
	else
		commit_issued(r, job, &d, &c, m);
}

/* The stored file with another key object. */
static size_t replace_key(const struct certfile *f, const struct ipc_blob *keybox,
			  uint8_t ret[CERTFILE_MAX])
{
	struct out o = out_of(ret, CERTFILE_MAX);

	if (f->manufacturer.present)
		certfile_put(&o, CERTFILE_MANUFACTURER, f->manufacturer.value,
			     f->manufacturer.len);
	certfile_put(&o, CERTFILE_DEVICE, f->device.value, f->device.len);
	certfile_put(&o, CERTFILE_KEY, keybox->p, keybox->len);
	if (f->link.present)
		certfile_put(&o, CERTFILE_LINK, f->link.value, f->link.len);
	return o.full ? 0 : o.len;
}

void making_wrapped(struct registrar *r, struct peer *p, const struct ipc_wrapped *m)
{
	struct issue_job *job = issue_answered(&r->issue, m->job, p->number);
	uint8_t file[CERTFILE_MAX], set;
	char text[MAC_TEXT_SIZE];
	struct certfile f;
	const uint8_t *bytes;
	uint32_t epoch;
	size_t len;

	if (!job || job->state != ISSUE_WRAPPING || !turn_begin(r))
		return;
	if (m->rc < 0 || m->keybox.len == 0) {
		log_warning("event=wrap-failed mac=%s rc=%d why=\"%s\"",
			    mac_text(&job->mac, text), m->rc, error_name(m->rc));
	} else if (turn_check(r, store_file_get(r->store, &job->mac, &epoch, &set,
						&bytes, &len)) == 0 &&
		   epoch == job->epoch &&
		   certfile_parse(bytes, len, &f, NULL) == DEVICE_OK &&
		   (len = replace_key(&f, &m->keybox, file)) > 0) {
		(void)turn_check(r, store_file_put(r->store, &job->mac, epoch, job->set,
						   file, len));
	}
	issue_drop(&r->issue, job);
}
