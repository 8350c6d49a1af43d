/* The server's front desk (SPEC section 2): a datagram in, what to do out.
 *
 * No socket, clock, allocation or secret.  The caller brings datagrams, answers
 * and the time; each call fills a desk_todo, which says what to do now.  Where the
 * desk must know something it asks, by todo.act, and the caller comes back:
 *
 *	desk_datagram --> AUTHENTICATE   who is it, is the code right?
 *	                  desk_judge --> REPLY     no: ERROR 2 (S2)
 *	                             --> ASK       yes: registrar, by ref
 *	                             --> DIGEST    registrar: digest of his file (N4)
 *	                             --> CONFIRM   verified (S10)
 *	                             --> REPORT    S11
 *	              --> SEND           a transfer goes on
 *	              --> REPLY          one ERROR
 *	desk_digest   --> AUTHENTICATE   again, now with the digest
 *	desk_answer   --> SEND or REPLY  the file, an empty DATA 1, or an ERROR
 *	desk_expire   --> SEND or REPLY  a retransmission; registrar silent: ERROR 1
 *
 * Slots.  A peer that was found right has one, by (peer, our address, listener),
 * from then until its transfer ends.  A refused one has none: its repeat is
 * refused again, one small datagram for one.  The same request again falls on its
 * slot (the same bytes: absorbed, or answered as S12 says).  A different and
 * right request from the same peer takes the slot over: a client has one transfer
 * a port, so it has given up the old one.  A wrong one is then left without an
 * answer, so that a forger can't end another's transfer.  Full table: silence,
 * and a counter.
 *
 * A ref is slot and generation: late answers for what is gone are ignored.
 *
 * ERRORs are never answered.  Datagrams that belong to nothing get ERROR 5 or 4,
 * DESK_STRAY_PER_S of them a second at most: two servers, or ours and somebody's
 * chargen, can't be set at each other for ever.
 *
 * Memory: desk_size(); for each slot DESK_PAYLOAD_MAX bytes of payload, of which
 * only the pages that were ever used are real, and about 600 bytes besides.  Time:
 * O(1) a datagram, O(log slots) for its timer. */
#ifndef CORE_DESK_H
#define CORE_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hashtable.h"
#include "base/timerheap.h"
#include "base/writer.h"
#include "core/xfer.h"
#include "wire/ipc.h"
#include "wire/name.h"
#include "wire/tftp.h"

enum {
	DESK_PAYLOAD_MAX = IPC_FILE_MAX,
	DESK_ANSWER_MS = 2000, /* the registrar's time to answer */
	DESK_STRAY_PER_S = 1000,
	DESK_DIGEST_SHARE = 8,     /* 1/8 of the slots may wait for DIGEST_IS */
	DESK_REQUEST_TID = 0xffff, /* the request socket, not a transfer socket */
	DESK_KEY_LEN = 16 + 2 + 4 + 16 + 2,
	DESK_REPLY_MAX = TFTP_HEADER_LEN + TFTP_MESSAGE_MAX + 1,
	DESK_SLOTS_MAX = 1 << 20
};

struct desk_addr {
	uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
	uint32_t scope;
};

/* Which way a datagram came, or is to leave. */
struct desk_way {
	struct desk_addr peer;
	struct desk_addr local; /* our address; the port follows from the two below */
	uint16_t listener;
	uint16_t tid; /* which transfer socket of the listener, or DESK_REQUEST_TID */
};

enum desk_counter {
	DESK_DATAGRAMS, /* received */
	DESK_REQUESTS,  /* right requests for a file */
	DESK_CONFIRMS,  /* right confirmations */
	DESK_REPORTS,   /* error reports */
	DESK_REPEATED,  /* the same request again, on its slot */
	DESK_BAD_OPCODE,
	DESK_BAD_REQUEST, /* truncated, no NUL, too long */
	DESK_BAD_MODE,
	DESK_BAD_NAME,   /* none of section 1's names */
	DESK_WRITES,     /* WRQ */
	DESK_STRAY,      /* belongs to no transfer: wrong TID */
	DESK_UNANSWERED, /* … beyond DESK_STRAY_PER_S, or into a live transfer */
	DESK_IGNORED,    /* ERROR to nobody, source port 0, nonsense in a transfer */
	DESK_UNKNOWN_DEVICE,
	DESK_UNKNOWN_CLASS, /* registered in a class that the configuration lacks */
	DESK_WRONG_TYPE,
	DESK_WRONG_CODE,
	DESK_DENIED,
	DESK_NOT_READY, /* can't judge now */
	DESK_TABLE_FULL,
	DESK_REGISTRAR_SILENT,
	DESK_REGISTRAR_STALE, /* answers that nobody waits for any more */
	DESK_REGISTRAR_BAD,   /* answers that don't fit the question */
	DESK_NOT_FOUND,       /* ERROR 1 on the registrar's word */
	DESK_FILES_STARTED,
	DESK_FILES_DELIVERED,
	DESK_NOTED,       /* confirmations and reports answered */
	DESK_GIVEN_UP,    /* transfers that ended with the last timer */
	DESK_UNPROVEN,    /* … of which not one ACK ever came */
	DESK_ABORTED,     /* transfers that the peer ended by an ERROR */
	DESK_REPLACED,    /* transfers given up for the peer's next request */
	DESK_SENT,        /* datagrams of transfers */
	DESK_RESENT,      /* of these, sent again */
	DESK_ERRORS,      /* ERRORs sent */
	DESK_SEND_FAILED, /* for the caller to count */
	DESK_COUNTERS
};

