/* Is this a build whose runtime needs more of the kernel than the program does? */
#ifndef SYS_SANITIZER_H
#define SYS_SANITIZER_H

/* ASan and UBSan open files, read /proc and trace their own process; gcov writes
 * its counts at exit.  JAIL_RELAXED is set for the latter by the Makefile. */
#if defined(__SANITIZE_ADDRESS__) || defined(JAIL_RELAXED)
#define SANITIZER_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZER_BUILD 1
#endif
#endif

#ifndef SANITIZER_BUILD
#define SANITIZER_BUILD 0
#endif

#endif
