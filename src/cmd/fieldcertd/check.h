/* The files that a configuration names: there, private, and what they should be.
 *
 * This reads secrets.  So it runs for `fieldcertd -t`, and at a start or reload in
 * a process of its own that ends with it: the parent never has one in memory. */
#ifndef CMD_FIELDCERTD_CHECK_H
#define CMD_FIELDCERTD_CHECK_H

#include <stdbool.h>
#include "conf/conf.h"

/* A finding. wrong: fieldcertd will not start with it; else a warning. */
typedef void check_fn(bool wrong, const char *text);

/* How many findings were wrong. */
unsigned check_files(const struct conf *c, check_fn *report);

/* The same in a process of its own, with what is wrong in the log. 0, FC_ECONF when
 * something is, or -errno. */
int check_apart(const struct conf *c);

#endif
