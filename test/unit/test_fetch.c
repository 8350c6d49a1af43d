/* The client's side of one transfer (RFC 1350, 2347 to 2349, 7440): what it asks, what
 * it believes, when it ends.  error 01 and 08 begin here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/fetch.h"

enum { CAP = 16 * 1024, SERVER_PORT = 69, TID = 40001 };

static const struct fetch_config config = {
	.blksize = 1428,
	.windowsize = 4,
	.tsize = true,
	.rto_ms = 1000,
	.rto_max_ms = 4000,
	.request_tries = 4,
	.tries = 3,
	.restarts = 1,
	.total_ms = 60000,
	.dally_ms = 5000,
};

static const struct fetch_addr server = { .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 },
					  .port = SERVER_PORT };
static const char name[] = "CM_00_10_4b_ab_cd_ef_91_df_d4.509";

static struct fetch fetch;
static struct fetch_out out;
static uint8_t file[CAP], packet[2048];
static uint64_t now;

static struct fetch_addr from(uint16_t port)
{
	struct fetch_addr a = server;

	a.port = port;
	return a;
}

static void begin(const struct fetch_config *c)
{
	now = 1000;
	memset(file, 0, sizeof(file));
	fetch_start(&fetch, c, &server, name, file, sizeof(file), now, &out);
}

static void begin_plain(void)
{
	struct fetch_config c = config;

	c.blksize = c.windowsize = 0;
	c.tsize = false;
	begin(&c);
}

static bool receive(const struct fetch_addr *a, const struct out *o)
{
	return fetch_datagram(&fetch, a, o->buf, o->len, now, &out);
}

static bool data_from(uint16_t port, uint16_t block, uint8_t fill, size_t len)
{
	struct out o = out_of(packet, sizeof(packet));
	uint8_t payload[1500];
	struct fetch_addr a = from(port);

	memset(payload, fill, sizeof(payload));
	tftp_build_data(&o, block, payload, len);
	return receive(&a, &o);
}

static bool data(uint16_t block, uint8_t fill, size_t len)
{
	return data_from(TID, block, fill, len);
}

static bool oack(const struct tftp_options *options)
{
	struct out o = out_of(packet, sizeof(packet));
	struct fetch_addr a = from(TID);

	tftp_build_oack(&o, options);
	return receive(&a, &o);
}

static bool error(uint16_t port, enum tftp_error code, const char *text)
{
	struct out o = out_of(packet, sizeof(packet));
	struct fetch_addr a = from(port);

	tftp_build_error(&o, code, text);
	return receive(&a, &o);
}

static bool tick(void)
{
	now = fetch_deadline(&fetch);
	return fetch_tick(&fetch, now, &out);
}

static bool accept_options(void)
{
	return oack(&(struct tftp_options){ .has_blksize = true,
					    .blksize = 1428,
					    .has_windowsize = true,
					    .windowsize = 4 });
}

static void expect_ack(uint16_t block)
{
	uint16_t got;

	assert_true(out.send);
	assert_int_equal(tftp_opcode(out.p, out.len), TFTP_ACK);
	assert_int_equal(tftp_parse_ack(out.p, out.len, &got), 0);
	assert_int_equal(got, block);
	assert_int_equal(out.to.port, TID);
	assert_false(out.fresh_port);
}

static void expect_error(uint16_t to, enum tftp_error code)
{
	struct cur text;
	uint16_t got;

	assert_true(out.send);
	assert_int_equal(tftp_parse_error(out.p, out.len, &got, &text), 0);
	assert_int_equal(got, code);
	assert_int_equal(out.to.port, to);
}

static void expect_silence(void)
{
	assert_false(out.send);
}

static void expect_request(bool options, bool fresh)
{
	struct tftp_request r;

	assert_true(out.send);
	assert_int_equal(out.fresh_port, fresh);
	assert_int_equal(tftp_parse_request(out.p, out.len, &r), 0);
	assert_int_equal(r.opcode, TFTP_RRQ);
	assert_true(r.octet);
	assert_int_equal(r.name_len, sizeof(name) - 1);
	assert_memory_equal(r.name, name, r.name_len);
	assert_int_equal(r.options.has_blksize, options);
	assert_int_equal(r.options.has_windowsize, options);
	assert_int_equal(r.options.has_tsize, options);
	assert_int_equal(out.to.port, SERVER_PORT);
	assert_memory_equal(out.to.ip, server.ip, 16);
	if (!options)
		return;
	assert_int_equal(r.options.blksize, 1428);
	assert_int_equal(r.options.windowsize, 4);
	assert_int_equal(r.options.tsize, 0);
}

/* ------------------------------------------------------------------ the good way */

