/* The front, between strangers and a registrar in an attacker's hands.
 *
 * The input is a script: a byte says what happens next, more bytes with what:
 * datagrams with right and wrong names, answers to what the front asked, device
 * tables (whole, spoilt, too short, not sealed, changed under it), any other message,
 * time.  fuzz_desk has the desk alone; this is all that lies around it.  The oracle:
 * every message is one that the registrar's parser takes, and the front's to send;
 * nobody is asked for but a device that showed its code; only a file that was given
 * out is reported as delivered; all slots come back at the end. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/cursor.h"
#include "base/hashtable.h"
#include "cmd/shared/fromconf.h"
#include "crypto/authcode.h"

#include "cmd/fieldcertd/front.c"

enum { SLOTS = 6, STEPS_MAX = 200, DEVICES = 3, REFS = 4, EPOCHS = 8, PATIENCE = 20 };

static const char conf_text[] =
	"listen = {\"127.0.0.1:6969\"}\n"
	"secrets \"alpha\" { set = 1 kind = shared request = a1 confirm = a2 keybox = "
	"a3 }\n"
	"issuer \"i\" { certificate = c key = k }\n"
	"class \"default\" { secrets = {alpha} types = {CM} }\n"
	"class \"tight\" { secrets = {alpha} confirm = bound types = {CM} }\n";
static const char secret[] = "a-secret-of-a-good-length-for-all";

static struct front fr;
static struct child child;
static struct chan *registrar;
static uint8_t *desk_memory;
static uint8_t *table_bytes;
static size_t table_size;
static int table_fd = -1; /* of the table that the front was given last */
static uint64_t now;

/* What the oracle knows. */
static uint64_t refs[REFS];
static unsigned n_refs;
static bool showed[DEVICES]; /* a right code */
static bool given[EPOCHS];   /* in an answer */
static bool spoilt;          /* a table that says who knows what */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct mac mac_of(unsigned n)
{
	return (struct mac){ { 0, 0x10, 0x4b, 0xab, 0xcd, (uint8_t)(0xe0 + n) } };
}

/* ---- once --------------------------------------------------------------------- */

static void make_table(void)
{
	struct devtable t;

	table_size = devtable_size(DEVICES, 64);
	table_bytes = calloc(1, table_size);
	require(table_bytes &&
		devtable_format(table_bytes, table_size, DEVICES, &t) == 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		struct devtable_device d = { .type = "CM",
					     .serial = "J09",
					     .serial_len = 3 };
		struct mac m = mac_of(i);

		d.class_index =
			(uint8_t)devtable_class(&t, i == 1 ? "tight" : "default");
		require(devtable_put(&t, &m, &d) == 0);
	}
}

static void add_socket(uint8_t transfer)
{
	const struct ipc_socket s = { .transfer = transfer };
	int fd[2];

	/* of another family: what is sent goes nowhere */
	require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) == 0);
	(void)close(fd[1]);
	require(frontnet_add(&fr.net, &s, fd[0]) == 0);
}

static void put_secret(enum ipc_secret_kind kind)
{
	const struct ipc_secret s = { .kind = (uint8_t)kind,
				      .name = { (const uint8_t *)"alpha", 5 } };
	char why[FRONTAUTH_WHY_SIZE];
	unsigned bits;

	require(frontauth_secret(fr.auth, fr.conf, &s, "f", (const uint8_t *)secret,
				 sizeof(secret) - 1, why, &bits) == 0);
}

static void prepare(void)
{
	char *errors, why[FRONTAUTH_WHY_SIZE];

	if (fr.auth)
		return;
	log_init("fuzz", LOG_LEVEL_ERROR, 0);
	require(conf_parse("/f", conf_text, strlen(conf_text), &fr.conf, &errors) == 0);
	fr.auth = frontauth_new();
	fr.message = malloc(IPC_MESSAGE_MAX);
	child.loop = loop_new();
	fr.child = &child;
	require(fr.auth && fr.message && child.loop);
	require(frontnet_init(&fr.net, on_datagram, &fr) == 0);
	add_socket(0);
	add_socket(1);
	fr.net.listening = true; /* nothing comes by these */
	require(frontnet_reserve(&fr.net, packet_size(fr.conf)) == 0);
	put_secret(IPC_SECRET_REQUEST);
	put_secret(IPC_SECRET_CONFIRM);
	require(frontauth_start(fr.auth, fr.conf, why) == 0);
	make_table();
	desk_memory = malloc(desk_size(SLOTS));
	require(desk_memory != NULL);
}

