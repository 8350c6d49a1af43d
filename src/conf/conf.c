/* Order matters: what is referred to is read before what refers to it: profiles,
 * types, secrets, issuers, classes.  Each reader checks its section whole, so
 * that one run names every mistake; an element with a mistake still takes its
 * place, so that it is not complained about again where it is used. */
#include "conf/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include "base/errors.h"
#include "conf/builtin.h"
#include "conf/confutil.h"

/* ---- memory: blocks of strings that live as long as the configuration -------- */

struct block {
	struct block *next;
	char bytes[];
};

struct region {
	struct block *first;
	bool failed; /* memory ran out: the configuration is not to be used */
};

static const char *keep(struct conf *c, const char *text)
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

static struct conf *conf_new(void)
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

static const char *keep_path(struct conf *c, const char *text)
{
	char path[4096];

	if (text[0] == '/')
		return keep(c, text);
	(void)snprintf(path, sizeof(path), "%s/%s", c->dir[1] != '\0' ? c->dir : "",
		       text);
	return keep(c, path);
}

static void set_directory(struct conf *c, const char *path)
{
	char whole[4096] = "", *slash;

	if (path[0] != '/' && getcwd(whole, sizeof(whole)) != NULL &&
	    strlen(whole) + strlen(path) + 2 < sizeof(whole)) {
		size_t len = strlen(whole);

		(void)snprintf(whole + len, sizeof(whole) - len, "/%s", path);
	} else {
		(void)snprintf(whole, sizeof(whole), "%s", path);
	}
	c->path = keep(c, whole);
	slash = strrchr(whole, '/');
	if (slash != NULL)
		slash[slash == whole] = '\0';
	c->dir = keep(c, slash != NULL ? whole : "/");
}

/* ---- what is there, for messages and references --------------------------- */

struct names {
	const char *at[CONF_CLASSES_MAX];
	size_t n;
};

static void list_text(const struct names *names, char *ret, size_t size)
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

static size_t find_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->at[i], name) == 0)
			return i;
	return SIZE_MAX;
}

static struct names profile_names(const struct conf *c)
{
	struct names r = { .n = c->n_profiles };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->profiles[i].name;
	return r;
}

static struct names type_names(const struct conf *c)
{
	struct names r = { .n = c->n_types };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->types[i].name;
	return r;
}

static struct names secrets_names(const struct conf *c)
{
	struct names r = { .n = c->n_secrets };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->secrets[i].name;
	return r;
}

static struct names issuer_names(const struct conf *c)
{
	struct names r = { .n = c->n_issuers };

	for (size_t i = 0; i < r.n; i++)
		r.at[i] = c->issuers[i].name;
	return r;
}

/* The element that value i of a setting names, or SIZE_MAX and a complaint. */
static size_t reference(const struct conf_section *s, const char *setting, unsigned i,
			const struct names *names)
{
	const struct conf_value *v = confutil_value(s, setting, i);
	size_t found = find_name(names, v->text);
	const char *nearest;
	char list[400];

	if (found != SIZE_MAX)
		return found;
	nearest = confutil_nearest(v->text, names->at, names->n);
	list_text(names, list, sizeof(list));
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

static bool full(const struct conf_section *s, const char *kind, size_t n, size_t max)
{
	if (n < max)
		return false;
	confutil_wrong(s, "", "more than %zu sections '%s'", max, kind);
	return true;
}

/* Names travel between the processes, stand in listings and in the database. */
static const char *section_name(struct conf *c, const struct conf_section *s)
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
	return keep(c, name);
}

/* A path that must be given. */
static const char *needed_path(struct conf *c, const struct conf_section *s,
			       const char *setting)
{
	const char *text = confutil_text(s, setting, NULL);

	if (text == NULL || text[0] == '\0') {
		confutil_wrong(s, setting, "%s is missing: the path of a file",
			       setting);
		return "";
	}
	return keep_path(c, text);
}

static const char *optional_path(struct conf *c, const struct conf_section *s,
				 const char *setting)
{
	return confutil_count(s, setting) > 0 ? needed_path(c, s, setting) : NULL;
}

static const char *kept_text(struct conf *c, const struct conf_section *s,
			     const char *setting)
{
	const char *text = confutil_text(s, setting, "");

	/* X.520's upper bound of an organization's or unit's name. */
	if (strlen(text) > 64)
		confutil_wrong(s, setting,
			       "%s has %zu characters; 64 are the most that a "
			       "certificate takes",
			       setting, strlen(text));
	return keep(c, text);
}

