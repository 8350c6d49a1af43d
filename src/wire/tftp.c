#include "wire/tftp.h"
#include <string.h>
#include <strings.h>
#include "base/errors.h"

enum option { BLKSIZE, TIMEOUT, TSIZE, WINDOWSIZE, N_OPTIONS };

static const struct {
	const char *name;
	uint64_t min, max;
} options_known[N_OPTIONS] = {
	[BLKSIZE] = { "blksize", TFTP_BLKSIZE_MIN, TFTP_BLKSIZE_MAX },
	[TIMEOUT] = { "timeout", TFTP_TIMEOUT_MIN_S, TFTP_TIMEOUT_MAX_S },
	[TSIZE] = { "tsize", 0, UINT64_MAX },
	[WINDOWSIZE] = { "windowsize", TFTP_WINDOW_MIN, TFTP_WINDOW_MAX },
};

/* Option names and modes are compared without regard to case (RFC 2347). */
static bool same_word(const struct cur *s, const char *word)
{
	return s->len == strlen(word) &&
	       strncasecmp((const char *)s->buf, word, s->len) == 0;
}

static enum option option_of(const struct cur *name)
{
	enum option i = BLKSIZE;

	while (i < N_OPTIONS && !same_word(name, options_known[i].name))
		i++;
	return i;
}

/* Decimal digits alone, no sign, no space; false when it does not fit. */
static bool decimal(struct cur s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	while (cur_left(&s) > 0) {
		uint8_t c = cur_u8(&s);

		if (c < '0' || c > '9' || v > (UINT64_MAX - (uint64_t)(c - '0')) / 10)
			return false;
		v = v * 10 + (uint64_t)(c - '0');
	}
	*ret = v;
	return true;
}

static void option_set(struct tftp_options *o, enum option which, uint64_t v)
{
	switch (which) {
	case BLKSIZE:
		o->has_blksize = true;
		o->blksize = (uint32_t)v;
		break;
	case TIMEOUT:
		o->has_timeout = true;
		o->timeout_s = (uint32_t)v;
		break;
	case TSIZE:
		o->has_tsize = true;
		o->tsize = v;
		break;
	case WINDOWSIZE:
		o->has_windowsize = true;
		o->windowsize = (uint32_t)v;
		break;
	case N_OPTIONS:
		break;
	}
}

static bool option_get(const struct tftp_options *o, enum option which, uint64_t *ret)
{
	switch (which) {
	case BLKSIZE:
		*ret = o->blksize;
		return o->has_blksize;
	case TIMEOUT:
		*ret = o->timeout_s;
		return o->has_timeout;
	case TSIZE:
		*ret = o->tsize;
		return o->has_tsize;
	case WINDOWSIZE:
		*ret = o->windowsize;
		return o->has_windowsize;
	case N_OPTIONS:
		break;
	}
	return false;
}

/* Pairs of strings up to the end.  Strict: nothing is passed over. */
static int parse_options(struct cur *c, bool strict, struct tftp_options *ret)
{
	bool seen[N_OPTIONS + 1] = { false };
	struct tftp_options options = { 0 };

	while (cur_left(c) > 0) {
		struct cur name = cur_string(c), value = cur_string(c);
		enum option which;
		uint64_t v;
		bool good;

		if (c->dead)
			return FC_EBAD;
		which = option_of(&name);
		if (which == N_OPTIONS) {
			if (strict)
				return FC_EUNKNOWN;
			continue;
		}
		good = !seen[which] && decimal(value, &v) &&
		       v >= options_known[which].min && v <= options_known[which].max;
		if (!good && strict)
			return FC_EBAD;
		if (good)
			option_set(&options, which, v);
		seen[which] = true;
	}
	*ret = options;
	return 0;
}

int tftp_opcode(const void *p, size_t len)
{
	struct cur c = cur_of(p, len);
	uint16_t opcode = cur_u16(&c);

	return opcode >= TFTP_RRQ && opcode <= TFTP_OACK ? (int)opcode : FC_EBAD;
}

