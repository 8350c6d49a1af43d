#include "unit/codec_cases.h"
#include "wire/ipc.h"

#define NUMBER(size)                    \
	{                               \
		CASE_NUMBER, size, 0, 0 \
	}
#define RANGE(size, low, high)               \
	{                                    \
		CASE_NUMBER, size, low, high \
	}
#define RC                       \
	{                        \
		CASE_RC, 4, 0, 0 \
	}
#define BLOB(max)                    \
	{                            \
		CASE_BLOB, 0, 0, max \
	}
#define BYTES(size)                    \
	{                              \
		CASE_BYTES, size, 0, 0 \
	}
#define MAC BYTES(6)
#define ADDR BYTES(16), NUMBER(2)
#define DEVICE_TYPE                \
	{                          \
		CASE_TYPE, 2, 0, 0 \
	}
#define SERIAL                        \
	{                             \
		CASE_SERIAL, 16, 0, 0 \
	}

static const struct case_message cases[] = {
	{ IPC_CONF, { BLOB(4096) } },
	{ IPC_SECRET, { RANGE(1, 0, 7), BLOB(63) } },
	{ IPC_SOCKET, { RANGE(1, 0, 1), NUMBER(2) } },
	{ IPC_PEER, { RANGE(1, 0, 2), NUMBER(2) } },
	{ IPC_START, { { CASE_END, 0, 0, 0 } } },
	{ IPC_READY, { { CASE_END, 0, 0, 0 } } },
	{ IPC_FAILED, { BLOB(512) } },
	{ IPC_ASK, { NUMBER(8), MAC, DEVICE_TYPE, NUMBER(1), ADDR } },
	{ IPC_DIGEST, { NUMBER(8), MAC } },
	{ IPC_CONFIRM, { NUMBER(8), MAC, RANGE(1, 0, 1), ADDR } },
	{ IPC_REPORT, { NUMBER(8), MAC, RANGE(1, 1, 14), ADDR } },
	{ IPC_DELIVERED, { MAC, NUMBER(4), ADDR } },
	{ IPC_ANSWER, { NUMBER(8), RANGE(1, 0, 3), NUMBER(4), BLOB(16384) } },
	{ IPC_DIGEST_IS, { NUMBER(8), RANGE(1, 0, 1), BYTES(32) } },
	{ IPC_TABLE, { { CASE_END, 0, 0, 0 } } },
	{ IPC_PLAN,
	  { NUMBER(8), MAC, DEVICE_TYPE, BLOB(63), BLOB(64), SERIAL, NUMBER(8),
	    NUMBER(8), BLOB(1024) } },
	{ IPC_SIGN,
	  { NUMBER(8), MAC, BLOB(63), BLOB(64), BLOB(4096), BYTES(32), NUMBER(1),
	    BLOB(4096) } },
	{ IPC_WRAP, { NUMBER(8), MAC, BLOB(64), NUMBER(1), BLOB(4096) } },
	{ IPC_ISSUER_LOAD, { BLOB(63), BLOB(4096), BLOB(4096) } },
	{ IPC_ISSUER_MAKE, { BLOB(63), SERIAL, NUMBER(8), NUMBER(8) } },
	{ IPC_PLANNED,
	  { NUMBER(8), RC, BLOB(512), BLOB(4096), BYTES(32), BLOB(1024), BLOB(4096),
	    BLOB(63) } },
	{ IPC_SIGNED, { NUMBER(8), RC, BLOB(512), BLOB(4096), BLOB(4096) } },
	{ IPC_WRAPPED, { NUMBER(8), RC, BLOB(512), BLOB(4096) } },
	{ IPC_ISSUER_IS, { BLOB(63), BLOB(4096) } },
	{ IPC_ISSUER_MADE, { BLOB(63), RC, BLOB(512), BLOB(4096), BLOB(4096) } },
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static int round_trip(const uint8_t *p, size_t len, struct out *again)
{
	struct ipc_message m, before;
	int rc;

	memset(&m, 0xee, sizeof(m));
	memcpy(&before, &m, sizeof(m));
	rc = ipc_parse(p, len, &m);
	if (rc == 0)
		ipc_build(again, &m);
	else
		assert_memory_equal(&m, &before, sizeof(m));
	return rc;
}

/* I4: both ends check type, length and range. */
static void I4_every_message_is_read_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++)
		case_check(round_trip, &cases[i]);
}

