#include "base/secret.h"
#include <stdint.h>
#include <string.h>
#include "base/hex.h"

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < len; i++)
		differs |= (uint8_t)(x[i] ^ y[i]);
	return differs == 0;
}

void secret_wipe(void *p, size_t len)
{
	if (len)
		explicit_bzero(p, len);
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

unsigned secret_bits(const char *s, size_t len)
{
	bool hex = true, alnum = true;
	unsigned each, bits = 0;

	for (size_t i = 0; i < len; i++) {
		hex = hex && hex_digit((uint8_t)s[i]) >= 0;
		alnum = alnum && is_alnum((uint8_t)s[i]);
	}
	if (hex)
		each = 4;
	else
		each = alnum ? 5 : 6;
	for (size_t i = 0; i < len; i++)
		bits += i > 0 && s[i] == s[i - 1] ? 1 : each;
	return bits;
}
