#include "core/desk.h"

#include <assert.h>
#include <string.h>
#include "base/errors.h"
#include "core/deskslot.h"

static const char *const counter_names[DESK_COUNTERS] = {
	[DESK_DATAGRAMS] = "datagrams",
	[DESK_REQUESTS] = "requests",
	[DESK_CONFIRMS] = "confirms",
	[DESK_REPORTS] = "reports",
	[DESK_REPEATED] = "repeated",
	[DESK_BAD_OPCODE] = "bad-opcode",
	[DESK_BAD_REQUEST] = "bad-request",
	[DESK_BAD_MODE] = "bad-mode",
	[DESK_BAD_NAME] = "bad-name",
	[DESK_WRITES] = "writes",
	[DESK_STRAY] = "stray",
	[DESK_UNANSWERED] = "unanswered",
	[DESK_IGNORED] = "ignored",
	[DESK_UNKNOWN_DEVICE] = "unknown-device",
	[DESK_UNKNOWN_CLASS] = "unknown-class",
	[DESK_WRONG_TYPE] = "wrong-type",
	[DESK_WRONG_CODE] = "wrong-code",
	[DESK_DENIED] = "denied",
	[DESK_NOT_READY] = "not-ready",
	[DESK_TABLE_FULL] = "table-full",
	[DESK_REGISTRAR_SILENT] = "registrar-silent",
	[DESK_REGISTRAR_STALE] = "registrar-stale",
	[DESK_REGISTRAR_BAD] = "registrar-bad",
	[DESK_NOT_FOUND] = "not-found",
	[DESK_FILES_STARTED] = "files-started",
	[DESK_FILES_DELIVERED] = "files-delivered",
	[DESK_NOTED] = "noted",
	[DESK_GIVEN_UP] = "given-up",
	[DESK_UNPROVEN] = "unproven",
	[DESK_ABORTED] = "aborted",
	[DESK_REPLACED] = "replaced",
	[DESK_SENT] = "sent",
	[DESK_RESENT] = "resent",
	[DESK_ERRORS] = "errors",
	[DESK_SEND_FAILED] = "send-failed",
};

static_assert((int)DESK_COUNTERS <= (int)IPC_COUNTERS_MAX, "one message holds them");

static const char not_found_text[] = "File_Name_Not_Found";
static const char refused_text[] = "Authentication_Failed";

const char *desk_counter_name(unsigned counter)
{
	return counter < DESK_COUNTERS ? counter_names[counter] : NULL;
}

void desk_count(struct desk *d, enum desk_counter c)
{
	d->counters[c]++;
}

size_t desk_size(uint32_t n_slots)
{
	return deskslot_size(n_slots);
}

void desk_init(struct desk *d, void *memory, const struct desk_setup *setup)
{
	memset(d, 0, sizeof(*d));
	d->n_tids = setup->n_tids;
	d->secret = setup->secret;
	d->limits = setup->limits;
	d->stray_left = DESK_STRAY_PER_S;
	deskslot_init(d, memory, setup->n_slots);
}

void desk_limit(struct desk *d, const struct desk_limits *limits)
{
	d->limits = *limits;
}

/* ---- what to do ---------------------------------------------------------- */

static void todo_clear(struct desk_todo *t)
{
	memset(t, 0, sizeof(*t));
	t->slot = DESK_NO_SLOT;
	t->remark = DESK_COUNTERS;
}

static void reply(struct desk *d, struct desk_todo *t, enum tftp_error code,
		  const char *text)
{
	struct out o = out_of(t->reply, sizeof(t->reply));

	tftp_build_error(&o, code, text);
	assert(!o.full);
	t->reply_len = o.len;
	t->act = DESK_REPLY;
	d->counters[DESK_ERRORS]++;
}

static void remark(struct desk *d, struct desk_todo *t, enum desk_counter why)
{
	d->counters[why]++;
	t->remark = why;
}

/* Refuse the datagram.  In the face of a live transfer nothing is said: who sent
 * this need not be who has the transfer. */
