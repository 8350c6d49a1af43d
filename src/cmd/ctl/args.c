#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "cmd/ctl/args.h"

enum { WORD_MAX = 32, OPTIONS_MAX = 32 };

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, swap neighbours) between two short words. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= a_len; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= b_len; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[a_len][b_len];
}

const char *nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word), best = len / 3 + 2;
	const char *ret = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strlen(names[i]), away;

		if (name_len > WORD_MAX)
			continue;
		away = distance(word, len, names[i], name_len);
		if (away < best) {
			best = away;
			ret = names[i];
		}
	}
	return ret;
}

static const struct option *find(const struct option *o, const char *word, size_t len)
{
	for (; o->name; o++) {
		if (strlen(o->name) == len && memcmp(o->name, word, len) == 0)
			return o;
	}
	return NULL;
}

static int unknown(const struct option *o, const char *word, char why[ARGS_WHY_SIZE])
{
	const char *names[OPTIONS_MAX], *meant;
	size_t n = 0;

	for (; o->name && n < OPTIONS_MAX; o++)
		names[n++] = o->name;
	meant = nearest(word, names, n);
	(void)snprintf(why, ARGS_WHY_SIZE, "unknown option %.100s%s%s%s", word,
		       meant ? "; did you mean " : "", meant ? meant : "",
		       meant ? "?" : "");
	return FC_EBAD;
}

static int parse_number(const char *s, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return FC_EBAD;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0')
		return FC_EBAD;
	*ret = v;
	return 0;
}

static int set(const struct option *o, const char *value, char why[ARGS_WHY_SIZE])
{
	if (o->number && parse_number(value, o->number) < 0) {
		(void)snprintf(why, ARGS_WHY_SIZE, "%s wants a number, not \"%.60s\"",
			       o->name, value);
		return FC_EBAD;
	}
	if (o->text && *o->text) {
		(void)snprintf(why, ARGS_WHY_SIZE, "%s is given twice", o->name);
		return FC_EBAD;
	}
	if (o->list && o->list->n == ARGS_LIST_MAX) {
		(void)snprintf(why, ARGS_WHY_SIZE, "%s is given more than %d times",
			       o->name, ARGS_LIST_MAX);
		return FC_EBAD;
	}
	if (o->text)
		*o->text = value;
	if (o->list)
		o->list->v[o->list->n++] = value;
	return 0;
}

/* One option at argv[*i], and its value; *i is left at the last word used. */
static int take(int argc, char **argv, int *i, const struct option *options,
		char why[ARGS_WHY_SIZE])
{
	const char *word = argv[*i], *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *o = find(options, word, len);

	if (!o)
		return unknown(options, word, why);
	if (o->on) {
		if (equals) {
			(void)snprintf(why, ARGS_WHY_SIZE, "%s takes no value",
				       o->name);
			return FC_EBAD;
		}
		*o->on = true;
		return 0;
	}
	if (equals)
		return set(o, equals + 1, why);
	if (*i + 1 == argc) {
		(void)snprintf(why, ARGS_WHY_SIZE, "%s wants a value", o->name);
		return FC_EBAD;
	}
	return set(o, argv[++*i], why);
}

int args_parse(int argc, char **argv, const struct option *options, int *ret_n,
	       char why[ARGS_WHY_SIZE])
{
	int n = 0, rc;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				argv[n++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') { /* "-" is stdin */
			argv[n++] = argv[i];
			continue;
		}
		if ((rc = take(argc, argv, &i, options, why)) < 0)
			return rc;
	}
	*ret_n = n;
	return 0;
}
