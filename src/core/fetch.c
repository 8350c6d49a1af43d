#include "core/fetch.h"

#include <assert.h>
#include <string.h>

static const char *const result_names[] = {
	[FETCH_RUNNING] = "running",     [FETCH_DONE] = "done",
	[FETCH_NOT_FOUND] = "not-found", [FETCH_REJECTED] = "rejected",
	[FETCH_REFUSED] = "refused",     [FETCH_NO_ANSWER] = "no-answer",
	[FETCH_CUT_OFF] = "cut-off",     [FETCH_OVERSIZE] = "oversize",
	[FETCH_PROTOCOL] = "protocol",
};
static_assert(sizeof(result_names) / sizeof(result_names[0]) == FETCH_RESULT_COUNT,
	      "a name for each result");

const char *fetch_result_name(enum fetch_result r)
{
	return result_names[r];
}

static bool asks_options(const struct fetch *f)
{
	const struct fetch_config *c = &f->cfg;

	return !f->plain && (c->blksize || c->windowsize || c->tsize || c->timeout_s);
}

static uint64_t backoff(const struct fetch *f)
{
	uint64_t wait = f->cfg.rto_ms;

	for (unsigned i = 0; i < f->silences && wait < f->cfg.rto_max_ms; i++)
		wait *= 2;
	return wait < f->cfg.rto_max_ms ? wait : f->cfg.rto_max_ms;
}

static void arm(struct fetch *f, uint64_t now)
{
	f->timer = now + backoff(f);
}

static bool end(struct fetch *f, enum fetch_result result, const char *why)
{
	f->phase = FETCH_IDLE;
	f->result = result;
	f->why = why;
	f->timer = TIMER_NONE;
	return true;
}

static void put(struct fetch_out *ret, const struct fetch_addr *to, const struct out *o)
{
	assert(!o->full);
	ret->send = true;
	ret->to = *to;
	ret->len = o->len;
}

static void put_error(struct fetch_out *ret, const struct fetch_addr *to,
		      enum tftp_error code, const char *text)
{
	struct out o = out_of(ret->p, sizeof(ret->p));

	tftp_build_error(&o, code, text);
	put(ret, to, &o);
}

static void put_ack(const struct fetch *f, struct fetch_out *ret)
{
	struct out o = out_of(ret->p, sizeof(ret->p));

	tftp_build_ack(&o, (uint16_t)(f->expected - 1));
	put(ret, &f->tid, &o);
}

static void put_request(struct fetch *f, struct fetch_out *ret)
{
	struct out o = out_of(ret->p, sizeof(ret->p));
	bool options = asks_options(f);
	struct tftp_options asked = {
		.has_blksize = options && f->cfg.blksize,
		.blksize = f->cfg.blksize,
		.has_windowsize = options && f->cfg.windowsize,
		.windowsize = f->cfg.windowsize,
		.has_tsize = options && f->cfg.tsize,
		.has_timeout = options && f->cfg.timeout_s,
		.timeout_s = f->cfg.timeout_s,
	};

	tftp_build_request(&o, TFTP_RRQ, f->name, &asked);
	put(ret, &f->server, &o);
}

static void ask(struct fetch *f, uint64_t now, struct fetch_out *ret)
{
	f->phase = FETCH_ASKED;
	f->len = 0;
	f->expected = 1;
	f->in_window = 0;
	f->gap_told = false;
	f->silences = 0;
	f->blksize = TFTP_BLKSIZE_DEFAULT;
	f->windowsize = 1;
	ret->fresh_port = true;
	put_request(f, ret);
	arm(f, now);
}

void fetch_start(struct fetch *f, const struct fetch_config *cfg,
		 const struct fetch_addr *server, const char *name, uint8_t *buf,
		 size_t cap, uint64_t now, struct fetch_out *ret)
{
	size_t name_len = strlen(name);

	assert(name_len < sizeof(f->name));
	assert(cap <= FETCH_FILE_MAX);
	assert(cfg->request_tries > 0);
	*ret = (struct fetch_out){ .send = false };
	*f = (struct fetch){
		.cfg = *cfg,
		.server = *server,
		.buf = buf,
		.cap = cap,
		.result = FETCH_RUNNING,
		.end_at = now + cfg->total_ms,
		.why = "",
	};
	memcpy(f->name, name, name_len + 1);
	ask(f, now, ret);
}

static bool again_or_cut_off(struct fetch *f, const char *why, uint64_t now,
			     struct fetch_out *ret)
{
	if (f->restarts >= f->cfg.restarts)
		return end(f, FETCH_CUT_OFF, why);
	f->restarts++;
	ask(f, now, ret);
	return false;
}

