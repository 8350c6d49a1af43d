#include "agent/install.h"

#include <string.h>
#include "base/errors.h"
#include "base/secret.h"
#include "crypto/privatekey.h"

/* ------------------------------------------------------------------ what is trusted */

/* The configured lists, what is installed, and a link certificate that was installed:
 * it adds to roots, names and keys (A5). A list that is full stays as it is. */
static void gather_trust(struct agent *a)
{
	struct x509_trust *t = &a->trust;
	const struct x509_bytes *link = &a->state.link;

	*t = a->cfg.trust;
	t->manufacturer = a->state.manufacturer;
	if (link->len == 0 || x509_facts_of(link->p, link->len, &a->link) < 0)
		return;
	if (t->n_roots < X509_LIST_MAX)
		t->roots[t->n_roots++] = *link;
	if (t->n_names > 0 && t->n_names < X509_LIST_MAX)
		t->names[t->n_names++] = a->link.subject;
	if (t->n_keys > 0 && t->n_keys < X509_LIST_MAX)
		t->keys[t->n_keys++] =
			(struct x509_bytes){ a->link.spki, a->link.spki_len };
}

static bool has_element(const struct agent *a)
{
	return a->platform.keys != NULL && a->platform.keys->public_key != NULL;
}

/* The key in use: one that came with a certificate, else the one from birth. */
static struct x509_bytes private_key(const struct agent *a)
{
	if (has_element(a))
		return (struct x509_bytes){ NULL, 0 };
	return a->state.key.len > 0 ? a->state.key : a->cfg.key;
}

static int public_of(const struct x509_bytes *key, uint8_t *ret, size_t *ret_len)
{
	uint8_t pkcs8[sizeof(((struct x509_verdict *)NULL)->pkcs8)];
	size_t len;
	int rc = private_key_read(key->p, key->len, pkcs8, sizeof(pkcs8), &len, ret,
				  AGENT_SPKI_MAX, ret_len);

	secret_wipe(pkcs8, sizeof(pkcs8));
	return rc;
}

static void gather_public_key(struct agent *a)
{
	struct x509_bytes key = private_key(a);
	int rc = 0;

	a->spki_len = 0;
	if (has_element(a))
		rc = a->platform.keys->public_key(a->platform.ctx, a->state.key.p,
						  a->state.key.len, a->spki,
						  sizeof(a->spki), &a->spki_len);
	else if (key.len > 0)
		rc = public_of(&key, a->spki, &a->spki_len);
	if (rc < 0 && rc != FC_EABSENT)
		agent_tell(a,
			   &(struct agent_event){ .kind = AGENT_TROUBLE,
						  .what = "no use of the private key",
						  .rc = rc });
}

static void gather(struct agent *a)
{
	gather_trust(a);
	gather_public_key(a);
}

/* `nothing` opens no box: without a secret3 a downloaded key is refused. */
static struct x509_device device_of(const struct agent *a,
				    const struct auth_secret *nothing)
{
	const struct agent_config *c = &a->cfg;
	struct x509_device d = {
		.mac = c->mac,
		.serial = c->serial,
		.serial_len = c->serial_len,
		.secret3 = c->secret3 != NULL ? c->secret3 : nothing,
		.now = a->platform.time_s(a->platform.ctx),
		.public_key = { a->spki, a->spki_len },
		.private_key = private_key(a),
		.installed_not_before = INT64_MIN,
	};

	if (a->spki_len == 0)
		d.public_key = c->public_key;
	return d;
}

static void draw_nothing(const struct agent *a, struct auth_secret *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->len = 32;
	a->platform.random(a->platform.ctx, ret->s, ret->len);
}

/* ---------------------------------------------------------------------------- flash */

void agent_load(struct agent *a)
{
	size_t len = 0;
	int rc = a->platform.flash_read(a->platform.ctx, a->record[0],
					sizeof(a->record[0]), &len);

	a->record_at = 0;
	a->state = (struct agent_state){ .unconfirmed = false };
	if (rc == 0)
		rc = agent_state_parse(a->record[0], len, &a->state);
	if (rc < 0)
		agent_tell(a, &(struct agent_event){ .kind = AGENT_FLASH_EMPTY,
						     .rc = rc });
	if (a->platform.keys != NULL && a->platform.keys->keep != NULL)
		a->platform.keys->keep(a->platform.ctx, a->state.key.p,
				       a->state.key.len);
	gather(a);
}

int agent_store(struct agent *a, const struct agent_state *s)
{
	unsigned next = 1 - a->record_at;
	struct out o = out_of(a->record[next], sizeof(a->record[next]));
	struct agent_state stored;
	int rc = FC_EFULL;

	agent_state_build(&o, s);
	if (!o.full)
		rc = a->platform.flash_write(a->platform.ctx, o.buf, o.len);
	if (rc == 0)
		rc = agent_state_parse(o.buf, o.len, &stored);
	if (rc < 0) {
		secret_wipe(a->record[next], sizeof(a->record[next]));
		agent_tell(a, &(struct agent_event){ .kind = AGENT_TROUBLE,
						     .what = "flash was not written",
						     .rc = rc });
		return rc;
	}
	a->state = stored;
	secret_wipe(a->record[a->record_at], sizeof(a->record[0]));
	a->record_at = next;
	gather(a);
	return 0;
}

