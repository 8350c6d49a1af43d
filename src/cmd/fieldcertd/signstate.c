#include "cmd/fieldcertd/signstate.h"

#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/secret.h"
#include "sys/log.h"

enum { SECRET_BITS_MIN = 128 }; /* N6 */

/* ---- the files ------------------------------------------------------------------ */

static void file_drop(struct signfile *f)
{
	secret_wipe(f->bytes, f->len);
	free(f->bytes);
	f->bytes = NULL;
}

static struct signfile *file_find(struct signfiles *f, enum ipc_secret_kind kind,
				  const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->file[i].kind == kind && !strcmp(f->file[i].name, name))
			return &f->file[i];
	return NULL;
}

int signfiles_put(struct signfiles *f, const struct ipc_secret *s, const char *name,
		  const uint8_t *bytes, size_t len, char why[CHILD_WHY_SIZE])
{
	enum ipc_secret_kind kind = (enum ipc_secret_kind)s->kind;
	struct signfile *file = file_find(f, kind, name);
	uint8_t *copy;

	if (!file && f->n == SIGNFILES_MAX) {
		(void)snprintf(why, CHILD_WHY_SIZE, "too many secrets and issuers");
		return FC_EFULL;
	}
	copy = malloc(len + 1);
	if (!copy) {
		(void)snprintf(why, CHILD_WHY_SIZE, "out of memory");
		return FC_EFULL;
	}
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	if (file)
		file_drop(file);
	else
		file = &f->file[f->n++];
	file->kind = kind;
	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	file->bytes = copy;
	file->len = len;
	return 0;
}

void signfiles_clear(struct signfiles *f)
{
	while (f->n > 0)
		file_drop(&f->file[--f->n]);
}

static const struct signfile *need(const struct signfiles *f, enum ipc_secret_kind kind,
				   const char *name, const char *path,
				   char why[CHILD_WHY_SIZE])
{
	for (size_t i = 0; i < f->n; i++)
		if (f->file[i].kind == kind && !strcmp(f->file[i].name, name))
			return &f->file[i];
	(void)snprintf(why, CHILD_WHY_SIZE, "%s was not handed over", path);
	return NULL;
}

/* ---- the state ------------------------------------------------------------------- */

/* One line of 64 hex digits. */
static int read_storage(struct signstate *s, const struct conf *conf,
			const struct signfiles *f, char why[CHILD_WHY_SIZE])
{
	const struct signfile *file =
		need(f, IPC_SECRET_STORAGE, "", conf->storage_key, why);
	struct auth_secret line = { 0 };
	int rc;

	if (!file)
		return FC_ECONF;
	rc = auth_secret_from_line(file->bytes, file->len, &line);
	if (!rc)
		rc = hex_decode(line.s, line.len, s->storage, sizeof(s->storage));
	secret_wipe(&line, sizeof(line));
	if (rc)
		(void)snprintf(why, CHILD_WHY_SIZE,
			       "storage key %s: not a line of 64 hex digits",
			       conf->storage_key);
	return rc;
}

static int read_set(struct signstate *s, const struct conf_secrets *set,
		    const struct signfiles *f, char why[CHILD_WHY_SIZE])
{
	const struct signfile *file =
		need(f, IPC_SECRET_KEYBOX, set->name, set->keybox, why);
	const char *wrong;
	unsigned line, bits;

	if (!file)
		return FC_ECONF;
	if (secretset_new(set->kind, file->bytes, file->len, &s->keybox[set->set],
			  &wrong, &line)) {
		(void)snprintf(why, CHILD_WHY_SIZE, "secrets '%s', %s line %u: %s",
			       set->name, set->keybox, line, wrong);
		return FC_ECONF;
	}
	bits = secretset_bits(s->keybox[set->set]);
	if (bits < SECRET_BITS_MIN)
		log_warning("event=weak-secret set=\"%s\" file=\"%s\" bits=%u "
			    "wanted=%d",
			    set->name, set->keybox, bits, SECRET_BITS_MIN);
	return 0;
}

