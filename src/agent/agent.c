#include "agent/agent.h"

#include <string.h>
#include "agent/install.h"
#include "base/errors.h"

static uint64_t now_ms(const struct agent *a)
{
	return a->platform.clock_ms(a->platform.ctx);
}

static uint32_t dice(const struct agent *a)
{
	uint32_t v;

	a->platform.random(a->platform.ctx, &v, sizeof(v));
	return v;
}

void agent_tell(const struct agent *a, const struct agent_event *e)
{
	struct agent_event told = *e;

	if (told.what == NULL)
		told.what = "";
	if (a->platform.event != NULL)
		a->platform.event(a->platform.ctx, &told);
}

/* ---------------------------------------------------------------------- channels */

static void trouble(const struct agent *a, const char *what, int rc)
{
	agent_tell(a, &(struct agent_event){
			      .kind = AGENT_TROUBLE, .what = what, .rc = rc });
}

/* What cannot be sent counts as lost: the timers go on. */
static void put_on_wire(struct agent *a, unsigned channel, const struct fetch_out *out)
{
	int rc = 0;

	if (!out->send)
		return;
	if (out->fresh_port) {
		a->open[channel] = true;
		rc = a->platform.open(a->platform.ctx, channel);
		if (rc < 0)
			trouble(a, "no port", rc);
	}
	if (rc == 0) {
		rc = a->platform.send(a->platform.ctx, channel, &out->to, out->p,
				      out->len);
		if (rc < 0)
			trouble(a, "not sent", rc);
	}
}

static void close_if_idle(struct agent *a, unsigned channel)
{
	if (a->fetch[channel].phase != FETCH_IDLE || !a->open[channel])
		return;
	a->open[channel] = false;
	a->platform.close(a->platform.ctx, channel);
}

static const struct fetch_addr *server_of(const struct agent *a)
{
	return a->state.has_server ? &a->state.server : &a->cfg.server;
}

static void transfer(struct agent *a, enum agent_purpose purpose,
		     const struct fetch_config *cfg, uint8_t *buf, size_t cap)
{
	struct fetch_out out;

	a->purpose = purpose;
	a->channel = (a->channel + 1) % AGENT_CHANNELS;
	fetch_start(&a->fetch[a->channel], cfg, server_of(a), a->name, buf, cap,
		    now_ms(a), &out);
	put_on_wire(a, a->channel, &out);
}

/* A report and a confirmation are plain RFC 1350: their answer is one empty block. */
static struct fetch_config plain_config(const struct agent *a)
{
	struct fetch_config c = a->cfg.transfer;

	c.blksize = c.windowsize = 0;
	c.timeout_s = 0;
	c.tsize = false;
	c.restarts = 0;
	return c;
}

/* ------------------------------------------------------------------------- names */

static int request_code(struct agent *a, struct name_code *ret)
{
	const struct agent_config *c = &a->cfg;

	if (c->secret1 == NULL)
		return a->platform.keys->request_code(a->platform.ctx, ret);
	return authcode_request(a->authcode, &c->codes, c->secret1, c->serial,
				c->serial_len, &c->mac, ret);
}

static int confirm_code(struct agent *a, struct name_code *ret)
{
	const struct agent_config *c = &a->cfg;

	if (c->secret2 == NULL)
		return a->platform.keys->confirm_code(a->platform.ctx, &a->state.yy,
						      a->state.digest, ret);
	return authcode_confirm(a->authcode, &c->codes, c->secret2, &c->mac,
				&a->state.yy, a->state.digest, ret);
}

static void set_name(struct agent *a, const struct name *n)
{
	struct out o = out_of(a->name, sizeof(a->name));

	name_build(&o, n);
	if (out_cstr(&o) == NULL)
		a->name[0] = 0; /* cannot be: NAME_TEXT_SIZE fits any name */
}

/* ----------------------------------------------------------------------- actions
 * Each returns true when its outcome is known at once, in *ret. */

static bool do_request(struct agent *a, struct enrol_input *ret)
{
	struct name n = { .kind = NAME_REQUEST, .mac = a->cfg.mac };

	memcpy(n.type, a->cfg.type, sizeof(n.type));
	if (request_code(a, &n.code) < 0) {
		trouble(a, "the request's code cannot be computed", FC_ECRYPTO);
		*ret = (struct enrol_input){ .event = ENROL_FAILED };
		return true;
	}
	a->yy = n.code;
	set_name(a, &n);
	agent_tell(a, &(struct agent_event){ .kind = AGENT_ASKING,
					     .name = a->name,
					     .n = a->enrol.attempts });
	transfer(a, AGENT_FOR_FILE, &a->cfg.transfer, a->file, sizeof(a->file));
	return false;
}

static bool do_report(struct agent *a)
{
	struct name n = { .kind = NAME_REPORT,
			  .mac = a->cfg.mac,
			  .error = a->enrol.error };
	struct fetch_config c = plain_config(a);

	set_name(a, &n);
	agent_tell(a, &(struct agent_event){ .kind = AGENT_REPORTING,
					     .name = a->name,
					     .error = a->enrol.error });
	transfer(a, AGENT_FOR_REPORT, &c, a->scrap, sizeof(a->scrap));
	return false;
}