/* ---- what the front says --------------------------------------------------------- */

static void check_asker(const struct mac *mac)
{
	bool known = spoilt;

	for (unsigned i = 0; i < DEVICES; i++) {
		struct mac m = mac_of(i);

		known = known || (showed[i] && mac_equal(&m, mac));
	}
	require(known);
}

static void check(const struct ipc_message *m)
{
	if (m->type == IPC_DELIVERED) {
		require(given[m->u.delivered.epoch % EPOCHS]);
		return;
	}
	if (m->type == IPC_COUNTERS)
		return;
	if (m->type == IPC_ASK || m->type == IPC_CONFIRM)
		check_asker(m->type == IPC_ASK ? &m->u.ask.mac : &m->u.confirm.mac);
	if (m->type == IPC_ASK)
		refs[n_refs++ % REFS] = m->u.ask.ref;
	else if (m->type == IPC_CONFIRM)
		refs[n_refs++ % REFS] = m->u.confirm.ref;
	else if (m->type == IPC_DIGEST)
		refs[n_refs++ % REFS] = m->u.digest.ref;
	else
		refs[n_refs++ % REFS] = m->u.report.ref;
	require(m->type == IPC_ASK || m->type == IPC_CONFIRM || m->type == IPC_DIGEST ||
		m->type == IPC_REPORT);
}

static void hear(void)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct ipc_message m;
	int64_t n;
	int fd = -1;

	while ((n = chan_recv(registrar, buf, sizeof(buf), &fd)) > 0) {
		require(fd < 0 && ipc_parse(buf, (size_t)n, &m) == 0);
		check(&m);
	}
}

/* ---- strangers ------------------------------------------------------------------- */

static void code_of(uint8_t who, const uint8_t *digest, bool confirm,
		    struct name_code *ret)
{
	static struct authcode *a;
	struct auth_secret s = { .len = sizeof(secret) - 1 };
	struct mac mac = mac_of(who);
	struct auth_spec spec;
	struct name_code yy;
	const char *why;

	if (!a)
		a = authcode_new();
	memcpy(s.s, secret, s.len);
	require(a && fromconf_auth(conf_class_by_name(fr.conf,
						      who == 1 ? "tight" : "default"),
				   &spec, &why) == 0);
	require(authcode_request(a, &spec, &s, "J09", 3, &mac, &yy) == 0);
	if (confirm)
		require(authcode_confirm(a, &spec, &s, &mac, &yy, digest, ret) == 0);
	else
		*ret = yy;
}

static void datagram(uint8_t from, const void *p, size_t len, bool truncated)
{
	struct desk_way w = { .tid = from & 16 ? DESK_REQUEST_TID : 0 };

	w.peer.port = 1000 + (from & 3);
	w.peer.ip[15] = from & 4;
	on_datagram(&fr, &w, p, len, truncated, now);
}

