/* Messages between our own processes: structs <-> bytes, by one table a message.
 *
 * A table lists a struct's fields in the order in which they stand in the
 * datagram.  The kind of a field follows from its C type, so that table and
 * struct cannot disagree; its range stands in the table, and the parser refuses
 * what the builder asserts.
 *
 *	number			big-endian
 *	blob			u32 length, bytes
 *	array of bytes, MAC	as they are
 *	list			u16 count, items */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/mac.h"
#include "base/writer.h"
#include "wire/ipc.h"

enum codec_kind {
	CODEC_U8,
	CODEC_U16,
	CODEC_U32,
	CODEC_U64, /* no range */
	CODEC_I32,
	CODEC_I64, /* no range */
	CODEC_BLOB,
	CODEC_BYTES,
	CODEC_LETTERS, /* A-Z */
	CODEC_SERIAL,  /* of a certificate: top bit clear, not zero */
	CODEC_LIST
};

struct codec_field {
	enum codec_kind kind;
	size_t at, size;  /* in the struct */
	int64_t min, max; /* of a number; max of a blob's length, a list's count */
	/* lists: where the count (u16) is, and what an item looks like */
	size_t count_at;
	const struct codec_field *items;
	size_t n_items;
};

#define CODEC_OF(s, f) (((struct s *)0)->f)
/* clang-format off: version 14 cannot lay out _Generic */
#define CODEC_KIND(s, f) \
	_Generic(CODEC_OF(s, f),        \
	uint8_t: CODEC_U8,              \
	uint16_t: CODEC_U16,            \
	uint32_t: CODEC_U32,            \
	uint64_t: CODEC_U64,            \
	int32_t: CODEC_I32,             \
	int64_t: CODEC_I64,             \
	struct ipc_blob: CODEC_BLOB,    \
	struct mac: CODEC_BYTES,        \
	uint8_t *: CODEC_BYTES,         \
	char *: CODEC_LETTERS)
/* clang-format on */
#define CODEC_PLACE(s, f) .at = offsetof(struct s, f), .size = sizeof(CODEC_OF(s, f))

/* field f of struct s: with its range, its greatest value or length, or any */
#define FIELD_RANGE(s, f, low, high)                                       \
	{                                                                  \
		.kind = CODEC_KIND(s, f), CODEC_PLACE(s, f), .min = (low), \
		.max = (high)                                              \
	}
#define FIELD_MAX(s, f, high) FIELD_RANGE(s, f, 0, high)
#define FIELD(s, f) FIELD_RANGE(s, f, INT64_MIN, INT64_MAX)
#define FIELD_SERIAL(s, f)                              \
	{                                               \
		.kind = CODEC_SERIAL, CODEC_PLACE(s, f) \
	}
/* array f of struct s, of which the first s.n count, each as table says */
#define FIELD_LIST(s, f, high, table)                                \
	{                                                            \
		.kind = CODEC_LIST, .at = offsetof(struct s, f),     \
		.size = sizeof(CODEC_OF(s, f)[0]), .max = (high),    \
		.count_at = offsetof(struct s, n), .items = (table), \
		.n_items = sizeof(table) / sizeof((table)[0])        \
	}

/* A type number and its table. */
struct codec_message {
	uint16_t type;
	const struct codec_field *fields;
	size_t n_fields;
};

#define MESSAGE(number, table)                                    \
	{                                                         \
		number, table, sizeof(table) / sizeof((table)[0]) \
	}
#define MESSAGE_EMPTY(number)   \
	{                       \
		number, NULL, 0 \
	}

/* The message's table, or NULL. */
const struct codec_message *codec_find(const struct codec_message *messages, size_t n,
				       uint16_t type);

/* All fields and not a byte more, into the struct at ret, which the caller has zeroed
 * and is on failure half filled: 0, FC_EBAD or FC_EFULL as ipc_parse. */
int codec_parse(struct cur *c, const struct codec_message *m, void *ret);

/* Type and fields. */
void codec_build(struct out *o, const struct codec_message *m, const void *p);

#endif
