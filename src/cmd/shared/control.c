#include "cmd/shared/control.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "base/escape.h"
#include "base/hex.h"
#include "cmd/shared/change.h"
#include "crypto/authcode.h"
#include "crypto/spki.h"
#include "crypto/x509check.h"

/* ---- what every change does --------------------------------------------- */

void change_say(struct change *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

int change_store_failed(struct change *c, int rc)
{
	return change_refuse(c, rc, "the database: %s", store_error(c->env->store));
}

int change_record(struct change *c, const char *kind, const struct mac *mac,
		  uint32_t number, const char *more)
{
	struct store_event e = { .time = c->env->now, .mac = *mac, .number = number };
	char what[sizeof(((struct store_audit *)0)->what)], text[MAC_TEXT_SIZE];
	int rc;

	(void)snprintf(e.kind, sizeof(e.kind), "%s", kind);
	(void)snprintf(what, sizeof(what), "%s mac=%s%s%s", kind, mac_text(mac, text),
		       *more ? " " : "", more);
	if ((rc = store_event_put(c->env->store, &e)) < 0 ||
	    (rc = audit_append(c->env->store, c->env->now, what)) < 0)
		return change_store_failed(c, rc);
	return 0;
}

static int no_such_device(struct change *c, const struct mac *mac, int rc)
{
	char text[MAC_TEXT_SIZE];

	if (rc != FC_EABSENT)
		return change_store_failed(c, rc);
	return change_refuse(c, rc, "%s is not registered: fieldcertctl device add",
			     mac_text(mac, text));
}

/* ---- rows of the registry ----------------------------------------------- */

static bool blob_copy(const struct ipc_blob *b, char *ret, size_t size)
{
	if (b->len >= size || (b->len > 0 && memchr(b->p, '\0', b->len)))
		return false;
	if (b->len > 0)
		memcpy(ret, b->p, b->len);
	ret[b->len] = '\0';
	return true;
}

static int row_class(struct change *c, const struct control_device *row,
		     struct store_device *d, const struct conf_class **ret)
{
	const struct conf *conf = c->env->conf;
	const struct conf_class *class;
	char name[sizeof(d->class_name)];
	struct out o;

	if (row->class_name.len == 0 && d->class_name[0] == '\0')
		class = conf->default_class;
	else if (row->class_name.len == 0)
		class = conf_class_by_name(conf, d->class_name);
	else
		class = blob_copy(&row->class_name, name, sizeof(name))
				? conf_class_by_name(conf, name)
				: NULL;
	if (class) {
		(void)snprintf(d->class_name, sizeof(d->class_name), "%s", class->name);
		*ret = class;
		return 0;
	}
	if (row->class_name.len == 0 && d->class_name[0] == '\0')
		return change_refuse(c, FC_EABSENT,
				     "no class given, and the configuration has no "
				     "class \"default\"");
	o = out_of(name, sizeof(name));
	escape_log(&o, row->class_name.p, row->class_name.len, 40);
	return change_refuse(c, FC_EABSENT, "the configuration has no class \"%s\"",
			     row->class_name.len ? out_cstr(&o) : d->class_name);
}

static char upper(char ch)
{
	return ch >= 'a' && ch <= 'z' ? (char)(ch - 'a' + 'A') : ch;
}

static bool class_has_type(const struct conf_class *class, const char *type)
{
	for (size_t i = 0; i < class->n_types; i++) {
		if (strcmp(class->types[i], type) == 0)
			return true;
	}
	return false;
}

static int row_type(struct change *c, const struct control_device *row,
		    const struct conf_class *class, struct store_device *d)
{
	char type[sizeof(d->type)] = "";

	if (row->type.len == 2) {
		type[0] = upper((char)row->type.p[0]);
		type[1] = upper((char)row->type.p[1]);
	} else if (row->type.len == 0 && class_has_type(class, d->type)) {
		memcpy(type, d->type, sizeof(type));
	} else if (row->type.len == 0 && class->n_types > 0) {
		(void)snprintf(type, sizeof(type), "%s", class->types[0]);
	}
	if (!class_has_type(class, type))
		return change_refuse(c, FC_EBAD,
				     "class \"%s\" has no such type of device; its "
				     "first is %s",
				     class->name,
				     class->n_types > 0 ? class->types[0] : "missing");
	memcpy(d->type, type, sizeof(type));
	return 0;
}

/* It is hashed, printed, and stands in certificates: printable ASCII, and nothing
 * at its ends that nobody would see. */
static bool serial_is_fit(const struct ipc_blob *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if (b->p[i] < 0x20 || b->p[i] > 0x7e)
			return false;
	}
	return b->len <= IPC_SERIAL_MAX && b->len > 0 && b->p[0] != ' ' &&
	       b->p[b->len - 1] != ' ';
}

