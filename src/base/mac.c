#include "base/mac.h"
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/writer.h"

/* How many digits stand between separators: ':' '-' '_' part pairs, '.' fours. */
static size_t group_of(char separator)
{
	switch (separator) {
	case ':':
	case '-':
	case '_':
		return 2;
	case '.':
		return 4;
	default:
		return 0;
	}
}

int mac_parse(const char *s, size_t len, struct mac *ret)
{
	enum { DIGITS = 2 * MAC_LEN };
	char separator = '\0';
	size_t group = 0, n = 0;
	char digits[DIGITS];

	if (len == DIGITS + DIGITS / 2 - 1)
		separator = s[2];
	else if (len == DIGITS + DIGITS / 4 - 1)
		separator = s[4];
	else if (len != DIGITS)
		return FC_EBAD;
	if (len != DIGITS) {
		group = group_of(separator);
		if (group == 0 || len != DIGITS + DIGITS / group - 1)
			return FC_EBAD;
	}
	for (size_t i = 0; i < len; i++) {
		if (group && i % (group + 1) == group) {
			if (s[i] != separator)
				return FC_EBAD;
			continue;
		}
		digits[n++] = s[i];
	}
	return hex_decode(digits, n, ret->b, MAC_LEN);
}

const char *mac_text(const struct mac *m, char ret[MAC_TEXT_SIZE])
{
	struct out o = out_of(ret, MAC_TEXT_SIZE);

	for (size_t i = 0; i < MAC_LEN; i++) {
		if (i > 0)
			out_u8(&o, ':');
		out_hex(&o, &m->b[i], 1, true);
	}
	(void)out_cstr(&o);
	return ret;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, MAC_LEN) == 0;
}

bool mac_is_device(const struct mac *m)
{
	return (m->b[0] & 1) == 0 && mac_u64(m) != 0;
}

uint64_t mac_u64(const struct mac *m)
{
	uint64_t v = 0;

	for (size_t i = 0; i < MAC_LEN; i++)
		v = v << 8 | m->b[i];
	return v;
}