/* ------------------------------------------------------------------------- examining
 */

/* How long until the certificate counts as absent (A1). */
static uint64_t renew_in_ms(const struct agent *a, int64_t not_after)
{
	int64_t now = a->platform.time_s(a->platform.ctx);
	int64_t at = not_after - a->cfg.renew_before_s;

	if (now < 0)
		return TIMER_NONE;
	return at < now ? 0 : (uint64_t)(at - now + 1) * 1000;
}

struct enrol_input agent_examine(struct agent *a)
{
	struct enrol_input in = { .event = ENROL_ABSENT };
	struct agent_event told = { .kind = AGENT_EXAMINED };
	struct x509_verdict *v = &a->verdict;
	struct auth_secret nothing;
	struct x509_device d;

	if (a->state.device.len == 0)
		return in;
	draw_nothing(a, &nothing);
	d = device_of(a, &nothing);
	(void)x509_check_installed(&a->state.device, &a->trust, &d,
				   a->cfg.renew_before_s, v);
	told.error = v->error;
	told.what = v->what;
	told.not_after = a->not_after = v->not_after;
	agent_tell(a, &told);
	if (v->error == DEVICE_OK) {
		in.event = a->state.unconfirmed ? ENROL_UNCONFIRMED : ENROL_GOOD;
		in.renew_in_ms = renew_in_ms(a, v->not_after);
	}
	return in;
}

/* -------------------------------------------------------------------------- judging */

static struct enrol_input invalid(struct agent *a, enum device_error error,
				  const char *what)
{
	a->last_error = (uint8_t)error;
	agent_tell(a, &(struct agent_event){
			      .kind = AGENT_INVALID, .error = error, .what = what });
	return (struct enrol_input){ .event = ENROL_INVALID, .error = (uint8_t)error };
}

static void check(struct agent *a, size_t len)
{
	struct auth_secret nothing;
	struct x509_facts installed;
	struct x509_device d;

	draw_nothing(a, &nothing);
	d = device_of(a, &nothing);
	if (a->state.device.len > 0 &&
	    x509_facts_of(a->state.device.p, a->state.device.len, &installed) == 0)
		d.installed_not_before = installed.not_before;
	(void)x509_check_file(a->file, len, &a->trust, &d, &a->verdict);
}

/* Where the downloaded key goes: into the record, or into the secure element. */
static int place_key(struct agent *a, uint8_t handle[AGENT_HANDLE_MAX],
		     struct x509_bytes *key)
{
	struct x509_verdict *v = &a->verdict;
	size_t len = 0;
	int rc;

	if (v->pkcs8_len == 0)
		return 0;
	if (!has_element(a)) {
		*key = (struct x509_bytes){ v->pkcs8, v->pkcs8_len };
		return 0;
	}
	if (a->platform.keys->import == NULL)
		return FC_EDENIED;
	rc = a->platform.keys->import(a->platform.ctx, v->pkcs8, v->pkcs8_len, handle,
				      &len);
	if (rc == 0)
		*key = (struct x509_bytes){ handle, len };
	return rc;
}

static struct x509_bytes part(const struct certfile_part *p,
			      const struct x509_bytes *otherwise)
{
	return p->present ? (struct x509_bytes){ p->value, p->len } : *otherwise;
}

static int install(struct agent *a, size_t len)
{
	struct agent_state s = a->state;
	uint8_t handle[AGENT_HANDLE_MAX];
	struct certfile f;
	int rc;

	if (certfile_parse(a->file, len, &f, NULL) != DEVICE_OK)
		return FC_EBAD;
	s.device = part(&f.device, &s.device);
	s.manufacturer = part(&f.manufacturer, &s.manufacturer);
	if (a->verdict.link_used)
		s.link = part(&f.link, &s.link);
	s.unconfirmed = true;
	s.yy = a->yy;
	rc = sha256_of(a->file, len, s.digest);
	if (rc == 0)
		rc = place_key(a, handle, &s.key);
	if (rc == 0)
		rc = agent_store(a, &s);
	if (a->platform.keys != NULL && a->platform.keys->keep != NULL)
		a->platform.keys->keep(a->platform.ctx, a->state.key.p,
				       a->state.key.len);
	return rc;
}

struct enrol_input agent_judge(struct agent *a, size_t len)
{
	struct enrol_input in = { .event = ENROL_INSTALLED };
	struct x509_verdict *v = &a->verdict;
	int rc;

	check(a, len);
	if (v->error != DEVICE_OK) {
		in = invalid(a, v->error, v->what);
		goto out;
	}
	rc = install(a, len);
	if (rc < 0) {
		in = invalid(a, DEVICE_EFLASH, "it cannot be stored");
		goto out;
	}
	a->last_error = DEVICE_OK;
	a->not_after = v->not_after;
	in.renew_in_ms = renew_in_ms(a, v->not_after);
	agent_tell(a, &(struct agent_event){ .kind = AGENT_INSTALLED,
					     .not_after = v->not_after });
out:
	secret_wipe(v->pkcs8, sizeof(v->pkcs8));
	return in;
}