static void refuse(struct desk *d, struct desk_todo *t, enum desk_counter why,
		   enum tftp_error code, const char *text)
{
	remark(d, t, why);
	t->act = DESK_NOTHING;
	if (t->slot != DESK_NO_SLOT)
		d->counters[DESK_UNANSWERED]++;
	else
		reply(d, t, code, text);
}

static bool stray_allowed(struct desk *d, uint64_t now)
{
	uint64_t passed = now - d->stray_ms;

	if (passed >= 1000) {
		d->stray_ms = now;
		d->stray_left = DESK_STRAY_PER_S;
	}
	if (d->stray_left == 0)
		return false;
	d->stray_left--;
	return true;
}

/* To a datagram that belongs to nothing. */
static void refuse_stray(struct desk *d, struct desk_todo *t, enum desk_counter why,
			 enum tftp_error code, const char *text, uint64_t now)
{
	if (stray_allowed(d, now)) {
		refuse(d, t, why, code, text);
		return;
	}
	d->counters[DESK_UNANSWERED]++;
	remark(d, t, why);
}

static void send_slot(const struct desk *d, struct desk_todo *t, uint32_t i)
{
	t->act = DESK_SEND;
	t->slot = i;
	t->way = d->slots[i].way;
}

/* The transfer in slot i is over: say so, and free the slot. */
static void end_slot(struct desk *d, struct desk_todo *t, uint32_t i,
		     enum desk_end_why why, uint64_t now)
{
	const struct desk_slot *s = &d->slots[i];

	if (s->state == DESKSLOT_XFER && s->file) {
		t->end = (struct desk_end){
			.why = why,
			.mac = s->name.mac,
			.peer = s->way.peer,
			.epoch = s->epoch,
			.bytes = (uint32_t)s->xfer.len,
			.blksize = s->xfer.blksize,
			.window = s->xfer.window,
			.resent = s->xfer.resent,
			.took_ms = (uint32_t)(now - s->since),
		};
		if (why == DESK_END_DELIVERED || why == DESK_END_CONFIRMED)
			d->counters[DESK_FILES_DELIVERED]++;
	}
	if (s->state == DESKSLOT_XFER)
		d->counters[DESK_RESENT] += s->xfer.resent;
	deskslot_free(d, i);
}

/* ---- datagrams ------------------------------------------------------------ */

static void on_request(struct desk *d, const void *p, size_t len, uint64_t now,
		       struct desk_todo *t)
{
	struct tftp_request r;
	int rc = tftp_parse_request(p, len, &r);

	t->slot = deskslot_find(d, &t->way);
	if (rc == FC_EUNKNOWN) {
		refuse(d, t, DESK_BAD_MODE, TFTP_EBADOP, "Unknown_Mode");
		return;
	}
	if (rc < 0) {
		refuse(d, t, DESK_BAD_REQUEST, TFTP_EBADOP,
		       rc == FC_EFULL ? "Request_Too_Long" : "Malformed_Request");
		return;
	}
	t->raw_name = r.name;
	t->raw_name_len = r.name_len;
	if (r.opcode == TFTP_WRQ) {
		refuse(d, t, DESK_WRITES, TFTP_EACCESS, "Writes_Not_Accepted");
		return;
	}

	t->fingerprint = siphash24(&d->secret, p, len);
	if (t->slot != DESK_NO_SLOT &&
	    d->slots[t->slot].fingerprint == t->fingerprint) {
		struct desk_slot *s = &d->slots[t->slot];

		remark(d, t, DESK_REPEATED);
		if (s->state == DESKSLOT_XFER &&
		    xfer_again(&s->xfer, now) == XFER_SEND) {
			deskslot_arm(d, t->slot);
			send_slot(d, t, t->slot);
		}
		return;
	}
	if (name_parse(r.name, r.name_len, &t->name) < 0) {
		refuse(d, t, DESK_BAD_NAME, TFTP_ENOTFOUND, not_found_text);
		return;
	}
	t->options = r.options;
	t->octet = r.octet;
	t->act = DESK_AUTHENTICATE;
}

