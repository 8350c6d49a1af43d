/* The desk's slots: one for each peer that was found right, in one region of memory
 * that the caller of desk_init brought.  For core/desk.c alone.
 *
 * A slot is found by its key (peer, our address, listener), and the newest transfer
 * of a file to a device also by its MAC; it has at most one timer.  A ref names a
 * slot and its generation, which goes up when the slot is freed: who comes late with
 * a ref finds nothing.  All of it is O(1), but timers, which are O(log slots). */
#ifndef CORE_DESKSLOT_H
#define CORE_DESKSLOT_H

#include "core/desk.h"

enum deskslot_state {
	DESKSLOT_FREE,
	DESKSLOT_DIGEST, /* a confirmation that waits for DIGEST_IS */
	DESKSLOT_WAIT,   /* for ANSWER */
	DESKSLOT_XFER
};

struct desk_slot {
	uint8_t key[DESK_KEY_LEN];
	uint8_t digest[IPC_DIGEST_LEN];
	struct desk_way way; /* tid: where its datagrams come from and leave */
	enum deskslot_state state;
	uint32_t generation, next_free;
	uint64_t fingerprint; /* of the request's bytes */
	struct name name;
	struct tftp_options options;
	bool octet;
	bool file;   /* DESKSLOT_XFER: of a file, not of an empty answer */
	bool in_mac; /* the newest transfer of a file to this MAC */
	uint32_t epoch;
	uint64_t since;    /* ms */
	uint64_t deadline; /* ms; DESKSLOT_DIGEST and DESKSLOT_WAIT */
	struct xfer xfer;
};

/* Bytes of the region; and its division: payload first, then slots and indexes.
 * d->secret is set, the rest of d is zero. */
size_t deskslot_size(uint32_t n);
void deskslot_init(struct desk *d, void *memory, uint32_t n);

/* What these return is a slot's number, or DESK_NO_SLOT. */
uint32_t deskslot_find(const struct desk *d, const struct desk_way *w);
uint32_t deskslot_of_mac(const struct desk *d, const struct mac *mac);
uint32_t deskslot_of_ref(const struct desk *d, uint64_t ref, enum deskslot_state state);

/* One for the request in t, DESKSLOT_FREE until the caller says what it is for, and
 * without a timer. Its key must not be in use. */
uint32_t deskslot_take(struct desk *d, const struct desk_todo *t, uint64_t now);
void deskslot_free(struct desk *d, uint32_t i);

uint64_t deskslot_ref(const struct desk *d, uint32_t i);
uint8_t *deskslot_payload(const struct desk *d,
			  uint32_t i); /* DESK_PAYLOAD_MAX bytes */

/* Set the timer to what the slot's state says it waits for. */
void deskslot_arm(struct desk *d, uint32_t i);

/* From now on this one is its device's newest transfer of a file. */
void deskslot_index_mac(struct desk *d, uint32_t i);

#endif
