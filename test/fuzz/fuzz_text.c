/* Texts from outside: what is escaped is safe where it goes, and a MAC address that is
 * understood has one canonical spelling. */
#include "base/escape.h"
#include "base/mac.h"
#include "fuzz/fuzz.h"
#include "macs.h"

enum { TAKEN_MAX = 64 };

static uint8_t buf[1 << 16];

static void check_log(const uint8_t *data, size_t size)
{
	struct out o = out_of(buf, sizeof(buf));
	const char *text;

	escape_log(&o, data, size, TAKEN_MAX);
	text = out_cstr(&o);
	assert(text);
	assert(o.len <= 4 * TAKEN_MAX + 3);
	for (size_t i = 0; i < o.len; i++) {
		assert(text[i] > ' ' && text[i] <= '~' && text[i] != '"');
		assert(text[i] != '\\' || text[i + 1] == 'x');
	}
}

/* Continuation bytes that follow this lead byte in valid UTF-8; -1: no lead byte. */
static int following(uint8_t lead)
{
	if (lead < 0x80)
		return 0;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if ((lead & 0xf0) == 0xe0)
		return 2;
	return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

static void check_json(const uint8_t *data, size_t size)
{
	struct out o = out_of(buf, sizeof(buf));
	int left = 0;

	escape_json(&o, data, size);
	if (o.full)
		return;
	for (size_t i = 0; i < o.len; i++) {
		uint8_t c = buf[i];

		assert(c >= 0x20 && c != 0x7f);
		if (c == '\\') {
			i++;
			assert(i < o.len && strchr("\"\\nrtu", buf[i]) && buf[i]);
			continue;
		}
		assert(c != '"');
		if (left == 0)
			left = following(c);
		else
			left = (c & 0xc0) == 0x80 ? left - 1 : -1;
		assert(left >= 0);
	}
	assert(left == 0);
}

static void check_mac(const uint8_t *data, size_t size)
{
	char text[MAC_TEXT_SIZE];
	struct mac m, again;

	if (mac_parse((const char *)data, size, &m) < 0)
		return;
	assert(mac_parse(mac_text(&m, text), MAC_TEXT_SIZE - 1, &again) == 0);
	assert(mac_equal(&m, &again));
	again = mac_from_u64(mac_u64(&m));
	assert(mac_equal(&m, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_log(data, size);
	check_json(data, size);
	check_mac(data, size);
	return 0;
}
