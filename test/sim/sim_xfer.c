/* One transfer over a link that loses, doubles and reorders, in virtual time, for
 * many seeds.  Whatever the link does:
 *
 *	the client has exactly the right bytes, or the server gave up after its
 *	last timer;
 *	a transfer that is not over has a timer armed;
 *	DATA sent is bounded by blocks, rewinds and timers, and where nothing is
 *	lost or overtaken it is exactly one a block (no sorcerer's apprentice). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "core/xfer.h"
#include "wire/tftp.h"

enum {
	IN_FLIGHT = 512,
	FILE_MAX = 12000,
	PACKET_MAX = 1500,
	CLIENT_RETRY_MS = 1000,
	CLIENT_TRIES = 8,
	STEPS_MAX = 200000
};

struct link {
	unsigned loss, twice;         /* per cent */
	unsigned delay_ms, jitter_ms; /* jitter: overtaking */
};

struct flying {
	uint64_t at;
	uint64_t order;
	bool to_client;
	uint16_t len;
	uint8_t p[PACKET_MAX];
};

/* A client after RFC 1350 and 7440.  eager: acknowledges whatever is not the next
 * block, each time; else a gap once, and of old blocks only the one acknowledged last.
 */
struct client {
	bool eager, has_options, done;
	struct tftp_options want;
	uint32_t blksize, window, next, in_window, acked;
	bool gap_told;
	uint8_t got[FILE_MAX + PACKET_MAX];
	size_t len;
	uint64_t deadline;
	unsigned tries;
};

struct world {
	uint64_t now, order, random;
	struct link link;
	struct xfer x;
	bool over, gave_up;
	struct client c;
	uint8_t file[FILE_MAX];
	size_t file_len;
	uint32_t data_sent, timers;
	size_t n;
	struct flying flying[IN_FLIGHT];
};

static uint32_t roll(struct world *w, uint32_t n) /* xorshift64* */
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (uint32_t)((w->random * 2685821657736338717u) >> 33) % n;
}

static void put(struct world *w, bool to_client, const uint8_t *p, size_t len)
{
	unsigned copies = 1 + (roll(w, 100) < w->link.twice);

	if (roll(w, 100) < w->link.loss)
		copies--;
	while (copies-- > 0) {
		struct flying *f = &w->flying[w->n++];

		assert_true(w->n < IN_FLIGHT);
		f->at = w->now + w->link.delay_ms;
		if (w->link.jitter_ms > 0)
			f->at += roll(w, w->link.jitter_ms);
		f->order = w->order++;
		f->to_client = to_client;
		f->len = (uint16_t)len;
		memcpy(f->p, p, len);
	}
}

static struct flying *first(struct world *w)
{
	struct flying *f = NULL;

	for (size_t i = 0; i < w->n; i++)
		if (!f || w->flying[i].at < f->at ||
		    (w->flying[i].at == f->at && w->flying[i].order < f->order))
			f = &w->flying[i];
	return f;
}

/* ---- the server --------------------------------------------------------------- */

static void server_act(struct world *w, enum xfer_act act)
{
	uint8_t p[PACKET_MAX];
	struct out o = out_of(p, sizeof(p));

	if (act == XFER_DONE || act == XFER_GIVE_UP) {
		w->over = true;
		w->gave_up = act == XFER_GIVE_UP;
	}
	while (act == XFER_SEND && xfer_packet(&w->x, &o)) {
		assert_false(o.full);
		w->data_sent += tftp_opcode(p, o.len) == TFTP_DATA;
		put(w, true, p, o.len);
		o = out_of(p, sizeof(p));
	}
	assert_true(w->over == (w->x.deadline == UINT64_MAX));
	assert_true(w->over || w->x.deadline <= w->now + XFER_WAIT_MAX_MS);
}

/* ---- the client ---------------------------------------------------------------- */

static void client_ack(struct world *w)
{
	uint8_t p[TFTP_HEADER_LEN];
	struct out o = out_of(p, sizeof(p));

	tftp_build_ack(&o, (uint16_t)(w->c.next - 1));
	put(w, false, p, o.len);
	w->c.in_window = 0;
	w->c.acked = w->c.next - 1;
}

