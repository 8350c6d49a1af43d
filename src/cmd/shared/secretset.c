#include "cmd/shared/secretset.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "base/secret.h"
#include "crypto/authmaster.h"

/* One line "MAC secret" of the file. */
struct line {
	uint64_t mac;
	uint32_t at; /* of the secret, in text */
	uint16_t len;
	unsigned number;
};

struct secretset {
	enum conf_secret_kind kind;
	struct auth_secret secret;  /* the one for all */
	struct auth_master *master; /* kind `derived` */
	char *text;                 /* kind `device`: the whole file */
	size_t text_len;
	struct line *lines; /* by MAC */
	size_t n_lines;
	unsigned bits;
};

static const char *read_one(struct secretset *s, const char *text, size_t len)
{
	int rc = auth_secret_from_line(text, len, &s->secret);

	if (rc == FC_EFULL)
		return "a secret may have 256 bytes at most";
	if (rc)
		return "the first line must be the secret";
	s->bits = secret_bits(s->secret.s, s->secret.len);
	if (s->kind == CONF_SECRET_SHARED)
		return NULL;
	s->master = auth_master_new(&s->secret);
	secret_wipe(&s->secret, sizeof(s->secret));
	return s->master ? NULL : "OpenSSL failed";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* p: one line without its end. NULL, or what is wrong. */
static const char *read_line(struct secretset *s, const char *p, size_t len,
			     unsigned number)
{
	size_t mac_len = 0, at;
	struct mac mac;
	unsigned bits;

	while (mac_len < len && !is_blank(p[mac_len]))
		mac_len++;
	for (at = mac_len; at < len && is_blank(p[at]);)
		at++;
	if (mac_parse(p, mac_len, &mac))
		return "the line does not begin with a MAC address";
	if (at == len)
		return "no secret after the MAC address";
	if (memchr(p + at, '\0', len - at))
		return "a NUL byte in the secret";
	if (len - at > SECRET_MAX)
		return "a secret may have 256 bytes at most";

	s->lines[s->n_lines++] = (struct line){
		.mac = mac_u64(&mac),
		.at = (uint32_t)((size_t)(p - s->text) + at),
		.len = (uint16_t)(len - at),
		.number = number,
	};
	bits = secret_bits(p + at, len - at);
	if (bits < s->bits)
		s->bits = bits;
	return NULL;
}

static int by_mac(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->mac > y->mac) - (x->mac < y->mac);
}

static const char *find_twice(const struct secretset *s, unsigned *ret_line)
{
	for (size_t i = 1; i < s->n_lines; i++) {
		const struct line *a = &s->lines[i - 1], *b = &s->lines[i];

		if (a->mac == b->mac) {
			*ret_line = a->number > b->number ? a->number : b->number;
			return "this MAC address was there before";
		}
	}
	return NULL;
}

static const char *read_lines(struct secretset *s, unsigned *ret_line)
{
	unsigned number = 0;
	const char *why;

	for (size_t at = 0; at < s->text_len; number++) {
		const char *p = s->text + at;
		const char *nl = memchr(p, '\n', s->text_len - at);
		size_t len = nl ? (size_t)(nl - p) : s->text_len - at;

		at += len + 1;
		if (len > 0 && p[len - 1] == '\r')
			len--;
		while (len > 0 && is_blank(*p))
			p++, len--;
		if (len == 0 || *p == '#')
			continue;
		why = read_line(s, p, len, number + 1);
		if (why)
			return *ret_line = number + 1, why;
	}
	qsort(s->lines, s->n_lines, sizeof(s->lines[0]), by_mac);
	return find_twice(s, ret_line);
}

static int keep_text(struct secretset *s, const void *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += ((const char *)text)[i] == '\n';
	s->text = malloc(len + 1);
	s->lines = calloc(n, sizeof(s->lines[0]));
	if (!s->text || !s->lines)
		return FC_EFULL;
	if (len)
		memcpy(s->text, text, len);
	s->text_len = len;
	return 0;
}

int secretset_new(enum conf_secret_kind kind, const void *text, size_t len,
		  struct secretset **ret, const char **ret_why, unsigned *ret_line)
{
	struct secretset *s = calloc(1, sizeof(*s));
	const char *why = "out of memory";
	unsigned line = 1;
	int rc = FC_EFULL;

	if (!s)
		goto out;
	s->kind = kind;
	s->bits = UINT_MAX;
	if (kind != CONF_SECRET_DEVICE) {
		why = read_one(s, text, len);
	} else if (len > UINT32_MAX) {
		why = "the file is larger than 4 GiB";
	} else {
		if (keep_text(s, text, len))
			goto out;
		why = read_lines(s, &line);
	}
	rc = why ? FC_EBAD : 0;
out:
	if (rc) {
		secretset_free(s);
		*ret_why = why;
		*ret_line = line;
	} else {
		*ret = s;
	}
	return rc;
}

void secretset_free(struct secretset *s)
{
	if (!s)
		return;
	if (s->text)
		secret_wipe(s->text, s->text_len);
	free(s->text);
	free(s->lines);
	auth_master_free(s->master);
	secret_wipe(s, sizeof(*s));
	free(s);
}

static int get_line(const struct secretset *s, const struct mac *mac,
		    struct auth_secret *ret)
{
	const struct line wanted = { .mac = mac_u64(mac) };
	const struct line *l = s->n_lines ? bsearch(&wanted, s->lines, s->n_lines,
						    sizeof(s->lines[0]), by_mac)
					  : NULL;

	if (!l)
		return FC_EABSENT;
	ret->len = l->len;
	memcpy(ret->s, s->text + l->at, l->len);
	return 0;
}

int secretset_get(const struct secretset *s, const struct mac *mac,
		  struct auth_secret *ret)
{
	switch (s->kind) {
	case CONF_SECRET_SHARED:
		ret->len = s->secret.len;
		memcpy(ret->s, s->secret.s, s->secret.len);
		return 0;
	case CONF_SECRET_DERIVED:
		return auth_master_derive(s->master, mac, ret);
	case CONF_SECRET_DEVICE:
		break;
	}
	return get_line(s, mac, ret);
}

unsigned secretset_bits(const struct secretset *s)
{
	return s->bits;
}
