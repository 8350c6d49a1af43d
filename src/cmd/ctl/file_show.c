#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/cursor.h"
#include "base/errors.h"
#include "cmd/ctl/certread.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/moment.h"
#include "crypto/x509check.h"
#include "sys/clock.h"
#include "wire/certfile.h"

/* Far larger than a certificate file may be: broken ones are shown, too. */
enum { SHOW_MAX = 1 << 20, HEADER_LEN = 4 };

/* One object as far as it is there. */
struct object {
	size_t offset, len; /* len: of the value, as the header says */
	uint16_t type;
	const uint8_t *value; /* NULL: cut off */
	uint32_t crc, computed;
	bool crc_there;
};

struct showing {
	struct ctl *c;
	struct json json;
	const char *path;
	const uint8_t *p;
	size_t len;
};

static const char *type_name(uint16_t type)
{
	switch (type) {
	case CERTFILE_MANUFACTURER:
		return "manufacturer certificate";
	case CERTFILE_DEVICE:
		return "device certificate";
	case CERTFILE_KEY:
		return "private key, encrypted";
	case CERTFILE_LINK:
		return "link certificate";
	default:
		return type & CERTFILE_SKIPPABLE ? "unknown, may be skipped"
						 : "unknown";
	}
}

/* Reads one object; false when there is nothing behind it that could be read. */
static bool next_object(struct cur *c, struct object *ret)
{
	size_t left = cur_left(c);

	*ret = (struct object){ .offset = c->pos };
	if (left < HEADER_LEN)
		return false;
	ret->type = cur_u16(c);
	ret->len = cur_u16(c);
	ret->value = cur_bytes(c, ret->len);
	if (!ret->value)
		return false;
	ret->computed = crc32_of(c->buf + ret->offset, HEADER_LEN + ret->len);
	if (cur_left(c) < sizeof(uint32_t))
		return false;
	ret->crc = cur_u32(c);
	ret->crc_there = true;
	return true;
}

static void line(const char *what, const char *text)
{
	(void)printf("           %-10s ", what);
	put_safe(stdout, text);
	(void)putchar('\n');
}

static void certificate_text(const struct x509_facts *x)
{
	char mac[MAC_TEXT_SIZE], from[MOMENT_SIZE], to[MOMENT_SIZE];
	char valid[2 * MOMENT_SIZE + 8];

	(void)snprintf(valid, sizeof(valid), "%s to %s",
		       moment_text(x->not_before, from), moment_text(x->not_after, to));
	line("subject", x->subject);
	line("issuer", x->issuer);
	if (x->has_mac)
		line("MAC", mac_text(&x->mac, mac));
	line("serial", x->serial);
	line("valid", valid);
	line("key", x->key);
	line("signed", x->signature);
}

static void certificate_json(struct json *j, const struct x509_facts *x)
{
	char mac[MAC_TEXT_SIZE];

	json_object(j, "certificate");
	json_text(j, "subject", x->subject);
	json_text(j, "issuer", x->issuer);
	json_text(j, "mac", x->has_mac ? mac_text(&x->mac, mac) : NULL);
	json_text(j, "serial", x->serial);
	json_time(j, "not_before", x->not_before);
	json_time(j, "not_after", x->not_after);
	json_text(j, "key", x->key);
	json_text(j, "signature", x->signature);
	json_end(j);
}

static void show_certificate(struct showing *s, const struct object *o)
{
	struct x509_facts facts;
	bool good = x509_facts_of(o->value, o->len, &facts) == 0;

	if (s->c->json && good)
		certificate_json(&s->json, &facts);
	else if (s->c->json)
		json_null(&s->json, "certificate");
	else if (good)
		certificate_text(&facts);
	else
		line("wrong", "not one whole certificate in DER");
}

