/* The server's side of one transfer: S1 (options), S12 (before the first ACK). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/xfer.h"
#include "wire/tftp.h"

static const struct xfer_limits limits = {
	.blksize_max = 1428, .windowsize_max = 8, .retry_ms = 700, .tries = 4
};

static uint8_t file[600 * 1024];

static void fill(void)
{
	uint32_t v = 1;

	for (size_t i = 0; i < sizeof(file); i++) {
		v = v * 1664525 + 1013904223;
		file[i] = (uint8_t)(v >> 24);
	}
}

static uint8_t packet[TFTP_BLKSIZE_MAX + TFTP_HEADER_LEN];
static size_t packet_len;

static bool fetch(struct xfer *x)
{
	struct out o = out_of(packet, sizeof(packet));
	bool any = xfer_packet(x, &o);

	assert_false(o.full);
	if (any)
		packet_len = o.len;
	return any;
}

static void expect_data(struct xfer *x, uint32_t block, size_t blksize, size_t len)
{
	size_t off = (size_t)(block - 1) * blksize;
	size_t n = len - off < blksize ? len - off : blksize;
	struct cur payload;
	uint16_t got;

	assert_true(fetch(x));
	assert_int_equal(tftp_opcode(packet, packet_len), TFTP_DATA);
	assert_int_equal(tftp_parse_data(packet, packet_len, &got, &payload), 0);
	assert_int_equal(got, (uint16_t)block);
	assert_int_equal(payload.len, n);
	if (n > 0)
		assert_memory_equal(payload.buf, file + off, n);
}

static void expect_blocks(struct xfer *x, uint32_t from, uint32_t to, size_t blksize,
			  size_t len)
{
	for (uint32_t b = from; b <= to; b++)
		expect_data(x, b, blksize, len);
	assert_false(fetch(x));
}

static void expect_oack(struct xfer *x, struct tftp_options *ret)
{
	assert_true(fetch(x));
	assert_int_equal(tftp_opcode(packet, packet_len), TFTP_OACK);
	assert_int_equal(tftp_parse_oack(packet, packet_len, ret), 0);
	assert_false(fetch(x));
}

/* A window of w blocks of 512 bytes, opened and its OACK acknowledged at 1000. */
static void open_window(struct xfer *x, uint32_t w, size_t len)
{
	struct tftp_options want = { .has_windowsize = true, .windowsize = w };
	struct tftp_options got;

	xfer_open(x, file, len, &want, &limits, 1000);
	expect_oack(x, &got);
	assert_int_equal(got.windowsize, w);
	assert_int_equal(xfer_ack(x, 0, 1000), XFER_SEND);
}

/* RFC 1350 without options: block by block, the short one is the last. */
static void S1_plain_transfer(void **state)
{
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 1300, NULL, &limits, 0);
	for (uint16_t b = 1; b <= 3; b++) {
		expect_blocks(&x, b, b, 512, 1300);
		assert_int_equal(xfer_all_sent(&x), b == 3);
		assert_int_equal(xfer_ack(&x, b, b), b < 3 ? XFER_SEND : XFER_DONE);
	}
	assert_true(x.deadline == UINT64_MAX);
	assert_int_equal(x.resent, 0);
	assert_false(fetch(&x));
	assert_int_equal(xfer_ack(&x, 3, 9), XFER_NOTHING);
	assert_int_equal(xfer_tick(&x, UINT64_MAX - 1), XFER_NOTHING);
	assert_int_equal(xfer_again(&x, 100000), XFER_NOTHING);
}

/* An exact multiple of the block size ends with an empty block. */
static void S1_exact_multiple_ends_empty(void **state)
{
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 1024, NULL, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 1024);
	assert_int_equal(xfer_ack(&x, 1, 1), XFER_SEND);
	expect_blocks(&x, 2, 2, 512, 1024);
	assert_int_equal(xfer_ack(&x, 2, 2), XFER_SEND);
	expect_blocks(&x, 3, 3, 512, 1024);
	assert_int_equal(packet_len, TFTP_HEADER_LEN);
	assert_int_equal(xfer_ack(&x, 3, 3), XFER_DONE);
}

/* S10, S11: the answer to OK and ERR is one empty DATA 1. */
static void S10_S11_empty_payload(void **state)
{
	struct xfer x;

	(void)state;
	xfer_open(&x, NULL, 0, NULL, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 0);
	assert_int_equal(packet_len, TFTP_HEADER_LEN);
	assert_int_equal(xfer_ack(&x, 1, 1), XFER_DONE);
}

/* RFC 2347 to 2349, 7440: what was asked is acknowledged, no more, and never
 * above the limits. */
