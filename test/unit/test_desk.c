/* The front desk: S1 (TIDs, refusals), S2, S10, S11, S12, N4 (order of questions). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/desk.h"

#define RRQ "\0\1"
#define WRQ "\0\2"
#define OCTET "\0octet"
#define CM "CM_00_10_4b_ab_cd_ef_86_e5_46.509"
#define OK "OK_00_10_4b_ab_cd_ef_01_02_03.OK"
#define ERR "ERR09_00_10_4b_ab_cd_ef.ERR"

#define DESK_TEXT(s) (s), sizeof(s) /* with its NUL */

enum { SLOTS = 16, TIDS = 3 };

static const struct mac device = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

struct world {
	struct desk desk;
	void *memory;
	uint64_t now;
	struct desk_todo t;
	struct desk_way way;  /* of the next datagram */
	uint8_t packet[4096]; /* the last one fetched */
	size_t len;
};

static struct desk_way way_from(uint8_t host, uint16_t port)
{
	struct desk_way w = { .tid = DESK_REQUEST_TID };

	memcpy(w.peer.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2", 15);
	w.peer.ip[15] = host;
	w.peer.port = port;
	memcpy(w.local.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2\1", 16);
	return w;
}

static void begin(struct world *w, uint16_t n_tids, uint32_t slots)
{
	const struct desk_setup setup = {
		.n_slots = slots,
		.n_tids = n_tids,
		.secret = { 1, 2 },
		.limits = { .xfer = { .blksize_max = 1428,
				      .windowsize_max = 8,
				      .retry_ms = 500,
				      .tries = 4 } },
	};

	memset(w, 0, sizeof(*w));
	w->memory = calloc(1, desk_size(slots));
	assert_non_null(w->memory);
	desk_init(&w->desk, w->memory, &setup);
	w->now = 100000;
	w->way = way_from(7, 2000);
}

static int setup(void **state)
{
	static struct world w;

	begin(&w, TIDS, SLOTS);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	free(w->memory);
	return 0;
}

static void datagram(struct world *w, const void *p, size_t len)
{
	desk_datagram(&w->desk, &w->way, p, len, false, w->now, &w->t);
}

static void judge(struct world *w, enum desk_judgement j)
{
	assert_int_equal(w->t.act, DESK_AUTHENTICATE);
	desk_judge(&w->desk, &w->t, j, 5, w->now);
}

static void ack(struct world *w, uint16_t block)
{
	uint8_t p[4] = { 0, TFTP_ACK, (uint8_t)(block >> 8), (uint8_t)block };

	datagram(w, p, sizeof(p));
}

static void answer(struct world *w, uint64_t ref, enum ipc_verdict v, const void *p,
		   size_t len)
{
	struct ipc_answer a = {
		.ref = ref, .verdict = (uint8_t)v, .epoch = 3, .file = { p, len }
	};

	desk_answer(&w->desk, &a, w->now, &w->t);
}

static void expect_error(struct world *w, enum tftp_error code, const char *text)
{
	struct cur got;
	uint16_t got_code;

	assert_int_equal(w->t.act, DESK_REPLY);
	assert_int_equal(tftp_parse_error(w->t.reply, w->t.reply_len, &got_code, &got),
			 0);
	assert_int_equal(got_code, code);
	if (text) {
		assert_int_equal(got.len, strlen(text));
		assert_memory_equal(got.buf, text, got.len);
	}
}

/* Exactly one datagram is due in a DESK_SEND. */
static void fetch_one(struct world *w)
{
	struct out o = out_of(w->packet, sizeof(w->packet));

	assert_int_equal(w->t.act, DESK_SEND);
	assert_true(desk_packet(&w->desk, w->t.slot, &o));
	assert_false(o.full);
	w->len = o.len;
	o = out_of(w->packet + w->len, sizeof(w->packet) - w->len);
	assert_false(desk_packet(&w->desk, w->t.slot, &o));
}

static void expect_data(struct world *w, uint16_t block, const void *p, size_t len)
{
	struct cur payload;
	uint16_t got;

	fetch_one(w);
	assert_int_equal(tftp_parse_data(w->packet, w->len, &got, &payload), 0);
	assert_int_equal(got, block);
	assert_int_equal(payload.len, len);
	if (len > 0)
		assert_memory_equal(payload.buf, p, len);
}

static uint64_t count(const struct world *w, enum desk_counter c)
{
	return w->desk.counters[c];
}

/* Ask, be found right, and be given these bytes: block 1 is then on its way. */
static void start_file(struct world *w, const void *p, size_t len)
{
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_ASK);
	answer(w, w->t.ref, IPC_VERDICT_FILE, p, len);
	assert_int_equal(w->t.act, DESK_SEND);
	w->way.tid = w->t.way.tid; /* the client now knows our TID */
}

/* ---- a request's way --------------------------------------------------------- */

static void S3_file_is_asked_for_and_sent(void **state)
{
	struct world *w = *state;
	struct desk_way asked = w->way;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	assert_int_equal(w->t.act, DESK_AUTHENTICATE);
	assert_int_equal(w->t.name.kind, NAME_REQUEST);
	assert_true(mac_equal(&w->t.name.mac, &device));
	assert_int_equal(desk_busy(&w->desk), 0);
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_ASK);
	assert_int_equal(w->t.set, 5);
	assert_int_equal(desk_busy(&w->desk), 1);

