/* Who is it, and is the code right: S2, N1, N3, N4, N6.  The codes were computed
 * with `openssl dgst -sha1`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/authcode.h"

/* S2's "same work" is counted in hashes. */
static unsigned hashes;

static int counted_request(struct authcode *a, const struct auth_spec *spec,
			   const struct auth_secret *secret, const char *serial,
			   size_t serial_len, const struct mac *mac,
			   struct name_code *ret)
{
	hashes++;
	return authcode_request(a, spec, secret, serial, serial_len, mac, ret);
}

static int counted_confirm(struct authcode *a, const struct auth_spec *spec,
			   const struct auth_secret *secret, const struct mac *mac,
			   const struct name_code *yy, const uint8_t file_digest[32],
			   struct name_code *ret)
{
	hashes++;
	return authcode_confirm(a, spec, secret, mac, yy, file_digest, ret);
}

#define authcode_request counted_request
#define authcode_confirm counted_confirm
#include "cmd/fieldcertd/frontauth.c"

static const char text[] =
	"listen = {\"127.0.0.1:6969\"}\n"
	"database = \"db\"\ncontrol = \"control\"\nstorage-key = \"storage\"\n"
	"secrets \"alpha\" { set = 1 kind = shared request = a1 confirm = a2 keybox = "
	"a3 }\n"
	"secrets \"beta\" { set = 2 kind = shared request = b1 confirm = b2 keybox = "
	"b3 }\n"
	"secrets \"lines\" { set = 7 kind = device request = l1 confirm = l2 keybox = "
	"l3 }\n"
	"issuer \"i\" { certificate = c key = k }\n"
	"class \"default\" { secrets = {alpha, beta} types = {CM} }\n"
	"class \"tight\" { secrets = {alpha} confirm = bound types = {CM, EM} }\n"
	"class \"own\" { secrets = {lines} types = {CM} }\n";

/* The configuration on reload: alpha has gone, its set's number is another's. */
static const char text_after[] =
	"listen = {\"127.0.0.1:6969\"}\n"
	"database = \"db\"\ncontrol = \"control\"\nstorage-key = \"storage\"\n"
	"secrets \"beta\" { set = 2 kind = shared request = b1 confirm = b2 keybox = "
	"b3 }\n"
	"issuer \"i\" { certificate = c key = k }\n"
	"class \"default\" { secrets = {beta} types = {CM} }\n";

#define MAC_NAME "00_10_4b_ab_cd_ef"
#define LINES_OF(secret) "00:10:4B:AB:CD:EF " secret "\n"

static const struct mac device = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };
static uint8_t digest[IPC_DIGEST_LEN];

struct world {
	struct frontauth *auth;
	struct conf *conf;
	void *memory;
	struct devtable table;
	uint8_t set;
};

static struct conf *parse(const char *s)
{
	struct conf *c = NULL;
	char *errors = NULL;

	if (conf_parse("/etc/fieldcertd.conf", s, strlen(s), &c, &errors))
		fail_msg("%s", errors);
	return c;
}

static int hand_over(struct world *w, const struct conf *conf, const char *set,
		     enum ipc_secret_kind kind, const char *s)
{
	struct ipc_secret m = { .kind = (uint8_t)kind,
				.name = { (const uint8_t *)set, strlen(set) } };
	char why[FRONTAUTH_WHY_SIZE] = "";
	unsigned bits = 0;
	int rc = frontauth_secret(w->auth, conf, &m, "file", (const uint8_t *)s,
				  strlen(s), why, &bits);

	assert_true(rc == 0 ? bits > 0 : why[0] != '\0');
	return rc;
}

static void hand_over_all(struct world *w, const struct conf *conf)
{
	static const char *const all[][3] = {
		{ "alpha", "alpha-request-secret-of-set-one",
		  "alpha-confirm-secret-of-set-one" },
		{ "beta", "beta-request-secret-of-set-two",
		  "beta-confirm-secret-of-set-two" },
		{ "lines", LINES_OF("alpha-request-secret-of-set-one"),
		  LINES_OF("alpha-confirm-secret-of-set-one") },
	};

	for (size_t i = 0; i < 3; i++) {
		bool wanted = false;

		for (size_t k = 0; k < conf->n_secrets; k++)
			wanted |= strcmp(conf->secrets[k].name, all[i][0]) == 0;
		if (!wanted)
			continue;
		assert_int_equal(
			hand_over(w, conf, all[i][0], IPC_SECRET_REQUEST, all[i][1]),
			0);
		assert_int_equal(
			hand_over(w, conf, all[i][0], IPC_SECRET_CONFIRM, all[i][2]),
			0);
	}
}