static void S1_options_are_clamped(void **state)
{
	struct tftp_options want = { .has_blksize = true,
				     .blksize = 65464,
				     .has_windowsize = true,
				     .windowsize = 65535,
				     .has_tsize = true,
				     .has_timeout = true,
				     .timeout_s = 255 };
	struct tftp_options got;
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 20000, &want, &limits, 0);
	expect_oack(&x, &got);
	assert_true(got.has_blksize);
	assert_int_equal(got.blksize, 1428);
	assert_int_equal(got.windowsize, 8);
	assert_int_equal(got.tsize, 20000);
	assert_int_equal(got.timeout_s, 255);

	want.blksize = 8;
	want.windowsize = 2;
	want.timeout_s = 1;
	xfer_open(&x, file, 20000, &want, &limits, 0);
	expect_oack(&x, &got);
	assert_int_equal(got.blksize, 8);
	assert_int_equal(got.windowsize, 2);
	assert_int_equal(got.timeout_s, 1);
	assert_int_equal(xfer_ack(&x, 0, 1), XFER_SEND);
	expect_blocks(&x, 1, 2, 8, 20000);
}

static void S1_only_what_was_asked(void **state)
{
	struct tftp_options want = { .has_tsize = true }, none = { .has_tsize = false };
	struct tftp_options got;
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 700, &want, &limits, 0);
	expect_oack(&x, &got);
	assert_true(got.has_tsize);
	assert_int_equal(got.tsize, 700);
	assert_false(got.has_blksize || got.has_timeout || got.has_windowsize);

	xfer_open(&x, file, 700, &none, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 700);
}

/* The data begin with ACK 0 and with nothing else. */
static void S1_oack_is_answered_by_ack_0(void **state)
{
	struct tftp_options want = { .has_blksize = true, .blksize = 1000 }, got;
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 2500, &want, &limits, 0);
	expect_oack(&x, &got);
	assert_int_equal(xfer_ack(&x, 1, 1), XFER_NOTHING);
	assert_int_equal(xfer_ack(&x, 65535, 1), XFER_NOTHING);
	assert_false(x.proven);
	assert_int_equal(xfer_ack(&x, 0, 1), XFER_SEND);
	assert_true(x.proven);
	expect_blocks(&x, 1, 1, 1000, 2500);
	assert_int_equal(xfer_ack(&x, 0, 2), XFER_NOTHING);
	assert_false(fetch(&x));
}

/* RFC 1123, 4.2.3.1: a duplicate ACK sends nothing and moves no deadline. */
static void S1_duplicate_ack_sends_nothing(void **state)
{
	struct xfer x;
	uint64_t deadline;

	(void)state;
	xfer_open(&x, file, 5000, NULL, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 5000);
	assert_int_equal(xfer_ack(&x, 1, 10), XFER_SEND);
	expect_blocks(&x, 2, 2, 512, 5000);
	deadline = x.deadline;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(xfer_ack(&x, 1, 20), XFER_NOTHING);
		assert_int_equal(xfer_ack(&x, 0, 20), XFER_NOTHING);
		assert_int_equal(xfer_ack(&x, 3, 20), XFER_NOTHING); /* not sent yet */
		assert_false(fetch(&x));
	}
	assert_true(x.deadline == deadline);
	assert_int_equal(x.resent, 0);
}

/* RFC 7440: a window at a time. */
static void S1_windowsize(void **state)
{
	struct xfer x;

	(void)state;
	open_window(&x, 4, 512 * 9 + 100);
	expect_blocks(&x, 1, 4, 512, 512 * 9 + 100);
	assert_int_equal(xfer_ack(&x, 4, 1001), XFER_SEND);
	expect_blocks(&x, 5, 8, 512, 512 * 9 + 100);
	assert_false(xfer_all_sent(&x));
	assert_int_equal(xfer_ack(&x, 8, 1002), XFER_SEND);
	expect_blocks(&x, 9, 10, 512, 512 * 9 + 100);
	assert_true(xfer_all_sent(&x));
	assert_int_equal(xfer_ack(&x, 4, 1003), XFER_NOTHING);
	assert_int_equal(xfer_ack(&x, 10, 1004), XFER_DONE);
	assert_int_equal(x.resent, 0);
}

/* RFC 7440, section 4: an ACK within the window goes on from there; once for each
 * stretch, so that ACKs caused by what is sent again cause no more of it. */
static void S1_ack_within_window_rewinds_once(void **state)
{
	size_t len = 512 * 40;
	struct xfer x;

	(void)state;
	open_window(&x, 8, len);
	expect_blocks(&x, 1, 8, 512, len);
	assert_int_equal(xfer_ack(&x, 3, 1001), XFER_SEND);
	expect_blocks(&x, 4, 11, 512, len);
	assert_int_equal(xfer_ack(&x, 3, 1002), XFER_NOTHING);
	/* within what was sent when it rewound: only new blocks */
	assert_int_equal(xfer_ack(&x, 5, 1003), XFER_SEND);
	expect_blocks(&x, 12, 13, 512, len);
	assert_int_equal(xfer_ack(&x, 6, 1003), XFER_SEND);
	expect_blocks(&x, 14, 14, 512, len);
	/* beyond it: a new loss */
	assert_int_equal(xfer_ack(&x, 9, 1004), XFER_SEND);
	expect_blocks(&x, 10, 17, 512, len);
	assert_int_equal(x.resent, 5 + 5);
}

