// SPDX-License-Identifier: GPL-2.0-only
/*
 * The knobs and counters of the lab's card, by QMP over a virtio serial port.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

#define PORT		"/dev/virtio-ports/qmp"
#define CARD		"/machine/peripheral/card"
/* By a clock that leaps while the host is idle, if it is one of instructions. */
#define ANSWER_MS	1000000

static int port = -1;
static char received[65536];
static size_t received_len;

static void __attribute__((noreturn)) fail(const char *what, const char *detail)
{
	printf("# %s: %s\n", what, detail);
	fflush(stdout);
	exit(1);
}

/* One line, which is one JSON object; the caller puts it. */
static struct json_object *receive(void)
{
	struct pollfd poll_fd = { .fd = port, .events = POLLIN };
	struct json_object *object;
	char *end;
	ssize_t n;

	while (!(end = memchr(received, '\n', received_len))) {
		if (received_len == sizeof(received))
			fail(PORT, "answer too long");
		if (poll(&poll_fd, 1, ANSWER_MS) != 1)
			fail(PORT, "no answer");
		n = read(port, received + received_len,
			 sizeof(received) - received_len);
		if (n <= 0)
			fail(PORT, n ? strerror(errno) : "closed");
		received_len += n;
	}

	*end++ = 0;
	object = json_tokener_parse(received);
	received_len -= end - received;
	memmove(received, end, received_len);
	return object;
}

/* Executes a command; what it returns is the caller's, NULL for an error. */
static struct json_object *qmp_call(const char *command, const char *arguments,
				    char *error, size_t error_size)
{
	struct json_object *answer, *member, *result = NULL;
	static unsigned int id;
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"execute\":\"%s\",\"arguments\":{%s},\"id\":%u}\n", command,
		 arguments, ++id + getpid() * 1000);
	if (write(port, text, strlen(text)) < 0)
		fail(PORT, strerror(errno));

	for (;;) {
		answer = receive();
		if (json_object_object_get_ex(answer, "id", &member) &&
		    (unsigned int)json_object_get_int64(member) ==
			    id + getpid() * 1000)
			break;
		json_object_put(answer);
	}

	if (json_object_object_get_ex(answer, "return", &member))
		result = json_object_get(member);
	else if (json_object_object_get_ex(answer, "error", &member))
		snprintf(error, error_size, "%s",
			 json_object_to_json_string(member));
	json_object_put(answer);
	return result;
}

bool card_present(void)
{
	return !access(PORT, R_OK | W_OK);
}

/* The port is exclusive, and a program that just ended may not have let go. */
static void card_connect(void)
{
	int tries;

	for (tries = 0; port < 0 && tries < 50; tries++) {
		port = open(PORT, O_RDWR | O_CLOEXEC);
		if (port < 0)
			msleep(100);
	}
	if (port < 0)
		fail(PORT, strerror(errno));
	received_len = 0;
}

static struct json_object *card_execute(const char *command,
					const char *arguments)
{
	struct json_object *result;
	char error[256] = "";

	card_connect();
	result = qmp_call(command, arguments, error, sizeof(error));
	/* Once in QEMU's life, which reads commands byte by byte. */
	if (!result && strstr(error, "qmp_capabilities")) {
		json_object_put(qmp_call("qmp_capabilities", "", error,
					 sizeof(error)));
		result = qmp_call(command, arguments, error, sizeof(error));
	}
	close(port);
	port = -1;
	if (!result)
		fail(arguments, error);
	return result;
}

void card_set(const char *name, const char *json_value)
{
	char arguments[256];

	snprintf(arguments, sizeof(arguments),
		 "\"path\":\"" CARD "\",\"property\":\"%s\",\"value\":%s", name,
		 json_value);
	json_object_put(card_execute("qom-set", arguments));
}

void card_set_number(const char *name, long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	card_set(name, text);
}

long long card_get(const char *name)
{
	struct json_object *result;
	char arguments[256];
	long long value;

	snprintf(arguments, sizeof(arguments),
		 "\"path\":\"" CARD "\",\"property\":\"%s\"", name);
	result = card_execute("qom-get", arguments);
	value = json_object_get_int64(result);
	json_object_put(result);
	return value;
}

void card_get_text(const char *name, char *buf, size_t size)
{
	struct json_object *result;
	char arguments[256];

	snprintf(arguments, sizeof(arguments),
		 "\"path\":\"" CARD "\",\"property\":\"%s\"", name);
	result = card_execute("qom-get", arguments);
	snprintf(buf, size, "%s", json_object_get_string(result));
	json_object_put(result);
}

/* A non-fatal error of the PF, which the kernel tells all on its bus about. */
void card_inject_aer(void)
{
	json_object_put(card_execute("human-monitor-command",
				     "\"command-line\":\"pcie_aer_inject_error card COMP_TIME\""));
}

/* As if somebody pressed the attention button of its slot. */
void card_unplug(void)
{
	json_object_put(card_execute("device_del", "\"id\":\"card\""));
}

void card_defaults(void)
{
	card_set("defaults", "true");
}
