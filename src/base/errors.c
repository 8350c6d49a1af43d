#include "base/errors.h"
#include <assert.h>
#include <stddef.h>

static const char *const names[] = {
	[-1000 - FC_EBAD] = "malformed",
	[-1000 - FC_EABSENT] = "not there",
	[-1000 - FC_EFULL] = "over a limit",
	[-1000 - FC_ECRC] = "checksum wrong",
	[-1000 - FC_EUNKNOWN] = "of unknown type",
	[-1000 - FC_EDUP] = "there twice",
	[-1000 - FC_EAUTH] = "authentication failed",
	[-1000 - FC_EDENIED] = "refused",
	[-1000 - FC_ECRYPTO] = "crypto library failed",
	[-1000 - FC_ESTORE] = "database failed",
	[-1000 - FC_EPROTO] = "channel's contract broken",
	[-1000 - FC_ECONF] = "configuration wrong",
	[-1000 - FC_ESTATE] = "not possible in this state",
};

static_assert(sizeof(names) / sizeof(names[0]) == -1000 - FC_ERROR_LAST + 1,
	      "every code has its name");

const char *error_name(int rc)
{
	if (rc == 0)
		return "success";
	if (rc > FC_EBAD || rc < FC_ERROR_LAST)
		return "system error";
	return names[FC_EBAD - rc];
}
