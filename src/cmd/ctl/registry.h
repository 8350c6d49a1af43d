/* The way from fieldcertctl to the registry.
 *
 * Reading opens the database itself, whether the daemon runs or not.  Changes go
 * through the daemon's control socket; when nobody answers there, they take the
 * database's lock and are executed here, by the same code.
 *
 * Run by root, the process first becomes the user who owns the database's
 * directory, for good, and makes that directory its root: the files that SQLite
 * makes then belong to the registrar, and nothing that the registrar's user may
 * have planted there can lead root astray.  So: read all input, and open all
 * output, before. */
#ifndef CMD_CTL_REGISTRY_H
#define CMD_CTL_REGISTRY_H

#include <stdbool.h>
#include "cmd/ctl/ctl.h"
#include "store/store.h"
#include "wire/control.h"

struct registry;

/* Find out, once, how changes will travel: CTL_DONE or CTL_FAILED.  The
 * configuration is read where it was not before. */
int registry_connect(struct ctl *c);

/* Does the daemon answer?  0, or -errno, without a complaint; asks once. */
int registry_daemon(struct ctl *c);

/* Do we lack the rights to ask it?  Then nothing is known of it. */
int registry_forbidden(const struct ctl *c, int rc);

/* The database to read from, or NULL after a complaint. */
struct store *registry_read(struct ctl *c);

/* Is there a database yet?  Before the daemon's first start there is none, which
 * is no error for those who would only list what is in it. */
bool registry_exists(struct ctl *c);

/* One request and its reply; ret points into the registry's buffer and lives
 * until the next.  0 when a reply came, whatever it says; CTL_FAILED otherwise. */
int registry_call(struct ctl *c, const struct control_message *request,
		  struct control_message *ret);

/* The same for a change: CTL_DONE when it is committed, else CTL_FAILED with the
 * reply's own words told. */
int registry_change(struct ctl *c, const struct control_message *request);

/* "could not read the database: …" with the store's own words. */
int registry_complain(const struct ctl *c, const char *what, int rc);

void registry_close(struct ctl *c);

#endif
