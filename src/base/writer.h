/* A write cursor over a buffer that we do not own.
 *
 * A write that does not fit is left out whole and sets `full`; from then on
 * nothing is written.  So a builder goes straight through and asks once, at the
 * end.  All integers are big-endian.  Nothing is NUL-terminated unless
 * out_cstr() is asked. */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
	uint8_t *buf;
	size_t cap, len; /* len <= cap, always */
	bool full;
};

struct out out_of(void *buf, size_t cap);

void out_u8(struct out *o, uint8_t v);
void out_u16(struct out *o, uint16_t v);
void out_u32(struct out *o, uint32_t v);
void out_u64(struct out *o, uint64_t v);
void out_bytes(struct out *o, const void *p, size_t n);
void out_str(struct out *o, const char *s); /* without its NUL */
void out_dec(struct out *o, uint64_t v);    /* decimal digits */
void out_hex(struct out *o, const void *p, size_t n, bool upper);

/* The written bytes as a C string: a NUL is put behind them and not counted.
 * NULL when it or anything before it did not fit. */
const char *out_cstr(struct out *o);

#endif
