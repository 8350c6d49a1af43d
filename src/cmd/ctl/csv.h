/* Comma-separated values after RFC 4180, as spreadsheets and scripts write them.
 *
 * A reader over bytes that we do not own: a byte order mark at the start is
 * skipped; lines end with LF, CRLF or CR; empty lines do not count; a quoted field
 * may hold separators, line ends and doubled quotes.  Spreadsheets of half of the
 * world write ';' and some write tabs: the separator is the first of , ; and tab
 * in the first line.
 *
 * Not done here: trimming of spaces, which RFC 4180 counts as part of a field;
 * that all rows have equally many fields. */
#ifndef CMD_CTL_CSV_H
#define CMD_CTL_CSV_H

#include <stddef.h>
#include <stdint.h>

enum {
	CSV_FIELDS_MAX = 32,
	CSV_UNQUOTED_MAX = 16 * 1024 /* a row's fields that held doubled quotes */
};

struct csv {
	const char *p;
	size_t len, pos; /* pos <= len, always */
	uint64_t line;   /* of the byte at pos, from 1 */
	char separator;
};

/* A field's bytes, in the input or in the row's `text`; not NUL-terminated, and
 * never with a NUL inside. */
struct csv_field {
	const char *p;
	size_t len;
};

struct csv_row {
	uint64_t line; /* where it begins */
	size_t offset; /* likewise */
	size_t n;
	struct csv_field fields[CSV_FIELDS_MAX];
	const char *why; /* static text; NULL in a good row */
	size_t text_len;
	char text[CSV_UNQUOTED_MAX];
};

void csv_init(struct csv *c, const void *p, size_t len);

/* The next row: 1; 0 at the end; FC_EBAD for a malformed row, with `line` and
 * `why` set and the reader at the line behind it. */
int csv_next(struct csv *c, struct csv_row *ret);

#endif
