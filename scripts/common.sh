# Shared by the scripts: messages, secrets, and database addresses that keep their password
# out of every command line.  Sourced, never run.
# shellcheck shell=bash

prog=${0##*/}

say()  { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "$prog" "$*" >&2; }
die()  { note "$1"; exit "${2:-1}"; }

# The comment block at the top of the running script is its help text.
help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || die "$tool is not installed (scripts/deps installs what is missing)"
	done
}

# N random bytes (32 unless told) as base64url, so that they need no quoting anywhere.
random_token() { head -c "${1:-32}" /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d '='; }

# A value as one single-quoted word that any POSIX shell reads back.
shell_quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

percent_decode() { local text=${1//\\/\\\\}; printf '%b' "${text//%/\\x}"; }

# pg_url URL: sets pg_url to the address without its password and exports PGPASSWORD, since
# whatever stands on psql's command line is there for every user of the machine to read.
pg_url() {
	local password
	pg_url=$1
	if [[ $pg_url =~ ^(postgres(ql)?://[^:@/?]*):([^@/]*)@(.*)$ ]]; then
		password=$(percent_decode "${BASH_REMATCH[3]}")
		pg_url=${BASH_REMATCH[1]}@${BASH_REMATCH[4]}
		export PGPASSWORD=$password
	fi
	[[ ! $pg_url =~ (^|[[:space:]?\&])password= ]] ||
		die "write the database's address as postgresql://USER:PASSWORD@HOST/DATABASE, or set PGPASSWORD" 2
}

# psql as every script wants it: no .psqlrc, quiet, bare rows, stop at the first error.
pg_run() { psql -X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse -d "$pg_url" "$@"; }

# Where sql/ and the like are: the checkout, or where `make install` put them.
data_dir() {
	local here installed=@DATADIR@
	here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
	if [ -d "$here/../sql" ]; then (cd "$here/.." && pwd); else printf '%s\n' "$installed"; fi
}