static void test_request_asks_its_options(void **state)
{
	(void)state;
	begin(&config);
	expect_request(true, true);
	assert_int_equal(fetch_deadline(&fetch), now + 1000);
	begin_plain();
	expect_request(false, true);
}

static void test_whole_file_in_windows(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	expect_ack(0);
	for (uint16_t b = 1; b <= 4; b++) {
		assert_false(data(b, (uint8_t)b, 1428));
		if (b < 4)
			expect_silence();
		else
			expect_ack(4);
	}
	assert_false(data(5, 5, 1428));
	expect_silence();
	assert_true(data(6, 6, 100));
	expect_ack(6);
	assert_int_equal(fetch.result, FETCH_DONE);
	assert_int_equal(fetch.len, 5 * 1428 + 100);
	for (size_t i = 0; i < fetch.len; i++)
		assert_int_equal(file[i], i / 1428 + 1);
}

static void test_server_without_options(void **state)
{
	(void)state;
	begin(&config);
	assert_false(data(1, 1, 512));
	expect_ack(1);
	assert_true(data(2, 2, 511));
	expect_ack(2);
	assert_int_equal(fetch.len, 1023);
}

static void test_server_that_takes_less(void **state)
{
	(void)state;
	begin(&config);
	assert_false(oack(&(struct tftp_options){ .has_blksize = true, .blksize = 8 }));
	expect_ack(0);
	assert_false(data(1, 1, 8));
	expect_ack(1);
	assert_true(data(2, 2, 0));
	assert_int_equal(fetch.len, 8);
}

static void test_empty_file(void **state)
{
	(void)state;
	begin_plain();
	assert_true(data(1, 0, 0));
	expect_ack(1);
	assert_int_equal(fetch.result, FETCH_DONE);
	assert_int_equal(fetch.len, 0);
}

static void test_file_of_whole_blocks_ends_with_an_empty_one(void **state)
{
	(void)state;
	begin_plain();
	assert_false(data(1, 1, 512));
	assert_false(data(2, 2, 512));
	assert_true(data(3, 3, 0));
	assert_int_equal(fetch.len, 1024);
}

static void test_largest_file(void **state)
{
	(void)state;
	begin_plain();
	for (uint16_t b = 1; b <= 32; b++)
		assert_false(data(b, 1, 512));
	assert_true(data(33, 1, 0));
	assert_int_equal(fetch.len, CAP);
}

static void test_single_port_server(void **state)
{
	(void)state;
	begin_plain();
	assert_false(data_from(SERVER_PORT, 1, 1, 512));
	assert_int_equal(out.to.port, SERVER_PORT);
	assert_true(data_from(SERVER_PORT, 2, 1, 5));
}

/* ------------------------------------------------------------------- fall-backs */

static void test_options_refused_asked_again_without(void **state)
{
	static const enum tftp_error codes[] = { TFTP_EOPTION, TFTP_EUNDEF,
						 TFTP_EBADOP };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(&config);
		assert_false(error(TID, codes[i], "no"));
		expect_request(false, true);
		assert_true(error(TID, codes[i], "no"));
		expect_silence();
		assert_int_equal(fetch.result, FETCH_REFUSED);
	}
}

static void test_answers_that_end_it(void **state)
{
	static const struct {
		enum tftp_error code;
		enum fetch_result result;
	} cases[] = { { TFTP_ENOTFOUND, FETCH_NOT_FOUND },
		      { TFTP_EACCESS, FETCH_REJECTED },
		      { TFTP_EFULL, FETCH_REFUSED } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(&config);
		assert_true(error(TID, cases[i].code, "File_Name_Not_Found"));
		expect_silence();
		assert_int_equal(fetch.result, cases[i].result);
		assert_int_equal(fetch.error_text_len, strlen("File_Name_Not_Found"));
		assert_int_equal(fetch_deadline(&fetch), TIMER_NONE);
	}
}

static uint32_t announced(const char *text)
{
	begin(&config);
	assert_true(error(TID, TFTP_ENOTFOUND, text));
	return fetch_retry_after_s(&fetch);
}

