#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>
#include "sys/log.h"

static int pipe_fd[2], terminal;

static int set_up(void **state)
{
	(void)state;
	terminal = dup(STDERR_FILENO);
	if (terminal < 0 || pipe2(pipe_fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	return dup2(pipe_fd[1], STDERR_FILENO) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)dup2(terminal, STDERR_FILENO);
	(void)close(terminal);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
	return 0;
}

/* All that was written since, as text; "" when nothing was. */
static const char *written(void)
{
	static char text[8192];
	ssize_t n = read(pipe_fd[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_a_line_has_time_name_level_and_text(void **state)
{
	const char *text, *rest;
	char who[64];

	(void)state;
	log_init("registrar", LOG_LEVEL_INFO, 0);
	log_warning("event=%s n=%d", "test", 7);
	text = written();
	assert_true(strlen(text) > 25);
	for (int i = 0; i < 24; i++) {
		static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
		bool digit = text[i] >= '0' && text[i] <= '9';

		assert_true(shape[i] == 'd' ? digit : text[i] == shape[i]);
	}
	rest = text + 24;
	(void)snprintf(who, sizeof(who), " registrar[%d] warning: event=test n=7\n",
		       (int)getpid());
	assert_string_equal(rest, who);
}

static void test_a_prefix_for_syslog_instead_of_the_time(void **state)
{
	char line[64];

	(void)state;
	log_init("front", LOG_LEVEL_DEBUG, 1);
	log_error("a");
	log_warning("a");
	log_info("a");
	log_debug("a");
	(void)snprintf(line, sizeof(line), "<3>front[%d] a\n", (int)getpid());
	assert_non_null(strstr(written(), line));
	log_debug("b");
	(void)snprintf(line, sizeof(line), "<7>front[%d] b\n", (int)getpid());
	assert_string_equal(written(), line);
}

static void test_less_important_lines_are_left_out(void **state)
{
	(void)state;
	log_init("front", LOG_LEVEL_WARNING, 1);
	log_info("no");
	log_debug("no");
	assert_string_equal(written(), "");
	log_warning("yes");
	assert_string_not_equal(written(), "");
}

static void test_text_cannot_forge_a_line(void **state)
{
	const char *text, *end;

	(void)state;
	log_init("front", LOG_LEVEL_INFO, 1);
	log_info("name=%s", "x\n<3>front[1] forged\r\x1b[2J\x7f");
	text = written();
	end = strchr(text, '\n');
	assert_non_null(end);
	assert_int_equal(end[1], '\0');
	assert_null(strchr(text, '\x1b'));
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\x7f'));
}

static void test_a_long_line_is_cut_and_still_ends(void **state)
{
	static char flood[5000];
	const char *text;
	size_t len;

	(void)state;
	memset(flood, 'x', sizeof(flood) - 1);
	log_init("front", LOG_LEVEL_INFO, 1);
	log_info("%s", flood);
	text = written();
	len = strlen(text);
	assert_true(len > 1000 && len <= 2048);
	assert_string_equal(text + len - 5, "x...\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_a_line_has_time_name_level_and_text),
		T(test_a_prefix_for_syslog_instead_of_the_time),
		T(test_less_important_lines_are_left_out),
		T(test_text_cannot_forge_a_line),
		T(test_a_long_line_is_cut_and_still_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
