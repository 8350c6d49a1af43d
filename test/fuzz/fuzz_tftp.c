/* Every TFTP parser on every input; what is understood is built and read again. */
#include "base/errors.h"
#include "fuzz/fuzz.h"
#include "wire/tftp.h"

static bool same_options(const struct tftp_options *a, const struct tftp_options *b)
{
	return a->has_blksize == b->has_blksize && a->blksize == b->blksize &&
	       a->has_timeout == b->has_timeout && a->timeout_s == b->timeout_s &&
	       a->has_tsize == b->has_tsize && a->tsize == b->tsize &&
	       a->has_windowsize == b->has_windowsize && a->windowsize == b->windowsize;
}

static void check_ranges(const struct tftp_options *o)
{
	if (o->has_blksize)
		assert(o->blksize >= 8 && o->blksize <= 65464);
	if (o->has_timeout)
		assert(o->timeout_s >= 1 && o->timeout_s <= 255);
	if (o->has_windowsize)
		assert(o->windowsize >= 1 && o->windowsize <= 65535);
}

static void check_request(const uint8_t *data, size_t size)
{
	uint8_t buf[2 * TFTP_REQUEST_MAX];
	struct out o = out_of(buf, sizeof(buf));
	struct tftp_request r, again;

	if (tftp_parse_request(data, size, &r) < 0)
		return;
	assert(size <= TFTP_REQUEST_MAX && data[size - 1] == 0);
	assert(r.name_len > 0 && within(r.name, r.name_len + 1, data, size));
	assert(memchr(r.name, 0, r.name_len + 1) == r.name + r.name_len);
	check_ranges(&r.options);
	tftp_build_request(&o, r.opcode, r.name, &r.options);
	assert(!o.full);
	if (o.len > TFTP_REQUEST_MAX)
		return;
	assert(tftp_parse_request(buf, o.len, &again) == 0);
	assert(again.opcode == r.opcode && again.octet);
	assert(again.name_len == r.name_len);
	assert(memcmp(again.name, r.name, r.name_len) == 0);
	assert(same_options(&again.options, &r.options));
}

static void check_oack(const uint8_t *data, size_t size)
{
	uint8_t buf[256];
	struct out o = out_of(buf, sizeof(buf));
	struct tftp_options options, again;

	if (tftp_parse_oack(data, size, &options) < 0)
		return;
	check_ranges(&options);
	tftp_build_oack(&o, &options);
	assert(!o.full && o.len <= size);
	assert(tftp_parse_oack(buf, o.len, &again) == 0);
	assert(same_options(&again, &options));
}

static void check_rest(const uint8_t *data, size_t size)
{
	uint8_t buf[8192];
	struct out o = out_of(buf, sizeof(buf));
	uint16_t number;
	struct cur bytes;

	if (tftp_parse_data(data, size, &number, &bytes) == 0) {
		assert(bytes.len == size - TFTP_HEADER_LEN);
		tftp_build_data(&o, number, bytes.buf, bytes.len);
		assert(o.full || (o.len == size && memcmp(buf, data, size) == 0));
	}
	if (tftp_parse_ack(data, size, &number) == 0) {
		tftp_build_ack(&o, number);
		assert(o.len == size && memcmp(buf, data, size) == 0);
	}
	if (tftp_parse_error(data, size, &number, &bytes) == 0) {
		assert(bytes.len <= TFTP_MESSAGE_MAX);
		assert(bytes.len == 0 || within(bytes.buf, bytes.len, data, size));
		assert(bytes.len == 0 || !memchr(bytes.buf, 0, bytes.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int opcode = tftp_opcode(data, size);

	assert(opcode == FC_EBAD || (size >= 2 && opcode == data[0] * 256 + data[1]));
	check_request(data, size);
	check_oack(data, size);
	check_rest(data, size);
	return 0;
}
