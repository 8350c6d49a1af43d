/* The agent's flash record: what is read lies within the input, and what was read is
 * written again as it was. */
#include <stdlib.h>
#include "agent/state.h"
#include "base/crc32.h"
#include "fuzz/fuzz.h"

enum { SIZE_MAX_HERE = 8192 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(const uint8_t *p, size_t len)
{
	static uint8_t again[2 * SIZE_MAX_HERE];
	struct agent_state s, t;
	struct out o = out_of(again, sizeof(again));

	if (agent_state_parse(p, len, &s) < 0)
		return;
	require(s.device.len == 0 || within(s.device.p, s.device.len, p, len));
	require(s.manufacturer.len == 0 ||
		within(s.manufacturer.p, s.manufacturer.len, p, len));
	require(s.link.len == 0 || within(s.link.p, s.link.len, p, len));
	require(s.key.len == 0 || within(s.key.p, s.key.len, p, len));
	agent_state_build(&o, &s);
	require(!o.full);
	require(agent_state_parse(o.buf, o.len, &t) == 0);
	require(t.device.len == s.device.len && t.key.len == s.key.len);
	require(t.unconfirmed == s.unconfirmed && t.has_server == s.has_server);
	require(t.yy.digits == s.yy.digits);
	require(s.yy.digits == 0 || !memcmp(t.digest, s.digest, sizeof(s.digest)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t fixed[SIZE_MAX_HERE];
	struct out o;

	check(data, size);
	/* and with a checksum that is right, so that it gets further */
	if (size < 4 || size > sizeof(fixed))
		return 0;
	memcpy(fixed, data, size);
	o = out_of(fixed + size - 4, 4);
	out_u32(&o, crc32_of(fixed, size - 4));
	check(fixed, size);
	return 0;
}
