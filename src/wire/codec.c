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
	uint64_t v = 0;
	int64_t ranged = 0;

	switch (f->size) {
	case 1:
		ranged = ret[0] = cur_u8(c);
		break;
	case 2:
		ranged = cur_u16(c);
		memcpy(ret, &(uint16_t){ (uint16_t)ranged }, f->size);
		break;
	case 4:
		v = cur_u32(c);
		ranged = f->kind == CODEC_I32 ? (int32_t)(uint32_t)v : (int64_t)v;
		memcpy(ret, &(uint32_t){ (uint32_t)v }, f->size);
		break;
	default:
		v = cur_u64(c);
		memcpy(ret, &v, f->size);
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

static int parse_fields(struct cur *c, const struct codec_field *fields, size_t n,
			uint8_t *ret);

/* Lists do not nest: the recursion is one level deep. */
static int parse_list(struct cur *c, const struct codec_field *f, uint8_t *ret)
{
	uint16_t count = cur_u16(c);
	int rc = 0;

	if (count > (uint64_t)f->max)
		return FC_EFULL;
	memcpy(ret + f->count_at, &count, sizeof(count));
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = parse_fields(c, f->items, f->n_items, ret + f->at + i * f->size);
	return rc;
}

static int parse_field(struct cur *c, const struct codec_field *f, uint8_t *ret)
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
		return parse_list(c, f, ret);
	}
	return FC_EBAD;
}

static int parse_fields(struct cur *c, const struct codec_field *fields, size_t n,
			uint8_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		int rc = parse_field(c, &fields[i], ret);

		if (c->dead)
			return FC_EBAD;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int codec_parse(struct cur *c, const struct codec_message *m, void *ret)
{
	int rc = parse_fields(c, m->fields, m->n_fields, ret);

	if (rc < 0)
		return rc;
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

static void build_fields(struct out *o, const struct codec_field *fields, size_t n,
			 const uint8_t *p);

static void build_list(struct out *o, const struct codec_field *f, const uint8_t *p)
{
	uint16_t count;

	memcpy(&count, p + f->count_at, sizeof(count));
	assert(count <= (uint64_t)f->max);
	out_u16(o, count);
	for (size_t i = 0; i < count; i++)
		build_fields(o, f->items, f->n_items, p + f->at + i * f->size);
}

static void build_fields(struct out *o, const struct codec_field *fields, size_t n,
			 const uint8_t *p)
{
	for (size_t i = 0; i < n; i++) {
		const struct codec_field *f = &fields[i];

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
			build_list(o, f, p);
			break;
		}
	}
}

void codec_build(struct out *o, const struct codec_message *m, const void *p)
{
	out_u16(o, m->type);
	build_fields(o, m->fields, m->n_fields, p);
}
