/* Changes to the registry, the same whether they come through the control socket
 * or from fieldcertctl while the daemon is down.
 *
 * control_execute runs one request inside one transaction of the store and builds
 * the reply; on any failure nothing of it is committed.  `changed` is called for
 * each device that was written, after the commit, so that the registrar can bring
 * the device table up to date (NULL: nobody cares).  CONTROL_STATUS is not for
 * here: it is the registrar's. */
#ifndef CMD_SHARED_CONTROL_H
#define CMD_SHARED_CONTROL_H

#include <stdint.h>
#include "base/writer.h"
#include "conf/conf.h"
#include "store/store.h"
#include "wire/control.h"

struct control_env {
	struct store *store;
	const struct conf *conf;
	int64_t now; /* Unix seconds */
	void (*changed)(void *ctx, const struct mac *mac);
	void *ctx;
};

void control_execute(struct control_env *env, const struct control_message *request,
		     struct out *reply);

/* One entry at the end of the audit chain, inside the caller's transaction. */
int audit_append(struct store *s, int64_t now, const char *what);

/* Walk the chain: 0, or FC_EAUTH and the number of the first entry at fault. */
int audit_verify(struct store *s, int64_t *ret_entries, int64_t *ret_fault);

#endif