/* The transfer that this datagram belongs to, by both ends' TIDs. */
static uint32_t transfer_of(const struct desk *d, const struct desk_way *w)
{
	uint32_t i = deskslot_find(d, w);

	return i != DESK_NO_SLOT && d->slots[i].state == DESKSLOT_XFER &&
			       d->slots[i].way.tid == w->tid
		       ? i
		       : DESK_NO_SLOT;
}

static void on_ack(struct desk *d, uint32_t i, const void *p, size_t len, uint64_t now,
		   struct desk_todo *t)
{
	struct desk_slot *s = &d->slots[i];
	uint16_t block;

	if (tftp_parse_ack(p, len, &block) < 0) {
		remark(d, t, DESK_IGNORED);
		return;
	}
	switch (xfer_ack(&s->xfer, block, now)) {
	case XFER_SEND:
		deskslot_arm(d, i);
		send_slot(d, t, i);
		break;
	case XFER_DONE:
		if (!s->file)
			d->counters[DESK_NOTED]++;
		end_slot(d, t, i, DESK_END_DELIVERED, now);
		break;
	case XFER_NOTHING:
	case XFER_GIVE_UP:
		break;
	}
}

static void on_error(struct desk *d, uint32_t i, const void *p, size_t len,
		     uint64_t now, struct desk_todo *t)
{
	uint16_t code;
	struct cur text;

	if (tftp_parse_error(p, len, &code, &text) < 0) {
		remark(d, t, DESK_IGNORED);
		return;
	}
	d->counters[DESK_ABORTED]++;
	end_slot(d, t, i, DESK_END_ABORTED, now);
	t->end.error = code;
	t->end.text = (const char *)text.buf;
	t->end.text_len = text.len;
}

/* Everything but requests. */
static void on_transfer(struct desk *d, int opcode, const void *p, size_t len,
			bool truncated, uint64_t now, struct desk_todo *t)
{
	uint32_t i = transfer_of(d, &t->way);

	if (i != DESK_NO_SLOT && !truncated && opcode == TFTP_ACK)
		on_ack(d, i, p, len, now, t);
	else if (i != DESK_NO_SLOT && !truncated && opcode == TFTP_ERROR)
		on_error(d, i, p, len, now, t);
	else if (i != DESK_NO_SLOT || opcode == TFTP_ERROR)
		remark(d, t, DESK_IGNORED);
	else if (opcode < 0)
		refuse_stray(d, t, DESK_BAD_OPCODE, TFTP_EBADOP,
			     "Illegal_TFTP_Operation", now);
	else
		refuse_stray(d, t, DESK_STRAY, TFTP_EBADTID, "Unknown_Transfer_ID",
			     now);
}

void desk_datagram(struct desk *d, const struct desk_way *way, const void *p,
		   size_t len, bool truncated, uint64_t now, struct desk_todo *t)
{
	int opcode = tftp_opcode(p, len);
	bool request = opcode == TFTP_RRQ || opcode == TFTP_WRQ;

	todo_clear(t);
	t->way = *way;
	d->counters[DESK_DATAGRAMS]++;
	if (way->peer.port == 0) {
		remark(d, t, DESK_IGNORED);
		return;
	}
	if (!request || way->tid != DESK_REQUEST_TID) {
		on_transfer(d, opcode, p, len, truncated, now, t);
		return;
	}
	t->raw_name = (const char *)p + 2;
	t->raw_name_len = len - 2;
	if (truncated) {
		t->slot = deskslot_find(d, way);
		refuse(d, t, DESK_BAD_REQUEST, TFTP_EBADOP, "Request_Too_Long");
		return;
	}
	on_request(d, p, len, now, t);
}

/* ---- judgement --------------------------------------------------------- */

