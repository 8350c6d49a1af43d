/* One certificate for a listing, in DER or PEM: texts end, and what was read once is
 * read again from its PEM. */
#include <stdlib.h>
#include "crypto/pem.h"
#include "crypto/x509check.h"
#include "fuzz/fuzz.h"

static void check_texts(const struct x509_facts *f)
{
	assert(memchr(f->subject, 0, sizeof(f->subject)));
	assert(memchr(f->issuer, 0, sizeof(f->issuer)));
	assert(memchr(f->serial, 0, sizeof(f->serial)));
	assert(memchr(f->key, 0, sizeof(f->key)));
	assert(memchr(f->signature, 0, sizeof(f->signature)));
	assert(f->spki_len <= sizeof(f->spki));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509_facts f;
	uint8_t *der;
	char *pem;
	size_t len;

	if (x509_from_pem(data, size, &der, &len) == 0) {
		if (x509_facts_of(der, len, &f) == 0)
			check_texts(&f);
		free(der);
	}
	if (x509_facts_of(data, size, &f) < 0)
		return 0;
	check_texts(&f);
	assert(pem_of("CERTIFICATE", data, size, &pem) == 0);
	assert(x509_from_pem(pem, strlen(pem), &der, &len) == 0);
	assert(len == size && memcmp(der, data, size) == 0);
	free(pem);
	free(der);
	return 0;
}