static void put(struct world *w, const struct mac *m, const char *type,
		const char *class, uint8_t flags)
{
	struct devtable_device d = { .flags = flags,
				     .class_index =
					     (uint8_t)devtable_class(&w->table, class),
				     .serial = "J09H7CDEF",
				     .serial_len = 9 };

	memcpy(d.type, type, strlen(type));
	assert_int_equal(devtable_put(&w->table, m, &d), 0);
}

static int setup(void **state)
{
	static struct world w;
	char why[FRONTAUTH_WHY_SIZE];
	size_t size = devtable_size(100, 1000);

	memset(digest, 1, sizeof(digest));
	memset(&w, 0, sizeof(w));
	w.memory = calloc(1, size);
	assert_non_null(w.memory);
	assert_int_equal(devtable_format(w.memory, size, 100, &w.table), 0);
	put(&w, &device, "CM", "default", 0);
	w.auth = frontauth_new();
	assert_non_null(w.auth);
	w.conf = parse(text);
	hand_over_all(&w, w.conf);
	assert_int_equal(frontauth_start(w.auth, w.conf, why), 0);
	frontauth_table(w.auth, &w.table);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	frontauth_free(w->auth);
	conf_free(w->conf);
	free(w->memory);
	return 0;
}

static enum desk_judgement judge_with(struct world *w, const char *s,
				      const uint8_t *file_digest, bool missing)
{
	struct name n;

	assert_int_equal(name_parse(s, strlen(s), &n), 0);
	w->set = 0;
	hashes = 0;
	return frontauth_judge(w->auth, &n, file_digest, missing, &w->set);
}

static enum desk_judgement judge(struct world *w, const char *s)
{
	return judge_with(w, s, NULL, false);
}

/* N6: two sets valid at once; the set that matched is told. */
static void N3_N6_request_of_either_set(void **state)
{
	struct world *w = *state;

	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
	assert_int_equal(w->set, 1);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_RIGHT);
	assert_int_equal(w->set, 2);
}

static void S2_one_wrong_bit_anywhere(void **state)
{
	struct world *w = *state;
	char s[] = "CM_" MAC_NAME "_b0_a1_6e.509";
	static const size_t at[] = { 21, 22, 24, 25, 27, 28 };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		char was = s[at[i]];

		s[at[i]] = was == '0' ? '1' : '0';
		assert_int_equal(judge(w, s), DESK_CODE_WRONG);
		s[at[i]] = was;
	}
	assert_int_equal(judge(w, s), DESK_RIGHT);
	/* shorter and longer than the class's X */
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1.509"), DESK_CODE_WRONG);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a.509"), DESK_CODE_WRONG);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e_00.509"), DESK_CODE_WRONG);
}

/* S2: the same number of hashes for right, wrong, denied and unknown. */
static void S2_same_work(void **state)
{
	struct world *w = *state;

	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
	assert_int_equal(hashes, 2);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_00_00_00.509"), DESK_CODE_WRONG);
	assert_int_equal(hashes, 2);
	assert_int_equal(judge(w, "CM_00_10_4b_00_00_01_f2_81_2a.509"),
			 DESK_NO_SUCH_DEVICE);
	assert_int_equal(hashes, 2);
	assert_int_equal(judge(w, "OK_" MAC_NAME "_75_60_18.OK"), DESK_RIGHT);
	assert_int_equal(hashes, 4);
	assert_int_equal(judge(w, "OK_00_10_4b_00_00_01_75_60_18.OK"),
			 DESK_NO_SUCH_DEVICE);
	assert_int_equal(hashes, 4);
}

