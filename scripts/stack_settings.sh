# Sourced, never run: what scripts/stack gives its processes: settings, secrets, ports, environments.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what one of its files sets, others use

declare -A settings=()
config_keys() {
	grep -ohE '^[[:space:]]*[A-Z]+\("[A-Z_]+"' "$root/lib/core/config.c" | cut -d '"' -f 2 |
		grep -vxE 'ACCESS_LOG|DATABASE_URL|OPENAI_API_KEY'
	say BUILD_ID
}

# Whose settings a restart of NAME is about: those of `up` are everybody's.
settings_file() { # NAME
	case $1 in
	all|programs) printf '%s' "$real/conf/settings" ;;
	*)            printf '%s' "$real/conf/settings.${1%%-*}" ;;
	esac
}
load_settings() { # FILE
	local line
	[ -e "$1" ] || return 0
	while IFS= read -r -d '' line; do
		settings[${line%%=*}]=${line#*=}
	done <"$1"
}
# What the caller's environment has of them, for NAME.
keep_settings() { # NAME
	local file key
	file=$(settings_file "$1")
	settings=()
	load_settings "$file"
	for key in $(config_keys) OPENAI_API_KEY WORKERS RATE_LIMIT_RPS RATE_LIMIT_BURST CONN_LIMIT \
		DATABASE_URL DATABASE_OWNER_URL DATABASE_ADMIN_URL DATABASE_WORKER_URL DATABASE_WATCHDOG_URL; do
		[ -v "$key" ] || continue
		[[ $key != DATABASE_* ]] || ! from_a_stack "${!key}" || continue
		settings[$key]=${!key}
	done
	(
		umask 077
		for key in "${!settings[@]}"; do printf '%s=%s\0' "$key" "${settings[$key]}"; done >"$file"
	)
}
# Sets settings, simulated and the database's addresses: what NAME is to have, or everybody ("all").
settings_of() { # NAME
	local key
	settings=()
	load_settings "$real/conf/settings"
	load_settings "$(settings_file "$1")"
	for key in "${!settings[@]}"; do
		[ -n "${settings[$key]}" ] || unset "settings[$key]"
	done
	settings[API_KEY]=${settings[API_KEY]:-${secret[api]}}
	settings[ADMIN_API_KEY]=${settings[ADMIN_API_KEY]:-${secret[admin_api]}}
	settings[ENV]=${settings[ENV]:-development}
	simulated=''
	if [ -z "${settings[OPENAI_API_KEY]:-}" ] && [ "${settings[OPENAI_BASE_URL]:-$sim_url}" = "$sim_url" ]; then
		simulated=1
		settings[OPENAI_BASE_URL]=$sim_url
		settings[OPENAI_API_KEY]=${secret[sim]}
	fi
	database_urls
}
# An address that a shell has from some stack's env file is not one that the caller chose.
from_a_stack() {
	grep -qsF "$(shell_quote "$1")" "$real/env" ||
		[[ -n ${MIZAN_STACK_DIR:-} && $1 == *"host=$MIZAN_STACK_DIR/sock" ]]
}
setting() { printf '%s' "${settings[$1]:-$2}"; }
number() { # NAME DEFAULT: what is not a number is for the application to refuse
	local value
	value=$(setting "$1" "$2")
	[[ $value =~ ^[0-9]{1,9}$ ]] || value=$2
	printf '%s' "$((10#$value))"
}

# Made once, kept over restarts: keys and passwords.
declare -A secret=()
make_secrets() {
	local file=$real/conf/secrets key value
	[ -e "$file" ] || (
		umask 077
		for key in api admin_api sim postgres owner app admin worker watchdog; do
			printf '%s %s\n' "$key" "$(random_token 30)"
		done >"$file.new"
		mv "$file.new" "$file"
	)
	while read -r key value; do secret[$key]=$value; done <"$file"
}

own_database() { [ -z "${settings[DATABASE_URL]:-}" ]; }
own_url() { printf 'postgresql://mizan_%s:%s@/mizan?host=%s/sock' "$1" "$2" "$real"; }
database_urls() {
	if own_database; then
		url_app=$(own_url app "${secret[app]}")
		url_admin=$(own_url admin "${secret[admin]}")
		url_worker=$(own_url worker "${secret[worker]}")
		url_watchdog=$(own_url watchdog "${secret[watchdog]}")
		url_owner=$(own_url owner "${secret[owner]}")
	else
		url_app=${settings[DATABASE_URL]}
		url_admin=${settings[DATABASE_ADMIN_URL]:-$url_app}
		url_worker=${settings[DATABASE_WORKER_URL]:-$url_app}
		url_watchdog=${settings[DATABASE_WATCHDOG_URL]:-$url_app}
		url_owner=${settings[DATABASE_OWNER_URL]:-}
	fi
}

# A free port below the range that outgoing connections take theirs from, kept from then on.
port_of() {
	local file=$real/conf/$1.port
	if [ ! -e "$file" ] || { ! alive "$1" && ! free_port "$(cat "$file")" >/dev/null; }; then
		free_port 0 >"$file"
	fi
	cat "$file"
}
# A port that the caller named is that port or none.
use_port() {
	if [[ ! $1 =~ ^[1-9][0-9]{3,4}$ ]] || (($1 < 1024 || $1 > 65535)); then
		die "MIZAN_PORT must be from 1024 to 65535" 2
	fi
	if ! { alive nginx && [ "$(cat "$real/conf/nginx.port" 2>/dev/null)" = "$1" ]; }; then
		free_port "$1" >/dev/null || die "MIZAN_PORT $1 is in use; nothing was changed"
	fi
	printf '%s\n' "$1" >"$real/conf/nginx.port"
}
free_port() {
	python3 - "$1" <<-'PY'
		import random, socket, sys
		wanted = int(sys.argv[1])
		for port in [wanted] if wanted else random.sample(range(20000, 32000), 200):
		    try:
		        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
		            try:
		                s = socket.socket(family)
		            except OSError:
		                continue
		            with s:
		                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		                try:
		                    s.bind((host, port))
		                except OSError as e:
		                    if e.errno != 99:  # no such address: a machine without IPv6
		                        raise
		    except OSError:
		        continue
		    print(port)
		    sys.exit(0)
		sys.exit(1)
	PY
}

# --- What each process finds in its environment

bare_environment() {
	local variable
	for variable in $(compgen -e); do
		[[ $variable =~ ^(PATH|LANG|LC_ALL|[AUTL]+SAN_OPTIONS|GCOV_PREFIX.*|LLVM_PROFILE_FILE)$ ]] ||
			unset "$variable" 2>/dev/null || true
	done
	export TZ=UTC HOME=/ LANG=C.UTF-8
}
app_environment() {
	local key url=$url_app
	bare_environment
	for key in $(config_keys); do
		[ -z "${settings[$key]:-}" ] || export "$key=${settings[$key]}"
	done
	[ "${1:-}" = watchdog ] || unset SLACK_ALERTS_WEBHOOK SLACK_PRODUCT_WEBHOOK PAGERDUTY_ROUTING_KEY
	case ${1:-} in
	admin)    url=$url_admin ;;
	worker)   url=$url_worker ;;
	watchdog) url=$url_watchdog ;;
	esac
	export DATABASE_URL=$url
}
admin_environment() { app_environment admin; }
watchdog_environment() {
	app_environment watchdog
	export ACCESS_LOG=$real/log/access.log
	[ -n "${READY_URL:-}" ] || export READY_URL=https://localhost:$port/health/ready READY_CA_FILE=$real/tls/ca.pem
	[ -n "${PUBLIC_URL:-}" ] || export PUBLIC_URL=https://localhost:$port
}
worker_environment() {
	app_environment worker
	[ -z "${settings[OPENAI_API_KEY]:-}" ] || export OPENAI_API_KEY="${settings[OPENAI_API_KEY]}"
}
