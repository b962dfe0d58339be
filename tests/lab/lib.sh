# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the lab's scripts share: messages, Debian packages, the cache. To be
# sourced by bash.
#
#   say TEXT...            a progress line on stderr
#   die TEXT...            an error on stderr, and the end
#   need PKG...            install the Debian packages that are missing
#   key TEXT|FILE|DIR...   one short hash of all of them
#   cached NAME KEY CMD... a directory made by CMD in the cache; prints its path
#   kernels                the lines of tests/kernels, without comments
#   chosen                 of these, "KERNEL PROVIDER..." for what KERNELS and
#                          PROVIDERS name
#   lab_apt SUITE get|cache ...
#                          apt-get and apt-cache with the packages of that suite
#   kernel_headers SUITE SERIES FLAVOUR
#                          name of the newest kernel's headers that it has
#   again CMD...           run CMD, and once more if QEMU failed under it
#   side_by_side N CMD     for each line on stdin run CMD with its words, N at a
#                          time
#   suite_uri SUITE        where this machine gets SUITE of Debian from

set -euo pipefail
shopt -s inherit_errexit

lab=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(readlink -f "$lab/../..")
cache=${VIRTIO_VFIO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/virtio-vfio}
export lab top cache
mkdir -p "$cache"

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# Other apt and dpkg runs on this machine are waited for.
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
apt_options=(-qq -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0)

need()
{
	local missing=() pkg

	for pkg; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$pkg" 2>/dev/null) == installed ]] ||
			missing+=("$pkg")
	done
	((${#missing[@]})) || return 0

	((EUID == 0)) || die "needs ${missing[*]}; run this as root, or install it"
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	(
		flock 9
		apt-get "${apt_options[@]}" install -y --no-install-recommends \
			"${missing[@]}" && exit
		apt-get "${apt_options[@]}" update
		apt-get "${apt_options[@]}" install -y --no-install-recommends \
			"${missing[@]}"
	) 9>"$cache/.need.lock" >"$cache/need.log" 2>&1 ||
		die "cannot install ${missing[*]}: $(tail -n 5 "$cache/need.log")"
}

# A file counts with its content, a directory with the names, modes and
# contents below it.
key()
{
	local it

	for it; do
		if [[ -d $it ]]; then
			(
				cd "$it"
				find . -type f -printf '%m %p\n' | LC_ALL=C sort
				find . -type f -print0 | LC_ALL=C sort -z |
					xargs -0r sha256sum
			)
		elif [[ -f $it ]]; then
			sha256sum <"$it"
		else
			echo "$it"
		fi
	done | sha256sum | cut -c 1-16
}

# CMD gets the directory to fill as its last argument; nothing shows in the
# cache until it has succeeded. Call this as a command of its own, never in a
# condition: bash would then ignore what fails inside CMD.
cached()
{
	local name=$1 entry=$cache/$1-$2 old

	shift 2
	if [[ ! -d $entry ]]; then
		(
			flock 9
			[[ ! -d $entry ]] || exit 0
			# What a killed run left; nobody else builds it now.
			rm -rf --one-file-system "$cache/.$name."??????
			tmp=$(mktemp -d "$cache/.$name.XXXXXX")
			chmod 755 "$tmp"
			trap 'grep -o " $tmp/[^ ]*" /proc/self/mounts | xargs -r umount || :
				rm -rf --one-file-system "$tmp"' EXIT
			"$@" "$tmp" >&2
			mv -T "$tmp" "$entry"
		) 9>"$cache/.$name.lock"

		# Three generations are enough.
		find "$cache" -maxdepth 1 -name "$name-????????????????" \
			-printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d ' ' -f 2- |
			while read -r old; do
				rm -rf --one-file-system "$old"
			done
	fi
	touch -c "$entry"
	echo "$entry"
}

# Suites of one archive live side by side, so one that this machine does not
# use comes from where it gets those that it uses.
suite_uri()
{
	local uri

	# shellcheck disable=SC2016 # these are apt's own variables
	uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
		'Created-By: Packages' | awk -v suite="$1" '
		$1 == suite                                { own = $2 }
		(suite ~ /-security$/) == ($1 ~ /-security$/) &&
			$1 ~ /^(bookworm|trixie)/ && !near { near = $2 }
		END                                        { print own ? own : near }')
	[[ $uri ]] || die "apt on this machine has no Debian archive to get $1 from"
	echo "${uri%/}"
}

# What of the archive makes up a suite: a release with its security updates,
# RELEASE-backports that with the backports, RELEASE-source nothing but the
# release's source packages.
suite_sources()
{
	local release=${1%-*} part parts

	case $1 in
	*-source)
		echo "deb-src $signed $(suite_uri "$release") $release main"
		return
		;;
	*-backports) parts="$release $release-security $1" ;;
	*) parts="$1 $1-security" ;;
	esac
	for part in $parts; do
		echo "deb $signed $(suite_uri "$part") $part main"
	done
}