	answer(w, w->t.ref, IPC_VERDICT_FILE, "abc", 3);
	assert_in_range(w->t.way.tid, 0, TIDS - 1);
	assert_memory_equal(&w->t.way.peer, &asked.peer, sizeof(asked.peer));
	assert_memory_equal(&w->t.way.local, &asked.local, sizeof(asked.local));
	w->way.tid = w->t.way.tid;
	expect_data(w, 1, "abc", 3);

	w->now += 20;
	ack(w, 1);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
	assert_true(mac_equal(&w->t.end.mac, &device));
	assert_int_equal(w->t.end.epoch, 3);
	assert_int_equal(w->t.end.bytes, 3);
	assert_int_equal(w->t.end.took_ms, 20);
	assert_int_equal(w->t.end.peer.port, 2000);
	assert_int_equal(desk_busy(&w->desk), 0);
	assert_true(desk_deadline(&w->desk) == TIMER_NONE);
	assert_int_equal(count(w, DESK_FILES_DELIVERED), 1);
}

static void S1_single_port_transfers_leave_from_the_request_port(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0, SLOTS);
	start_file(&w, "abc", 3);
	assert_int_equal(w.t.way.tid, DESK_REQUEST_TID);
	expect_data(&w, 1, "abc", 3);
	ack(&w, 1);
	assert_int_equal(w.t.end.why, DESK_END_DELIVERED);
	free(w.memory);
}

static void S1_options_reach_the_transfer(void **state)
{
	struct world *w = *state;
	uint8_t file[2000] = { 7 };
	struct tftp_options got;

	datagram(w, DESK_TEXT(RRQ CM OCTET
			      "\0tsize\0000\0blksize\0001000\0windowsize\0002"));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_FILE, file, sizeof(file));
	fetch_one(w);
	assert_int_equal(tftp_parse_oack(w->packet, w->len, &got), 0);
	assert_int_equal(got.tsize, 2000);
	assert_int_equal(got.blksize, 1000);
	assert_int_equal(got.windowsize, 2);
	assert_false(got.has_timeout);
}

/* A client that asks for netascii turns CR LF and CR NUL back (RFC 1350, 764). */
static void S1_netascii_is_converted(void **state)
{
	struct world *w = *state;
	struct tftp_options got;

	datagram(w, DESK_TEXT(RRQ CM "\0netascii\0tsize\0000\0blksize\000512"));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_FILE, "a\nb\r\0c", 6);
	w->way.tid = w->t.way.tid;
	fetch_one(w);
	assert_int_equal(tftp_parse_oack(w->packet, w->len, &got), 0);
	assert_false(got.has_tsize);
	ack(w, 0);
	expect_data(w, 1, "a\r\nb\r\0\0c", 8);
}

static void S1_netascii_that_does_not_fit(void **state)
{
	struct world *w = *state;
	uint8_t *file = calloc(1, IPC_FILE_MAX);

	assert_non_null(file);
	file[0] = '\n';
	datagram(w, DESK_TEXT(RRQ CM "\0netascii"));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_FILE, file, IPC_FILE_MAX);
	expect_error(w, TFTP_EUNDEF, NULL);
	assert_int_equal(desk_busy(&w->desk), 0);
	free(file);
}

static void S3_not_found(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_NOT_FOUND, NULL, 0);
	expect_error(w, TFTP_ENOTFOUND, "File_Name_Not_Found");
	assert_int_equal(w->t.way.tid, DESK_REQUEST_TID);
	assert_int_equal(desk_busy(&w->desk), 0);
}

static void S3_denied_by_the_registrar(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_DENIED, NULL, 0);
	expect_error(w, TFTP_EACCESS, "Authentication_Failed");
	assert_int_equal(desk_busy(&w->desk), 0);
}

