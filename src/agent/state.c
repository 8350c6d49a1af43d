#include "agent/state.h"

#include <string.h>
#include "base/crc32.h"
#include "base/cursor.h"
#include "base/errors.h"

enum { VERSION = 1, MAGIC_LEN = 4, CRC_LEN = 4, SERVER_LEN = 16 + 4 + 2 };
enum tag {
	TAG_DEVICE = 1,
	TAG_MANUFACTURER,
	TAG_LINK,
	TAG_KEY,
	TAG_UNCONFIRMED,
	TAG_CODE,
	TAG_DIGEST,
	TAG_SERVER
};

static const uint8_t magic[MAGIC_LEN] = { 'F', 'C', 'S', 'T' };

static void put(struct out *o, enum tag tag, const void *p, size_t len)
{
	if (len > UINT16_MAX)
		o->full = true;
	out_u8(o, (uint8_t)tag);
	out_u16(o, (uint16_t)len);
	out_bytes(o, p, len);
}

static void put_bytes(struct out *o, enum tag tag, const struct x509_bytes *b)
{
	if (b->len > 0)
		put(o, tag, b->p, b->len);
}

static void put_server(struct out *o, const struct fetch_addr *a)
{
	uint8_t value[SERVER_LEN];
	struct out v = out_of(value, sizeof(value));

	out_bytes(&v, a->ip, sizeof(a->ip));
	out_u32(&v, a->scope);
	out_u16(&v, a->port);
	put(o, TAG_SERVER, value, v.len);
}

void agent_state_build(struct out *o, const struct agent_state *s)
{
	uint8_t code[1 + NAME_CODE_MAX_LEN];
	size_t start = o->len;

	out_bytes(o, magic, sizeof(magic));
	out_u8(o, VERSION);
	put_bytes(o, TAG_DEVICE, &s->device);
	put_bytes(o, TAG_MANUFACTURER, &s->manufacturer);
	put_bytes(o, TAG_LINK, &s->link);
	put_bytes(o, TAG_KEY, &s->key);
	if (s->unconfirmed)
		put(o, TAG_UNCONFIRMED, NULL, 0);
	if (s->yy.digits > 0) {
		code[0] = s->yy.digits;
		memcpy(code + 1, s->yy.b, sizeof(s->yy.b));
		put(o, TAG_CODE, code, sizeof(code));
		put(o, TAG_DIGEST, s->digest, sizeof(s->digest));
	}
	if (s->has_server)
		put_server(o, &s->server);
	if (!o->full)
		out_u32(o, crc32_of(o->buf + start, o->len - start));
}

static int take_field(struct agent_state *s, uint8_t tag, struct cur *v)
{
	struct x509_bytes whole = { v->buf, v->len };

	switch (tag) {
	case TAG_DEVICE:
		s->device = whole;
		return 0;
	case TAG_MANUFACTURER:
		s->manufacturer = whole;
		return 0;
	case TAG_LINK:
		s->link = whole;
		return 0;
	case TAG_KEY:
		s->key = whole;
		return 0;
	case TAG_UNCONFIRMED:
		s->unconfirmed = true;
		return v->len == 0 ? 0 : FC_EBAD;
	case TAG_CODE:
		s->yy.digits = cur_u8(v);
		cur_copy(v, s->yy.b, sizeof(s->yy.b));
		return cur_done(v) && s->yy.digits <= NAME_CODE_MAX_DIGITS ? 0
									   : FC_EBAD;
	case TAG_DIGEST:
		cur_copy(v, s->digest, sizeof(s->digest));
		return cur_done(v) ? 0 : FC_EBAD;
	case TAG_SERVER:
		s->has_server = true;
		cur_copy(v, s->server.ip, sizeof(s->server.ip));
		s->server.scope = cur_u32(v);
		s->server.port = cur_u16(v);
		return cur_done(v) ? 0 : FC_EBAD;
	default:
		return FC_EUNKNOWN;
	}
}

int agent_state_parse(const void *p, size_t len, struct agent_state *ret)
{
	struct agent_state s = { .unconfirmed = false };
	struct cur c, tail;
	uint8_t start[MAGIC_LEN];

	if (len < MAGIC_LEN + 1 + CRC_LEN)
		return FC_EBAD;
	c = cur_of(p, len - CRC_LEN);
	tail = cur_of((const uint8_t *)p + len - CRC_LEN, CRC_LEN);
	cur_copy(&c, start, sizeof(start));
	if (memcmp(start, magic, sizeof(magic)) != 0)
		return FC_EBAD;
	if (crc32_of(p, len - CRC_LEN) != cur_u32(&tail))
		return FC_ECRC;
	if (cur_u8(&c) != VERSION)
		return FC_EUNKNOWN;
	while (cur_left(&c) > 0) {
		uint8_t tag = cur_u8(&c);
		struct cur value = cur_sub(&c, cur_u16(&c));
		int rc = value.dead ? FC_EBAD : take_field(&s, tag, &value);

		if (rc < 0)
			return rc;
	}
	if (c.dead)
		return FC_EBAD;
	*ret = s;
	return 0;
}
