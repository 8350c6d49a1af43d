/* The smallest port of the agent library: everything in memory, and a network that
 * swallows all.  It shows that the library stands on libcrypto alone, and is the
 * skeleton of doc/porting.md.  Status 0: the request went out as it should. */
#include <string.h>
#include "agent/agent.h"
#include "base/errors.h"

struct device {
	uint64_t now_ms;
	uint32_t seed;
	uint8_t flash[AGENT_STATE_MAX];
	size_t flash_len;
	uint8_t sent[FETCH_PACKET_MAX];
	size_t sent_len;
};

static uint64_t device_clock(void *ctx)
{
	const struct device *d = ctx;

	return d->now_ms;
}

static int64_t device_time(void *ctx)
{
	(void)ctx;
	return -1; /* no idea */
}

/* A device takes its hardware's generator. */
static void device_random(void *ctx, void *ret, size_t n)
{
	struct device *d = ctx;
	uint8_t *p = ret;

	for (size_t i = 0; i < n; i++) {
		d->seed = d->seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(d->seed >> 24);
	}
}

static int device_open(void *ctx, unsigned channel)
{
	(void)ctx;
	(void)channel;
	return 0;
}

static void device_close(void *ctx, unsigned channel)
{
	(void)ctx;
	(void)channel;
}

static int device_send(void *ctx, unsigned channel, const struct fetch_addr *to,
		       const void *p, size_t len)
{
	struct device *d = ctx;

	(void)channel;
	(void)to;
	memcpy(d->sent, p, len);
	d->sent_len = len;
	return 0;
}

static int device_read(void *ctx, void *ret, size_t cap, size_t *ret_len)
{
	const struct device *d = ctx;

	if (d->flash_len == 0 || d->flash_len > cap)
		return FC_EABSENT;
	memcpy(ret, d->flash, d->flash_len);
	*ret_len = d->flash_len;
	return 0;
}

static int device_write(void *ctx, const void *p, size_t len)
{
	struct device *d = ctx;

	memcpy(d->flash, p, len);
	d->flash_len = len;
	return 0;
}

static const struct agent_config config = {
	.type = "CM",
	.mac = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } },
	.serial = "J09H7CDEF",
	.serial_len = 9,
	.codes = { .hash = AUTH_SHA1,
		   .bits = 24,
		   .request_serial = true,
		   .confirm_code = true },
	.secret1 = &(struct auth_secret){ 34, "This is a secret string number one" },
	.secret2 = &(struct auth_secret){ 34, "This is a secret string number two" },
	.server = { .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port = 69 },
	.transfer = { .rto_ms = 1000,
		      .rto_max_ms = 4000,
		      .request_tries = 4,
		      .tries = 4,
		      .total_ms = 120000,
		      .dally_ms = 5000 },
	.schedule = { .retry_ms = { 600000, 1200000, 2400000 },
		      .n_retry = 3,
		      .long_wait_ms = 14400000,
		      .announced_min_ms = 60000,
		      .confirm_ms = { 10000, 20000, 40000 },
		      .n_confirm = 3,
		      .examine_ms = 86400000,
		      .guard_ms = 300000,
		      .jitter_percent = 20 },
};

int main(void)
{
	static const char name[] = "CM_00_10_4b_ab_cd_ef_86_e5_46.509";
	static struct agent agent;
	static struct device device;
	const struct agent_platform platform = {
		.ctx = &device,
		.clock_ms = device_clock,
		.time_s = device_time,
		.random = device_random,
		.open = device_open,
		.send = device_send,
		.close = device_close,
		.flash_read = device_read,
		.flash_write = device_write,
	};
	int status = 1;

	if (agent_start(&agent, &config, &platform) == 0) {
		device.now_ms = agent_deadline(&agent);
		agent_turn(&agent);
		if (device.sent_len > sizeof(name) + 2 &&
		    memcmp(device.sent, "\0\1", 2) == 0 &&
		    memcmp(device.sent + 2, name, sizeof(name)) == 0)
			status = 0;
	}
	agent_release(&agent);
	return status;
}