static void N1_types(void **state)
{
	struct world *w = *state;

	/* EM is configured, but neither this class's nor this device's */
	assert_int_equal(judge(w, "EM_" MAC_NAME "_b0_a1_6e.509"), DESK_OTHER_TYPE);
	/* QQ is nobody's */
	assert_int_equal(judge(w, "QQ_" MAC_NAME "_b0_a1_6e.509"), DESK_OTHER_TYPE);
	/* the class has EM, the device is a CM */
	put(w, &device, "CM", "tight", 0);
	assert_int_equal(judge(w, "EM_" MAC_NAME "_b0_a1_6e.509"), DESK_OTHER_TYPE);
	put(w, &device, "EM", "tight", 0);
	assert_int_equal(judge(w, "EM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_OTHER_TYPE);
	/* the device is an EM, the class has none */
	put(w, &device, "EM", "default", 0);
	assert_int_equal(judge(w, "EM_" MAC_NAME "_b0_a1_6e.509"), DESK_OTHER_TYPE);
	/* a wrong code learns nothing of types */
	assert_int_equal(judge(w, "CM_" MAC_NAME "_00_00_00.509"), DESK_CODE_WRONG);
}

static void S3_denied_only_after_a_right_code(void **state)
{
	struct world *w = *state;

	put(w, &device, "CM", "default", DEVTABLE_DENIED);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_IS_DENIED);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_00_00_00.509"), DESK_CODE_WRONG);
	assert_int_equal(judge(w, "OK_" MAC_NAME "_75_60_18.OK"), DESK_IS_DENIED);
}

static void a_class_that_the_configuration_lacks(void **state)
{
	struct world *w = *state;

	put(w, &device, "CM", "gone", 0);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_NO_SUCH_CLASS);
	assert_int_equal(judge(w, "ERR09_" MAC_NAME ".ERR"), DESK_RIGHT_NOTED);
}

/* N4: zz with the yy of the same set. */
static void N4_confirmation(void **state)
{
	struct world *w = *state;

	assert_int_equal(judge(w, "OK_" MAC_NAME "_75_60_18.OK"), DESK_RIGHT);
	assert_int_equal(w->set, 1);
	assert_int_equal(judge(w, "OK_" MAC_NAME "_6b_09_ae.OK"), DESK_RIGHT);
	assert_int_equal(w->set, 2);
	/* secret2 of one set over the yy of the other */
	assert_int_equal(judge(w, "OK_" MAC_NAME "_44_c9_5c.OK"), DESK_CODE_WRONG);
	/* yy is no zz */
	assert_int_equal(judge(w, "OK_" MAC_NAME "_b0_a1_6e.OK"), DESK_CODE_WRONG);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_75_60_18.509"), DESK_CODE_WRONG);
}

static void N4_bound(void **state)
{
	struct world *w = *state;
	uint8_t other[IPC_DIGEST_LEN] = { 2 };

	put(w, &device, "CM", "tight", 0);
	assert_int_equal(judge(w, "OK_" MAC_NAME "_18_fa_92.OK"), DESK_WANTS_DIGEST);
	assert_int_equal(judge_with(w, "OK_" MAC_NAME "_18_fa_92.OK", digest, false),
			 DESK_RIGHT);
	assert_int_equal(judge_with(w, "OK_" MAC_NAME "_18_fa_92.OK", other, false),
			 DESK_CODE_WRONG);
	assert_int_equal(judge_with(w, "OK_" MAC_NAME "_18_fa_92.OK", NULL, true),
			 DESK_CODE_WRONG);
	/* the code over no file's digest, which is 32 zeros inside */
	assert_int_equal(judge_with(w, "OK_" MAC_NAME "_98_71_8b.OK", NULL, true),
			 DESK_CODE_WRONG);
	/* the unbound code of the same device */
	assert_int_equal(judge_with(w, "OK_" MAC_NAME "_75_60_18.OK", digest, false),
			 DESK_CODE_WRONG);
}

/* N6, a line a device: one without a line is never right, not even with the code
 * that the dummy secret gives. */
static void N6_device_without_a_line(void **state)
{
	struct world *w = *state;
	struct mac other = { { 0x00, 0x10, 0x4b, 0, 0, 1 } };
	struct name_code code;
	struct auth_spec spec = { .hash = AUTH_SHA1,
				  .bits = 24,
				  .request_serial = true,
				  .confirm_code = true };
	char s[64];

	put(w, &device, "CM", "own", 0);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
	assert_int_equal(w->set, 7);

	put(w, &other, "CM", "own", 0);
	assert_int_equal(authcode_request(w->auth->codes, &spec, &dummy_secret,
					  "J09H7CDEF", 9, &other, &code),
			 0);
	(void)snprintf(s, sizeof(s), "CM_00_10_4b_00_00_01_%02x_%02x_%02x.509",
		       code.b[0], code.b[1], code.b[2]);
	assert_int_equal(judge(w, s), DESK_CODE_WRONG);
	assert_int_equal(hashes, 1);
}

