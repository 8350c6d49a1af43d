/* Messages between processes, made and unmade by a description of their bytes that
 * is independent of the tables in src/wire: what test_ipc and test_control share. */
#ifndef TEST_UNIT_CODEC_CASES_H
#define TEST_UNIT_CODEC_CASES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>
#include "base/errors.h"
#include "base/writer.h"

enum { CASE_FIELDS_MAX = 12 };

/* One field of a message as it stands in the datagram. */
struct case_field {
	enum {
		CASE_END,
		CASE_NUMBER, /* of size bytes; low..high, or any where both are 0 */
		CASE_RC,     /* i32: 0 or a negative code */
		CASE_BLOB,   /* u32 length, at most high bytes */
		CASE_BYTES,  /* of size bytes */
		CASE_TYPE,   /* two upper-case letters */
		CASE_SERIAL  /* 16 bytes, positive */
	} kind;
	size_t size;
	uint64_t low, high;
};

struct case_message {
	uint16_t type;
	struct case_field fields[CASE_FIELDS_MAX];
};

/* What one field is to be, the others being plain. */
enum case_variant { CASE_PLAIN, CASE_LEAST, CASE_MOST, CASE_BELOW, CASE_ABOVE };

/* Parse these bytes and build them again into again. */
typedef int case_round(const uint8_t *p, size_t len, struct out *again);

static void case_number(struct out *o, size_t size, uint64_t v)
{
	for (size_t i = size; i > 0; i--)
		out_u8(o, (uint8_t)(v >> 8 * (i - 1)));
}

/* Plain fields differ from each other, so that none can be taken for another:
 * number i + 1, blob "iii". */
static void case_put(struct out *o, const struct case_field *f, unsigned i,
		     enum case_variant variant)
{
	const bool any = f->low == 0 && f->high == 0;
	const uint64_t plain = f->kind == CASE_RC          ? (uint64_t)-1006
			       : !any && (i + 1 > f->high) ? f->high
							   : i + 1;
	const uint64_t low =
		f->kind == CASE_RC ? (uint64_t)(int64_t)FC_ERROR_LAST : f->low;
	const uint64_t high = f->kind == CASE_NUMBER && any ? UINT64_MAX : f->high;
	const uint64_t numbers[] = { plain, low, high, low - 1, high + 1 };
	const size_t lengths[] = { 3, 0, f->high, 3, f->high + 1 };
	static const char *const types[] = { "CM", "AA", "ZZ", "@M", "C[" };
	static const uint8_t firsts[] = { 0x7f, 0, 0x7f, 0, 0x80 };

	switch (f->kind) {
	case CASE_NUMBER:
	case CASE_RC:
		case_number(o, f->size, numbers[variant]);
		break;
	case CASE_BLOB:
		out_u32(o, (uint32_t)lengths[variant]);
		for (size_t k = 0; k < lengths[variant]; k++)
			out_u8(o, (uint8_t)('a' + i));
		break;
	case CASE_BYTES:
		for (size_t k = 0; k < f->size; k++)
			out_u8(o, (uint8_t)('a' + i));
		break;
	case CASE_TYPE:
		out_str(o, types[variant]);
		break;
	case CASE_SERIAL:
		out_u8(o, firsts[variant]);
		for (size_t k = 1; k < f->size; k++)
			out_u8(o, variant == CASE_BELOW ? 0 : 1);
		break;
	case CASE_END:
		break;
	}
}

/* The message with its field number `odd` in that variant. */
static size_t case_make(uint8_t *buf, size_t cap, const struct case_message *m,
			unsigned odd, enum case_variant variant)
{
	struct out o = out_of(buf, cap);

	out_u16(&o, m->type);
	for (unsigned i = 0; m->fields[i].kind != CASE_END; i++)
		case_put(&o, &m->fields[i], i, i == odd ? variant : CASE_PLAIN);
	assert_false(o.full);
	return o.len;
}

static uint8_t case_buf[128 * 1024], case_again[128 * 1024];

static void case_accepted(case_round *round, size_t len)
{
	struct out o = out_of(case_again, sizeof(case_again));

	assert_int_equal(round(case_buf, len, &o), 0);
	assert_int_equal(o.len, len);
	assert_memory_equal(case_again, case_buf, len);
}

static void case_refused(case_round *round, size_t len, int rc)
{
	struct out o = out_of(case_again, sizeof(case_again));

	assert_int_equal(round(case_buf, len, &o), rc);
}

/* A field at the ends of its range, and beyond them. */
static void case_ranges(case_round *round, const struct case_message *m, unsigned i)
{
	const struct case_field *f = &m->fields[i];
	bool below = f->kind == CASE_RC || f->kind == CASE_TYPE ||
		     f->kind == CASE_SERIAL || (f->kind == CASE_NUMBER && f->low > 0);
	bool above = f->kind != CASE_BYTES &&
		     !(f->kind == CASE_NUMBER && f->low == 0 && f->high == 0);
	size_t len;

	for (enum case_variant v = CASE_PLAIN; v <= CASE_MOST; v++)
		case_accepted(round, case_make(case_buf, sizeof(case_buf), m, i, v));
	if (below) {
		len = case_make(case_buf, sizeof(case_buf), m, i, CASE_BELOW);
		case_refused(round, len, FC_EBAD);
	}
	if (above) {
		len = case_make(case_buf, sizeof(case_buf), m, i, CASE_ABOVE);
		case_refused(round, len, f->kind == CASE_BLOB ? FC_EFULL : FC_EBAD);
	}
}

/* Everything that holds for any message. */
static void case_check(case_round *round, const struct case_message *m)
{
	size_t len = case_make(case_buf, sizeof(case_buf), m, UINT32_MAX, CASE_PLAIN);

	for (size_t cut = 0; cut < len; cut++)
		case_refused(round, cut, FC_EBAD);
	case_accepted(round, len);
	case_buf[len] = 0;
	case_refused(round, len + 1, FC_EBAD); /* a trailing byte */
	for (unsigned i = 0; m->fields[i].kind != CASE_END; i++)
		case_ranges(round, m, i);
}

#endif
