/* Times of day as people and programs read them, always UTC. */
#ifndef CMD_CTL_MOMENT_H
#define CMD_CTL_MOMENT_H

#include <stdint.h>

enum { MOMENT_SIZE = 48 };

/* "2026-11-22T12:00:00Z" into ret; returns ret. */
const char *moment_rfc3339(int64_t unix_s, char ret[MOMENT_SIZE]);

/* "2026-11-22 12:00:00 UTC", or "never" for 0. */
const char *moment_text(int64_t unix_s, char ret[MOMENT_SIZE]);

/* "2046-11-22". */
const char *moment_date(int64_t unix_s, char ret[MOMENT_SIZE]);

/* "12 seconds ago", "3 hours ago", "in 19 years"; "never" for 0. */
const char *moment_since(int64_t unix_s, int64_t now, char ret[MOMENT_SIZE]);

#endif
