#include "conf/confread.h"

void confread_secrets(struct conf *c, const struct conf_section *s)
{
	static const char *const kinds[] = { "shared", "derived", "device" };
	struct conf_secrets *x;

	if (confread_full(s, "secrets", c->n_secrets, CONF_SECRETS_MAX))
		return;
	x = &c->secrets[c->n_secrets++];
	x->name = confread_name(c, s);
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
	x->request = confread_needed_path(c, s, "request");
	x->confirm = confread_needed_path(c, s, "confirm");
	x->keybox = confread_needed_path(c, s, "keybox");
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
