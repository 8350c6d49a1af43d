#include <stdlib.h>
#include <string.h>

#include "cmd/ctl/certread.h"
#include "cmd/ctl/ctl.h"
#include "crypto/x509check.h"

enum { INPUT_MAX = 64 * 1024 };

int certificate_read(const char *path, uint8_t **ret, size_t *ret_len)
{
	struct x509_facts facts;
	uint8_t *text = NULL, *der = NULL;
	size_t len = 0, der_len = 0;

	if (ctl_read(path, INPUT_MAX, &text, &len) != CTL_DONE)
		return CTL_FAILED;
	if (x509_facts_of(text, len, &facts) == 0) { /* DER already */
		*ret = text;
		*ret_len = len;
		return CTL_DONE;
	}
	if (x509_from_pem(text, len, &der, &der_len) < 0 ||
	    x509_facts_of(der, der_len, &facts) < 0) {
		free(der);
		free(text);
		return ctl_fail("%s: no certificate in PEM or DER", path);
	}
	free(text);
	*ret = der;
	*ret_len = der_len;
	return CTL_DONE;
}