# The machine's own settings (proxies, for one) stay in force; sources, lists
# and downloads are the lab's, and nothing counts as installed.
lab_apt_config()
{
	local dir=$cache/apt/$1 sources

	export APT_CONFIG=$dir/apt.conf
	[[ ! -e $dir/fetched || $(find "$dir/fetched" -mmin +720) ||
		$(find /etc/apt/sources.list* -newer "$dir/fetched" 2>/dev/null) ]] || return 0

	sources=$(unset APT_CONFIG; suite_sources "$1")
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	cat >"$APT_CONFIG" <<-END
		Dir::State "$dir";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::SourceList "$dir/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		APT::Sandbox::User "root";
	END
	: >"$dir/status"
	echo "$sources" >"$dir/sources.list"
	say "asking the Debian archive what is new in $1"
	if apt-get "${apt_options[@]}" update >&2; then
		touch "$dir/fetched"
	elif [[ -e $dir/fetched ]]; then
		say "it does not answer; going on with what it said last time"
	else
		die "the Debian archive does not answer"
	fi
}

# lab_apt SUITE get|cache ARGUMENTS...
lab_apt()
{
	(
		mkdir -p "$cache/apt/$1"
		{
			flock 9
			lab_apt_config "$1"
		} 9>"$cache/apt/$1/lock"
		# Container images of Debian switch these two off.
		"apt-$2" "${apt_options[@]}" -o Dir::Cache::pkgcache=pkgcache.bin \
			-o Dir::Cache::srcpkgcache=srcpkgcache.bin "${@:3}"
	)
}

kernels()
{
	grep -v -e '^#' -e '^$' "$top/tests/kernels"
}

# The kernel's provider comes last, as it may end up blocked.
chosen()
{
	local kernel providers provider line

	kernels | while read -r kernel _ _ providers; do
		line=
		for provider in owner kernel; do
			[[ " ${KERNELS:-$kernel} " != *" $kernel "* ||
				" ${PROVIDERS:-$provider} " != *" $provider "* ||
				,$providers, != *,$provider,* ]] ||
				line+=" $provider"
		done
		[[ ! $line ]] || echo "$kernel$line"
	done
}

# 6.1.0-56 and 7.3.4+deb13 are releases of a series; what follows is the
# flavour.
kernel_headers()
{
	local name known=$cache/apt/$1/headers-$2-$3

	# Reading all of apt's lists takes seconds.
	if [[ ! -s $known || $(find "$known" -mmin +720) ||
		$cache/apt/$1/fetched -nt $known ]]; then
		name=$(lab_apt "$1" cache pkgnames "linux-headers-$2." |
			grep -xE "linux-headers-${2//./\\.}\.[0-9][^-]*(-[0-9]+)?-$3" |
			sort -V | tail -n 1) || :
		[[ $name ]] || die "Debian's $1 has no headers of a kernel $2 ($3)"
		echo "$name" >"$known"
	fi
	cat "$known"
}

# Run a lab command again if QEMU itself failed, as it did by a silent reset of the
# host. KTAP begins anew, and what it said before doesn't count.
again()
{
	local status=0

	"$@" || status=$?
	((status == 126)) || return "$status"
	echo "Bail out! QEMU failed; once more from the beginning"
	"$@"
}

# What a run printed comes out when it ends. One that fails without a line of
# KTAP that says so gets one.
side_by_side()
{
	local words failed=0 dir n=0 pid
	local -A running=()

	dir=$(mktemp -d)
	# Each has a process group of its own, to be ended as a whole.
	# shellcheck disable=SC2064 # now
	trap "end_groups; rm -rf '$dir'" EXIT
	trap 'exit 130' INT TERM HUP
	while read -ra words; do
		((${#running[@]} < $1)) || finish_one
		((++n))
		set -m
		"$2" "${words[@]}" >"$dir/$n" </dev/null &
		set +m
		pid=$!
		running[$pid]="$n $SECONDS ${words[0]}"
	done
	while ((${#running[@]})); do
		finish_one
	done
	rm -rf "$dir"
	trap - EXIT
	((failed == 0))
}

end_groups()
{
	local pid

	for pid in "${!running[@]}"; do
		kill -- "-$pid" || :
	done 2>/dev/null
}

finish_one()
{
	local pid status=0 n begun what

	wait -n -p pid "${!running[@]}" || status=$?
	read -r n begun what <<<"${running[$pid]}"
	unset "running[$pid]"
	cat "$dir/$n"
	say "$what took $((SECONDS - begun)) s"
	((status == 0)) && return
	failed=1
	grep -q '^not ok' "$dir/$n" ||
		echo "not ok 0 $what: the lab ended with status $status"
}
