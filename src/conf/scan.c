#include "conf/confutil.h"

#include "base/errors.h"

/* The tokens of libconfuse's language, as far as its structure needs them. */
enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_PUNCTUATION, TOKEN_BROKEN };

struct token {
	enum token_kind kind;
	char punctuation; /* one of { } ( ) = , and + for += */
	unsigned line;
	size_t start, end; /* in the text, quotes included */
};

struct scan {
	struct conf_file *file;
	char *text;
	size_t len, pos;
	unsigned line;
	bool broken;
};

static void blank(struct scan *s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (s->text[i] != '\n')
			s->text[i] = ' ';
}

static char at(const struct scan *s, size_t i)
{
	return i < s->len ? s->text[i] : '\0';
}

static bool is_comment(const struct scan *s, size_t i)
{
	return at(s, i) == '#' ||
	       (at(s, i) == '/' && (at(s, i + 1) == '/' || at(s, i + 1) == '*'));
}

/* From its first byte to behind its last. False: it has no end. */
static bool skip_comment(struct scan *s)
{
	size_t start = s->pos;
	unsigned line = s->line;

	if (at(s, start) == '/' && at(s, start + 1) == '*') {
		for (s->pos += 2; s->pos < s->len; s->pos++) {
			if (at(s, s->pos) == '*' && at(s, s->pos + 1) == '/') {
				s->pos += 2;
				blank(s, start, s->pos);
				return true;
			}
			s->line += at(s, s->pos) == '\n';
		}
		conf_complain(s->file->errors, line,
			      "a comment begins here with /* and has no */");
		return false;
	}
	while (s->pos < s->len && at(s, s->pos) != '\n')
		s->pos++;
	blank(s, start, s->pos);
	return true;
}

/* A quoted string, from its opening quote to behind the closing one. */
static bool skip_string(struct scan *s)
{
	char quote = at(s, s->pos);
	unsigned line = s->line;

	for (s->pos++; s->pos < s->len && at(s, s->pos) != quote; s->pos++) {
		char c = at(s, s->pos), next = at(s, s->pos + 1);

		s->line += c == '\n';
		if (c == '$' && next == '{')
			conf_complain(s->file->errors, s->line,
				      "${…}: environment variables are not replaced "
				      "here; write the value itself");
		if (c != '\\')
			continue;
		if (quote == '"' && next >= '0' && next <= '9') {
			conf_complain(
				s->file->errors, s->line,
				"\\%c: octal escapes are not supported; write \\x "
				"and two hexadecimal digits",
				next);
			return false;
		}
		s->line += next == '\n';
		s->pos++;
	}
	if (s->pos >= s->len) {
		conf_complain(s->file->errors, line,
			      "a string begins here and has no closing %s quote",
			      quote == '"' ? "double" : "single");
		return false;
	}
	s->pos++;
	return true;
}

static bool is_word(const struct scan *s, size_t i)
{
	return at(s, i) != '\0' && strchr(" \"'\t\n\r={}()+,*", at(s, i)) == NULL &&
	       !is_comment(s, i);
}

static struct token broken(struct scan *s)
{
	s->broken = true;
	return (struct token){ .kind = TOKEN_BROKEN, .line = s->line };
}

static struct token next_token(struct scan *s)
{
	struct token t = { .kind = TOKEN_END };

	for (;; s->pos++) {
		if (is_comment(s, s->pos) && !skip_comment(s))
			return broken(s);
		if (s->pos >= s->len || strchr(" \t\r\n", at(s, s->pos)) == NULL)
			break;
		s->line += at(s, s->pos) == '\n';
	}
	t.line = s->line;
	t.start = s->pos;
	if (s->pos < s->len && strchr("\"'", at(s, s->pos)) != NULL) {
		t.kind = TOKEN_WORD;
		if (!skip_string(s))
			return broken(s);
	} else if (s->pos < s->len && strchr("{}()=,+", at(s, s->pos)) != NULL) {
		t.kind = TOKEN_PUNCTUATION;
		t.punctuation = at(s, s->pos++);
		if (t.punctuation == '+' && at(s, s->pos++) != '=') {
			conf_complain(
				s->file->errors, s->line,
				"'+' is not part of any word; put the value in quotes");
			return broken(s);
		}
	} else if (is_word(s, s->pos)) {
		t.kind = TOKEN_WORD;
		while (is_word(s, s->pos))
			s->pos++;
	} else if (s->pos < s->len) {
		conf_complain(s->file->errors, s->line,
			      "'%c' is not part of any word; put the value in quotes",
			      at(s, s->pos));
		return broken(s);
	}
	t.end = s->pos;
	return t;
}