static bool on_block(struct fetch *f, const struct cur *payload, uint64_t now,
		     struct fetch_out *ret)
{
	if (payload->len > f->blksize) {
		put_error(ret, &f->tid, TFTP_EBADOP, "Block longer than agreed");
		return end(f, FETCH_PROTOCOL, "a block longer than agreed");
	}
	if (payload->len > f->cap - f->len) {
		put_error(ret, &f->tid, TFTP_EFULL, "File too big");
		return end(f, FETCH_OVERSIZE, "the file is bigger than allowed");
	}
	if (payload->len > 0)
		memcpy(f->buf + f->len, payload->buf, payload->len);
	f->len += payload->len;
	f->expected++;
	f->in_window++;
	f->gap_told = false;
	f->silences = 0;
	arm(f, now);

	if (payload->len < f->blksize) {
		put_ack(f, ret);
		f->phase = FETCH_DALLYING;
		f->result = FETCH_DONE;
		f->silences = 0;
		f->timer = now + f->cfg.dally_ms;
		return true;
	}
	if (f->in_window >= f->windowsize) {
		f->in_window = 0;
		put_ack(f, ret);
	}
	return false;
}

static void tell_gap(struct fetch *f, struct fetch_out *ret)
{
	if (f->gap_told || f->windowsize == 1)
		return;
	f->gap_told = true;
	f->in_window = 0;
	put_ack(f, ret);
}

/* The first answer names the server's port: its TID from now on. */
static void lock_tid(struct fetch *f, const struct fetch_addr *from)
{
	f->tid = *from;
	f->phase = FETCH_MOVING;
	f->begun = true;
}

static bool on_data(struct fetch *f, const struct fetch_addr *from, const void *p,
		    size_t len, uint64_t now, struct fetch_out *ret)
{
	struct cur payload;
	uint16_t block;

	if (tftp_parse_data(p, len, &block, &payload) < 0)
		return false;
	if (f->phase == FETCH_ASKED) {
		if (block != 1)
			return false;
		lock_tid(f, from); /* the server knows no options: RFC 1350 */
	}
	if (block == f->expected)
		return on_block(f, &payload, now, ret);
	if (block > f->expected)
		tell_gap(f, ret);
	return false;
}

static bool oack_is_acceptable(const struct fetch *f, const struct tftp_options *o)
{
	const struct fetch_config *c = &f->cfg;

	if (!asks_options(f))
		return false;
	if (!o->has_blksize && !o->has_windowsize && !o->has_timeout && !o->has_tsize)
		return false; /* acknowledges nothing: RFC 2347 has no such packet */
	if (o->has_blksize &&
	    (!c->blksize || o->blksize > c->blksize || o->blksize < TFTP_BLKSIZE_MIN))
		return false;
	if (o->has_windowsize &&
	    (!c->windowsize || o->windowsize > c->windowsize || o->windowsize < 1))
		return false;
	if (o->has_timeout && (!c->timeout_s || o->timeout_s != c->timeout_s))
		return false;
	return !o->has_tsize || c->tsize;
}

static bool on_oack(struct fetch *f, const struct fetch_addr *from, const void *p,
		    size_t len, uint64_t now, struct fetch_out *ret)
{
	struct tftp_options o;

	if (f->phase != FETCH_ASKED)
		return false;
	lock_tid(f, from);
	if (tftp_parse_oack(p, len, &o) < 0 || !oack_is_acceptable(f, &o)) {
		put_error(ret, &f->tid, TFTP_EOPTION, "Option not asked for");
		return end(f, FETCH_PROTOCOL, "an OACK with what was not asked for");
	}
	if (o.has_tsize && o.tsize > f->cap) {
		put_error(ret, &f->tid, TFTP_EFULL, "File too big");
		return end(f, FETCH_OVERSIZE, "announced bigger than allowed");
	}
	if (o.has_blksize)
		f->blksize = o.blksize;
	if (o.has_windowsize)
		f->windowsize = o.windowsize;
	f->silences = 0;
	put_ack(f, ret);
	arm(f, now);
	return false;
}

static bool on_error(struct fetch *f, const void *p, size_t len, uint64_t now,
		     struct fetch_out *ret)
{
	struct cur text;
	uint16_t code;

	if (tftp_parse_error(p, len, &code, &text) < 0)
		return false;
	if (f->phase == FETCH_ASKED && asks_options(f) &&
	    (code == TFTP_EOPTION || code == TFTP_EBADOP || code == TFTP_EUNDEF)) {
		f->plain = true;
		ask(f, now, ret);
		return false;
	}
	if (f->phase == FETCH_MOVING && code == TFTP_EBADTID)
		return again_or_cut_off(f, "the server lost the transfer", now, ret);

	f->error_code = code;
	f->error_text_len =
		text.len < sizeof(f->error_text) ? text.len : sizeof(f->error_text);
	if (f->error_text_len > 0)
		memcpy(f->error_text, text.buf, f->error_text_len);
	if (f->phase == FETCH_MOVING)
		return end(f, FETCH_CUT_OFF, "the server gave up the transfer");
	if (code == TFTP_ENOTFOUND)
		return end(f, FETCH_NOT_FOUND, "");
	if (code == TFTP_EACCESS)
		return end(f, FETCH_REJECTED, "");
	return end(f, FETCH_REFUSED, "the server answered with an error");
}

