#include "cmd/fieldcertd/frontauth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "base/secret.h"
#include "cmd/shared/fromconf.h"
#include "cmd/shared/secretset.h"
#include "crypto/authcode.h"

struct keys {
	struct secretset *request, *confirm;
};

struct frontauth {
	struct authcode *codes;
	const struct conf *conf;
	struct auth_spec specs[CONF_CLASSES_MAX]; /* beside conf->classes */
	struct keys keys[CONF_SECRETS_MAX];       /* beside conf->secrets */
	struct keys coming[CONF_SECRETS_MAX];     /* for the next start */
	struct devtable table;                    /* base NULL: none */
	uint16_t classes[DEVTABLE_CLASSES_MAX]; /* conf's class + 1, 0: not looked up */
};

/* For work that must not depend on what is known. */
static const struct auth_secret dummy_secret = {
	.len = 64,
	.s = "0000000000000000000000000000000000000000000000000000000000000000",
};
static const char dummy_serial[] = "000000000";

static void keys_drop(struct keys k[CONF_SECRETS_MAX])
{
	for (size_t i = 0; i < CONF_SECRETS_MAX; i++) {
		secretset_free(k[i].request);
		secretset_free(k[i].confirm);
		k[i] = (struct keys){ 0 };
	}
}

struct frontauth *frontauth_new(void)
{
	struct frontauth *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	if (!(a->codes = authcode_new())) {
		free(a);
		return NULL;
	}
	return a;
}

void frontauth_free(struct frontauth *a)
{
	if (!a)
		return;
	keys_drop(a->keys);
	keys_drop(a->coming);
	authcode_free(a->codes);
	free(a);
}

static size_t set_by_name(const struct conf *conf, const struct ipc_blob *name)
{
	size_t i;

	for (i = 0; i < conf->n_secrets; i++)
		if (strlen(conf->secrets[i].name) == name->len &&
		    memcmp(conf->secrets[i].name, name->p, name->len) == 0)
			break;
	return i;
}

int frontauth_secret(struct frontauth *a, const struct conf *conf,
		     const struct ipc_secret *s, const char *name, const uint8_t *bytes,
		     size_t len, char why[FRONTAUTH_WHY_SIZE], unsigned *ret_bits)
{
	size_t i = set_by_name(conf, &s->name);
	struct secretset *fresh, **place;
	const char *wrong;
	unsigned line;

	if (i == conf->n_secrets ||
	    (s->kind != IPC_SECRET_REQUEST && s->kind != IPC_SECRET_CONFIRM)) {
		(void)snprintf(why, FRONTAUTH_WHY_SIZE,
			       "secret %s: of a set that is not configured", name);
		return FC_ECONF;
	}
	if (secretset_new(conf->secrets[i].kind, bytes, len, &fresh, &wrong, &line) <
	    0) {
		(void)snprintf(why, FRONTAUTH_WHY_SIZE,
			       "secrets \"%s\", %s, line %u: %s", conf->secrets[i].name,
			       name, line, wrong);
		return FC_ECONF;
	}
	place = s->kind == IPC_SECRET_REQUEST ? &a->coming[i].request
					      : &a->coming[i].confirm;
	secretset_free(*place);
	*place = fresh;
	*ret_bits = secretset_bits(fresh);
	return 0;
}

static int check(const struct frontauth *a, const struct conf *conf,
		 struct auth_spec specs[CONF_CLASSES_MAX], char why[FRONTAUTH_WHY_SIZE])
{
	for (size_t i = 0; i < conf->n_secrets; i++) {
		if (a->coming[i].request && a->coming[i].confirm)
			continue;
		(void)snprintf(why, FRONTAUTH_WHY_SIZE,
			       "secrets \"%s\": the %s secret was not handed over",
			       conf->secrets[i].name,
			       a->coming[i].request ? "confirm" : "request");
		return FC_ECONF;
	}
	for (size_t i = 0; i < conf->n_classes; i++) {
		const char *wrong;

		if (fromconf_auth(&conf->classes[i], &specs[i], &wrong) < 0) {
			(void)snprintf(why, FRONTAUTH_WHY_SIZE, "class \"%s\": %s",
				       conf->classes[i].name, wrong);
			return FC_ECONF;
		}
		if (!authcode_has(a->codes, specs[i].hash)) {
			(void)snprintf(why, FRONTAUTH_WHY_SIZE,
				       "class \"%s\": OpenSSL here has no %s",
				       conf->classes[i].name,
				       auth_hash_name(specs[i].hash));
			return FC_ECONF;
		}
	}
	return 0;
}

int frontauth_start(struct frontauth *a, const struct conf *conf,
		    char why[FRONTAUTH_WHY_SIZE])
{
	struct auth_spec specs[CONF_CLASSES_MAX];
	int rc = check(a, conf, specs, why);

	if (rc == 0) {
		keys_drop(a->keys);
		memcpy(a->keys, a->coming, sizeof(a->keys));
		memset(a->coming, 0, sizeof(a->coming));
		memcpy(a->specs, specs, sizeof(a->specs));
		memset(a->classes, 0, sizeof(a->classes));
		a->conf = conf;
	}
	keys_drop(a->coming);
	return rc;
}

void frontauth_table(struct frontauth *a, const struct devtable *table)
{
	a->table = table ? *table : (struct devtable){ .base = NULL };
	memset(a->classes, 0, sizeof(a->classes));
}

