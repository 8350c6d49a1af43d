#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/moment.h"
#include "cmd/ctl/registry.h"
#include "crypto/spki.h"
#include "crypto/x509check.h"
#include "sys/clock.h"
#include "sys/neg.h"
#include "wire/certfile.h"

enum {
	EVENTS_DEFAULT = 10,
	EVENTS_MAX = 1000,
	EVENTS_READ_MIN = 100,
	KEY_WORDS_SIZE = 64,
	KIND_WIDTH = 13
};

/* All that is to be shown, read before the first line is printed. */
struct device_view {
	struct ctl *c;
	struct store_device d;
	struct x509_facts cert;
	bool has_cert;
	enum cert_state cert_state;
	uint32_t cert_epoch, file_epoch;
	size_t file_len; /* 0: there is none */
	uint8_t file_set;
	struct store_event *events; /* newest first */
	uint32_t n_events, cap_events;
	struct store_event delivered, confirmed; /* the newest; time 0: none */
	int64_t now;
};

/* ---- reading ------------------------------------------------------------------ */

static int take_event(void *ctx, const struct store_event *e)
{
	struct device_view *v = ctx;

	if (v->delivered.time == 0 && strcmp(e->kind, "delivered") == 0)
		v->delivered = *e;
	if (v->confirmed.time == 0 && strcmp(e->kind, "confirmed") == 0)
		v->confirmed = *e;
	if (v->n_events < v->cap_events)
		v->events[v->n_events++] = *e;
	return 0;
}

static int read_certificate(struct device_view *v, struct store *s)
{
	struct store_cert cert;
	const uint8_t *file;
	int rc = store_cert_latest(s, &v->d.mac, &cert);

	if (rc == 0) {
		v->has_cert = x509_facts_of(cert.der, cert.der_len, &v->cert) == 0;
		v->cert_state = cert.state;
		v->cert_epoch = cert.epoch;
	}
	if (rc < 0 && rc != FC_EABSENT)
		return rc;
	rc = store_file_get(s, &v->d.mac, &v->file_epoch, &v->file_set, &file,
			    &v->file_len);
	if (rc == FC_EABSENT) {
		v->file_len = 0;
		return 0;
	}
	return rc;
}

static int read_all(struct device_view *v, const struct mac *mac, uint32_t events)
{
	struct store *s = registry_read(v->c);
	char text[MAC_TEXT_SIZE];
	uint32_t read = events < EVENTS_READ_MIN ? EVENTS_READ_MIN : events;
	int rc;

	if (!s)
		return CTL_FAILED;
	rc = store_device_get(s, mac, &v->d);
	if (rc == FC_EABSENT)
		return ctl_fail("%s is not in the registry; 'fieldcertctl device add' "
				"puts it there",
				mac_text(mac, text));
	v->events = calloc(events > 0 ? events : 1, sizeof(*v->events));
	v->cap_events = events;
	if (!v->events)
		return ctl_fail("%s", neg_text(FC_EFULL));
	if (rc == 0)
		rc = read_certificate(v, s);
	if (rc == 0)
		rc = store_event_each(s, mac, read, take_event, v);
	return rc < 0 ? registry_complain(v->c, "cannot read the device", rc)
		      : CTL_DONE;
}

/* ---- in words ------------------------------------------------------------------ */

static const char *state_words(const struct store_device *d)
{
	if (d->denied)
		return "denied: whatever code it brings, it is refused";
	switch (d->state) {
	case DEVICE_REGISTERED:
		return d->epoch > 1
			       ? "reset: its next request has a new certificate made"
			       : "known, and has not asked yet";
	case DEVICE_REQUESTED:
		return "has asked; its certificate is being made";
	case DEVICE_ISSUED:
		return "its certificate is made; it has not fetched it yet";
	case DEVICE_DELIVERED:
		return "has fetched its file; its confirmation is still to come";
	case DEVICE_CONFIRMED:
		return "has installed its certificate and said so";
	case DEVICE_FAILED:
		return "has fetched its file and reported an error";
	case DEVICE_STATE_COUNT:
		break;
	}
	return "";
}

