/* What every fuzz target has: one entry point, and no verdict but a crash. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Called by libFuzzer, or by replay.c for each file of a corpus; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does what p points at lie within the input? */
static inline bool within(const void *p, size_t len, const uint8_t *data, size_t size)
{
	uintptr_t at = (uintptr_t)p, start = (uintptr_t)data;

	return at >= start && at - start <= size && len <= size - (at - start);
}

#endif
