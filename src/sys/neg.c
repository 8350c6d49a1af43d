#include "sys/neg.h"

#include <string.h>
#include "base/errors.h"

const char *neg_text(int rc)
{
	return rc < 0 && rc > FC_EBAD ? strerror(-rc) : error_name(rc);
}
