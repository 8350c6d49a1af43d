/* CRC-32 as in ISO-HDLC (reflected 0xEDB88320, init and xor-out all ones):
 * the one of Ethernet, zlib and the certificate file (SPEC section 3). */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *p, size_t len);

#endif
