#include "conf/confread.h"

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
	struct confread_names types = confread_types(c);

	if (n == 0) {
		for (size_t i = 0; i < c->n_types; i++)
			x->types[x->n_types++] = c->types[i].name;
		return;
	}
	for (unsigned i = 0; i < n && i < CONF_TYPES_MAX; i++) {
		size_t found = confread_reference(s, "types", i, &types);

		if (found != SIZE_MAX)
			x->types[x->n_types++] = c->types[found].name;
	}
}

static void read_class_secrets(struct conf *c, struct conf_class *x,
			       const struct conf_section *s)
{
	unsigned n = confutil_count(s, "secrets");
	struct confread_names names = confread_secret_sets(c);
	char list[400];

	if (n == 0 && c->n_secrets == 1) {
		x->secrets[x->n_secrets++] = &c->secrets[0];
		return;
	}
	confread_list(&names, list, sizeof(list));
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
		size_t found = confread_reference(s, "secrets", i, &names);

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
	struct confread_names names = confread_issuers(c);
	char list[400];
	size_t found;

	confread_list(&names, list, sizeof(list));
	if (confutil_count(s, "issuer") > 0) {
		found = confread_reference(s, "issuer", 0, &names);
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

void confread_class(struct conf *c, const struct conf_section *s, const char *name)
{
	static const char *const sources[] = { "registry", "server", "either" };
	static const char *const confirms[] = { "plain", "bound" };
	struct confread_names profiles = confread_profiles(c);
	struct conf_class *x;
	size_t found = SIZE_MAX;

	if (confread_full(s, "class", c->n_classes, CONF_CLASSES_MAX))
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
	if (x->key_bits != 256 && !confread_is_rsa(x->key_bits)) {
		confutil_wrong(s, "key-bits",
			       "key-bits = %u is not 1024, 1536, 2048, 3072, 4096 "
			       "(RSA) or 256 "
			       "(P-256)",
			       x->key_bits);
		x->key_bits = 2048;
	}
	if (confutil_count(s, "profile") > 0)
		found = confread_reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		x->profile = &c->profiles[found];
	if (x->key_source != CONF_KEY_REGISTRY)
		check_keys(c, x, s);
	read_class_issuer(c, x, s);
	x->validity_days = confutil_number(s, "validity-days", 1, CONFREAD_DAYS_MAX, 0);
	x->send_manufacturer = confutil_bool(s, "send-manufacturer", true);
	x->country = confread_country(c, s);
	x->organization = confread_text(c, s, "organization");
	x->location = confread_text(c, s, "location");
}