static int row_serial(struct change *c, const struct control_device *row,
		      const struct conf_class *class, struct store_device *d)
{
	if (row->serial.len > 0) {
		if (!serial_is_fit(&row->serial))
			return change_refuse(c, FC_EBAD,
					     "the serial number must be 1 to %d "
					     "printable ASCII characters without a "
					     "space at either end",
					     IPC_SERIAL_MAX);
		(void)blob_copy(&row->serial, d->serial, sizeof(d->serial));
	}
	if (d->serial[0] == '\0' && class->request_serial)
		return change_refuse(c, FC_EBAD,
				     "a serial number is missing: class \"%s\" has it "
				     "in its codes",
				     class->name);
	return 0;
}

int change_key_allowed(struct change *c, const struct conf_class *class,
		       const char *type, const uint8_t *spki, size_t len)
{
	const struct conf_type *t = conf_type_by_name(c->env->conf, type);
	const struct conf_profile *p =
		class->profile ? class->profile : (t ? t->profile : NULL);
	struct spki k;

	if (spki_parse(spki, len, &k) < 0)
		return change_refuse(c, FC_EBAD,
				     "the public key is neither RSA nor "
				     "P-256");
	if (p && k.kind == SPKI_P256 && !p->allow_ec)
		return change_refuse(c, FC_EDENIED,
				     "profile \"%s\" takes RSA keys only", p->name);
	if (p && k.kind == SPKI_RSA && k.bits < p->rsa_bits_min)
		return change_refuse(c, FC_EDENIED,
				     "an RSA key of %u bits: profile \"%s\" asks for "
				     "%u at least",
				     k.bits, p->name, p->rsa_bits_min);
	return 0;
}

/* Two devices with one key are one device and its clone. */
static int key_is_free(struct change *c, const struct store_device *d)
{
	char text[MAC_TEXT_SIZE];
	struct mac owner;
	int rc = store_key_owner(c->env->store, d->spki, d->spki_len, &d->mac, &owner);

	if (rc == FC_EABSENT)
		return 0;
	if (rc < 0)
		return change_store_failed(c, rc);
	return change_refuse(c, FC_EDUP, "the public key is that of %s already",
			     mac_text(&owner, text));
}

static int row_key(struct change *c, const struct control_device *row,
		   const struct conf_class *class, struct store_device *d)
{
	const char *why = "it cannot be read";
	int rc;

	if (row->spki.len > 0) {
		rc = public_key_parse(row->spki.p, row->spki.len, d->spki,
				      sizeof(d->spki), &d->spki_len, &why);
		if (rc < 0)
			return change_refuse(c, rc, "the public key: %s", why);
	}
	if (d->spki_len == 0)
		return 0;
	if ((rc = change_key_allowed(c, class, d->type, d->spki, d->spki_len)) < 0)
		return rc;
	return key_is_free(c, d);
}

static int record_row(struct change *c, const char *kind, const struct store_device *d)
{
	char more[400], digest[2 * 8 + 1] = "none";
	struct out o = out_of(more, sizeof(more));
	uint8_t hash[32];

	if (d->spki_len > 0 && sha256_of(d->spki, d->spki_len, hash) == 0)
		hex_encode(hash, 8, digest);
	out_str(&o, "class=");
	escape_log(&o, d->class_name, strlen(d->class_name), sizeof(d->class_name));
	out_str(&o, " type=");
	out_str(&o, d->type);
	out_str(&o, " serial=");
	escape_log(&o, d->serial, strlen(d->serial), sizeof(d->serial));
	out_str(&o, " key=");
	out_str(&o, digest);
	return change_record(c, kind, &d->mac, d->epoch, out_cstr(&o) ? more : "");
}

static int change_row(struct change *c, const struct control_device *row, bool update)
{
	struct store *s = c->env->store;
	const struct conf_class *class = NULL;
	struct store_device d = { .mac = row->mac, .epoch = 1 };
	char text[MAC_TEXT_SIZE];
	int rc, had;

	if (!mac_is_device(&row->mac))
		return change_refuse(c, FC_EBAD, "%s is not a device's address",
				     mac_text(&row->mac, text));
	had = store_device_get(s, &row->mac, &d);
	if (had < 0 && had != FC_EABSENT)
		return change_store_failed(c, had);
	if (had == 0 && !update)
		return change_refuse(c, FC_EDUP, "%s is registered already",
				     mac_text(&row->mac, text));
	if ((rc = row_class(c, row, &d, &class)) < 0 ||
	    (rc = row_type(c, row, class, &d)) < 0 ||
	    (rc = row_serial(c, row, class, &d)) < 0 ||
	    (rc = row_key(c, row, class, &d)) < 0)
		return rc;
	rc = had == 0 ? store_device_update(s, &d) : store_device_add(s, &d);
	if (rc < 0)
		return change_store_failed(c, rc);
	return record_row(c, had == 0 ? "updated" : "registered", &d);
}

