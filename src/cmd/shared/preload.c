/* A certificate file that comes from outside (S9): refused where it is not that
 * device's, with the device's own error number where it has one. */
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "cmd/shared/change.h"
#include "crypto/issuedby.h"
#include "crypto/spki.h"
#include "crypto/x509check.h"
#include "wire/certfile.h"

struct preload {
	struct change *c;
	const struct conf_class *class;
	struct store_device device;
	struct certfile file;
	struct x509_facts facts; /* of the device certificate */
	uint8_t set;             /* of the key object; 0: there is none */
};

static int check_structure(struct preload *p, const struct control_preload *m)
{
	struct certfile_fault fault = { .what = "" };
	enum device_error e = certfile_parse(m->file.p, m->file.len, &p->file, &fault);

	if (e != DEVICE_OK)
		return change_refuse(p->c, FC_EBAD,
				     "not a certificate file (%s): %s, at byte %zu",
				     device_error_text(e), fault.what, fault.offset);
	return 0;
}

static int check_dates(struct preload *p, const char *which,
		       const struct x509_facts *facts)
{
	if (p->c->env->now < facts->not_before)
		return change_refuse(p->c, FC_EDENIED,
				     "the %s certificate is not valid yet", which);
	if (p->c->env->now > facts->not_after)
		return change_refuse(p->c, FC_EDENIED, "the %s certificate has run out",
				     which);
	return 0;
}

static bool same_key(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct spki ka, kb;

	return spki_parse(a, a_len, &ka) == 0 && spki_parse(b, b_len, &kb) == 0 &&
	       spki_equal(&ka, &kb);
}

static int check_device_cert(struct preload *p)
{
	const struct certfile_part *part = &p->file.device;
	char have[MAC_TEXT_SIZE], want[MAC_TEXT_SIZE];
	int rc;

	if (x509_facts_of(part->value, part->len, &p->facts) < 0)
		return change_refuse(p->c, FC_EBAD,
				     "the device certificate is not DER");
	if (!p->facts.has_mac || !mac_equal(&p->facts.mac, &p->device.mac))
		return change_refuse(
			p->c, FC_EDENIED,
			"the file is not that device's: its certificate is for %s, not "
			"for %s",
			p->facts.has_mac ? mac_text(&p->facts.mac, have)
					 : "no MAC address, or for several",
			mac_text(&p->device.mac, want));
	if ((rc = check_dates(p, "device", &p->facts)) < 0)
		return rc;
	if (p->device.spki_len > 0 && !same_key(p->facts.spki, p->facts.spki_len,
						p->device.spki, p->device.spki_len))
		return change_refuse(p->c, FC_EDENIED,
				     "the certificate's public key is not the one that "
				     "is registered for the device");
	return change_key_allowed(p->c, p->class, p->device.type, p->facts.spki,
				  p->facts.spki_len);
}

static int check_manufacturer(struct preload *p)
{
	const struct certfile_part *ca = &p->file.manufacturer;
	const struct certfile_part *dev = &p->file.device;
	struct x509_facts facts;
	const char *why = "";
	int rc;

	if (!ca->present)
		return 0;
	if (x509_facts_of(ca->value, ca->len, &facts) < 0)
		return change_refuse(p->c, FC_EBAD,
				     "the manufacturer certificate is not DER");
	if ((rc = check_dates(p, "manufacturer", &facts)) < 0)
		return rc;
	rc = x509_issued_by(dev->value, dev->len, ca->value, ca->len, &why);
	return rc < 0 ? change_refuse(p->c, rc, "the device certificate: %s", why) : 0;
}

/* All that the device itself will look at, as far as it can be known here: whether it
 * holds the root is its own affair, and its private key is. */
static int check_as_the_device(struct preload *p, const struct control_preload *m)
{
	const struct certfile_part *ca = &p->file.manufacturer;
	struct x509_trust trust = { .roots = { { ca->value, ca->len } }, .n_roots = 1 };
	struct x509_device device = { .mac = m->mac,
				      .now = p->c->env->now,
				      .installed_not_before = INT64_MIN };
	struct x509_verdict verdict;

	if (!ca->present)
		return 0;
	if (x509_check_file(m->file.p, m->file.len, &trust, &device, &verdict))
		return change_refuse(p->c, FC_EDENIED,
				     "the device would report error %s: %s",
				     device_error_text(verdict.error), verdict.what);
	return 0;
}

