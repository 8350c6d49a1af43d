/* What the parent opens, checks and binds (estate, check). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/check.h"
#include "cmd/fieldcertd/estate.h"
#include "crypto/x509issue.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/udp.h"

#define STRONG_1 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
#define STRONG_2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\n"
#define STRONG_3 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0\n"

#define FILES                                                                         \
	"storage-key = storage\n"                                                     \
	"secrets \"one\" { set = 1 kind = shared request = r confirm = c keybox = k " \
	"}\n"                                                                         \
	"issuer \"ca\" { certificate = ca.pem key = ca.key }\n"

static char *ca_pem, *ca_key, *other_key;

struct world {
	char path[64], conf[96];
	int dir;
};

static void put(struct world *w, const char *name, const char *text, unsigned mode)
{
	assert_int_equal(file_replace(w->dir, name, text, strlen(text), mode), 0);
}

static int set_up(void **state)
{
	static struct world w;

	log_init("test", LOG_LEVEL_ERROR, 0);
	(void)snprintf(w.path, sizeof(w.path), "/tmp/test_estate.XXXXXX");
	if (mkdtemp(w.path) == NULL)
		return -1;
	w.dir = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(w.conf, sizeof(w.conf), "%s/f.conf", w.path);
	put(&w, "f.conf", FILES, 0644);
	put(&w, "storage", STRONG_1, 0600);
	put(&w, "r", STRONG_1, 0600);
	put(&w, "c", STRONG_2, 0600);
	put(&w, "k", STRONG_3, 0600);
	put(&w, "ca.pem", ca_pem, 0644);
	put(&w, "ca.key", ca_key, 0600);
	*state = &w;
	return w.dir < 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "f.conf", "storage", "r",     "c",
					     "k",      "ca.pem",  "ca.key" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(w->dir, names[i], 0);
	(void)close(w->dir);
	return rmdir(w->path);
}

/* ---- check -------------------------------------------------------------------- */

static unsigned n_wrong, n_warnings;
static char findings[8192];

static void note(bool wrong, const char *text)
{
	size_t len = strlen(findings);

	n_wrong += wrong;
	n_warnings += !wrong;
	(void)snprintf(findings + len, sizeof(findings) - len, "%s\n", text);
}

static void check(struct world *w)
{
	uint8_t *text;
	size_t len;
	struct conf *c;
	char *errors;
	unsigned told;

	n_wrong = n_warnings = 0;
	findings[0] = '\0';
	assert_int_equal(file_read(w->conf, 10000, &text, &len), 0);
	assert_int_equal(conf_parse(w->conf, (char *)text, len, &c, &errors), 0);
	told = check_files(c, note);
	assert_int_equal(told, n_wrong);
	conf_free(c);
	free(text);
}

static void expect(struct world *w, bool wrong, const char *a, const char *b)
{
	check(w);
	if (n_wrong != wrong || n_warnings != !wrong || strstr(findings, a) == NULL ||
	    strstr(findings, b) == NULL)
		print_error("expected \"%s\" and \"%s\" in\n%s", a, b, findings);
	assert_int_equal(n_wrong, wrong);
	assert_int_equal(n_warnings, !wrong);
	assert_non_null(strstr(findings, a));
	assert_non_null(strstr(findings, b));
}

static void test_good_files_leave_nothing_to_say(void **state)
{
	check(*state);
	assert_string_equal(findings, "");
}

static void test_every_secret_file_must_be_there_and_private(void **state)
{
	static const char *const names[] = { "storage", "r", "c", "k", "ca.key" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", w->path, names[i]);
		assert_int_equal(chmod(path, 0640), 0);
		check(w);
		assert_int_equal(n_wrong, 1);
		assert_non_null(strstr(findings, "is readable by others; chmod 600"));
		assert_non_null(strstr(findings, path));
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(renameat(w->dir, names[i], w->dir, "away"), 0);
		check(w);
		assert_int_equal(n_wrong, 1);
		assert_non_null(strstr(findings, strerror(ENOENT)));
		assert_int_equal(renameat(w->dir, "away", w->dir, names[i]), 0);
	}
	assert_int_equal(fchmodat(w->dir, "ca.pem", 0644, 0), 0); /* public anyway */
	check(w);
	assert_string_equal(findings, "");
}

static void test_N6_a_weak_secret_is_a_warning(void **state)
{
	struct world *w = *state;

	put(w, "c", "short\n", 0600);
	expect(w, false, "secrets 'one': confirm", "128");
	put(w, "c", "", 0600);
	check(w);
	assert_int_equal(n_wrong, 1);
}

static void test_N6_three_different_strings(void **state)
{
	struct world *w = *state;

	put(w, "k", STRONG_1, 0600);
	expect(w, true, "secrets 'one'", "different strings");
	put(w, "k", STRONG_2, 0600);
	expect(w, true, "secrets 'one'", "different strings");
	put(w, "k", STRONG_3, 0600);
	put(w, "c", STRONG_1, 0600);
	expect(w, true, "secrets 'one'", "different strings");
}