/* The configuration's class for the table's index, or NULL. */
static const struct conf_class *class_of(struct frontauth *a, uint8_t index)
{
	const char *name;

	if (a->classes[index] > 0)
		return &a->conf->classes[a->classes[index] - 1];
	name = devtable_class_name(&a->table, index);
	for (size_t i = 0; name && i < a->conf->n_classes; i++) {
		if (strncmp(a->conf->classes[i].name, name, DEVTABLE_CLASS_SIZE) != 0)
			continue;
		a->classes[index] = (uint16_t)(i + 1);
		return &a->conf->classes[i];
	}
	return NULL;
}

/* One device as it is judged: a stand-in where it is not known. */
struct subject {
	const struct conf_class *class;
	const struct auth_spec *spec;
	const char *serial;
	size_t serial_len;
	const struct mac *mac;
};

static int secret_of(const struct secretset *s, const struct mac *mac,
		     struct auth_secret *ret, bool *ret_real)
{
	int rc = secretset_get(s, mac, ret);

	*ret_real = rc == 0;
	if (rc == FC_EABSENT)
		*ret = dummy_secret;
	return rc == FC_EABSENT ? 0 : rc;
}

/* The code that this device would have sent under these keys. *ret_real: with a
 * secret of its own, not with the dummy. */
static int expected(struct frontauth *a, const struct subject *s, const struct keys *k,
		    enum name_kind kind, const uint8_t digest[IPC_DIGEST_LEN],
		    struct name_code *ret, bool *ret_real)
{
	struct auth_secret request, confirm = { 0 };
	struct name_code yy, zz;
	bool real_request, real_confirm = true;
	int rc;

	memset(&yy, 0, sizeof(yy));
	memset(&zz, 0, sizeof(zz));
	rc = secret_of(k->request, s->mac, &request, &real_request);
	if (rc == 0)
		rc = authcode_request(a->codes, s->spec, &request, s->serial,
				      s->serial_len, s->mac, &yy);
	if (rc == 0 && kind == NAME_CONFIRM) {
		rc = secret_of(k->confirm, s->mac, &confirm, &real_confirm);
		if (rc == 0)
			rc = authcode_confirm(a->codes, s->spec, &confirm, s->mac, &yy,
					      digest, &zz);
	}
	if (rc == 0) {
		*ret = kind == NAME_CONFIRM ? zz : yy;
		*ret_real = real_request && real_confirm;
	}
	secret_wipe(&request, sizeof(request));
	secret_wipe(&confirm, sizeof(confirm));
	secret_wipe(&yy, sizeof(yy));
	secret_wipe(&zz, sizeof(zz));
	return rc;
}

/* Every set of the class is tried, whichever matches (S2). */
static int code_is_right(struct frontauth *a, const struct subject *s,
			 const struct name *name, const uint8_t digest[IPC_DIGEST_LEN],
			 bool *ret_right, uint8_t *ret_set)
{
	bool right = false;

	for (size_t i = 0; i < s->class->n_secrets; i++) {
		const struct conf_secrets *set = s->class->secrets[i];
		struct name_code code;
		bool real;
		int rc = expected(a, s, &a->keys[set - a->conf->secrets], name->kind,
				  digest, &code, &real);

		if (rc != 0)
			return rc;
		if (authcode_equal(&code, &name->code) && real) {
			right = true;
			*ret_set = set->set;
		}
		secret_wipe(&code, sizeof(code));
	}
	*ret_right = right;
	return 0;
}

/* N1: a type that is configured, that the class allows, and that the device was
 * registered as. */
static bool type_is_right(const struct frontauth *a, const struct conf_class *class,
			  const struct devtable_device *d, const struct name *name)
{
	bool allowed = false;

	if (name->kind != NAME_REQUEST)
		return true;
	for (size_t i = 0; i < class->n_types; i++)
		allowed |= strcmp(class->types[i], name->type) == 0;
	return allowed && conf_type_by_name(a->conf, name->type) &&
	       (d->type[0] == '\0' || strcmp(d->type, name->type) == 0);
}

enum desk_judgement frontauth_judge(struct frontauth *a, const struct name *name,
				    const uint8_t *digest, bool missing,
				    uint8_t *ret_set)
{
	static const uint8_t no_digest[IPC_DIGEST_LEN];
	struct devtable_device d = { .serial = dummy_serial,
				     .serial_len = sizeof(dummy_serial) - 1 };
	const struct conf_class *class = NULL;
	struct subject s = { .mac = &name->mac };
	bool known, right;

	if (!a->conf || !a->table.base)
		return DESK_CANNOT_JUDGE;
	known = devtable_find(&a->table, &name->mac, &d);
	if (known)
		class = class_of(a, d.class_index);
	if (name->kind == NAME_REPORT)
		return known && class ? DESK_RIGHT : DESK_RIGHT_NOTED;

	s.class = class ? class : a->conf->default_class;
	s.spec = &a->specs[s.class - a->conf->classes];
	s.serial = d.serial;
	s.serial_len = d.serial_len;
	if (class && name->kind == NAME_CONFIRM && s.spec->bound && !digest && !missing)
		return DESK_WANTS_DIGEST;
	if (code_is_right(a, &s, name, digest ? digest : no_digest, &right, ret_set))
		return DESK_CANNOT_JUDGE;

	if (!known)
		return DESK_NO_SUCH_DEVICE;
	if (!class)
		return DESK_NO_SUCH_CLASS;
	if (!right || missing)
		return DESK_CODE_WRONG;
	if (!type_is_right(a, class, &d, name))
		return DESK_OTHER_TYPE;
	return d.flags & DEVTABLE_DENIED ? DESK_IS_DENIED : DESK_RIGHT;
}