static void show_key(struct showing *s, const struct object *o)
{
	struct certkey k = { 0 };
	int rc = certkey_parse(o->value, o->len, &k);
	char text[96];

	if (s->c->json && rc < 0) {
		json_null(&s->json, "key");
	} else if (s->c->json) {
		json_object(&s->json, "key");
		json_uint(&s->json, "version", k.version);
		json_uint(&s->json, "set", k.set);
		json_uint(&s->json, "ciphertext_length", k.ciphertext_len);
		json_end(&s->json);
	} else if (rc == FC_EUNKNOWN) {
		line("wrong", "a version of the key object that is not known");
	} else if (rc < 0) {
		line("wrong", "too short for a key object");
	} else {
		(void)snprintf(text, sizeof(text),
			       "%zu bytes under secret set %u (version %u)",
			       k.ciphertext_len, k.set, k.version);
		line("encrypted", text);
	}
}

static void show_value(struct showing *s, const struct object *o)
{
	if (o->type == CERTFILE_KEY)
		show_key(s, o);
	else if (o->type == CERTFILE_MANUFACTURER || o->type == CERTFILE_DEVICE ||
		 o->type == CERTFILE_LINK)
		show_certificate(s, o);
}

static void object_json(struct showing *s, const struct object *o)
{
	struct json *j = &s->json;
	bool right = o->crc_there && o->crc == o->computed;

	json_object(j, NULL);
	json_uint(j, "offset", o->offset);
	json_uint(j, "type", o->type);
	json_text(j, "name", type_name(o->type));
	json_uint(j, "length", o->len);
	json_bool(j, "whole", o->crc_there);
	json_bool(j, "crc_right", right);
	if (o->value)
		show_value(s, o);
	json_end(j);
}

static void object_text(struct showing *s, const struct object *o)
{
	(void)printf("\n  %6zu  %04x %-25s %6zu bytes", o->offset, o->type,
		     type_name(o->type), o->len);
	if (!o->value)
		(void)printf(", but only %zu are there\n",
			     s->len - o->offset - HEADER_LEN);
	else if (!o->crc_there)
		(void)printf(", its CRC is cut off\n");
	else if (o->crc == o->computed)
		(void)printf("  CRC %08" PRIx32 " is right\n", o->crc);
	else
		(void)printf("  CRC %08" PRIx32 " is wrong, should be %08" PRIx32 "\n",
			     o->crc, o->computed);
	if (o->value)
		show_value(s, o);
}

static void show_objects(struct showing *s)
{
	struct cur c = cur_of(s->p, s->len);

	while (c.pos < s->len) {
		struct object o;
		bool more = next_object(&c, &o);

		if (s->len - o.offset < HEADER_LEN && !s->c->json)
			(void)printf("\n  %6zu  %zu bytes that are no object\n",
				     o.offset, s->len - o.offset);
		else if (s->len - o.offset >= HEADER_LEN && s->c->json)
			object_json(s, &o);
		else if (!s->c->json)
			object_text(s, &o);
		if (!more)
			break;
	}
}

/* ---- what a device would say ------------------------------------------------ */

struct judgement {
	enum device_error error;
	size_t offset; /* where, when the structure is at fault */
	bool has_offset, with_root;
	char what[sizeof(((struct x509_verdict *)0)->what)];
};

/* The MAC address that the file is judged for: the one asked for, else the
 * certificate's own. */
static struct mac subject_mac(const struct certfile *f, const struct mac *wanted)
{
	struct x509_facts facts;

	if (wanted)
		return *wanted;
	if (x509_facts_of(f->device.value, f->device.len, &facts) == 0 && facts.has_mac)
		return facts.mac;
	return (struct mac){ 0 };
}

