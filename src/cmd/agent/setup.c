#include "cmd/agent/setup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/secret.h"
#include "cmd/agent/port.h"
#include "crypto/privatekey.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/neg.h"

enum { SMALL_FILE_MAX = 64 * 1024, SECRET_BITS_MIN = 128 };

#define wrong(...) (say(__VA_ARGS__), FC_ECONF)

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("fieldcert-agent: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
}

static int cannot_read(const char *path, int rc)
{
	if (rc == -EACCES)
		return wrong("%s: permission denied, or others may read it: make it "
			     "readable by its owner alone (chmod 600)",
			     path);
	return wrong("%s: %s", path, neg_text(rc));
}

/* A file that must be its owner's alone. */
static int read_private(const char *path, uint8_t **ret, size_t *ret_len)
{
	int fd = file_open(path), rc;

	if (fd < 0)
		return cannot_read(path, fd);
	rc = file_is_private(fd);
	if (rc == 0)
		rc = file_read_fd(fd, SMALL_FILE_MAX, ret, ret_len);
	(void)close(fd);
	return rc != 0 ? cannot_read(path, rc) : 0;
}

static void drop(uint8_t *p, size_t len)
{
	secret_wipe(p, len);
	free(p);
}

/* ----------------------------------------------------------------------- secrets */

static int read_secret(const struct setup *s, const char *path, struct auth_secret *ret)
{
	struct auth_secret line;
	uint8_t *p;
	size_t len;
	int rc = read_private(path, &p, &len);

	if (rc < 0)
		return rc;
	rc = auth_secret_from_line(p, len, &line);
	drop(p, len);
	if (rc < 0)
		return wrong("%s: a secret is one line of 1 to %d bytes", path,
			     SECRET_MAX);
	if (secret_bits(line.s, line.len) < SECRET_BITS_MIN)
		log_warning("event=weak-secret file=%s at-least-bits=%d", path,
			    SECRET_BITS_MIN);
	if (s->conf->secrets_derived)
		rc = auth_secret_derive(&line, &s->agent.mac, ret);
	else
		*ret = line;
	secret_wipe(&line, sizeof(line));
	return rc < 0 ? wrong("%s: the secret cannot be derived", path) : 0;
}

static int read_secrets(struct setup *s)
{
	const struct agentconf *c = s->conf;
	int rc = read_secret(s, c->request, &s->secrets[0]);

	if (rc == 0)
		rc = read_secret(s, c->confirm, &s->secrets[1]);
	if (rc == 0 && c->keybox != NULL)
		rc = read_secret(s, c->keybox, &s->secrets[2]);
	s->agent.secret1 = &s->secrets[0];
	s->agent.secret2 = &s->secrets[1];
	s->agent.secret3 = c->keybox != NULL ? &s->secrets[2] : NULL;
	return rc;
}

/* ------------------------------------------------------------------- certificates */

static struct x509_bytes keep(struct setup *s, uint8_t *p, size_t len)
{
	s->lists[s->n_lists++] = p;
	return (struct x509_bytes){ p, len };
}

static int read_root(struct setup *s, const char *path)
{
	struct x509_trust *t = &s->agent.trust;
	struct x509_facts facts;
	uint8_t *p, *der;
	size_t len, der_len;
	int rc = file_read(path, SMALL_FILE_MAX, &p, &len);

	if (rc < 0)
		return cannot_read(path, rc);
	if (x509_facts_of(p, len, &facts) == 0) {
		t->roots[t->n_roots++] = keep(s, p, len);
		return 0;
	}
	rc = x509_from_pem(p, len, &der, &der_len);
	free(p);
	if (rc < 0)
		return wrong("%s: not a certificate, neither PEM nor DER", path);
	t->roots[t->n_roots++] = keep(s, der, der_len);
	return 0;
}

static int read_public(const char *path, uint8_t *ret, size_t cap, size_t *ret_len)
{
	const char *why = "not a public key";
	uint8_t *p;
	size_t len;
	int rc = file_read(path, SMALL_FILE_MAX, &p, &len);

	if (rc < 0)
		return cannot_read(path, rc);
	rc = public_key_parse(p, len, ret, cap, ret_len, &why);
	free(p);
	return rc < 0 ? wrong("%s: %s", path, why) : 0;
}

