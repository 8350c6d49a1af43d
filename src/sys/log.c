#include "sys/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static const char *log_who = "fieldcert";
static enum log_level log_upto = LOG_LEVEL_INFO;
static bool log_prefix;

static const char *const names[] = { "error", "warning", "info", "debug" };
static const char *const prefixes[] = { "<3>", "<4>", "<6>", "<7>" }; /* syslog(3) */

void log_init(const char *who, enum log_level upto, int priority_prefix)
{
	time_t t = 0;
	struct tm tm;

	log_who = who;
	log_upto = upto;
	log_prefix = priority_prefix != 0;
	/* libc reads the time zone's file at the first conversion: now, while
	 * files can still be opened. */
	(void)gmtime_r(&t, &tm);
}

static int head(char *ret, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (log_prefix)
		return snprintf(ret, size, "%s%s[%d] ", prefixes[level], log_who,
				(int)getpid());
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL)
		return 0;
	return snprintf(ret, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s[%d] %s: ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, log_who,
			(int)getpid(), names[level]);
}

/* One write a line, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 0))) static void line(enum log_level level,
						       const char *fmt, va_list ap)
{
	char buf[LINE_SIZE];
	int start, n;
	size_t len;

	if (level > log_upto)
		return;
	start = head(buf, sizeof(buf), level);
	if (start < 0)
		return;
	n = vsnprintf(buf + start, sizeof(buf) - (size_t)start, fmt, ap);
	if (n < 0)
		return;
	len = (size_t)start + (size_t)n;
	if (len > sizeof(buf) - 1) {
		len = sizeof(buf) - 1;
		memcpy(buf + len - 3, "...", 3);
	}
	/* Untrusted text was escaped by whoever logs it; should that ever be
	 * forgotten, it still cannot forge a line. */
	for (size_t i = (size_t)start; i < len; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = '?';
	buf[len++] = '\n';
	while (write(STDERR_FILENO, buf, len) < 0 && errno == EINTR)
		continue;
}

#define LOG_FUNCTION(name, level)       \
	void name(const char *fmt, ...) \
	{                               \
		va_list ap;             \
                                        \
		va_start(ap, fmt);      \
		line(level, fmt, ap);   \
		va_end(ap);             \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
