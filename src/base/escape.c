#include "base/escape.h"
#include <stdbool.h>
#include <stdint.h>

static bool is_plain(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void escape_log(struct out *o, const void *p, size_t len, size_t max)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len && i < max; i++) {
		if (is_plain(b[i])) {
			out_u8(o, b[i]);
			continue;
		}
		out_str(o, "\\x");
		out_hex(o, &b[i], 1, false);
	}
	if (len > max)
		out_str(o, "...");
}

/* The bytes that a UTF-8 lead byte asks for, and the range of its first
 * continuation byte (RFC 3629, section 4); 0 for no lead byte. */
static size_t utf8_len(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
	*ret_low = 0x80;
	*ret_high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*ret_low = 0xa0;
		if (lead == 0xed)
			*ret_high = 0x9f; /* no surrogates */
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*ret_low = 0x90;
		if (lead == 0xf4)
			*ret_high = 0x8f;
		return 4;
	}
	return 0;
}

/* The length of the valid sequence at b, or 0. */
static size_t utf8_valid(const uint8_t *b, size_t left)
{
	uint8_t low, high;
	size_t n = utf8_len(b[0], &low, &high);

	if (n == 0 || n > left || b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	return n;
}

static void json_control(struct out *o, uint8_t c)
{
	switch (c) {
	case '\n':
		out_str(o, "\\n");
		break;
	case '\r':
		out_str(o, "\\r");
		break;
	case '\t':
		out_str(o, "\\t");
		break;
	default:
		out_str(o, "\\u00");
		out_hex(o, &c, 1, false);
	}
}

void escape_json(struct out *o, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0, n; i < len; i += n) {
		n = 1;
		if (b[i] == '"' || b[i] == '\\') {
			out_u8(o, '\\');
			out_u8(o, b[i]);
		} else if (b[i] < 0x20 || b[i] == 0x7f) {
			json_control(o, b[i]);
		} else if (b[i] < 0x80) {
			out_u8(o, b[i]);
		} else if ((n = utf8_valid(b + i, len - i)) != 0) {
			out_bytes(o, b + i, n);
		} else {
			out_str(o, "\xef\xbf\xbd"); /* U+FFFD */
			n = 1;
		}
	}
}
