/* A file of secrets: refused at a line that it has, or every device's secret is one
 * of its bytes' runs. */
#include "cmd/shared/secretset.h"
#include "base/errors.h"
#include "fuzz/fuzz.h"

static size_t lines_of(const uint8_t *p, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += p[i] == '\n';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };
	const uint8_t *text = size ? data + 1 : NULL;
	size_t len = size ? size - 1 : 0;
	enum conf_secret_kind kind =
		size ? (enum conf_secret_kind)(data[0] % 3) : CONF_SECRET_DEVICE;
	struct auth_secret secret;
	struct secretset *s = NULL;
	const char *why = NULL;
	unsigned line = 0;
	int rc = secretset_new(kind, text, len, &s, &why, &line);

	if (rc < 0) {
		assert(!s && why && why[0] && line >= 1 && line <= lines_of(text, len));
		return 0;
	}
	rc = secretset_get(s, &modem, &secret);
	assert(rc == 0 || (rc == FC_EABSENT && kind == CONF_SECRET_DEVICE));
	if (rc == 0) {
		assert(secret.len >= 1 && secret.len <= SECRET_MAX);
		assert(!memchr(secret.s, 0, secret.len));
		if (kind != CONF_SECRET_DERIVED)
			assert(memmem(text, len, secret.s, secret.len));
	}
	(void)secretset_bits(s);
	secretset_free(s);
	return 0;
}