static void test_announced_wait(void **state)
{
	(void)state;
	assert_int_equal(announced("File_Name_Not_Found; retry after 90 s"), 90);
	assert_int_equal(announced("File_Name_Not_Found"), 0);
	assert_int_equal(announced("File_Name_Not_Found; retry after "), 0);
	assert_int_equal(announced("File_Name_Not_Found; retry after 9x s"), 0);
	assert_int_equal(announced("File_Name_Not_Found; retry after -9 s"), 0);
	assert_int_equal(announced("x; retry after 99999999 s"), 99999999);
	assert_int_equal(announced("x; retry after 100000000 s"), 0);
	assert_int_equal(announced("x; retry after 99999999999999999999 s"), 0);
	begin(&config);
	assert_true(error(TID, TFTP_EACCESS, "no; retry after 90 s"));
	assert_int_equal(fetch_retry_after_s(&fetch), 0);
}

/* ------------------------------------------------------------------ trusts nothing */

static void test_other_address_is_not_heard(void **state)
{
	struct out o = out_of(packet, sizeof(packet));
	struct fetch_addr a = from(TID);

	(void)state;
	a.ip[15] = 2;
	begin_plain();
	tftp_build_data(&o, 1, "x", 1);
	assert_false(receive(&a, &o));
	expect_silence();
	assert_int_equal(fetch.phase, FETCH_ASKED);
	assert_false(data(1, 1, 512));
	assert_false(receive(&a, &o));
	expect_silence();
	assert_int_equal(fetch.len, 512);
}

/* A9 of the demands on hostile servers: ERROR 5, and the transfer goes on */
static void test_wrong_tid_gets_error_5(void **state)
{
	(void)state;
	begin_plain();
	assert_false(data(1, 1, 512));
	assert_false(data_from(TID + 1, 2, 9, 512));
	expect_error(TID + 1, TFTP_EBADTID);
	assert_int_equal(fetch.len, 512);
	assert_false(error(TID + 1, TFTP_EACCESS, "go away"));
	expect_silence(); /* never an ERROR for an ERROR */
	assert_true(data(2, 2, 10));
	assert_int_equal(file[512], 2);
	assert_int_equal(fetch.len, 522);
}

static void test_strangers_are_answered_only_so_often(void **state)
{
	unsigned answered = 0;

	(void)state;
	begin_plain();
	assert_false(data(1, 1, 512));
	for (int i = 0; i < 1000; i++) {
		assert_false(data_from(TID + 1, 2, 9, 512));
		answered += out.send;
	}
	assert_int_equal(answered, FETCH_STRANGERS_MAX);
	assert_true(data(2, 2, 10));
}

static void expect_oack_refused(const struct tftp_options *o)
{
	begin(&config);
	assert_true(oack(o));
	expect_error(TID, TFTP_EOPTION);
	assert_int_equal(fetch.result, FETCH_PROTOCOL);
}

static void test_oack_with_more_than_asked(void **state)
{
	(void)state;
	expect_oack_refused(
		&(struct tftp_options){ .has_blksize = true, .blksize = 1429 });
	expect_oack_refused(
		&(struct tftp_options){ .has_windowsize = true, .windowsize = 5 });
	expect_oack_refused(
		&(struct tftp_options){ .has_timeout = true, .timeout_s = 1 });
	expect_oack_refused(&(struct tftp_options){ .has_tsize = false }); /* nothing */
}

static void test_oack_without_being_asked(void **state)
{
	(void)state;
	begin_plain();
	assert_true(
		oack(&(struct tftp_options){ .has_blksize = true, .blksize = 512 }));
	expect_error(TID, TFTP_EOPTION);
	assert_int_equal(fetch.result, FETCH_PROTOCOL);
}

static void test_oack_of_another_timeout(void **state)
{
	struct fetch_config c = config;

	(void)state;
	c.timeout_s = 2;
	begin(&c);
	assert_false(
		oack(&(struct tftp_options){ .has_timeout = true, .timeout_s = 2 }));
	expect_ack(0);
	begin(&c);
	assert_true(
		oack(&(struct tftp_options){ .has_timeout = true, .timeout_s = 3 }));
	expect_error(TID, TFTP_EOPTION);
}