/* S2: one and the same answer, no slot, no question to anyone. */
static void S2_every_refusal_looks_the_same(void **state)
{
	static const enum desk_judgement all[] = { DESK_NO_SUCH_DEVICE,
						   DESK_NO_SUCH_CLASS, DESK_OTHER_TYPE,
						   DESK_CODE_WRONG, DESK_IS_DENIED };
	static const enum desk_counter counters[] = { DESK_UNKNOWN_DEVICE,
						      DESK_UNKNOWN_CLASS,
						      DESK_WRONG_TYPE, DESK_WRONG_CODE,
						      DESK_DENIED };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		datagram(w, DESK_TEXT(RRQ CM OCTET));
		judge(w, all[i]);
		expect_error(w, TFTP_EACCESS, "Authentication_Failed");
		assert_int_equal(count(w, counters[i]), 1);
		assert_int_equal(w->t.remark, counters[i]);
		assert_int_equal(desk_busy(&w->desk), 0);
	}
	assert_int_equal(count(w, DESK_REQUESTS), 0);
}

/* ERROR 2 would send the modem to its long wait: never for our own trouble. */
static void S3_cannot_judge_is_not_found(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_CANNOT_JUDGE);
	expect_error(w, TFTP_ENOTFOUND, "File_Name_Not_Found");
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_CANNOT_JUDGE);
	assert_int_equal(w->t.act, DESK_NOTHING);
}

static void S3_registrar_silent(void **state)
{
	struct world *w = *state;
	uint64_t ref;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	ref = w->t.ref;
	assert_int_equal(desk_deadline(&w->desk), w->now + DESK_ANSWER_MS);
	assert_false(desk_expire(&w->desk, w->now + DESK_ANSWER_MS - 1, &w->t));
	w->now += DESK_ANSWER_MS;
	assert_true(desk_expire(&w->desk, w->now, &w->t));
	expect_error(w, TFTP_ENOTFOUND, "File_Name_Not_Found");
	assert_int_equal(w->t.way.peer.port, 2000);
	assert_false(desk_expire(&w->desk, w->now, &w->t));
	assert_int_equal(desk_busy(&w->desk), 0);

	answer(w, ref, IPC_VERDICT_FILE, "abc", 3); /* too late */
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_REGISTRAR_STALE), 1);
}

/* An answer for the slot's last occupant does not reach the next one. */
static void stale_answer_misses_the_next_occupant(void **state)
{
	struct world *w = *state;
	uint64_t old, fresh;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	old = w->t.ref;
	w->now += DESK_ANSWER_MS;
	assert_true(desk_expire(&w->desk, w->now, &w->t));
	w->way = way_from(8, 3000);
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	fresh = w->t.ref;
	assert_int_equal((uint32_t)old, (uint32_t)fresh);
	answer(w, old, IPC_VERDICT_FILE, "old", 3);
	assert_int_equal(w->t.act, DESK_NOTHING);
	answer(w, UINT32_MAX, IPC_VERDICT_FILE, "bad", 3);
	assert_int_equal(w->t.act, DESK_NOTHING);
	answer(w, fresh, IPC_VERDICT_FILE, "new", 3);
	expect_data(w, 1, "new", 3);
}

static void answers_that_do_not_fit_the_question(void **state)
{
	struct world *w = *state;
	uint64_t ref;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	ref = w->t.ref;
	answer(w, ref, IPC_VERDICT_NOTED, NULL, 0);
	assert_int_equal(w->t.act, DESK_NOTHING);
	answer(w, ref, IPC_VERDICT_FILE, NULL, 0);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_REGISTRAR_BAD), 2);
	answer(w, ref, IPC_VERDICT_FILE, "abc", 3);
	assert_int_equal(w->t.act, DESK_SEND);

	w->way = way_from(8, 2000);
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_RIGHT);
	answer(w, w->t.ref, IPC_VERDICT_FILE, "abc", 3);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_REGISTRAR_BAD), 3);
}

/* Every index forgets what has ended. */
static void slots_are_used_again_and_again(void **state)
{
	struct world *w = *state;
	char request[] = RRQ CM OCTET;

	for (int i = 0; i < 20 * SLOTS; i++) {
		request[18] = (char)('0' + i % 10); /* another device each time */
		request[17] = (char)('0' + i / 10 % 10);
		w->way = way_from(7, (uint16_t)(2000 + i));
		datagram(w, DESK_TEXT(request));
		judge(w, DESK_RIGHT);
		answer(w, w->t.ref, IPC_VERDICT_FILE, "abc", 3);
		expect_data(w, 1, "abc", 3);
		w->way.tid = w->t.way.tid;
		ack(w, 1);
		assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
		assert_int_equal(w->desk.by_mac.len, 0);
		assert_int_equal(w->desk.by_key.len, 0);
	}
}

