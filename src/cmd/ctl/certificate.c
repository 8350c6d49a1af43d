#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/hex.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/moment.h"
#include "cmd/ctl/registry.h"
#include "crypto/pem.h"
#include "crypto/x509check.h"
#include "sys/neg.h"
#include "wire/certfile.h"

enum { CERT_STATES = CERT_PRELOADED + 1, CHAIN_PEM_MAX = 16 * 1024 };

struct listing {
	struct ctl *c;
	struct json json;
	uint64_t n, limit;
};

/* As openssl prints it: without leading zero bytes. */
static const char *serial_text(const struct store_cert *cert, char ret[2 * 16 + 1])
{
	size_t zeros = 0;

	hex_encode(cert->serial, sizeof(cert->serial), ret);
	while (zeros < sizeof(cert->serial) - 1 && cert->serial[zeros] == 0)
		zeros++;
	return ret + 2 * zeros;
}

static void row_json(struct json *j, const struct store_cert *cert)
{
	char mac[MAC_TEXT_SIZE], serial[2 * sizeof(cert->serial) + 1];

	json_object(j, NULL);
	json_text(j, "mac", mac_text(&cert->mac, mac));
	json_uint(j, "epoch", cert->epoch);
	json_text(j, "state", cert_state_name(cert->state));
	json_text(j, "serial", serial_text(cert, serial));
	json_text(j, "issuer", cert->issuer);
	json_time(j, "not_before", cert->not_before);
	json_time(j, "not_after", cert->not_after);
	json_time(j, "created", cert->created);
	json_end(j);
}

static int row(void *ctx, const struct store_cert *cert)
{
	struct listing *l = ctx;
	char mac[MAC_TEXT_SIZE], from[MOMENT_SIZE], to[MOMENT_SIZE];
	char serial[2 * sizeof(cert->serial) + 1];

	if (l->limit != 0 && l->n == l->limit)
		return 1;
	if (l->n++ == 0 && !l->c->json)
		(void)printf("%-17s  %5s  %-9s  %-10s  %-10s  %-32s  %s\n", "MAC",
			     "EPOCH", "STATE", "FROM", "TO", "SERIAL NUMBER", "ISSUER");
	if (l->c->json)
		return row_json(&l->json, cert), 0;
	(void)printf("%-17s  %5" PRIu32 "  %-9s  %-10s  %-10s  %-32s  ",
		     mac_text(&cert->mac, mac), cert->epoch,
		     cert_state_name(cert->state), moment_date(cert->not_before, from),
		     moment_date(cert->not_after, to), serial_text(cert, serial));
	put_safe(stdout, cert->issuer);
	(void)putchar('\n');
	return 0;
}

/* -1: no --state was given; -2 after a complaint. */
static int state_of(const struct ctl *c, const char *text)
{
	if (!text)
		return -1;
	for (int i = 0; i < CERT_STATES; i++) {
		if (strcmp(cert_state_name((enum cert_state)i), text) == 0)
			return i;
	}
	(void)ctl_usage(c, "\"%.40s\" is no state of a certificate", text);
	return -2;
}

int cmd_certificate_list(struct ctl *c, int argc, char **argv)
{
	struct listing l = { .c = c };
	const char *state_text = NULL;
	const struct option options[] = { { .name = "--state", .text = &state_text },
					  { .name = "--limit", .number = &l.limit },
					  { 0 } };
	struct store *s;
	int state, rc;

	if (ctl_args(c, argc, argv, options, 0, 0) < 0)
		return CTL_USAGE;
	state = state_of(c, state_text);
	if (state == -2)
		return CTL_USAGE;
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	if (c->json) {
		json_init(&l.json, stdout);
		json_object(&l.json, NULL);
		json_array(&l.json, "certificates");
	}
	rc = store_cert_each(s, state, row, &l);
	if (c->json) {
		json_end(&l.json);
		json_end(&l.json);
	}
	if (rc < 0)
		return registry_complain(c, "cannot list the certificates", rc);
	if (!c->json && l.n == 0)
		(void)fputs("no certificates\n", stderr);
	return CTL_DONE;
}

