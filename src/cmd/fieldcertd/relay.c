#include "cmd/fieldcertd/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <syslog.h>
#include <unistd.h>

static int pipe_end = -1, terminal = -1;
static char pending[4096];
static size_t pending_len;

int relay_open(void)
{
	int fd[2];

	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (terminal < 0 || dup2(fd[1], STDERR_FILENO) < 0) {
		int rc = -errno;

		(void)close(fd[0]);
		(void)close(fd[1]);
		return rc;
	}
	(void)close(fd[1]);
	pipe_end = fd[0];
	openlog("fieldcertd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	return 0;
}

int relay_fd(void)
{
	return pipe_end;
}

/* "<6>front[12] …" without its end of line. */
static void pass_on(const char *line)
{
	int priority = LOG_INFO;

	if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') {
		priority = line[1] - '0';
		line += 3;
	}
	syslog(priority, "%s", line);
	if (terminal >= 0)
		(void)dprintf(terminal, "%s\n", line);
}

void relay_drain(void)
{
	ssize_t n;

	while (pipe_end >= 0 && (n = read(pipe_end, pending + pending_len,
					  sizeof(pending) - 1 - pending_len)) > 0) {
		char *start = pending, *end;

		pending_len += (size_t)n;
		pending[pending_len] = '\0';
		while ((end = strchr(start, '\n')) != NULL) {
			*end = '\0';
			pass_on(start);
			start = end + 1;
		}
		/* A line longer than the buffer is none of ours: it goes in pieces. */
		if (start == pending && pending_len == sizeof(pending) - 1) {
			pass_on(start);
			start += pending_len;
		}
		pending_len -= (size_t)(start - pending);
		memmove(pending, start, pending_len);
	}
}

void relay_leave_terminal(void)
{
	int null;

	if (terminal < 0)
		return;
	(void)close(terminal);
	terminal = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)close(null);
}
