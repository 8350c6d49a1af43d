/* The private key object's value: read and built again, the same bytes. */
#include "base/errors.h"
#include "fuzz/fuzz.h"
#include "wire/certfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[8192];
	struct out o = out_of(buf, sizeof(buf));
	struct certkey k;
	int rc = certkey_parse(data, size, &k);

	if (rc < 0) {
		assert((rc == FC_EBAD) ==
		       (size < CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN));
		return 0;
	}
	assert(within(k.nonce, CERTKEY_NONCE_LEN, data, size));
	assert(within(k.ciphertext, k.ciphertext_len, data, size));
	assert(within(k.tag, CERTKEY_TAG_LEN, data, size));
	certkey_build(&o, &k);
	assert(o.full || (o.len == size && memcmp(buf, data, size) == 0));
	return 0;
}
