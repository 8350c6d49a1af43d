/* One row of a file of devices, as `device import` reads it: what can be said of it
 * without the configuration and without the registry. */
#ifndef CMD_CTL_IMPORTROW_H
#define CMD_CTL_IMPORTROW_H

#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "cmd/ctl/csv.h"
#include "wire/ipc.h"

enum column {
	COLUMN_MAC,
	COLUMN_SERIAL,
	COLUMN_CLASS,
	COLUMN_TYPE,
	COLUMN_KEY,
	COLUMN_COUNT
};

/* Where each column stands; -1: it is not there. */
struct columns {
	int at[COLUMN_COUNT];
	size_t n; /* fields of a row */
};

struct import_fault {
	const char *column; /* "mac", …; NULL: the row as a whole */
	char text[224];     /* what is wrong, and what would be right */
};

/* FC_EBAD, always. */
int import_refuse(struct import_fault *ret, const char *column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct import_row {
	struct mac mac;
	struct csv_field serial, class_name, type; /* in the row; len 0: not given */
	size_t spki_len;                           /* 0: not given */
	uint8_t spki[IPC_SPKI_MAX];
};

const char *column_name_of(enum column c);

/* The header line: names in any order and case, with spaces, '-' or '_' between
 * words.  FC_EBAD: a name that is not known, one twice, or no mac. */
int columns_read(const struct csv_row *header, struct columns *ret,
		 struct import_fault *ret_fault);

/* FC_EBAD with *ret_fault; spaces around a field do not count. */
int import_row_read(const struct columns *columns, const struct csv_row *row,
		    struct import_row *ret, struct import_fault *ret_fault);

#endif