static void test_oack_malformed(void **state)
{
	static const uint8_t unknown[] = "\0\6multicast\0,,1";
	static const uint8_t cut[] = {
		0, 6, 'b', 'l', 'k', 's', 'i', 'z', 'e', 0, '8'
	};
	struct fetch_addr a = from(TID);

	(void)state;
	begin(&config);
	assert_true(fetch_datagram(&fetch, &a, unknown, sizeof(unknown), now, &out));
	expect_error(TID, TFTP_EOPTION);
	begin(&config);
	assert_true(fetch_datagram(&fetch, &a, cut, sizeof(cut), now, &out));
	expect_error(TID, TFTP_EOPTION);
}

/* error 08: one byte over */
static void test_announced_oversize(void **state)
{
	(void)state;
	begin(&config);
	assert_true(
		oack(&(struct tftp_options){ .has_tsize = true, .tsize = CAP + 1 }));
	expect_error(TID, TFTP_EFULL);
	assert_int_equal(fetch.result, FETCH_OVERSIZE);
	begin(&config);
	assert_false(oack(&(struct tftp_options){ .has_tsize = true, .tsize = CAP }));
	expect_ack(0);
}

static void test_oversize(void **state)
{
	(void)state;
	begin_plain();
	for (uint16_t b = 1; b <= 32; b++)
		assert_false(data(b, 1, 512));
	assert_true(data(33, 1, 1));
	expect_error(TID, TFTP_EFULL);
	assert_int_equal(fetch.result, FETCH_OVERSIZE);
	assert_int_equal(fetch.len, CAP);
}

static void test_block_longer_than_agreed(void **state)
{
	(void)state;
	begin_plain();
	assert_true(data(1, 1, 513));
	expect_error(TID, TFTP_EBADOP);
	assert_int_equal(fetch.result, FETCH_PROTOCOL);
	assert_int_equal(fetch.len, 0);
}

static void test_garbage_changes_nothing(void **state)
{
	static const uint8_t garbage[][5] = { { 0, 9, 1, 2, 3 },
					      { 0, 1, 1, 2, 0 },
					      { 0, 4, 0, 1, 0 },
					      { 0, 3, 0, 0, 0 } };
	struct fetch_addr a = from(TID);

	(void)state;
	begin(&config);
	for (size_t i = 0; i < 4; i++) {
		assert_false(fetch_datagram(&fetch, &a, garbage[i], 5, now, &out));
		expect_silence();
	}
	assert_false(fetch_datagram(&fetch, &a, garbage[0], 1, now, &out));
	assert_int_equal(fetch.phase, FETCH_ASKED);
	assert_false(accept_options());
	expect_ack(0);
}

static void test_endless_datagrams_end(void **state)
{
	unsigned n = 0;

	(void)state;
	begin_plain();
	assert_false(data(1, 1, 512));
	while (!data(1, 1, 512)) {
		expect_silence();
		assert_true(++n < 100000);
	}
	assert_int_equal(fetch.result, FETCH_PROTOCOL);
	expect_error(TID, TFTP_EUNDEF);
}

/* ------------------------------------------------------------------------- timers */

static void test_no_answer(void **state)
{
	uint64_t start;

	(void)state;
	begin(&config);
	start = now;
	for (int i = 0; i < 3; i++) {
		assert_false(tick());
		expect_request(true, false);
	}
	assert_true(tick());
	expect_silence();
	assert_int_equal(fetch.result, FETCH_NO_ANSWER);
	assert_int_equal(now - start, 1000 + 2000 + 4000 + 4000);
	assert_int_equal(fetch_deadline(&fetch), TIMER_NONE);
}

static void test_tick_before_time_does_nothing(void **state)
{
	(void)state;
	begin(&config);
	assert_false(fetch_tick(&fetch, now + 999, &out));
	expect_silence();
}

static void test_duplicates_are_absorbed(void **state)
{
	uint64_t deadline;

	(void)state;
	begin_plain();
	assert_false(data(1, 1, 512));
	deadline = fetch_deadline(&fetch);
	now += 500;
	assert_false(data(1, 9, 512));
	expect_silence();
	assert_int_equal(file[0], 1);
	assert_int_equal(fetch.len, 512);
	assert_int_equal(fetch_deadline(&fetch), deadline); /* nor is the timer moved */
}

static void test_duplicates_in_a_window_are_absorbed(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(data(1, 1, 1428));
	assert_false(data(2, 2, 1428));
	for (uint16_t b = 0; b <= 2; b++) {
		assert_false(data(b, 9, 1428));
		expect_silence();
	}
	assert_false(data(3, 3, 1428));
	expect_silence();
	assert_false(data(4, 4, 1428));
	expect_ack(4);
}

