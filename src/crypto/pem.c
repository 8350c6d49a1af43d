#include "crypto/pem.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"

int pem_of(const char *label, const void *der, size_t len, char **ret)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data, *text = NULL;
	long n;

	if (!bio || len > INT32_MAX ||
	    PEM_write_bio(bio, label, "", der, (long)len) <= 0)
		goto out;
	n = BIO_get_mem_data(bio, &data);
	text = n > 0 ? malloc((size_t)n + 1) : NULL;
	if (!text)
		goto out;
	memcpy(text, data, (size_t)n);
	text[n] = '\0';
	*ret = text;
out:
	BIO_free(bio);
	return text ? 0 : FC_ECRYPTO;
}
