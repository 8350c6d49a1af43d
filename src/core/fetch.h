/* The client's side of one TFTP read (RFC 1350, 2347 to 2349, 7440), without a
 * socket, a clock or an allocation.
 *
 * The caller brings an event and the time, sends what the answer holds, and comes
 * back when fetch_deadline() has passed.  The machine always ends: its time, its
 * bytes and the datagrams it takes are bounded, whatever the server does.
 *
 * Trust.  Nothing that comes in is believed beyond its form:
 *   - only the asked server's address is heard, the port of its first answer (the
 *     TID) only from then on; another port gets ERROR 5, and the transfer goes on;
 *   - an OACK must not offer what was not asked, nor more than was asked: ERROR 8;
 *   - one byte over the caller's buffer, or announced so: ERROR 3;
 *   - a block longer than agreed: ERROR 4.
 *
 * Timers.  Only the timer sends anything twice (RFC 1123, 4.2.3.1): duplicates are
 * absorbed, but for two cases.  A gap in a window is told once, by acknowledging
 * the last block before it (RFC 7440, section 4); and after the end the last block
 * is acknowledged again when it comes again, for dally_ms.  The wait doubles from
 * rto_ms to rto_max_ms, and begins anew with each block that brings something.
 *
 * A server that knows no options answers DATA 1 at once, and plain RFC 1350
 * follows; one that refuses them (ERROR 8, 4 or 0) is asked again without.
 *
 * When a server falls silent in mid-transfer, is unreachable, or knows the transfer
 * no longer (ERROR 5), another may have taken over its address: the request is made
 * anew from a fresh port, cfg.restarts times. */
#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/timerheap.h"
#include "wire/name.h"
#include "wire/tftp.h"

enum {
	FETCH_PACKET_MAX = TFTP_REQUEST_MAX,
	FETCH_FILE_MAX = 8 * 65000, /* block numbers never wrap */
	FETCH_STRANGERS_MAX = 16,   /* ERROR 5s that one transfer sends */
	FETCH_DATAGRAMS_MAX = 16384 /* taken from the server in one transfer: four
				     * times the blocks of 16 KiB in blocks of 8,
				     * with as much again for duplicates */
};

/* A UDP end point; IPv4 as ::ffff:a.b.c.d.  scope: interface of a link-local IPv6
 * address, else 0. */
struct fetch_addr {
	uint8_t ip[16];
	uint32_t scope;
	uint16_t port;
};

enum fetch_result {
	FETCH_RUNNING,
	FETCH_DONE,      /* the file is in the buffer; it may be empty */
	FETCH_NOT_FOUND, /* ERROR 1 */
	FETCH_REJECTED,  /* ERROR 2 */
	FETCH_REFUSED,   /* any other ERROR in answer to the request */
	FETCH_NO_ANSWER,
	FETCH_CUT_OFF, /* begun, then silence or an ERROR */
	FETCH_OVERSIZE,
	FETCH_PROTOCOL, /* the server broke the protocol: see `why` */
	FETCH_RESULT_COUNT
};

struct fetch_config {
	uint16_t blksize;    /* asked; 0: the option is not sent */
	uint16_t windowsize; /* asked; 0: not sent */
	bool tsize;          /* ask for the size */
	uint8_t timeout_s;   /* the server's retransmission time; 0: not asked */
	uint32_t rto_ms, rto_max_ms;
	uint8_t request_tries; /* requests sent without an answer, the first counted */
	uint8_t tries;         /* silences in a row that end a transfer */
	uint8_t restarts;
	uint32_t total_ms; /* the whole, restarts included */
	uint32_t dally_ms;
};

enum fetch_phase { FETCH_IDLE, FETCH_ASKED, FETCH_MOVING, FETCH_DALLYING };

struct fetch {
	struct fetch_config cfg;
	struct fetch_addr server, tid;
	char name[NAME_TEXT_SIZE];
	uint8_t *buf;
	size_t cap, len;
	enum fetch_phase phase;
	enum fetch_result result;
	bool plain; /* ask without options */
	bool begun; /* an OACK or DATA came, in this or an earlier start */
	bool gap_told;
	uint32_t blksize, windowsize, in_window, expected;
	uint8_t silences, restarts;
	uint32_t datagrams, strangers;
	uint64_t timer, end_at; /* ms */
	uint16_t error_code;    /* of the ERROR that ended it */
	size_t error_text_len;
	char error_text[TFTP_MESSAGE_MAX]; /* untrusted */
	const char *why;                   /* static text for logs; "" */
};

/* At most one datagram for each event. */
struct fetch_out {
	bool send;
	bool fresh_port; /* take a new local port first (a new TID of our own) */
	struct fetch_addr to;
	size_t len;
	uint8_t p[FETCH_PACKET_MAX];
};

/* Begin. buf (cap bytes) stays the caller's and must live until the end; cap is the
 * largest file that is accepted, at most FETCH_FILE_MAX.  name is shorter than
 * NAME_TEXT_SIZE. */
void fetch_start(struct fetch *f, const struct fetch_config *cfg,
		 const struct fetch_addr *server, const char *name, uint8_t *buf,
		 size_t cap, uint64_t now, struct fetch_out *ret);

/* Each returns true once: when the transfer has just ended, with f->result.  *ret is
 * always written. */
bool fetch_datagram(struct fetch *f, const struct fetch_addr *from, const void *p,
		    size_t len, uint64_t now, struct fetch_out *ret);
bool fetch_tick(struct fetch *f, uint64_t now, struct fetch_out *ret);

/* The network says that nobody is there (ICMP).  Anyone can forge that: before the
 * first answer it changes nothing. */
bool fetch_unreachable(struct fetch *f, uint64_t now, struct fetch_out *ret);

/* TIMER_NONE: nothing to wait for, and the port can be closed. */
uint64_t fetch_deadline(const struct fetch *f);

/* The wait that an ERROR 1 announced ("…; retry after N s"), or 0. */
uint32_t fetch_retry_after_s(const struct fetch *f);

/* "not-found", …; for logs. */
const char *fetch_result_name(enum fetch_result r);

#endif
