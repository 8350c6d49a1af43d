/* A child of fieldcertd, and any parent: CONF, SECRET, SOCKET, PEER and START in any
 * order, with the right descriptor, another one or none, and any other message.
 *
 * The input is a script.  The oracle: a role starts only with a configuration, and
 * not after a secret that it refused; each START is answered once, READY only if the
 * role started; what the parent would never say ends the child; no descriptor is
 * left behind. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include "base/cursor.h"
#include "sys/loop.h"

static void note_stop(struct loop *l);

#define loop_stop note_stop
#include "cmd/fieldcertd/child.c"

enum { STEPS_MAX = 100 };

static const char good[] =
	"secrets \"one\" { set = 1 kind = derived request = r confirm = c keybox = k "
	"}\n"
	"issuer \"ca\" { certificate = c key = k }\n";

static struct child ch;
static struct chan *parent;
static bool stopped, refused, started;
static unsigned starts;
static int secret_rc, start_rc;
static struct conf *in_force;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void note_stop(struct loop *l)
{
	(void)l;
	stopped = true;
}

/* ---- the role ------------------------------------------------------------------- */

static int on_secret(void *ctx, const struct ipc_secret *s, const char *name,
		     const uint8_t *bytes, size_t len, const struct conf *conf,
		     char why[CHILD_WHY_SIZE])
{
	(void)ctx;
	require(conf != NULL && s->kind <= IPC_SECRET_KIND_LAST);
	require(strlen(name) <= IPC_NAME_MAX && (len == 0 || bytes != NULL));
	refused = refused || secret_rc < 0;
	if (secret_rc < 0)
		(void)snprintf(why, CHILD_WHY_SIZE, "%0300d", 1);
	return secret_rc;
}

static int on_socket(void *ctx, const struct ipc_socket *s, int fd)
{
	(void)ctx;
	require(s->transfer <= 1 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	(void)close(fd);
	return start_rc;
}

static int on_peer(void *ctx, const struct ipc_peer *p, int fd)
{
	(void)ctx;
	require(p->role <= IPC_ROLE_SIGNER && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	(void)close(fd);
	return 0;
}

static int on_start(void *ctx, struct conf *conf, bool first, char why[CHILD_WHY_SIZE])
{
	(void)ctx;
	require(conf != NULL && !refused && first == !started);
	starts++;
	if (start_rc < 0) {
		(void)snprintf(why, CHILD_WHY_SIZE, "no luck");
		return start_rc;
	}
	conf_free(in_force);
	in_force = conf;
	return 0;
}

static const struct child_ops all_ops = {
	.secret = on_secret, .socket = on_socket, .peer = on_peer, .start = on_start
};
static const struct child_ops few_ops = { .start = on_start };

/* ---- the parent -------------------------------------------------------------------
 */

static int memory_file(const void *p, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, p, len) == (ssize_t)len);
	return fd;
}

/* -1: none. */
static int descriptor(struct cur *c, uint8_t which)
{
	size_t len;
	struct cur bytes;

	switch (which % 5) {
	case 0:
		return memory_file(good, sizeof(good) - 1);
	case 1:
		len = cur_u8(c);
		bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));
		return memory_file(bytes.buf ? bytes.buf : (const uint8_t *)"",
				   bytes.len);
	case 2:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 3:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	default:
		return -1;
	}
}

/* READY or FAILED. */
static void hear(bool expected, unsigned starts_before)
{
	uint8_t buf[IPC_TEXT_MAX + 16];
	struct ipc_message m;
	int fd = -1;
	int64_t n = chan_recv(parent, buf, sizeof(buf), &fd);

	require(fd < 0 && (n > 0) == expected);
	if (!expected)
		return;
	require(ipc_parse(buf, (size_t)n, &m) == 0);
	if (m.type == IPC_READY) {
		require(starts == starts_before + 1 && start_rc == 0 && !stopped);
		started = true;
	} else {
		require(m.type == IPC_FAILED && m.u.failed.text.len > 0);
		require(started || stopped);
	}
	require(chan_recv(parent, buf, sizeof(buf), &fd) == -EAGAIN);
}

static void tell_bytes(const uint8_t *p, size_t len, int fd)
{
	struct ipc_message m;
	int rc = ipc_parse(p, len, &m);
	bool takes_fd = rc == 0 && m.type >= IPC_CONF && m.type <= IPC_PEER;
	unsigned before = starts;

	if (rc == 0 && m.type == IPC_CONF)
		refused = false;
	require(chan_send(parent, p, len, fd) == 0);
	on_parent(&ch, chan_fd(ch.chan), EPOLLIN);
	if (rc < 0 || m.type > IPC_START || takes_fd != (fd >= 0))
		require(stopped);
	hear(rc == 0 && m.type == IPC_START && fd < 0, before);
	if (rc == 0 && m.type == IPC_START)
		refused = false;
	if (fd >= 0)
		(void)close(fd);
}

static void tell(const struct ipc_message *m, int fd)
{
	uint8_t buf[IPC_PATH_MAX + 16];
	struct out o = out_of(buf, sizeof(buf));

	ipc_build(&o, m);
	require(!o.full);
	tell_bytes(buf, o.len, fd);
}

/* ---- the script --------------------------------------------------------------------
 */

static void any_message(struct cur *c)
{
	size_t len = cur_u8(c);
	uint8_t which = cur_u8(c);
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));

	if (bytes.len > 0)
		tell_bytes(bytes.buf, bytes.len, descriptor(c, which));
}

static void step(struct cur *c)
{
	static const uint8_t text[] = "a name of some length, as they are";
	uint8_t what = cur_u8(c), how = cur_u8(c), which = cur_u8(c);
	struct ipc_message m = { .type = 1 + what % 6 };
	struct ipc_blob name = { how % 8 ? text : NULL, how % 8 };

	secret_rc = what & 64 ? FC_EBAD : 0;
	start_rc = what & 128 ? FC_ECONF : 0;
	if (m.type == IPC_READY) {
		any_message(c);
		return;
	}
	if (m.type == IPC_CONF)
		m.u.conf.path = name;
	else if (m.type == IPC_SECRET)
		m.u.secret = (struct ipc_secret){ (how >> 3) % 8, name };
	else if (m.type == IPC_SOCKET)
		m.u.socket = (struct ipc_socket){ how & 1, how };
	else if (m.type == IPC_PEER)
		m.u.peer = (struct ipc_peer){ how % 3, how };
	tell(&m, descriptor(c, which));
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void begin(bool few)
{
	int fd[2];

	log_init("fuzz", LOG_LEVEL_ERROR, 0);
	require(chan_pair(fd) == 0);
	ch = (struct child){ .ops = few ? &few_ops : &all_ops, .loop = loop_new() };
	ch.chan = chan_new(fd[0], QUEUE_MAX);
	parent = chan_new(fd[1], 1 << 20);
	require(ch.loop && ch.chan && parent);
	require(loop_add(ch.loop, fd[0], EPOLLIN, on_parent, &ch) == 0);
	stopped = refused = started = false;
	starts = 0;
}

static void end(void)
{
	loop_remove(ch.loop, chan_fd(ch.chan));
	child_release(&ch);
	chan_free(parent);
	loop_free(ch.loop);
	conf_free(in_force);
	in_force = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(data, size);
	unsigned before = descriptors();

	begin(cur_u8(&c) & 1);
	for (int i = 0; i < STEPS_MAX && !stopped && cur_left(&c) > 0; i++)
		step(&c);
	end();
	require(descriptors() == before);
	return 0;
}