/* All that was out when it rewound has come: what is missed now is lost anew. */
static void S1_ack_at_the_end_of_a_stretch_is_a_new_loss(void **state)
{
	size_t len = 512 * 40;
	struct xfer x;

	(void)state;
	open_window(&x, 8, len);
	expect_blocks(&x, 1, 8, 512, len);
	assert_int_equal(xfer_ack(&x, 3, 1001), XFER_SEND);
	expect_blocks(&x, 4, 11, 512, len);
	assert_int_equal(xfer_ack(&x, 8, 1002), XFER_SEND);
	expect_blocks(&x, 9, 16, 512, len);
	assert_int_equal(x.resent, 5 + 3);
}

/* The timer sends the unacknowledged window again, and its ACKs are no losses. */
static void S1_timer_sends_window_again(void **state)
{
	size_t len = 512 * 40;
	struct xfer x;

	(void)state;
	open_window(&x, 4, len);
	expect_blocks(&x, 1, 4, 512, len);
	assert_int_equal(xfer_tick(&x, 1699), XFER_NOTHING);
	assert_int_equal(xfer_tick(&x, 1700), XFER_SEND);
	expect_blocks(&x, 1, 4, 512, len);
	assert_int_equal(xfer_ack(&x, 2, 1701), XFER_SEND);
	expect_blocks(&x, 5, 6, 512, len);
}

/* 16-bit block numbers go round; old numbers still mean nothing. */
static void S1_block_number_wraps(void **state)
{
	struct tftp_options want = { .has_blksize = true, .blksize = 8 }, got;
	size_t len = 8 * 70000 + 3;
	struct xfer x;

	(void)state;
	xfer_open(&x, file, len, &want, &limits, 0);
	expect_oack(&x, &got);
	assert_int_equal(xfer_ack(&x, 0, 0), XFER_SEND);
	for (uint32_t b = 1; b <= 70001; b++) {
		expect_blocks(&x, b, b, 8, len);
		assert_int_equal(xfer_ack(&x, (uint16_t)(b - 1), b), XFER_NOTHING);
		assert_int_equal(xfer_ack(&x, (uint16_t)b, b),
				 b < 70001 ? XFER_SEND : XFER_DONE);
	}
	assert_int_equal(x.resent, 0);
}

/* Not before half a second, then doubling, `tries` sends in all. */
static void S1_retransmission_times(void **state)
{
	static const uint64_t waits[] = { 700, 1400, 2800, 5600 };
	struct xfer x;
	uint64_t now = 50;

	(void)state;
	xfer_open(&x, file, 5000, NULL, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 5000);
	assert_int_equal(xfer_ack(&x, 1, now), XFER_SEND);
	expect_blocks(&x, 2, 2, 512, 5000);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(x.deadline - now, waits[i]);
		assert_int_equal(xfer_tick(&x, x.deadline - 1), XFER_NOTHING);
		now = x.deadline;
		assert_int_equal(xfer_tick(&x, now), i < 3 ? XFER_SEND : XFER_GIVE_UP);
		if (i < 3)
			expect_blocks(&x, 2, 2, 512, 5000);
	}
	assert_true(x.deadline == UINT64_MAX);
	assert_false(fetch(&x));
	assert_int_equal(x.resent, 3);
}

static void S1_progress_restarts_the_count(void **state)
{
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 5000, NULL, &limits, 0);
	assert_int_equal(xfer_ack(&x, 1, 0), XFER_SEND);
	for (int i = 0; i < 3; i++)
		assert_int_equal(xfer_tick(&x, x.deadline), XFER_SEND);
	assert_int_equal(xfer_ack(&x, 2, 10000), XFER_SEND);
	assert_int_equal(x.deadline, 10700);
	for (int i = 0; i < 3; i++)
		assert_int_equal(xfer_tick(&x, x.deadline), XFER_SEND);
	assert_int_equal(xfer_tick(&x, x.deadline), XFER_GIVE_UP);
}

static void S1_least_interval_is_half_a_second(void **state)
{
	struct xfer_limits hasty = limits;
	struct xfer x;

	(void)state;
	hasty.retry_ms = 10;
	xfer_open(&x, file, 5000, NULL, &hasty, 1000);
	assert_int_equal(x.deadline, 1500);
}