/* ---- repeats, other requests, wrong TIDs ------------------------------------- */

static void repeat_falls_on_its_slot(void **state)
{
	struct world *w = *state;
	struct desk_way again = w->way;

	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	uint64_t ref = w->t.ref;

	for (int i = 0; i < 5; i++) {
		datagram(w, DESK_TEXT(RRQ CM OCTET));
		assert_int_equal(w->t.act, DESK_NOTHING);
	}
	assert_int_equal(desk_busy(&w->desk), 1);
	assert_int_equal(count(w, DESK_REPEATED), 5);

	answer(w, ref, IPC_VERDICT_FILE, "abc", 3);
	expect_data(w, 1, "abc", 3);
	/* S12: before the first ACK once a second, after it never */
	w->now += 400;
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);
	w->now += 600;
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	expect_data(w, 1, "abc", 3);
	w->now += 999;
	w->way = again;
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(desk_busy(&w->desk), 1);
}

static void another_right_request_takes_the_slot_over(void **state)
{
	struct world *w = *state;

	start_file(w, "abc", 3);
	w->way.tid = DESK_REQUEST_TID;
	datagram(w, DESK_TEXT(RRQ CM OCTET "\0blksize\000100"));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_ASK);
	assert_int_equal(w->t.end.why, DESK_END_REPLACED);
	assert_int_equal(desk_busy(&w->desk), 1);
	assert_int_equal(count(w, DESK_FILES_DELIVERED), 0);
}

/* Whoever can forge the peer's address can still not end its transfer by names. */
static void a_wrong_request_into_a_live_transfer_is_not_answered(void **state)
{
	struct world *w = *state;
	uint16_t tid;

	start_file(w, "abc", 3);
	tid = w->way.tid;
	w->way.tid = DESK_REQUEST_TID;
	datagram(w, DESK_TEXT(RRQ "CM_00_10_4b_ab_cd_ef_00_00_00.509" OCTET));
	judge(w, DESK_CODE_WRONG);
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, DESK_TEXT(RRQ "../../etc/passwd" OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, DESK_TEXT(WRQ CM OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);
	w->way.tid = tid;
	ack(w, 1);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
}

/* RFC 1350, section 4: ERROR 5 to the wrong TID, and the transfer goes on. */
static void S1_wrong_tid(void **state)
{
	struct world *w = *state;
	struct desk_way right;
	uint8_t file[600] = { 1 };

	start_file(w, file, sizeof(file));
	right = w->way;

	w->way = way_from(7, 2001); /* another port of that host */
	w->way.tid = right.tid;
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	assert_int_equal(w->t.way.peer.port, 2001);
	w->way = way_from(8, 2000); /* another host */
	w->way.tid = right.tid;
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	w->way = right; /* to another TID of ours */
	w->way.tid = (uint16_t)((right.tid + 1) % TIDS);
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	w->way = right; /* to another address of ours */
	w->way.local.ip[15] = 99;
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	w->way = right; /* to another listener of ours */
	w->way.listener = 1;
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	w->way = right; /* the same link-local address on another link */
	w->way.peer.scope = 2;
	ack(w, 1);
	expect_error(w, TFTP_EBADTID, NULL);
	assert_int_equal(count(w, DESK_STRAY), 6);

	w->way = right;
	ack(w, 1);
	expect_data(w, 2, file + 512, 88);
	ack(w, 2);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
}

static void error_of_a_stranger_is_ignored(void **state)
{
	struct world *w = *state;
	struct desk_way right;

	start_file(w, "abc", 3);
	right = w->way;
	w->way.peer.port = 2001;
	datagram(w, DESK_TEXT("\0\5\0\0stop"));
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_IGNORED), 1);
	w->way = right;
	ack(w, 1);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
}

static void error_of_the_peer_ends_its_transfer(void **state)
{
	struct world *w = *state;

	start_file(w, "abc", 3);
	datagram(w, DESK_TEXT("\0\5\0\3disk full"));
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(w->t.end.why, DESK_END_ABORTED);
	assert_int_equal(w->t.end.error, 3);
	assert_int_equal(w->t.end.text_len, 9);
	assert_int_equal(desk_busy(&w->desk), 0);
	assert_int_equal(count(w, DESK_FILES_DELIVERED), 0);
}