/* After the end: our last ACK was lost if the last block comes again. */
static void on_late(struct fetch *f, const void *p, size_t len, struct fetch_out *ret)
{
	struct cur payload;
	uint16_t block;

	if (tftp_opcode(p, len) != TFTP_DATA ||
	    tftp_parse_data(p, len, &block, &payload) < 0)
		return;
	if (block != (uint16_t)(f->expected - 1) || f->silences >= f->cfg.tries)
		return;
	f->silences++;
	put_ack(f, ret);
}

static void on_stranger(struct fetch *f, const struct fetch_addr *from, const void *p,
			size_t len, struct fetch_out *ret)
{
	int opcode = tftp_opcode(p, len);

	if (opcode < 0 || opcode == TFTP_ERROR || f->strangers >= FETCH_STRANGERS_MAX)
		return;
	f->strangers++;
	put_error(ret, from, TFTP_EBADTID, "Unknown transfer ID");
}

bool fetch_datagram(struct fetch *f, const struct fetch_addr *from, const void *p,
		    size_t len, uint64_t now, struct fetch_out *ret)
{
	*ret = (struct fetch_out){ .send = false };
	if (f->phase == FETCH_IDLE ||
	    memcmp(from->ip, f->server.ip, sizeof(from->ip)) != 0)
		return false;
	if (f->phase != FETCH_ASKED && from->port != f->tid.port) {
		on_stranger(f, from, p, len, ret);
		return false;
	}
	if (f->phase == FETCH_DALLYING) {
		on_late(f, p, len, ret);
		return false;
	}
	if (++f->datagrams > FETCH_DATAGRAMS_MAX) {
		put_error(ret, from, TFTP_EUNDEF, "Too many datagrams");
		return end(f, FETCH_PROTOCOL, "no end of datagrams");
	}
	switch (tftp_opcode(p, len)) {
	case TFTP_DATA:
		return on_data(f, from, p, len, now, ret);
	case TFTP_OACK:
		return on_oack(f, from, p, len, now, ret);
	case TFTP_ERROR:
		return on_error(f, p, len, now, ret);
	default:
		return false;
	}
}

static bool on_silence(struct fetch *f, uint64_t now, struct fetch_out *ret)
{
	f->silences++;
	if (f->phase == FETCH_ASKED) {
		if (f->silences >= f->cfg.request_tries)
			return end(f, f->begun ? FETCH_CUT_OFF : FETCH_NO_ANSWER,
				   "no answer to the request");
		put_request(f, ret);
	} else {
		if (f->silences >= f->cfg.tries)
			return again_or_cut_off(f, "the server fell silent", now, ret);
		f->in_window = 0;
		put_ack(f, ret);
	}
	arm(f, now);
	return false;
}

bool fetch_tick(struct fetch *f, uint64_t now, struct fetch_out *ret)
{
	*ret = (struct fetch_out){ .send = false };
	if (f->phase == FETCH_IDLE || now < fetch_deadline(f))
		return false;
	if (f->phase == FETCH_DALLYING) {
		f->phase = FETCH_IDLE;
		f->timer = TIMER_NONE;
		return false;
	}
	if (now >= f->end_at)
		return end(f, f->begun ? FETCH_CUT_OFF : FETCH_NO_ANSWER,
			   "the time for a transfer is over");
	return on_silence(f, now, ret);
}

bool fetch_unreachable(struct fetch *f, uint64_t now, struct fetch_out *ret)
{
	*ret = (struct fetch_out){ .send = false };
	if (f->phase != FETCH_MOVING || f->restarts >= f->cfg.restarts)
		return false;
	return again_or_cut_off(f, "the server is unreachable", now, ret);
}

uint64_t fetch_deadline(const struct fetch *f)
{
	if (f->phase == FETCH_IDLE)
		return TIMER_NONE;
	if (f->phase == FETCH_DALLYING || f->timer < f->end_at)
		return f->timer;
	return f->end_at;
}

uint32_t fetch_retry_after_s(const struct fetch *f)
{
	static const char mark[] = "; retry after ";
	const size_t mark_len = sizeof(mark) - 1;
	uint32_t seconds = 0;
	size_t at = 0;

	if (f->result != FETCH_NOT_FOUND)
		return 0;
	while (at + mark_len < f->error_text_len &&
	       memcmp(f->error_text + at, mark, mark_len) != 0)
		at++;
	if (at + mark_len >= f->error_text_len)
		return 0;
	for (at += mark_len; at < f->error_text_len; at++) {
		char c = f->error_text[at];

		if (c < '0' || c > '9')
			return c == ' ' ? seconds : 0;
		if (seconds > 9999999)
			return 0;
		seconds = seconds * 10 + (uint32_t)(c - '0');
	}
	return 0;
}
