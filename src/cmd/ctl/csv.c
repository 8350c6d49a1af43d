#include <stdbool.h>
#include <string.h>

#include "base/errors.h"
#include "cmd/ctl/csv.h"

static bool at_end(const struct csv *c)
{
	return c->pos == c->len;
}

static bool at_line_end(const struct csv *c)
{
	return at_end(c) || c->p[c->pos] == '\n' || c->p[c->pos] == '\r';
}

static void take_line_end(struct csv *c)
{
	if (at_end(c))
		return;
	if (c->p[c->pos++] == '\r' && !at_end(c) && c->p[c->pos] == '\n')
		c->pos++;
	c->line++;
}

static void skip_line(struct csv *c)
{
	while (!at_line_end(c))
		c->pos++;
	take_line_end(c);
}

static char separator_of(const struct csv *c)
{
	for (size_t i = c->pos; i < c->len; i++) {
		char b = c->p[i];
		if (b == ',' || b == ';' || b == '\t')
			return b;
		if (b == '\n' || b == '\r')
			break;
	}
	return ',';
}

void csv_init(struct csv *c, const void *p, size_t len)
{
	static const char bom[3] = { '\xef', '\xbb', '\xbf' };

	*c = (struct csv){ .p = p, .len = len, .line = 1 };
	if (len >= sizeof(bom) && memcmp(p, bom, sizeof(bom)) == 0)
		c->pos = sizeof(bom);
	c->separator = separator_of(c);
}

static const char *take_plain(struct csv *c, struct csv_field *f)
{
	size_t start = c->pos;

	while (!at_line_end(c) && c->p[c->pos] != c->separator) {
		if (c->p[c->pos] == '"')
			return "a quote inside a field that is not quoted";
		if (c->p[c->pos] == '\0')
			return "a NUL byte";
		c->pos++;
	}
	*f = (struct csv_field){ .p = c->p + start, .len = c->pos - start };
	return NULL;
}

/* The bytes between two quotes, with doubled ones made single. */
static const char *unquote(struct csv_row *row, const char *p, size_t len,
			   struct csv_field *f)
{
	char *to = row->text + row->text_len;
	size_t n = 0, room = sizeof(row->text) - row->text_len;

	for (size_t i = 0; i < len; i++) {
		if (n == room)
			return "more quoted text than a row may hold";
		to[n++] = p[i];
		if (p[i] == '"')
			i++;
	}
	row->text_len += n;
	*f = (struct csv_field){ .p = to, .len = n };
	return NULL;
}

static const char *take_quoted(struct csv *c, struct csv_row *row, struct csv_field *f)
{
	bool doubled = false;
	size_t start = ++c->pos, end;

	for (;; c->pos++) {
		if (at_end(c))
			return "a quote is opened and never closed";
		if (c->p[c->pos] == '\0')
			return "a NUL byte";
		if (c->p[c->pos] == '\n')
			c->line++;
		if (c->p[c->pos] != '"')
			continue;
		if (c->pos + 1 == c->len || c->p[c->pos + 1] != '"')
			break;
		doubled = true;
		c->pos++;
	}
	end = c->pos++;
	if (!at_line_end(c) && c->p[c->pos] != c->separator)
		return "text behind a closing quote";
	*f = (struct csv_field){ .p = c->p + start, .len = end - start };
	return doubled ? unquote(row, f->p, f->len, f) : NULL;
}

static const char *take_row(struct csv *c, struct csv_row *row)
{
	for (;;) {
		struct csv_field *f = &row->fields[row->n];
		const char *why;

		if (row->n == CSV_FIELDS_MAX)
			return "more than 32 fields";
		why = !at_end(c) && c->p[c->pos] == '"' ? take_quoted(c, row, f)
							: take_plain(c, f);
		if (why)
			return why;
		row->n++;
		if (at_line_end(c))
			return take_line_end(c), NULL;
		c->pos++;
	}
}

int csv_next(struct csv *c, struct csv_row *ret)
{
	size_t start;

	while (!at_end(c) && at_line_end(c))
		take_line_end(c);
	if (at_end(c))
		return 0;

	start = c->pos;
	ret->line = c->line;
	ret->offset = start;
	ret->n = 0;
	ret->text_len = 0;
	ret->why = take_row(c, ret);
	if (!ret->why)
		return 1;

	if (at_end(c)) { /* of an open quote only the first line is lost */
		c->pos = start;
		c->line = ret->line;
	}
	skip_line(c);
	return FC_EBAD;
}
