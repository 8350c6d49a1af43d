/* The front's lines in the log.  Strangers can cause most of them, so there are
 * FRONTLOG_LINES_PER_S of those a second at most; what was left out is counted, and
 * the count logged.  Their text is escaped and cut short. */
#ifndef CMD_FIELDCERTD_FRONTLOG_H
#define CMD_FIELDCERTD_FRONTLOG_H

#include <stdbool.h>
#include <stdint.h>
#include "core/desk.h"

enum { FRONTLOG_LINES_PER_S = 20 };

struct frontlog {
	uint64_t since; /* ms; of this second */
	unsigned lines, left_out;
};

/* May a line be written now that a stranger can cause at will? It counts as written. */
bool frontlog_allowed(struct frontlog *l, uint64_t now);

/* What about a datagram is worth a line: t->remark is not DESK_COUNTERS. */
void frontlog_remark(struct frontlog *l, const struct desk_todo *t, uint64_t now);
/* A transfer that ended; the line of one that was delivered is never left out. */
void frontlog_end(struct frontlog *l, const struct desk_end *e, uint64_t now);

#endif
