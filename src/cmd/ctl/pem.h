/* DER in PEM's clothes (RFC 7468), for keys that `init` writes. */
#ifndef CMD_CTL_PEM_H
#define CMD_CTL_PEM_H

#include <stddef.h>
#include "base/writer.h"

/* "-----BEGIN label-----", base64 in lines of 64, "-----END label-----". */
void pem_build(struct out *o, const char *label, const void *der, size_t len);

#endif
