/* What fronts ask and tell: answered from the database, in this turn's
 * transaction, and sent when it is committed. */
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "cmd/fieldcertd/registrar.h"
#include "core/policy.h"
#include "crypto/authcode.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "wire/certfile.h"

static void answer(struct registrar *r, const struct peer *p, uint64_t ref,
		   enum ipc_verdict verdict)
{
	struct ipc_message m = { .type = IPC_ANSWER };

	m.u.answer.ref = ref;
	m.u.answer.verdict = (uint8_t)verdict;
	outbox_put(r, p, &m);
}

/* ---- a request for the file (S3) ---------------------------------------- */

static bool class_has_type(const struct conf_class *class, const char *type)
{
	for (size_t i = 0; i < class->n_types; i++) {
		if (strcmp(class->types[i], type) == 0)
			return true;
	}
	return false;
}

static enum policy_key key_of(const struct conf_class *class)
{
	switch (class->key_source) {
	case CONF_KEY_REGISTRY:
		return POLICY_KEY_REGISTRY;
	case CONF_KEY_SERVER:
		return POLICY_KEY_SERVER;
	case CONF_KEY_EITHER:
		break;
	}
	return POLICY_KEY_EITHER;
}

struct policy registrar_policy(const struct registrar *r, const struct store_device *d,
			       uint8_t file_set, uint8_t asked_set)
{
	const struct conf_class *class = conf_class_by_name(r->conf, d->class_name);
	struct policy_request q = { .denied = d->denied,
				    .class_known = class != NULL,
				    .key_registered = d->spki_len > 0,
				    .epoch = d->epoch,
				    .file_epoch = d->file_epoch,
				    .file_set = file_set,
				    .asked_set = asked_set };

	if (class) {
		q.type_allowed = class_has_type(class, d->type);
		q.key = key_of(class);
	}
	return policy_request(&q);
}

bool registrar_takes_registered(const struct conf_class *class,
				const struct store_device *d)
{
	return policy_takes_registered(key_of(class), d->spki_len > 0);
}

/* A state that the database has already is not written again: a device that asks
 * once a second costs a counter, not an index. */
static void set_state(struct registrar *r, const struct store_device *d,
		      enum device_state state, const char *waiting)
{
	if (d->state == state && strcmp(d->waiting, waiting) == 0)
		return;
	(void)turn_check(r, store_device_state(r->store, &d->mac, state, waiting));
}

static void start_making(struct registrar *r, const struct store_device *d,
			 const struct ipc_ask *m, const char *peer)
{
	int64_t now = clock_unix_s();

	if (turn_check(r, store_queue_put(r->store, &m->mac, m->set, now)) < 0)
		return;
	if (d->state != DEVICE_REQUESTED) {
		set_state(r, d, DEVICE_REQUESTED, d->waiting);
		turn_event(r, &m->mac, "request", d->epoch, peer);
	}
	making_want(r, &m->mac, m->set, ISSUE_NEED_PLAN);
}

static void keep_waiting(struct registrar *r, const struct store_device *d,
			 const char *why, const char *peer)
{
	char text[MAC_TEXT_SIZE];

	if (d->state != DEVICE_REQUESTED)
		turn_event(r, &d->mac, "request", d->epoch, peer);
	if (strcmp(d->waiting, why) != 0)
		log_warning("event=waiting mac=%s why=\"%s\"", mac_text(&d->mac, text),
			    why);
	set_state(r, d, DEVICE_REQUESTED, why);
}

struct file {
	uint32_t epoch;
	uint8_t set;
	const uint8_t *p;
	size_t len;
};

static void send_file(struct registrar *r, const struct peer *p,
		      const struct ipc_ask *m, const struct file *f)
{
	struct ipc_message out = { .type = IPC_ANSWER };

	out.u.answer.ref = m->ref;
	out.u.answer.verdict = IPC_VERDICT_FILE;
	out.u.answer.epoch = f->epoch;
	out.u.answer.file.p = f->p;
	out.u.answer.file.len = f->len;
	outbox_put(r, p, &out);
}

