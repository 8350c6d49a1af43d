/* The audit chain (S14):
 *
 *	hash = SHA-256(hash of the entry before | seq u64 | time i64 | what)
 *
 * big-endian, 32 zero bytes before the first entry, numbers from 1 without gaps.
 * So an entry cannot be changed, left out or put in between without every later
 * hash being wrong. */
#include "base/errors.h"
#include "base/writer.h"
#include "cmd/shared/control.h"
#include "crypto/authcode.h"

enum {
	HASH_LEN = 32,
	/* shorter than the store reads, so that a lengthened text is noticed */
	WHAT_MAX = 480
};

static int hash_entry(const struct store_audit *a, uint8_t ret[HASH_LEN])
{
	uint8_t bytes[HASH_LEN + 8 + 8 + sizeof(a->what)];
	struct out o = out_of(bytes, sizeof(bytes));

	out_bytes(&o, a->prev, sizeof(a->prev));
	out_u64(&o, (uint64_t)a->seq);
	out_u64(&o, (uint64_t)a->time);
	out_str(&o, a->what);
	return sha256_of(bytes, o.len, ret);
}

int audit_append(struct store *s, int64_t now, const char *what)
{
	struct store_audit last = { 0 }, a = { .time = now };
	int rc = store_audit_last(s, &last);

	if (rc < 0 && rc != FC_EABSENT)
		return rc;
	a.seq = last.seq + 1;
	memcpy(a.prev, last.hash, sizeof(a.prev));
	(void)snprintf(a.what, WHAT_MAX, "%s", what);
	if ((rc = hash_entry(&a, a.hash)) < 0)
		return rc;
	return store_audit_put(s, &a);
}

struct walk {
	struct store_audit last;
	int64_t entries, fault;
	bool bad; /* fault is set, whatever number it bears */
	int rc;
};

static int check(void *ctx, const struct store_audit *a)
{
	struct walk *w = ctx;
	uint8_t hash[HASH_LEN];

	w->rc = hash_entry(a, hash);
	if (w->rc < 0)
		return 1;
	if (a->seq != w->last.seq + 1 ||
	    memcmp(a->prev, w->last.hash, sizeof(a->prev)) != 0 ||
	    memcmp(a->hash, hash, sizeof(hash)) != 0) {
		w->bad = true;
		w->fault = a->seq;
		return 1;
	}
	w->last = *a;
	w->entries++;
	return 0;
}

int audit_verify(struct store *s, int64_t *ret_entries, int64_t *ret_fault)
{
	struct walk w = { 0 };
	int rc = store_audit_each(s, check, &w);

	if (rc < 0 || w.rc < 0)
		return rc < 0 ? rc : w.rc;
	*ret_entries = w.entries;
	*ret_fault = w.fault;
	return w.bad ? FC_EAUTH : 0;
}