static int change_devices(struct change *c, const struct control_devices *m)
{
	int rc = 0;

	for (uint16_t i = 0; i < m->n && rc == 0; i++) {
		c->row = i;
		rc = change_row(c, &m->rows[i], m->update != 0);
	}
	return rc;
}

/* ---- single devices ----------------------------------------------------- */

static int change_access(struct change *c, const struct control_access *a)
{
	struct store *s = c->env->store;
	int rc = store_device_deny(s, &a->mac, a->deny != 0);

	if (rc < 0)
		return no_such_device(c, &a->mac, rc);
	if (a->deny && (rc = store_queue_drop(s, &a->mac)) < 0)
		return change_store_failed(c, rc);
	return change_record(c, a->deny ? "denied" : "allowed", &a->mac, 0, "");
}

/* A plan that nobody signed ends with its epoch: it costs nothing. */
static int change_reset(struct change *c, const struct control_reset *m)
{
	struct store *s = c->env->store;
	struct store_device d;
	struct store_cert cert;
	char more[32];
	int rc = store_device_get(s, &m->mac, &d);

	if (rc < 0)
		return no_such_device(c, &m->mac, rc);
	if (d.epoch == UINT32_MAX)
		return change_refuse(c, FC_EFULL, "it was reset too often");
	rc = store_cert_get(s, &m->mac, d.epoch, &cert);
	if (rc == 0 && cert.state == CERT_PLANNED)
		rc = store_cert_void(s, cert.id);
	if ((rc < 0 && rc != FC_EABSENT) || (rc = store_queue_drop(s, &m->mac)) < 0 ||
	    (rc = store_device_reset(s, &m->mac)) < 0)
		return change_store_failed(c, rc);
	(void)snprintf(more, sizeof(more), "epoch=%u", d.epoch + 1);
	return change_record(c, "reset", &m->mac, d.epoch + 1, more);
}

/* ---- one request -------------------------------------------------------- */

static int run(struct change *c, const struct control_message *m)
{
	switch (m->type) {
	case CONTROL_DEVICES:
		return change_devices(c, &m->u.devices);
	case CONTROL_ACCESS:
		return change_access(c, &m->u.access);
	case CONTROL_RESET:
		return change_reset(c, &m->u.reset);
	case CONTROL_PRELOAD:
		return change_preload(c, &m->u.preload);
	case CONTROL_STATUS:
	case CONTROL_DONE:
	case CONTROL_STATUS_IS:
		break;
	}
	return change_refuse(c, FC_EUNKNOWN, "this is not a change");
}

static void tell_changed(const struct control_env *env, const struct control_message *m)
{
	if (!env->changed)
		return;
	if (m->type == CONTROL_ACCESS)
		env->changed(env->ctx, &m->u.access.mac);
	else if (m->type == CONTROL_RESET)
		env->changed(env->ctx, &m->u.reset.mac);
	else if (m->type == CONTROL_PRELOAD)
		env->changed(env->ctx, &m->u.preload.mac);
	else if (m->type == CONTROL_DEVICES)
		for (uint16_t i = 0; i < m->u.devices.n; i++)
			env->changed(env->ctx, &m->u.devices.rows[i].mac);
}

/* What goes over the wire is a code of ours; the sentence has the rest. */
static void build_reply(const struct change *c, int rc, struct out *reply)
{
	struct control_message m = { .type = CONTROL_DONE };
	const char *text = c->text[0] || rc == 0 ? c->text : error_name(rc);

	m.u.done.rc = rc;
	m.u.done.row = c->row;
	m.u.done.text.p = (const uint8_t *)text;
	m.u.done.text.len = rc == 0 ? 0 : strlen(text);
	if (rc == 0)
		m.u.done.row = 0;
	if (m.u.done.text.len == 0)
		m.u.done.text.p = NULL;
	control_build(reply, &m);
}

void control_execute(struct control_env *env, const struct control_message *request,
		     struct out *reply)
{
	struct change c = { .env = env };
	int rc = store_begin(env->store);

	if (rc < 0) {
		(void)change_store_failed(&c, rc);
		build_reply(&c, rc, reply);
		return;
	}
	rc = run(&c, request);
	if (rc == 0 && (rc = store_commit(env->store)) < 0)
		(void)change_store_failed(&c, rc);
	if (rc < 0)
		store_rollback(env->store);
	else
		tell_changed(env, request);
	build_reply(&c, rc, reply);
}
