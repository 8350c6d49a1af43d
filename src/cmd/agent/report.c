#include "cmd/agent/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/escape.h"
#include "base/secret.h"
#include "cmd/agent/flash.h"
#include "cmd/agent/port.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/neg.h"

enum { TEXT_SIZE = 600, STATUS_MAX = 4096, LINES_MAX = 16 };

static const char *date(int64_t t, char ret[32])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (t == 0 || gmtime_r(&when, &tm) == NULL ||
	    strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(ret, "none", 5);
	return ret;
}

static const char *escaped(const char *p, size_t len, char ret[TEXT_SIZE])
{
	struct out o = out_of(ret, TEXT_SIZE);
	const char *text;

	escape_log(&o, p, len, TFTP_MESSAGE_MAX);
	text = out_cstr(&o);
	return text != NULL ? text : "?";
}

static void log_end(const char *what, const struct agent_event *e)
{
	char text[TEXT_SIZE];

	log_info("event=%s result=%s text=\"%s\"%s%s%s", what,
		 fetch_result_name(e->result), escaped(e->text, e->text_len, text),
		 *e->what ? " why=\"" : "", e->what, *e->what ? "\"" : "");
}

void report_log(const struct agent_event *e)
{
	char when[32];

	switch (e->kind) {
	case AGENT_EXAMINED:
		log_info("event=examined certificate=%s valid-until=%s%s%s%s",
			 e->error == 0 ? "good" : "not-good", date(e->not_after, when),
			 *e->what ? " why=\"" : "", e->what, *e->what ? "\"" : "");
		return;
	case AGENT_FLASH_EMPTY:
		if (e->rc == FC_EABSENT)
			log_info("event=flash-empty");
		else
			log_warning("event=flash-unusable why=\"%s\"", neg_text(e->rc));
		return;
	case AGENT_ASKING:
		log_info("event=asking name=%s attempt=%u", e->name, e->n);
		return;
	case AGENT_ANSWERED:
		log_end("answer", e);
		return;
	case AGENT_INVALID:
		log_warning("event=invalid error=%02u meaning=\"%s\" what=\"%s\"",
			    e->error, device_error_text(e->error), e->what);
		return;
	case AGENT_INSTALLED:
		log_info("event=installed valid-until=%s", date(e->not_after, when));
		return;
	case AGENT_REPORTING:
		log_info("event=reporting name=%s", e->name);
		return;
	case AGENT_REPORTED:
		log_end("reported", e);
		return;
	case AGENT_CONFIRMING:
		log_info("event=confirming name=%s time=%u", e->name, e->n);
		return;
	case AGENT_CONFIRMED:
		log_info("event=confirmed");
		return;
	case AGENT_NOT_CONFIRMED:
		log_end("not-confirmed", e);
		return;
	case AGENT_WAITING:
		log_info("event=waiting seconds=%" PRIu64 ".%03u kind=%s",
			 e->in_ms / 1000, (unsigned)(e->in_ms % 1000),
			 e->long_wait ? "long" : "short");
		return;
	case AGENT_RESTING:
		log_info("event=resting examine-in-seconds=%" PRIu64, e->in_ms / 1000);
		return;
	case AGENT_TROUBLE:
		log_warning("event=trouble what=\"%s\" why=\"%s\"", e->what,
			    neg_text(e->rc));
		return;
	case AGENT_EVENT_COUNT:
		return;
	}
}

/* ------------------------------------------------------------------------- status */

