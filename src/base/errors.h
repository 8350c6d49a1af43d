/* The project's own error codes, one enum with one name table.
 *
 * Functions return 0 or a negative code: a negated errno (above -1000), or one
 * of these.  The parse error already is the protocol's answer: callers look it
 * up, they do not decide a second time. */
#ifndef BASE_ERRORS_H
#define BASE_ERRORS_H

enum fc_error {
	FC_EBAD = -1000,     /* malformed: truncated, trailing bytes, bad value */
	FC_EABSENT = -1001,  /* well-formed, but what was asked for is not there */
	FC_EFULL = -1002,    /* does not fit a stated limit */
	FC_ECRC = -1003,     /* a checksum is wrong */
	FC_EUNKNOWN = -1004, /* a type that this version does not know */
	FC_EDUP = -1005,     /* the same thing twice */
	FC_EAUTH = -1006,    /* a code, tag, seal or signature does not match */
	FC_EDENIED = -1007,  /* understood and refused */
	FC_ECRYPTO = -1008,  /* the crypto library failed */
	FC_ESTORE = -1009,   /* the database failed */
	FC_EPROTO = -1010,   /* the other process broke the channel's contract */
	FC_ECONF = -1011,    /* the configuration is wrong */
	FC_ESTATE = -1012,   /* not possible in the present state */
	FC_ERROR_LAST = -1012
};

/* "malformed", …; for codes that are not ours "system error". Never NULL. */
const char *error_name(int rc);

#endif
