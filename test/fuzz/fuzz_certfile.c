/* The certificate file's parser against a second, plain one; and what it accepts is
 * built again to the same bytes.  Each input is judged as it is and with its CRCs
 * put right, since no search would find those. */
#include "fuzz/fuzz.h"
#include "wire/certfile.h"

enum { INPUT_MAX = 20000 };

static uint32_t slow_crc(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

static unsigned type_at(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

static size_t size_at(const uint8_t *p)
{
	return p[2] * 256u + p[3] + (size_t)CERTFILE_OVERHEAD;
}

static bool crc_right(const uint8_t *p)
{
	size_t n = size_at(p) - 4;
	uint32_t crc = slow_crc(p, n);

	return p[n] == crc >> 24 && p[n + 1] == (crc >> 16 & 255) &&
	       p[n + 2] == (crc >> 8 & 255) && p[n + 3] == (crc & 255);
}

static void put_crc_right(uint8_t *p)
{
	size_t n = size_at(p) - 4;
	uint32_t crc = slow_crc(p, n);

	for (unsigned i = 0; i < 4; i++)
		p[n + i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* Is there a whole object at p? */
static bool whole(const uint8_t *p, size_t left)
{
	return left >= CERTFILE_OVERHEAD && size_at(p) <= left;
}

static bool known(unsigned type)
{
	return type == 1 || type == 2 || type == 3 || type == 0x8001;
}

/* Section 6, written down once more. */
static enum device_error expected(const uint8_t *data, size_t size)
{
	static uint8_t seen[65536];
	enum device_error types = DEVICE_OK;
	size_t at;

	if (size > CERTFILE_MAX)
		return DEVICE_EUNKNOWN_TYPE;
	for (at = 0; at < size; at += size_at(data + at))
		if (!whole(data + at, size - at))
			return DEVICE_ECERT_CRC;
	for (at = 0; at < size; at += size_at(data + at))
		if (!crc_right(data + at))
			return type_at(data + at) == 3 ? DEVICE_EKEY_CRC
						       : DEVICE_ECERT_CRC;
	for (at = 0; at < size; at += size_at(data + at)) {
		unsigned type = type_at(data + at);

		if (seen[type]++ || (!known(type) && type < 0x8000))
			types = DEVICE_EUNKNOWN_TYPE;
	}
	if (types == DEVICE_OK && !seen[2])
		types = DEVICE_ENO_CERT;
	for (at = 0; at < size; at += size_at(data + at))
		seen[type_at(data + at)] = 0;
	return types;
}

static const struct certfile_part *part(const struct certfile *f, unsigned type)
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

/* Put the parts where their objects were: the same bytes, but for skipped ones. */
static void check_parts(const struct certfile *f, const uint8_t *data, size_t size)
{
	static uint8_t buf[CERTFILE_MAX];
	unsigned n = 0;

	for (size_t at = 0; at < size; at += size_at(data + at)) {
		struct out o = out_of(buf, sizeof(buf));
		unsigned type = type_at(data + at);
		const struct certfile_part *it = part(f, type);

		if (!it)
			continue;
		n++;
		assert(it->present && within(it->value, it->len, data, size));
		certfile_put(&o, (enum certfile_type)type, it->value, it->len);
		assert(!o.full && o.len == size_at(data + at));
		assert(memcmp(buf, data + at, o.len) == 0);
	}
	assert(n == 0u + f->manufacturer.present + f->device.present + f->key.present +
			    f->link.present);
}

static void check(const uint8_t *data, size_t size)
{
	struct certfile f;
	struct certfile_fault fault = { 0 };
	enum device_error error = certfile_parse(data, size, &f, &fault);

	assert(error == expected(data, size));
	if (error == DEVICE_OK)
		check_parts(&f, data, size);
	else
		assert(fault.offset <= size && fault.what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[INPUT_MAX];

	check(data, size);
	if (size == 0 || size > sizeof(copy))
		return 0;
	memcpy(copy, data, size);
	for (size_t at = 0; at < size && whole(copy + at, size - at);
	     at += size_at(copy + at))
		put_crc_right(copy + at);
	check(copy, size);
	return 0;
}