static void client_data(struct world *w, uint16_t block, struct cur payload)
{
	struct client *c = &w->c;
	int16_t ahead = (int16_t)(block - (uint16_t)c->next);

	if (ahead != 0 || c->done) {
		bool tell = c->eager || (ahead > 0 && !c->gap_told) ||
			    block == (uint16_t)c->acked;

		c->gap_told |= ahead > 0;
		if (tell)
			client_ack(w);
		return;
	}
	assert_true(payload.len <= c->blksize);
	assert_true(c->len + payload.len <= sizeof(c->got));
	if (payload.len > 0)
		memcpy(c->got + c->len, payload.buf, payload.len);
	c->len += payload.len;
	c->next++;
	c->gap_told = false;
	c->tries = 0;
	c->deadline = w->now + CLIENT_RETRY_MS;
	c->done = payload.len < c->blksize;
	if (++c->in_window == c->window || c->done)
		client_ack(w);
	if (c->done)
		c->deadline = UINT64_MAX;
}

static void client_oack(struct world *w, const struct tftp_options *o)
{
	struct client *c = &w->c;

	assert_true(c->has_options);
	assert_int_equal(o->has_blksize, c->want.has_blksize);
	assert_int_equal(o->has_windowsize, c->want.has_windowsize);
	if (c->next > 1)
		return;
	if (o->has_blksize)
		c->blksize = o->blksize;
	if (o->has_windowsize)
		c->window = o->windowsize;
	client_ack(w);
}

static void client_packet(struct world *w, const struct flying *f)
{
	struct tftp_options o;
	struct cur payload;
	uint16_t block;

	if (tftp_opcode(f->p, f->len) == TFTP_OACK) {
		assert_int_equal(tftp_parse_oack(f->p, f->len, &o), 0);
		client_oack(w, &o);
	} else {
		assert_int_equal(tftp_parse_data(f->p, f->len, &block, &payload), 0);
		client_data(w, block, payload);
	}
}

/* Silence: the request once more, or the last ACK. */
static void client_tick(struct world *w)
{
	struct client *c = &w->c;

	c->deadline = ++c->tries < CLIENT_TRIES ? w->now + CLIENT_RETRY_MS : UINT64_MAX;
	if (c->next == 1)
		server_act(w, xfer_again(&w->x, w->now));
	else
		client_ack(w);
}

/* ---- the world ------------------------------------------------------------------ */

static void begin(struct world *w, uint64_t seed, const struct link *link, bool eager)
{
	const struct xfer_limits limits = {
		.blksize_max = 1428, .windowsize_max = 16, .retry_ms = 500, .tries = 6
	};
	struct client *c = &w->c;

	memset(w, 0, offsetof(struct world, flying));
	w->random = seed * 0x9e3779b97f4a7c15u + 1;
	w->link = *link;
	w->file_len = roll(w, 8) == 0 ? roll(w, 3) * 512 : roll(w, FILE_MAX);
	for (size_t i = 0; i < w->file_len; i++)
		w->file[i] = (uint8_t)roll(w, 256);
	c->eager = eager;
	c->blksize = TFTP_BLKSIZE_DEFAULT;
	c->window = c->next = 1;
	c->deadline = CLIENT_RETRY_MS;
	c->want.has_blksize = roll(w, 2);
	c->want.blksize = 8 + roll(w, 2000);
	if (c->want.blksize < 128)
		c->want.blksize *= 8;
	c->want.has_windowsize = roll(w, 2);
	c->want.windowsize = 1 + roll(w, 32);
	c->want.has_tsize = roll(w, 4) == 0;
	c->has_options =
		c->want.has_blksize || c->want.has_windowsize || c->want.has_tsize;
	xfer_open(&w->x, w->file, w->file_len, &c->want, &limits, 0);
	server_act(w, XFER_SEND);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool step(struct world *w)
{
	struct flying *f = first(w);
	uint64_t next =
		least(least(w->x.deadline, w->c.deadline), f ? f->at : UINT64_MAX);
	struct flying taken;
	uint16_t block;

	if (next == UINT64_MAX)
		return false;
	w->now = next;
	if (f && f->at == next) {
		taken = *f;
		*f = w->flying[--w->n];
		if (taken.to_client) {
			client_packet(w, &taken);
		} else if (tftp_parse_ack(taken.p, taken.len, &block) == 0) {
			server_act(w, xfer_ack(&w->x, block, w->now));
		}
	} else if (w->x.deadline == next) {
		w->timers++;
		server_act(w, xfer_tick(&w->x, w->now));
	} else {
		client_tick(w);
	}
	return true;
}

/* Run one seed to its end. */
static void run(struct world *w, uint64_t seed, const struct link *link, bool eager)
{
	uint32_t steps = 0;

	begin(w, seed, link, eager);
	while (step(w))
		assert_true(++steps < STEPS_MAX);
	assert_true(w->over);
	assert_true(w->gave_up || w->c.done);
	if (w->c.done) {
		assert_int_equal(w->c.len, w->file_len);
		assert_memory_equal(w->c.got, w->file, w->file_len);
	}
	/* each block once anew, once by a rewind, and what timers sent */
	assert_true(w->data_sent <=
		    2 * w->x.blocks + w->timers * w->x.window + w->timers + 8);
}

static struct world world;
static uint64_t last_seed;

/* After a failure this is the seed to look at. */
static int print_seed(void **state)
{
	(void)state;
	print_message("last seed: %llu\n", (unsigned long long)last_seed);
	return 0;
}

static void many(uint64_t seeds, const struct link *link, bool eager,
		 void (*check)(struct world *w))
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		last_seed = seed;
		run(&world, seed, link, eager);
		check(&world);
	}
}

