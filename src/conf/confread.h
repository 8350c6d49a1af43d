/* The readers of the configuration's sections, one file each, and what they share:
 * from text with line numbers (confutil) to checked values in struct conf.
 *
 * A reader complains about every mistake of its section and goes on.  Texts are
 * copied into the configuration's region. */
#ifndef CONF_CONFREAD_H
#define CONF_CONFREAD_H

#include "conf/conf.h"
#include "conf/confutil.h"

/* The readers, in the order in which they must be called. */
void confread_server(struct conf *c, const struct conf_section *s);
void confread_profile(struct conf *c, const struct conf_section *s);
void confread_type(struct conf *c, const struct conf_section *s);
void confread_secrets(struct conf *c, const struct conf_section *s);
void confread_issuer(struct conf *c, const struct conf_section *s);
void confread_class(struct conf *c, const struct conf_section *s, const char *name);

/* An empty configuration, NULL without memory; released by conf_free. */
struct conf *confread_new(void);
bool confread_failed(const struct conf *c); /* memory ran out meanwhile */
const char *confread_keep(struct conf *c, const char *text);
const char *confread_keep_path(struct conf *c, const char *text);
/* c->path and c->dir of the file that is read. */
void confread_directory(struct conf *c, const char *path);

/* The names of one kind of section, for references and messages about them. */
struct confread_names {
	const char *at[CONF_CLASSES_MAX];
	size_t n;
};
struct confread_names confread_profiles(const struct conf *c);
struct confread_names confread_types(const struct conf *c);
struct confread_names confread_secret_sets(const struct conf *c);
struct confread_names confread_issuers(const struct conf *c);
/* Its place, or SIZE_MAX. */
size_t confread_find(const struct confread_names *names, const char *name);
/* "'one', 'two'", cut to size. */
void confread_list(const struct confread_names *names, char *ret, size_t size);
/* The place of the element that value i of a setting names, or SIZE_MAX and a
 * complaint. */
size_t confread_reference(const struct conf_section *s, const char *setting, unsigned i,
			  const struct confread_names *names);

/* No room for another one of a kind: a complaint. */
bool confread_full(const struct conf_section *s, const char *kind, size_t n,
		   size_t max);
/* A section's checked title. */
const char *confread_name(struct conf *c, const struct conf_section *s);
/* A setting that is a path: "" and a complaint, or NULL, when it is not given. */
const char *confread_needed_path(struct conf *c, const struct conf_section *s,
				 const char *setting);
const char *confread_path(struct conf *c, const struct conf_section *s,
			  const char *setting);
/* Parts of a subject. */
const char *confread_text(struct conf *c, const struct conf_section *s,
			  const char *setting);
const char *confread_country(struct conf *c, const struct conf_section *s);
/* Lengths of RSA keys that we make or take. */
bool confread_is_rsa(unsigned bits);
unsigned confread_rsa_bits(const struct conf_section *s, const char *setting,
			   unsigned otherwise);

enum {
	CONFREAD_DAYS_MAX = 36525, /* a hundred years */
	CONFREAD_CERT_MAX = 4096   /* RFC 4131's ceiling, bytes */
};

#endif
