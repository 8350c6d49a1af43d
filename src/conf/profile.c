#include "conf/confread.h"

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
		ret[done++].text = confread_keep(c, v->text + len + 1);
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

void confread_profile(struct conf *c, const struct conf_section *s)
{
	static const char *const digests[] = { "sha1", "sha256", "sha384", "sha512" };
	struct confread_names names = confread_profiles(c);
	size_t at = confread_find(&names, cfg_title(s->cfg));
	struct conf_profile *p;

	if (at == SIZE_MAX &&
	    confread_full(s, "profile", c->n_profiles, CONF_PROFILES_MAX))
		return;
	p = &c->profiles[at != SIZE_MAX ? at : c->n_profiles++];
	*p = (struct conf_profile){ .name = confread_name(c, s) };
	p->n_subject = read_rdns(c, s, "subject", p->subject);
	p->n_manufacturer = read_rdns(c, s, "manufacturer", p->manufacturer);
	check_placeholders(s, "subject", p->subject, p->n_subject, true);
	check_placeholders(s, "manufacturer", p->manufacturer, p->n_manufacturer,
			   false);
	p->digest = digests[confutil_choice(s, "digest", digests, 4, 1)];
	p->key_usage = confutil_bool(s, "key-usage", true);
	p->allow_ec = confutil_bool(s, "allow-ec", false);
	p->rsa_bits_min = confread_rsa_bits(s, "rsa-bits-min", 2048);
	p->validity_days =
		confutil_number(s, "validity-days", 1, CONFREAD_DAYS_MAX, 7305);
	p->manufacturer_validity_days = confutil_number(s, "manufacturer-validity-days",
							1, CONFREAD_DAYS_MAX, 12784);
	p->manufacturer_bits = confread_rsa_bits(s, "manufacturer-bits", 3072);
	p->size_max = confutil_number(s, "size-max", 512, CONFREAD_CERT_MAX,
				      CONFREAD_CERT_MAX);
}

void confread_type(struct conf *c, const struct conf_section *s)
{
	struct confread_names types = confread_types(c),
			      profiles = confread_profiles(c);
	const char *name = cfg_title(s->cfg);
	size_t at = confread_find(&types, name), found;
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
	if (at == SIZE_MAX && confread_full(s, "type", c->n_types, CONF_TYPES_MAX))
		return;
	t = &c->types[at != SIZE_MAX ? at : c->n_types++];
	memcpy(t->name, name, 3);
	t->profile = &c->profiles[0];
	if (confutil_count(s, "profile") == 0) {
		confutil_wrong(s, "profile", "profile is missing");
		return;
	}
	found = confread_reference(s, "profile", 0, &profiles);
	if (found != SIZE_MAX)
		t->profile = &c->profiles[found];
}