static uint32_t finished;

static void nothing_more(struct world *w)
{
	finished += w->c.done;
}

static void one_datagram_a_block(struct world *w)
{
	assert_true(w->c.done);
	assert_false(w->gave_up);
	assert_int_equal(w->timers, 0);
	assert_int_equal(w->data_sent, w->x.blocks);
	assert_int_equal(w->x.resent, 0);
}

static void at_most_two_a_block(struct world *w)
{
	assert_true(w->c.done);
	assert_int_equal(w->timers, 0);
	assert_true(w->data_sent <= 2 * w->x.blocks);
	if (w->x.window == 1)
		assert_int_equal(w->data_sent, w->x.blocks);
}

static void a_clean_link(void **state)
{
	const struct link link = { .delay_ms = 20 };

	(void)state;
	many(2000, &link, false, one_datagram_a_block);
}

static void a_doubling_link(void **state)
{
	const struct link link = { .delay_ms = 20, .twice = 60 };

	(void)state;
	many(4000, &link, false, one_datagram_a_block);
}

/* Clients that acknowledge every old block are what made the apprentice famous. */
static void a_doubling_link_and_an_eager_client(void **state)
{
	const struct link link = { .delay_ms = 20, .twice = 60 };

	(void)state;
	many(4000, &link, true, at_most_two_a_block);
}

static void a_bad_link(void **state)
{
	const struct link link = {
		.delay_ms = 10, .jitter_ms = 120, .twice = 10, .loss = 8
	};

	(void)state;
	finished = 0;
	many(6000, &link, false, nothing_more);
	assert_true(finished > 5900);
	finished = 0;
	many(4000, &link, true, nothing_more);
	assert_true(finished > 3900);
}

static void a_terrible_link(void **state)
{
	const struct link link = {
		.delay_ms = 50, .jitter_ms = 900, .twice = 30, .loss = 45
	};

	(void)state;
	finished = 0;
	many(4000, &link, false, nothing_more);
	assert_true(finished > 100);
	assert_true(finished < 4000);
}

static void a_dead_link(void **state)
{
	const struct link link = { .loss = 100, .delay_ms = 1 };

	(void)state;
	finished = 0;
	many(50, &link, false, nothing_more);
	assert_int_equal(finished, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_clean_link, print_seed),
		cmocka_unit_test_teardown(a_doubling_link, print_seed),
		cmocka_unit_test_teardown(a_doubling_link_and_an_eager_client,
					  print_seed),
		cmocka_unit_test_teardown(a_bad_link, print_seed),
		cmocka_unit_test_teardown(a_terrible_link, print_seed),
		cmocka_unit_test_teardown(a_dead_link, print_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
