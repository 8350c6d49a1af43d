/* Certificates that an operator hands in: PEM or DER, one a file. */
#ifndef CMD_CTL_CERTREAD_H
#define CMD_CTL_CERTREAD_H

#include <stddef.h>
#include <stdint.h>

/* CTL_DONE and malloc'ed DER, or CTL_FAILED after a complaint. */
int certificate_read(const char *path, uint8_t **ret, size_t *ret_len);

#endif
