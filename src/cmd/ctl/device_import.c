#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errors.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/importcheck.h"
#include "cmd/ctl/registry.h"
#include "sys/clock.h"

enum {
	BATCH_BYTES = 48 * 1024, /* of CONTROL_MESSAGE_MAX, in texts and keys */
	ROW_BYTES = 16,          /* of a row beside these */
	PROGRESS_MS = 1000,
	PROGRESS_TTY_MS = 200
};
static const size_t file_max = UINT32_MAX; /* rows are known by 32 bits of offset */

/* Rows on their way to the registry, with copies of all that they point to. */
struct batch {
	struct control_message m;
	uint64_t lines[CONTROL_ROWS_MAX];
	size_t used;
	uint8_t bytes[BATCH_BYTES];
};

struct importing {
	struct import im;
	struct batch batch;
	uint64_t taken, good;
	uint64_t told_ms;
	bool tty, told;
};

/* ---- progress
 * ------------------------------------------------------------------------ */

static void progress(struct importing *g, const char *what, uint64_t done, uint64_t all)
{
	uint64_t now = clock_ms();

	if (!g->im.progress ||
	    (done > 0 && done < all &&
	     now - g->told_ms < (g->tty ? PROGRESS_TTY_MS : PROGRESS_MS)))
		return;
	g->told_ms = now;
	g->told = true;
	(void)fprintf(stderr,
		      g->tty ? "\r%s: %" PRIu64 " %%  (%" PRIu64 ")\033[K"
			     : "%s: %" PRIu64 " %%  (%" PRIu64 ")\n",
		      what, all > 0 ? done * 100 / all : 100, done);
}

static void progress_end(struct importing *g)
{
	if (g->tty && g->told)
		(void)fputs("\r\033[K", stderr);
	g->told = false;
}

static void tick_check(void *ctx, const struct csv *at)
{
	progress(ctx, "looking at the rows", at->pos, at->len);
}

/* ---- what was found
 * ------------------------------------------------------------------ */

static void tell_finding(const char *path, const struct finding *f)
{
	(void)fprintf(stderr, "%s:%" PRIu64 ": %s%s%s\n", path, f->line,
		      f->fault.column ? f->fault.column : "",
		      f->fault.column ? ": " : "", f->fault.text);
}

static void tell_findings(const struct import *im)
{
	const struct findings *f = &im->findings;

	for (size_t i = 0; i < f->kept; i++)
		tell_finding(im->path, &f->at[i]);
	if (f->n > f->kept)
		(void)fprintf(stderr, "%s: and %" PRIu64 " more bad rows\n", im->path,
			      f->n - f->kept);
}

