/* Apart from jail.c so that programs without a filter need no libseccomp. */
#include "sys/jail.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include "sys/sanitizer.h"

/* What libc, malloc, assert, OpenSSL's memory and random numbers, sys/loop,
 * sys/chan, sys/log and sys/file's reading of an open descriptor come down to. */
static const int base[] = {
	/* memory (mmap and mprotect: below) */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* time, random numbers, threads' locks */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* descriptors that are open already */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	/* the end, also by abort */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
};

static int add(scmp_filter_ctx f, const int *syscalls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, syscalls[i], 0);
		if (rc == -EDOM)
			rc = 0; /* this architecture has no such call */
	}
	return rc;
}

/* Memory, but none that can be executed. */
static int add_memory(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec);

	return rc < 0 ? rc
		      : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					 not_exec);
}

int jail_seccomp(const int *syscalls, size_t n)
{
	scmp_filter_ctx f;
	int rc;

	if (SANITIZER_BUILD)
		return 0;
	if ((f = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		return -ENOMEM;
	rc = add(f, base, sizeof(base) / sizeof(base[0]));
	if (rc == 0)
		rc = add(f, syscalls, n);
	if (rc == 0)
		rc = add_memory(f);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}
