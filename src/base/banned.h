/* Calls that this project does not make, forced into every translation unit.
 *
 * Each has a bounded, checked or thread-safe counterpart: snprintf and struct
 * out for the copying ones, strtoull with its checks for atoi, gmtime_r for
 * gmtime, getrandom (sys/rng) for rand. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The system's own headers declare these names: let them do it first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok
#pragma GCC poison atoi atol atoll gmtime localtime ctime asctime
#pragma GCC poison rand srand gets alloca mktemp tmpnam

#endif