static void test_repeated_oack_is_absorbed(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(accept_options());
	expect_silence();
}

static void test_gap_is_told_once(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(data(1, 1, 1428));
	expect_silence();
	assert_false(data(3, 3, 1428));
	expect_ack(1);
	assert_false(data(4, 4, 1428));
	expect_silence();
	for (uint16_t b = 2; b <= 5; b++)
		assert_false(data(b, (uint8_t)b, 1428));
	expect_ack(5);
	assert_int_equal(fetch.len, 5 * 1428);
	assert_int_equal(file[1428], 2);
	assert_int_equal(file[2 * 1428], 3);
}

static void test_timer_repeats_the_last_ack(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(data(1, 1, 1428));
	assert_false(tick());
	expect_ack(1);
	for (uint16_t b = 2; b <= 5; b++)
		assert_false(data(b, 1, 1428));
	expect_ack(5); /* the window began anew after the repeated ACK */
}

/* error 01: begun, and then silence */
static void test_cut_off(void **state)
{
	struct fetch_config c = config;

	(void)state;
	c.restarts = 0;
	begin(&c);
	assert_false(accept_options());
	assert_false(data(1, 1, 1428));
	assert_false(tick());
	expect_ack(1);
	assert_false(tick());
	expect_ack(1);
	assert_true(tick());
	expect_silence();
	assert_int_equal(fetch.result, FETCH_CUT_OFF);
}

/* another server has taken over the address: it knows nothing of the transfer */
static void test_silence_in_the_middle_starts_anew(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(data(1, 1, 1428));
	for (int i = 0; i < 3; i++)
		assert_false(tick());
	expect_request(true, true);
	assert_int_equal(fetch.len, 0);
	assert_false(data_from(TID + 7, 1, 7, 512));
	assert_true(data_from(TID + 7, 2, 8, 1));
	assert_int_equal(fetch.len, 513);
	assert_int_equal(file[0], 7);
}

static void test_restart_without_answer_is_a_cut_off(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	while (!tick())
		;
	assert_int_equal(fetch.result, FETCH_CUT_OFF);
	assert_int_equal(fetch.restarts, 1);
}

static void test_unreachable(void **state)
{
	(void)state;
	begin(&config);
	assert_false(fetch_unreachable(&fetch, now, &out));
	expect_silence(); /* anyone can say so */
	assert_false(accept_options());
	assert_false(fetch_unreachable(&fetch, now, &out));
	expect_request(true, true);
	assert_false(accept_options());
	assert_false(fetch_unreachable(&fetch, now, &out));
	expect_silence(); /* once, and not for ever */
	assert_int_equal(fetch.phase, FETCH_MOVING);
}

static void test_server_that_lost_the_transfer(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_false(error(TID, TFTP_EBADTID, "Unknown transfer ID"));
	expect_request(true, true);
	assert_false(accept_options());
	assert_true(error(TID, TFTP_EBADTID, "Unknown transfer ID"));
	assert_int_equal(fetch.result, FETCH_CUT_OFF);
}

static void test_error_in_the_middle(void **state)
{
	(void)state;
	begin(&config);
	assert_false(accept_options());
	assert_true(error(TID, TFTP_ENOTFOUND, "gone"));
	expect_silence();
	assert_int_equal(fetch.result, FETCH_CUT_OFF);
}

static void test_time_for_the_whole_is_bounded(void **state)
{
	struct fetch_config c = config;
	uint16_t b = 1;

	(void)state;
	c.total_ms = 20000;
	c.rto_ms = 3000;
	begin(&c);
	for (; now + 900 < 1000 + c.total_ms; now += 900)
		assert_false(data(b++, 1, 512)); /* block after block, but slowly */
	assert_int_equal(fetch_deadline(&fetch), 1000 + c.total_ms);
	now = fetch_deadline(&fetch);
	assert_true(fetch_tick(&fetch, now, &out));
	expect_silence();
	assert_int_equal(fetch.result, FETCH_CUT_OFF);
}

