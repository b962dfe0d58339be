#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Answer one probe: 1 if its fact is true, 0 if not, no file if it can't tell.
# usage: probe.sh FILE.c FILE.answer RELEASE COMPILER...
set -eu

probe=$1 answer=$2
shift 3
export LC_ALL=C

if "$@" -DFACT "$probe" 2>"$answer.log"; then
	echo 1 >"$answer"
# "No" is an error in the fact itself: one in the probe's own file, which
# compiles without the fact. A header that is broken, a compiler that is
# missing or was killed, say nothing about the fact.
elif awk -v at="$probe:" 'index($0, at) == 1 && / error: / { yes = 1 }
		END { exit !yes }' "$answer.log" &&
	"$@" "$probe" 2>"$answer.log2"; then
	echo 0 >"$answer"
else
	[ ! -s "$answer.log2" ] || mv "$answer.log2" "$answer.log"
	rm -f "$answer"
fi
rm -f "$answer.log2"
