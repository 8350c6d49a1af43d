/* The device table: what a front must know of a device to judge a name without
 * asking anyone (SPEC S2; ARCHITECTURE.md, "Processes").
 *
 * One region of shared memory, written by the registrar alone while fronts read
 * it.  A device is two 64-bit atomic words, so that a reader sees an entry as it
 * was or as it is, never a mixture; serial numbers and class names lie behind
 * them and are only ever appended.  Open addressing, load at most one half.
 * A million devices: 2^21 cells of 16 bytes and some 10 bytes of serial number
 * each, 44 MB.
 *
 * The reader trusts nothing in it: devtable_attach checks the header against the
 * mapping's size, and each look-up checks what it is about to follow. */
#ifndef CORE_DEVTABLE_H
#define CORE_DEVTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"

enum {
	DEVTABLE_CLASSES_MAX = 256,
	DEVTABLE_CLASS_SIZE = 64, /* a class's name with its NUL */
	DEVTABLE_SERIAL_MAX = 64,
	DEVTABLE_PROBE_MAX =
		512 /* cells a look-up reads at most, whatever is in them */
};

enum devtable_flag { DEVTABLE_DENIED = 1 << 0 };

struct devtable {
	void *base;
	size_t size;
	/* private: checked once, and not read from the shared header again */
	uint32_t n_cells;
	size_t arena; /* offset of the serial numbers */
};

struct devtable_device {
	char type[3];        /* two letters and NUL */
	uint8_t class_index; /* into the table's class names */
	uint8_t flags;       /* enum devtable_flag */
	const char *serial;  /* in the table, not NUL-terminated */
	size_t serial_len;
};

/* Bytes needed for this many devices with serial numbers of this many bytes in
 * all, and as many bytes again for serial numbers that change later. */
size_t devtable_size(uint32_t n_devices, size_t serial_bytes);

/* Writer: lay out an empty table in zeroed memory of that size, aligned to 8.
 * FC_EFULL: the size is not enough for this many devices. */
int devtable_format(void *base, size_t size, uint32_t n_devices, struct devtable *ret);

/* The index of a class's name, appended when new. FC_EFULL: 256 names. */
int devtable_class(struct devtable *t, const char *name);

/* Add or change a device.  FC_EFULL: no room; build a larger table.  FC_EBAD: a
 * serial number over DEVTABLE_SERIAL_MAX. A serial number that did not change
 * takes no new room. */
int devtable_put(struct devtable *t, const struct mac *mac,
		 const struct devtable_device *d);

/* Reader: FC_EBAD when the header does not fit the mapping. */
int devtable_attach(const void *base, size_t size, struct devtable *ret);

/* false: not there.  ret->serial points into the table. */
bool devtable_find(const struct devtable *t, const struct mac *mac,
		   struct devtable_device *ret);

/* The name of a class index, or NULL. Points into the table. */
const char *devtable_class_name(const struct devtable *t, unsigned index);

uint32_t devtable_count(const struct devtable *t);

#endif