/* A read request for one of the names, right or wrong. */
static void request(struct cur *c)
{
	static const uint8_t digest[IPC_DIGEST_LEN];
	uint8_t what = cur_u8(c), from = cur_u8(c), buf[256], text[200];
	struct name n = { .kind = what % 64 % 3 == 0   ? NAME_REQUEST
				  : what % 64 % 3 == 1 ? NAME_CONFIRM
						       : NAME_REPORT };
	struct out name = out_of(text, sizeof(text)), o = out_of(buf, sizeof(buf));
	unsigned who = (what >> 2) % (DEVICES + 1); /* one is nobody */

	n.mac = mac_of(who);
	if (n.kind == NAME_REPORT)
		n.error = (uint8_t)(1 + from % 14);
	else
		code_of((uint8_t)who, digest, n.kind == NAME_CONFIRM, &n.code);
	if (n.kind == NAME_REQUEST)
		memcpy(n.type, what & 64 ? "EM" : "CM", 2);
	if (what & 128)
		n.code.b[0] ^= 1;
	else if (n.kind != NAME_REPORT && who < DEVICES)
		showed[who] = true;
	name_build(&name, &n);
	out_u16(&o, 1);
	out_bytes(&o, text, name.len);
	out_bytes(&o, "\0octet\0", 7);
	if (from & 32)
		out_bytes(&o,
			  "blksize\0"
			  "100\0windowsize\0"
			  "4",
			  25);
	if (from & 32)
		out_u8(&o, 0);
	require(!o.full && !name.full);
	datagram(from, buf, o.len, from & 64);
}

static void ack(struct cur *c)
{
	uint8_t from = cur_u8(c), block = cur_u8(c);
	const uint8_t p[4] = { 0, 4, 0, block };

	datagram(from, p, sizeof(p), false);
}

static void any_datagram(struct cur *c)
{
	uint8_t from = cur_u8(c);
	size_t len = cur_u8(c);
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));

	datagram(from, bytes.buf, bytes.len, from & 64);
}

/* ---- the registrar ------------------------------------------------------------------
 */

static void receive(const uint8_t *p, size_t len, int fd)
{
	struct ipc_message m;
	int rc;

	memcpy(fr.message, p, len);
	rc = on_registrar_message(&fr, len, fd, now);
	if (ipc_parse(p, len, &m) < 0 ||
	    (m.type != IPC_ANSWER && m.type != IPC_DIGEST_IS && m.type != IPC_TABLE) ||
	    (m.type == IPC_TABLE) != (fd >= 0))
		require(rc < 0);
}

static void say(const struct ipc_message *m, int fd)
{
	static uint8_t bytes[IPC_MESSAGE_MAX];
	struct out o = out_of(bytes, sizeof(bytes));

	ipc_build(&o, m);
	require(!o.full);
	receive(bytes, o.len, fd);
}

static void answer(struct cur *c)
{
	static const uint8_t file[1000];
	uint8_t what = cur_u8(c), epoch = cur_u8(c) % EPOCHS;
	struct ipc_message m = { .type = IPC_ANSWER };

	m.u.answer.ref = refs[what % REFS] + (what >> 7);
	m.u.answer.verdict = (what >> 2) % (IPC_VERDICT_LAST + 1);
	if (m.u.answer.verdict == IPC_VERDICT_FILE) {
		m.u.answer.epoch = epoch;
		m.u.answer.file = (struct ipc_blob){ file, (size_t)cur_u8(c) * 3 };
		if (m.u.answer.file.len == 0)
			m.u.answer.file.p = NULL;
		given[epoch] = true;
	}
	say(&m, -1);
}

static void digest_is(struct cur *c)
{
	uint8_t what = cur_u8(c);
	struct ipc_message m = { .type = IPC_DIGEST_IS };

	m.u.digest_is.ref = refs[what % REFS];
	m.u.digest_is.found = what >> 7;
	m.u.digest_is.digest[0] = (what >> 2) & 1;
	say(&m, -1);
}

