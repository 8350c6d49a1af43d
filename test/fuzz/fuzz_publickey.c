/* A public key in any of its spellings: what is taken is DER of its own kind, and is
 * taken again as the same. */
#include "crypto/spki.h"
#include "crypto/x509check.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t once[1024], again[1024];
	const char *why = NULL;
	size_t n, m;
	struct spki k;

	if (public_key_parse(data, size, once, sizeof(once), &n, &why) < 0) {
		assert(why && why[0]);
		return 0;
	}
	assert(n <= sizeof(once));
	assert(spki_parse(once, n, &k) == 0 && !spki_fault(&k));
	assert(public_key_parse(once, n, again, sizeof(again), &m, &why) == 0);
	assert(n == m && memcmp(once, again, n) == 0);
	return 0;
}