static int read_manufacturer_key(struct setup *s, const char *path)
{
	struct x509_trust *t = &s->agent.trust;
	uint8_t spki[AGENT_SPKI_MAX], *copy;
	size_t len;
	int rc = read_public(path, spki, sizeof(spki), &len);

	if (rc < 0)
		return rc;
	copy = malloc(len);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, spki, len);
	t->keys[t->n_keys++] = keep(s, copy, len);
	return 0;
}

static int read_trust(struct setup *s)
{
	const struct agentconf *c = s->conf;
	struct x509_trust *t = &s->agent.trust;
	int rc = 0;

	for (size_t i = 0; i < c->roots.n && rc == 0; i++)
		rc = read_root(s, c->roots.v[i]);
	for (size_t i = 0; i < c->manufacturer_keys.n && rc == 0; i++)
		rc = read_manufacturer_key(s, c->manufacturer_keys.v[i]);
	for (size_t i = 0; i < c->manufacturer_names.n; i++)
		t->names[t->n_names++] = c->manufacturer_names.v[i];
	return rc;
}

static int read_key(struct setup *s)
{
	const char *path = s->conf->key;
	uint8_t *p;
	size_t len;
	int rc;

	if (path != NULL) {
		rc = read_private(path, &p, &len);
		if (rc < 0)
			return rc;
		rc = private_key_read(p, len, s->pkcs8, sizeof(s->pkcs8), &s->pkcs8_len,
				      s->public_key, sizeof(s->public_key),
				      &s->public_key_len);
		drop(p, len);
		if (rc < 0)
			return wrong("%s: not an unencrypted RSA or P-256 private key, "
				     "PEM or DER",
				     path);
		s->agent.key = (struct x509_bytes){ s->pkcs8, s->pkcs8_len };
	}
	if (s->conf->public_key != NULL) {
		rc = read_public(s->conf->public_key, s->public_key,
				 sizeof(s->public_key), &s->public_key_len);
		if (rc < 0)
			return rc;
	}
	s->agent.public_key = (struct x509_bytes){ s->public_key, s->public_key_len };
	return 0;
}

/* ------------------------------------------------------------------ codes, identity */

static int set_codes(struct setup *s)
{
	const struct agentconf *c = s->conf;
	int hash = auth_hash_by_name(c->hash);
	unsigned bits;

	if (hash == FC_EUNKNOWN)
		return wrong(
			"%s:%u: hash '%s': OpenSSL has it no more, and it was broken "
			"long ago: write sha1 or, for new devices, hmac-sha256",
			c->path, c->hash_line, c->hash);
	if (hash < 0)
		return wrong(
			"%s:%u: hash '%s' is not known: write md5, sha1, sha256, "
			"sha384, sha512, sha3-256, sha3-384, sha3-512 or hmac-sha256",
			c->path, c->hash_line, c->hash);
	bits = auth_hash_bits((enum auth_hash)hash);
	if (c->code_bits > bits)
		return wrong(
			"%s:%u: code-bits %u is more than %s gives: write at most %u",
			c->path, c->code_bits_line, c->code_bits, c->hash, bits);
	s->agent.codes = (struct auth_spec){ .hash = (enum auth_hash)hash,
					     .bits = c->code_bits,
					     .request_serial = c->request_serial,
					     .confirm_code = c->confirm_code,
					     .bound = c->bound };
	return 0;
}