static bool is(const struct token *t, char punctuation)
{
	return t->kind == TOKEN_PUNCTUATION && t->punctuation == punctuation;
}

/* Everything up to the brace or parenthesis that closes the one just read. */
static bool skip_to(struct scan *s, char closing)
{
	char opening = closing == '}' ? '{' : '(';
	unsigned depth = 1;

	while (depth > 0) {
		struct token t = next_token(s);

		if (t.kind == TOKEN_END || t.kind == TOKEN_BROKEN)
			return false;
		depth += is(&t, opening);
		depth -= is(&t, closing);
	}
	return true;
}

/* What stands behind a setting's name. False: it does not look like a value, a
 * list or a section. */
static bool skip_rest(struct scan *s)
{
	struct token t = next_token(s);

	if (is(&t, '(') || is(&t, '{'))
		return skip_to(s, is(&t, '(') ? ')' : '}');
	if (is(&t, '=') || is(&t, '+')) {
		t = next_token(s);
		return is(&t, '{') ? skip_to(s, '}') : t.kind == TOKEN_WORD;
	}
	if (t.kind != TOKEN_WORD) /* else: the title of a section */
		return false;
	t = next_token(s);
	return is(&t, '{') && skip_to(s, '}');
}

/* A word's text without its quotes, cut to size. */
static void word_text(const struct scan *s, const struct token *t, char *ret,
		      size_t size)
{
	size_t start = t->start, len = t->end - t->start;

	if (len >= 2 && strchr("\"'", at(s, start)) != NULL)
		start++, len -= 2;
	if (len > size - 1)
		len = size - 1;
	memcpy(ret, s->text + start, len);
	ret[len] = '\0';
}

enum { OPTIONS_MAX = 64 };

static const cfg_opt_t *find_option(const cfg_opt_t *opts, const char *name,
				    unsigned *ret_index)
{
	for (unsigned i = 0; opts[i].name != NULL && i < OPTIONS_MAX; i++)
		if (strcmp(opts[i].name, name) == 0)
			return *ret_index = i, &opts[i];
	return NULL;
}

static void complain_unknown(const struct scan *s, const struct token *t,
			     const char *name, const char *where, const cfg_opt_t *opts)
{
	const char *names[OPTIONS_MAX], *nearest;
	size_t n = 0;

	if (strcmp(name, "include") == 0) {
		conf_complain(s->file->errors, t->line,
			      "include is not supported: a configuration is one file");
		return;
	}
	for (; opts[n].name != NULL && n < OPTIONS_MAX; n++)
		names[n] = opts[n].name;
	nearest = confutil_nearest(name, names, n);
	if (nearest != NULL)
		conf_complain(s->file->errors, t->line,
			      "%sthere is no setting '%s'; '%s', perhaps", where, name,
			      nearest);
	else
		conf_complain(s->file->errors, t->line, "%sthere is no setting '%s'",
			      where, name);
}

/* A section's title and opening brace. True with *ret_twice: there was one of
 * that name before. */
