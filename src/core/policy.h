/* May this device have a certificate, and what is to be done about its request?
 *
 * The registrar's decisions apart from its database: what it knows of a device
 * goes in, what to answer and what to do comes out.  Pure: no clock, no memory. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* Where a class's keys come from (S5). */
enum policy_key {
	POLICY_KEY_REGISTRY, /* must be registered */
	POLICY_KEY_SERVER,   /* always made by the server */
	POLICY_KEY_EITHER    /* registered, else made */
};

/* ---- an authenticated request (S3, S4) ------------------------------------- */

struct policy_request {
	bool denied;
	bool class_known, type_allowed; /* in the present configuration */
	enum policy_key key;
	bool key_registered;
	uint32_t epoch;      /* the device's */
	uint32_t file_epoch; /* of the file there is; 0: none */
	uint8_t file_set;    /* secret set of its key object; 0: has none */
	uint8_t asked_set;   /* secret set that the request's code matched */
};

enum policy_reply {
	POLICY_DENY,     /* ERROR 2 */
	POLICY_FILE,     /* the file that is there, also while a newer one is made */
	POLICY_NOT_FOUND /* ERROR 1 */
};

enum policy_work {
	POLICY_REST, /* nothing to make */
	POLICY_MAKE, /* a certificate for the present epoch */
	POLICY_WRAP, /* the file's key, again, for the asked set (N6) */
	POLICY_WAIT  /* for the operator: see why */
};

struct policy {
	enum policy_reply reply;
	enum policy_work work;
	const char *why; /* POLICY_WAIT: static text for the operator; else NULL */
};

struct policy policy_request(const struct policy_request *r);

/* Is the registered key to be certified (true), or one made here? */
bool policy_takes_registered(enum policy_key key, bool key_registered);

/* ---- the dates of a certificate --------------------------------------------- */

enum {
	POLICY_BACKDATE_S = 3600, /* modems' clocks may be an hour slow */
	POLICY_DAY_S = 86400
};

struct policy_dates {
	int64_t now;
	int64_t clock_floor; /* the latest time of day a certificate was made at, or
			      * the operator vouched for; 0: none */
	int64_t issuer_not_before, issuer_not_after;
	uint32_t days; /* of validity */
};

/* From an hour before now to that many days later, cut to the issuer's own time.
 * NULL and the dates, or why not (static text): the time of day is outside the
 * issuer's, or more than an hour behind the clock's floor, so that somebody has
 * set the clock back and every date would be wrong. */
const char *policy_validity(const struct policy_dates *d, int64_t *ret_not_before,
			    int64_t *ret_not_after);

/* ---- what devices say afterwards ---------------------------------------------- */

/* Does a verified confirmation count (N4)? It must be about the file of the
 * present epoch; one whose code does not cover the file is the same string every
 * time, so it counts after a completed transfer of that file only. */
bool policy_confirm_counts(bool bound, uint32_t epoch, uint32_t file_epoch,
			   uint32_t delivered_epoch);

/* Is a report, which no code protects, recorded (S11)? Only from the address that
 * was sent the file within the last hour. */
enum { POLICY_REPORT_S = 3600 };
bool policy_report_counts(int64_t now, int64_t served_at, bool same_address);

#endif
