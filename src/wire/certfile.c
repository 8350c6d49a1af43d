#include "wire/certfile.h"
#include <assert.h>
#include "base/crc32.h"
#include "base/errors.h"

/* One object as it stands in the file. */
struct object {
	size_t offset;
	uint16_t type;
	struct cur value;
	uint32_t crc;
};

/* The object at the cursor; c is dead afterwards if it was truncated. */
static struct object take_object(struct cur *c)
{
	struct object ob = { .offset = c->pos };

	ob.type = cur_u16(c);
	ob.value = cur_sub(c, cur_u16(c));
	ob.crc = cur_u32(c);
	return ob;
}

static enum device_error fault(struct certfile_fault *ret, enum device_error error,
			       const struct object *ob, const char *what)
{
	if (ret)
		*ret = (struct certfile_fault){ ob->offset, ob->type, what };
	return error;
}

static enum device_error check_structure(struct cur c, struct certfile_fault *ret)
{
	if (c.len > CERTFILE_MAX)
		return fault(ret, DEVICE_EUNKNOWN_TYPE, &(struct object){ 0 },
			     "the file is over 16384 bytes");
	while (cur_left(&c) > 0) {
		struct object ob = take_object(&c);

		if (c.dead)
			return fault(ret, DEVICE_ECERT_CRC, &ob,
				     "the object is truncated");
	}
	return DEVICE_OK;
}

static enum device_error check_crcs(struct cur c, struct certfile_fault *ret)
{
	const uint8_t *file = c.buf;

	while (cur_left(&c) > 0) {
		struct object ob = take_object(&c);

		if (crc32_of(file + ob.offset, 4 + ob.value.len) == ob.crc)
			continue;
		if (ob.type == CERTFILE_KEY)
			return fault(ret, DEVICE_EKEY_CRC, &ob,
				     "the private key's CRC is wrong");
		return fault(ret, DEVICE_ECERT_CRC, &ob, "the object's CRC is wrong");
	}
	return DEVICE_OK;
}

static struct certfile_part *part_of(struct certfile *f, uint16_t type)
{
	switch (type) {
	case CERTFILE_MANUFACTURER:
		return &f->manufacturer;
	case CERTFILE_DEVICE:
		return &f->device;
	case CERTFILE_KEY:
		return &f->key;
	case CERTFILE_LINK:
		return &f->link;
	default:
		return NULL;
	}
}

static bool type_before(struct cur c, const struct object *ob)
{
	while (c.pos < ob->offset)
		if (take_object(&c).type == ob->type)
			return true;
	return false;
}

static enum device_error check_types(struct cur c, struct certfile *ret,
				     struct certfile_fault *ret_fault)
{
	const struct cur start = c;

	while (cur_left(&c) > 0) {
		struct object ob = take_object(&c);
		struct certfile_part *part = part_of(ret, ob.type);

		if (!part && !(ob.type & CERTFILE_SKIPPABLE))
			return fault(ret_fault, DEVICE_EUNKNOWN_TYPE, &ob,
				     "the object's type is unknown");
		if (type_before(start, &ob))
			return fault(ret_fault, DEVICE_EUNKNOWN_TYPE, &ob,
				     "a second object of this type");
		if (part)
			*part = (struct certfile_part){ true, ob.value.buf,
							ob.value.len };
	}
	return DEVICE_OK;
}

enum device_error certfile_parse(const void *p, size_t len, struct certfile *ret,
				 struct certfile_fault *ret_fault)
{
	struct cur c = cur_of(p, len);
	struct certfile f = { 0 };
	enum device_error error;

	if ((error = check_structure(c, ret_fault)) != DEVICE_OK ||
	    (error = check_crcs(c, ret_fault)) != DEVICE_OK ||
	    (error = check_types(c, &f, ret_fault)) != DEVICE_OK)
		return error;
	if (!f.device.present)
		return fault(ret_fault, DEVICE_ENO_CERT,
			     &(struct object){ .offset = len },
			     "there is no device certificate");
	*ret = f;
	return DEVICE_OK;
}

void certfile_put(struct out *o, enum certfile_type type, const void *value, size_t len)
{
	size_t start = o->len;

	if (o->full || len > CERTFILE_MAX - CERTFILE_OVERHEAD ||
	    o->cap - o->len < len + CERTFILE_OVERHEAD) {
		o->full = true;
		return;
	}
	out_u16(o, (uint16_t)type);
	out_u16(o, (uint16_t)len);
	out_bytes(o, value, len);
	out_u32(o, crc32_of(o->buf + start, 4 + len));
}

int certkey_parse(const void *p, size_t len, struct certkey *ret)
{
	struct cur c = cur_of(p, len);
	struct certkey k = { 0 };

	if (len < CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN)
		return FC_EBAD;
	k.version = cur_u8(&c);
	if (k.version != CERTKEY_VERSION)
		return FC_EUNKNOWN;
	k.set = cur_u8(&c);
	k.nonce = cur_bytes(&c, CERTKEY_NONCE_LEN);
	k.ciphertext_len = len - CERTKEY_OVERHEAD;
	k.ciphertext = cur_bytes(&c, k.ciphertext_len);
	k.tag = cur_bytes(&c, CERTKEY_TAG_LEN);
	assert(cur_done(&c));
	*ret = k;
	return 0;
}

void certkey_build(struct out *o, const struct certkey *k)
{
	out_u8(o, k->version);
	out_u8(o, k->set);
	out_bytes(o, k->nonce, CERTKEY_NONCE_LEN);
	out_bytes(o, k->ciphertext, k->ciphertext_len);
	out_bytes(o, k->tag, CERTKEY_TAG_LEN);
}

const char *device_error_text(unsigned number)
{
	static const char *const texts[] = {
		[DEVICE_OK] = "00 no error",
		[DEVICE_ETIMEOUT] = "01 timed out",
		[DEVICE_EMAC] = "02 MAC mismatch",
		[DEVICE_EPUBLIC_KEY] = "03 public key differs from the stored key",
		[DEVICE_EPAIR] = "04 public and downloaded private key are no pair",
		[DEVICE_ECERT_CRC] = "05 certificate CRC",
		[DEVICE_EKEY_CRC] = "06 private key outer CRC",
		[DEVICE_ENO_CERT] = "07 no certificate in the file",
		[DEVICE_EUNKNOWN_TYPE] = "08 unknown type",
		[DEVICE_ESIGNATURE] = "09 device certificate's signature",
		[DEVICE_EISSUER] = "10 issuer name is not the manufacturer's subject",
		[DEVICE_EFLASH] = "11 flash write failed",
		[DEVICE_EKEY_INNER] = "12 private key inner CRC",
		[DEVICE_EMFR_NAME] =
			"13 manufacturer subject is not a predetermined name",
		[DEVICE_EMFR_KEY] = "14 manufacturer public key is not a stored one",
	};

	static_assert(sizeof(texts) / sizeof(texts[0]) == DEVICE_EMFR_KEY + 1,
		      "every number has its text");
	if (number > DEVICE_EMFR_KEY)
		return "number out of range";
	return texts[number];
}
