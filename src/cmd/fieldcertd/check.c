#include "cmd/fieldcertd/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/secret.h"
#include "cmd/shared/secretset.h"
#include "crypto/x509issue.h"
#include "sys/file.h"
#include "sys/log.h"

enum {
	SECRET_FILE_MAX = 128 * 1024 * 1024,
	PEM_FILE_MAX = 64 * 1024,
	STRENGTH_MIN_BITS = 128, /* N6 */
	STORAGE_KEY_LEN = 32,
	FINDING_SIZE = 1024
};

struct check {
	check_fn *report;
	unsigned wrong;
};

__attribute__((format(printf, 3, 4))) static void find(struct check *k, bool wrong,
						       const char *fmt, ...)
{
	char text[FINDING_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->wrong += wrong;
	k->report(wrong, text);
}

struct bytes {
	uint8_t *p; /* NULL: could not be read, and that was reported */
	size_t len;
};

static void wipe(struct bytes *b)
{
	if (b->p != NULL)
		secret_wipe(b->p, b->len);
	free(b->p);
}

static struct bytes read_file(struct check *k, const char *what, const char *path,
			      size_t max, bool private)
{
	struct bytes b = { 0 };
	int fd = file_open(path), rc = 0;

	if (fd < 0) {
		find(k, true, "%s: %s: %s", what, path,
		     fd == -ESPIPE ? "a pipe is no file" : strerror(-fd));
		return b;
	}
	if (private && (rc = file_is_private(fd)) == -EACCES)
		find(k, true, "%s: %s is readable by others; chmod 600 %s", what, path,
		     path);
	if (rc == 0)
		rc = file_read_fd(fd, max, &b.p, &b.len);
	if (rc < 0 && rc != -EACCES)
		find(k, true, "%s: %s: %s", what, path, strerror(-rc));
	(void)close(fd);
	return b;
}

static void check_strings(struct check *k, const struct conf_secrets *s,
			  const char *what, const char *path, const struct bytes *b)
{
	struct secretset *set;
	const char *why;
	unsigned line, bits;

	if (b->p == NULL)
		return;
	if (secretset_new(s->kind, b->p, b->len, &set, &why, &line) < 0) {
		find(k, true, "%s: %s, line %u: %s", what, path, line, why);
		return;
	}
	bits = secretset_bits(set);
	if (bits < STRENGTH_MIN_BITS)
		find(k, false,
		     "%s: %s has a secret of about %u bits; less than %d can be "
		     "guessed, "
		     "32 random bytes in hexadecimal are right",
		     what, path, bits, STRENGTH_MIN_BITS);
	secretset_free(set);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
	return a->p != NULL && b->p != NULL && a->len == b->len &&
	       secret_equal(a->p, b->p, a->len);
}

static void check_secrets(struct check *k, const struct conf_secrets *s)
{
	const char *const paths[] = { s->request, s->confirm, s->keybox };
	static const char *const uses[] = { "request", "confirm", "keybox" };
	struct bytes b[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		char what[128];

		(void)snprintf(what, sizeof(what), "secrets '%s': %s", s->name,
			       uses[i]);
		b[i] = read_file(k, what, paths[i], SECRET_FILE_MAX, true);
		check_strings(k, s, what, paths[i], &b[i]);
	}
	for (int i = 0; i < 3; i++)
		if (same(&b[i], &b[(i + 1) % 3]))
			find(k, true,
			     "secrets '%s': %s and %s hold the same; they must be "
			     "different "
			     "strings",
			     s->name, uses[i], uses[(i + 1) % 3]);
	for (int i = 0; i < 3; i++)
		wipe(&b[i]);
}

static void check_storage_key(struct check *k, const char *path)
{
	struct bytes b = read_file(k, "storage-key", path, 4096, true);
	uint8_t key[STORAGE_KEY_LEN];
	size_t len = b.len;

	if (b.p == NULL)
		return;
	while (len > 0 && (b.p[len - 1] == '\n' || b.p[len - 1] == '\r'))
		len--;
	if (hex_decode((const char *)b.p, len, key, sizeof(key)) < 0)
		find(k, true,
		     "storage-key: %s is not one line of %d hexadecimal digits", path,
		     2 * STORAGE_KEY_LEN);
	secret_wipe(key, sizeof(key));
	wipe(&b);
}

static void check_issuer(struct check *k, const struct conf_issuer *s)
{
	bool root = s->root_certificate != NULL;
	const char *cert_path = root ? s->root_certificate : s->certificate;
	const char *key_path = root ? s->root_key : s->key, *why;
	struct bytes cert, key;
	struct x509_issuer *issuer;
	char what[128];

	(void)snprintf(what, sizeof(what), "issuer '%s'", s->name);
	cert = read_file(k, what, cert_path, PEM_FILE_MAX, false);
	key = read_file(k, what, key_path, PEM_FILE_MAX, true);
	if (cert.p != NULL && key.p != NULL) {
		if (x509_issuer_new(cert.p, cert.len, key.p, key.len, &issuer, &why) <
		    0)
			find(k, true, "%s: %s and %s: %s", what, cert_path, key_path,
			     why);
		else
			x509_issuer_free(issuer);
	}
	wipe(&cert);
	wipe(&key);
}

unsigned check_files(const struct conf *c, check_fn *report)
{
	struct check k = { .report = report };

	for (size_t i = 0; i < c->n_secrets; i++)
		check_secrets(&k, &c->secrets[i]);
	check_storage_key(&k, c->storage_key);
	for (size_t i = 0; i < c->n_issuers; i++)
		check_issuer(&k, &c->issuers[i]);
	return k.wrong;
}

/* Who uses a weak secret warns about it. */
static void to_log(bool wrong, const char *text)
{
	if (wrong)
		log_error("event=check why=\"%s\"", text);
}

int check_apart(const struct conf *c)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(check_files(c, to_log) > 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : FC_ECONF;
}