static int table_file(struct cur *c, uint8_t how)
{
	size_t size = how % 8 == 2 ? cur_u16(c) % (table_size + 1) : table_size;
	size_t at = how % 8 == 1 ? cur_u16(c) % table_size : 0;
	struct cur over = { .dead = true };
	int fd = memfd_create("devices", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (how % 8 == 1) {
		over = cur_sub(c, how >> 4 < cur_left(c) ? how >> 4 : cur_left(c));
		if (over.len > table_size - at)
			over.len = table_size - at;
	}
	require(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	require(pwrite(fd, table_bytes, size, 0) == (ssize_t)size);
	if (over.len > 0)
		require(pwrite(fd, over.buf, over.len, (off_t)at) == (ssize_t)over.len);
	if (how % 8 != 3)
		require(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	return fd;
}

static void table(struct cur *c)
{
	uint8_t how = cur_u8(c);
	struct ipc_message m = { .type = how % 8 == 5 ? IPC_ANSWER : IPC_TABLE };
	const void *before = fr.table;
	int fd;

	if (how % 8 == 4) {
		say(&m, -1);
		return;
	}
	fd = table_file(c, how);
	if (how % 8 == 1)
		spoilt = true;
	say(&m, fd);
	if (how % 8 == 3 || how % 8 == 5)
		require(fr.table == before);
	if (fr.table == before) {
		(void)close(fd);
		return;
	}
	if (table_fd >= 0)
		(void)close(table_fd);
	table_fd = fd;
}

/* Behind the front's back. */
static void change_under_it(struct cur *c)
{
	uint16_t at = cur_u16(c);
	uint8_t byte = cur_u8(c);

	if (table_fd < 0)
		return;
	spoilt = true;
	require(pwrite(table_fd, &byte, 1, (off_t)(at % fr.table_size)) == 1);
}

static void any_message(struct cur *c)
{
	size_t len = cur_u8(c);
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));
	struct ipc_message m;

	if (bytes.len == 0)
		return;
	if (ipc_parse(bytes.buf, bytes.len, &m) == 0 && m.type == IPC_ANSWER)
		given[m.u.answer.epoch % EPOCHS] = true;
	receive(bytes.buf, bytes.len, -1);
}

/* ---- the script --------------------------------------------------------------------
 */

static void time_passes(uint64_t ms)
{
	now += ms;
	on_turn(&fr, now);
	hear();
}

static void begin(void)
{
	struct ipc_message m = { .type = IPC_TABLE };
	struct cur none = { .dead = true };
	struct desk_setup setup = { .n_slots = SLOTS, .n_tids = 1 };
	int fd[2];

	prepare();
	setup.limits = limits_of(fr.conf);
	memset(desk_memory, 0, desk_size(SLOTS));
	desk_init(&fr.desk, desk_memory, &setup);
	fr.n_slots = SLOTS;
	fr.tell_at = 0;
	memset(fr.told, 0xff, sizeof(fr.told));
	require(chan_pair(fd) == 0);
	fr.registrar = chan_new(fd[0], REGISTRAR_QUEUE_MAX);
	registrar = chan_new(fd[1], 1 << 20);
	require(fr.registrar && registrar &&
		loop_add(child.loop, fd[0], EPOLLIN, on_registrar, &fr) == 0);
	fr.registrar_waits = false;
	n_refs = 0;
	memset(refs, 0, sizeof(refs));
	memset(showed, 0, sizeof(showed));
	memset(given, 0, sizeof(given));
	now = 1000;
	table_fd = table_file(&none, 0);
	say(&m, table_fd);
	require(fr.table != NULL);
	spoilt = false;
}

static void end(void)
{
	loop_remove(child.loop, chan_fd(fr.registrar));
	chan_free(fr.registrar);
	chan_free(registrar);
	fr.registrar = NULL;
	(void)close(table_fd);
	table_fd = -1;
	frontauth_table(fr.auth, NULL);
	(void)munmap((void *)(uintptr_t)fr.table, fr.table_size);
	fr.table = NULL;
}

static void step(struct cur *c)
{
	static void (*const steps[])(struct cur *) = {
		request,   ack,   any_datagram,    answer,
		digest_is, table, change_under_it, any_message,
	};
	uint8_t what = cur_u8(c);

	if (what >= 128)
		time_passes((uint64_t)(what & 127) * 50);
	else
		steps[what % 8](c);
	hear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(data, size);

	begin();
	for (int i = 0; i < STEPS_MAX && cur_left(&c) > 0; i++)
		step(&c);
	/* a timeout option may be 255 seconds, and each transfer tries a few times */
	for (int i = 0; i < PATIENCE; i++)
		time_passes(UINT64_C(600) * 1000);
	require(desk_busy(&fr.desk) == 0);
	end();
	return 0;
}