static const char *kept_country(struct conf *c, const struct conf_section *s)
{
	const char *text = confutil_text(s, "country", "");

	if (text[0] != '\0' &&
	    (strlen(text) != 2 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2))
		confutil_wrong(
			s, "country",
			"country = %s is not the two capital letters of ISO 3166; "
			"write US, for instance",
			text);
	return keep(c, text);
}

/* ---- profiles and types ------------------------------------------------------ */

/* "CN=%{mac}" into an attribute and its text. */
static size_t read_rdns(struct conf *c, const struct conf_section *s,
			const char *setting, struct conf_rdn ret[CONF_RDN_MAX])
{
	static const char *const known[] = { "C", "O", "OU", "CN", "ST", "L" };
	unsigned n = confutil_count(s, setting);
	size_t done = 0;

	if (n == 0 || n > CONF_RDN_MAX)
		confutil_wrong(
			s, setting,
			"%s has %u parts; 1 to %d are right, like {\"C=%%{country}\", "
			"\"O=%%{organization}\", \"CN=%%{mac}\"}",
			setting, n, CONF_RDN_MAX);
	for (unsigned i = 0; i < n && done < CONF_RDN_MAX; i++) {
		const struct conf_value *v = confutil_value(s, setting, i);
		size_t len = strcspn(v->text, "="), k = 0;

		while (k < 6 &&
		       (strlen(known[k]) != len || memcmp(known[k], v->text, len) != 0))
			k++;
		if (k == 6 || v->text[len] == '\0' || v->text[len + 1] == '\0') {
			conf_complain(
				s->errors, v->line,
				"%s%s: '%s' is not of the form ATTRIBUTE=text, with C, "
				"O, OU, CN, ST or L",
				s->what, setting, v->text);
			continue;
		}
		memcpy(ret[done].attribute, known[k], len + 1);
		ret[done++].text = keep(c, v->text + len + 1);
	}
	return done;
}

/* %{…}: those that x509issue fills in. */
static void check_placeholders(const struct conf_section *s, const char *setting,
			       const struct conf_rdn *rdns, size_t n, bool need_mac)
{
	static const char *const known[] = { "mac}",          "serial}",   "country}",
					     "organization}", "location}", "class}" };
	bool has_mac = false;

	for (size_t i = 0; i < n; i++)
		for (const char *p = strstr(rdns[i].text, "%{"); p != NULL;
		     p = strstr(p + 2, "%{")) {
			size_t k = 0;

			while (k < 6 && strncmp(p + 2, known[k], strlen(known[k])) != 0)
				k++;
			if (k == 6)
				confutil_wrong(
					s, setting,
					"%s: '%s' has none of %%{mac} %%{serial} "
					"%%{country} %%{organization} %%{location} "
					"%%{class}",
					setting, p);
			has_mac = has_mac ||
				  (k == 0 && strcmp(rdns[i].attribute, "CN") == 0);
		}
	if (need_mac && n > 0 && !has_mac)
		confutil_wrong(
			s, setting,
			"%s has no CN=%%{mac}: a device proves its address by its "
			"certificate's CN",
			setting);
}

static bool rsa_bits_ok(unsigned bits)
{
	return bits == 1024 || bits == 1536 || bits == 2048 || bits == 3072 ||
	       bits == 4096;
}

static unsigned rsa_bits(const struct conf_section *s, const char *setting,
			 unsigned otherwise)
{
	unsigned bits = confutil_number(s, setting, 1024, 4096, otherwise);

	if (rsa_bits_ok(bits))
		return bits;
	confutil_wrong(s, setting, "%s = %u is not 1024, 1536, 2048, 3072 or 4096",
		       setting, bits);
	return otherwise;
}

enum {
	DAYS_MAX = 36525 /* a hundred years */,
	CERT_MAX = 4096 /* RFC 4131's ceiling */
};