static void S11_reports_need_no_code(void **state)
{
	struct world *w = *state;

	assert_int_equal(judge(w, "ERR09_" MAC_NAME ".ERR"), DESK_RIGHT);
	assert_int_equal(judge(w, "ERR09_00_10_4b_00_00_01.ERR"), DESK_RIGHT_NOTED);
	assert_int_equal(hashes, 0);
}

static void without_a_table_nothing_is_judged(void **state)
{
	struct world *w = *state;

	frontauth_table(w->auth, NULL);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_CANNOT_JUDGE);
	assert_int_equal(judge(w, "OK_" MAC_NAME "_75_60_18.OK"), DESK_CANNOT_JUDGE);
}

/* A reload is taken whole or not at all. */
static void a_reload(void **state)
{
	struct world *w = *state;
	struct conf *after = parse(text_after);
	char why[FRONTAUTH_WHY_SIZE] = "";

	assert_int_equal(hand_over(w, after, "alpha", IPC_SECRET_REQUEST, "x"),
			 FC_ECONF);
	assert_int_equal(hand_over(w, after, "beta", IPC_SECRET_KEYBOX, "x"), FC_ECONF);
	assert_int_equal(hand_over(w, after, "beta", IPC_SECRET_REQUEST, ""), FC_ECONF);
	assert_int_equal(hand_over(w, after, "beta", IPC_SECRET_REQUEST, "x"), 0);
	assert_int_equal(frontauth_start(w->auth, after, why), FC_ECONF);
	assert_non_null(strstr(why, "confirm"));
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_RIGHT);

	hand_over_all(w, after);
	assert_int_equal(frontauth_start(w->auth, after, why), 0);
	conf_free(w->conf);
	w->conf = after;
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_CODE_WRONG);
	assert_int_equal(hashes, 1);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_RIGHT);
}

/* Numbers of classes are those of one table and one configuration: in the next they
 * may be another's. */
static void classes_are_looked_up_anew(void **state)
{
	static const char moved[] =
		"database = \"db\"\ncontrol = \"control\"\nstorage-key = \"storage\"\n"
		"secrets \"alpha\" { set = 1 kind = shared request = a1 confirm = a2 "
		"keybox = a3 }\n"
		"secrets \"beta\" { set = 2 kind = shared request = b1 confirm = b2 "
		"keybox = b3 }\n"
		"issuer \"i\" { certificate = c key = k }\n"
		"class \"tight\" { secrets = {alpha} types = {CM} }\n"
		"class \"default\" { secrets = {alpha, beta} types = {CM} }\n";
	struct world *w = *state;
	struct conf *after = parse(moved);
	char why[FRONTAUTH_WHY_SIZE] = "";
	size_t size = devtable_size(100, 1000);
	void *memory = calloc(1, size);

	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_RIGHT);
	hand_over_all(w, after);
	assert_int_equal(frontauth_start(w->auth, after, why), 0);
	conf_free(w->conf);
	w->conf = after;
	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_RIGHT);

	assert_non_null(memory);
	assert_int_equal(devtable_format(memory, size, 100, &w->table), 0);
	put(w, &device, "CM", "tight", 0);
	frontauth_table(w->auth, &w->table);
	free(w->memory);
	w->memory = memory;
	assert_int_equal(judge(w, "CM_" MAC_NAME "_d3_2f_17.509"), DESK_CODE_WRONG);
	assert_int_equal(judge(w, "CM_" MAC_NAME "_b0_a1_6e.509"), DESK_RIGHT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(N3_N6_request_of_either_set),
		T(S2_one_wrong_bit_anywhere),
		T(S2_same_work),
		T(N1_types),
		T(S3_denied_only_after_a_right_code),
		T(a_class_that_the_configuration_lacks),
		T(N4_confirmation),
		T(N4_bound),
		T(N6_device_without_a_line),
		T(S11_reports_need_no_code),
		T(without_a_table_nothing_is_judged),
		T(a_reload),
		T(classes_are_looked_up_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
