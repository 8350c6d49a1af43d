/* struct cur against the obvious: a position in an array.  The first half of the
 * input says what to do, the other half is read. */
#include "base/cursor.h"
#include "fuzz/fuzz.h"

struct model {
	const uint8_t *p;
	size_t len, pos;
	bool dead;
};

static bool model_take(struct model *m, size_t n)
{
	if (m->dead || n > m->len - m->pos) {
		m->dead = true;
		return false;
	}
	m->pos += n;
	return true;
}

static uint64_t model_number(struct model *m, size_t n)
{
	uint64_t v = 0;

	if (!model_take(m, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)m->p[m->pos - n + i] << 8 * (n - 1 - i);
	return v;
}

static void check_copy(struct cur *c, struct model *m, size_t n)
{
	uint8_t got[255], want[255] = { 0 };

	memset(got, 0xee, sizeof(got));
	if (model_take(m, n) && n)
		memcpy(want, m->p + m->pos - n, n);
	cur_copy(c, got, n);
	assert(memcmp(got, want, n) == 0);
}

static void check_string(struct cur *c, struct model *m)
{
	struct cur s = cur_string(c);
	size_t n = 0;

	while (!m->dead && m->pos + n < m->len && m->p[m->pos + n])
		n++;
	if (!model_take(m, n + 1)) {
		assert(s.dead);
		return;
	}
	assert(!s.dead && s.pos == 0 && s.len == n);
	assert(n == 0 || s.buf == m->p + m->pos - n - 1);
}

static void check_child(struct cur *c, struct model *m, size_t n)
{
	struct cur s = cur_sub(c, n);

	if (!model_take(m, n)) {
		assert(s.dead && cur_left(&s) == 0 && cur_u8(&s) == 0);
		return;
	}
	assert(cur_left(&s) == n);
	assert(n == 0 || s.buf == m->p + m->pos - n);
	(void)cur_bytes(&s, n);
	assert(cur_done(&s));
	assert(cur_bytes(&s, 1) == NULL && !cur_done(&s));
}

static void step(struct cur *c, struct model *m, uint8_t what, uint8_t n)
{
	const uint8_t *p;

	switch (what % 8) {
	case 0:
		assert(cur_u8(c) == model_number(m, 1));
		break;
	case 1:
		assert(cur_u16(c) == model_number(m, 2));
		break;
	case 2:
		assert(cur_u32(c) == model_number(m, 4));
		break;
	case 3:
		assert(cur_u64(c) == model_number(m, 8));
		break;
	case 4:
		check_copy(c, m, n);
		break;
	case 5:
		check_string(c, m);
		break;
	case 6:
		check_child(c, m, n);
		break;
	default:
		p = cur_bytes(c, n == 0xff ? SIZE_MAX - 3 : n);
		if (model_take(m, n == 0xff ? SIZE_MAX - 3 : n))
			assert(n == 0 || p == m->p + m->pos - n);
		else
			assert(!p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size / 2;
	struct cur c = cur_of(half < size ? data + half : NULL, size - half);
	struct model m = { .p = c.buf, .len = c.len };

	for (size_t i = 0; i + 1 < half; i += 2) {
		step(&c, &m, data[i], data[i + 1]);
		assert(c.dead == m.dead);
		assert(cur_left(&c) == (m.dead ? 0 : m.len - m.pos));
		assert(cur_done(&c) == (!m.dead && m.pos == m.len));
	}
	return 0;
}