static int read_pair(const struct conf_issuer *c, const struct signfiles *f, bool root,
		     struct x509_issuer **ret, char why[CHILD_WHY_SIZE])
{
	const char *cert_path = root ? c->root_certificate : c->certificate;
	const char *key_path = root ? c->root_key : c->key;
	const struct signfile *cert =
		need(f, root ? IPC_SECRET_ROOT_CERT : IPC_SECRET_ISSUER_CERT, c->name,
		     cert_path, why);
	const struct signfile *key =
		cert ? need(f, root ? IPC_SECRET_ROOT_KEY : IPC_SECRET_ISSUER_KEY,
			    c->name, key_path, why)
		     : NULL;
	const char *wrong;

	if (!key)
		return FC_ECONF;
	if (!x509_issuer_new(cert->bytes, cert->len, key->bytes, key->len, ret, &wrong))
		return 0;
	(void)snprintf(why, CHILD_WHY_SIZE, "issuer '%s': %s (%s, %s)", c->name, wrong,
		       cert_path, key_path);
	return FC_ECONF;
}

static int read_issuer(struct signissuer *i, const struct conf_issuer *c,
		       const struct signfiles *f, char why[CHILD_WHY_SIZE])
{
	i->conf = c;
	if (c->certificate)
		return read_pair(c, f, false, &i->ready, why);
	return read_pair(c, f, true, &i->root, why);
}

int signstate_new(struct conf *conf, const struct signfiles *f, struct signstate **ret,
		  char why[CHILD_WHY_SIZE])
{
	struct signstate *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		(void)snprintf(why, CHILD_WHY_SIZE, "out of memory");
		return FC_EFULL;
	}
	rc = read_storage(s, conf, f, why);
	for (size_t i = 0; !rc && i < conf->n_secrets; i++)
		rc = read_set(s, &conf->secrets[i], f, why);
	for (size_t i = 0; !rc && i < conf->n_issuers; i++)
		rc = read_issuer(&s->issuers[i], &conf->issuers[i], f, why);
	if (rc) {
		signstate_free(s);
		return rc;
	}
	s->conf = conf;
	*ret = s;
	return 0;
}

void signstate_free(struct signstate *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SIGNSTATE_SET_COUNT; i++)
		secretset_free(s->keybox[i]);
	for (size_t i = 0; i < CONF_ISSUERS_MAX; i++) {
		x509_issuer_free(s->issuers[i].ready);
		x509_issuer_free(s->issuers[i].root);
	}
	conf_free(s->conf);
	secret_wipe(s, sizeof(*s));
	free(s);
}

static bool same_cert(const struct x509_issuer *a, const struct x509_issuer *b)
{
	size_t a_len, b_len;
	const uint8_t *x, *y;

	if (!a || !b)
		return false;
	x = x509_issuer_cert(a, &a_len);
	y = x509_issuer_cert(b, &b_len);
	return a_len == b_len && !memcmp(x, y, a_len);
}

void signstate_inherit(struct signstate *s, struct signstate *old)
{
	for (size_t i = 0; i < s->conf->n_issuers; i++) {
		const char *name = s->issuers[i].conf->name;
		const struct ipc_blob blob = { (const uint8_t *)name, strlen(name) };
		struct signissuer *was = signstate_issuer(old, &blob);

		if (s->issuers[i].ready || !was ||
		    !same_cert(was->root, s->issuers[i].root))
			continue;
		s->issuers[i].ready = was->ready;
		was->ready = NULL;
	}
}

void signstate_forget_made(struct signstate *s)
{
	for (size_t i = 0; i < s->conf->n_issuers; i++) {
		if (!s->issuers[i].root)
			continue;
		x509_issuer_free(s->issuers[i].ready);
		s->issuers[i].ready = NULL;
	}
}

struct signissuer *signstate_issuer(struct signstate *s, const struct ipc_blob *name)
{
	for (size_t i = 0; i < s->conf->n_issuers; i++) {
		const char *n = s->issuers[i].conf->name;

		if (strlen(n) == name->len && name->len &&
		    !memcmp(n, name->p, name->len))
			return &s->issuers[i];
	}
	return NULL;
}
