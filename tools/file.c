// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the host: sysfs, procfs, policy and state.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

const char *file_root(void)
{
	const char *root = getenv("VIRTIO_VFIO_ROOT");

	return root ? root : "";
}

struct path path(const char *fmt, ...)
{
	struct path p;
	va_list args;
	int len, n;

	len = snprintf(p.s, sizeof(p.s), "%s", file_root());
	if (len >= (int)sizeof(p.s))
		goto too_long;

	va_start(args, fmt);
	n = vsnprintf(p.s + len, sizeof(p.s) - len, fmt, args);
	va_end(args);
	if (n >= (int)sizeof(p.s) - len)
		goto too_long;

	return p;

too_long:
	p.s[0] = '\0';
	return p;
}

bool file_exists(struct path p)
{
	return !access(p.s, F_OK);
}

int file_read(struct path p, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd, err;

	buf[0] = '\0';
	fd = open(p.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;

	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	err = -errno;
	close(fd);
	if (n < 0) {
		buf[0] = '\0';
		return err;
	}

	buf[len] = '\0';
	len = strlen(buf);
	while (len && isspace((unsigned char)buf[len - 1]))
		buf[--len] = '\0';

	return len;
}

int file_read_number(struct path p, long *value)
{
	char buf[64], *end;
	int ret;

	ret = file_read(p, buf, sizeof(buf));
	if (ret < 0)
		return ret;

	errno = 0;
	*value = strtol(buf, &end, 0);
	return errno || end == buf || *end ? -EINVAL : 0;
}

int file_read_link(struct path p, char *buf, size_t size)
{
	char target[PATH_MAX];
	ssize_t len;

	buf[0] = '\0';
	len = readlink(p.s, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;

	target[len] = '\0';
	snprintf(buf, size, "%s", basename(target));
	return strlen(buf);
}

static int write_once(const char *name, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret = 0;

	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	if (write(fd, text, len) != len)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* A child that is stuck in the kernel can't be killed, and nobody waits. */
static int wait_for_child(pid_t pid)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	struct timespec now, end;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WRITE_SECONDS;
	do {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			if (!WIFEXITED(status))
				return -EIO;
			return -WEXITSTATUS(status);
		}
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));

	kill(pid, SIGKILL);
	return -ETIMEDOUT;
}

/* Linux' errnos fit into an exit status. */
int file_write(struct path p, const char *text)
{
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(-write_once(p.s, text));

	return wait_for_child(pid);
}

static int make_directories(const char *name)
{
	char dir[PATH_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", name);
	for (slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}

	return 0;
}

int file_replace(struct path p, const char *text)
{
	char tmp[PATH_MAX + 8];
	size_t len = strlen(text);
	int fd, ret;

	ret = make_directories(p.s);
	if (ret)
		return ret;

	snprintf(tmp, sizeof(tmp), "%s.XXXXXX", p.s);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;

	errno = 0;
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644) ||
	    fsync(fd) || rename(tmp, p.s)) {
		ret = errno ? -errno : -ENOSPC;
		unlink(tmp);
	}
	close(fd);
	return ret;
}

int file_remove(struct path p)
{
	return unlink(p.s) && errno != ENOENT ? -errno : 0;
}
