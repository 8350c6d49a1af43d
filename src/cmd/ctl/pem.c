#include <stdint.h>

#include "cmd/ctl/pem.h"

enum { LINE_BYTES = 48 }; /* 64 characters */

static void put_group(struct out *o, const uint8_t *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	uint32_t v = (uint32_t)p[0] << 16;

	if (n > 1)
		v |= (uint32_t)p[1] << 8;
	if (n > 2)
		v |= p[2];
	out_u8(o, (uint8_t)digits[v >> 18 & 63]);
	out_u8(o, (uint8_t)digits[v >> 12 & 63]);
	out_u8(o, n > 1 ? (uint8_t)digits[v >> 6 & 63] : '=');
	out_u8(o, n > 2 ? (uint8_t)digits[v & 63] : '=');
}

void pem_build(struct out *o, const char *label, const void *der, size_t len)
{
	const uint8_t *p = der;

	out_str(o, "-----BEGIN ");
	out_str(o, label);
	out_str(o, "-----\n");
	for (size_t i = 0; i < len; i += 3) {
		put_group(o, p + i, len - i < 3 ? len - i : 3);
		if ((i + 3) % LINE_BYTES == 0 || i + 3 >= len)
			out_str(o, "\n");
	}
	out_str(o, "-----END ");
	out_str(o, label);
	out_str(o, "-----\n");
}