/* Append one certificate as PEM. */
static int put_pem(struct out *o, const uint8_t *der, size_t len)
{
	char *pem = NULL;
	int rc = pem_of("CERTIFICATE", der, len, &pem);

	if (rc == 0)
		out_str(o, pem);
	free(pem);
	return rc < 0 ? rc : o->full ? FC_EFULL : 0;
}

/* The manufacturer certificate travels in the device's file. */
static int put_manufacturer(struct ctl *c, struct store *s, const struct mac *mac,
			    struct out *o)
{
	char text[MAC_TEXT_SIZE];
	const uint8_t *p = NULL;
	struct certfile f;
	uint32_t epoch = 0;
	uint8_t set = 0;
	size_t len = 0;
	int rc = store_file_get(s, mac, &epoch, &set, &p, &len);

	if (rc < 0 && rc != FC_EABSENT)
		return registry_complain(c, "cannot read the device's file", rc);
	if (rc < 0 || certfile_parse(p, len, &f, NULL) != DEVICE_OK ||
	    !f.manufacturer.present)
		return ctl_fail("%s: its file has no manufacturer certificate; leave "
				"--chain out",
				mac_text(mac, text));
	rc = put_pem(o, f.manufacturer.value, f.manufacturer.len);
	return rc < 0 ? ctl_fail("%s: its manufacturer certificate: %s",
				 mac_text(mac, text), neg_text(rc))
		      : CTL_DONE;
}

static int export_one(struct ctl *c, const struct mac *mac, bool chain, struct out *o)
{
	struct store *s = registry_read(c);
	char text[MAC_TEXT_SIZE];
	struct store_cert cert;
	int rc;

	if (!s)
		return CTL_FAILED;
	rc = store_cert_latest(s, mac, &cert);
	if (rc == FC_EABSENT)
		return ctl_fail("%s has no certificate yet", mac_text(mac, text));
	if (rc < 0)
		return registry_complain(c, "cannot read the certificate", rc);
	rc = put_pem(o, cert.der, cert.der_len);
	if (rc < 0)
		return ctl_fail("%s: its certificate: %s", mac_text(mac, text),
				neg_text(rc));
	return chain ? put_manufacturer(c, s, mac, o) : CTL_DONE;
}

/* Reading the database may cost root's rights for good (registry.h), and the output
 * file is the caller's own: so a child reads, and hands the text over. */
static int export_by_child(struct ctl *c, const struct mac *mac, bool chain,
			   struct out *o)
{
	int fds[2], status = CTL_FAILED;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return ctl_fail("%s", strerror(errno));
	if (pid == 0) {
		(void)close(fds[0]);
		status = export_one(c, mac, chain, o);
		n = status == CTL_DONE ? write(fds[1], o->buf, o->len) : 0;
		_exit(n == (ssize_t)o->len ? status : CTL_FAILED);
	}
	(void)close(fds[1]);
	while ((n = read(fds[0], o->buf + o->len, o->cap - o->len)) > 0)
		o->len += (size_t)n;
	(void)close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return CTL_FAILED;
	return WEXITSTATUS(status);
}

int cmd_certificate_export(struct ctl *c, int argc, char **argv)
{
	const char *path = NULL;
	bool chain = false;
	const struct option options[] = { { .name = "--out", .text = &path },
					  { .name = "--chain", .on = &chain },
					  { 0 } };
	uint8_t pem[CHAIN_PEM_MAX];
	struct out o = out_of(pem, sizeof(pem));
	struct mac mac;
	struct json j;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    ctl_mac(c, argv[0], &mac) != CTL_DONE)
		return CTL_USAGE;
	if (export_by_child(c, &mac, chain, &o) != CTL_DONE)
		return CTL_FAILED;
	if (path)
		return ctl_write(path, o.buf, o.len, 0644);
	if (!c->json) {
		(void)fwrite(o.buf, 1, o.len, stdout);
		return CTL_DONE;
	}
	json_init(&j, stdout);
	json_object(&j, NULL);
	json_bytes(&j, "pem", o.buf, o.len);
	json_end(&j);
	return CTL_DONE;
}
