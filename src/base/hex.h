/* Hexadecimal digits <-> bytes. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The value of one digit of either case, or -1. */
int hex_digit(uint8_t c);

/* Exactly 2*n digits into n bytes.  FC_EBAD leaves ret untouched. */
int hex_decode(const char *digits, size_t digits_len, uint8_t *ret, size_t n);

/* 2*n lower-case digits and a NUL into ret (2*n + 1 bytes). */
void hex_encode(const uint8_t *p, size_t n, char *ret);

#endif