/* RFC 2349: the client's timeout is the interval, each time. */
static void S1_timeout_option(void **state)
{
	struct tftp_options want = { .has_timeout = true, .timeout_s = 3 };
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 5000, &want, &limits, 0);
	assert_int_equal(x.deadline, 3000);
	assert_int_equal(xfer_ack(&x, 0, 100), XFER_SEND);
	assert_int_equal(x.deadline, 3100);
	assert_int_equal(xfer_tick(&x, 3100), XFER_SEND);
	assert_int_equal(x.deadline, 6100);
	assert_int_equal(xfer_tick(&x, 6100), XFER_SEND);
	assert_int_equal(x.deadline, 9100);
}

/* S12: who has not shown that he is there does not hold a slot for as long as he likes.
 */
static void S12_a_long_timeout_is_no_slot_for_long(void **state)
{
	struct tftp_options want = { .has_timeout = true, .timeout_s = 255 };
	struct xfer x;

	(void)state;
	xfer_open(&x, file, 5000, &want, &limits, 0);
	assert_int_equal(x.options.timeout_s, 255);
	assert_int_equal(x.deadline, XFER_UNPROVEN_WAIT_MS);
	assert_int_equal(xfer_tick(&x, 6000), XFER_SEND);
	assert_int_equal(x.deadline, 12000);
	assert_int_equal(xfer_tick(&x, 12000), XFER_GIVE_UP);

	xfer_open(&x, file, 5000, &want, &limits, 0);
	assert_int_equal(xfer_ack(&x, 0, 100), XFER_SEND);
	assert_int_equal(x.deadline, 255100);
}

/* S12: until the first ACK one OACK or DATA 1, and one retransmission. */
static void S12_before_the_first_ack(void **state)
{
	struct tftp_options window = { .has_windowsize = true, .windowsize = 8 };
	struct tftp_options got;

	(void)state;
	for (int with = 0; with < 2; with++) {
		struct xfer x;
		int n = 0;

		xfer_open(&x, file, 9000, with ? &window : NULL, &limits, 0);
		while (x.deadline != UINT64_MAX) {
			if (with)
				expect_oack(&x, &got);
			else
				expect_blocks(&x, 1, 1, 512, 9000);
			n++;
			if (xfer_tick(&x, x.deadline) == XFER_GIVE_UP)
				break;
		}
		assert_int_equal(n, 2);
		assert_int_equal(x.resent, 1);
		assert_true(x.deadline == UINT64_MAX);
		assert_false(fetch(&x));
	}
}

/* S12: the same request sends it again, at most once a second, and only then. */
static void S12_request_again(void **state)
{
	struct xfer x;
	int sent = 0;

	(void)state;
	xfer_open(&x, file, 9000, NULL, &limits, 0);
	expect_blocks(&x, 1, 1, 512, 9000);
	for (uint64_t now = 0; now < 690; now += 10)
		assert_int_equal(xfer_again(&x, now), XFER_NOTHING);
	assert_int_equal(xfer_tick(&x, 700), XFER_SEND);
	expect_blocks(&x, 1, 1, 512, 9000);
	for (uint64_t now = 700; now <= 5700; now += 10) {
		if (xfer_again(&x, now) != XFER_SEND)
			continue;
		expect_blocks(&x, 1, 1, 512, 9000);
		assert_int_equal((now - 700) % 1000, 0);
		sent++;
	}
	assert_int_equal(sent, 5);

	assert_int_equal(xfer_ack(&x, 1, 6000), XFER_SEND);
	expect_blocks(&x, 2, 2, 512, 9000);
	assert_int_equal(xfer_again(&x, 9000), XFER_NOTHING);
	assert_false(fetch(&x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S1_plain_transfer),
		cmocka_unit_test(S1_exact_multiple_ends_empty),
		cmocka_unit_test(S10_S11_empty_payload),
		cmocka_unit_test(S1_options_are_clamped),
		cmocka_unit_test(S1_only_what_was_asked),
		cmocka_unit_test(S1_oack_is_answered_by_ack_0),
		cmocka_unit_test(S1_duplicate_ack_sends_nothing),
		cmocka_unit_test(S1_windowsize),
		cmocka_unit_test(S1_ack_within_window_rewinds_once),
		cmocka_unit_test(S1_ack_at_the_end_of_a_stretch_is_a_new_loss),
		cmocka_unit_test(S1_timer_sends_window_again),
		cmocka_unit_test(S1_block_number_wraps),
		cmocka_unit_test(S1_retransmission_times),
		cmocka_unit_test(S1_progress_restarts_the_count),
		cmocka_unit_test(S1_least_interval_is_half_a_second),
		cmocka_unit_test(S1_timeout_option),
		cmocka_unit_test(S12_a_long_timeout_is_no_slot_for_long),
		cmocka_unit_test(S12_before_the_first_ack),
		cmocka_unit_test(S12_request_again),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
