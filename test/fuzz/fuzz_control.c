/* As fuzz_ipc, for the control socket. */
#include "fuzz/fuzz.h"
#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[CONTROL_MESSAGE_MAX];
	static struct control_message m;
	struct out o = out_of(buf, sizeof(buf));

	if (control_parse(data, size, &m) < 0)
		return 0;
	if (m.type == CONTROL_DEVICES)
		assert(m.u.devices.n <= CONTROL_ROWS_MAX && m.u.devices.update <= 1);
	if (m.type == CONTROL_STATUS_IS)
		assert(m.u.status_is.n <= CONTROL_FACTS_MAX);
	control_build(&o, &m);
	assert(!o.full && o.len == size);
	assert(memcmp(buf, data, size) == 0);
	return 0;
}
