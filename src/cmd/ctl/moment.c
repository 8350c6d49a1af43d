#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "cmd/ctl/moment.h"

static const char *format(int64_t unix_s, const char *with_year, const char *rest,
			  char ret[MOMENT_SIZE])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		(void)snprintf(ret, MOMENT_SIZE, "%" PRId64, unix_s);
	else
		(void)snprintf(ret, MOMENT_SIZE, "%04d-%02d-%02d%s%02d:%02d:%02d%s",
			       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, with_year,
			       tm.tm_hour, tm.tm_min, tm.tm_sec, rest);
	return ret;
}

const char *moment_rfc3339(int64_t unix_s, char ret[MOMENT_SIZE])
{
	return format(unix_s, "T", "Z", ret);
}

const char *moment_text(int64_t unix_s, char ret[MOMENT_SIZE])
{
	if (unix_s == 0)
		(void)snprintf(ret, MOMENT_SIZE, "never");
	else
		(void)format(unix_s, " ", " UTC", ret);
	return ret;
}

const char *moment_date(int64_t unix_s, char ret[MOMENT_SIZE])
{
	(void)format(unix_s, "T", "Z", ret);
	ret[10] = '\0';
	return ret;
}

const char *moment_since(int64_t unix_s, int64_t now, char ret[MOMENT_SIZE])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 365 * 86400, "year" },
		      { 86400, "day" },
		      { 3600, "hour" },
		      { 60, "minute" },
		      { 1, "second" } };
	bool past = unix_s <= now;
	int64_t away = past ? now - unix_s : unix_s - now;
	size_t i = 0;

	if (unix_s == 0) {
		(void)snprintf(ret, MOMENT_SIZE, "never");
		return ret;
	}
	if (away == 0) {
		(void)snprintf(ret, MOMENT_SIZE, "now");
		return ret;
	}
	while (away < units[i].seconds)
		i++;
	away /= units[i].seconds;
	(void)snprintf(ret, MOMENT_SIZE, "%s%" PRId64 " %s%s%s", past ? "" : "in ",
		       away, units[i].name, away == 1 ? "" : "s", past ? " ago" : "");
	return ret;
}
