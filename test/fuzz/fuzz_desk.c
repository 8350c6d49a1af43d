/* Strangers, a registrar and time, in any order, at one desk.
 *
 * The input is a script: one byte says what happens next, more bytes with what.
 * The oracle is what must hold after each step: a slot in use has a timer, what is
 * sent fits its buffer, an ERROR has no answer, and all slots come back at the end. */
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "core/desk.h"
#include "fuzz/fuzz.h"

enum { SLOTS = 4, TIDS = 2, FILE_SIZE = 3000, ENDING_MS = 10 * 60 * 1000 };

static const uint8_t file[FILE_SIZE];

struct play {
	struct desk desk;
	struct desk_todo t;
	uint64_t now;
	uint64_t refs[8]; /* asked lately */
	unsigned n_refs;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void carry_out(struct play *p)
{
	uint8_t packet[1428 + TFTP_HEADER_LEN];
	struct out o = out_of(packet, sizeof(packet));
	unsigned sent = 0;

	require(p->t.act != DESK_AUTHENTICATE);
	if (p->t.act == DESK_REPLY)
		require(tftp_opcode(p->t.reply, p->t.reply_len) == TFTP_ERROR);
	if (p->t.act >= DESK_ASK)
		p->refs[p->n_refs++ % 8] = p->t.ref;
	while (p->t.act == DESK_SEND && desk_packet(&p->desk, p->t.slot, &o)) {
		require(!o.full);
		require(++sent <= 8);
		o = out_of(packet, sizeof(packet));
	}
	require((desk_busy(&p->desk) > 0) == (desk_deadline(&p->desk) != TIMER_NONE));
	require(desk_busy(&p->desk) <= SLOTS);
}

static void datagram(struct play *p, struct cur *c)
{
	uint8_t who = cur_u8(c), verdict = cur_u8(c);
	size_t len = cur_u16(c) % 700;
	struct desk_way w = { .tid = (who & 16) ? DESK_REQUEST_TID
						: (uint16_t)(who >> 5) % TIDS };
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));

	w.peer.port = 1000 + (who & 3);
	w.peer.ip[15] = who & 4;
	w.listener = (who & 8) != 0;
	desk_datagram(&p->desk, &w, bytes.buf, bytes.len, verdict & 128, p->now, &p->t);
	if (p->t.act == DESK_AUTHENTICATE)
		desk_judge(&p->desk, &p->t, verdict % (DESK_CANNOT_JUDGE + 1), 1,
			   p->now);
	if (tftp_opcode(bytes.buf, bytes.len) == TFTP_ERROR)
		require(p->t.act == DESK_NOTHING);
	carry_out(p);
}

static void answer(struct play *p, struct cur *c)
{
	uint8_t which = cur_u8(c);
	struct ipc_answer a = { .ref = p->refs[which % 8],
				.verdict = (which >> 3) % (IPC_VERDICT_LAST + 1),
				.epoch = 1 };

	if (a.verdict == IPC_VERDICT_FILE)
		a.file = (struct ipc_blob){ file, cur_u16(c) % FILE_SIZE };
	desk_answer(&p->desk, &a, p->now, &p->t);
	carry_out(p);
}

static void digest(struct play *p, struct cur *c)
{
	uint8_t which = cur_u8(c);
	struct ipc_digest_is is = { .ref = p->refs[which % 8], .found = which >> 7 };

	desk_digest(&p->desk, &is, &p->t);
	if (p->t.act == DESK_AUTHENTICATE)
		desk_judge(&p->desk, &p->t, which & 64 ? DESK_RIGHT : DESK_CODE_WRONG,
			   1, p->now);
	carry_out(p);
}

static void time_passes(struct play *p, uint64_t ms)
{
	unsigned n = 0;

	p->now += ms;
	while (desk_expire(&p->desk, p->now, &p->t)) {
		require(++n < 1000);
		carry_out(p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;
	static uint8_t *memory;
	struct cur c = cur_of(data, size);
	const struct desk_setup setup = {
		.n_slots = SLOTS,
		.n_tids = size % 2 ? TIDS : 0,
		.limits = { .xfer = { .blksize_max = 1428,
				      .windowsize_max = 8,
				      .retry_ms = 500,
				      .tries = 4 } },
	};

	if (!memory && !(memory = malloc(desk_size(SLOTS))))
		abort();
	memset(memory, 0, desk_size(SLOTS));
	memset(&p, 0, sizeof(p));
	desk_init(&p.desk, memory, &setup);
	p.now = 1000;
	while (cur_left(&c) > 0) {
		uint8_t what = cur_u8(&c);

		if (what % 4 == 0)
			datagram(&p, &c);
		else if (what % 4 == 1)
			answer(&p, &c);
		else if (what % 4 == 2)
			digest(&p, &c);
		else
			time_passes(&p, (uint64_t)cur_u8(&c) * 20);
	}
	/* `timeout` may be 255 seconds, and there are four of them at most */
	time_passes(&p, ENDING_MS);
	for (int i = 0; i < 8; i++)
		time_passes(&p, ENDING_MS);
	require(desk_busy(&p.desk) == 0);
	return 0;
}
