/* A certificate file, whole or put together from parts with the right checksums,
 * for a device with a fixed root: good only with the very certificates of
 * vector/chain.h, since nobody else has the keys.
 *
 * Input: a byte of flags (enum part), then the file, or the parts that are there in
 * the order of the flags, each with two bytes of length before it. */
#include "base/cursor.h"
#include "crypto/keybox.h"
#include "crypto/x509check.h"
#include "fuzz/fuzz.h"
#include "vector/chain.h"
#include "wire/certfile.h"

enum part {
	PART_FILE = 1,
	PART_MANUFACTURER = 2,
	PART_DEVICE = 4,
	PART_KEY = 8,    /* the object's value */
	PART_PKCS8 = 16, /* what is encrypted into it */
	PART_LINK = 32,
	WITH_LISTS = 64, /* names and keys are given */
	WITHOUT_CLOCK = 128
};

static const struct auth_secret secret3 = { .len = 8, .s = "secret 3" };
static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

/* The part that this flag promises; an empty one when the input is too short. */
static struct x509_bytes part(struct cur *c, uint8_t flags, enum part flag)
{
	struct cur v;

	if (!(flags & flag))
		return (struct x509_bytes){ NULL, 0 };
	v = cur_sub(c, cur_u16(c));
	return v.dead ? (struct x509_bytes){ NULL, 0 }
		      : (struct x509_bytes){ v.buf, v.len };
}

static void put_pkcs8(struct out *o, const struct x509_bytes *pkcs8)
{
	static const uint8_t nonce[CERTKEY_NONCE_LEN] = { 1 };
	uint8_t value[KEYBOX_PKCS8_MAX + 64];
	struct out v = out_of(value, sizeof(value));

	if (keybox_seal(&secret3, &modem, "S", 1, 1, nonce, pkcs8->p, pkcs8->len, &v) ==
	    0)
		certfile_put(o, CERTFILE_KEY, value, v.len);
}

static void put(struct out *o, enum certfile_type type, const struct x509_bytes *value)
{
	if (value->p && value->len <= UINT16_MAX)
		certfile_put(o, type, value->p, value->len);
}

static size_t put_together(struct cur *c, uint8_t flags, uint8_t *buf, size_t cap)
{
	struct out o = out_of(buf, cap);
	struct x509_bytes m = part(c, flags, PART_MANUFACTURER);
	struct x509_bytes d = part(c, flags, PART_DEVICE);
	struct x509_bytes k = part(c, flags, PART_KEY);
	struct x509_bytes p = part(c, flags, PART_PKCS8);
	struct x509_bytes l = part(c, flags, PART_LINK);

	put(&o, CERTFILE_MANUFACTURER, &m);
	put(&o, CERTFILE_DEVICE, &d);
	put(&o, CERTFILE_KEY, &k);
	if (p.p)
		put_pkcs8(&o, &p);
	put(&o, CERTFILE_LINK, &l);
	return o.len;
}

static void assert_genuine(const uint8_t *file, size_t len)
{
	struct certfile f;

	assert(certfile_parse(file, len, &f, NULL) == DEVICE_OK);
	assert(f.device.len == sizeof(chain_device));
	assert(memcmp(f.device.value, chain_device, f.device.len) == 0);
	if (!f.manufacturer.present)
		return;
	assert(f.manufacturer.len == sizeof(chain_manufacturer));
	assert(memcmp(f.manufacturer.value, chain_manufacturer, f.manufacturer.len) ==
	       0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[CERTFILE_MAX + 1024];
	struct cur c = cur_of(data, size);
	uint8_t flags = cur_u8(&c);
	struct x509_trust trust = {
		.roots = { { chain_root, sizeof(chain_root) } },
		.n_roots = 1,
		.names = { "C=US, O=Example, OU=DOCSIS, CN=Example CA" },
		.n_names = flags & WITH_LISTS ? 1 : 0,
		.manufacturer = { chain_manufacturer, sizeof(chain_manufacturer) },
	};
	struct x509_device device = {
		.mac = modem,
		.serial = "S",
		.serial_len = 1,
		.secret3 = &secret3,
		.now = flags & WITHOUT_CLOCK ? -1 : INT64_C(1780000000),
		.private_key = { chain_device_pkcs8, sizeof(chain_device_pkcs8) },
		.installed_not_before = INT64_MIN,
	};
	struct x509_verdict v;
	const uint8_t *p = file;
	size_t len;
	enum device_error e;

	if (flags & PART_FILE) {
		len = cur_left(&c);
		p = cur_bytes(&c, len);
	} else {
		len = put_together(&c, flags, file, sizeof(file));
	}
	e = x509_check_file(p, len, &trust, &device, &v);
	assert(e == v.error && (unsigned)e <= DEVICE_EMFR_KEY);
	assert((e == DEVICE_OK) == (v.what[0] == '\0'));
	if (e == DEVICE_OK)
		assert_genuine(p, len);
	else
		assert(v.pkcs8_len == 0 && !v.link_used);
	return 0;
}