static void test_storage_key_is_64_digits(void **state)
{
	static const char one_more[] = STRONG_1 "0";
	static const char no_digit[] =
		"g123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef\n";
	const char *const bad[] = { "", "\n", "0123", one_more, no_digit };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(w, "storage", bad[i], 0600);
		expect(w, true, "storage-key", "64 hexadecimal digits");
	}
	put(w, "storage",
	    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", 0600);
	check(w);
	assert_string_equal(findings, "");
}

static void test_issuer_key_must_be_the_certificates(void **state)
{
	struct world *w = *state;

	put(w, "ca.key", other_key, 0600);
	expect(w, true, "issuer 'ca'", "ca.key");
	put(w, "ca.key", "no key\n", 0600);
	expect(w, true, "issuer 'ca'", "ca.key");
}

/* ---- estate -------------------------------------------------------------------- */

static void test_load_opens_what_the_configuration_names(void **state)
{
	struct world *w = *state;
	struct estate e;
	uint8_t *text;
	size_t len;
	unsigned seen = 0;

	assert_int_equal(estate_load(w->conf, &e), 0);
	assert_int_equal(e.n_files, 6);
	for (size_t i = 0; i < e.n_files; i++) {
		seen |= 1U << e.files[i].kind;
		assert_int_equal(fcntl(e.files[i].fd, F_GETFD), FD_CLOEXEC);
		assert_string_equal(e.files[i].name,
				    e.files[i].kind == IPC_SECRET_STORAGE  ? ""
				    : e.files[i].kind <= IPC_SECRET_KEYBOX ? "one"
									   : "ca");
	}
	assert_int_equal(seen, 1U << IPC_SECRET_REQUEST | 1U << IPC_SECRET_CONFIRM |
				       1U << IPC_SECRET_KEYBOX |
				       1U << IPC_SECRET_STORAGE |
				       1U << IPC_SECRET_ISSUER_CERT |
				       1U << IPC_SECRET_ISSUER_KEY);
	/* The text that children parse again is the one that was checked. */
	assert_int_equal(file_read_fd(e.text_fd, 10000, &text, &len), 0);
	assert_string_equal((char *)text, FILES);
	assert_true(pwrite(e.text_fd, "x", 1, 0) < 0);
	assert_true(pwrite(e.text_fd, "x", 1, (off_t)len) < 0);
	assert_true(ftruncate(e.text_fd, 0) < 0);
	free(text);
	estate_release(&e);
}

static void test_load_refuses_whole(void **state)
{
	struct world *w = *state;
	struct estate e;

	assert_int_equal(fchmodat(w->dir, "r", 0644, 0), 0);
	assert_int_equal(estate_load(w->conf, &e), FC_ECONF);
	assert_int_equal(fchmodat(w->dir, "r", 0600, 0), 0);
	put(w, "f.conf", FILES "nonsense = 1\n", 0644);
	assert_int_equal(estate_load(w->conf, &e), FC_ECONF);
	assert_int_equal(unlinkat(w->dir, "f.conf", 0), 0);
	assert_int_equal(estate_load(w->conf, &e), -ENOENT);
}

static struct conf *parsed(const char *more)
{
	char text[1000], *errors;
	struct conf *c = NULL;

	(void)snprintf(text, sizeof(text), "%s%s\n", FILES, more);
	assert_int_equal(conf_parse("/x/f", text, strlen(text), &c, &errors), 0);
	return c;
}

static void test_what_a_reload_may_change(void **state)
{
	static const char *const fixed[] = {
		"listen = \"127.0.0.1:69\"",
		"listen = {\"0.0.0.0:69\", \"[::]:70\"}",
		"single-port = yes",
		"transfer-ports = \"40000-40010\"",
		"transfer-sockets = 3",
		"transfers-max = 100",
		"database = /d",
		"control = /c",
		"uid-base = 1000",
		"fronts = 2",
		"signers = 2",
	};
	static const char *const free_to[] = {
		"",
		"retry-ms = 600",
		"tries = 2",
		"blksize-max = 600",
		"windowsize-max = 2",
		"class \"default\" { code-bits = 32 }",
		"listen = {\"0.0.0.0:69\", \"[::]:69\"}",
	};
	struct conf *old = parsed(""), *new;

	(void)state;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		new = parsed(fixed[i]);
		assert_false(estate_may_replace(old, new));
		conf_free(new);
	}
	for (size_t i = 0; i < sizeof(free_to) / sizeof(free_to[0]); i++) {
		new = parsed(free_to[i]);
		assert_true(estate_may_replace(old, new));
		conf_free(new);
	}
	conf_free(old);
}

static uint16_t port_of(int fd)
{
	struct udp_addr a;

	assert_int_equal(udp_local(fd, &a), 0);
	return a.port;
}