static int set_identity(struct setup *s, const struct setup_words *w)
{
	const struct agentconf *c = s->conf;
	struct agent_config *a = &s->agent;

	memcpy(a->type, c->type, sizeof(a->type));
	a->mac = c->mac;
	if (w->mac != NULL &&
	    (mac_parse(w->mac, strlen(w->mac), &a->mac) < 0 || !mac_is_device(&a->mac)))
		return wrong("--mac '%s' is not a device's MAC address, like "
			     "00:10:4B:AB:CD:EF",
			     w->mac);
	if (w->mac == NULL && !c->has_mac)
		return wrong(
			"%s: which modem is it? Write mac = \"00:10:4B:AB:CD:EF\", or "
			"give --mac",
			c->path);
	a->serial = w->serial != NULL ? w->serial : c->serial;
	if (a->serial == NULL && (c->request_serial || c->keybox != NULL))
		return wrong(
			"%s: the modem's serial number goes into its codes and keys: "
			"write serial = \"…\", or give --serial",
			c->path);
	if (a->serial == NULL)
		a->serial = "";
	a->serial_len = strlen(a->serial);
	if (a->serial_len > AGENTCONF_SERIAL_MAX)
		return wrong("--serial has more than %d characters",
			     AGENTCONF_SERIAL_MAX);
	return 0;
}

static void set_schedule(struct setup *s)
{
	const struct agentconf *c = s->conf;
	struct enrol_config *e = &s->agent.schedule;

	*e = (struct enrol_config){
		.n_retry = c->retry.n,
		.long_wait_ms = c->long_wait_ms,
		.announced_min_ms = c->announced_min_ms,
		.n_confirm = c->confirm_timeouts.n,
		.start_spread_ms = c->start_spread_ms,
		.examine_ms = c->examine_ms,
		.guard_ms = 5 * 60 * 1000, /* above any transfer's total_ms */
		.jitter_percent = c->jitter_percent,
		.restart = c->restart,
	};
	memcpy(e->retry_ms, c->retry.ms, c->retry.n * sizeof(e->retry_ms[0]));
	memcpy(e->confirm_ms, c->confirm_timeouts.ms,
	       c->confirm_timeouts.n * sizeof(e->confirm_ms[0]));
	s->agent.renew_before_s = (int64_t)c->renew_before_days * 86400;
	s->agent.transfer = (struct fetch_config){
		.blksize = c->blksize,
		.windowsize = c->windowsize,
		.tsize = c->blksize > 0 || c->windowsize > 0,
		.rto_ms = 1000,
		.rto_max_ms = 4000,
		.request_tries = 4,
		.tries = 4,
		.restarts = 1,
		.total_ms = 2 * 60 * 1000,
		.dally_ms = 5000,
	};
}

int setup_read(struct setup *s, const char *path, const struct setup_words *words)
{
	char *errors = NULL;
	uint8_t *text;
	size_t len;
	int rc;

	static_assert((int)AGENTCONF_WAITS_MAX <= (int)ENROL_RETRY_MAX &&
			      (int)AGENTCONF_WAITS_MAX <= (int)ENROL_CONFIRM_MAX,
		      "every wait that can be written has its place");
	static_assert((int)AGENTCONF_LIST_MAX < (int)X509_LIST_MAX,
		      "a link certificate has its place too");
	memset(s, 0, sizeof(*s));
	rc = file_read(path, SMALL_FILE_MAX, &text, &len);
	if (rc < 0)
		return cannot_read(path, rc) < 0 ? FC_ECONF : rc;
	rc = agentconf_parse(path, (const char *)text, len, &s->conf, &errors);
	free(text);
	if (rc < 0) {
		(void)fputs(errors != NULL ? errors : "out of memory\n", stderr);
		free(errors);
		return rc;
	}
	if ((rc = set_identity(s, words)) < 0 || (rc = set_codes(s)) < 0)
		return rc;
	set_schedule(s);
	rc = port_addr(s->conf->server_host, s->conf->server_port, &s->agent.server);
	if (rc < 0)
		return wrong("%s: server '%s' is no address", path,
			     s->conf->server_host);
	if ((rc = read_secrets(s)) < 0 || (rc = read_trust(s)) < 0)
		return rc;
	return read_key(s);
}

void setup_release(struct setup *s)
{
	for (size_t i = 0; i < s->n_lists; i++)
		free(s->lists[i]);
	agentconf_free(s->conf);
	secret_wipe(s, sizeof(*s));
}