/* "bad-name", …; NULL for a number that is none. */
const char *desk_counter_name(unsigned counter);

enum desk_act {
	DESK_NOTHING,
	DESK_REPLY,        /* send todo.reply along todo.way */
	DESK_SEND,         /* desk_packet(todo.slot) until false, along todo.way */
	DESK_AUTHENTICATE, /* judge todo.name, then desk_judge */
	DESK_ASK,          /* the rest go to the registrar with todo.ref */
	DESK_DIGEST,
	DESK_CONFIRM,
	DESK_REPORT
};

enum desk_judgement {
	DESK_RIGHT,
	DESK_RIGHT_NOTED,  /* a report that is not worth the registrar's time */
	DESK_WANTS_DIGEST, /* a confirmation in a class with confirm = bound */
	DESK_NO_SUCH_DEVICE,
	DESK_NO_SUCH_CLASS,
	DESK_OTHER_TYPE,
	DESK_CODE_WRONG,
	DESK_IS_DENIED,   /* the code was right */
	DESK_CANNOT_JUDGE /* ERROR 1: the modem comes back */
};

enum desk_end_why {
	DESK_END_NONE, /* none ended */
	DESK_END_DELIVERED,
	DESK_END_CONFIRMED, /* the last ACK was lost, the confirmation says it all */
	DESK_END_GIVEN_UP,
	DESK_END_UNPROVEN,
	DESK_END_ABORTED,
	DESK_END_REPLACED
};

/* A transfer of a file that has just ended. */
struct desk_end {
	enum desk_end_why why;
	struct mac mac;
	struct desk_addr peer;
	uint32_t epoch;
	uint32_t bytes, blksize, window, resent;
	uint32_t took_ms;
	uint16_t error; /* ABORTED: the peer's code and text, in its datagram */
	const char *text;
	size_t text_len;
};

#define DESK_NO_SLOT HASH_NONE /* what its indexes say, too */

struct desk_todo {
	enum desk_act act;
	struct desk_way way;
	uint32_t slot;
	uint64_t ref;
	struct name name;
	uint8_t set;           /* ASK: of the secrets that matched */
	bool bound;            /* CONFIRM */
	const uint8_t *digest; /* AUTHENTICATE: of the device's file, or NULL */
	bool digest_missing;   /* AUTHENTICATE: asked for, and there is no file */
	uint8_t reply[DESK_REPLY_MAX];
	size_t reply_len;

	/* Beside act: end.why DELIVERED or CONFIRMED is told to the registrar
	 * first, and every end is worth a line in the log. */
	struct desk_end end;
	/* What about this datagram is worth a line in the log, or DESK_COUNTERS; the
	 * name as it was sent, where it could be read (in the datagram). */
	enum desk_counter remark;
	const char *raw_name;
	size_t raw_name_len;

	/* private: the request between desk_datagram and desk_judge */
	struct tftp_options options;
	bool octet;
	uint64_t fingerprint;
};

struct desk_limits {
	struct xfer_limits xfer;
};

struct desk_setup {
	uint32_t n_slots;       /* 1 .. DESK_SLOTS_MAX */
	uint16_t n_tids;        /* transfer sockets a listener; 0: single port */
	struct hash_key secret; /* drawn at random */
	struct desk_limits limits;
};

struct desk_slot;

struct desk {
	struct desk_slot *slots;
	uint8_t *payload;
	struct hashtable by_key, by_mac;
	struct timerheap timers;
	uint32_t n_slots, free, n_busy, n_digests;
	uint16_t n_tids;
	struct hash_key secret;
	struct desk_limits limits;
	uint64_t stray_ms; /* token bucket of ERROR 4 and 5 */
	uint32_t stray_left;
	uint64_t counters[DESK_COUNTERS];
};

/* Bytes for desk_init: page-aligned zeroed memory, as mmap gives it. */
size_t desk_size(uint32_t n_slots);
void desk_init(struct desk *d, void *memory, const struct desk_setup *setup);

/* For transfers opened from now on. */
void desk_limit(struct desk *d, const struct desk_limits *limits);

/* truncated: the datagram was longer than the len bytes at p. */
void desk_datagram(struct desk *d, const struct desk_way *way, const void *p,
		   size_t len, bool truncated, uint64_t now, struct desk_todo *ret);

/* After AUTHENTICATE, with the same todo. set: which secrets matched. */
void desk_judge(struct desk *d, struct desk_todo *t, enum desk_judgement j, uint8_t set,
		uint64_t now);

void desk_answer(struct desk *d, const struct ipc_answer *a, uint64_t now,
		 struct desk_todo *ret);
void desk_digest(struct desk *d, const struct ipc_digest_is *a, struct desk_todo *ret);

/* What is due first, or TIMER_NONE; and doing it: false when nothing is due. */
uint64_t desk_deadline(const struct desk *d);
bool desk_expire(struct desk *d, uint64_t now, struct desk_todo *ret);

/* The next datagram of a DESK_SEND; o must hold blksize_max + TFTP_HEADER_LEN,
 * and DESK_REPLY_MAX. */
bool desk_packet(struct desk *d, uint32_t slot, struct out *o);

uint32_t desk_busy(const struct desk *d); /* slots in use */
void desk_count(struct desk *d, enum desk_counter c);

#endif
