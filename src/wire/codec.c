#include "wire/codec.h"
#include <assert.h>
#include <string.h>
#include "base/errors.h"

static_assert(sizeof(struct mac) == MAC_LEN, "a MAC is its bytes");

const struct codec_message *codec_find(const struct codec_message *messages, size_t n,
				       uint16_t type)
{
	for (size_t i = 0; i < n; i++)
		if (messages[i].type == type)
			return &messages[i];
	return NULL;
}

static bool bytes_fit(const struct codec_field *f, const uint8_t *p)
{
	uint8_t any = 0;

	for (size_t i = 0; i < f->size; i++) {
		if (f->kind == CODEC_LETTERS && (p[i] < 'A' || p[i] > 'Z'))
			return false;
		any |= p[i];
	}
	return f->kind != CODEC_SERIAL || (any && p[0] < 0x80);
}

static bool number_fits(const struct codec_field *f, int64_t v)
{
	return v >= f->min && v <= f->max;
}

static int parse_number(struct cur *c, const struct codec_field *f, uint8_t *ret)
{
	int64_t ranged = 0; /* of 64 bits none has a range */
	uint16_t half;
	uint32_t word;
	uint64_t whole;

	switch (f->size) {
	case 1:
		ranged = ret[0] = cur_u8(c);
		break;
	case 2:
		ranged = half = cur_u16(c);
		memcpy(ret, &half, f->size);
		break;
	case 4:
		word = cur_u32(c);
		ranged = f->kind == CODEC_I32 ? (int32_t)word : (int64_t)word;
		memcpy(ret, &word, f->size);
		break;
	default:
		whole = cur_u64(c);
		memcpy(ret, &whole, f->size);
	}
	return number_fits(f, ranged) ? 0 : FC_EBAD;
}

static int parse_blob(struct cur *c, const struct codec_field *f, uint8_t *ret)
{
	uint32_t len = cur_u32(c);
	struct ipc_blob blob;

	if (len > (uint64_t)f->max)
		return FC_EFULL;
	blob = (struct ipc_blob){ cur_bytes(c, len), len };
	memcpy(ret, &blob, sizeof(blob));
	return 0;
}

static int parse_plain(struct cur *c, const struct codec_field *f, uint8_t *ret)
{
	switch (f->kind) {
	case CODEC_U8:
	case CODEC_U16:
	case CODEC_U32:
	case CODEC_U64:
	case CODEC_I32:
	case CODEC_I64:
		return parse_number(c, f, ret + f->at);
	case CODEC_BLOB:
		return parse_blob(c, f, ret + f->at);
	case CODEC_BYTES:
	case CODEC_LETTERS:
	case CODEC_SERIAL:
		cur_copy(c, ret + f->at, f->size);
		return bytes_fit(f, ret + f->at) ? 0 : FC_EBAD;
	case CODEC_LIST:
		break; /* lists do not nest */
	}
	return FC_EBAD;
}

static int parse_list(struct cur *c, const struct codec_field *f, uint8_t *ret)
{
	uint16_t count = cur_u16(c);

	if (count > (uint64_t)f->max)
		return FC_EFULL;
	memcpy(ret + f->count_at, &count, sizeof(count));
	for (size_t i = 0; i < count * f->n_items; i++) {
		uint8_t *item = ret + f->at + i / f->n_items * f->size;
		int rc = parse_plain(c, &f->items[i % f->n_items], item);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int codec_parse(struct cur *c, const struct codec_message *m, void *ret)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct codec_field *f = &m->fields[i];
		int rc = f->kind == CODEC_LIST ? parse_list(c, f, ret)
					       : parse_plain(c, f, ret);

		if (c->dead)
			return FC_EBAD; /* whatever was read, it was not there */
		if (rc < 0)
			return rc;
	}
	return cur_done(c) ? 0 : FC_EBAD;
}

static void build_number(struct out *o, const struct codec_field *f, const uint8_t *p)
{
	int64_t ranged = 0;
	uint16_t half;
	uint32_t word;
	uint64_t whole;

	switch (f->size) {
	case 1:
		ranged = p[0];
		out_u8(o, p[0]);
		break;
	case 2:
		memcpy(&half, p, f->size);
		ranged = half;
		out_u16(o, half);
		break;
	case 4:
		memcpy(&word, p, f->size);
		ranged = f->kind == CODEC_I32 ? (int32_t)word : (int64_t)word;
		out_u32(o, word);
		break;
	default:
		memcpy(&whole, p, f->size);
		out_u64(o, whole);
	}
	assert(number_fits(f, ranged));
}

static void build_blob(struct out *o, const struct codec_field *f, const uint8_t *p)
{
	struct ipc_blob blob;

	memcpy(&blob, p, sizeof(blob));
	assert(blob.len <= (uint64_t)f->max);
	out_u32(o, (uint32_t)blob.len);
	out_bytes(o, blob.p, blob.len);
}

static void build_plain(struct out *o, const struct codec_field *f, const uint8_t *p)
{
	switch (f->kind) {
	case CODEC_U8:
	case CODEC_U16:
	case CODEC_U32:
	case CODEC_U64:
	case CODEC_I32:
	case CODEC_I64:
		build_number(o, f, p + f->at);
		break;
	case CODEC_BLOB:
		build_blob(o, f, p + f->at);
		break;
	case CODEC_BYTES:
	case CODEC_LETTERS:
	case CODEC_SERIAL:
		assert(bytes_fit(f, p + f->at));
		out_bytes(o, p + f->at, f->size);
		break;
	case CODEC_LIST:
		assert(f->kind != CODEC_LIST); /* lists do not nest */
	}
}

static void build_list(struct out *o, const struct codec_field *f, const uint8_t *p)
{
	uint16_t count;

	memcpy(&count, p + f->count_at, sizeof(count));
	assert(count <= (uint64_t)f->max);
	out_u16(o, count);
	for (size_t i = 0; i < count * f->n_items; i++)
		build_plain(o, &f->items[i % f->n_items],
			    p + f->at + i / f->n_items * f->size);
}

void codec_build(struct out *o, const struct codec_message *m, const void *p)
{
	out_u16(o, m->type);
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct codec_field *f = &m->fields[i];

		if (f->kind == CODEC_LIST)
			build_list(o, f, p);
		else
			build_plain(o, f, p);
	}
}