static const char *key_words(const struct device_view *v, char ret[KEY_WORDS_SIZE])
{
	const struct conf_class *k = conf_class_by_name(v->c->conf, v->d.class_name);
	struct spki spki;

	if (!k)
		return "nobody knows: its class is not in the configuration";
	if (k->key_source == CONF_KEY_SERVER)
		return "of a key pair that the server makes";
	if (v->d.spki_len == 0)
		return k->key_source == CONF_KEY_REGISTRY
			       ? "missing: its class wants it registered"
			       : "not registered; the server makes a key pair";
	if (spki_parse(v->d.spki, v->d.spki_len, &spki) < 0)
		return "registered, but unreadable";
	(void)snprintf(ret, KEY_WORDS_SIZE, "%s-%u, registered",
		       spki.kind == SPKI_RSA ? "RSA" : "P", spki.bits);
	return ret;
}

/* ---- as text -------------------------------------------------------------------- */

static void field(const char *name, const char *value)
{
	(void)printf("  %-13s", name);
	put_safe(stdout, value);
	(void)putchar('\n');
}

static void when(const struct device_view *v, const char *name, int64_t time,
		 const char *peer)
{
	char at[MOMENT_SIZE], ago[MOMENT_SIZE];

	if (time == 0)
		return;
	(void)printf("  %-13s%s, %s", name, moment_text(time, at),
		     moment_since(time, v->now, ago));
	if (*peer) {
		(void)fputs(", from ", stdout);
		put_safe(stdout, peer);
	}
	(void)putchar('\n');
}

static void identity_text(const struct device_view *v)
{
	const struct store_device *d = &v->d;
	char mac[MAC_TEXT_SIZE], key[KEY_WORDS_SIZE];

	(void)printf("%s  %s\n\n", mac_text(&d->mac, mac),
		     d->denied ? "denied" : device_state_name(d->state));
	field("type", d->type);
	field("class", d->class_name);
	field("serial", *d->serial ? d->serial : "(none)");
	field("public key", key_words(v, key));
	field("state", state_words(d));
	if (*d->waiting)
		field("waits", d->waiting);
	if (d->error != 0)
		field("last error", device_error_text(d->error));
	(void)printf("  %-13s%" PRIu32 "\n", "epoch", d->epoch);
	(void)printf("  %-13s%" PRIu64 "\n", "requests", d->requests);
	when(v, "first seen", d->first_seen, "");
	when(v, "last seen", d->last_seen, d->last_peer);
}

static void certificate_text(const struct device_view *v)
{
	char from[MOMENT_SIZE], to[MOMENT_SIZE], away[MOMENT_SIZE];

	(void)fputs("\ncertificate\n", stdout);
	if (!v->has_cert) {
		(void)fputs("  none yet\n", stdout);
		return;
	}
	field("subject", v->cert.subject);
	field("issuer", v->cert.issuer);
	field("serial no.", v->cert.serial);
	(void)printf("  %-13s%s to %s (%s %s)\n", "valid",
		     moment_date(v->cert.not_before, from),
		     moment_date(v->cert.not_after, to),
		     v->cert.not_after > v->now ? "ends" : "ended",
		     moment_since(v->cert.not_after, v->now, away));
	field("key", v->cert.key);
	field("signed with", v->cert.signature);
	(void)printf("  %-13s%s, for epoch %" PRIu32 "\n", "state",
		     cert_state_name(v->cert_state), v->cert_epoch);
}

static void file_text(const struct device_view *v)
{
	(void)fputs("\nfile\n", stdout);
	if (v->file_len == 0) {
		(void)fputs("  none yet\n", stdout);
		return;
	}
	(void)printf("  %-13s%zu bytes, of epoch %" PRIu32 "%s\n", "served",
		     v->file_len, v->file_epoch,
		     v->file_epoch == v->d.epoch ? ""
						 : " (until the new one is there)");
	if (v->file_set != 0)
		(void)printf(
			"  %-13smade by the server, encrypted under secret set %u\n",
			"private key", v->file_set);
	else
		field("private key", "not in the file: the device has it");
	when(v, "delivered", v->delivered.time, v->delivered.peer);
	when(v, "confirmed", v->confirmed.time, v->confirmed.peer);
}

static int pad(const char *s, size_t width)
{
	size_t len = strlen(s);

	return (int)(len < width ? width - len : 0);
}

