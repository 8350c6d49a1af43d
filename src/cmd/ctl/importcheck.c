#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "base/hashtable.h"
#include "cmd/ctl/importcheck.h"
#include "cmd/shared/change.h"
#include "sys/neg.h"
#include "sys/rng.h"

struct row_ref {
	uint64_t value; /* a MAC address, or a key's hash */
	uint32_t offset, row, line;
};

enum { TICK_ROWS = 1024 };

/* ---- findings ---------------------------------------------------------------------
 */

void findings_add(struct findings *f, uint64_t line, const struct import_fault *fault)
{
	size_t i;

	f->n++;
	if (f->kept == FINDINGS_SHOWN && f->at[FINDINGS_SHOWN - 1].line <= line)
		return;
	if (f->kept < FINDINGS_SHOWN)
		f->kept++;
	for (i = f->kept - 1; i > 0 && f->at[i - 1].line > line; i--)
		f->at[i] = f->at[i - 1];
	f->at[i] = (struct finding){ .line = line, .fault = *fault };
}

static int mark_bad(struct import *im, uint64_t row)
{
	size_t byte = row / 8;

	if (byte >= im->bad_cap) {
		size_t cap = (byte + 1) * 2;
		uint8_t *more = realloc(im->bad, cap);

		if (!more)
			return ctl_fail("%s", neg_text(FC_EFULL));
		memset(more + im->bad_cap, 0, cap - im->bad_cap);
		im->bad = more;
		im->bad_cap = cap;
	}
	im->bad[byte] = (uint8_t)(im->bad[byte] | 1U << row % 8);
	return CTL_DONE;
}

static bool is_bad(const struct import *im, uint64_t row)
{
	return row / 8 < im->bad_cap && (im->bad[row / 8] >> row % 8 & 1) != 0;
}

/* The row that was just read, by some value of it. */
static int remember(const struct import *im, struct refs *refs, uint64_t value)
{
	if (refs->n == refs->cap) {
		size_t cap = refs->cap > 0 ? refs->cap * 2 : 1024;
		struct row_ref *more = realloc(refs->at, cap * sizeof(*more));

		if (!more)
			return ctl_fail("%s", neg_text(FC_EFULL));
		refs->at = more;
		refs->cap = cap;
	}
	refs->at[refs->n++] = (struct row_ref){ .value = value,
						.offset = (uint32_t)im->row.offset,
						.row = (uint32_t)im->rows,
						.line = (uint32_t)im->row.line };
	return CTL_DONE;
}

/* ---- one row against configuration and registry ------------------------------------
 */

static const struct conf_class *class_of(const struct import *im,
					 const struct import_row *r,
					 const struct store_device *had)
{
	char name[IPC_NAME_MAX + 1];

	if (r->class_name.len == 0 && !*had->class_name)
		return im->c->conf->default_class;
	if (r->class_name.len == 0)
		return conf_class_by_name(im->c->conf, had->class_name);
	(void)snprintf(name, sizeof(name), "%.*s", (int)r->class_name.len,
		       r->class_name.p);
	return conf_class_by_name(im->c->conf, name);
}

