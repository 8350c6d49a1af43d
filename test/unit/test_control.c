#include "unit/codec_cases.h"
#include "wire/control.h"

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
#define MAC                         \
	{                           \
		CASE_BYTES, 6, 0, 0 \
	}

static const struct case_message cases[] = {
	{ CONTROL_ACCESS, { MAC, RANGE(1, 0, 1) } },
	{ CONTROL_RESET, { MAC } },
	{ CONTROL_PRELOAD, { MAC, BLOB(16384) } },
	{ CONTROL_STATUS, { { CASE_END, 0, 0, 0 } } },
	{ CONTROL_DONE, { RC, NUMBER(4), BLOB(512) } },
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static int round_trip(const uint8_t *p, size_t len, struct out *again)
{
	static struct control_message m, before;
	int rc;

	memset(&m, 0xee, sizeof(m));
	memcpy(&before, &m, sizeof(m));
	rc = control_parse(p, len, &m);
	if (rc == 0)
		control_build(again, &m);
	else
		assert_memory_equal(&m, &before, sizeof(m));
	return rc;
}

static void every_message_is_read_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++)
		case_check(round_trip, &cases[i]);
}

static void the_list_of_messages_is_closed(void **state)
{
	static struct control_message m;

	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		uint8_t p[2] = { (uint8_t)(type >> 8), (uint8_t)type };
		bool known = type == CONTROL_DEVICES || type == CONTROL_STATUS_IS;

		for (size_t i = 0; i < N_CASES; i++)
			known = known || cases[i].type == type;
		assert_int_equal(control_parse(p, 2, &m) == FC_EUNKNOWN, !known);
	}
	assert_int_equal(control_parse(NULL, 0, &m), FC_EBAD);
}

/* Bytes of a DEVICES message with n rows, each blob of row i holding the same. */
static size_t make_devices(uint8_t update, uint16_t n)
{
	struct out o = out_of(case_buf, sizeof(case_buf));

	out_u16(&o, CONTROL_DEVICES);
	out_u8(&o, update);
	out_u16(&o, n);
	for (uint16_t i = 0; i < n; i++) {
		out_bytes(&o, "\0\0\0\0", 4);
		out_u16(&o, i);
		out_u32(&o, 2);
		out_str(&o, "CM");
		out_u32(&o, 5);
		out_str(&o, "class");
		out_u32(&o, 4);
		out_str(&o, "J09H");
		out_u32(&o, 1);
		out_u8(&o, (uint8_t)i);
	}
	assert_false(o.full);
	return o.len;
}

static void rows_up_to_their_limit(void **state)
{
	static struct control_message m;
	size_t len = make_devices(1, CONTROL_ROWS_MAX);

	(void)state;
	case_accepted(round_trip, len);
	assert_int_equal(control_parse(case_buf, len, &m), 0);
	assert_int_equal(m.u.devices.update, 1);
	assert_int_equal(m.u.devices.n, CONTROL_ROWS_MAX);
	for (uint16_t i = 0; i < CONTROL_ROWS_MAX; i++) {
		const struct control_device *d = &m.u.devices.rows[i];

		assert_true(mac_u64(&d->mac) == i);
		assert_memory_equal(d->type.p, "CM", 2);
		assert_memory_equal(d->class_name.p, "class", 5);
		assert_memory_equal(d->serial.p, "J09H", 4);
		assert_int_equal(d->spki.len, 1);
		assert_int_equal(d->spki.p[0], (uint8_t)i);
	}
	case_refused(round_trip, len - 1, FC_EBAD);
	case_buf[len] = 0;
	case_refused(round_trip, len + 1, FC_EBAD);
	case_refused(round_trip, make_devices(1, CONTROL_ROWS_MAX + 1), FC_EFULL);
	case_refused(round_trip, make_devices(2, 1), FC_EBAD);
	case_accepted(round_trip, make_devices(0, 0));
	len = make_devices(0, 2);
	for (size_t cut = 0; cut < len; cut++)
		case_refused(round_trip, cut, FC_EBAD);
}

/* At offset at of a one-row message stands a blob's length: at most max. */
static void assert_limit(size_t at, uint32_t now, uint32_t max)
{
	static uint8_t row[4096];
	size_t len = make_devices(0, 1);

	memcpy(row, case_buf, len);
	for (uint32_t n = max; n <= max + 1; n++) {
		struct out o = out_of(case_buf, sizeof(case_buf));

		out_bytes(&o, row, at);
		out_u32(&o, n);
		for (uint32_t i = 0; i < n; i++)
			out_u8(&o, 'x');
		out_bytes(&o, row + at + 4 + now, len - at - 4 - now);
		if (n == max)
			case_accepted(round_trip, o.len);
		else
			case_refused(round_trip, o.len, FC_EFULL);
	}
}

static void limits_of_a_row(void **state)
{
	(void)state;
	assert_limit(11, 2, 2);
	assert_limit(17, 5, IPC_NAME_MAX);
	assert_limit(26, 4, IPC_SERIAL_MAX);
	assert_limit(34, 1, IPC_SPKI_MAX);
}

static size_t make_status(uint16_t n, uint32_t name_len, uint32_t value_len)
{
	struct out o = out_of(case_buf, sizeof(case_buf));

	out_u16(&o, CONTROL_STATUS_IS);
	out_u16(&o, n);
	for (uint16_t i = 0; i < n; i++) {
		out_u32(&o, name_len);
		for (uint32_t k = 0; k < name_len; k++)
			out_u8(&o, 'n');
		out_u32(&o, value_len);
		for (uint32_t k = 0; k < value_len; k++)
			out_u8(&o, (uint8_t)i);
	}
	assert_false(o.full);
	return o.len;
}

static void facts_up_to_their_limit(void **state)
{
	static struct control_message m;
	size_t len = make_status(CONTROL_FACTS_MAX, 10, 20);

	(void)state;
	case_accepted(round_trip, len);
	assert_int_equal(control_parse(case_buf, len, &m), 0);
	assert_int_equal(m.u.status_is.n, CONTROL_FACTS_MAX);
	assert_int_equal(m.u.status_is.facts[127].name.len, 10);
	assert_int_equal(m.u.status_is.facts[127].value.p[0], 127);
	case_refused(round_trip, make_status(CONTROL_FACTS_MAX + 1, 1, 1), FC_EFULL);
	case_accepted(round_trip, make_status(1, IPC_NAME_MAX, IPC_TEXT_MAX));
	case_refused(round_trip, make_status(1, IPC_NAME_MAX + 1, 1), FC_EFULL);
	case_refused(round_trip, make_status(1, 1, IPC_TEXT_MAX + 1), FC_EFULL);
	case_accepted(round_trip, make_status(0, 0, 0));
}

static void a_datagram_over_the_limit_is_refused(void **state)
{
	static struct control_message m;

	(void)state;
	memset(case_buf, 0, sizeof(case_buf));
	case_buf[1] = CONTROL_STATUS;
	assert_int_equal(control_parse(case_buf, CONTROL_MESSAGE_MAX + 1, &m),
			 FC_EFULL);
	assert_int_equal(control_parse(case_buf, CONTROL_MESSAGE_MAX, &m), FC_EBAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_read_exactly),
		cmocka_unit_test(the_list_of_messages_is_closed),
		cmocka_unit_test(rows_up_to_their_limit),
		cmocka_unit_test(limits_of_a_row),
		cmocka_unit_test(facts_up_to_their_limit),
		cmocka_unit_test(a_datagram_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