/* Whatever its first bytes say: who cut it knows what the rest was. */
static void what_arrived_cut_off_is_ignored(void **state)
{
	static const uint8_t datagrams[][8] = { { 0, TFTP_ACK, 0, 1 },
						{ 0, TFTP_ERROR, 0, 3, 'n', 'o', 0 } };
	static const size_t lens[] = { 4, 7 };
	struct world *w = *state;

	start_file(w, "abc", 3);
	for (size_t i = 0; i < 2; i++) {
		desk_datagram(&w->desk, &w->way, datagrams[i], lens[i], true, w->now,
			      &w->t);
		assert_int_equal(w->t.act, DESK_NOTHING);
		assert_int_equal(w->t.end.why, DESK_END_NONE);
		assert_int_equal(count(w, DESK_IGNORED), i + 1);
	}
	ack(w, 1);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
}

static void nonsense_into_a_transfer_changes_nothing(void **state)
{
	struct world *w = *state;

	start_file(w, "abc", 3);
	datagram(w, "\0\3\0\1x", 5);
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, "\0\6", 2);
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, "\0\4\0\1x", 5); /* an ACK is four bytes */
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, "\0\4\0", 3);
	assert_int_equal(w->t.act, DESK_NOTHING);
	datagram(w, "\xff\xff", 2);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(desk_busy(&w->desk), 1);
	ack(w, 1);
	assert_int_equal(w->t.end.why, DESK_END_DELIVERED);
}

/* ---- bad input ------------------------------------------------------------------- */

static void bad_datagrams(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		int code; /* -1: silence */
		enum desk_counter counter;
	} cases[] = {
		{ "", 0, TFTP_EBADOP, DESK_BAD_OPCODE },
		{ "\0", 1, TFTP_EBADOP, DESK_BAD_OPCODE },
		{ "\0\0", 2, TFTP_EBADOP, DESK_BAD_OPCODE },
		{ "\0\7x", 3, TFTP_EBADOP, DESK_BAD_OPCODE },
		{ DESK_TEXT("\1\1" CM OCTET), TFTP_EBADOP, DESK_BAD_OPCODE },
		{ RRQ, 2, TFTP_EBADOP, DESK_BAD_REQUEST },
		{ RRQ CM, 20, TFTP_EBADOP, DESK_BAD_REQUEST },
		{ DESK_TEXT(RRQ CM), TFTP_EBADOP, DESK_BAD_REQUEST },
		{ RRQ CM OCTET, sizeof(RRQ CM OCTET) - 1, TFTP_EBADOP,
		  DESK_BAD_REQUEST },
		{ DESK_TEXT(RRQ OCTET), TFTP_EBADOP, DESK_BAD_REQUEST },
		{ DESK_TEXT(RRQ CM "\0mail"), TFTP_EBADOP, DESK_BAD_MODE },
		{ DESK_TEXT(RRQ CM "\0binary"), TFTP_EBADOP, DESK_BAD_MODE },
		{ DESK_TEXT(WRQ CM OCTET), TFTP_EACCESS, DESK_WRITES },
		{ DESK_TEXT(RRQ "/etc/passwd" OCTET), TFTP_ENOTFOUND, DESK_BAD_NAME },
		{ DESK_TEXT(RRQ "../" CM OCTET), TFTP_ENOTFOUND, DESK_BAD_NAME },
		{ DESK_TEXT(RRQ "x" OCTET), TFTP_ENOTFOUND, DESK_BAD_NAME },
		{ "\0\3\0\1data", 8, TFTP_EBADTID, DESK_STRAY },
		{ "\0\4\0\1", 4, TFTP_EBADTID, DESK_STRAY },
		{ DESK_TEXT("\0\6tsize\0001"), TFTP_EBADTID, DESK_STRAY },
		{ DESK_TEXT("\0\5\0\0x"), -1, DESK_IGNORED },
		{ "\0\5", 2, -1, DESK_IGNORED },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = count(w, cases[i].counter);

		datagram(w, cases[i].p, cases[i].len);
		if (cases[i].code < 0)
			assert_int_equal(w->t.act, DESK_NOTHING);
		else
			expect_error(w, (enum tftp_error)cases[i].code, NULL);
		assert_int_equal(count(w, cases[i].counter), before + 1);
	}
	assert_int_equal(desk_busy(&w->desk), 0);
	assert_int_equal(count(w, DESK_ERRORS), 19);
}

