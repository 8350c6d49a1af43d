/* What the configurations of server and agent have in common: libconfuse with
 * line numbers that are right, every value as text, and complaints collected.
 *
 * libconfuse stops at its first error, counts lines wrongly behind comments, is
 * silent about a setting given twice and leaves its scanner in the middle of a
 * string when that is not closed.  So the text is looked through first (scan.c):
 * comments are blanked out, and what is unknown, twice or unterminated is
 * complained about; what remains goes to libconfuse.  Values stay text with a
 * line, so that all checks are ours and all of them are made.
 *
 * Not supported, and said so: include, environment variables, octal escapes. */
#ifndef CONF_CONFUTIL_H
#define CONF_CONFUTIL_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONF_ERRORS_MAX = 100, CONF_SECTIONS_MAX = 512 };

struct conf_errors {
	const char *path; /* as the messages show it */
	char *text;       /* lines so far, malloc'ed; NULL: none */
	size_t len, cap;
	unsigned n;
};

/* One line "path:line: …". */
void conf_complain(struct conf_errors *e, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What a wrong setting is part of, for messages: "class 'sb5100': ", or "". */
struct conf_section {
	char what[96];
	unsigned line; /* where it begins; 0: not written, a default */
	cfg_t *cfg;    /* NULL: not written */
	struct conf_errors *errors;
};

/* A setting's value, as libconfuse hands it over (confutil_take). */
struct conf_value {
	unsigned line;
	char text[];
};

int confutil_take(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result);

/* clang-format off */
#define CONF_ONE(name) CFG_PTR_CB(name, NULL, CFGF_NODEFAULT, confutil_take, free)
#define CONF_LIST(name) CFG_PTR_LIST_CB(name, NULL, CFGF_NODEFAULT, confutil_take, free)
/* clang-format on */

struct conf_file {
	cfg_t *cfg;
	struct conf_errors *errors;
	size_t n_sections;
	struct conf_place {
		char kind[16], title[64];
		unsigned line;
	} sections[CONF_SECTIONS_MAX]; /* in the order of the file */
};

/* Parse text with these options (CONF_ONE, CONF_LIST, and CFG_SEC with CFGF_MULTI
 * and perhaps CFGF_TITLE, one level deep).  0; FC_ECONF when libconfuse could not
 * go on; complaints are in e in either case.  Release with confutil_close. */
int confutil_open(struct conf_file *f, cfg_opt_t *opts, const char *text, size_t len,
		  struct conf_errors *e);
void confutil_close(struct conf_file *f);

/* The file itself, or its i-th section of a kind, as a conf_section. */
struct conf_section confutil_top(const struct conf_file *f);
struct conf_section confutil_section(const struct conf_file *f, const char *kind,
				     unsigned i);

/* Complain about a setting of a section, at its line, or where the section begins
 * when it was not written. */
void confutil_wrong(const struct conf_section *s, const char *name, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));

/* How many values a setting has; the i-th, or NULL. */
unsigned confutil_count(const struct conf_section *s, const char *name);
const struct conf_value *confutil_value(const struct conf_section *s, const char *name,
					unsigned i);
/* Its text, or otherwise. */
const char *confutil_text(const struct conf_section *s, const char *name,
			  const char *otherwise);

/* Checked values. On a complaint `otherwise` is returned. */
unsigned confutil_number(const struct conf_section *s, const char *name, unsigned min,
			 unsigned max, unsigned otherwise);
bool confutil_bool(const struct conf_section *s, const char *name, bool otherwise);
/* Index of the value in choices[0 .. n-1]. */
unsigned confutil_choice(const struct conf_section *s, const char *name,
			 const char *const *choices, unsigned n, unsigned otherwise);

/* Of these n names the one that `wrong` most likely is a misspelling of, or NULL. */
const char *confutil_nearest(const char *wrong, const char *const *names, size_t n);

/* Look the text through: see above.  Comments and what was complained about are
 * overwritten by spaces, lines stay.  FC_ECONF: so broken that libconfuse must not
 * see it. */
int confutil_scan(struct conf_file *f, const cfg_opt_t *opts, char *text, size_t len);

#endif