static void read_profile(struct conf *c, const struct conf_section *s)
{
	static const char *const digests[] = { "sha1", "sha256", "sha384", "sha512" };
	struct names names = profile_names(c);
	size_t at = find_name(&names, cfg_title(s->cfg));
	struct conf_profile *p;

	if (at == SIZE_MAX && full(s, "profile", c->n_profiles, CONF_PROFILES_MAX))
		return;
	p = &c->profiles[at != SIZE_MAX ? at : c->n_profiles++];
	*p = (struct conf_profile){ .name = section_name(c, s) };
	p->n_subject = read_rdns(c, s, "subject", p->subject);
	p->n_manufacturer = read_rdns(c, s, "manufacturer", p->manufacturer);
	check_placeholders(s, "subject", p->subject, p->n_subject, true);
	check_placeholders(s, "manufacturer", p->manufacturer, p->n_manufacturer,
			   false);
	p->digest = digests[confutil_choice(s, "digest", digests, 4, 1)];
	p->key_usage = confutil_bool(s, "key-usage", true);
	p->allow_ec = confutil_bool(s, "allow-ec", false);
	p->rsa_bits_min = rsa_bits(s, "rsa-bits-min", 2048);
	p->validity_days = confutil_number(s, "validity-days", 1, DAYS_MAX, 7305);
	p->manufacturer_validity_days =
		confutil_number(s, "manufacturer-validity-days", 1, DAYS_MAX, 12784);
	p->manufacturer_bits = rsa_bits(s, "manufacturer-bits", 3072);
	p->size_max = confutil_number(s, "size-max", 512, CERT_MAX, CERT_MAX);
}

static void read_type(struct conf *c, const struct conf_section *s)
{
	struct names types = type_names(c), profiles = profile_names(c);
	const char *name = cfg_title(s->cfg);
	size_t at = find_name(&types, name), found;
	struct conf_type *t;

	if (strlen(name) != 2 || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2) {
		confutil_wrong(s, "", "a type is two capital letters, like CM");
		return;
	}
	if (strcmp(name, "OK") == 0) {
		confutil_wrong(s, "",
			       "names of confirmations begin with OK_; take other "
			       "letters");
		return;
	}
	if (at == SIZE_MAX && full(s, "type", c->n_types, CONF_TYPES_MAX))
		return;
	t = &c->types[at != SIZE_MAX ? at : c->n_types++];
	memcpy(t->name, name, 3);
	t->profile = &c->profiles[0];
	if (confutil_count(s, "profile") == 0) {
		confutil_wrong(s, "profile", "profile is missing");
		return;
	}
	found = reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		t->profile = &c->profiles[found];
}

/* ---- secrets and issuers ------------------------------------------------------ */

static void read_secrets(struct conf *c, const struct conf_section *s)
{
	static const char *const kinds[] = { "shared", "derived", "device" };
	struct conf_secrets *x;

	if (full(s, "secrets", c->n_secrets, CONF_SECRETS_MAX))
		return;
	x = &c->secrets[c->n_secrets++];
	x->name = section_name(c, s);
	if (confutil_count(s, "set") == 0)
		confutil_wrong(s, "set",
			       "set is missing: a number from 1 to 255 that no "
			       "other secrets have");
	x->set = (uint8_t)confutil_number(s, "set", 1, 255, 0);
	for (size_t i = 0; x->set != 0 && i + 1 < c->n_secrets; i++)
		if (c->secrets[i].set == x->set)
			confutil_wrong(
				s, "set",
				"set = %u is that of secrets '%s' already; devices "
				"tell sets apart by this number",
				x->set, c->secrets[i].name);
	if (confutil_count(s, "kind") == 0)
		confutil_wrong(s, "kind", "kind is missing: shared, derived or device");
	x->kind = (enum conf_secret_kind)confutil_choice(s, "kind", kinds, 3, 0);
	x->request = needed_path(c, s, "request");
	x->confirm = needed_path(c, s, "confirm");
	x->keybox = needed_path(c, s, "keybox");
	/* N6: three different strings; one file twice is one string twice. */
	if (x->request[0] != '\0' &&
	    (strcmp(x->request, x->confirm) == 0 || strcmp(x->request, x->keybox) == 0))
		confutil_wrong(s, "request",
			       "request = %s is also another one of the three; "
			       "they must be different secrets",
			       x->request);
	else if (x->confirm[0] != '\0' && strcmp(x->confirm, x->keybox) == 0)
		confutil_wrong(s, "confirm",
			       "confirm and keybox are both %s; they must be "
			       "different secrets",
			       x->confirm);
}

