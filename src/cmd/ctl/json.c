#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "cmd/ctl/json.h"
#include "cmd/ctl/moment.h"

enum { PIECE = 1024, PIECE_ESCAPED = 6 * PIECE + 1 };

void json_init(struct json *j, FILE *f)
{
	*j = (struct json){ .f = f };
}

static void put_string(FILE *f, const char *p, size_t len)
{
	char buf[PIECE_ESCAPED];

	(void)fputc('"', f);
	while (len > 0) {
		size_t n = len < PIECE ? len : PIECE;
		struct out o = out_of(buf, sizeof(buf));

		/* never cut inside a UTF-8 sequence */
		for (int i = 0; i < 3 && n < len && n > 1 && (p[n] & 0xc0) == 0x80; i++)
			n--;
		escape_json(&o, p, n);
		(void)fwrite(o.buf, 1, o.len, f);
		p += n;
		len -= n;
	}
	(void)fputc('"', f);
}

static void new_line(struct json *j)
{
	(void)fprintf(j->f, "\n%*s", (int)(2 * j->depth), "");
}

/* Everything that stands before a value: comma, new line, name. */
static void begin(struct json *j, const char *key)
{
	if (j->depth == 0) {
		assert(!key);
		return;
	}
	if (j->level[j->depth - 1].any)
		(void)fputc(',', j->f);
	j->level[j->depth - 1].any = true;
	new_line(j);

	assert((key != NULL) == (j->level[j->depth - 1].close == '}'));
	if (key) {
		put_string(j->f, key, strlen(key));
		(void)fputs(": ", j->f);
	}
}

static void end_document(struct json *j)
{
	if (j->depth == 0)
		(void)fputc('\n', j->f);
}

static void open_level(struct json *j, const char *key, char open, char close)
{
	begin(j, key);
	assert(j->depth < JSON_DEPTH_MAX);
	j->level[j->depth].close = close;
	j->level[j->depth].any = false;
	j->depth++;
	(void)fputc(open, j->f);
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, '[', ']');
}

void json_end(struct json *j)
{
	assert(j->depth > 0);
	j->depth--;
	if (j->level[j->depth].any)
		new_line(j);
	(void)fputc(j->level[j->depth].close, j->f);
	end_document(j);
}

void json_bytes(struct json *j, const char *key, const void *p, size_t len)
{
	begin(j, key);
	put_string(j->f, p, len);
	end_document(j);
}

void json_text(struct json *j, const char *key, const char *s)
{
	if (s)
		json_bytes(j, key, s, strlen(s));
	else
		json_null(j, key);
}

void json_int(struct json *j, const char *key, int64_t v)
{
	begin(j, key);
	(void)fprintf(j->f, "%" PRId64, v);
	end_document(j);
}

void json_uint(struct json *j, const char *key, uint64_t v)
{
	begin(j, key);
	(void)fprintf(j->f, "%" PRIu64, v);
	end_document(j);
}

void json_bool(struct json *j, const char *key, bool v)
{
	begin(j, key);
	(void)fputs(v ? "true" : "false", j->f);
	end_document(j);
}

void json_null(struct json *j, const char *key)
{
	begin(j, key);
	(void)fputs("null", j->f);
	end_document(j);
}

void json_time(struct json *j, const char *key, int64_t unix_s)
{
	char text[MOMENT_SIZE];

	if (unix_s == 0)
		json_null(j, key);
	else
		json_text(j, key, moment_rfc3339(unix_s, text));
}
