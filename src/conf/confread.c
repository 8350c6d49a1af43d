#include "conf/confread.h"

#include <unistd.h>

/* ---- memory: blocks of strings that live as long as the configuration -------- */

struct block {
	struct block *next;
	char bytes[];
};

struct region {
	struct block *first;
	bool failed; /* memory ran out: the configuration is not to be used */
};

const char *confread_keep(struct conf *c, const char *text)
{
	struct region *r = c->region;
	size_t len = strlen(text) + 1;
	struct block *b = malloc(sizeof(*b) + len);

	if (b == NULL) {
		r->failed = true;
		return "";
	}
	memcpy(b->bytes, text, len);
	b->next = r->first;
	r->first = b;
	return b->bytes;
}

struct conf *confread_new(void)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->region = calloc(1, sizeof(struct region));
	if (c != NULL && c->region == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

bool confread_failed(const struct conf *c)
{
	const struct region *r = c->region;

	return r->failed;
}

void conf_free(struct conf *c)
{
	struct region *r;

	if (c == NULL)
		return;
	r = c->region;
	for (struct block *b = r->first, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(r);
	free(c);
}

const char *confread_keep_path(struct conf *c, const char *text)
{
	char path[4096];

	if (text[0] == '/')
		return confread_keep(c, text);
	(void)snprintf(path, sizeof(path), "%s/%s", c->dir[1] != '\0' ? c->dir : "",
		       text);
	return confread_keep(c, path);
}

void confread_directory(struct conf *c, const char *path)
{
	char whole[4096] = "", *slash;

	if (path[0] != '/' && getcwd(whole, sizeof(whole)) != NULL &&
	    strlen(whole) + strlen(path) + 2 < sizeof(whole)) {
		size_t len = strlen(whole);

		(void)snprintf(whole + len, sizeof(whole) - len, "/%s", path);
	} else {
		(void)snprintf(whole, sizeof(whole), "%s", path);
	}
	c->path = confread_keep(c, whole);
	slash = strrchr(whole, '/');
	if (slash != NULL)
		slash[slash == whole] = '\0';
	c->dir = confread_keep(c, slash != NULL ? whole : "/");
}

/* ---- what is there, for messages and references --------------------------- */

void confread_list(const struct confread_names *names, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < names->n; i++) {
		int n = snprintf(ret + len, size - len, "%s'%s'", i > 0 ? ", " : "",
				 names->at[i]);

		if (n < 0 || (size_t)n >= size - len)
			return;
		len += (size_t)n;
	}
}

size_t confread_find(const struct confread_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->at[i], name) == 0)
			return i;
	return SIZE_MAX;
}

struct confread_names confread_profiles(const struct conf *c)
{
	struct confread_names r = { .n = c->n_profiles };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->profiles[i].name;
	return r;
}

struct confread_names confread_types(const struct conf *c)
{
	struct confread_names r = { .n = c->n_types };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->types[i].name;
	return r;
}

struct confread_names confread_secret_sets(const struct conf *c)
{
	struct confread_names r = { .n = c->n_secrets };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->secrets[i].name;
	return r;
}

struct confread_names confread_issuers(const struct conf *c)
{
	struct confread_names r = { .n = c->n_issuers };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->issuers[i].name;
	return r;
}

/* The element that value i of a setting names, or SIZE_MAX and a complaint. */
size_t confread_reference(const struct conf_section *s, const char *setting, unsigned i,
			  const struct confread_names *names)
{
	const struct conf_value *v = confutil_value(s, setting, i);
	size_t found = confread_find(names, v->text);
	const char *nearest;
	char list[400];

	if (found != SIZE_MAX)
		return found;
	nearest = confutil_nearest(v->text, names->at, names->n);
	confread_list(names, list, sizeof(list));
	if (names->n == 0)
		conf_complain(s->errors, v->line,
			      "%s%s '%s' does not exist, nor any other", s->what,
			      setting, v->text);
	else
		conf_complain(s->errors, v->line,
			      "%s%s '%s' does not exist; %s%s%sthere is %s", s->what,
			      setting, v->text, nearest != NULL ? "'" : "",
			      nearest != NULL ? nearest : "",
			      nearest != NULL ? "', perhaps; " : "", list);
	return SIZE_MAX;
}

bool confread_full(const struct conf_section *s, const char *kind, size_t n, size_t max)
{
	if (n < max)
		return false;
	confutil_wrong(s, "", "more than %zu sections '%s'", max, kind);
	return true;
}

/* Names travel between the processes, stand in listings and in the database. */
const char *confread_name(struct conf *c, const struct conf_section *s)
{
	const char *name = cfg_title(s->cfg);
	size_t len = strlen(name);

	if (len == 0 || len > 63)
		confutil_wrong(s, "", "a name has 1 to 63 characters, this one %zu",
			       len);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= 0x20 || name[i] == 0x7f) {
			confutil_wrong(s, "",
				       "a name has no spaces or control characters");
			break;
		}
	return confread_keep(c, name);
}

/* A path that must be given. */
const char *confread_needed_path(struct conf *c, const struct conf_section *s,
				 const char *setting)
{
	const char *text = confutil_text(s, setting, NULL);

	if (text == NULL || text[0] == '\0') {
		confutil_wrong(s, setting, "%s is missing: the path of a file",
			       setting);
		return "";
	}
	return confread_keep_path(c, text);
}

const char *confread_path(struct conf *c, const struct conf_section *s,
			  const char *setting)
{
	return confutil_count(s, setting) > 0 ? confread_needed_path(c, s, setting)
					      : NULL;
}

const char *confread_text(struct conf *c, const struct conf_section *s,
			  const char *setting)
{
	const char *text = confutil_text(s, setting, "");

	/* X.520's upper bound of an organization's or unit's name. */
	if (strlen(text) > 64)
		confutil_wrong(s, setting,
			       "%s has %zu characters; 64 are the most that a "
			       "certificate takes",
			       setting, strlen(text));
	return confread_keep(c, text);
}

const char *confread_country(struct conf *c, const struct conf_section *s)
{
	const char *text = confutil_text(s, "country", "");

	if (text[0] != '\0' &&
	    (strlen(text) != 2 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2))
		confutil_wrong(
			s, "country",
			"country = %s is not the two capital letters of ISO 3166; "
			"write US, for instance",
			text);
	return confread_keep(c, text);
}

/* ---- keys ---------------------------------------------------------------------- */

bool confread_is_rsa(unsigned bits)
{
	return bits == 1024 || bits == 1536 || bits == 2048 || bits == 3072 ||
	       bits == 4096;
}

unsigned confread_rsa_bits(const struct conf_section *s, const char *setting,
			   unsigned otherwise)
{
	unsigned bits = confutil_number(s, setting, 1024, 4096, otherwise);

	if (confread_is_rsa(bits))
		return bits;
	confutil_wrong(s, setting, "%s = %u is not 1024, 1536, 2048, 3072 or 4096",
		       setting, bits);
	return otherwise;
}