static void I4_the_list_of_messages_is_closed(void **state)
{
	struct ipc_message m;

	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		uint8_t p[2] = { (uint8_t)(type >> 8), (uint8_t)type };
		bool known = type == IPC_COUNTERS;

		for (size_t i = 0; i < N_CASES; i++)
			known = known || cases[i].type == type;
		assert_int_equal(ipc_parse(p, 2, &m) == FC_EUNKNOWN, !known);
	}
	assert_int_equal(ipc_parse(NULL, 0, &m), FC_EBAD);
	assert_int_equal(ipc_parse("\0", 1, &m), FC_EBAD);
}

static void counters_are_a_list(void **state)
{
	struct ipc_message m = { .type = IPC_COUNTERS };
	struct out o;

	(void)state;
	for (uint16_t n = 0; n <= IPC_COUNTERS_MAX + 1; n++) {
		size_t len;

		o = out_of(case_buf, sizeof(case_buf));
		out_u16(&o, IPC_COUNTERS);
		out_u16(&o, n);
		for (uint64_t i = 0; i < n; i++)
			out_u64(&o, 1000 + i);
		len = o.len;
		if (n > IPC_COUNTERS_MAX) {
			case_refused(round_trip, len, FC_EFULL);
			continue;
		}
		case_accepted(round_trip, len);
		assert_int_equal(ipc_parse(case_buf, len, &m), 0);
		assert_int_equal(m.u.counters.n, n);
		for (uint64_t i = 0; i < n; i++)
			assert_true(m.u.counters.v[i] == 1000 + i);
		case_refused(round_trip, len - 1, FC_EBAD);
		case_refused(round_trip, len + 1, FC_EBAD);
	}
}

static void a_datagram_over_the_limit_is_refused(void **state)
{
	struct ipc_message m;

	(void)state;
	memset(case_buf, 0, sizeof(case_buf));
	case_buf[1] = IPC_START;
	assert_int_equal(ipc_parse(case_buf, IPC_MESSAGE_MAX + 1, &m), FC_EFULL);
	assert_int_equal(ipc_parse(case_buf, IPC_MESSAGE_MAX, &m), FC_EBAD);
}

/* Build the plain message of this type and parse it. */
static struct ipc_message plain(enum ipc_type type)
{
	struct ipc_message m = { 0 };

	for (size_t i = 0; i < N_CASES; i++) {
		size_t len;

		if (cases[i].type != type)
			continue;
		len = case_make(case_buf, sizeof(case_buf), &cases[i], UINT32_MAX,
				CASE_PLAIN);
		assert_int_equal(ipc_parse(case_buf, len, &m), 0);
	}
	assert_int_equal(m.type, type);
	return m;
}

/* Blob number i holds three of the i-th letter, number i is i + 1. */
static void assert_blob(struct ipc_blob blob, unsigned i)
{
	assert_int_equal(blob.len, 3);
	for (size_t k = 0; k < 3; k++)
		assert_int_equal(blob.p[k], 'a' + i);
}