static void judge(const struct showing *s, const struct mac *wanted,
		  const struct x509_bytes *root, struct judgement *ret)
{
	struct certfile_fault fault = { 0 };
	struct x509_trust trust = { .n_roots = 1 };
	struct x509_device device = { .now = clock_unix_s(),
				      .installed_not_before = INT64_MIN };
	struct x509_verdict verdict;
	struct certkey key;
	struct certfile f;

	*ret = (struct judgement){ .with_root = root->len > 0 };
	ret->error = certfile_parse(s->p, s->len, &f, &fault);
	if (ret->error != DEVICE_OK) {
		ret->has_offset = true;
		ret->offset = fault.offset;
		(void)snprintf(ret->what, sizeof(ret->what), "%s", fault.what);
		return;
	}
	device.mac = subject_mac(&f, wanted);
	/* A certificate that is held itself needs nobody's signature. */
	trust.roots[0] = root->len > 0 ? *root
				       : (struct x509_bytes){ f.manufacturer.value,
							      f.manufacturer.len };
	ret->error = x509_check_file(s->p, s->len, &trust, &device, &verdict);
	(void)snprintf(ret->what, sizeof(ret->what), "%s", verdict.what);
	if (ret->error == DEVICE_OK && f.key.present &&
	    certkey_parse(f.key.value, f.key.len, &key) < 0) {
		ret->error = DEVICE_EKEY_INNER;
		(void)snprintf(ret->what, sizeof(ret->what),
			       "private key object is malformed");
	}
}

static void judgement_json(struct json *j, const struct judgement *g)
{
	json_object(j, "verdict");
	json_uint(j, "error", g->error);
	json_text(j, "meaning",
		  g->error == DEVICE_OK ? NULL : device_error_text(g->error) + 3);
	json_text(j, "what", *g->what ? g->what : NULL);
	if (g->has_offset)
		json_uint(j, "offset", g->offset);
	else
		json_null(j, "offset");
	json_bool(j, "root_checked", g->with_root);
	json_end(j);
}

static void judgement_text(const struct judgement *g)
{
	if (g->error == DEVICE_OK) {
		(void)printf("\ngood: a device that holds the root, and the secret for "
			     "the key, would install it\n");
		if (!g->with_root)
			(void)printf(
				"      (not checked: the manufacturer certificate's "
				"own signature; give --root)\n");
		return;
	}
	(void)printf("\nbad: a device would report error %s",
		     device_error_text(g->error));
	if (*g->what)
		(void)printf(":\n     %s", g->what);
	if (g->has_offset)
		(void)printf(", at byte %zu", g->offset);
	(void)putchar('\n');
}

static int show(struct showing *s, const struct mac *wanted,
		const struct x509_bytes *root)
{
	struct judgement g;

	judge(s, wanted, root, &g);
	if (s->c->json) {
		json_init(&s->json, stdout);
		json_object(&s->json, NULL);
		json_text(&s->json, "file", s->path);
		json_uint(&s->json, "length", s->len);
		json_array(&s->json, "objects");
		show_objects(s);
		json_end(&s->json);
		judgement_json(&s->json, &g);
		json_end(&s->json);
	} else {
		put_safe(stdout, s->path);
		(void)printf(": %zu bytes\n", s->len);
		show_objects(s);
		judgement_text(&g);
	}
	return g.error == DEVICE_OK ? CTL_DONE : CTL_FAILED;
}

int cmd_file_show(struct ctl *c, int argc, char **argv)
{
	const char *mac_given = NULL, *root_path = NULL;
	const struct option options[] = { { .name = "--mac", .text = &mac_given },
					  { .name = "--root", .text = &root_path },
					  { 0 } };
	struct showing s = { .c = c };
	struct x509_bytes root = { 0 };
	uint8_t *p = NULL, *der = NULL;
	struct mac mac;
	int rc = CTL_FAILED;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    (mac_given && ctl_mac(c, mac_given, &mac) != CTL_DONE))
		return CTL_USAGE;
	s.path = argv[0];
	if (ctl_read(argv[0], SHOW_MAX, &p, &s.len) != CTL_DONE)
		return CTL_FAILED;
	s.p = p;
	if (root_path && certificate_read(root_path, &der, &root.len) != CTL_DONE)
		goto out;
	root.p = der;
	rc = show(&s, mac_given ? &mac : NULL, &root);
out:
	free(der);
	free(p);
	return rc;
}
