/* The two clocks. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H
#include <stdint.h>

uint64_t clock_ms(void);    /* monotonic (CLOCK_BOOTTIME): all deadlines */
int64_t clock_unix_s(void); /* time of day: validity, records */
#endif