static bool enter_section(struct scan *s, const cfg_opt_t *opt, unsigned line,
			  char *ret_where, size_t where_size, bool *ret_twice)
{
	struct conf_file *f = s->file;
	struct conf_place place = { .line = line };
	struct token t;

	(void)snprintf(place.kind, sizeof(place.kind), "%s", opt->name);
	if ((opt->flags & CFGF_TITLE) != 0) {
		t = next_token(s);
		if (t.kind != TOKEN_WORD)
			return false;
		word_text(s, &t, place.title, sizeof(place.title));
	}
	t = next_token(s);
	if (!is(&t, '{'))
		return false;
	(void)snprintf(ret_where, where_size, "%s '%s': ", place.kind, place.title);
	*ret_twice = false;
	for (size_t i = 0; i < f->n_sections; i++) {
		const struct conf_place *p = &f->sections[i];

		if (strcmp(p->kind, place.kind) != 0 ||
		    strcmp(p->title, place.title) != 0)
			continue;
		conf_complain(
			f->errors, line,
			"%s '%s' stands here a second time; the first is in line %u",
			place.kind, place.title, p->line);
		*ret_twice = true;
		return true;
	}
	if (f->n_sections < CONF_SECTIONS_MAX)
		f->sections[f->n_sections++] = place;
	else
		conf_complain(f->errors, line, "more than %d sections",
			      CONF_SECTIONS_MAX);
	return true;
}

static bool walk(struct scan *s, const cfg_opt_t *opts, const char *where,
		 unsigned begin);

/* One statement that begins with the word t. False: stop looking. */
static bool statement(struct scan *s, const struct token *t, const cfg_opt_t *opts,
		      const char *where, unsigned seen[OPTIONS_MAX])
{
	char name[64], inner[96];
	unsigned i;
	bool twice;
	const cfg_opt_t *opt;

	word_text(s, t, name, sizeof(name));
	opt = find_option(opts, name, &i);
	if (opt == NULL) {
		complain_unknown(s, t, name, where, opts);
		if (!skip_rest(s))
			return false;
		blank(s, t->start, s->pos);
		return true;
	}
	if (opt->type == CFGT_SEC) {
		if (!enter_section(s, opt, t->line, inner, sizeof(inner), &twice))
			return false;
		if (!twice)
			return walk(s, opt->subopts, inner, t->line);
		if (!skip_to(s, '}'))
			return false;
		blank(s, t->start, s->pos);
		return true;
	}
	if (!skip_rest(s))
		return false;
	if (seen[i] != 0) {
		conf_complain(s->file->errors, t->line,
			      "%s%s stands here a second time; the first is in line %u",
			      where, name, seen[i]);
		blank(s, t->start, s->pos);
		return true;
	}
	seen[i] = t->line;
	return true;
}

/* The statements of a file (begin: 0) or of a section that begins in that line, up
 * to its end.  False: its structure is broken, libconfuse will say how; but for a
 * section without an end, which it would take. */
static bool walk(struct scan *s, const cfg_opt_t *opts, const char *where,
		 unsigned begin)
{
	unsigned seen[OPTIONS_MAX] = { 0 };

	for (;;) {
		struct token t = next_token(s);

		if (t.kind == TOKEN_END && begin != 0)
			conf_complain(
				s->file->errors, begin,
				"%sit begins here and has no closing brace; end of "
				"file",
				where);
		if (t.kind == TOKEN_END || is(&t, '}'))
			return true;
		if (t.kind != TOKEN_WORD || !statement(s, &t, opts, where, seen))
			return false;
	}
}

int confutil_scan(struct conf_file *f, const cfg_opt_t *opts, char *text, size_t len)
{
	struct scan s = { .file = f, .text = text, .len = len, .line = 1 };
	const char *nul = memchr(text, 0, len);
	static const char mark[] = "\xef\xbb\xbf"; /* what some editors begin with */
	struct token t;

	if (len >= 3 && memcmp(text, mark, 3) == 0)
		blank(&s, 0, 3);
	if (nul != NULL) {
		for (const char *p = text; p < nul; p++)
			s.line += *p == '\n';
		conf_complain(f->errors, s.line,
			      "a zero byte: this is not a text file");
		return FC_ECONF;
	}
	(void)walk(&s, opts, "", 0);
	/* Whatever walk thought of it, every comment must be blanked and every
	 * string be closed before libconfuse sees it. */
	do
		t = s.broken ? broken(&s) : next_token(&s);
	while (t.kind != TOKEN_END && !s.broken);
	return s.broken ? FC_ECONF : 0;
}
