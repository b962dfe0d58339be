// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks, signals, and other programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "report.h"
#include "run.h"

static int lock_fd = -1;

static sigset_t held_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return set;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A record lock, for a child that is stuck in the kernel must not keep it. */
bool run_lock(const char *what, unsigned int seconds)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct sigaction action = { .sa_handler = on_alarm };
	sigset_t held = held_signals();
	int ret;

	mkdir(path("/run/virtio-vfio").s, 0755);
	lock_fd = open(path("/run/virtio-vfio/lock.%s", what).s,
		       O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_fd < 0) {
		refuse(FAILED, what, geteuid() ? "run this as root" : NULL,
		       "can't be locked: %s", strerror(errno));
		return false;
	}

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
	ret = fcntl(lock_fd, F_SETLKW, &lock);
	alarm(0);
	if (!ret) {
		sigprocmask(SIG_BLOCK, &held, NULL);
		return true;
	}

	run_unlock();
	refuse(FAILED, what, "see who runs virtio-vfio, and try again",
	       "another run has it locked for more than %u s", seconds);
	return false;
}

void run_unlock(void)
{
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
}

bool run_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGHUP) || sigismember(&pending, SIGINT) ||
	       sigismember(&pending, SIGTERM);
}

static void exec_child(const char * const argv[], int out)
{
	sigset_t set = held_signals();
	char name[PATH_MAX];

	/* Ctrl-C is for the tool alone. */
	setpgid(0, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	snprintf(name, sizeof(name), "%s", path("%s", argv[0]).s);
	execv(name, (char * const *)argv);
	_exit(127);
}

static int wait_for_command(pid_t pid, unsigned int seconds)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	time_t end = time(NULL) + seconds;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (time(NULL) > end) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
	}

	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

int run_command(const char * const argv[], unsigned int seconds)
{
	char line[1024];
	pid_t pid = -1;
	FILE *output;
	int ret, out;

	/* When udev starts there may be no /tmp to write to. */
	out = memfd_create("output", MFD_CLOEXEC);
	output = out < 0 ? NULL : fdopen(out, "r");
	if (output)
		pid = fork();
	if (!pid)
		exec_child(argv, out);
	if (pid < 0) {
		ret = -errno;
		goto close;
	}

	ret = wait_for_command(pid, seconds);
	rewind(output);
	while (ret && fgets(line, sizeof(line), output))
		fprintf(stderr, "  %s", line);
close:
	if (output)
		fclose(output);
	return ret;
}
