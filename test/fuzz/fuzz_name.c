/* Names: whatever is understood has one canonical spelling, which is read back the
 * same, and neither spaces nor case change what a name means. */
#include "fuzz/fuzz.h"
#include "wire/name.h"

static bool same(const struct name *a, const struct name *b)
{
	return a->kind == b->kind && strcmp(a->type, b->type) == 0 &&
	       mac_equal(&a->mac, &b->mac) && a->error == b->error &&
	       a->code.digits == b->code.digits &&
	       memcmp(a->code.b, b->code.b, sizeof(a->code.b)) == 0;
}

static void check_canonical(const struct name *n)
{
	char text[NAME_TEXT_SIZE];
	struct out o = out_of(text, sizeof(text));
	struct name again;

	name_build(&o, n);
	assert(out_cstr(&o));
	assert(strlen(text) == o.len);
	assert(!memchr(text, '/', o.len) && !memchr(text, ' ', o.len));
	assert(name_parse(text, o.len, &again) == 0);
	assert(same(&again, n));
}

/* With the other case, and a space behind each character. */
static void check_spelling(const struct name *n, const uint8_t *data, size_t size)
{
	char text[2 * NAME_RAW_MAX];
	struct name again;
	size_t len = 0;

	for (size_t i = 0; i < size; i++) {
		bool letter = (data[i] | 0x20) >= 'a' && (data[i] | 0x20) <= 'z';

		text[len++] = (char)(letter ? data[i] ^ 0x20 : data[i]);
		if (size <= NAME_RAW_MAX / 2)
			text[len++] = ' ';
	}
	assert(name_parse(text, len, &again) == 0);
	assert(same(&again, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name n;

	if (name_parse((const char *)data, size, &n) < 0)
		return 0;
	assert(size <= NAME_RAW_MAX);
	assert((n.kind == NAME_REPORT) == (n.error > 0));
	assert(n.error <= NAME_ERROR_MAX);
	assert((n.kind == NAME_REPORT) == (n.code.digits == 0));
	check_canonical(&n);
	check_spelling(&n, data, size);
	return 0;
}
