#include "wire/name.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include "base/cursor.h"
#include "base/errors.h"
#include "base/hex.h"

static bool is_letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char upper(uint8_t c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* The next bytes are this word, in any case. */
static bool take_word(struct cur *c, const char *word)
{
	const uint8_t *p = cur_bytes(c, strlen(word));

	return p && strncasecmp((const char *)p, word, strlen(word)) == 0;
}

/* Six pairs of digits with '_' between. */
static bool take_mac(struct cur *c, struct mac *ret)
{
	const char *p = (const char *)cur_bytes(c, MAC_TEXT_SIZE - 1);

	return p && p[2] == '_' && mac_parse(p, MAC_TEXT_SIZE - 1, ret) == 0;
}

/* Pairs of digits with '_' between, at the end one digit alone or a pair, so
 * that each third character is a separator and the last one is none. */
static bool take_code(struct cur *c, size_t len, struct name_code *ret)
{
	const uint8_t *p = cur_bytes(c, len);
	struct name_code code = { 0 };

	if (!p || len % 3 == 0)
		return false;
	if (len - len / 3 < NAME_CODE_MIN_DIGITS ||
	    len - len / 3 > NAME_CODE_MAX_DIGITS)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(p[i]);

		if (i % 3 == 2) {
			if (p[i] != '_')
				return false;
			continue;
		}
		if (digit < 0)
			return false;
		code.b[i / 3] |= (uint8_t)(i % 3 == 0 ? digit << 4 : digit);
		code.digits++;
	}
	*ret = code;
	return true;
}

static bool parse_request(struct cur c, struct name *ret)
{
	struct name n = { .kind = NAME_REQUEST };
	const uint8_t *type = cur_bytes(&c, 2);
	size_t suffix_len = strlen(".509");
	uint8_t point;

	if (!type || !is_letter(type[0]) || !is_letter(type[1]))
		return false;
	n.type[0] = upper(type[0]);
	n.type[1] = upper(type[1]);
	if (!take_word(&c, "_") || !take_mac(&c, &n.mac) || !take_word(&c, "_") ||
	    cur_left(&c) < suffix_len ||
	    !take_code(&c, cur_left(&c) - suffix_len, &n.code))
		return false;
	point = cur_u8(&c);
	if ((point != '.' && point != '_') || !take_word(&c, "509"))
		return false;
	*ret = n;
	return true;
}

static bool parse_report(struct cur c, struct name *ret)
{
	struct name n = { .kind = NAME_REPORT };
	const uint8_t *nn;
	unsigned number;

	if (!take_word(&c, "ERR") || !(nn = cur_bytes(&c, 2)) || nn[0] < '0' ||
	    nn[0] > '9' || nn[1] < '0' || nn[1] > '9')
		return false;
	number = (unsigned)(nn[0] - '0') * 10 + (unsigned)(nn[1] - '0');
	if (number < NAME_ERROR_MIN || number > NAME_ERROR_MAX)
		return false;
	n.error = (uint8_t)number;
	if (!take_word(&c, "_") || !take_mac(&c, &n.mac) || !take_word(&c, ".ERR") ||
	    !cur_done(&c))
		return false;
	*ret = n;
	return true;
}

static bool parse_confirm(struct cur c, struct name *ret)
{
	struct name n = { .kind = NAME_CONFIRM };
	size_t suffix_len = strlen(".OK");

	if (!take_word(&c, "OK_") || !take_mac(&c, &n.mac) || !take_word(&c, "_") ||
	    cur_left(&c) < suffix_len ||
	    !take_code(&c, cur_left(&c) - suffix_len, &n.code) || !take_word(&c, ".OK"))
		return false;
	*ret = n;
	return true;
}

int name_parse(const char *s, size_t len, struct name *ret)
{
	char packed[NAME_RAW_MAX];
	size_t n = 0;
	struct cur c;

	if (len > NAME_RAW_MAX)
		return FC_EBAD;
	for (size_t i = 0; i < len; i++)
		if (s[i] != ' ')
			packed[n++] = s[i];
	c = cur_of(packed, n);
	if (parse_confirm(c, ret) || parse_report(c, ret) || parse_request(c, ret))
		return 0;
	return FC_EBAD;
}

static void put_mac(struct out *o, const struct mac *m)
{
	for (size_t i = 0; i < MAC_LEN; i++) {
		out_u8(o, '_');
		out_hex(o, &m->b[i], 1, false);
	}
}

static void put_code(struct out *o, const struct name_code *code)
{
	char pair[3];

	assert(code->digits >= NAME_CODE_MIN_DIGITS);
	assert(code->digits <= NAME_CODE_MAX_DIGITS);
	for (size_t i = 0; i < code->digits; i += 2) {
		hex_encode(&code->b[i / 2], 1, pair);
		out_u8(o, '_');
		out_bytes(o, pair, i + 1 < code->digits ? 2 : 1);
	}
}

void name_build(struct out *o, const struct name *n)
{
	switch (n->kind) {
	case NAME_REQUEST:
		out_str(o, n->type);
		put_mac(o, &n->mac);
		put_code(o, &n->code);
		out_str(o, ".509");
		break;
	case NAME_REPORT:
		assert(n->error >= NAME_ERROR_MIN);
		assert(n->error <= NAME_ERROR_MAX);
		out_str(o, "ERR");
		out_u8(o, (uint8_t)('0' + n->error / 10));
		out_u8(o, (uint8_t)('0' + n->error % 10));
		put_mac(o, &n->mac);
		out_str(o, ".ERR");
		break;
	case NAME_CONFIRM:
		out_str(o, "OK");
		put_mac(o, &n->mac);
		put_code(o, &n->code);
		out_str(o, ".OK");
		break;
	}
}
