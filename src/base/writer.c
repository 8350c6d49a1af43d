#include "base/writer.h"
#include <assert.h>
#include <string.h>

struct out out_of(void *buf, size_t cap)
{
	return (struct out){ .buf = buf, .cap = cap };
}

void out_bytes(struct out *o, const void *p, size_t n)
{
	if (o->full || o->cap - o->len < n) {
		o->full = true;
		return;
	}
	if (n)
		memcpy(o->buf + o->len, p, n);
	o->len += n;
}

void out_u8(struct out *o, uint8_t v)
{
	out_bytes(o, &v, 1);
}

void out_u16(struct out *o, uint16_t v)
{
	uint8_t b[] = { (uint8_t)(v >> 8), (uint8_t)v };

	out_bytes(o, b, sizeof(b));
}

void out_u32(struct out *o, uint32_t v)
{
	uint8_t b[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			(uint8_t)v };

	out_bytes(o, b, sizeof(b));
}

void out_u64(struct out *o, uint64_t v)
{
	uint8_t b[8];

	for (size_t i = sizeof(b); i > 0; i--, v >>= 8)
		b[i - 1] = (uint8_t)v;
	out_bytes(o, b, sizeof(b));
}

void out_str(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

void out_dec(struct out *o, uint64_t v)
{
	char digits[20]; /* of UINT64_MAX */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	out_bytes(o, digits + at, sizeof(digits) - at);
}

void out_hex(struct out *o, const void *p, size_t n, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const uint8_t *b = p;

	/* whole or not at all, like every write */
	if (o->full || (o->cap - o->len) / 2 < n) {
		o->full = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		o->buf[o->len++] = (uint8_t)digits[b[i] >> 4];
		o->buf[o->len++] = (uint8_t)digits[b[i] & 15];
	}
}

const char *out_cstr(struct out *o)
{
	if (o->full || o->len == o->cap) {
		o->full = true;
		return NULL;
	}
	o->buf[o->len] = 0;
	return (const char *)o->buf;
}
