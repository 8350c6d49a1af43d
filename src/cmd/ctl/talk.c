#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/ctl/ctl.h"
#include "sys/file.h"
#include "sys/neg.h"

enum { TEXT_MAX = 2 * PATH_MAX };

static void say(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* Words of the command line and of files may be in it: nothing for a terminal to
 * obey gets through. Names of files in UTF-8 do. */
static void say(const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	(void)fflush(stdout);
	(void)fputs("fieldcertctl: ", stderr);
	for (int i = 0; i < n && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			(void)fprintf(stderr, "\\x%02x", c);
		else
			(void)fputc(c, stderr);
	}
	(void)fputc('\n', stderr);
}

void ctl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int ctl_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return CTL_FAILED;
}

int ctl_usage(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "usage: fieldcertctl %s%s%s\n", c->command->name,
		      *c->command->synopsis ? " " : "", c->command->synopsis);
	return CTL_USAGE;
}

int ctl_args(struct ctl *c, int argc, char **argv, const struct option *options,
	     int min, int max)
{
	enum { ALL_MAX = 16 };
	struct option all[ALL_MAX] = { { .name = "--json", .on = &c->json } };
	char why[ARGS_WHY_SIZE];
	int n;

	for (size_t i = 0; options && options[i].name && i + 2 < ALL_MAX; i++)
		all[i + 1] = options[i];
	if (args_parse(argc, argv, all, &n, why) < 0) {
		(void)ctl_usage(c, "%s", why);
		return -1;
	}
	if (n < min) {
		(void)ctl_usage(c, "%s: %.*s is missing", c->command->name,
				(int)strcspn(c->command->synopsis, " "),
				c->command->synopsis);
		return -1;
	}
	if (max >= 0 && n > max) {
		(void)ctl_usage(c, "%s: \"%.100s\" is one argument too many",
				c->command->name, argv[max]);
		return -1;
	}
	return n;
}

int ctl_mac(const struct ctl *c, const char *text, struct mac *ret)
{
	struct mac m;

	if (mac_parse(text, strlen(text), &m) < 0)
		return ctl_usage(c,
				 "\"%.60s\" is not a MAC address; "
				 "write it like 00:10:4B:AB:CD:EF",
				 text);
	if (!mac_is_device(&m))
		return ctl_usage(c,
				 "%.60s is a multicast address or all zero; "
				 "a device has neither",
				 text);
	*ret = m;
	return CTL_DONE;
}

int ctl_conf(struct ctl *c)
{
	enum { CONF_FILE_MAX = 1 << 20 };
	uint8_t *text = NULL;
	char *errors = NULL;
	size_t len = 0;
	int rc;

	if (c->conf)
		return CTL_DONE;
	rc = file_read(c->conf_path, CONF_FILE_MAX, &text, &len);
	if (rc < 0)
		return ctl_fail("%s: %s%s", c->conf_path, neg_text(rc),
				rc == -ENOENT
					? "; name the configuration with -c, or make "
					  "a first one with 'fieldcertctl init'"
					: "");
	rc = conf_parse(c->conf_path, (const char *)text, len, &c->conf, &errors);
	free(text);
	if (rc < 0) {
		ctl_say("the configuration is wrong:");
		(void)fputs(errors ? errors : "", stderr);
	}
	free(errors);
	return rc < 0 ? CTL_FAILED : CTL_DONE;
}

void put_safe_n(FILE *f, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++) {
		if (b[i] >= 0x20 && b[i] < 0x7f)
			(void)fputc(b[i], f);
		else
			(void)fprintf(f, "\\x%02x", b[i]);
	}
}

void put_safe(FILE *f, const char *s)
{
	put_safe_n(f, s, strlen(s));
}

static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* A pipe, which cannot be read from its start as file_read does. */
static int read_stream(FILE *f, size_t max, uint8_t **ret, size_t *ret_len)
{
	size_t cap = 64 * 1024, len = 0;
	uint8_t *buf = malloc(cap + 1);
	int why = 0;

	while (buf && len <= max) {
		uint8_t *more;
		size_t n = fread(buf + len, 1, cap - len, f);

		len += n;
		if (len < cap) {
			why = ferror(f) ? errno : 0;
			break;
		}
		more = realloc(buf, (cap *= 2) + 1);
		if (!more)
			free(buf);
		buf = more;
	}
	if (!buf)
		return -ENOMEM;
	if (len > max || why != 0) {
		free(buf);
		return len > max ? -EFBIG : -why;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

static int read_any(const char *path, size_t max, uint8_t **ret, size_t *ret_len)
{
	FILE *f;
	int rc;

	if (strcmp(path, "-") == 0)
		return read_stream(stdin, max, ret, ret_len);
	if (is_regular(path))
		return file_read(path, max, ret, ret_len);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	rc = read_stream(f, max, ret, ret_len);
	(void)fclose(f);
	return rc;
}

int ctl_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len)
{
	int rc = read_any(path, max, ret, ret_len);

	if (rc == -EFBIG)
		return ctl_fail("%s: larger than the %zu bytes that it may have", path,
				max);
	if (rc < 0)
		return ctl_fail("%s: %s", path, neg_text(rc));
	return CTL_DONE;
}

/* /dev/stdout and the like are written to, never replaced. */
static int write_stream(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "we");
	bool good;

	if (!f)
		return -errno;
	good = fwrite(p, 1, len, f) == len;
	good = fclose(f) == 0 && good;
	return good ? 0 : -EIO;
}

static int write_file(const char *path, const void *p, size_t len, unsigned mode)
{
	char dir[PATH_MAX], base[PATH_MAX];
	int fd, rc;

	if (strlen(path) >= sizeof(dir))
		return -ENAMETOOLONG;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	(void)snprintf(base, sizeof(base), "%s", path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = file_replace(fd, basename(base), p, len, mode);
	(void)close(fd);
	return rc;
}

int ctl_write(const char *path, const void *p, size_t len, unsigned mode)
{
	int rc = is_regular(path) ? write_file(path, p, len, mode)
				  : write_stream(path, p, len);

	return rc < 0 ? ctl_fail("%s: %s", path, neg_text(rc)) : CTL_DONE;
}
