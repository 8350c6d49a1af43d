/* A device table as a hostile writer leaves it: the reader refuses it, or stays
 * within it.  The input lies over a small, whole table at the offset that its first
 * two bytes say. */
#include <stdlib.h>
#include <string.h>
#include "core/devtable.h"
#include "fuzz/fuzz.h"
#include "macs.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void look(const struct devtable *t, const uint8_t *p, size_t size, uint32_t i)
{
	struct mac m = mac_from_u64(i);
	struct devtable_device d;
	const char *end = (const char *)p + size, *class;

	if (!devtable_find(t, &m, &d))
		return;
	require(d.serial_len <= DEVTABLE_SERIAL_MAX);
	require(d.serial > (const char *)p && d.serial + d.serial_len <= end);
	require(d.type[2] == '\0');
	class = devtable_class_name(t, d.class_index);
	require(!class || strlen(class) < DEVTABLE_CLASS_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole = devtable_size(4, 40), at;
	struct devtable_device d = { .type = "CM",
				     .serial = "serial",
				     .serial_len = 6 };
	uint8_t *p = calloc(1, whole);
	struct devtable t;

	if (!p || size < 2) {
		free(p);
		return 0;
	}
	require(devtable_format(p, whole, 4, &t) == 0);
	d.class_index = (uint8_t)devtable_class(&t, "default");
	for (uint32_t i = 0; i < 4; i++) {
		struct mac m = mac_from_u64(i);

		require(devtable_put(&t, &m, &d) == 0);
	}
	at = ((size_t)data[0] << 8 | data[1]) % whole;
	memcpy(p + at, data + 2, size - 2 < whole - at ? size - 2 : whole - at);

	/* changed before it is attached, and behind the reader's back */
	for (uint32_t i = 0; i < 6; i++)
		look(&t, p, whole, i);
	if (devtable_attach(p, whole, &t) == 0)
		for (uint32_t i = 0; i < 6; i++)
			look(&t, p, whole, i);
	free(p);
	return 0;
}
