#include "cmd/fieldcertd/estate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/check.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/udp.h"

enum {
	CONF_TEXT_MAX = 4 * 1024 * 1024,
	/* After a power cut a fleet's requests come within seconds: 4 MiB hold some
	 * ten thousand of them while a front is busy. */
	RECEIVE_BUFFER = 4 * 1024 * 1024,
	TRANSFER_BUFFER = 1024 * 1024
};

/* ---- the configuration ------------------------------------------------------- */

static void log_lines(char *text)
{
	char *rest = text, *line, *quote;

	while ((quote = strchr(text, '"')) != NULL)
		*quote = '\''; /* they stand between such quotes themselves */
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			log_error("event=configuration why=\"%s\"", line);
}

static int seal_text(const uint8_t *text, size_t len)
{
	int fd = memfd_create("fieldcertd.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
		rc = errno != 0 ? -errno : -EIO;
		(void)close(fd);
		return rc;
	}
	return fd;
}

static int open_one(struct estate *e, enum ipc_secret_kind kind, const char *name,
		    const char *path, bool private)
{
	struct estate_file *f = &e->files[e->n_files];
	int fd, rc;

	if (path == NULL)
		return 0;
	fd = file_open(path);
	rc = fd < 0 ? fd : private ? file_is_private(fd) : 0;
	if (rc < 0) {
		log_error("event=open path=\"%s\" why=\"%s\"", path, strerror(-rc));
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	*f = (struct estate_file){ .kind = kind, .name = name, .fd = fd };
	e->n_files++;
	return 0;
}

/* Opened, not read: the children do that. */
static int open_files(struct estate *e)
{
	const struct conf *c = e->conf;
	int rc;

	e->files = calloc(1 + 3 * c->n_secrets + 4 * c->n_issuers, sizeof(*e->files));
	if (e->files == NULL)
		return -ENOMEM;
	rc = open_one(e, IPC_SECRET_STORAGE, "", c->storage_key, true);
	for (size_t i = 0; i < c->n_secrets && rc == 0; i++) {
		const struct conf_secrets *s = &c->secrets[i];

		if ((rc = open_one(e, IPC_SECRET_REQUEST, s->name, s->request, true)) <
			    0 ||
		    (rc = open_one(e, IPC_SECRET_CONFIRM, s->name, s->confirm, true)) <
			    0)
			break;
		rc = open_one(e, IPC_SECRET_KEYBOX, s->name, s->keybox, true);
	}
	for (size_t i = 0; i < c->n_issuers && rc == 0; i++) {
		const struct conf_issuer *s = &c->issuers[i];

		if ((rc = open_one(e, IPC_SECRET_ISSUER_CERT, s->name, s->certificate,
				   false)) < 0 ||
		    (rc = open_one(e, IPC_SECRET_ISSUER_KEY, s->name, s->key, true)) <
			    0 ||
		    (rc = open_one(e, IPC_SECRET_ROOT_CERT, s->name,
				   s->root_certificate, false)) < 0)
			break;
		rc = open_one(e, IPC_SECRET_ROOT_KEY, s->name, s->root_key, true);
	}
	return rc;
}

int estate_load(const char *path, struct estate *ret)
{
	struct estate e = { .text_fd = -1 };
	uint8_t *text = NULL;
	size_t len;
	char *errors;
	int rc = file_read(path, CONF_TEXT_MAX, &text, &len);

	if (rc < 0) {
		log_error("event=configuration path=\"%s\" why=\"%s\"", path,
			  strerror(-rc));
		return rc;
	}
	rc = conf_parse(path, (const char *)text, len, &e.conf, &errors);
	if (rc < 0) {
		log_lines(errors);
		free(errors);
		goto out;
	}
	rc = e.text_fd = seal_text(text, len);
	if (rc < 0 || (rc = check_apart(e.conf)) < 0)
		goto out;
	rc = open_files(&e);
out:
	free(text);
	if (rc < 0) {
		estate_release(&e);
		return rc;
	}
	*ret = e;
	return 0;
}

void estate_release(struct estate *e)
{
	for (size_t i = 0; i < e->n_files; i++)
		(void)close(e->files[i].fd);
	free(e->files);
	if (e->text_fd >= 0)
		(void)close(e->text_fd);
	conf_free(e->conf);
	*e = (struct estate){ .text_fd = -1 };
}

static bool unchanged(bool same, const char *setting)
{
	if (!same)
		log_error(
			"event=reload setting=%s why=\"it differs, and can only change "
			"with a restart\"",
			setting);
	return same;
}

static bool same_listen(const struct conf *a, const struct conf *b)
{
	if (a->n_listen != b->n_listen)
		return false;
	for (size_t i = 0; i < a->n_listen; i++)
		if (strcmp(a->listen[i].host, b->listen[i].host) != 0 ||
		    a->listen[i].port != b->listen[i].port)
			return false;
	return true;
}

bool estate_may_replace(const struct conf *old, const struct conf *new)
{
	bool ok = unchanged(same_listen(old, new), "listen");

	ok &= unchanged(old->single_port == new->single_port, "single-port");
	ok &= unchanged(old->transfer_port_min == new->transfer_port_min &&
				old->transfer_port_max == new->transfer_port_max,
			"transfer-ports");
	ok &= unchanged(old->transfer_sockets == new->transfer_sockets,
			"transfer-sockets");
	ok &= unchanged(old->transfers_max == new->transfers_max, "transfers-max");
	ok &= unchanged(strcmp(old->database, new->database) == 0, "database");
	ok &= unchanged(strcmp(old->control, new->control) == 0, "control");
	ok &= unchanged(old->uid_base == new->uid_base, "uid-base");
	ok &= unchanged(old->fronts == new->fronts, "fronts");
	ok &= unchanged(old->signers == new->signers, "signers");
	return ok;
}

/* ---- sockets ------------------------------------------------------------------ */

static void warn_of_buffer(int granted)
{
	static bool warned;

	if (granted >= RECEIVE_BUFFER || warned)
		return;
	warned = true;
	log_warning("event=receive-buffer bytes=%d wanted=%d why=\"requests may be "
		    "lost when "
		    "a fleet returns at once; sysctl -w net.core.rmem_max=%d\"",
		    granted, RECEIVE_BUFFER, RECEIVE_BUFFER);
}

static int bind_one(struct estate_sockets *s, const struct conf_listen *l,
		    uint16_t port, int buffer, bool share, struct estate_socket what)
{
	int granted, rc = udp_bind(l->host, port, buffer, share, &what.fd, &granted);

	if (rc < 0)
		return rc;
	if (what.message.transfer == 0)
		warn_of_buffer(granted);
	s->at[s->n++] = what;
	return 0;
}

/* The transfer sockets of one front at one address. *next is the first port of the
 * range that was not tried yet: one in use by somebody else is passed over. */
static int bind_transfers(struct estate_sockets *s, const struct conf *c,
			  size_t listener, unsigned front, unsigned *next)
{
	const struct conf_listen *l = &c->listen[listener];
	struct estate_socket what = { .front = front,
				      .message = { .transfer = 1,
						   .listener = (uint16_t)listener } };

	for (unsigned done = 0; done < c->transfer_sockets;) {
		uint16_t port = c->transfer_port_min == 0 ? 0 : (uint16_t)*next;
		int rc;

		if (port != 0 && *next > c->transfer_port_max) {
			log_error("event=bind address=%s ports=%u-%u why=\"too many of "
				  "these "
				  "ports are in use\"",
				  l->host, c->transfer_port_min, c->transfer_port_max);
			return -EADDRINUSE;
		}
		*next += 1;
		rc = bind_one(s, l, port, TRANSFER_BUFFER, false, what);
		if (rc < 0 && (rc != -EADDRINUSE || port == 0)) {
			log_error("event=bind address=%s port=%u why=\"%s\"", l->host,
				  port, strerror(-rc));
			return rc;
		}
		done += rc == 0;
	}
	return 0;
}

static int bind_listener(struct estate_sockets *s, const struct conf *c,
			 size_t listener)
{
	const struct conf_listen *l = &c->listen[listener];
	unsigned next = c->transfer_port_min;
	uint16_t port = l->port;
	int rc = 0;

	for (unsigned f = 0; f < c->fronts && rc == 0; f++) {
		struct estate_socket what = { .front = f,
					      .message.listener = (uint16_t)listener };

		rc = bind_one(s, l, port, RECEIVE_BUFFER, c->fronts > 1, what);
		if (rc < 0) {
			log_error("event=bind address=%s port=%u why=\"%s\"%s", l->host,
				  port, strerror(-rc),
				  rc == -EACCES
					  ? " hint=\"ports below 1024 are root's\""
					  : "");
			return rc;
		}
		if (port == 0) { /* the kernel chose one: the other fronts share it */
			struct udp_addr a;

			if ((rc = udp_local(s->at[s->n - 1].fd, &a)) < 0)
				return rc;
			port = a.port;
		}
		if (!c->single_port)
			rc = bind_transfers(s, c, listener, f, &next);
	}
	return rc;
}

int estate_bind(const struct conf *c, struct estate_sockets *ret)
{
	struct estate_sockets s = { 0 };
	int rc = 0;

	s.at = calloc(c->n_listen * c->fronts * (1 + c->transfer_sockets),
		      sizeof(*s.at));
	if (s.at == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_listen && rc == 0; i++)
		rc = bind_listener(&s, c, i);
	if (rc < 0) {
		estate_unbind(&s);
		return rc;
	}
	*ret = s;
	return 0;
}

void estate_unbind(struct estate_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		(void)close(s->at[i].fd);
	free(s->at);
	*s = (struct estate_sockets){ 0 };
}

void estate_addresses(const struct estate_sockets *s, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		struct udp_addr a;
		char text[64];
		int n;

		if (s->at[i].message.transfer != 0 || s->at[i].front != 0 ||
		    udp_local(s->at[i].fd, &a) < 0)
			continue;
		n = snprintf(ret + len, size - len, "%s%s", len > 0 ? "," : "",
			     udp_addr_text(&a, text));
		if (n < 0 || (size_t)n >= size - len)
			return;
		len += (size_t)n;
	}
}