static int check_type(const struct import_row *r, const struct conf_class *class,
		      char ret[3], struct import_fault *why)
{
	if (r->type.len == 0) {
		(void)snprintf(ret, 3, "%s", class->types[0]);
		return 0;
	}
	for (size_t i = 0; i < 2; i++) {
		char c = r->type.p[i];
		ret[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	ret[2] = '\0';
	for (size_t i = 0; i < class->n_types; i++) {
		if (strcmp(class->types[i], ret) == 0)
			return 0;
	}
	return import_refuse(why, column_name_of(COLUMN_TYPE),
			     "class \"%s\" has no such type; its first is %s",
			     class->name, class->types[0]);
}

static int check_key(const struct import *im, const struct import_row *r,
		     const struct conf_class *class, const char *type,
		     struct import_fault *why)
{
	struct control_env env = { .conf = im->c->conf };
	struct change change = { .env = &env };
	char owner_text[MAC_TEXT_SIZE];
	struct mac owner;

	if (r->spki_len == 0)
		return 0;
	if (change_key_allowed(&change, class, type, r->spki, r->spki_len) < 0)
		return import_refuse(why, column_name_of(COLUMN_KEY), "%.200s",
				     change.text);
	if (im->store &&
	    store_key_owner(im->store, r->spki, r->spki_len, &r->mac, &owner) == 0)
		return import_refuse(why, column_name_of(COLUMN_KEY),
				     "is that of %s already; no two devices have one",
				     mac_text(&owner, owner_text));
	return 0;
}

/* FC_EBAD with *why, 0, or CTL_FAILED after a complaint. */
static int check_row(const struct import *im, const struct import_row *r,
		     struct import_fault *why)
{
	struct store_device had = { 0 };
	const struct conf_class *class;
	char type[3], mac[MAC_TEXT_SIZE];
	int rc = im->store ? store_device_get(im->store, &r->mac, &had) : FC_EABSENT;

	if (rc < 0 && rc != FC_EABSENT)
		return ctl_fail("cannot read the database: %s", store_error(im->store));
	if (rc == 0 && !im->update)
		return import_refuse(why, column_name_of(COLUMN_MAC),
				     "%s is registered already; --update changes it",
				     mac_text(&r->mac, mac));
	class = class_of(im, r, &had);
	if (!class)
		return import_refuse(why, column_name_of(COLUMN_CLASS),
				     "the configuration has no such class");
	if (r->serial.len == 0 && !*had.serial && class->request_serial)
		return import_refuse(why, column_name_of(COLUMN_SERIAL),
				     "is empty, but class \"%s\" has it in its codes",
				     class->name);
	if (check_type(r, class, type, why) < 0)
		return FC_EBAD;
	return check_key(im, r, class, type, why);
}

/* ---- all rows
 * ------------------------------------------------------------------------ */

static int read_header(struct import *im, struct csv *csv)
{
	struct import_fault why = { 0 };
	int rc;

	csv_init(csv, im->text, im->len);
	im->separator = csv->separator;
	rc = csv_next(csv, &im->row);
	if (rc == 0)
		return ctl_fail(
			"%s: is empty; its first line must name the columns, like "
			"mac,serial,class,type,public key",
			im->path);
	if (rc < 0)
		return ctl_fail("%s:%llu: %s", im->path,
				(unsigned long long)im->row.line, im->row.why);
	if (columns_read(&im->row, &im->columns, &why) < 0)
		return ctl_fail("%s:%llu: %s", im->path,
				(unsigned long long)im->row.line, why.text);
	return CTL_DONE;
}

static int take_row(struct import *im, int csv_rc, const struct hash_key *key)
{
	struct import_fault why = { 0 };
	struct import_row r;
	int rc = csv_rc;

	if (rc < 0)
		(void)import_refuse(&why, NULL, "%s", im->row.why);
	else
		rc = import_row_read(&im->columns, &im->row, &r, &why);
	if (rc == 0)
		rc = check_row(im, &r, &why);
	if (rc == CTL_FAILED)
		return CTL_FAILED;
	if (rc < 0) {
		findings_add(&im->findings, im->row.line, &why);
		return mark_bad(im, im->rows);
	}
	if (r.spki_len > 0 &&
	    remember(im, &im->keys, siphash24(key, r.spki, r.spki_len)) != CTL_DONE)
		return CTL_FAILED;
	return remember(im, &im->macs, mac_u64(&r.mac));
}

static int by_value_and_row(const void *a, const void *b)
{
	const struct row_ref *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Of several rows with one value the first is good. */
static int find_twice(struct import *im, struct refs *refs, enum column column)
{
	struct import_fault why;
	size_t first = 0;

	if (refs->n > 0)
		qsort(refs->at, refs->n, sizeof(*refs->at), by_value_and_row);
	for (size_t i = 1; i < refs->n; i++) {
		if (refs->at[i].value != refs->at[first].value) {
			first = i;
			continue;
		}
		if (is_bad(im, refs->at[i].row))
			continue;
		(void)import_refuse(&why, column_name_of(column),
				    "stands in line %u already",
				    (unsigned)refs->at[first].line);
		findings_add(&im->findings, refs->at[i].line, &why);
		if (mark_bad(im, refs->at[i].row) != CTL_DONE)
			return CTL_FAILED;
	}
	return CTL_DONE;
}

int import_check(struct import *im, void (*tick)(void *ctx, const struct csv *at),
		 void *ctx)
{
	struct hash_key key;
	struct csv csv;
	int rc;

	if (read_header(im, &csv) != CTL_DONE)
		return CTL_FAILED;
	rng_bytes(&key, sizeof(key));
	for (im->rows = 0; (rc = csv_next(&csv, &im->row)) != 0; im->rows++) {
		rc = take_row(im, rc > 0 ? 0 : rc, &key);
		if (rc != CTL_DONE)
			return CTL_FAILED;
		if (im->rows % TICK_ROWS == 0)
			tick(ctx, &csv);
	}
	if (find_twice(im, &im->macs, COLUMN_MAC) != CTL_DONE)
		return CTL_FAILED;
	return find_twice(im, &im->keys, COLUMN_KEY);
}

bool import_next(struct import *im, struct import_row *ret)
{
	struct import_fault ignored;

	while (im->sent < im->macs.n) {
		const struct row_ref *ref = &im->macs.at[im->sent++];
		struct csv at = { .p = im->text,
				  .len = im->len,
				  .pos = ref->offset,
				  .line = ref->line,
				  .separator = im->separator };

		if (!is_bad(im, ref->row) && csv_next(&at, &im->row) == 1 &&
		    import_row_read(&im->columns, &im->row, ret, &ignored) == 0)
			return true;
	}
	return false;
}

void import_release(struct import *im)
{
	free(im->bad);
	free(im->macs.at);
	free(im->keys.at);
}