/* The last ACK of a file may be lost, and then the confirmation tells. */
static void end_confirmed(struct desk *d, struct desk_todo *t, uint64_t now)
{
	uint32_t i = deskslot_of_mac(d, &t->name.mac);

	if (i == DESK_NO_SLOT || !xfer_all_sent(&d->slots[i].xfer))
		return;
	end_slot(d, t, i, DESK_END_CONFIRMED, now);
	if (t->slot == i)
		t->slot = DESK_NO_SLOT;
}

static void wait_for(struct desk *d, struct desk_todo *t, enum deskslot_state state,
		     uint64_t now)
{
	struct desk_slot *s = &d->slots[t->slot];

	s->state = state;
	s->deadline = now + DESK_ANSWER_MS;
	t->ref = deskslot_ref(d, t->slot);
	deskslot_arm(d, t->slot);
}

static void open_transfer(struct desk *d, uint32_t i, size_t len, uint64_t now)
{
	struct desk_slot *s = &d->slots[i];
	struct tftp_options options = s->options;

	/* RFC 2349 counts octets as they are transferred, which says nothing about
	 * the file after a netascii client's conversion. */
	if (!s->octet)
		options.has_tsize = false;
	if (d->n_tids > 0)
		s->way.tid = (uint16_t)(siphash24(&d->secret, s->key, 18) % d->n_tids);
	xfer_open(&s->xfer, deskslot_payload(d, i), len, s->file ? &options : NULL,
		  &d->limits.xfer, now);
	s->state = DESKSLOT_XFER;
	s->since = now;
	deskslot_arm(d, i);
}

/* Room for the request in t, in place of what its peer had before. */
static bool seat(struct desk *d, struct desk_todo *t, uint64_t now)
{
	if (t->slot != DESK_NO_SLOT) {
		d->counters[DESK_REPLACED]++;
		end_slot(d, t, t->slot, DESK_END_REPLACED, now);
	}
	t->slot = deskslot_take(d, t, now);
	if (t->slot != DESK_NO_SLOT)
		return true;
	remark(d, t, DESK_TABLE_FULL);
	return false;
}

/* Of a transfer to this device all has been sent, only the last ACK is missing. */
static bool as_good_as_over(const struct desk_slot *s, const struct mac *mac)
{
	return s->in_mac && mac_equal(&s->name.mac, mac) && xfer_all_sent(&s->xfer);
}

/* Nothing is proven yet: this takes no more than its share of slots, and ends no
 * transfer but its own device's that is as good as over. */
static void judge_later(struct desk *d, struct desk_todo *t, uint64_t now)
{
	if (t->slot != DESK_NO_SLOT &&
	    !as_good_as_over(&d->slots[t->slot], &t->name.mac)) {
		d->counters[DESK_UNANSWERED]++;
		return;
	}
	if (d->n_digests > d->n_slots / DESK_DIGEST_SHARE) {
		remark(d, t, DESK_TABLE_FULL);
		return;
	}
	if (!seat(d, t, now))
		return;
	d->n_digests++;
	t->act = DESK_DIGEST;
	wait_for(d, t, DESKSLOT_DIGEST, now);
}

static void count_right(struct desk *d, enum name_kind kind)
{
	d->counters[kind == NAME_REQUEST   ? DESK_REQUESTS
		    : kind == NAME_CONFIRM ? DESK_CONFIRMS
					   : DESK_REPORTS]++;
}

static void judged_right(struct desk *d, struct desk_todo *t, bool noted, uint64_t now)
{
	count_right(d, t->name.kind);
	if (t->name.kind == NAME_CONFIRM)
		end_confirmed(d, t, now);
	if (t->digest) {
		d->n_digests--;
		t->bound = true;
	} else if (!seat(d, t, now)) {
		return;
	}
	if (noted) {
		open_transfer(d, t->slot, 0, now);
		send_slot(d, t, t->slot);
		return;
	}
	t->act = t->name.kind == NAME_REQUEST   ? DESK_ASK
		 : t->name.kind == NAME_CONFIRM ? DESK_CONFIRM
						: DESK_REPORT;
	wait_for(d, t, DESKSLOT_WAIT, now);
}

