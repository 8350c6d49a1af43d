#include <inttypes.h>

#include "base/errors.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "cmd/shared/control.h"

int cmd_audit_verify(struct ctl *c, int argc, char **argv)
{
	int64_t entries = 0, fault = 0;
	struct store *s;
	struct json j;
	int rc;

	if (ctl_args(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	rc = audit_verify(s, &entries, &fault);
	if (rc < 0 && rc != FC_EAUTH)
		return registry_complain(c, "cannot read the audit record", rc);
	if (c->json) {
		json_init(&j, stdout);
		json_object(&j, NULL);
		json_bool(&j, "intact", rc == 0);
		json_int(&j, "entries", entries);
		if (rc == 0)
			json_null(&j, "fault");
		else
			json_int(&j, "fault", fault);
		json_end(&j);
	} else if (rc == 0) {
		(void)printf("intact: %" PRId64
			     " entries, each carries the hash of the "
			     "one before it\n",
			     entries);
	}
	return rc == 0 ? CTL_DONE
		       : ctl_fail("the audit record was changed: entry %" PRId64
				  " does not fit the one before it",
				  fault);
}