static void fields_go_where_they_belong(void **state)
{
	struct ipc_message m = plain(IPC_PLAN);

	(void)state;
	assert_true(m.u.plan.job == 1);
	assert_memory_equal(m.u.plan.mac.b, "bbbbbb", 6);
	assert_memory_equal(m.u.plan.type, "CM", 2);
	assert_blob(m.u.plan.class_name, 3);
	assert_blob(m.u.plan.serial, 4);
	assert_int_equal(m.u.plan.cert_serial[0], 0x7f);
	assert_true(m.u.plan.not_before == 7);
	assert_true(m.u.plan.not_after == 8);
	assert_blob(m.u.plan.spki, 8);

	m = plain(IPC_SIGN);
	assert_blob(m.u.sign.issuer, 2);
	assert_blob(m.u.sign.serial, 3);
	assert_blob(m.u.sign.tbs, 4);
	assert_int_equal(m.u.sign.seal[31], 'f');
	assert_int_equal(m.u.sign.set, 7);
	assert_blob(m.u.sign.wrapped, 7);

	m = plain(IPC_PLANNED);
	assert_int_equal(m.u.planned.rc, FC_EAUTH);
	assert_blob(m.u.planned.text, 2);
	assert_blob(m.u.planned.tbs, 3);
	assert_blob(m.u.planned.spki, 5);
	assert_blob(m.u.planned.wrapped, 6);
	assert_blob(m.u.planned.issuer, 7);

	m = plain(IPC_SIGNED);
	assert_blob(m.u.signed_.text, 2);
	assert_blob(m.u.signed_.cert, 3);
	assert_blob(m.u.signed_.keybox, 4);

	m = plain(IPC_ISSUER_MADE);
	assert_blob(m.u.issuer_made.name, 0);
	assert_blob(m.u.issuer_made.text, 2);
	assert_blob(m.u.issuer_made.cert, 3);
	assert_blob(m.u.issuer_made.wrapped, 4);

	m = plain(IPC_ISSUER_LOAD);
	assert_blob(m.u.issuer_load.name, 0);
	assert_blob(m.u.issuer_load.cert, 1);
	assert_blob(m.u.issuer_load.wrapped, 2);

	m = plain(IPC_ISSUER_MAKE);
	assert_true(m.u.issuer_make.not_before == 3);
	assert_true(m.u.issuer_make.not_after == 4);
}

/* One datagram byte by byte, so that the coding itself is pinned. */
static void an_ask_byte_by_byte(void **state)
{
	static const uint8_t want[] = {
		0x00, 0x20,                                     /* IPC_ASK */
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* ref */
		0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef,             /* MAC */
		'C',  'M',  9,                                  /* set */
		0,    0,    0,    0,    0,    0,    0,    0,
		0,    0,    0xff, 0xff, 192,  0,    2,    1, /* ::ffff:192.0.2.1 */
		0xc0, 0x01,
	};
	const struct ipc_message m = {
		.type = IPC_ASK,
		.u.ask = { .ref = 0x0102030405060708,
			   .mac = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } },
			   .type = { 'C', 'M' },
			   .set = 9,
			   .peer = { { [10] = 0xff, 0xff, 192, 0, 2, 1 }, 0xc001 } },
	};
	struct out o = out_of(case_buf, sizeof(case_buf));

	(void)state;
	ipc_build(&o, &m);
	assert_int_equal(o.len, sizeof(want));
	assert_memory_equal(case_buf, want, sizeof(want));
}

static void a_message_that_does_not_fit(void **state)
{
	struct ipc_message m = { .type = IPC_FAILED };
	uint8_t small[8];
	struct out o = out_of(small, sizeof(small));

	(void)state;
	m.u.failed.text = (struct ipc_blob){ (const uint8_t *)"abc", 3 };
	ipc_build(&o, &m);
	assert_true(o.full);
	m.u.failed.text = (struct ipc_blob){ NULL, 0 };
	o = out_of(small, sizeof(small));
	ipc_build(&o, &m);
	assert_false(o.full);
	assert_int_equal(o.len, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(I4_every_message_is_read_exactly),
		cmocka_unit_test(I4_the_list_of_messages_is_closed),
		cmocka_unit_test(counters_are_a_list),
		cmocka_unit_test(a_datagram_over_the_limit_is_refused),
		cmocka_unit_test(fields_go_where_they_belong),
		cmocka_unit_test(an_ask_byte_by_byte),
		cmocka_unit_test(a_message_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
