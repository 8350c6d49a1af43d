#include "conf/confread.h"

static void check_pair(const struct conf_section *s, const char *a, const char *b)
{
	bool has_a = confutil_count(s, a) > 0, has_b = confutil_count(s, b) > 0;

	if (has_a && !has_b)
		confutil_wrong(s, a, "%s needs %s, too", a, b);
	if (has_b && !has_a)
		confutil_wrong(s, b, "%s needs %s, too", b, a);
}

void confread_issuer(struct conf *c, const struct conf_section *s)
{
	struct confread_names profiles = confread_profiles(c);
	struct conf_issuer *x;
	size_t found = SIZE_MAX;
	bool own, root;

	if (confread_full(s, "issuer", c->n_issuers, CONF_ISSUERS_MAX))
		return;
	x = &c->issuers[c->n_issuers++];
	x->name = confread_name(c, s);
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
	x->certificate = confread_path(c, s, "certificate");
	x->key = confread_path(c, s, "key");
	x->root_certificate = confread_path(c, s, "root-certificate");
	x->root_key = confread_path(c, s, "root-key");
	x->profile = c->types[0].profile; /* CM: the first of the built-in types */
	if (confutil_count(s, "profile") > 0)
		found = confread_reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		x->profile = &c->profiles[found];
	x->country = confread_country(c, s);
	x->organization = confread_text(c, s, "organization");
	x->location = confread_text(c, s, "location");
	if (root && !own && x->organization[0] == '\0')
		confutil_wrong(s, "organization",
			       "organization is missing: it names the "
			       "manufacturer in the certificate made here");
}