/* One datagram; A8's timeouts are the time to wait for its answer. */
static bool do_confirm(struct agent *a, struct enrol_input *ret)
{
	struct name n = { .kind = NAME_CONFIRM, .mac = a->cfg.mac };
	struct fetch_config c = plain_config(a);
	uint64_t wait = a->enrol.confirm_wait_ms;

	if (confirm_code(a, &n.code) < 0) {
		trouble(a, "the confirmation's code cannot be computed", FC_ECRYPTO);
		*ret = (struct enrol_input){ .event = ENROL_ANSWERED };
		return true;
	}
	set_name(a, &n);
	agent_tell(a, &(struct agent_event){ .kind = AGENT_CONFIRMING,
					     .name = a->name,
					     .n = a->enrol.confirms });
	c.request_tries = 1;
	c.rto_ms = c.rto_max_ms = wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX;
	c.total_ms = c.rto_ms;
	transfer(a, AGENT_FOR_CONFIRM, &c, a->scrap, sizeof(a->scrap));
	return false;
}

static bool perform(struct agent *a, enum enrol_action action, struct enrol_input *ret)
{
	switch (action) {
	case ENROL_DO_REQUEST:
		return do_request(a, ret);
	case ENROL_DO_JUDGE:
		*ret = agent_judge(a, a->fetch[a->channel].len);
		return true;
	case ENROL_DO_REPORT:
		return do_report(a);
	case ENROL_DO_CONFIRM:
		return do_confirm(a, ret);
	case ENROL_DO_EXAMINE:
		*ret = agent_examine(a);
		return true;
	case ENROL_DO_RESTART:
		if (a->platform.restart != NULL)
			a->platform.restart(a->platform.ctx);
		return false;
	case ENROL_DO_NOTHING:
		return false;
	}
	return false;
}

static uint64_t until(uint64_t deadline, uint64_t now)
{
	return deadline == TIMER_NONE || deadline < now ? 0 : deadline - now;
}

static void tell_plan(struct agent *a, enum enrol_state before)
{
	const struct enrol *e = &a->enrol;
	struct agent_event told = { .in_ms = until(e->deadline, now_ms(a)),
				    .error = a->last_error,
				    .result = a->last_result,
				    .long_wait = e->long_wait };

	if (e->state == before)
		return;
	if (e->state == ENROL_WAIT || e->state == ENROL_START)
		told.kind = AGENT_WAITING;
	else if (e->state == ENROL_REST)
		told.kind = AGENT_RESTING;
	else
		return;
	agent_tell(a, &told);
}

static void step(struct agent *a, const struct enrol_input *first)
{
	struct enrol_input in = *first;
	bool more = true;

	while (more) {
		enum enrol_state before = a->enrol.state;
		enum enrol_action action =
			enrol_step(&a->enrol, &in, now_ms(a), dice(a));

		tell_plan(a, before);
		more = perform(a, action, &in);
	}
}

/* ------------------------------------------------------------ a transfer has ended */

static void note_error(struct agent *a, enum device_error error, const char *what)
{
	a->last_error = (uint8_t)error;
	agent_tell(a, &(struct agent_event){
			      .kind = AGENT_INVALID, .error = error, .what = what });
}

static struct enrol_input file_outcome(struct agent *a, const struct fetch *f)
{
	struct enrol_input in = { .event = ENROL_FAILED };

	switch (f->result) {
	case FETCH_DONE:
		in.event = ENROL_FILE;
		break;
	case FETCH_REJECTED:
		in.event = ENROL_REJECTED;
		break;
	case FETCH_CUT_OFF:
	case FETCH_PROTOCOL:
		in.event = ENROL_CUT_OFF;
		note_error(a, DEVICE_ETIMEOUT, f->why);
		break;
	case FETCH_OVERSIZE:
		in.event = ENROL_INVALID;
		in.error = DEVICE_EUNKNOWN_TYPE;
		note_error(a, DEVICE_EUNKNOWN_TYPE, f->why);
		break;
	case FETCH_NOT_FOUND:
		in.announced_ms = (uint64_t)fetch_retry_after_s(f) * 1000;
		break;
	case FETCH_RUNNING:
	case FETCH_REFUSED:
	case FETCH_NO_ANSWER:
	case FETCH_RESULT_COUNT:
		break;
	}
	a->last_result = f->result;
	return in;
}

static struct enrol_input confirm_outcome(struct agent *a, const struct fetch *f)
{
	struct enrol_input in = { .event = ENROL_ANSWERED };

	if (f->result == FETCH_NO_ANSWER) {
		in.event = ENROL_UNANSWERED;
	} else if (f->result == FETCH_DONE) {
		struct agent_state s = a->state;

		s.unconfirmed = false;
		/* if this fails, it is confirmed once more after the next start */
		(void)agent_store(a, &s);
	}
	return in;
}

