# Sourced, never run: the directory of scripts/stack, and the processes that it keeps running there.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what one of its files sets, others use

# --- Directory, user, lock

as=() # how to become the user that everything runs as
choose_user() {
	[ "$(id -u)" = 0 ] || return 0
	local user=${MIZAN_USER:-www-data}
	id -u "$user" >/dev/null 2>&1 || die "there is no user '$user'; MIZAN_USER names another"
	as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --)
}

own() { [ ${#as[@]} = 0 ] || chown "$("${as[@]}" id -u):$("${as[@]}" id -g)" "$@"; }

# A folder that the user can reach, whose name needs no quoting in any configuration file and is
# short enough for a unix socket (107 bytes with the socket's own name).
usable() { [[ $1 =~ ^[A-Za-z0-9/._-]{1,75}$ ]] && "${as[@]}" test -x "$1/."; }

# Sets real: DIR itself, or what it is a link to.
find_dir() {
	dir=$(realpath -m -s "$dir")
	real=$dir
	[ ! -L "$dir" ] || real=$(readlink "$dir")
}

make_dir() {
	find_dir
	[ -d "$real" ] || rm -f "$dir" # a link to what is gone
	if [ ! -e "$dir" ] || rmdir "$dir" 2>/dev/null; then
		mkdir -p "$dir"
		chmod 755 "$dir"
		if ! usable "$dir"; then
			rmdir "$dir"
			ln -s "$(mktemp -d /var/tmp/mizan-XXXXXX)" "$dir"
		fi
	fi
	find_dir
	chmod 755 "$real"
	usable "$real" || die "$real cannot be used by $("${as[@]}" id -un); give another --dir"
	mkdir -p "$real"/{bin,conf,tls}
	mkdir -p "$real"/{log,pid,sock,nginx}
	own "$real"/{log,pid,sock,nginx}
	chmod 700 "$real/conf"
}

# One up, down or restart at a time.
lock() {
	exec 9>"$real/lock"
	flock -w 180 9 || die "another scripts/stack is at work in $dir"
}

# --- Processes.  A process id counts only together with the time of the process's start.

alive() {
	local pid start now
	{ read -r pid start <"$real/pid/$1" && read -r now <"/proc/$pid/stat"; } 2>/dev/null || return 1
	read -ra now <<<"${now##*) }"
	[ "${now[0]}" != Z ] && [ -n "$start" ] && [ "${now[19]}" = "$start" ]
}
pid_of() { cut -d ' ' -f 1 "$real/pid/$1" 2>/dev/null; }
running() { alive "$1.supervisor" && alive "$1"; }

wait_until() { # SECONDS COMMAND...
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

gone() { ! alive "$1"; }

# Supervisors end their process and then themselves; what a killed supervisor left is ended here.
stop_all() {
	local name
	for name; do
		! alive "$name.supervisor" || kill -s TERM "$(pid_of "$name.supervisor")" 2>/dev/null || true
	done
	for name; do
		wait_until 30 gone "$name.supervisor" || kill -s KILL "$(pid_of "$name.supervisor")" 2>/dev/null || true
		if alive "$name"; then
			kill -s TERM "$(pid_of "$name")" 2>/dev/null || true
			wait_until 10 gone "$name" || true
			kill -s KILL -- "-$(pid_of "$name")" 2>/dev/null || true
			wait_until 5 gone "$name" || note "$name does not end"
		fi
		end_orphans "$name"
		rm -f "$real/pid/$name" "$real/pid/$name".{supervisor,next} "$real/conf/$name.is"
	done
}

# Where process and supervisor were killed, its children (nginx's workers) are still there, and hold
# the port.  The group's number may be another's by now: what is ours has our directory as its own.
end_orphans() {
	local group pid
	group=$(pid_of "$1") && [ -n "$group" ] || return 0
	for pid in $(pgrep -g "$group"); do
		[ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" != "$real" ] || kill -s KILL "$pid" 2>/dev/null || true
	done
}

# Every process the directory knows, by group, first what has to stop first.
known() {
	local file
	for file in $(compgen -G "$real/pid/$1"); do
		file=${file##*/}
		[[ $file == *.next* ]] || printf '%s\n' "${file%.supervisor}"
	done | sort -u
}
stop_known() {
	local names
	mapfile -t names < <(for pattern; do known "$pattern"; done | sort -u)
	[ ${#names[@]} = 0 ] || stop_all "${names[@]}"
}
stop_stack() {
	stop_known 'nginx*'
	stop_known 'watchdog*' # the requests are over: it counts the last of them
	stop_known 'full_process*' 'health*' 'admin*'
	stop_known 'worker-*'
	stop_known 'openai_sim*'
	stop_known 'postgres*'
}

# start NAME SIGNAL GRACE ENVIRONMENT-FUNCTION COMMAND...: under a supervisor, unless it runs
# already just so.  What "so" is (program, arguments, environment) is kept as a digest.  With
# socket set that is its standard input: made by whoever supervises it, and kept when it is replaced.
start() {
	local name=$1 signal=$2 grace=$3 environment=$4 what
	shift 4
	what=$( ("$environment"; { declare -px; printf '%s\n' "$@"; cat "$1"; } | sha256sum) )
	if running "$name" && [ "$what" = "$(cat "$real/conf/$name.is" 2>/dev/null)" ]; then
		return
	fi
	rm -f "$real/conf/$name.is"
	if [ -z "$socket" ] || ! alive "$name.supervisor" || ! replace "$name" "$signal" "$grace" "$environment" "$@"; then
		stop_all "$name"
		(
			"$environment"
			cd "$real" || exit
			close_files
			exec "${as[@]}" setsid ${socket:+python3 -c "$listen_and_run" "$socket"} \
				"$real/bin/supervise" "$name" "$real" "$signal" "$grace" -- "$@" </dev/null >/dev/null 2>&1
		) &
		disown
		wait_until 10 running "$name" || fail "$name" "$name does not start"
	fi
	printf '%s\n' "$what" >"$real/conf/$name.is"
	step "$name" started
}

socket=
listen_and_run='
import os, socket, sys
path, *command = sys.argv[1:]
if os.path.lexists(path):
    os.unlink(path)
s = socket.socket(socket.AF_UNIX)
s.bind(path)
os.chmod(path, 0o660)
s.listen(1024)
os.dup2(s.fileno(), 0)
os.execv(command[0], command)'

# Has the supervisor replace its process (scripts/supervise, USR1): false when it does not.
replace() { # NAME SIGNAL GRACE ENVIRONMENT-FUNCTION COMMAND...
	local name=$1 next=$real/pid/$1.next was
	was=$(cat "$real/pid/$1" 2>/dev/null || true)
	(
		"$4"
		umask 077
		{
			declare -px
			# shellcheck disable=SC2016 # $0 is the file itself
			printf 'rm "$0"\ncd %q\nexec %q' "$real" "$real/bin/supervise"
			printf ' %q' "$1" "$real" "$2" "$3" -- "${@:5}"
			printf '\n'
		} >"$next.new"
	)
	own "$next.new"
	mv "$next.new" "$next"
	kill -s USR1 "$(pid_of "$name.supervisor")" && wait_until 30 replaced "$name" "$was"
}
replaced() { [ ! -e "$real/pid/$1.next" ] && [ "$(cat "$real/pid/$1" 2>/dev/null)" != "$2" ] && running "$1"; }

# A caller that reads our output to its end (make, a test's pipe) must not wait for the daemons.
close_files() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-"
	done
}

step() { printf '  %-13s %s\n' "$1" "$2"; }
