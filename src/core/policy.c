#include "core/policy.h"

#include <stddef.h>

static const char *wait_reason(const struct policy_request *r)
{
	if (!r->class_known)
		return "its class is not in the configuration";
	if (!r->type_allowed)
		return "its class does not allow its type";
	if (r->key == POLICY_KEY_REGISTRY && !r->key_registered)
		return "no public key registered for this device, and its class "
		       "does not let the server make one";
	return NULL;
}

struct policy policy_request(const struct policy_request *r)
{
	struct policy p = { .reply = POLICY_NOT_FOUND, .work = POLICY_REST };
	bool fits = r->file_set == 0 || r->file_set == r->asked_set;

	if (r->denied) {
		p.reply = POLICY_DENY;
		return p;
	}
	if (r->file_epoch > 0 && fits)
		p.reply = POLICY_FILE;
	if (r->file_epoch > 0 && r->file_epoch >= r->epoch) {
		p.work = fits ? POLICY_REST : POLICY_WRAP;
		return p;
	}
	p.why = wait_reason(r);
	p.work = p.why ? POLICY_WAIT : POLICY_MAKE;
	return p;
}

bool policy_takes_registered(enum policy_key key, bool key_registered)
{
	return key_registered && key != POLICY_KEY_SERVER;
}

const char *policy_validity(const struct policy_dates *d, int64_t *ret_not_before,
			    int64_t *ret_not_after)
{
	int64_t from = d->now - POLICY_BACKDATE_S;
	int64_t to = from + (int64_t)d->days * POLICY_DAY_S;

	if (d->now < d->issuer_not_before)
		return "the time of day is before the issuer's certificate begins: "
		       "the server's clock is wrong";
	if (d->now >= d->issuer_not_after)
		return "the issuer's certificate has run out";
	if (d->now < d->clock_floor - POLICY_BACKDATE_S)
		return "the server's clock was set back behind its last certificate; "
		       "if it is right now, reload (SIGHUP)";
	*ret_not_before = from < d->issuer_not_before ? d->issuer_not_before : from;
	*ret_not_after = to > d->issuer_not_after ? d->issuer_not_after : to;
	return NULL;
}

bool policy_confirm_counts(bool bound, uint32_t epoch, uint32_t file_epoch,
			   uint32_t delivered_epoch)
{
	return file_epoch > 0 && file_epoch == epoch &&
	       (bound || delivered_epoch == file_epoch);
}

bool policy_report_counts(int64_t now, int64_t served_at, bool same_address)
{
	/* A clock that was set back meanwhile must not lose reports. */
	return served_at > 0 && same_address && now - served_at <= POLICY_REPORT_S;
}
