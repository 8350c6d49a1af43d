/* The names by which devices ask, report and confirm (SPEC section 1):
 *
 *	tt_xx_xx_xx_xx_xx_xx_yy_yy_yy.509	request (N1-N3; "_509" accepted too)
 *	ERRnn_xx_xx_xx_xx_xx_xx.ERR		report of error nn
 *	OK_xx_xx_xx_xx_xx_xx_zz_zz_zz.OK	confirmation (N4)
 *
 * The code is 3 to 128 hex digits (12 to 512 bits), in pairs with '_' between;
 * an odd last digit stands alone ("_91_d", N3).  Any case is accepted, lower is
 * sent (but for ERR and OK).  Spaces anywhere are ignored (N7), up to
 * NAME_RAW_MAX bytes in all.  A name with anything else, a path for instance,
 * is none of these (N8).
 *
 * Not checked: whether the type is known, or the code right. */
#ifndef WIRE_NAME_H
#define WIRE_NAME_H

#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "base/writer.h"

enum {
	NAME_CODE_MIN_DIGITS = 3,
	NAME_CODE_MAX_DIGITS = 128,
	NAME_CODE_MAX_LEN = NAME_CODE_MAX_DIGITS / 2,
	NAME_TYPE_SIZE = 3,   /* two letters and a NUL */
	NAME_RAW_MAX = 480,   /* longer is refused unread */
	NAME_TEXT_SIZE = 256, /* any name that we build, with its NUL */
	NAME_ERROR_MIN = 1,
	NAME_ERROR_MAX = 14
};

enum name_kind { NAME_REQUEST, NAME_REPORT, NAME_CONFIRM };

/* An authentication code: the leftmost `digits` hex digits of a digest.  With an
 * odd number the low half of the last byte is zero. */
struct name_code {
	uint8_t digits;
	uint8_t b[NAME_CODE_MAX_LEN];
};

struct name {
	enum name_kind kind;
	char type[NAME_TYPE_SIZE]; /* upper case; NAME_REQUEST only, else "" */
	struct mac mac;
	uint8_t error;         /* 1..14; NAME_REPORT only, else 0 */
	struct name_code code; /* digits == 0 in a report */
};

/* 0, or FC_EBAD: none of the three.  ret is written on success only. */
int name_parse(const char *s, size_t len, struct name *ret);

/* The canonical spelling, as devices send it. */
void name_build(struct out *o, const struct name *n);

#endif
