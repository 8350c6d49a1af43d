/* Random bytes from the kernel; never fails (aborts if the kernel has none). */
#ifndef SYS_RNG_H
#define SYS_RNG_H
#include <stddef.h>

void rng_bytes(void *p, size_t n);
#endif
