// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-vfio: look at and change what drives the VFs of virtio cards.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "function.h"
#include "libvirt.h"
#include "pf.h"
#include "report.h"
#include "run.h"
#include "show.h"
#include "udev.h"

static const char usage_text[] =
	"usage: virtio-vfio list [--json]\n"
	"       virtio-vfio status [--json]\n"
	"       virtio-vfio doctor [--json]\n"
	"       virtio-vfio enable --libvirt\n"
	"       virtio-vfio enable --pf ADDRESS [--transitional] [--group GROUP]\n"
	"       virtio-vfio disable --libvirt | --pf ADDRESS\n"
	"       virtio-vfio bind ADDRESS...\n"
	"       virtio-vfio unbind ADDRESS...\n"
	"       virtio-vfio set transitional=on|off ADDRESS...\n"
	"       virtio-vfio --help | --version\n"
	"See virtio-vfio(8).\n";

/**
 * struct arguments - the command line behind the command's name
 * @json: --json
 * @libvirt: --libvirt
 * @transitional: --transitional
 * @now: --now, of the command for udev
 * @pf: of --pf, or NULL
 * @group: of --group, or NULL
 * @words: what is no option, ended by NULL
 */
struct arguments {
	bool json;
	bool libvirt;
	bool transitional;
	bool now;
	const char *pf;
	const char *group;
	char **words;
};

static int usage(void)
{
	fputs(usage_text, stderr);
	return USAGE;
}

static int list(const struct arguments *args)
{
	return show_list(args->json);
}

static int status(const struct arguments *args)
{
	return show_status(args->json);
}

static int doctor(const struct arguments *args)
{
	return show_doctor(args->json);
}

static int enable(const struct arguments *args)
{
	struct policy policy = { .transitional = args->transitional };

	if (args->libvirt == !!args->pf ||
	    (args->libvirt && (args->transitional || args->group)))
		return usage();
	if (args->libvirt)
		return libvirt_enable(true);
	if (args->group)
		snprintf(policy.group, sizeof(policy.group), "%s", args->group);

	return pf_enable(args->pf, &policy);
}

static int disable(const struct arguments *args)
{
	if (args->libvirt == !!args->pf || args->transitional || args->group)
		return usage();

	return args->libvirt ? libvirt_enable(false) : pf_disable(args->pf);
}

static int bind_now(struct function *vf, const struct users *users)
{
	return bind_vf(vf, users, NULL);
}

static int unbind_now(struct function *vf, const struct users *users)
{
	return unbind_vf(vf, users, false);
}

static int set_on(struct function *vf, const struct users *users)
{
	return set_transitional(vf, users, true);
}

static int set_off(struct function *vf, const struct users *users)
{
	return set_transitional(vf, users, false);
}

static int find_vf(struct function *vf, const char *address)
{
	switch (function_read(vf, address)) {
	case 0:
		break;
	case -EINVAL:
		return refuse(USAGE, address, "virtio-vfio list",
			      "is no PCI address");
	case -ENODEV:
		return refuse(FAILED, vf->address, "virtio-vfio list",
			      "there is no such device");
	default:
		return refuse(FAILED, vf->address, "virtio-vfio list",
			      "is no virtio device");
	}
	if (!vf->pf[0])
		return refuse(FAILED, vf->address, "virtio-vfio list",
			      "is no VF");

	return DONE;
}

/* One VF that is refused doesn't keep the others from their turn. */
static int do_vfs(char **words,
		  int (*action)(struct function *vf, const struct users *users))
{
	struct users users;
	struct function vf;
	int ret = DONE, err;

	if (!*words)
		return usage();

	for (; *words; words++) {
		if (run_interrupted())
			return refuse(FAILED, *words, "the same command again",
				      "interrupted; this and what follows was not changed");
		err = find_vf(&vf, *words);
		if (!err && !run_lock(vf.pf, LOCK_SECONDS))
			err = FAILED;
		if (!err) {
			users = users_read();
			err = action(&vf, &users);
			users_free(&users);
			run_unlock();
		}
		ret = worse(ret, err);
	}

	return ret;
}

static int bind_command(const struct arguments *args)
{
	return do_vfs(args->words, bind_now);
}

static int unbind_command(const struct arguments *args)
{
	return do_vfs(args->words, unbind_now);
}

static int set(const struct arguments *args)
{
	const char *setting = args->words[0];

	if (setting && !strcmp(setting, "transitional=on"))
		return do_vfs(args->words + 1, set_on);
	if (setting && !strcmp(setting, "transitional=off"))
		return do_vfs(args->words + 1, set_off);

	return usage();
}

static int udev(const struct arguments *args)
{
	if (!args->words[0])
		return usage();

	return udev_event(args->words[0], args->now);
}

static int leave(const struct arguments *args)
{
	return args->words[0] ? usage() : pf_leave_all();
}

/* @options: the short forms of those that the command takes */
static const struct {
	const char *name;
	const char *options;
	bool words;
	int (*run)(const struct arguments *args);
} commands[] = {
	{ "list", "j", false, list },
	{ "status", "j", false, status },
	{ "doctor", "j", false, doctor },
	{ "enable", "lp:tg:", false, enable },
	{ "disable", "lp:", false, disable },
	{ "bind", "", true, bind_command },
	{ "unbind", "", true, unbind_command },
	{ "set", "", true, set },
	/* These two are for the package's own files. */
	{ "udev", "n", true, udev },
	{ "leave", "", true, leave },
};

static bool parse(struct arguments *args, const char *allowed, int argc,
		  char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "libvirt", no_argument, NULL, 'l' },
		{ "pf", required_argument, NULL, 'p' },
		{ "transitional", no_argument, NULL, 't' },
		{ "group", required_argument, NULL, 'g' },
		{ "now", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == '?' || !strchr(allowed, opt))
			return false;
		args->json |= opt == 'j';
		args->libvirt |= opt == 'l';
		args->transitional |= opt == 't';
		args->now |= opt == 'n';
		if (opt == 'p')
			args->pf = optarg;
		if (opt == 'g')
			args->group = optarg;
	}
	args->words = argv + optind;
	return true;
}

int main(int argc, char **argv)
{
	struct arguments args = { 0 };
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return fputs(usage_text, stdout) < 0 ? FAILED : DONE;
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return puts("virtio-vfio " VERSION) < 0 ? FAILED : DONE;

	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		if (!parse(&args, commands[i].options, argc - 1, argv + 1) ||
		    (args.words[0] && !commands[i].words))
			return usage();
		return commands[i].run(&args);
	}

	return usage();
}