int tftp_parse_request(const void *p, size_t len, struct tftp_request *ret)
{
	struct cur c = cur_of(p, len), name, mode;
	struct tftp_request r = { 0 };
	uint16_t opcode;

	if (len > TFTP_REQUEST_MAX)
		return FC_EFULL;
	opcode = cur_u16(&c);
	name = cur_string(&c);
	mode = cur_string(&c);
	if (c.dead || name.len == 0 || (opcode != TFTP_RRQ && opcode != TFTP_WRQ))
		return FC_EBAD;
	if (parse_options(&c, false, &r.options) < 0)
		return FC_EBAD;
	r.octet = same_word(&mode, "octet");
	if (!r.octet && !same_word(&mode, "netascii"))
		return FC_EUNKNOWN;
	r.opcode = opcode == TFTP_RRQ ? TFTP_RRQ : TFTP_WRQ;
	r.name = (const char *)name.buf;
	r.name_len = name.len;
	*ret = r;
	return 0;
}

int tftp_parse_data(const void *p, size_t len, uint16_t *ret_block,
		    struct cur *ret_payload)
{
	struct cur c = cur_of(p, len);
	uint16_t opcode = cur_u16(&c), block = cur_u16(&c);

	if (c.dead || opcode != TFTP_DATA)
		return FC_EBAD;
	*ret_block = block;
	*ret_payload = cur_sub(&c, cur_left(&c));
	return 0;
}

int tftp_parse_ack(const void *p, size_t len, uint16_t *ret_block)
{
	struct cur c = cur_of(p, len);
	uint16_t opcode = cur_u16(&c), block = cur_u16(&c);

	if (!cur_done(&c) || opcode != TFTP_ACK)
		return FC_EBAD;
	*ret_block = block;
	return 0;
}

int tftp_parse_error(const void *p, size_t len, uint16_t *ret_code,
		     struct cur *ret_text)
{
	struct cur c = cur_of(p, len);
	uint16_t opcode = cur_u16(&c), code = cur_u16(&c);
	size_t n = 0;

	if (c.dead || opcode != TFTP_ERROR)
		return FC_EBAD;
	while (n < cur_left(&c) && n < TFTP_MESSAGE_MAX && c.buf[c.pos + n] != 0)
		n++;
	*ret_code = code;
	*ret_text = cur_sub(&c, n);
	return 0;
}

int tftp_parse_oack(const void *p, size_t len, struct tftp_options *ret)
{
	struct cur c = cur_of(p, len);

	if (cur_u16(&c) != TFTP_OACK)
		return FC_EBAD;
	return parse_options(&c, true, ret);
}

static void put_string(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s) + 1);
}

static void put_options(struct out *o, const struct tftp_options *options)
{
	uint64_t v;

	for (enum option i = BLKSIZE; i < N_OPTIONS; i++) {
		if (!option_get(options, i, &v))
			continue;
		put_string(o, options_known[i].name);
		out_dec(o, v);
		out_u8(o, 0);
	}
}

void tftp_build_request(struct out *o, enum tftp_opcode opcode, const char *name,
			const struct tftp_options *options)
{
	out_u16(o, (uint16_t)opcode);
	put_string(o, name);
	put_string(o, "octet");
	put_options(o, options);
}

void tftp_build_data(struct out *o, uint16_t block, const void *p, size_t len)
{
	out_u16(o, TFTP_DATA);
	out_u16(o, block);
	out_bytes(o, p, len);
}

void tftp_build_ack(struct out *o, uint16_t block)
{
	out_u16(o, TFTP_ACK);
	out_u16(o, block);
}

void tftp_build_error(struct out *o, enum tftp_error code, const char *text)
{
	size_t n = strlen(text);

	out_u16(o, TFTP_ERROR);
	out_u16(o, (uint16_t)code);
	out_bytes(o, text, n < TFTP_MESSAGE_MAX ? n : TFTP_MESSAGE_MAX);
	out_u8(o, 0);
}

void tftp_build_oack(struct out *o, const struct tftp_options *options)
{
	out_u16(o, TFTP_OACK);
	put_options(o, options);
}
