/* A file of devices, looked at as a whole before the first is taken.
 *
 * Memory: the file, 24 bytes a row, 24 more for a row with a public key. */
#ifndef CMD_CTL_IMPORTCHECK_H
#define CMD_CTL_IMPORTCHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "cmd/ctl/ctl.h"
#include "cmd/ctl/importrow.h"
#include "store/store.h"

enum { FINDINGS_SHOWN = 20 };

struct finding {
	uint64_t line;
	struct import_fault fault;
};

/* Bad rows: how many, and the first few by line. */
struct findings {
	uint64_t n;
	size_t kept;
	struct finding at[FINDINGS_SHOWN];
};

void findings_add(struct findings *f, uint64_t line, const struct import_fault *fault);

struct row_ref; /* a good row, by MAC address or by key */

struct refs {
	struct row_ref *at;
	size_t n, cap;
};

struct import {
	struct ctl *c;
	const char *path;
	bool update, keep_good, progress;
	const char *text;
	size_t len;
	char separator;
	struct columns columns;
	struct store *store;    /* to look devices up in; NULL: there are none yet */
	uint64_t rows;          /* read so far; after import_check: all */
	uint8_t *bad;           /* a bit for each row, in its order */
	size_t bad_cap;         /* bytes */
	struct refs macs, keys; /* of the good rows; macs in their order afterwards */
	size_t sent;            /* of macs */
	struct findings findings;
	struct csv_row row; /* the one being read: too large for a stack frame */
};

/* Every row once: CTL_DONE with im->bad and im->findings filled, whatever is in
 * them, or CTL_FAILED when it could not be done. `tick` is
 * called now and then with how far the reader is. */
int import_check(struct import *im, void (*tick)(void *ctx, const struct csv *at),
		 void *ctx);

/* After import_check: the next good row, in order of MAC addresses, since that is how
 * a database takes a million of them best; false: that was the last.  ret points into
 * the file and im->row. */
bool import_next(struct import *im, struct import_row *ret);

void import_release(struct import *im);

#endif
