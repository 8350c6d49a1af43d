#include "base/cursor.h"
#include <string.h>

static struct cur dead_cur(void)
{
	return (struct cur){ .dead = true };
}

struct cur cur_of(const void *buf, size_t len)
{
	return (struct cur){ .buf = buf, .len = len };
}

const uint8_t *cur_bytes(struct cur *c, size_t n)
{
	/* so that no bytes at the end of nothing are still a valid pointer */
	static const uint8_t empty[1];
	const uint8_t *p;

	if (c->dead || c->len - c->pos < n) {
		c->dead = true;
		return NULL;
	}
	p = c->buf ? c->buf + c->pos : empty;
	c->pos += n;
	return p;
}

struct cur cur_sub(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);

	return p ? cur_of(p, n) : dead_cur();
}

uint8_t cur_u8(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 1);

	return p ? p[0] : 0;
}

/* A big-endian number of n bytes. */
static uint64_t number(struct cur *c, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint16_t cur_u16(struct cur *c)
{
	return (uint16_t)number(c, 2);
}

uint32_t cur_u32(struct cur *c)
{
	return (uint32_t)number(c, 4);
}

uint64_t cur_u64(struct cur *c)
{
	return number(c, 8);
}

void cur_copy(struct cur *c, void *ret, size_t n)
{
	const uint8_t *p = cur_bytes(c, n);

	if (p)
		memcpy(ret, p, n);
	else
		memset(ret, 0, n);
}

struct cur cur_string(struct cur *c)
{
	size_t left = cur_left(c);
	const uint8_t *start = left ? c->buf + c->pos : NULL;
	const uint8_t *nul = left ? memchr(start, 0, left) : NULL;
	struct cur s;

	if (!nul) {
		c->dead = true;
		return dead_cur();
	}
	s = cur_sub(c, (size_t)(nul - start));
	(void)cur_u8(c);
	return s;
}

size_t cur_left(const struct cur *c)
{
	return c->dead ? 0 : c->len - c->pos;
}

bool cur_done(const struct cur *c)
{
	return !c->dead && c->pos == c->len;
}