static void check_pair(const struct conf_section *s, const char *a, const char *b)
{
	bool has_a = confutil_count(s, a) > 0, has_b = confutil_count(s, b) > 0;

	if (has_a && !has_b)
		confutil_wrong(s, a, "%s needs %s, too", a, b);
	if (has_b && !has_a)
		confutil_wrong(s, b, "%s needs %s, too", b, a);
}

static void read_issuer(struct conf *c, const struct conf_section *s)
{
	struct names profiles = profile_names(c);
	struct conf_issuer *x;
	size_t found = SIZE_MAX;
	bool own, root;

	if (full(s, "issuer", c->n_issuers, CONF_ISSUERS_MAX))
		return;
	x = &c->issuers[c->n_issuers++];
	x->name = section_name(c, s);
	own = confutil_count(s, "certificate") > 0 || confutil_count(s, "key") > 0;
	root = confutil_count(s, "root-certificate") > 0 ||
	       confutil_count(s, "root-key") > 0;
	if (own && root)
		confutil_wrong(
			s, "root-certificate",
			"certificate and key, or root-certificate and root-key, not "
			"both: a manufacturer certificate is given, or made here");
	else if (!own && !root)
		confutil_wrong(
			s, "certificate",
			"certificate and key are missing; or root-certificate and "
			"root-key, to have the manufacturer certificate made");
	check_pair(s, "certificate", "key");
	check_pair(s, "root-certificate", "root-key");
	x->certificate = optional_path(c, s, "certificate");
	x->key = optional_path(c, s, "key");
	x->root_certificate = optional_path(c, s, "root-certificate");
	x->root_key = optional_path(c, s, "root-key");
	x->profile = c->types[0].profile; /* CM: the first of the built-in types */
	if (confutil_count(s, "profile") > 0)
		found = reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		x->profile = &c->profiles[found];
	x->country = kept_country(c, s);
	x->organization = kept_text(c, s, "organization");
	x->location = kept_text(c, s, "location");
	if (root && !own && x->organization[0] == '\0')
		confutil_wrong(s, "organization",
			       "organization is missing: it names the "
			       "manufacturer in the certificate made here");
}

/* ---- classes --------------------------------------------------------------------- */

/* The hashes of SPEC N5 and the longest code of each. */
static const struct {
	const char *name;
	unsigned bits;
} hashes[] = { { "md4", 128 },        { "md5", 128 },      { "sha1", 160 },
	       { "sha256", 256 },     { "sha384", 384 },   { "sha512", 512 },
	       { "sha3-256", 256 },   { "sha3-384", 384 }, { "sha3-512", 512 },
	       { "hmac-sha256", 256 } };
enum { HASHES = sizeof(hashes) / sizeof(hashes[0]), HASH_DEFAULT = 2 };

static void read_hash(struct conf_class *x, const struct conf_section *s)
{
	const char *names[HASHES], *text = confutil_text(s, "hash", "sha1");
	unsigned h = HASH_DEFAULT, bits;

	for (unsigned i = 0; i < HASHES; i++)
		names[i] = hashes[i].name;
	if (strcmp(text, "md2") == 0)
		confutil_wrong(s, "hash",
			       "hash = md2: OpenSSL no longer has MD2; devices "
			       "that know nothing else cannot be served");
	else
		h = confutil_choice(s, "hash", names, HASHES, HASH_DEFAULT);
	x->hash = hashes[h].name;
	bits = confutil_number(s, "code-bits", 0, 65535, 24);
	if (bits < 12 || bits > hashes[h].bits || bits % 4 != 0) {
		unsigned near = bits < 12               ? 12
				: bits > hashes[h].bits ? hashes[h].bits
							: bits - bits % 4;

		confutil_wrong(
			s, "code-bits",
			"code-bits = %u is not a multiple of 4 from 12 to %u (%s); "
			"write %u, for instance",
			bits, hashes[h].bits, x->hash, near);
		bits = 24;
	}
	x->code_bits = (uint16_t)bits;
}

static void read_class_types(struct conf *c, struct conf_class *x,
			     const struct conf_section *s)
{
	unsigned n = confutil_count(s, "types");
	struct names types = type_names(c);

	if (n == 0) {
		for (size_t i = 0; i < c->n_types; i++)
			x->types[x->n_types++] = c->types[i].name;
		return;
	}
	for (unsigned i = 0; i < n && i < CONF_TYPES_MAX; i++) {
		size_t found = reference(s, "types", i, &types);

		if (found != SIZE_MAX)
			x->types[x->n_types++] = c->types[found].name;
	}
}

