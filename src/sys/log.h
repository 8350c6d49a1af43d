/* One line per event: key=value text on stderr, or to syslog.
 *
 * Only cmd/ logs.  Untrusted text goes through base/escape first.  Lines carry a
 * time and the process's name; in the foreground to stderr, with -d the parent
 * relays them to syslog. */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* who: "front", …; stays with the caller. priority_prefix: write "<3>" before
 * each line, as syslog relays and systemd read it, and no time. */
void log_init(const char *who, enum log_level upto, int priority_prefix);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