static void events_text(const struct device_view *v)
{
	char at[MOMENT_SIZE];

	(void)fputs("\nlast events, newest first\n", stdout);
	if (v->n_events == 0)
		(void)fputs("  none\n", stdout);
	for (uint32_t i = 0; i < v->n_events; i++) {
		const struct store_event *e = &v->events[i];

		(void)printf("  %s  ", moment_text(e->time, at));
		put_safe(stdout, e->kind);
		if (e->number != 0 || *e->peer)
			(void)printf("%*s", pad(e->kind, KIND_WIDTH), "");
		if (strcmp(e->kind, "error") == 0)
			(void)printf("  %s", device_error_text(e->number));
		else if (e->number != 0)
			(void)printf("  epoch %" PRIu32, e->number);
		if (*e->peer) {
			(void)fputs("  from ", stdout);
			put_safe(stdout, e->peer);
		}
		(void)putchar('\n');
	}
}

/* ---- as JSON --------------------------------------------------------------------- */

static void identity_json(struct json *j, const struct device_view *v)
{
	const struct store_device *d = &v->d;
	char mac[MAC_TEXT_SIZE];

	json_text(j, "mac", mac_text(&d->mac, mac));
	json_text(j, "type", d->type);
	json_text(j, "class", d->class_name);
	json_text(j, "serial", d->serial);
	json_bool(j, "public_key", d->spki_len > 0);
	json_text(j, "state", device_state_name(d->state));
	json_text(j, "state_words", state_words(d));
	json_bool(j, "denied", d->denied);
	json_text(j, "waiting", *d->waiting ? d->waiting : NULL);
	json_uint(j, "epoch", d->epoch);
	json_uint(j, "error", d->error);
	json_text(j, "error_text", d->error ? device_error_text(d->error) + 3 : NULL);
	json_uint(j, "requests", d->requests);
	json_time(j, "first_seen", d->first_seen);
	json_time(j, "last_seen", d->last_seen);
	json_text(j, "last_peer", *d->last_peer ? d->last_peer : NULL);
}

static void certificate_json(struct json *j, const struct device_view *v)
{
	if (!v->has_cert) {
		json_null(j, "certificate");
		return;
	}
	json_object(j, "certificate");
	json_text(j, "subject", v->cert.subject);
	json_text(j, "issuer", v->cert.issuer);
	json_text(j, "serial", v->cert.serial);
	json_time(j, "not_before", v->cert.not_before);
	json_time(j, "not_after", v->cert.not_after);
	json_text(j, "key", v->cert.key);
	json_text(j, "signature", v->cert.signature);
	json_text(j, "state", cert_state_name(v->cert_state));
	json_uint(j, "epoch", v->cert_epoch);
	json_end(j);
}

static void event_json(struct json *j, const char *key, const struct store_event *e)
{
	if (e->time == 0) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	json_time(j, "time", e->time);
	json_text(j, "kind", e->kind);
	json_uint(j, "number", e->number);
	json_text(j, "peer", *e->peer ? e->peer : NULL);
	json_end(j);
}

static void file_json(struct json *j, const struct device_view *v)
{
	if (v->file_len == 0) {
		json_null(j, "file");
	} else {
		json_object(j, "file");
		json_uint(j, "length", v->file_len);
		json_uint(j, "epoch", v->file_epoch);
		json_uint(j, "set", v->file_set);
		json_end(j);
	}
	event_json(j, "delivered", &v->delivered);
	event_json(j, "confirmed", &v->confirmed);
}

static void show_json(const struct device_view *v)
{
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	identity_json(&j, v);
	certificate_json(&j, v);
	file_json(&j, v);
	json_array(&j, "events");
	for (uint32_t i = 0; i < v->n_events; i++)
		event_json(&j, NULL, &v->events[i]);
	json_end(&j);
	json_end(&j);
}

int cmd_device_show(struct ctl *c, int argc, char **argv)
{
	uint64_t events = EVENTS_DEFAULT;
	const struct option options[] = { { .name = "--events", .number = &events },
					  { 0 } };
	struct device_view v = { .c = c, .now = clock_unix_s() };
	struct mac mac;
	int rc;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    ctl_mac(c, argv[0], &mac) != CTL_DONE)
		return CTL_USAGE;
	if (events > EVENTS_MAX)
		return ctl_usage(c, "--events is at most %d", EVENTS_MAX);
	rc = read_all(&v, &mac, (uint32_t)events);
	if (rc == CTL_DONE && c->json) {
		show_json(&v);
	} else if (rc == CTL_DONE) {
		identity_text(&v);
		certificate_text(&v);
		file_text(&v);
		events_text(&v);
	}
	free(v.events);
	return rc;
}