static void read_class_secrets(struct conf *c, struct conf_class *x,
			       const struct conf_section *s)
{
	unsigned n = confutil_count(s, "secrets");
	struct names names = secrets_names(c);
	char list[400];

	if (n == 0 && c->n_secrets == 1) {
		x->secrets[x->n_secrets++] = &c->secrets[0];
		return;
	}
	list_text(&names, list, sizeof(list));
	if (n == 0 && c->n_secrets > 1)
		confutil_wrong(
			s, "secrets",
			"secrets is missing; one or two of %s, the current ones first",
			list);
	if (n > CONF_CLASS_SETS)
		confutil_wrong(s, "secrets",
			       "%u secrets; at most %d are valid at once in a class", n,
			       CONF_CLASS_SETS);
	for (unsigned i = 0; i < n && i < CONF_CLASS_SETS; i++) {
		size_t found = reference(s, "secrets", i, &names);

		if (found != SIZE_MAX && x->n_secrets == 1 &&
		    x->secrets[0] == &c->secrets[found])
			confutil_wrong(s, "secrets", "secrets names '%s' twice",
				       c->secrets[found].name);
		else if (found != SIZE_MAX)
			x->secrets[x->n_secrets++] = &c->secrets[found];
	}
}

static void read_class_issuer(struct conf *c, struct conf_class *x,
			      const struct conf_section *s)
{
	struct names names = issuer_names(c);
	char list[400];
	size_t found;

	list_text(&names, list, sizeof(list));
	if (confutil_count(s, "issuer") > 0) {
		found = reference(s, "issuer", 0, &names);
		if (found != SIZE_MAX)
			x->issuer = &c->issuers[found];
	} else if (c->n_issuers == 1) {
		x->issuer = &c->issuers[0];
	} else if (c->n_issuers > 1) {
		confutil_wrong(s, "issuer", "issuer is missing; one of %s", list);
	}
}

/* S5: may keys of this size be made here, for every type and its profile? */
static void check_keys(const struct conf *c, const struct conf_class *x,
		       const struct conf_section *s)
{
	for (size_t i = 0; i < x->n_types; i++) {
		const struct conf_type *t = conf_type_by_name(c, x->types[i]);
		const struct conf_profile *p =
			x->profile != NULL ? x->profile : t->profile;
		bool bpi = strcmp(t->name, "CM") == 0 || strcmp(t->name, "EM") == 0;

		if (x->key_bits == 256 && bpi)
			confutil_wrong(
				s, "key-bits",
				"key-bits = 256 (P-256) for type %s: BPI+ encrypts to "
				"this key, so it must be RSA; write 2048, or leave %s "
				"out of types",
				t->name, t->name);
		else if (x->key_bits == 256 && !p->allow_ec)
			confutil_wrong(
				s, "key-bits",
				"key-bits = 256 (P-256), but profile '%s' of type %s "
				"does not allow EC",
				p->name, t->name);
		else if (x->key_bits != 256 && x->key_bits < p->rsa_bits_min)
			confutil_wrong(
				s, "key-bits",
				"key-bits = %u, but profile '%s' of type %s asks for "
				"%u or more",
				x->key_bits, p->name, t->name, p->rsa_bits_min);
	}
}