/* N8, and RFC 2347's 512 bytes. */
static void N8_name_of_600_bytes(void **state)
{
	struct world *w = *state;
	char p[2 + 600 + 7] = RRQ;

	memset(p + 2, 'a', 600);
	memcpy(p + 602, OCTET, 7);
	datagram(w, p, sizeof(p));
	expect_error(w, TFTP_EBADOP, NULL);
	assert_int_equal(count(w, DESK_BAD_REQUEST), 1);
	assert_int_equal(w->t.raw_name_len, 600 + 7);

	desk_datagram(&w->desk, &w->way, p, sizeof(p), true, w->now, &w->t);
	expect_error(w, TFTP_EBADOP, NULL);
	assert_int_equal(count(w, DESK_BAD_REQUEST), 2);

	memcpy(p + 202, OCTET, 7); /* whole, but no name of ours */
	datagram(w, p, 209);
	expect_error(w, TFTP_ENOTFOUND, NULL);
	assert_int_equal(count(w, DESK_BAD_NAME), 1);
}

static void port_0_is_not_answered(void **state)
{
	struct world *w = *state;

	w->way.peer.port = 0;
	datagram(w, DESK_TEXT(RRQ "x" OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);
}

/* Two machines that answer each other's nonsense come to rest. */
static void stray_answers_are_limited(void **state)
{
	struct world *w = *state;
	unsigned answered = 0;

	for (int i = 0; i < 5 * DESK_STRAY_PER_S; i++) {
		datagram(w, "\0\4\0\1", 4);
		answered += w->t.act == DESK_REPLY;
	}
	assert_int_equal(answered, DESK_STRAY_PER_S);
	w->now += 1000;
	datagram(w, "\0\4\0\1", 4);
	expect_error(w, TFTP_EBADTID, NULL);
}

static void full_table_is_silence(void **state)
{
	struct world *w = *state;

	for (uint16_t i = 0; i < SLOTS; i++) {
		w->way = way_from(9, (uint16_t)(4000 + i));
		datagram(w, DESK_TEXT(RRQ CM OCTET));
		judge(w, DESK_RIGHT);
		assert_int_equal(w->t.act, DESK_ASK);
	}
	w->way = way_from(9, 5000);
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_TABLE_FULL), 1);
	datagram(w, DESK_TEXT(RRQ "x" OCTET)); /* needs no slot */
	expect_error(w, TFTP_ENOTFOUND, NULL);

	w->now += DESK_ANSWER_MS;
	for (int i = 0; i < SLOTS; i++)
		assert_true(desk_expire(&w->desk, w->now, &w->t));
	datagram(w, DESK_TEXT(RRQ CM OCTET));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_ASK);
}

/* ---- confirmations and reports ----------------------------------------------------
 */

static void S10_confirmation(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ OK OCTET "\0tsize\0000"));
	assert_int_equal(w->t.name.kind, NAME_CONFIRM);
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_CONFIRM);
	assert_false(w->t.bound);
	answer(w, w->t.ref, IPC_VERDICT_NOTED, NULL, 0);
	expect_data(w, 1, NULL, 0);
	w->way.tid = w->t.way.tid;
	ack(w, 1);
	assert_int_equal(w->t.end.why, DESK_END_NONE); /* no file has ended */
	assert_int_equal(count(w, DESK_NOTED), 1);
	assert_int_equal(count(w, DESK_FILES_DELIVERED), 0);
	assert_int_equal(desk_busy(&w->desk), 0);
}

static void S10_wrong_code(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_CODE_WRONG);
	expect_error(w, TFTP_EACCESS, "Authentication_Failed");
}

/* Not committed: no answer at all, and the modem says it again. */
static void S10_registrar_silent(void **state)
{
	struct world *w = *state;
	static const char *const names[] = { RRQ OK OCTET, RRQ ERR OCTET };
	static const size_t lens[] = { sizeof(RRQ OK OCTET), sizeof(RRQ ERR OCTET) };

	for (int i = 0; i < 2; i++) {
		datagram(w, names[i], lens[i]);
		judge(w, DESK_RIGHT);
		answer(w, w->t.ref, IPC_VERDICT_NOT_FOUND, NULL, 0);
		assert_int_equal(w->t.act, DESK_NOTHING);
		w->now += DESK_ANSWER_MS;
		assert_true(desk_expire(&w->desk, w->now, &w->t));
		assert_int_equal(w->t.act, DESK_NOTHING);
		assert_int_equal(desk_busy(&w->desk), 0);
	}
	assert_int_equal(count(w, DESK_REGISTRAR_SILENT), 2);
}

static void S11_report(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ ERR OCTET));
	assert_int_equal(w->t.name.kind, NAME_REPORT);
	assert_int_equal(w->t.name.error, 9);
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_REPORT);
	answer(w, w->t.ref, IPC_VERDICT_NOTED, NULL, 0);
	expect_data(w, 1, NULL, 0);
}