static enum desk_counter counter_of(enum desk_judgement j)
{
	switch (j) {
	case DESK_NO_SUCH_DEVICE:
		return DESK_UNKNOWN_DEVICE;
	case DESK_NO_SUCH_CLASS:
		return DESK_UNKNOWN_CLASS;
	case DESK_OTHER_TYPE:
		return DESK_WRONG_TYPE;
	case DESK_CODE_WRONG:
		return DESK_WRONG_CODE;
	case DESK_IS_DENIED:
		return DESK_DENIED;
	case DESK_CANNOT_JUDGE:
	case DESK_RIGHT:
	case DESK_RIGHT_NOTED:
	case DESK_WANTS_DIGEST:
		break;
	}
	return DESK_NOT_READY;
}

void desk_judge(struct desk *d, struct desk_todo *t, enum desk_judgement j, uint8_t set,
		uint64_t now)
{
	bool second = t->digest || t->digest_missing;

	t->act = DESK_NOTHING;
	t->set = set;
	if (j == DESK_WANTS_DIGEST && !second) {
		judge_later(d, t, now);
		return;
	}
	if (j == DESK_RIGHT || j == DESK_RIGHT_NOTED) {
		judged_right(d, t, j == DESK_RIGHT_NOTED, now);
		return;
	}
	if (second) {
		deskslot_free(d, t->slot);
		t->slot = DESK_NO_SLOT;
	}
	if (j != DESK_CANNOT_JUDGE) {
		refuse(d, t, counter_of(j), TFTP_EACCESS, refused_text);
	} else if (t->name.kind == NAME_REQUEST) {
		refuse(d, t, DESK_NOT_READY, TFTP_ENOTFOUND, not_found_text);
	} else {
		remark(d, t, DESK_NOT_READY);
	}
}

/* ---- the registrar's answers ----------------------------------------------- */

/* Bytes as RFC 764's NVT sends them: LF as CR LF, CR as CR NUL.  A client that
 * asked for netascii turns them back, and so has the same file.  FC_EFULL. */
static int netascii(const uint8_t *p, size_t len, uint8_t *ret, size_t cap,
		    size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool pair = p[i] == '\n' || p[i] == '\r';

		if (cap - n < (pair ? 2U : 1U))
			return FC_EFULL;
		if (pair)
			ret[n++] = '\r';
		ret[n++] = p[i] == '\r' ? '\0' : p[i];
	}
	*ret_len = n;
	return 0;
}

static void end_with_error(struct desk *d, struct desk_todo *t, uint32_t i,
			   enum tftp_error code, const char *text)
{
	t->way = d->slots[i].way;
	t->name = d->slots[i].name;
	deskslot_free(d, i);
	reply(d, t, code, text);
}

static void answer_file(struct desk *d, struct desk_todo *t, uint32_t i,
			const struct ipc_answer *a, uint64_t now)
{
	struct desk_slot *s = &d->slots[i];
	uint8_t *payload = deskslot_payload(d, i);
	size_t len = a->file.len;

	if (s->octet) {
		memcpy(payload, a->file.p, len);
	} else if (netascii(a->file.p, len, payload, DESK_PAYLOAD_MAX, &len) < 0) {
		end_with_error(d, t, i, TFTP_EUNDEF, "Too_Long_For_Netascii");
		return;
	}
	s->file = true;
	s->epoch = a->epoch;
	deskslot_index_mac(d, i);
	d->counters[DESK_FILES_STARTED]++;
	open_transfer(d, i, len, now);
	send_slot(d, t, i);
}

void desk_answer(struct desk *d, const struct ipc_answer *a, uint64_t now,
		 struct desk_todo *t)
{
	uint32_t i = deskslot_of_ref(d, a->ref, DESKSLOT_WAIT);
	bool ask;