static void read_class(struct conf *c, const struct conf_section *s, const char *name)
{
	static const char *const sources[] = { "registry", "server", "either" };
	static const char *const confirms[] = { "plain", "bound" };
	struct names profiles = profile_names(c);
	struct conf_class *x;
	size_t found = SIZE_MAX;

	if (full(s, "class", c->n_classes, CONF_CLASSES_MAX))
		return;
	x = &c->classes[c->n_classes++];
	x->name = name;
	read_class_types(c, x, s);
	read_hash(x, s);
	x->request_serial = confutil_bool(s, "request-serial", true);
	x->confirm_code = confutil_bool(s, "confirm-code", true);
	x->bound = confutil_choice(s, "confirm", confirms, 2, 0) == 1;
	read_class_secrets(c, x, s);
	x->key_source = (enum conf_key_source)confutil_choice(s, "key-source", sources,
							      3, CONF_KEY_EITHER);
	x->key_bits = confutil_number(s, "key-bits", 256, 4096, 2048);
	if (x->key_bits != 256 && !rsa_bits_ok(x->key_bits)) {
		confutil_wrong(s, "key-bits",
			       "key-bits = %u is not 1024, 1536, 2048, 3072, 4096 "
			       "(RSA) or 256 "
			       "(P-256)",
			       x->key_bits);
		x->key_bits = 2048;
	}
	if (confutil_count(s, "profile") > 0)
		found = reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		x->profile = &c->profiles[found];
	if (x->key_source != CONF_KEY_REGISTRY)
		check_keys(c, x, s);
	read_class_issuer(c, x, s);
	x->validity_days = confutil_number(s, "validity-days", 1, DAYS_MAX, 0);
	x->send_manufacturer = confutil_bool(s, "send-manufacturer", true);
	x->country = kept_country(c, s);
	x->organization = kept_text(c, s, "organization");
	x->location = kept_text(c, s, "location");
}

/* ---- settings of the whole server ---------------------------------------------- */

static bool parse_port(const char *text, uint16_t *ret)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "192.0.2.1:69", "[2001:db8::1]:69"; without a port 69. */
static bool parse_listen(const char *text, struct conf_listen *ret)
{
	struct conf_listen l = { .port = 69 };
	bool v6 = text[0] == '[';
	size_t len = strcspn(text += v6, v6 ? "]" : ":");
	const char *rest = text + len;
	uint8_t raw[16];
	char bare[64];

	if (len >= sizeof(l.host) || (v6 && *rest++ != ']'))
		return false;
	memcpy(l.host, text, len);
	l.host[len] = '\0';
	memcpy(bare, l.host, sizeof(bare));
	bare[strcspn(bare, "%")] = '\0'; /* an interface, of a link-local address */
	if (inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? bare : l.host, raw) != 1)
		return false;
	if (*rest != '\0' && (*rest != ':' || !parse_port(rest + 1, &l.port)))
		return false;
	*ret = l;
	return true;
}

static void read_listen(struct conf *c, const struct conf_section *s)
{
	unsigned n = confutil_count(s, "listen");

	if (n == 0) {
		(void)parse_listen("0.0.0.0:69", &c->listen[0]);
		(void)parse_listen("[::]:69", &c->listen[1]);
		c->n_listen = 2;
		return;
	}
	if (n > CONF_LISTEN_MAX)
		confutil_wrong(s, "listen",
			       "%u addresses to listen at; %d are the most", n,
			       CONF_LISTEN_MAX);
	for (unsigned i = 0; i < n && i < CONF_LISTEN_MAX; i++) {
		const struct conf_value *v = confutil_value(s, "listen", i);
		struct conf_listen *l = &c->listen[c->n_listen];

		if (!parse_listen(v->text, l)) {
			conf_complain(
				s->errors, v->line,
				"listen: '%s' is not a numeric address and port, like "
				"\"192.0.2.1:69\" or \"[2001:db8::1]:69\"",
				v->text);
			continue;
		}
		for (size_t k = 0; k < c->n_listen; k++)
			if (strcmp(c->listen[k].host, l->host) == 0 &&
			    c->listen[k].port == l->port && l->port != 0)
				conf_complain(s->errors, v->line,
					      "listen: '%s' stands here twice",
					      v->text);
		c->n_listen++;
	}
}

static void read_ports(struct conf *c, const struct conf_section *s)
{
	const char *text = confutil_text(s, "transfer-ports", NULL);
	unsigned ports, needed;
	char low[8], *dash;

	c->single_port = confutil_bool(s, "single-port", false);
	c->transfer_sockets =
		confutil_number(s, "transfer-sockets", 1, CONF_PORTS_MAX, 8);
	if (text == NULL)
		return;
	(void)snprintf(low, sizeof(low), "%s", text);
	dash = strchr(low, '-');
	if (dash != NULL)
		*dash = '\0';
	if (strchr(text, '-') == NULL || dash == NULL ||
	    !parse_port(low, &c->transfer_port_min) ||
	    !parse_port(strchr(text, '-') + 1, &c->transfer_port_max) ||
	    c->transfer_port_min < 1 || c->transfer_port_min > c->transfer_port_max) {
		confutil_wrong(s, "transfer-ports",
			       "transfer-ports = %s is not a range of ports like "
			       "\"40000-40015\"",
			       text);
		c->transfer_port_min = c->transfer_port_max = 0;
		return;
	}
	ports = (unsigned)c->transfer_port_max - c->transfer_port_min + 1;
	needed = c->transfer_sockets * c->fronts;
	if (confutil_count(s, "transfer-sockets") == 0 && ports < needed)
		c->transfer_sockets = ports / c->fronts;
	needed = c->transfer_sockets * c->fronts;
	if (!c->single_port && (ports < needed || needed == 0))
		confutil_wrong(
			s, "transfer-ports",
			"transfer-ports = %s are %u ports, but %u fronts with %u "
			"transfer-sockets each need %u",
			text, ports, c->fronts,
			c->transfer_sockets > 0 ? c->transfer_sockets : 1,
			needed > 0 ? needed : c->fronts);
}

