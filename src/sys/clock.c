#include "sys/clock.h"

#include <assert.h>
#include <time.h>

/* BOOTTIME, not MONOTONIC: a deadline that passes while the machine sleeps has
 * passed when it wakes. */
uint64_t clock_ms(void)
{
	struct timespec t;
	int rc = clock_gettime(CLOCK_BOOTTIME, &t);

	assert(rc == 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t clock_unix_s(void)
{
	struct timespec t;
	int rc = clock_gettime(CLOCK_REALTIME, &t);

	assert(rc == 0);
	return t.tv_sec;
}