static void S11_report_of_an_unknown_device(void **state)
{
	struct world *w = *state;

	datagram(w, DESK_TEXT(RRQ ERR OCTET));
	judge(w, DESK_RIGHT_NOTED);
	expect_data(w, 1, NULL, 0);
	assert_int_equal(count(w, DESK_REPORTS), 1);
}

/* N4, confirm = bound: the digest first, then the code, then the registrar. */
static void N4_bound_confirmation(void **state)
{
	struct world *w = *state;
	struct ipc_digest_is is = { .found = 1, .digest = { 1, 2, 3 } };

	datagram(w, DESK_TEXT(RRQ OK OCTET));
	assert_null(w->t.digest);
	assert_false(w->t.digest_missing);
	judge(w, DESK_WANTS_DIGEST);
	assert_int_equal(w->t.act, DESK_DIGEST);
	is.ref = w->t.ref;
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	assert_int_equal(w->t.act, DESK_NOTHING);

	desk_digest(&w->desk, &is, &w->t);
	assert_int_equal(w->t.act, DESK_AUTHENTICATE);
	assert_memory_equal(w->t.digest, is.digest, sizeof(is.digest));
	assert_int_equal(w->t.name.code.b[0], 1);
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_CONFIRM);
	assert_true(w->t.bound);
	answer(w, w->t.ref, IPC_VERDICT_NOTED, NULL, 0);
	expect_data(w, 1, NULL, 0);

	desk_digest(&w->desk, &is, &w->t);
	assert_int_equal(w->t.act, DESK_NOTHING);
}

static void N4_bound_and_wrong(void **state)
{
	struct world *w = *state;

	for (uint8_t found = 0; found < 2; found++) {
		struct ipc_digest_is is = { .found = found };

		datagram(w, DESK_TEXT(RRQ OK OCTET));
		judge(w, DESK_WANTS_DIGEST);
		is.ref = w->t.ref;
		desk_digest(&w->desk, &is, &w->t);
		assert_int_equal(w->t.digest_missing, !found);
		judge(w, DESK_CODE_WRONG);
		expect_error(w, TFTP_EACCESS, "Authentication_Failed");
		assert_int_equal(desk_busy(&w->desk), 0);
	}
	assert_int_equal(w->desk.n_digests, 0);
}

/* What is not yet proven may not fill the table, nor end a transfer. */
static void N4_digests_have_their_share(void **state)
{
	struct world *w = *state;
	int waiting = 0;

	start_file(w, "abc", 3);
	expect_data(w, 1, "abc", 3);
	for (uint16_t i = 0; i < SLOTS; i++) {
		w->way = way_from(9, (uint16_t)(4000 + i));
		datagram(w, DESK_TEXT(RRQ OK OCTET));
		judge(w, DESK_WANTS_DIGEST);
		waiting += w->t.act == DESK_DIGEST;
	}
	assert_int_equal(waiting, SLOTS / DESK_DIGEST_SHARE + 1);
	w->now += DESK_ANSWER_MS;
	while (desk_expire(&w->desk, w->now, &w->t))
		if (w->t.act == DESK_SEND)
			expect_data(w, 1, "abc", 3);
	assert_int_equal(w->desk.n_digests, 0);

	w->way = way_from(7, 2000);
	datagram(w, DESK_TEXT(RRQ "OK_00_10_4b_00_00_00_01_02_03.OK" OCTET));
	judge(w, DESK_WANTS_DIGEST);
	assert_int_equal(w->t.act, DESK_NOTHING);
	assert_int_equal(count(w, DESK_REPLACED), 0);
	datagram(w, DESK_TEXT(RRQ OK OCTET)); /* its own device, and all was sent */
	judge(w, DESK_WANTS_DIGEST);
	assert_int_equal(w->t.act, DESK_DIGEST);
	assert_int_equal(count(w, DESK_REPLACED), 1);
}

