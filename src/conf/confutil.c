#include "conf/confutil.h"

#include <errno.h>
#include <stdarg.h>
#include "base/errors.h"

enum { MESSAGE_MAX = 600 };

void conf_complain(struct conf_errors *e, unsigned line, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;
	int n;

	if (e->n++ >= CONF_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	for (char *p = message; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			*p = '?';
	if (e->cap - e->len < MESSAGE_MAX + strlen(e->path) + 32) {
		size_t cap = e->cap * 2 + MESSAGE_MAX + strlen(e->path) + 32;
		char *p = realloc(e->text, cap);

		if (p == NULL)
			return; /* it stays counted */
		e->text = p;
		e->cap = cap;
	}
	n = snprintf(e->text + e->len, e->cap - e->len, "%s:%u: %s\n", e->path, line,
		     message);
	if (n > 0)
		e->len += (size_t)n;
}

int confutil_take(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	size_t len = strlen(value);
	struct conf_value *v = malloc(sizeof(*v) + len + 1);

	(void)opt;
	if (v == NULL)
		return -1;
	v->line = cfg->line > 0 ? (unsigned)cfg->line : 0;
	memcpy(v->text, value, len + 1);
	*(void **)result = v;
	return 0;
}

/* libconfuse's callbacks carry no context, and its scanner is one for the whole
 * process; so is this, for the length of one confutil_open. */
static struct conf_errors *parsing;

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt,
							   va_list ap)
{
	char message[MESSAGE_MAX];

	/* An unknown setting that was complained about already, with more to it. */
	if (parsing->n > 0 && strncmp(fmt, "no such option", 14) == 0)
		return;
	if (vsnprintf(message, sizeof(message), fmt, ap) >= 0)
		conf_complain(parsing, cfg->line > 0 ? (unsigned)cfg->line : 0, "%s",
			      message);
}

static int parse(struct conf_file *f, char *text, size_t len)
{
	FILE *fp = fmemopen(text, len, "r");
	int rc;

	if (fp == NULL)
		return FC_ECONF;
	parsing = f->errors;
	(void)cfg_set_error_function(f->cfg, on_error);
	rc = cfg_parse_fp(f->cfg, fp);
	parsing = NULL;
	(void)fclose(fp);
	if (rc == CFG_SUCCESS)
		return 0;
	if (f->errors->n == 0)
		conf_complain(f->errors, 0, "not understood");
	return FC_ECONF;
}

int confutil_open(struct conf_file *f, cfg_opt_t *opts, const char *text, size_t len,
		  struct conf_errors *e)
{
	char *copy = malloc(len + 2);
	int rc = FC_ECONF;

	f->errors = e;
	f->n_sections = 0;
	f->cfg = cfg_init(opts, CFGF_NONE);
	if (copy == NULL || f->cfg == NULL ||
	    (f->cfg->filename = strdup(e->path)) == NULL) {
		conf_complain(e, 0, "out of memory");
		goto out;
	}
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] =
		'\n'; /* a last line without its end; and fmemopen takes no 0 bytes */
	copy[len + 1] = '\0';
	rc = confutil_scan(f, opts, copy, len);
	if (rc == 0)
		rc = parse(f, copy, len + 1);
out:
	free(copy);
	if (rc < 0)
		confutil_close(f);
	return rc;
}

void confutil_close(struct conf_file *f)
{
	if (f->cfg != NULL)
		(void)cfg_free(f->cfg);
	f->cfg = NULL;
}

struct conf_section confutil_top(const struct conf_file *f)
{
	return (struct conf_section){ .line = 1, .cfg = f->cfg, .errors = f->errors };
}

struct conf_section confutil_section(const struct conf_file *f, const char *kind,
				     unsigned i)
{
	struct conf_section s = { .cfg = cfg_getnsec(f->cfg, kind, i),
				  .errors = f->errors };
	unsigned nth = 0;

	(void)snprintf(s.what, sizeof(s.what), "%s '%s': ", kind, cfg_title(s.cfg));
	/* libconfuse keeps a section's last line only; both lists are in the
	 * order of the file. */
	for (size_t k = 0; k < f->n_sections; k++)
		if (strcmp(f->sections[k].kind, kind) == 0 && nth++ == i)
			s.line = f->sections[k].line;
	return s;
}

unsigned confutil_count(const struct conf_section *s, const char *name)
{
	return s->cfg != NULL ? cfg_size(s->cfg, name) : 0;
}

const struct conf_value *confutil_value(const struct conf_section *s, const char *name,
					unsigned i)
{
	return i < confutil_count(s, name) ? cfg_getnptr(s->cfg, name, i) : NULL;
}

const char *confutil_text(const struct conf_section *s, const char *name,
			  const char *otherwise)
{
	const struct conf_value *v = confutil_value(s, name, 0);

	return v != NULL ? v->text : otherwise;
}

void confutil_wrong(const struct conf_section *s, const char *name, const char *fmt,
		    ...)
{
	const struct conf_value *v = confutil_value(s, name, 0);
	char message[MESSAGE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (n >= 0)
		conf_complain(s->errors, v != NULL ? v->line : s->line, "%s%s", s->what,
			      message);
}

unsigned confutil_number(const struct conf_section *s, const char *name, unsigned min,
			 unsigned max, unsigned otherwise)
{
	const char *text = confutil_text(s, name, NULL);
	unsigned long v;
	char *end;

	if (text == NULL)
		return otherwise;
	if (*text >= '0' && *text <= '9') {
		errno = 0;
		v = strtoul(text, &end, 10);
		if (*end == '\0' && errno == 0 && v >= min && v <= max)
			return (unsigned)v;
	}
	confutil_wrong(s, name, "%s = %s is not a number from %u to %u", name, text,
		       min, max);
	return otherwise;
}

bool confutil_bool(const struct conf_section *s, const char *name, bool otherwise)
{
	static const char *const words[] = {
		"yes", "true", "on", "no", "false", "off"
	};
	const char *text = confutil_text(s, name, NULL);

	if (text == NULL)
		return otherwise;
	for (unsigned i = 0; i < 6; i++)
		if (strcmp(text, words[i]) == 0)
			return i < 3;
	confutil_wrong(s, name, "%s = %s is neither yes nor no", name, text);
	return otherwise;
}

unsigned confutil_choice(const struct conf_section *s, const char *name,
			 const char *const *choices, unsigned n, unsigned otherwise)
{
	const char *text = confutil_text(s, name, NULL);
	char list[256];
	size_t len = 0;

	if (text == NULL)
		return otherwise;
	for (unsigned i = 0; i < n; i++) {
		int wrote;

		if (strcmp(text, choices[i]) == 0)
			return i;
		wrote = snprintf(list + len, sizeof(list) - len, "%s%s",
				 i == 0       ? ""
				 : i + 1 == n ? " or "
					      : ", ",
				 choices[i]);
		if (wrote > 0 && (size_t)wrote < sizeof(list) - len)
			len += (size_t)wrote;
	}
	confutil_wrong(s, name, "%s = %s is not known; write %s", name, text, list);
	return otherwise;
}

/* Levenshtein's distance, of words up to this length. */
enum { WORD_MAX = 40 };

static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *confutil_nearest(const char *wrong, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t best_distance =
		strlen(wrong) / 3 + 2; /* further off is no misspelling */

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(wrong, names[i]);

		if (d < best_distance) {
			best_distance = d;
			best = names[i];
		}
	}
	return best;
}