static void result_json(const struct importing *g)
{
	const struct findings *f = &g->im.findings;
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_uint(&j, "rows", g->im.rows);
	json_uint(&j, "taken", g->taken);
	json_uint(&j, "bad", f->n);
	json_array(&j, "findings");
	for (size_t i = 0; i < f->kept; i++) {
		json_object(&j, NULL);
		json_uint(&j, "line", f->at[i].line);
		json_text(&j, "column", f->at[i].fault.column);
		json_text(&j, "text", f->at[i].fault.text);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

/* ---- into the registry
 * ----------------------------------------------------------------- */

static struct ipc_blob keep(struct batch *b, const void *p, size_t len)
{
	struct ipc_blob ret = { .p = len > 0 ? b->bytes + b->used : NULL, .len = len };

	if (len > 0)
		memcpy(b->bytes + b->used, p, len);
	b->used += len;
	return ret;
}

static size_t size_of(const struct import_row *r)
{
	return ROW_BYTES + r->serial.len + r->class_name.len + r->type.len +
	       r->spki_len;
}

static void batch_add(struct batch *b, const struct import_row *r, uint64_t line)
{
	struct control_devices *d = &b->m.u.devices;
	struct control_device *row = &d->rows[d->n];

	row->mac = r->mac;
	row->type = keep(b, r->type.p, r->type.len);
	row->class_name = keep(b, r->class_name.p, r->class_name.len);
	row->serial = keep(b, r->serial.p, r->serial.len);
	row->spki = keep(b, r->spki, r->spki_len);
	b->used += ROW_BYTES;
	b->lines[d->n++] = line;
}

/* Someone else changed the registry since the rows were looked at. */
static int batch_refused(struct importing *g, const struct control_done *done)
{
	struct control_devices *d = &g->batch.m.u.devices;
	struct import_fault why = { 0 };
	bool is_row = done->rc <= FC_EBAD && done->rc != FC_ESTORE && done->row < d->n;

	(void)snprintf(why.text, sizeof(why.text), "%.*s", (int)done->text.len,
		       (const char *)done->text.p);
	progress_end(g);
	if (!is_row)
		return ctl_fail("%s (%" PRIu64
				" devices are registered, the rest is not)",
				why.text, g->taken);
	findings_add(&g->im.findings, g->batch.lines[done->row], &why);
	if (!g->im.keep_good) {
		tell_findings(&g->im);
		return ctl_fail("%s: the registry has changed meanwhile; %" PRIu64
				" devices are registered, the rest is not",
				g->im.path, g->taken);
	}
	tell_finding(g->im.path, &(struct finding){ .line = g->batch.lines[done->row],
						    .fault = why });
	d->n--;
	for (size_t i = done->row; i < d->n; i++) {
		d->rows[i] = d->rows[i + 1];
		g->batch.lines[i] = g->batch.lines[i + 1];
	}
	return CTL_DONE;
}

static int batch_send(struct importing *g)
{
	struct control_devices *d = &g->batch.m.u.devices;
	struct control_message reply;

	while (d->n > 0) {
		if (registry_call(g->im.c, &g->batch.m, &reply) != 0) {
			progress_end(g);
			return ctl_fail("%s: %" PRIu64
					" devices or more are registered; "
					"with --update it can be imported again",
					g->im.path, g->taken);
		}
		if (reply.type != CONTROL_DONE)
			return ctl_fail("an answer to another question");
		if (reply.u.done.rc == 0)
			break;
		if (batch_refused(g, &reply.u.done) != CTL_DONE)
			return CTL_FAILED;
	}
	g->taken += d->n;
	d->n = 0;
	g->batch.used = 0;
	progress(g, "registered", g->taken, g->good);
	return CTL_DONE;
}

static int send_all(struct importing *g)
{
	struct batch *b = &g->batch;
	struct import_row r;

	b->m.type = CONTROL_DEVICES;
	b->m.u.devices.update = g->im.update;
	while (import_next(&g->im, &r)) {
		if ((b->m.u.devices.n == CONTROL_ROWS_MAX ||
		     b->used + size_of(&r) > sizeof(b->bytes)) &&
		    batch_send(g) != CTL_DONE)
			return CTL_FAILED;
		batch_add(b, &r, g->im.row.line);
	}
	return batch_send(g);
}

/* ---- the command
 * ------------------------------------------------------------------------- */

static int check(struct importing *g)
{
	struct import *im = &g->im;

	if (ctl_conf(im->c) != CTL_DONE || registry_connect(im->c) != CTL_DONE)
		return CTL_FAILED;
	if (registry_exists(im->c) && !(im->store = registry_read(im->c)))
		return CTL_FAILED;
	if (import_check(im, tick_check, g) != CTL_DONE)
		return CTL_FAILED;
	progress_end(g);
	g->good = im->rows - im->findings.n;
	tell_findings(im);
	if (im->findings.n == 0 || im->keep_good)
		return CTL_DONE;
	if (im->c->json)
		result_json(g);
	return ctl_fail("%s: %" PRIu64 " of %" PRIu64 " rows are bad; nothing was "
			"imported. Mend them, or take the good ones with --keep-good",
			im->path, im->findings.n, im->rows);
}

static int run(struct importing *g)
{
	struct import *im = &g->im;
	uint64_t started = clock_ms();

	if (check(g) != CTL_DONE || send_all(g) != CTL_DONE)
		return CTL_FAILED;
	progress_end(g);
	if (im->c->json)
		result_json(g);
	(void)fprintf(
		stderr,
		"%s: %" PRIu64 " devices %s in %.1f seconds; %" PRIu64 " bad rows "
		"left out\n",
		im->path, g->taken, im->update ? "registered or updated" : "registered",
		(double)(clock_ms() - started) / 1000, im->findings.n);
	return CTL_DONE;
}

static int read_and_run(struct importing *g, const char *path)
{
	uint8_t *text = NULL;
	int rc;

	g->im.path = strcmp(path, "-") == 0 ? "standard input" : path;
	if (ctl_read(path, file_max, &text, &g->im.len) != CTL_DONE)
		return CTL_FAILED;
	g->im.text = (const char *)text;
	rc = run(g);
	import_release(&g->im);
	free(text);
	return rc;
}

int cmd_device_import(struct ctl *c, int argc, char **argv)
{
	static struct importing g; /* too large for a stack frame, and needed once */
	const struct option options[] = {
		{ .name = "--update", .on = &g.im.update },
		{ .name = "--keep-good", .on = &g.im.keep_good },
		{ .name = "--progress", .on = &g.im.progress },
		{ 0 }
	};

	if (ctl_args(c, argc, argv, options, 1, 1) < 0)
		return CTL_USAGE;
	g.im.c = c;
	g.tty = isatty(STDERR_FILENO) == 1;
	g.im.progress = g.im.progress || g.tty;
	return read_and_run(&g, argv[0]);
}