/* The last ACK was lost, the confirmation says that the file arrived. */
static void S10_confirmation_ends_the_transfer(void **state)
{
	struct world *w = *state;
	uint8_t file[600] = { 1 };
	struct desk_way transfer;

	start_file(w, file, sizeof(file));
	transfer = w->way;

	/* not before the last block has been sent */
	w->way = way_from(7, 2001);
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_CONFIRM);
	assert_int_equal(w->t.end.why, DESK_END_NONE);
	assert_int_equal(desk_busy(&w->desk), 2);

	w->way = transfer;
	ack(w, 1);
	expect_data(w, 2, file + 512, 88);
	w->way = way_from(7, 2002);
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_CODE_WRONG); /* a wrong one says nothing */
	assert_int_equal(w->t.end.why, DESK_END_NONE);
	datagram(w, DESK_TEXT(RRQ "OK_00_10_4b_00_00_00_01_02_03.OK" OCTET));
	judge(w, DESK_RIGHT); /* nor another device's */
	assert_int_equal(w->t.end.why, DESK_END_NONE);

	w->way = way_from(7, 2003);
	datagram(w, DESK_TEXT(RRQ OK OCTET));
	judge(w, DESK_RIGHT);
	assert_int_equal(w->t.act, DESK_CONFIRM);
	assert_int_equal(w->t.end.why, DESK_END_CONFIRMED);
	assert_int_equal(w->t.end.epoch, 3);
	assert_int_equal(w->t.end.peer.port, 2000);
	assert_int_equal(count(w, DESK_FILES_DELIVERED), 1);

	w->way = transfer;
	ack(w, 2);
	expect_error(w, TFTP_EBADTID, NULL); /* it is over */
}

/* ---- time --------------------------------------------------------------------------
 */

/* S12: one DATA 1, one retransmission, and the slot is free again. */
static void S12_never_acknowledged(void **state)
{
	struct world *w = *state;
	int sent = 1;

	start_file(w, "abc", 3);
	expect_data(w, 1, "abc", 3);
	while (desk_deadline(&w->desk) != TIMER_NONE) {
		w->now = desk_deadline(&w->desk);
		assert_true(desk_expire(&w->desk, w->now, &w->t));
		if (w->t.act == DESK_SEND) {
			expect_data(w, 1, "abc", 3);
			sent++;
		}
	}
	assert_int_equal(sent, 2);
	assert_int_equal(w->t.end.why, DESK_END_UNPROVEN);
	assert_int_equal(count(w, DESK_UNPROVEN), 1);
	assert_int_equal(desk_busy(&w->desk), 0);
}

static void S1_gives_up(void **state)
{
	struct world *w = *state;
	uint8_t file[600] = { 1 };

	start_file(w, file, sizeof(file));
	ack(w, 1);
	while (desk_deadline(&w->desk) != TIMER_NONE) {
		w->now = desk_deadline(&w->desk);
		assert_true(desk_expire(&w->desk, w->now, &w->t));
	}
	assert_int_equal(w->t.end.why, DESK_END_GIVEN_UP);
	assert_int_equal(w->t.end.resent, 3);
	assert_int_equal(count(w, DESK_GIVEN_UP), 1);
	assert_int_equal(count(w, DESK_RESENT), 3);
	assert_int_equal(desk_busy(&w->desk), 0);
}

static void every_counter_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DESK_COUNTERS; i++) {
		const char *name = desk_counter_name(i);

		assert_non_null(name);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, desk_counter_name(j));
	}
	assert_null(desk_counter_name(DESK_COUNTERS));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(S3_file_is_asked_for_and_sent),
		T(S1_single_port_transfers_leave_from_the_request_port),
		T(S1_options_reach_the_transfer),
		T(S1_netascii_is_converted),
		T(S1_netascii_that_does_not_fit),
		T(S3_not_found),
		T(S3_denied_by_the_registrar),
		T(S2_every_refusal_looks_the_same),
		T(S3_cannot_judge_is_not_found),
		T(S3_registrar_silent),
		T(stale_answer_misses_the_next_occupant),
		T(answers_that_do_not_fit_the_question),
		T(slots_are_used_again_and_again),
		T(repeat_falls_on_its_slot),
		T(another_right_request_takes_the_slot_over),
		T(a_wrong_request_into_a_live_transfer_is_not_answered),
		T(S1_wrong_tid),
		T(error_of_a_stranger_is_ignored),
		T(error_of_the_peer_ends_its_transfer),
		T(what_arrived_cut_off_is_ignored),
		T(nonsense_into_a_transfer_changes_nothing),
		T(bad_datagrams),
		T(N8_name_of_600_bytes),
		T(port_0_is_not_answered),
		T(stray_answers_are_limited),
		T(full_table_is_silence),
		T(S10_confirmation),
		T(S10_wrong_code),
		T(S10_registrar_silent),
		T(S11_report),
		T(S11_report_of_an_unknown_device),
		T(N4_bound_confirmation),
		T(N4_bound_and_wrong),
		T(N4_digests_have_their_share),
		T(S10_confirmation_ends_the_transfer),
		T(S12_never_acknowledged),
		T(S1_gives_up),
		T(every_counter_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