static void test_every_front_has_its_sockets_at_every_address(void **state)
{
	struct conf *c =
		parsed("listen = {\"127.0.0.1:0\", \"127.0.0.2:0\"}\nfronts = 2\n"
		       "transfer-sockets = 3");
	struct estate_sockets s;
	unsigned requests = 0, transfers[2] = { 0, 0 };
	uint16_t port[2] = { 0, 0 };
	char addresses[200], expected[200];

	(void)state;
	assert_int_equal(estate_bind(c, &s), 0);
	assert_int_equal(s.n, 2 * 2 * (1 + 3));
	for (size_t i = 0; i < s.n; i++) {
		const struct estate_socket *k = &s.at[i];

		assert_int_equal(fcntl(k->fd, F_GETFD), FD_CLOEXEC);
		if (k->message.transfer != 0) {
			transfers[k->front]++;
			continue;
		}
		requests++;
		/* All fronts listen at the same port, whoever chose it. */
		if (port[k->message.listener] == 0)
			port[k->message.listener] = port_of(k->fd);
		assert_int_equal(port_of(k->fd), port[k->message.listener]);
	}
	assert_int_equal(requests, 4);
	assert_int_equal(transfers[0], 6);
	assert_int_equal(transfers[1], 6);
	estate_addresses(&s, addresses, sizeof(addresses));
	(void)snprintf(expected, sizeof(expected), "127.0.0.1:%u,127.0.0.2:%u", port[0],
		       port[1]);
	assert_string_equal(addresses, expected);
	estate_unbind(&s);
	conf_free(c);
}

static void test_single_port_needs_no_other(void **state)
{
	struct conf *c = parsed("listen = \"127.0.0.1:0\"\nsingle-port = yes");
	struct estate_sockets s;

	(void)state;
	assert_int_equal(estate_bind(c, &s), 0);
	assert_int_equal(s.n, 1);
	estate_unbind(&s);
	conf_free(c);
}

/* A range that the kernel would not choose from, and a port of it that is taken. */
static void test_a_range_of_ports_passes_over_those_in_use(void **state)
{
	struct conf *c =
		parsed("listen = \"127.0.0.77:0\"\n"
		       "transfer-ports = \"21770-21773\"\ntransfer-sockets = 3");
	struct estate_sockets s;
	int taken, second, granted;

	(void)state;
	assert_int_equal(udp_bind("127.0.0.77", 21771, 0, false, &taken, &granted), 0);
	assert_int_equal(estate_bind(c, &s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(port_of(s.at[1].fd), 21770);
	assert_int_equal(port_of(s.at[2].fd), 21772);
	assert_int_equal(port_of(s.at[3].fd), 21773);
	estate_unbind(&s);
	assert_int_equal(udp_bind("127.0.0.77", 21773, 0, false, &second, &granted), 0);
	assert_int_equal(estate_bind(c, &s), -EADDRINUSE);
	(void)close(taken);
	(void)close(second);
	/* What was bound before the failure is free again. */
	assert_int_equal(estate_bind(c, &s), 0);
	estate_unbind(&s);
	conf_free(c);
}

static void test_an_address_that_is_taken_or_not_ours(void **state)
{
	struct conf *c;
	struct estate_sockets s;
	char more[100];
	int taken, granted;

	(void)state;
	assert_int_equal(udp_bind("127.0.0.1", 0, 0, false, &taken, &granted), 0);
	(void)snprintf(more, sizeof(more), "listen = \"127.0.0.1:%u\"", port_of(taken));
	c = parsed(more);
	assert_int_equal(estate_bind(c, &s), -EADDRINUSE);
	conf_free(c);
	(void)close(taken);
	c = parsed("listen = \"192.0.2.1:6969\"");
	assert_int_equal(estate_bind(c, &s), -EADDRNOTAVAIL);
	conf_free(c);
}

static int make_pki(void **state)
{
	static const uint8_t serial[16] = { 1, 2, 3 };
	char *unused;

	(void)state;
	if (x509_make_root("US", "Test", "Test", "Test root", 2048, serial, 1700000000,
			   2700000000, &ca_key, &ca_pem) < 0 ||
	    x509_make_root("US", "Test", "Test", "Other root", 2048, serial, 1700000000,
			   2700000000, &other_key, &unused) < 0)
		return -1;
	free(unused);
	return 0;
}

static int free_pki(void **state)
{
	(void)state;
	free(ca_pem);
	free(ca_key);
	free(other_key);
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_good_files_leave_nothing_to_say),
		T(test_every_secret_file_must_be_there_and_private),
		T(test_N6_a_weak_secret_is_a_warning),
		T(test_N6_three_different_strings),
		T(test_storage_key_is_64_digits),
		T(test_issuer_key_must_be_the_certificates),
		T(test_load_opens_what_the_configuration_names),
		T(test_load_refuses_whole),
		T(test_what_a_reload_may_change),
		T(test_every_front_has_its_sockets_at_every_address),
		T(test_single_port_needs_no_other),
		T(test_a_range_of_ports_passes_over_those_in_use),
		T(test_an_address_that_is_taken_or_not_ours),
	};

	return cmocka_run_group_tests(tests, make_pki, free_pki);
}
