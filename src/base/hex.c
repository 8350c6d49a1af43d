#include "base/hex.h"
#include "base/errors.h"

int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *digits, size_t digits_len, uint8_t *ret, size_t n)
{
	if (digits_len % 2 != 0 || digits_len / 2 != n)
		return FC_EBAD;
	for (size_t i = 0; i < digits_len; i++)
		if (hex_digit((uint8_t)digits[i]) < 0)
			return FC_EBAD;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit((uint8_t)digits[2 * i]);
		int low = hex_digit((uint8_t)digits[2 * i + 1]);

		ret[i] = (uint8_t)(high * 16 + low);
	}
	return 0;
}

void hex_encode(const uint8_t *p, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = "0123456789abcdef"[p[i] >> 4];
		ret[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	ret[2 * n] = '\0';
}
