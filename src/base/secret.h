/* Handling of secret bytes: compared in constant time, wiped on every path. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum { SECRET_MAX = 256 }; /* longest secret string, in bytes */

/* Time depends on len alone. */
bool secret_equal(const void *a, const void *b, size_t len);

/* Like memset(p, 0, len), and the compiler may not leave it out. */
void secret_wipe(void *p, size_t len);

/* A rough lower bound of a secret's strength in bits, from its length and the
 * characters used: 4 bits a character when all are hex digits, else 5 when all
 * are letters and digits, else 6; 1 for a character equal to the one before. */
unsigned secret_bits(const char *s, size_t len);

#endif
