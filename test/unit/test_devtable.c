/* The device table: what the registrar writes, the front finds; and a front that
 * trusts nothing in it (S2, I4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "core/devtable.h"
#include "macs.h"

struct area {
	void *p;
	size_t size;
	struct devtable t;
};

static void make(struct area *a, uint32_t n, size_t serial_bytes)
{
	a->size = devtable_size(n, serial_bytes);
	a->p = calloc(1, a->size);
	assert_non_null(a->p);
	assert_int_equal(devtable_format(a->p, a->size, n, &a->t), 0);
}

static struct mac mac_of(uint32_t i)
{
	return mac_from_u64(0x00104b000000u + i);
}

static struct devtable_device device(const char *serial, uint8_t class, uint8_t flags)
{
	struct devtable_device d = { .type = "CM",
				     .class_index = class,
				     .flags = flags,
				     .serial = serial,
				     .serial_len = strlen(serial) };

	return d;
}

static void expect(const struct devtable *t, const struct mac *m, const char *type,
		   uint8_t class, uint8_t flags, const char *serial)
{
	struct devtable_device d;

	assert_true(devtable_find(t, m, &d));
	assert_string_equal(d.type, type);
	assert_int_equal(d.class_index, class);
	assert_int_equal(d.flags, flags);
	assert_int_equal(d.serial_len, strlen(serial));
	assert_memory_equal(d.serial, serial, d.serial_len);
}

static void what_is_put_is_found(void **state)
{
	struct mac a = mac_of(1), b = mac_of(2), zero = { { 0 } };
	struct devtable_device d = device("J09H7CDEF", 3, 0);
	struct devtable reader;
	struct area area;

	(void)state;
	make(&area, 10, 100);
	assert_false(devtable_find(&area.t, &a, &d));
	d = device("J09H7CDEF", 3, 0);
	assert_int_equal(devtable_put(&area.t, &a, &d), 0);
	d = device("", 255, DEVTABLE_DENIED);
	memcpy(d.type, "EM", 2);
	assert_int_equal(devtable_put(&area.t, &b, &d), 0);

	assert_int_equal(devtable_attach(area.p, area.size, &reader), 0);
	expect(&reader, &a, "CM", 3, 0, "J09H7CDEF");
	expect(&reader, &b, "EM", 255, DEVTABLE_DENIED, "");
	assert_false(devtable_find(&reader, &zero, &d));
	assert_int_equal(devtable_count(&reader), 2);

	d = device("x", 0, 0);
	assert_int_equal(devtable_put(&area.t, &zero, &d), 0);
	expect(&reader, &zero, "CM", 0, 0, "x");
	free(area.p);
}

static void a_change_replaces_and_takes_no_cell(void **state)
{
	struct mac a = mac_of(1);
	struct devtable_device d = device("old", 1, 0);
	struct area area;

	(void)state;
	make(&area, 1, 3);
	assert_int_equal(devtable_put(&area.t, &a, &d), 0);
	d = device("old", 2, DEVTABLE_DENIED);
	for (int i = 0; i < 100000; i++) /* the same serial number: no new room */
		assert_int_equal(devtable_put(&area.t, &a, &d), 0);
	expect(&area.t, &a, "CM", 2, DEVTABLE_DENIED, "old");
	d = device("newer", 2, 0);
	assert_int_equal(devtable_put(&area.t, &a, &d), 0);
	expect(&area.t, &a, "CM", 2, 0, "newer");
	assert_int_equal(devtable_count(&area.t), 1);
	free(area.p);
}

static void many_devices(void **state)
{
	enum { N = 100000 };
	struct devtable_device d;
	struct area area;
	char serial[16];

	(void)state;
	make(&area, N, N * 9);
	assert_true(area.size < N * 64);
	for (uint32_t i = 0; i < N; i++) {
		struct mac m = mac_of(i * 7);

		(void)snprintf(serial, sizeof(serial), "S%08u", i);
		d = device(serial, (uint8_t)i, 0);
		assert_int_equal(devtable_put(&area.t, &m, &d), 0);
	}
	assert_int_equal(devtable_count(&area.t), N);
	for (uint32_t i = 0; i < N; i++) {
		struct mac m = mac_of(i * 7), other = mac_of(i * 7 + 1);

		(void)snprintf(serial, sizeof(serial), "S%08u", i);
		expect(&area.t, &m, "CM", (uint8_t)i, 0, serial);
		assert_false(devtable_find(&area.t, &other, &d));
	}
	free(area.p);
}

/* A million devices in well under 100 MB (ARCHITECTURE.md, "Processes"). */
static void a_million_fits(void **state)
{
	(void)state;
	assert_true(devtable_size(1000000, 1000000 * 10) < 64u << 20);
}

static void limits(void **state)
{
	struct devtable_device d = device("123456789", 0, 0);
	char serial[DEVTABLE_SERIAL_MAX + 2], name[DEVTABLE_CLASS_SIZE + 1];
	struct devtable t;
	struct area area;
	uint32_t i;
	int rc = 0;

	(void)state;
	make(&area, 32, 32 * 9);
	for (i = 0; i < 1000 && rc == 0; i++) {
		struct mac m = mac_of(i);

		rc = devtable_put(&area.t, &m, &d);
	}
	assert_int_equal(rc, FC_EFULL);
	assert_int_equal(i - 1, 32);
	assert_int_equal(devtable_count(&area.t), 32);
	for (i = 0; i < 32; i++) {
		struct mac m = mac_of(i);

		expect(&area.t, &m, "CM", 0, 0, "123456789");
	}

	/* serial numbers that change for ever come to an end, too */
	for (i = 0, rc = 0; i < 100000 && rc == 0; i++) {
		struct mac m = mac_of(0);

		(void)snprintf(serial, sizeof(serial), "%u", i);
		d = device(serial, 0, 0);
		rc = devtable_put(&area.t, &m, &d);
	}
	assert_int_equal(rc, FC_EFULL);

	memset(serial, 'x', sizeof(serial) - 1);
	serial[sizeof(serial) - 1] = '\0';
	d = device(serial, 0, 0);
	assert_int_equal(devtable_put(&area.t, &(struct mac){ { 1 } }, &d), FC_EBAD);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(devtable_class(&area.t, name), FC_EBAD);
	assert_int_equal(devtable_format(area.p, 100, 1000, &t), FC_EFULL);
	free(area.p);
}