/* The file's bytes live until the store's next call: it goes first. */
static void answer_ask(struct registrar *r, struct peer *p, const struct ipc_ask *m,
		       const struct store_device *d, const char *peer)
{
	struct file f = { .epoch = 0 };
	struct store_device had = *d;
	int64_t now = clock_unix_s();
	struct policy what;

	if (d->file_epoch > 0 &&
	    turn_check(r, store_file_get(r->store, &m->mac, &f.epoch, &f.set, &f.p,
					 &f.len)) < 0) {
		had.file_epoch = 0; /* its row says so, but there is none */
		if (r->turn_rc < 0) {
			answer(r, p, m->ref, IPC_VERDICT_NOT_FOUND);
			return;
		}
	}
	what = registrar_policy(r, &had, f.set, m->set);
	if (what.reply == POLICY_FILE)
		send_file(r, p, m, &f);
	else
		answer(r, p, m->ref,
		       what.reply == POLICY_DENY ? IPC_VERDICT_DENIED
						 : IPC_VERDICT_NOT_FOUND);
	(void)turn_check(r, store_device_seen(r->store, &m->mac, now, peer));
	if (what.reply == POLICY_FILE)
		(void)turn_check(r, store_device_served(r->store, &m->mac, now, peer));
	if (what.work == POLICY_MAKE)
		start_making(r, d, m, peer);
	else if (what.work == POLICY_WAIT)
		keep_waiting(r, d, what.why, peer);
	else if (what.work == POLICY_WRAP)
		making_want(r, &m->mac, m->set, ISSUE_NEED_WRAP);
}

void request_ask(struct registrar *r, struct peer *p, const struct ipc_ask *m)
{
	char peer[PEER_TEXT_SIZE], text[MAC_TEXT_SIZE];
	struct store_device d;
	int rc = FC_ESTORE;

	if (turn_begin(r))
		rc = turn_check(r, store_device_get(r->store, &m->mac, &d));
	if (rc == FC_EABSENT)
		log_warning("event=ask-unknown mac=%s peer=%s", mac_text(&m->mac, text),
			    peer_text(&m->peer, peer));
	if (rc < 0)
		answer(r, p, m->ref, IPC_VERDICT_NOT_FOUND);
	else
		answer_ask(r, p, m, &d, peer_text(&m->peer, peer));
}

void request_digest(struct registrar *r, struct peer *p, const struct ipc_digest *m)
{
	struct ipc_message out = { .type = IPC_DIGEST_IS };
	struct file f;

	out.u.digest_is.ref = m->ref;
	if (store_file_get(r->store, &m->mac, &f.epoch, &f.set, &f.p, &f.len) == 0 &&
	    sha256_of(f.p, f.len, out.u.digest_is.digest) == 0)
		out.u.digest_is.found = 1;
	(void)peer_send(p, &out, -1);
}

/* ---- what devices say afterwards ---------------------------------------- */

void request_delivered(struct registrar *r, const struct ipc_delivered *m)
{
	char peer[PEER_TEXT_SIZE], text[MAC_TEXT_SIZE];
	struct store_device d;

	if (!turn_begin(r) ||
	    turn_check(r, store_device_get(r->store, &m->mac, &d)) < 0)
		return;
	if (m->epoch == 0 || m->epoch != d.file_epoch)
		return; /* a file that was replaced meanwhile */
	(void)peer_text(&m->peer, peer);
	if (d.delivered_epoch != m->epoch || d.state == DEVICE_FAILED) {
		(void)turn_check(r,
				 store_device_delivered(r->store, &m->mac, m->epoch));
		turn_event(r, &m->mac, "delivered", m->epoch, peer);
		turn_say(r, "event=delivered mac=%s epoch=%u peer=%s",
			 mac_text(&m->mac, text), m->epoch, peer);
	}
	if (m->epoch == d.epoch && d.state != DEVICE_CONFIRMED)
		set_state(r, &d, DEVICE_DELIVERED, "");
}

/* Put off: DELIVERED of one front may be read after the confirmation that the
 * device sent to another. */
static void put_off(struct registrar *r, const struct peer *p, struct late *l)
{
	if (r->n_late == LATER_MAX)
		request_late(r);
	if (r->n_late == LATER_MAX) {
		for (size_t i = 0; i < LATER_MAX; i++)
			r->late[i].until = 0;
		request_late(r);
	}
	l->until = clock_ms() + LATE_MS;
	l->peer = (uint16_t)(p - r->peers);
	l->generation = p->generation;
	r->late[r->n_late++] = *l;
}