int report_status_path(const char *flash, char *ret, size_t cap)
{
	size_t len = strlen(flash);
	int n;

	while (len > 1 && flash[len - 1] == '/')
		len--;
	n = snprintf(ret, cap, "%.*s.status", (int)len, flash);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

void report_save(const char *path, const struct agent_status *s, const struct mac *mac)
{
	char text[STATUS_MAX], dir[PATH_MAX], base[PATH_MAX], mac_buf[MAC_TEXT_SIZE];
	char server[64], next[32] = "none", end[32], error[16] = "none";
	int dirfd, n;

	if (strlen(path) >= sizeof(dir))
		return;
	memcpy(dir, path, strlen(path) + 1);
	memcpy(base, path, strlen(path) + 1);
	if (s->next_in_ms != TIMER_NONE)
		(void)date(clock_unix_s() + (int64_t)((s->next_in_ms + 999) / 1000),
			   next);
	if (s->last_error > 0)
		(void)snprintf(error, sizeof(error), "%02u", s->last_error);
	n = snprintf(
		text, sizeof(text),
		"mac %s\nserver %s\nstate %s\nlast-answer %s\nlast-error %s\n"
		"attempts %" PRIu32 "\nnext %s\ncertificate-end %s\nconfirmed %s\n",
		mac_text(mac, mac_buf), port_text(&s->server, server), s->state,
		s->last_result == FETCH_RUNNING ? "none"
						: fetch_result_name(s->last_result),
		error, s->attempts, next, date(s->not_after, end),
		s->confirmed ? "yes" : "no");
	dirfd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return;
	if (n > 0 && (size_t)n < sizeof(text))
		n = file_replace(dirfd, basename(base), text, (size_t)n, 0644);
	if (n < 0)
		log_debug("event=status-not-written why=\"%s\"", strerror(-n));
	(void)close(dirfd);
}

struct line {
	const char *key, *value;
};

static size_t split(char *text, struct line *ret)
{
	size_t n = 0;

	for (char *p = text; *p != 0 && n < LINES_MAX;) {
		char *end = strchr(p, '\n'), *space;

		if (end == NULL)
			break;
		*end = 0;
		space = strchr(p, ' ');
		if (space != NULL) {
			*space = 0;
			ret[n++] = (struct line){ p, space + 1 };
		}
		p = end + 1;
	}
	return n;
}

static void print_value(const char *value)
{
	char buf[TEXT_SIZE];
	struct out o = out_of(buf, sizeof(buf));
	const char *text;

	escape_json(&o, value, strlen(value));
	text = out_cstr(&o);
	(void)printf("\"%s\"", text != NULL ? text : "");
}

static void print_lines(const struct line *l, size_t n, bool json)
{
	if (json)
		(void)putchar('{');
	for (size_t i = 0; i < n; i++) {
		if (!json) {
			(void)printf("%-18s%s\n", l[i].key, l[i].value);
			continue;
		}
		(void)printf("%s\"%s\": ", i > 0 ? ", " : "", l[i].key);
		if (strcmp(l[i].key, "attempts") == 0)
			(void)printf("%lu", strtoul(l[i].value, NULL, 10));
		else if (strcmp(l[i].value, "none") == 0)
			(void)printf("null");
		else
			print_value(l[i].value);
	}
	if (json)
		(void)puts("}");
}

/* What counts is flash, also when no agent ever ran to its end. */
static const char *flash_word(const char *path)
{
	static uint8_t record[AGENT_STATE_MAX];
	struct agent_state s;
	const char *word = "empty";
	size_t len = 0;
	int fd = flash_open(path, false), rc;

	if (fd < 0)
		return "not-readable";
	rc = flash_read(fd, record, sizeof(record), &len);
	(void)close(fd);
	if (rc == 0)
		rc = agent_state_parse(record, len, &s);
	if (rc < 0 && rc != FC_EABSENT)
		word = rc == -EACCES ? "not-readable" : "damaged";
	else if (rc == 0 && s.device.len > 0)
		word = s.unconfirmed ? "certificate-unconfirmed" : "certificate";
	secret_wipe(record, sizeof(record));
	return word;
}

int report_print(const char *path, const char *flash, bool json)
{
	struct line lines[LINES_MAX + 1];
	char none[] = "state never-started\n";
	uint8_t *text = NULL;
	size_t len, n;
	int rc = file_read(path, STATUS_MAX, &text, &len);

	if (rc < 0 && rc != -ENOENT) {
		(void)fprintf(stderr, "fieldcert-agent: %s: %s\n", path, strerror(-rc));
		return 1;
	}
	n = split(text != NULL ? (char *)text : none, lines);
	lines[n++] = (struct line){ "flash", flash_word(flash) };
	print_lines(lines, n, json);
	free(text);
	return fflush(stdout) == 0 ? 0 : 1;
}