static void read_top(struct conf *c, const struct conf_section *s)
{
	c->fronts = confutil_number(s, "fronts", 1, 16, 1);
	c->signers = confutil_number(s, "signers", 1, 16, 1);
	read_listen(c, s);
	read_ports(c, s);
	c->transfers_max = confutil_number(s, "transfers-max", 16, 65536, 4096);
	c->blksize_max = confutil_number(s, "blksize-max", 512, 65464, 1428);
	c->windowsize_max = confutil_number(s, "windowsize-max", 1, 64, 16);
	c->retry_ms = confutil_number(s, "retry-ms", 500, 10000, 1000);
	c->tries = confutil_number(s, "tries", 1, 10, 5);
	c->uid_base = confutil_number(s, "uid-base", 1, 2000000000, 60700);
	c->database = keep_path(
		c, confutil_text(s, "database", "/var/lib/fieldcert/fieldcert.db"));
	c->control =
		keep_path(c, confutil_text(s, "control", "/run/fieldcert/control"));
	/* sun_path holds 108 bytes with its NUL (unix(7)). */
	if (strlen(c->control) > 107)
		confutil_wrong(s, "control",
			       "control = %s: a socket's path has at most 107 "
			       "bytes, this one %zu",
			       c->control, strlen(c->control));
	c->storage_key =
		keep_path(c, confutil_text(s, "storage-key", "secrets/storage"));
}

/* ---- the whole ------------------------------------------------------------------ */

