/* A file of devices, as an operator hands it in: every row lies where it should,
 * and no two readings differ. */
#include "base/errors.h"
#include "cmd/ctl/csv.h"
#include "cmd/ctl/importrow.h"
#include "fuzz/fuzz.h"

static bool in_text(const struct csv_row *r, const struct csv_field *f)
{
	uintptr_t at = (uintptr_t)f->p, start = (uintptr_t)r->text;

	return at >= start && at - start + f->len <= r->text_len;
}

static void check_row(const struct csv_row *r, const uint8_t *data, size_t size)
{
	assert(r->n >= 1 && r->n <= CSV_FIELDS_MAX);
	assert(r->text_len <= sizeof(r->text));
	for (size_t i = 0; i < r->n; i++) {
		const struct csv_field *f = &r->fields[i];

		assert(within(f->p, f->len, data, size) || in_text(r, f));
		assert(!memchr(f->p, '\0', f->len));
	}
}

static void check_device(const struct columns *c, const struct csv_row *r)
{
	struct import_fault fault = { 0 };
	struct import_row row;

	if (import_row_read(c, r, &row, &fault) < 0) {
		assert(fault.text[0] != '\0');
		assert(memchr(fault.text, '\0', sizeof(fault.text)));
		return;
	}
	assert(r->n == c->n && mac_is_device(&row.mac));
	assert(row.serial.len <= IPC_SERIAL_MAX && row.class_name.len <= IPC_NAME_MAX);
	assert(row.type.len == 0 || row.type.len == 2);
	assert(row.spki_len <= sizeof(row.spki));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csv_row row;
	struct import_fault fault = { 0 };
	struct columns columns;
	struct csv c;
	uint64_t line = 0;
	bool header = false;
	int rc;

	csv_init(&c, data, size);
	while ((rc = csv_next(&c, &row)) != 0) {
		assert(row.line > line && row.line <= c.line && c.pos <= size);
		line = row.line;
		assert((rc < 0) == (row.why != NULL));
		if (rc < 0) {
			assert(rc == FC_EBAD);
			continue;
		}
		check_row(&row, data, size);
		if (header)
			check_device(&columns, &row);
		else
			header = columns_read(&row, &columns, &fault) == 0;
	}
	assert(c.pos == size);
	return 0;
}
