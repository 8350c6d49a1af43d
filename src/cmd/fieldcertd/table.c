/* The device table's memory: a memfd that only this process's first mapping can
 * write to (F_SEAL_FUTURE_WRITE), built from the database, changed in place, and
 * replaced by a larger one when it is full. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/registrar.h"
#include "sys/log.h"
#include "sys/neg.h"

enum {
	ROOM_MIN = 4096, /* devices that can be added before it must grow */
	SERIAL_ROOM = 24 /* bytes for a device's serial number */
};

struct build {
	struct devtable t;
	char class_name[DEVTABLE_CLASS_SIZE]; /* the last one, and its index */
	int class_index;
	int rc;
	uint64_t left_out;
};

static int put(struct build *b, const struct store_brief *d)
{
	struct devtable_device e = { .serial = d->serial, .serial_len = d->serial_len };

	if (strcmp(b->class_name, d->class_name) != 0 || b->class_index < 0) {
		b->class_index = devtable_class(&b->t, d->class_name);
		(void)snprintf(b->class_name, sizeof(b->class_name), "%s",
			       d->class_name);
	}
	if (b->class_index < 0 || strlen(d->type) != 2) {
		b->left_out++;
		return 0;
	}
	memcpy(e.type, d->type, sizeof(e.type));
	e.class_index = (uint8_t)b->class_index;
	e.flags = d->denied ? DEVTABLE_DENIED : 0;
	return devtable_put(&b->t, &d->mac, &e);
}

static int put_one(void *ctx, const struct store_brief *d)
{
	struct build *b = ctx;
	int rc = put(b, d);

	if (rc == FC_EBAD) {
		b->left_out++;
		return 0;
	}
	b->rc = rc;
	return rc != 0;
}

static int make_memory(size_t size, int *ret_fd, void **ret_map)
{
	int fd = memfd_create("devices", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;
	int rc;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		goto fail;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		goto fail;
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) <
	    0) {
		rc = -errno;
		(void)munmap(map, size);
		(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	*ret_map = map;
	return 0;
fail:
	rc = -errno;
	(void)close(fd);
	return rc;
}

static void send_all(struct registrar *r)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &r->peers[i];

		if (p->watched && p->role == IPC_ROLE_FRONT)
			(void)table_send(r, p);
	}
}

static int build(struct registrar *r, uint32_t capacity, size_t serial_bytes)
{
	struct table n = { .size = devtable_size(capacity, serial_bytes) };
	struct build b = { .class_index = -1 };
	int rc = make_memory(n.size, &n.fd, &n.map);

	if (rc < 0)
		return rc;
	rc = devtable_format(n.map, n.size, capacity, &b.t);
	if (rc == 0)
		rc = store_brief_each(r->store, put_one, &b);
	if (rc == 0)
		rc = b.rc;
	if (rc < 0) {
		table_release(&n);
		return rc;
	}
	if (b.left_out > 0)
		log_error("event=table-incomplete left-out=%llu why=\"more than %d "
			  "classes, or rows that fieldcert did not write\"",
			  (unsigned long long)b.left_out, DEVTABLE_CLASSES_MAX);
	n.t = b.t;
	table_release(&r->table);
	r->table = n;
	send_all(r);
	return 0;
}

/* Half as many again, and room for each to change its serial number; pages that
 * nothing is written to are no memory. */
int table_build(struct registrar *r)
{
	uint64_t by_state[DEVICE_STATE_COUNT], room = ROOM_MIN;
	int rc = store_device_count(r->store, by_state);

	for (int i = 0; i < DEVICE_STATE_COUNT && rc == 0; i++)
		room += by_state[i] + by_state[i] / 2;
	for (int tries = 0; rc == 0 && tries < 3; tries++) {
		if (room > UINT32_MAX)
			return FC_EFULL;
		rc = build(r, (uint32_t)room, room * SERIAL_ROOM);
		if (rc != FC_EFULL)
			return rc;
		room *= 2; /* long serial numbers, or unlucky addresses */
		rc = 0;
	}
	return rc < 0 ? rc : FC_EFULL;
}

int table_send(struct registrar *r, struct peer *p)
{
	struct ipc_message m = { .type = IPC_TABLE };

	return r->table.map ? peer_send(p, &m, r->table.fd) : 0;
}

void table_update(struct registrar *r, const struct store_device *d)
{
	struct build b = { .t = r->table.t, .class_index = -1 };
	struct store_brief brief = { .mac = d->mac,
				     .type = d->type,
				     .class_name = d->class_name,
				     .serial = d->serial,
				     .serial_len = strlen(d->serial),
				     .denied = d->denied };
	int rc = put(&b, &brief);

	if (rc == FC_EFULL)
		rc = table_build(r);
	else
		r->table.t = b.t;
	if (rc < 0 || b.left_out > 0)
		log_error("event=table-update rc=%d why=\"%s\"", rc,
			  rc < 0 ? neg_text(rc) : "no room for its class");
}

void table_release(struct table *t)
{
	if (!t->map)
		return;
	(void)munmap(t->map, t->size);
	(void)close(t->fd);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}
