/* A read cursor over bytes that we do not own.
 *
 * A read past the end kills the cursor: from then on every read yields nothing
 * (zeros, a dead child).  So a parser goes straight through and asks once, at
 * the end: cur_dead() or cur_done().  All integers are big-endian.
 *
 * Not checked: that the bytes outlive the cursor. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cur {
	const uint8_t *buf;
	size_t len, pos; /* pos <= len, always */
	bool dead;
};

/* A cursor at the first of len bytes; buf may be NULL when len is 0. */
struct cur cur_of(const void *buf, size_t len);

/* A child over the next n bytes; the parent moves past them. */
struct cur cur_sub(struct cur *c, size_t n);

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);

/* Copy n bytes out; zeros when they are not there. */
void cur_copy(struct cur *c, void *ret, size_t n);

/* The bytes up to a NUL, as a child without it; the parent moves past the NUL.
 * No NUL: both are dead. */
struct cur cur_string(struct cur *c);

/* The next n bytes in place, or NULL (and dead) when they are not there. */
const uint8_t *cur_bytes(struct cur *c, size_t n);

/* How many bytes are left to read; 0 when dead. */
size_t cur_left(const struct cur *c);

/* Alive, and nothing left: a format that must end exactly here has done so. */
bool cur_done(const struct cur *c);

#endif