static void on_end(struct agent *a, unsigned channel)
{
	const struct fetch *f = &a->fetch[channel];
	struct agent_event told = {
		.result = f->result,
		.text = f->error_text,
		.text_len = f->error_text_len,
		.what = f->why,
		.n = f->error_code,
	};
	struct enrol_input in = { .event = ENROL_ANSWERED };

	if (channel != a->channel)
		return;
	switch (a->purpose) {
	case AGENT_FOR_FILE:
		told.kind = AGENT_ANSWERED;
		agent_tell(a, &told);
		in = file_outcome(a, f);
		break;
	case AGENT_FOR_REPORT:
		told.kind = AGENT_REPORTED;
		agent_tell(a, &told);
		break;
	case AGENT_FOR_CONFIRM:
		in = confirm_outcome(a, f);
		told.kind =
			f->result == FETCH_DONE ? AGENT_CONFIRMED : AGENT_NOT_CONFIRMED;
		agent_tell(a, &told);
		break;
	}
	step(a, &in);
}

static void after_fetch(struct agent *a, unsigned channel, bool ended,
			const struct fetch_out *out)
{
	put_on_wire(a, channel, out);
	if (ended)
		on_end(a, channel);
	for (unsigned i = 0; i < AGENT_CHANNELS; i++)
		close_if_idle(a, i);
}

/* ---------------------------------------------------------------------- interface */

int agent_start(struct agent *a, const struct agent_config *cfg,
		const struct agent_platform *platform)
{
	struct enrol_input verdict;

	memset(a, 0, sizeof(*a));
	a->cfg = *cfg;
	a->platform = *platform;
	a->authcode = authcode_new();
	if (a->authcode == NULL || !authcode_has(a->authcode, cfg->codes.hash))
		return FC_ECRYPTO;
	agent_load(a);
	verdict = agent_examine(a);
	enrol_start(&a->enrol, &cfg->schedule, &verdict, now_ms(a), dice(a));
	tell_plan(a, ENROL_STATE_COUNT);
	return 0;
}

void agent_release(struct agent *a)
{
	for (unsigned i = 0; i < AGENT_CHANNELS; i++)
		if (a->open[i])
			a->platform.close(a->platform.ctx, i);
	authcode_free(a->authcode);
	secret_wipe(a, sizeof(*a));
}

uint64_t agent_deadline(const struct agent *a)
{
	uint64_t first = a->enrol.deadline;

	for (unsigned i = 0; i < AGENT_CHANNELS; i++) {
		uint64_t d = fetch_deadline(&a->fetch[i]);

		first = d < first ? d : first;
	}
	return first;
}

void agent_turn(struct agent *a)
{
	struct enrol_input tick = { .event = ENROL_TICK };

	for (unsigned i = 0; i < AGENT_CHANNELS; i++) {
		struct fetch_out out;
		bool ended = fetch_tick(&a->fetch[i], now_ms(a), &out);

		after_fetch(a, i, ended, &out);
	}
	if (now_ms(a) >= a->enrol.deadline)
		step(a, &tick);
}

void agent_datagram(struct agent *a, unsigned channel, const struct fetch_addr *from,
		    const void *p, size_t len)
{
	struct fetch_out out;
	bool ended;

	if (channel >= AGENT_CHANNELS)
		return;
	ended = fetch_datagram(&a->fetch[channel], from, p, len, now_ms(a), &out);
	after_fetch(a, channel, ended, &out);
}

void agent_unreachable(struct agent *a, unsigned channel)
{
	struct fetch_out out;
	bool ended;

	if (channel >= AGENT_CHANNELS)
		return;
	ended = fetch_unreachable(&a->fetch[channel], now_ms(a), &out);
	after_fetch(a, channel, ended, &out);
}

void agent_ask_now(struct agent *a)
{
	step(a, &(struct enrol_input){ .event = ENROL_ASK_NOW });
}

int agent_set_server(struct agent *a, const struct fetch_addr *server)
{
	struct agent_state s = a->state;

	s.has_server = server != NULL;
	if (server != NULL)
		s.server = *server;
	return agent_store(a, &s);
}

int agent_forget(struct agent *a)
{
	struct agent_state s = { .has_server = a->state.has_server,
				 .server = a->state.server };
	int rc = agent_store(a, &s);

	if (rc < 0)
		return rc;
	a->not_after = 0;
	agent_ask_now(a);
	return 0;
}

void agent_get_status(const struct agent *a, struct agent_status *ret)
{
	const struct enrol *e = &a->enrol;

	*ret = (struct agent_status){
		.state = enrol_state_name(e->state),
		.last_error = a->last_error,
		.last_result = a->last_result,
		.attempts = e->attempts,
		.next_in_ms = e->deadline == TIMER_NONE ? TIMER_NONE
							: until(e->deadline, now_ms(a)),
		.not_after = a->not_after,
		.certified = a->state.device.len > 0,
		.confirmed = a->state.device.len > 0 && !a->state.unconfirmed,
		.long_wait = e->long_wait,
		.server = *server_of(a),
	};
}