static void test_dally(void **state)
{
	(void)state;
	begin_plain();
	assert_true(data(1, 1, 10));
	assert_int_equal(fetch_deadline(&fetch), now + config.dally_ms);
	for (unsigned i = 0; i < 10; i++) {
		assert_false(data(1, 1, 10));
		if (i < config.tries)
			expect_ack(1);
		else
			expect_silence();
	}
	assert_false(data_from(TID + 1, 1, 1, 10));
	expect_error(TID + 1, TFTP_EBADTID);
	assert_int_equal(fetch.len, 10);
	assert_false(tick());
	expect_silence();
	assert_int_equal(fetch.phase, FETCH_IDLE);
	assert_int_equal(fetch_deadline(&fetch), TIMER_NONE);
	assert_int_equal(fetch.result, FETCH_DONE);
	assert_false(data(1, 1, 10));
	expect_silence();
}

/* A lossy, duplicating, reordering link to a server that does no more than RFC 1350
 * asks: the file arrives whole, or the transfer ends. */
static uint32_t seed;

static uint32_t roll(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void run_lossy(uint32_t s, unsigned *done)
{
	size_t len = roll() % 5000;
	uint16_t block = 1;
	unsigned steps = 0;

	seed = s;
	begin_plain();
	for (;;) {
		size_t left = len - (size_t)(block - 1) * 512;
		size_t n = left < 512 ? left : 512;
		bool ended;

		assert_true(++steps < 10000);
		if (out.send && roll() % 4 != 0) {
			uint16_t got;

			if (out.fresh_port)
				block = 1;
			if (tftp_parse_ack(out.p, out.len, &got) == 0 && got == block &&
			    n == 512)
				block++;
			left = len - (size_t)(block - 1) * 512;
			n = left < 512 ? left : 512;
			ended = roll() % 4 != 0 &&
				data((uint16_t)(block - (roll() % 8 == 0)),
				     (uint8_t)block, n);
		} else {
			ended = tick();
		}
		if (ended)
			break;
		if (!out.send && roll() % 2)
			ended = data(block, (uint8_t)block, n); /* again */
		if (ended)
			break;
	}
	if (fetch.result != FETCH_DONE) {
		assert_true(fetch.result == FETCH_CUT_OFF ||
			    fetch.result == FETCH_NO_ANSWER);
		return;
	}
	(*done)++;
	assert_int_equal(fetch.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(file[i], i / 512 + 1);
}

static void test_lossy_link_always_ends(void **state)
{
	unsigned done = 0;

	(void)state;
	for (uint32_t s = 1; s <= 5000; s++)
		run_lossy(s, &done);
	assert_true(done > 2500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_asks_its_options),
		cmocka_unit_test(test_whole_file_in_windows),
		cmocka_unit_test(test_server_without_options),
		cmocka_unit_test(test_server_that_takes_less),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_file_of_whole_blocks_ends_with_an_empty_one),
		cmocka_unit_test(test_largest_file),
		cmocka_unit_test(test_single_port_server),
		cmocka_unit_test(test_options_refused_asked_again_without),
		cmocka_unit_test(test_answers_that_end_it),
		cmocka_unit_test(test_announced_wait),
		cmocka_unit_test(test_other_address_is_not_heard),
		cmocka_unit_test(test_wrong_tid_gets_error_5),
		cmocka_unit_test(test_strangers_are_answered_only_so_often),
		cmocka_unit_test(test_oack_with_more_than_asked),
		cmocka_unit_test(test_oack_without_being_asked),
		cmocka_unit_test(test_oack_of_another_timeout),
		cmocka_unit_test(test_oack_malformed),
		cmocka_unit_test(test_announced_oversize),
		cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_block_longer_than_agreed),
		cmocka_unit_test(test_garbage_changes_nothing),
		cmocka_unit_test(test_endless_datagrams_end),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_tick_before_time_does_nothing),
		cmocka_unit_test(test_duplicates_are_absorbed),
		cmocka_unit_test(test_duplicates_in_a_window_are_absorbed),
		cmocka_unit_test(test_repeated_oack_is_absorbed),
		cmocka_unit_test(test_gap_is_told_once),
		cmocka_unit_test(test_timer_repeats_the_last_ack),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_silence_in_the_middle_starts_anew),
		cmocka_unit_test(test_restart_without_answer_is_a_cut_off),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_server_that_lost_the_transfer),
		cmocka_unit_test(test_error_in_the_middle),
		cmocka_unit_test(test_time_for_the_whole_is_bounded),
		cmocka_unit_test(test_dally),
		cmocka_unit_test(test_lossy_link_always_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
