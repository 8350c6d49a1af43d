/* Both ends of a channel: a datagram that is accepted is built again to the same
 * bytes, so nothing in it went unread and nothing out of range came through. */
#include "fuzz/fuzz.h"
#include "wire/ipc.h"

static void check_ranges(const struct ipc_message *m)
{
	if (m->type == IPC_SECRET)
		assert(m->u.secret.kind <= IPC_SECRET_KIND_LAST);
	if (m->type == IPC_PEER)
		assert(m->u.peer.role <= IPC_ROLE_SIGNER);
	if (m->type == IPC_ANSWER)
		assert(m->u.answer.verdict <= IPC_VERDICT_LAST &&
		       m->u.answer.file.len <= IPC_FILE_MAX);
	if (m->type == IPC_COUNTERS)
		assert(m->u.counters.n <= IPC_COUNTERS_MAX);
	if (m->type == IPC_REPORT)
		assert(m->u.report.number >= 1 && m->u.report.number <= 14);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct out o = out_of(buf, sizeof(buf));
	struct ipc_message m;

	if (ipc_parse(data, size, &m) < 0)
		return 0;
	check_ranges(&m);
	ipc_build(&o, &m);
	assert(!o.full && o.len == size);
	assert(memcmp(buf, data, size) == 0);
	return 0;
}
