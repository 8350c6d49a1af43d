/* A file of devices, looked at as a whole before the first is taken.
 *
 * Memory: the file, 16 bytes a row, 16 more for a row with a public key. */
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
	struct columns columns;
	struct store *store; /* to look devices up in; NULL: there are none yet */
	uint64_t rows;       /* read so far; after import_check: all */
	uint8_t *bad;        /* a bit for each row, in its order */
	size_t bad_cap;      /* bytes */
	struct refs macs, keys;
	struct findings findings;
	struct csv_row row; /* the one being read: too large for a stack frame */
};

/* A reader that stands behind the header line. Uses im->row. */
void import_rewind(struct import *im, struct csv *ret);

/* Every row once: CTL_DONE with im->bad and im->findings filled, whatever is in
 * them, or CTL_FAILED when it could not be done. `tick` is
 * called now and then with how far the reader is. */
int import_check(struct import *im, void (*tick)(void *ctx, const struct csv *at),
		 void *ctx);

bool import_is_bad(const struct import *im, uint64_t row);
void import_release(struct import *im);

#endif
