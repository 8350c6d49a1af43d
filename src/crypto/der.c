#include "crypto/der.h"

#include <string.h>

static struct cur dead(struct cur *c)
{
	c->dead = true;
	return (struct cur){ .dead = true };
}

/* Minimal: short form below 128, else no leading zero (X.690, 10.1). */
static size_t take_length(struct cur *c)
{
	uint8_t first = cur_u8(c);
	size_t n = 0, bytes = first & 0x7fu;

	if (first < 0x80)
		return first;
	if (bytes == 0 || bytes > 4)
		c->dead = true;
	for (size_t i = 0; i < bytes && !c->dead; i++) {
		n = n << 8 | cur_u8(c);
		if (n == 0)
			c->dead = true;
	}
	if (n < 0x80)
		c->dead = true;
	return n;
}

struct cur der_take(struct cur *c, uint8_t tag)
{
	size_t n;

	if (cur_u8(c) != tag)
		return dead(c);
	n = take_length(c);
	return cur_sub(c, n);
}

struct cur der_whole(struct cur *c, uint8_t tag)
{
	size_t start = c->pos;
	struct cur inner = der_take(c, tag);

	if (inner.dead)
		return inner;
	return cur_of(c->buf + start, c->pos - start);
}

struct cur der_positive(struct cur *c)
{
	struct cur v = der_take(c, DER_INTEGER);

	if (v.dead || v.len == 0 || v.buf[0] & 0x80)
		return dead(c);
	if (v.buf[0] == 0) {
		if (v.len == 1 || !(v.buf[1] & 0x80))
			return dead(c);
		(void)cur_u8(&v);
		return cur_sub(&v, v.len - 1);
	}
	return v;
}

/* One byte long; of the universal class SEQUENCE and SET are constructed and nothing
 * else is (X.690, 10.2). */
static bool tag_is_der(uint8_t tag)
{
	if (tag == 0 || (tag & 0x1f) == 0x1f)
		return false;
	if (tag & 0xc0)
		return true;
	return ((tag & 0x1f) == 0x10 || (tag & 0x1f) == 0x11) == !!(tag & 0x20);
}

/* The cursors of the elements that we are inside of; no recursion, since the
 * depth is a stranger's choice. */
bool der_is_strict(const void *p, size_t len)
{
	struct cur stack[DER_DEPTH_MAX];
	int depth = 0;
	struct cur whole = cur_of(p, len), *at = &stack[0];
	bool first = true;

	stack[0] = whole;
	for (;;) {
		struct cur inner;
		uint8_t tag;

		while (cur_done(at) && depth > 0)
			at = &stack[--depth];
		if (cur_done(at) && !first)
			return true;
		if (depth == 0 && !first)
			return false; /* a second element behind the one */
		first = false;

		tag = cur_left(at) ? at->buf[at->pos] : 0;
		if (!tag_is_der(tag))
			return false;
		inner = der_take(at, tag);
		if (inner.dead)
			return false;
		if (!(tag & 0x20))
			continue;
		if (depth + 1 == DER_DEPTH_MAX)
			return false;
		at = &stack[++depth];
		*at = inner;
	}
}

size_t der_open(struct out *o, uint8_t tag)
{
	out_u8(o, tag);
	return o->len;
}

static size_t length_bytes(size_t n, uint8_t ret[5])
{
	size_t bytes = 0;

	if (n < 0x80) {
		ret[0] = (uint8_t)n;
		return 1;
	}
	for (size_t rest = n; rest; rest >>= 8)
		bytes++;
	ret[0] = (uint8_t)(0x80 | bytes);
	for (size_t i = 0; i < bytes; i++)
		ret[1 + i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
	return 1 + bytes;
}

void der_close(struct out *o, size_t mark)
{
	uint8_t head[5];
	size_t n, head_len;

	if (o->full)
		return;
	n = o->len - mark;
	head_len = length_bytes(n, head);
	out_bytes(o, head, head_len); /* makes room, or sets full */
	if (o->full)
		return;
	memmove(o->buf + mark + head_len, o->buf + mark, n);
	memcpy(o->buf + mark, head, head_len);
}

void der_put(struct out *o, uint8_t tag, const void *p, size_t n)
{
	size_t mark = der_open(o, tag);

	out_bytes(o, p, n);
	der_close(o, mark);
}

void der_put_positive(struct out *o, const uint8_t *p, size_t n)
{
	size_t mark = der_open(o, DER_INTEGER);

	while (n > 1 && *p == 0)
		p++, n--;
	if (n && *p & 0x80)
		out_u8(o, 0);
	out_bytes(o, p, n);
	der_close(o, mark);
}
