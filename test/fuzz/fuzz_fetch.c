/* A server that says anything, and time, at one client's transfer.
 *
 * The input is a script: its first byte chooses the options; then a byte says what
 * happens (0 datagram, 1 time, 2 the deadline, 3 unreachable), and more bytes with
 * what. The oracle is what must hold after each step: bytes stay within the buffer, a
 * transfer that runs has a deadline, an ERROR from a stranger has no answer, a result
 * comes once; and left alone, it ends within its time. */
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "core/fetch.h"
#include "fuzz/fuzz.h"

enum { CAP = 3000, CANARY = 0x5a, TOTAL_MS = 60000, DALLY_MS = 5000 };

static const struct fetch_addr server = { .ip = { 1 }, .port = 69 };

struct play {
	struct fetch f;
	struct fetch_out out;
	uint8_t buf[CAP + 16];
	uint64_t now, started;
	unsigned ends;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(struct play *p, bool ended)
{
	const struct fetch *f = &p->f;

	p->ends += ended;
	require(p->ends <= 1);
	require((f->result != FETCH_RUNNING) == (p->ends == 1));
	require(f->result < FETCH_RESULT_COUNT);
	require(f->len <= CAP);
	for (size_t i = CAP; i < sizeof(p->buf); i++)
		require(p->buf[i] == CANARY);
	require((f->phase == FETCH_IDLE) == (fetch_deadline(f) == TIMER_NONE));
	if (f->phase != FETCH_IDLE && f->phase != FETCH_DALLYING)
		require(fetch_deadline(f) <= p->started + TOTAL_MS);
	require(p->out.len <= sizeof(p->out.p));
	require(!p->out.fresh_port || p->out.send);
	if (p->out.send)
		require(memcmp(p->out.to.ip, server.ip, sizeof(server.ip)) == 0);
	require(fetch_retry_after_s(f) <= 99999999);
}

static void datagram(struct play *p, struct cur *c)
{
	uint8_t who = cur_u8(c);
	size_t len = cur_u16(c) % 1500;
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));
	struct fetch_addr from = server;
	bool locked = p->f.phase == FETCH_MOVING || p->f.phase == FETCH_DALLYING;
	bool ended;

	from.port = 1000 + (who & 3);
	from.ip[15] = (who & 16) ? 1 : 0;
	ended = fetch_datagram(&p->f, &from, bytes.buf, bytes.len, p->now, &p->out);
	check(p, ended);
	if (from.ip[15] != 0)
		require(!p->out.send);
	if (locked && from.port != p->f.tid.port &&
	    tftp_opcode(bytes.buf, bytes.len) == TFTP_ERROR)
		require(!p->out.send);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;
	struct cur c = cur_of(data, size);
	uint8_t how = cur_u8(&c);
	const struct fetch_config config = {
		.blksize = (how & 1) ? 1428 : 0,
		.windowsize = (how & 2) ? 4 : 0,
		.tsize = (how & 4) != 0,
		.timeout_s = (how & 8) ? 1 : 0,
		.rto_ms = 500,
		.rto_max_ms = 4000,
		.request_tries = 3,
		.tries = 3,
		.restarts = how >> 6,
		.total_ms = TOTAL_MS,
		.dally_ms = DALLY_MS,
	};

	memset(&p, 0, sizeof(p));
	memset(p.buf, CANARY, sizeof(p.buf));
	p.started = p.now = 1000;
	fetch_start(&p.f, &config, &server, "CM_00_10_4b_ab_cd_ef_86_e5_46.509", p.buf,
		    CAP, p.now, &p.out);
	check(&p, false);
	while (cur_left(&c) > 0) {
		switch (cur_u8(&c) % 4) {
		case 0:
			datagram(&p, &c);
			break;
		case 1:
			p.now += (uint64_t)cur_u8(&c) * 20;
			check(&p, fetch_tick(&p.f, p.now, &p.out));
			break;
		case 2:
			if (fetch_deadline(&p.f) > p.now &&
			    fetch_deadline(&p.f) != TIMER_NONE)
				p.now = fetch_deadline(&p.f);
			check(&p, fetch_tick(&p.f, p.now, &p.out));
			break;
		default:
			check(&p, fetch_unreachable(&p.f, p.now, &p.out));
			break;
		}
	}
	for (unsigned n = 0; fetch_deadline(&p.f) != TIMER_NONE; n++) {
		require(n < 1000);
		if (fetch_deadline(&p.f) > p.now)
			p.now = fetch_deadline(&p.f);
		check(&p, fetch_tick(&p.f, p.now, &p.out));
	}
	require(p.ends == 1);
	return 0;
}