void request_confirm(struct registrar *r, struct peer *p, const struct ipc_confirm *m)
{
	struct late l = { .type = IPC_CONFIRM, .u.confirm = *m };

	put_off(r, p, &l);
}

void request_report(struct registrar *r, struct peer *p, const struct ipc_report *m)
{
	struct late l = { .type = IPC_REPORT, .u.report = *m };

	put_off(r, p, &l);
}

/* N4, S10. */
static void confirm(struct registrar *r, const struct ipc_confirm *m)
{
	char peer[PEER_TEXT_SIZE], text[MAC_TEXT_SIZE];
	struct store_device d;

	if (turn_check(r, store_device_get(r->store, &m->mac, &d)) < 0)
		return;
	(void)peer_text(&m->peer, peer);
	(void)mac_text(&m->mac, text);
	if (!policy_confirm_counts(m->bound != 0, d.epoch, d.file_epoch,
				   d.delivered_epoch)) {
		if (turn_event_once(r, &m->mac, "early-confirm", d.epoch, peer,
				    d.served_at))
			turn_say(r, "event=early-confirm mac=%s peer=%s", text, peer);
		return;
	}
	if (d.delivered_epoch != d.epoch)
		(void)turn_check(r, store_device_delivered(r->store, &m->mac, d.epoch));
	if (d.state == DEVICE_CONFIRMED)
		return;
	set_state(r, &d, DEVICE_CONFIRMED, "");
	turn_event(r, &m->mac, "confirmed", d.epoch, peer);
	turn_say(r, "event=confirmed mac=%s epoch=%u peer=%s", text, d.epoch, peer);
}

/* S11. Repeats of one transfer's report are one error. */
static void report(struct registrar *r, const struct ipc_report *m)
{
	char peer[PEER_TEXT_SIZE], text[MAC_TEXT_SIZE];
	struct store_device d;

	if (turn_check(r, store_device_get(r->store, &m->mac, &d)) < 0)
		return;
	(void)peer_text(&m->peer, peer);
	if (!policy_report_counts(clock_unix_s(), d.served_at,
				  strcmp(d.served_to, peer) == 0))
		return; /* the front has counted it */
	(void)turn_check(r, store_device_error(r->store, &m->mac, m->number));
	if (d.file_epoch == d.epoch)
		set_state(r, &d, DEVICE_FAILED, "");
	if (turn_event_once(r, &m->mac, "error", m->number, peer, d.served_at))
		turn_say(r, "event=error-report mac=%s peer=%s error=\"%s\"",
			 mac_text(&m->mac, text), peer, device_error_text(m->number));
}

/* The file is out, and an OK is there: where it has not arrived yet, as far as is known
 * here, word of it is on its way, as a rule. */
static bool may_wait(struct registrar *r, const struct late *l)
{
	const struct ipc_confirm *m = &l->u.confirm;
	struct store_device d;

	if (l->type != IPC_CONFIRM || clock_ms() >= l->until || !turn_begin(r) ||
	    turn_check(r, store_device_get(r->store, &m->mac, &d)) < 0)
		return false;
	return d.served_at > 0 && d.file_epoch == d.epoch &&
	       !policy_confirm_counts(m->bound != 0, d.epoch, d.file_epoch,
				      d.delivered_epoch);
}

static void settle(struct registrar *r, const struct late *l)
{
	const struct peer *p = &r->peers[l->peer];
	uint64_t ref = l->type == IPC_CONFIRM ? l->u.confirm.ref : l->u.report.ref;

	if (turn_begin(r) && l->type == IPC_CONFIRM)
		confirm(r, &l->u.confirm);
	else if (r->turn_rc == 0)
		report(r, &l->u.report);
	if (p->chan && p->generation == l->generation)
		answer(r, p, ref, IPC_VERDICT_NOTED);
}

void request_late(struct registrar *r)
{
	size_t waiting = 0;

	for (size_t i = 0; i < r->n_late; i++) {
		if (may_wait(r, &r->late[i]))
			r->late[waiting++] = r->late[i];
		else
			settle(r, &r->late[i]);
	}
	r->n_late = waiting;
}

uint64_t request_deadline(const struct registrar *r)
{
	return r->n_late > 0 ? r->late[0].until : UINT64_MAX; /* the oldest */
}