	todo_clear(t);
	if (i == DESK_NO_SLOT) {
		d->counters[DESK_REGISTRAR_STALE]++;
		return;
	}
	ask = d->slots[i].name.kind == NAME_REQUEST;
	if (a->verdict == IPC_VERDICT_DENIED) {
		remark(d, t, DESK_DENIED);
		end_with_error(d, t, i, TFTP_EACCESS, refused_text);
	} else if (a->verdict == IPC_VERDICT_NOT_FOUND && ask) {
		remark(d, t, DESK_NOT_FOUND);
		end_with_error(d, t, i, TFTP_ENOTFOUND, not_found_text);
	} else if (a->verdict == IPC_VERDICT_FILE && ask && a->file.len > 0 &&
		   a->file.len <= DESK_PAYLOAD_MAX) {
		answer_file(d, t, i, a, now);
	} else if (a->verdict == IPC_VERDICT_NOTED && !ask) {
		open_transfer(d, i, 0, now);
		send_slot(d, t, i);
	} else {
		/* Not recorded, or nonsense: the slot waits on, and ends as if
		 * the registrar were silent. */
		d->counters[DESK_REGISTRAR_BAD]++;
	}
}

void desk_digest(struct desk *d, const struct ipc_digest_is *a, struct desk_todo *t)
{
	uint32_t i = deskslot_of_ref(d, a->ref, DESKSLOT_DIGEST);
	struct desk_slot *s;

	todo_clear(t);
	if (i == DESK_NO_SLOT) {
		d->counters[DESK_REGISTRAR_STALE]++;
		return;
	}
	s = &d->slots[i];
	memcpy(s->digest, a->digest, sizeof(s->digest));
	t->act = DESK_AUTHENTICATE;
	t->slot = i;
	t->way = s->way;
	t->name = s->name;
	t->digest = a->found ? s->digest : NULL;
	t->digest_missing = !a->found;
}

/* ---- time ---------------------------------------------------------------- */

uint64_t desk_deadline(const struct desk *d)
{
	uint64_t deadline;
	uint32_t i;

	return timerheap_first(&d->timers, &deadline, &i) ? deadline : TIMER_NONE;
}

static void expire_transfer(struct desk *d, uint32_t i, uint64_t now,
			    struct desk_todo *t)
{
	struct desk_slot *s = &d->slots[i];
	bool proven;

	switch (xfer_tick(&s->xfer, now)) {
	case XFER_SEND:
		deskslot_arm(d, i);
		send_slot(d, t, i);
		break;
	case XFER_GIVE_UP:
		proven = s->xfer.proven;
		d->counters[proven ? DESK_GIVEN_UP : DESK_UNPROVEN]++;
		end_slot(d, t, i, proven ? DESK_END_GIVEN_UP : DESK_END_UNPROVEN, now);
		break;
	case XFER_NOTHING:
	case XFER_DONE:
		break;
	}
}

bool desk_expire(struct desk *d, uint64_t now, struct desk_todo *t)
{
	uint64_t deadline;
	uint32_t i;

	todo_clear(t);
	if (!timerheap_first(&d->timers, &deadline, &i) || deadline > now)
		return false;
	if (d->slots[i].state == DESKSLOT_XFER) {
		expire_transfer(d, i, now, t);
		return true;
	}
	remark(d, t, DESK_REGISTRAR_SILENT);
	if (d->slots[i].name.kind == NAME_REQUEST) {
		end_with_error(d, t, i, TFTP_ENOTFOUND, not_found_text);
	} else {
		t->way = d->slots[i].way;
		t->name = d->slots[i].name;
		deskslot_free(d, i);
	}
	return true;
}

bool desk_packet(struct desk *d, uint32_t slot, struct out *o)
{
	struct desk_slot *s = &d->slots[slot];

	if (s->state != DESKSLOT_XFER || !xfer_packet(&s->xfer, o))
		return false;
	d->counters[DESK_SENT]++;
	return true;
}

uint32_t desk_busy(const struct desk *d)
{
	return d->n_busy;
}