static int check_key_object(struct preload *p)
{
	const struct certfile_part *part = &p->file.key;
	struct certkey key;

	if (!part->present)
		return 0;
	if (certkey_parse(part->value, part->len, &key) < 0)
		return change_refuse(p->c, FC_EBAD,
				     "the private key object is malformed or of an "
				     "unknown version");
	if (key.set == 0 || !conf_secrets_by_set(p->c->env->conf, key.set))
		return change_refuse(p->c, FC_EABSENT,
				     "the private key is encrypted for secret set %u, "
				     "which the configuration does not have",
				     key.set);
	p->set = key.set;
	return 0;
}

/* The last sixteen bytes of the serial number, with zeros before them. */
static void cert_serial(const char *hex, uint8_t ret[16])
{
	size_t len = strlen(hex);
	int shift = 0;

	memset(ret, 0, 16);
	for (size_t i = 16; len > 0 && i > 0; shift ^= 4) {
		unsigned char ch = (unsigned char)hex[--len];
		unsigned v = ch >= 'a'   ? ch - 'a' + 10U
			     : ch >= 'A' ? ch - 'A' + 10U
					 : ch - (unsigned)'0';

		ret[i - 1] = (uint8_t)(ret[i - 1] | (v & 15) << shift);
		if (shift)
			i--;
	}
}

static int keep(struct preload *p, const struct control_preload *m)
{
	struct store *s = p->c->env->store;
	struct store_cert cert = { .mac = m->mac,
				   .epoch = p->device.epoch,
				   .not_before = p->facts.not_before,
				   .not_after = p->facts.not_after,
				   .created = p->c->env->now,
				   .der = p->file.device.value,
				   .der_len = p->file.device.len,
				   .spki = p->facts.spki,
				   .spki_len = p->facts.spki_len };
	int rc;

	cert_serial(p->facts.serial, cert.serial);
	(void)snprintf(cert.issuer, sizeof(cert.issuer), "%.63s", p->facts.issuer);
	rc = store_cert_preloaded(s, &cert);
	if (rc == FC_EDUP)
		return change_refuse(p->c, rc,
				     "the device has a certificate in this epoch "
				     "already (fieldcertctl device reset begins a new "
				     "one), or another device has this key or "
				     "serial number");
	if (rc < 0 ||
	    (rc = store_file_put(s, &m->mac, p->device.epoch, p->set, m->file.p,
				 m->file.len)) < 0 ||
	    (rc = store_device_state(s, &m->mac, DEVICE_ISSUED, NULL)) < 0 ||
	    (rc = store_queue_drop(s, &m->mac)) < 0)
		return change_store_failed(p->c, rc);
	return 0;
}

int change_preload(struct change *c, const struct control_preload *m)
{
	struct preload p = { .c = c };
	char more[160], text[MAC_TEXT_SIZE];
	int rc = store_device_get(c->env->store, &m->mac, &p.device);

	if (rc == FC_EABSENT)
		return change_refuse(c, rc,
				     "%s is not registered: fieldcertctl device add",
				     mac_text(&m->mac, text));
	if (rc < 0)
		return change_store_failed(c, rc);
	p.class = conf_class_by_name(c->env->conf, p.device.class_name);
	if (!p.class)
		return change_refuse(c, FC_EABSENT,
				     "the device's class \"%s\" is not in the "
				     "configuration",
				     p.device.class_name);
	if ((rc = check_structure(&p, m)) < 0 || (rc = check_device_cert(&p)) < 0 ||
	    (rc = check_manufacturer(&p)) < 0 || (rc = check_key_object(&p)) < 0 ||
	    (rc = check_as_the_device(&p, m)) < 0 || (rc = keep(&p, m)) < 0)
		return rc;
	(void)snprintf(more, sizeof(more), "epoch=%u serial=%s", p.device.epoch,
		       p.facts.serial);
	return change_record(c, "preloaded", &m->mac, p.device.epoch, more);
}