/* clang-format off */
static cfg_opt_t profile_opts[] = {
	CONF_LIST("subject"), CONF_LIST("manufacturer"), CONF_ONE("digest"),
	CONF_ONE("key-usage"), CONF_ONE("allow-ec"), CONF_ONE("rsa-bits-min"),
	CONF_ONE("validity-days"), CONF_ONE("manufacturer-validity-days"),
	CONF_ONE("manufacturer-bits"), CONF_ONE("size-max"), CFG_END()
};
static cfg_opt_t type_opts[] = { CONF_ONE("profile"), CFG_END() };
static cfg_opt_t secrets_opts[] = {
	CONF_ONE("set"), CONF_ONE("kind"), CONF_ONE("request"), CONF_ONE("confirm"),
	CONF_ONE("keybox"), CFG_END()
};
static cfg_opt_t issuer_opts[] = {
	CONF_ONE("certificate"), CONF_ONE("key"), CONF_ONE("root-certificate"),
	CONF_ONE("root-key"), CONF_ONE("profile"), CONF_ONE("country"),
	CONF_ONE("organization"), CONF_ONE("location"), CFG_END()
};
static cfg_opt_t class_opts[] = {
	CONF_LIST("types"), CONF_ONE("hash"), CONF_ONE("code-bits"),
	CONF_ONE("request-serial"), CONF_ONE("confirm-code"), CONF_ONE("confirm"),
	CONF_LIST("secrets"), CONF_ONE("key-source"), CONF_ONE("key-bits"),
	CONF_ONE("profile"), CONF_ONE("issuer"), CONF_ONE("validity-days"),
	CONF_ONE("send-manufacturer"), CONF_ONE("country"), CONF_ONE("organization"),
	CONF_ONE("location"), CFG_END()
};
static cfg_opt_t opts[] = {
	CONF_LIST("listen"), CONF_ONE("single-port"), CONF_ONE("transfer-ports"),
	CONF_ONE("transfer-sockets"), CONF_ONE("transfers-max"), CONF_ONE("blksize-max"),
	CONF_ONE("windowsize-max"), CONF_ONE("retry-ms"), CONF_ONE("tries"),
	CONF_ONE("database"), CONF_ONE("control"), CONF_ONE("storage-key"),
	CONF_ONE("uid-base"), CONF_ONE("fronts"), CONF_ONE("signers"),
	CFG_SEC("profile", profile_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("type", type_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("secrets", secrets_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("issuer", issuer_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("class", class_opts, CFGF_MULTI | CFGF_TITLE), CFG_END()
};
/* clang-format on */

static void read_kind(struct conf *c, const struct conf_file *f, const char *kind,
		      void (*read)(struct conf *, const struct conf_section *))
{
	for (unsigned i = 0; i < cfg_size(f->cfg, kind); i++) {
		struct conf_section s = confutil_section(f, kind, i);

		read(c, &s);
	}
}

static void read_titled_class(struct conf *c, const struct conf_section *s)
{
	read_class(c, s, section_name(c, s));
}

/* Class "default" is there even if nobody wrote it. */
static void add_default_class(struct conf *c, struct conf_errors *e)
{
	struct conf_section s = { .what = "class 'default' (not written, so made up): ",
				  .line = 1,
				  .errors = e };

	if (conf_class_by_name(c, "default") == NULL)
		read_class(c, &s, "default");
	c->default_class = conf_class_by_name(c, "default");
}

static void read_all(struct conf *c, const struct conf_file *f)
{
	struct conf_section top = confutil_top(f);

	read_top(c, &top);
	read_kind(c, f, "profile", read_profile);
	read_kind(c, f, "type", read_type);
	read_kind(c, f, "secrets", read_secrets);
	read_kind(c, f, "issuer", read_issuer);
	if (c->n_secrets == 0)
		confutil_wrong(
			&top, "secrets",
			"there are no secrets; write secrets \"1\" { set = 1 kind = "
			"derived request = … confirm = … keybox = … }");
	if (c->n_issuers == 0)
		confutil_wrong(&top, "issuer",
			       "there is no issuer; write issuer \"1\" { certificate = "
			       "… key = "
			       "… }");
	read_kind(c, f, "class", read_titled_class);
	add_default_class(c, f->errors);
}

static void read_builtin(struct conf *c, struct conf_errors *e)
{
	struct conf_errors own = { .path = "built-in profiles" };
	struct conf_file *f = calloc(1, sizeof(*f));

	if (f == NULL ||
	    confutil_open(f, opts, conf_builtin, strlen(conf_builtin), &own) < 0) {
		conf_complain(e, 0, "out of memory");
		free(f);
		free(own.text);
		return;
	}
	read_kind(c, f, "profile", read_profile);
	read_kind(c, f, "type", read_type);
	if (own.n > 0)
		conf_complain(e, 0, "%s", own.text != NULL ? own.text : own.path);
	confutil_close(f);
	free(f);
	free(own.text);
}

int conf_parse(const char *path, const char *text, size_t len, struct conf **ret,
	       char **ret_errors)
{
	struct conf_errors e = { .path = path };
	struct conf *c = conf_new();
	struct conf_file *f = calloc(1, sizeof(*f));

	if (c != NULL && f != NULL) {
		set_directory(c, path);
		read_builtin(c, &e);
		if (e.n == 0 && confutil_open(f, opts, text, len, &e) == 0) {
			read_all(c, f);
			confutil_close(f);
		}
	}
	if (c == NULL || f == NULL || ((struct region *)c->region)->failed)
		conf_complain(&e, 0, "out of memory");
	free(f);
	if (e.n == 0) {
		*ret = c;
		return 0;
	}
	conf_free(c);
	*ret_errors = e.text != NULL ? e.text : strdup(path);
	return FC_ECONF;
}

const struct conf_class *conf_class_by_name(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_classes; i++)
		if (strcmp(c->classes[i].name, name) == 0)
			return &c->classes[i];
	return NULL;
}

const struct conf_type *conf_type_by_name(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_types; i++)
		if (strcmp(c->types[i].name, name) == 0)
			return &c->types[i];
	return NULL;
}

const struct conf_secrets *conf_secrets_by_set(const struct conf *c, uint8_t set)
{
	for (size_t i = 0; i < c->n_secrets; i++)
		if (c->secrets[i].set == set)
			return &c->secrets[i];
	return NULL;
}
