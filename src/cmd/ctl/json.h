/* A JSON writer (RFC 8259) that cannot write an unbalanced or unescaped document.
 *
 * Values go out as they come; commas and indentation are its business.  `key` is
 * the member's name inside an object, NULL inside an array and at the top. */
#ifndef CMD_CTL_JSON_H
#define CMD_CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 8 };

struct json {
	FILE *f;
	unsigned depth;
	struct {
		char close;
		bool any;
	} level[JSON_DEPTH_MAX];
};

void json_init(struct json *j, FILE *f);

void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);

/* Closes the innermost; the newline at the document's end comes by itself. */
void json_end(struct json *j);

/* Text that is no valid UTF-8 gets U+FFFD where it is not; NULL becomes null. */
void json_text(struct json *j, const char *key, const char *s);
void json_bytes(struct json *j, const char *key, const void *p, size_t len);
void json_int(struct json *j, const char *key, int64_t v);
void json_uint(struct json *j, const char *key, uint64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);

/* "2026-11-22T12:00:00Z"; 0, which stands for never, is null. */
void json_time(struct json *j, const char *key, int64_t unix_s);

#endif
