/* Calls that this project does not make, forced into every translation unit.
 *
 * Each has a bounded, checked or thread-safe counterpart: snprintf and struct
 * out for the copying ones, strtoull with its checks for atoi, gmtime_r for
 * gmtime, getrandom (sys/rng) for rand.  Macros rather than #pragma poison:
 * OpenSSL's headers have parameters of these names. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The system's own headers declare these names: let them do it first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef gmtime
#undef localtime
#undef ctime
#undef asctime
#undef rand
#undef srand
#undef gets
#undef alloca
#undef mktemp
#undef tmpnam

#define BANNED(call) call##_is_banned_see_base_banned_h
#define strcpy(...) BANNED(strcpy)
#define strcat(...) BANNED(strcat)
#define sprintf(...) BANNED(sprintf)
#define vsprintf(...) BANNED(vsprintf)
#define strncpy(...) BANNED(strncpy)
#define strncat(...) BANNED(strncat)
#define strtok(...) BANNED(strtok)
#define atoi(...) BANNED(atoi)
#define atol(...) BANNED(atol)
#define atoll(...) BANNED(atoll)
#define gmtime(...) BANNED(gmtime)
#define localtime(...) BANNED(localtime)
#define ctime(...) BANNED(ctime)
#define asctime(...) BANNED(asctime)
#define rand(...) BANNED(rand)
#define srand(...) BANNED(srand)
#define gets(...) BANNED(gets)
#define alloca(...) BANNED(alloca)
#define mktemp(...) BANNED(mktemp)
#define tmpnam(...) BANNED(tmpnam)

#endif
