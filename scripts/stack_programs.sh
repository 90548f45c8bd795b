# Sourced, never run: the programs of scripts/stack: which ones, whether they would start, and their start.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what one of its files sets, others use

# Sets bin, and from: where sql/, nginx/ and the like are, the release that bin is of or this checkout.
choose_programs() {
	local pinned=$real/conf/bin
	if [ -n "$bin" ]; then
		[ "$command" = check ] || printf '%s\n' "$bin" >"$pinned"
	elif [ "$command" = restart ] && [ -e "$pinned" ]; then
		bin=$(cat "$pinned")
	else
		rm -f "$pinned"
		bin=${MIZAN_BIN:-$root/build/plain/bin}
	fi
	from=$root
	[ ! -e "$bin/../manifest.json" ] || from=$(realpath "$bin/..")
	sim=$bin/openai_sim
	[ -x "$sim" ] || sim=${MIZAN_BIN:-$root/build/plain/bin}/openai_sim # no part of a release
	local file
	for file in "${programs[@]/#/$bin/}" "$sim"; do
		[ -x "$file" ] || die "$file is not built: make"
	done
}

# Copies, so that they can be run where the checkout cannot be read, and a build in progress
# does not disturb what runs.
copy_programs() {
	local file
	for file in "${programs[@]/#/$bin/}" "$sim" "$here/supervise"; do
		cmp -s "$file" "$real/bin/${file##*/}" || {
			cp "$file" "$real/bin/.new"
			chmod 755 "$real/bin/.new"
			mv "$real/bin/.new" "$real/bin/${file##*/}"
		}
	done
	rm -rf "$real/sim-data"
	mkdir -p "$real/sim-data"
	[ ! -d "$root/tests/data/invoices" ] || cp -r "$root/tests/data/invoices/." "$real/sim-data/"
	chmod -R a+rX "$real/sim-data"
}

# The invariants are checked before anything starts, so that their message is not in a log.
check_config() { # FOLDER PROGRAM...
	local folder=$1 name environment said
	shift
	for name; do
		case $name in
		admin.fcgi)      environment=admin_environment ;;
		worker|watchdog) environment=${name}_environment ;;
		*)               environment=app_environment ;;
		esac
		settings_of "${name%.fcgi}"
		if ! said=$("$environment"; cd "$real"; exec "${as[@]}" "$folder/$name" --check-config 2>&1); then
			printf '%s\n' "$said" >&2
			die "the configuration is not valid; nothing was changed"
		fi
	done
}

start_endpoint() {
	local environment=app_environment
	[ "$1" != admin ] || environment=admin_environment
	settings_of "$1"
	local socket=$real/sock/$1.sock
	start "$1" TERM 12 "$environment" "$real/bin/$1.fcgi"
	wait_until 15 greeted "$1" || fail "$1" "$1 does not start"
}
# The process that runs now has got through its start.
greeted() {
	grep -qF "\"pid\": $(pid_of "$1"), \"event\": \"start.pilot\"" <(tail -c 1000000 "$real/log/$1.log")
}

worker_names() { local i; for ((i = 1; i <= $(number WORKERS 1); i++)); do say "worker-$i"; done; }

start_workers() {
	local name wanted
	settings_of worker
	wanted=$(worker_names)
	for name in $(known 'worker-*'); do
		grep -qxF "$name" <<<"$wanted" || { stop_all "$name"; step "$name" stopped; }
	done
	for name in $wanted; do start_worker "$name"; done
}
start_worker() {
	settings_of worker
	start "$1" TERM 12 worker_environment "$real/bin/worker"
}

start_watchdog() {
	settings_of watchdog
	start watchdog TERM 12 watchdog_environment "$real/bin/watchdog"
}

start_sim() {
	settings_of all
	if [ -n "$simulated" ]; then
		start openai_sim TERM 5 bare_environment "$real/bin/openai_sim" --port "$sim_port" --data "$real/sim-data"
		step openai_sim "stands in for OpenAI, since OPENAI_API_KEY is not set: $sim_url"
	else
		stop_known 'openai_sim*'
	fi
}
