#include "crypto/x509time.h"

#include <time.h>
#include "base/errors.h"

int x509_time_of(const ASN1_TIME *t, int64_t *ret)
{
	int n = t ? ASN1_STRING_length(t) : 0;
	struct tm tm;

	/* the seconds are there and the zone is Z */
	if (n < 13 || ASN1_STRING_get0_data(t)[n - 1] != 'Z' ||
	    ASN1_TIME_to_tm(t, &tm) != 1)
		return FC_EBAD;
	*ret = timegm(&tm);
	return 0;
}
