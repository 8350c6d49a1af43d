#include "core/xfer.h"

#include <assert.h>
#include <string.h>

static uint32_t at_most(uint32_t v, uint32_t max)
{
	return v < max ? v : max;
}

static uint32_t at_least(uint32_t v, uint32_t min)
{
	return v > min ? v : min;
}

/* What is not asked for is never acknowledged; what is acknowledged is never
 * more than was asked for (RFC 2347, 2348, 7440). */
static void take_options(struct xfer *x, const struct tftp_options *want,
			 const struct xfer_limits *limits)
{
	uint32_t window_max = at_most(limits->windowsize_max, XFER_WINDOW_LIMIT);

	x->options = *want;
	if (want->has_blksize) {
		x->options.blksize = at_most(want->blksize, limits->blksize_max);
		x->blksize = x->options.blksize;
	}
	if (want->has_windowsize) {
		x->options.windowsize =
			at_most(want->windowsize, at_least(window_max, 1));
		x->window = x->options.windowsize;
	}
	if (want->has_timeout) {
		x->interval_ms = want->timeout_s * 1000;
		x->fixed = true;
	}
	if (want->has_tsize)
		x->options.tsize = x->len;
	x->oack = want->has_blksize || want->has_windowsize || want->has_timeout ||
		  want->has_tsize;
}

static uint64_t wait_ms(const struct xfer *x)
{
	uint64_t wait = x->interval_ms;

	if (!x->proven && x->fixed)
		wait = at_most(x->interval_ms, XFER_UNPROVEN_WAIT_MS);
	if (!x->proven && x->sends >= XFER_UNPROVEN_TRIES)
		return wait > XFER_UNPROVEN_WAIT_MS ? wait : XFER_UNPROVEN_WAIT_MS;
	if (x->fixed)
		return wait;
	for (uint32_t i = 1; i < x->sends && wait < XFER_WAIT_MAX_MS; i++)
		wait *= 2;
	return wait < XFER_WAIT_MAX_MS ? wait : XFER_WAIT_MAX_MS;
}

static enum xfer_act arm(struct xfer *x, uint64_t now)
{
	x->deadline = now + wait_ms(x);
	x->sent_at = now;
	return XFER_SEND;
}

/* Let xfer_packet give blocks from..(end of the window).  A window of more than one
 * takes an OACK, so its first ACK has come by now. */
static void queue_from(struct xfer *x, uint32_t from)
{
	x->next = from;
	x->last = x->blocks - x->acked < x->window ? x->blocks : x->acked + x->window;
	if (x->next <= x->sent)
		x->resent += at_most(x->last, x->sent) - x->next + 1;
	x->sent = at_least(x->sent, x->last);
}

/* Everything that is unacknowledged and allowed, once more. */
static void queue_again(struct xfer *x)
{
	if (x->oack && !x->proven) {
		x->oack_due = true;
		x->resent++;
		return;
	}
	x->rewound = x->sent;
	queue_from(x, x->acked + 1);
}

void xfer_open(struct xfer *x, const uint8_t *payload, size_t len,
	       const struct tftp_options *want, const struct xfer_limits *limits,
	       uint64_t now)
{
	assert(limits->blksize_max >= TFTP_BLKSIZE_MIN);
	assert(len / TFTP_BLKSIZE_MIN < UINT32_MAX - XFER_WINDOW_LIMIT);

	memset(x, 0, sizeof(*x));
	x->payload = payload;
	x->len = len;
	x->blksize = TFTP_BLKSIZE_DEFAULT;
	x->window = 1;
	x->interval_ms = at_least(limits->retry_ms, XFER_RETRY_MIN_MS);
	x->tries = at_least(limits->tries, 1);
	if (want)
		take_options(x, want, limits);
	x->blocks = (uint32_t)(len / x->blksize) + 1;
	x->next = 1;
	x->sends = 1;
	if (x->oack)
		x->oack_due = true;
	else
		queue_from(x, 1);
	(void)arm(x, now);
}

bool xfer_packet(struct xfer *x, struct out *o)
{
	if (x->oack_due) {
		x->oack_due = false;
		tftp_build_oack(o, &x->options);
		return true;
	}
	if (x->next > x->last)
		return false;

	size_t off = (size_t)(x->next - 1) * x->blksize;
	size_t n = x->len - off < x->blksize ? x->len - off : x->blksize;

	tftp_build_data(o, (uint16_t)x->next, n > 0 ? x->payload + off : NULL, n);
	x->next++;
	return true;
}

static enum xfer_act finish(struct xfer *x, enum xfer_act how)
{
	x->deadline = UINT64_MAX;
	x->oack_due = false;
	x->next = x->last + 1;
	return how;
}

enum xfer_act xfer_ack(struct xfer *x, uint16_t block, uint64_t now)
{
	bool opening = x->oack && !x->proven; /* ACK 0 answers an OACK */
	uint32_t ahead = (uint16_t)(block - (uint16_t)x->acked);

	if (x->deadline == UINT64_MAX)
		return XFER_NOTHING;
	if (opening ? block != 0 : ahead == 0 || ahead > x->sent - x->acked)
		return XFER_NOTHING;

	x->proven = true;
	x->acked += ahead;
	x->sends = 1;
	x->oack_due = false;
	if (x->acked == x->blocks)
		return finish(x, XFER_DONE);

	if (x->acked < x->sent && x->acked >= x->rewound) {
		x->rewound = x->sent;
		queue_from(x, x->acked + 1);
	} else {
		queue_from(x, x->sent + 1);
	}
	return arm(x, now);
}

enum xfer_act xfer_tick(struct xfer *x, uint64_t now)
{
	uint32_t tries = x->proven ? x->tries : at_most(x->tries, XFER_UNPROVEN_TRIES);

	if (x->deadline == UINT64_MAX || now < x->deadline)
		return XFER_NOTHING;
	if (x->sends >= tries)
		return finish(x, XFER_GIVE_UP);
	x->sends++;
	queue_again(x);
	return arm(x, now);
}

enum xfer_act xfer_again(struct xfer *x, uint64_t now)
{
	if (x->deadline == UINT64_MAX || x->proven || now - x->sent_at < XFER_AGAIN_MS)
		return XFER_NOTHING;
	queue_again(x);
	return arm(x, now);
}

bool xfer_all_sent(const struct xfer *x)
{
	return x->sent == x->blocks && x->next > x->last;
}
