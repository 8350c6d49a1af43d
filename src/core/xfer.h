/* One TFTP read, server side (SPEC S1): RFC 1350, with the options of RFC 2347,
 * 2348 (blksize), 2349 (timeout, tsize) and 7440 (windowsize).
 *
 * No socket, clock or allocation.  The caller opens a transfer over bytes that it
 * owns, brings ACKs and the time, and whenever the answer is XFER_SEND fetches
 * datagrams with xfer_packet until there is none.  `deadline` says when to come
 * back with xfer_tick.
 *
 * Who sends when (events on the left):
 *
 *	open            OACK if an option was taken, else DATA 1
 *	ACK of progress the blocks that the window now allows
 *	ACK, old or dup nothing: RFC 1123, 4.2.3.1 (the sorcerer's apprentice)
 *	tick            the first unacknowledged window again; or give up
 *	request again   before the first ACK only, at most once a second
 *
 * An ACK inside the window says that the block after it was missed (RFC 7440,
 * section 4: go on from there).  That can also be a late word about blocks still
 * in flight, so blocks are sent again on such an ACK once only for each stretch of
 * the file: not below `rewound`, the furthest block sent when it last happened.
 * Below it, new blocks alone go out, and the timer does the rest.
 *
 * Until its first ACK a source is not proven (S12): one datagram (the window opens
 * with the ACK of an OACK), and one retransmission.  However long a timeout was
 * asked for, it is not waited for longer than XFER_UNPROVEN_WAIT_MS: a slot held for
 * minutes by one forged datagram would be worth a forger's while.
 *
 * Cost: xfer_ack and xfer_tick O(1), xfer_packet one copy of a block. */
#ifndef CORE_XFER_H
#define CORE_XFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/writer.h"
#include "wire/tftp.h"

enum {
	XFER_RETRY_MIN_MS = 500,      /* first retransmission, at the earliest */
	XFER_WAIT_MAX_MS = 60 * 1000, /* where doubling ends */
	XFER_UNPROVEN_TRIES = 2,      /* sends before the first ACK, by ourselves */
	XFER_UNPROVEN_WAIT_MS =
		6000,            /* then this long for it: clients repeat after 5 s */
	XFER_AGAIN_MS = 1000,    /* between answers to a repeated request */
	XFER_WINDOW_LIMIT = 1024 /* block numbers are 16 bits: stay far below half */
};

struct xfer_limits {
	uint32_t blksize_max;    /* TFTP_BLKSIZE_MIN .. TFTP_BLKSIZE_MAX */
	uint32_t windowsize_max; /* 1 .. XFER_WINDOW_LIMIT; more counts as that */
	uint32_t retry_ms; /* first interval; less than the minimum counts as it */
	uint32_t tries;    /* how often a window is sent at most; at least 1 */
};

enum xfer_act { XFER_NOTHING, XFER_SEND, XFER_DONE, XFER_GIVE_UP };

struct xfer {
	uint64_t deadline; /* ms; UINT64_MAX: over */
	const uint8_t *payload;
	size_t len;
	struct tftp_options options; /* those taken, as the OACK says them */
	uint32_t blksize, window;
	uint32_t blocks;     /* in all; the last one is short, perhaps empty */
	uint32_t acked;      /* blocks 1..acked have arrived */
	uint32_t sent;       /* blocks 1..sent have been sent at least once */
	uint32_t rewound;    /* see above */
	uint32_t next, last; /* what xfer_packet is to give: next..last */
	uint32_t interval_ms, tries;
	uint32_t sends;   /* of the present window, by ourselves */
	uint32_t resent;  /* datagrams sent again in all, for the log */
	uint64_t sent_at; /* ms; the last time that anything was sent */
	bool oack;        /* opens with an OACK */
	bool oack_due;    /* xfer_packet is to give it */
	bool fixed;       /* `timeout` was asked for: that interval, no doubling */
	bool proven;      /* an ACK has come */
};

/* Open over payload (which must stay until the end) for a request with these
 * options; NULL: none, RFC 1350 alone.  There is something to send afterwards. */
void xfer_open(struct xfer *x, const uint8_t *payload, size_t len,
	       const struct tftp_options *want, const struct xfer_limits *limits,
	       uint64_t now);

/* The next datagram that is due, or false.  o must hold blksize + 4 bytes, and
 * 128 for an OACK. */
bool xfer_packet(struct xfer *x, struct out *o);

enum xfer_act xfer_ack(struct xfer *x, uint16_t block, uint64_t now);
enum xfer_act xfer_tick(struct xfer *x, uint64_t now);

/* The same request once more. */
enum xfer_act xfer_again(struct xfer *x, uint64_t now);

/* Every block was sent at least once: only the last ACK is missing. */
bool xfer_all_sent(const struct xfer *x);

#endif
