/* What the agent needs from the device that it runs on (SPEC A11): one table of calls,
 * and nothing else.  doc/porting.md tells how to fill it.
 *
 * All calls come from agent_*() functions, on the thread that called them, and must
 * return soon.  None may call back into the agent.  Calls that can fail return 0 or a
 * negative code; the agent tells what it made of it by an event. */
#ifndef AGENT_PLATFORM_H
#define AGENT_PLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include "core/fetch.h"
#include "wire/name.h"

struct agent_event;

/* Two channels, each a UDP port: while one still answers a late block, the next
 * transfer uses the other. */
enum { AGENT_CHANNELS = 2, AGENT_STATE_MAX = 24 * 1024, AGENT_HANDLE_MAX = 64 };

/* Where a secure element holds secrets or keys.  Each pair or call may be NULL: the
 * agent then does it itself, from the secrets of its configuration and with private
 * keys in flash.  A handle is whatever the element knows a key by; of no length: the
 * key that the device was born with. */
struct agent_keys {
	/* The codes of N3 and N4, by a secret1 and a secret2 that never leave. */
	int (*request_code)(void *ctx, struct name_code *ret);
	int (*confirm_code)(void *ctx, const struct name_code *yy,
			    const uint8_t file_digest[32], struct name_code *ret);

	/* SubjectPublicKeyInfo (DER) of the key, computed from the private one. */
	int (*public_key)(void *ctx, const uint8_t *handle, size_t handle_len,
			  uint8_t *ret, size_t cap, size_t *ret_len);
	/* Take in a downloaded key (PKCS#8, DER) beside those already there, for good
	 * when 0 is returned. ret: AGENT_HANDLE_MAX bytes. */
	int (*import)(void *ctx, const uint8_t *pkcs8, size_t len, uint8_t *ret,
		      size_t *ret_len);
	/* This is the key in use: other imported ones may be erased. Of no length, the
	 * handle may be NULL. */
	void (*keep)(void *ctx, const uint8_t *handle, size_t handle_len);
};

struct agent_platform {
	void *ctx;

	uint64_t (*clock_ms)(void *ctx); /* monotonic, through suspension too */
	int64_t (*time_s)(void *ctx);    /* Unix seconds; < 0: not known (yet) */
	void (*random)(void *ctx, void *ret, size_t n); /* unpredictable */

	/* A fresh local port for the channel; what was open there is closed. */
	int (*open)(void *ctx, unsigned channel);
	int (*send)(void *ctx, unsigned channel, const struct fetch_addr *to,
		    const void *p, size_t len);
	void (*close)(void *ctx, unsigned channel);

	/* One record of up to AGENT_STATE_MAX bytes, that others must not read (it may
	 * hold a private key).  After a write that was cut at any instant, read gives
	 * the old record or the new one, whole; when write has returned 0, the new one
	 * (A7).  Nothing written yet: FC_EABSENT. */
	int (*flash_read)(void *ctx, void *ret, size_t cap, size_t *ret_len);
	int (*flash_write)(void *ctx, const void *p, size_t len);

	void (*event)(void *ctx, const struct agent_event *e); /* or NULL */
	void (*restart)(void *ctx);                            /* A9; or NULL */

	const struct agent_keys *keys; /* or NULL */
};

#endif