static void classes(void **state)
{
	struct area area;
	char name[16];

	(void)state;
	make(&area, 1, 10);
	assert_null(devtable_class_name(&area.t, 0));
	for (int i = 0; i < DEVTABLE_CLASSES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "class %d", i);
		assert_int_equal(devtable_class(&area.t, name), i);
		assert_int_equal(devtable_class(&area.t, name), i);
		assert_string_equal(devtable_class_name(&area.t, (unsigned)i), name);
	}
	assert_int_equal(devtable_class(&area.t, "one more"), FC_EFULL);
	assert_int_equal(devtable_class(&area.t, "class 7"), 7);
	assert_null(devtable_class_name(&area.t, DEVTABLE_CLASSES_MAX));
	free(area.p);
}

/* Whatever stands in the memory: refused, or read within it. */
static void hostile_memory(void **state)
{
	struct devtable_device d = device("serial", 1, 0);
	struct mac m = mac_of(1);
	struct devtable t;
	struct area area;
	uint32_t random = 1;

	(void)state;
	make(&area, 8, 64);
	assert_int_equal(devtable_put(&area.t, &m, &d), 0);
	assert_int_equal(devtable_class(&area.t, "default"), 0);
	for (size_t len = 0; len < area.size; len += len < 64 ? 1 : 997) {
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, area.p, len);
		if (devtable_attach(copy, len, &t) == 0)
			(void)devtable_find(&t, &m, &d);
		free(copy);
	}
	for (int i = 0; i < 200000; i++) {
		uint8_t *p = area.p;
		size_t at;

		random = random * 1664525 + 1013904223;
		/* mostly behind the class names, where cells and arena are */
		at = random % 3 ? area.size - 1 - (random >> 8) % 6000
				: (random >> 8) % area.size;
		p[at] ^= (uint8_t)(1u << (random >> 29));
		for (uint32_t k = 0; k < 2; k++) {
			struct mac other = mac_of(k);

			if (devtable_attach(p, area.size, &t) == 0 &&
			    devtable_find(&t, &other, &d)) {
				const char *end = (const char *)p + area.size;

				assert_true(d.serial_len <= DEVTABLE_SERIAL_MAX);
				assert_true(d.serial >= (const char *)p);
				assert_true(d.serial + d.serial_len <= end);
			}
		}
	}
	free(area.p);
}

/* A pointer past the end, a length past the end, more cells than there is room. */
static void hostile_words(void **state)
{
	struct devtable_device d = device("serial", 1, 0);
	struct mac m = mac_of(1);
	struct devtable t;
	struct area area;
	uint64_t *words, room, at;
	uint8_t *arena;
	uint32_t n_cells;

	(void)state;
	make(&area, 8, 64);
	assert_int_equal(devtable_put(&area.t, &m, &d), 0);
	words = area.p;
	arena = (uint8_t *)area.p + area.t.arena;
	room = area.size - area.t.arena;
	for (at = (area.t.arena - 64 * 16) / 8; words[at] == 0;)
		at++;
	words[at + 1] = (room - 7) << 32;
	arena[room - 7] = 6;
	assert_true(devtable_find(&area.t, &m, &d));
	arena[room - 7] = 7;
	assert_false(devtable_find(&area.t, &m, &d));
	words[at + 1] = room << 32;
	assert_false(devtable_find(&area.t, &m, &d));
	words[at + 1] = (uint64_t)UINT32_MAX << 32;
	assert_false(devtable_find(&area.t, &m, &d));

	assert_int_equal(devtable_attach(area.p, area.size, &t), 0);
	n_cells = 1 << 20;
	memcpy((uint8_t *)area.p + 8, &n_cells, sizeof(n_cells));
	assert_int_equal(devtable_attach(area.p, area.size, &t), FC_EBAD);
	n_cells = 65;
	memcpy((uint8_t *)area.p + 8, &n_cells, sizeof(n_cells));
	assert_int_equal(devtable_attach(area.p, area.size, &t), FC_EBAD);
	free(area.p);
}

/* Every cell taken by a hostile writer: a look-up still ends soon. */
static void full_of_others(void **state)
{
	struct devtable_device d = device("s", 0, 0);
	struct mac m = mac_of(1);
	struct area area;

	(void)state;
	make(&area, 100000, 0);
	memset((uint8_t *)area.p + 64 * 257, 0xff, area.t.arena - 64 * 257);
	for (int i = 0; i < 100000; i++)
		assert_false(devtable_find(&area.t, &m, &d));
	assert_int_equal(devtable_put(&area.t, &m, &d), FC_EFULL);
	free(area.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found),
		cmocka_unit_test(a_change_replaces_and_takes_no_cell),
		cmocka_unit_test(many_devices),
		cmocka_unit_test(a_million_fits),
		cmocka_unit_test(limits),
		cmocka_unit_test(classes),
		cmocka_unit_test(hostile_memory),
		cmocka_unit_test(hostile_words),
		cmocka_unit_test(full_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
