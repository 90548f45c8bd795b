# Sourced, never run: the Postgres of scripts/stack, and its schema.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what one of its files sets, others use

find_postgres() {
	local found
	found=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
	[ -x "$found" ] || found=$(command -v postgres) || die "Postgres is not installed (scripts/deps installs it)"
	pg_bin=$(dirname "$(readlink -f "$found")")
}

answering() { PGPASSWORD=${secret[postgres]} psql -X -q -h "$real/sock" -U postgres -d postgres -c 'select 1' >/dev/null 2>&1; }

start_postgres() {
	local pid
	find_postgres
	if [ ! -e "$real/pg/PG_VERSION" ]; then
		rm -rf "$real/pg"
		mkdir -m 700 "$real/pg"
		own "$real/pg"
		(umask 077; printf '%s\n' "${secret[postgres]}" >"$real/pg.pw")
		own "$real/pg.pw"
		(bare_environment; cd "$real"; "${as[@]}" "$pg_bin/initdb" -D "$real/pg" -U postgres -E UTF8 \
			--locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$real/pg.pw") >"$real/conf/initdb.log" 2>&1 || {
			tail -n 5 "$real/conf/initdb.log" >&2
			rm -rf "$real/pg"
			die "initdb failed; its output is in $real/conf/initdb.log"
		}
		rm "$real/pg.pw"
		step postgres 'new cluster'
	fi
	pid=$(head -n 1 "$real/pg/postmaster.pid" 2>/dev/null || true)
	if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" != "$real/pg" ]; then
		rm -f "$real/pg/postmaster.pid" # of a machine or session that went away
	fi
	start postgres INT 20 bare_environment "$pg_bin/postgres" -D "$real/pg" \
		-c unix_socket_directories="$real/sock" -c listen_addresses= -c max_connections=200 \
		-c unix_socket_permissions=0700 -c shared_buffers=64MB -c jit=off -c timezone=UTC -c log_timezone=UTC \
		-c log_line_prefix='%m [%p] %q%u ' -c cluster_name=mizan -c max_wal_size=512MB
	wait_until 60 answering || fail postgres "Postgres does not answer"
}

prepare_database() {
	local said
	settings_of all
	if own_database; then
		start_postgres
		said=$(MIZAN_OWNER_PASSWORD=${secret[owner]} MIZAN_APP_PASSWORD=${secret[app]} \
			MIZAN_ADMIN_PASSWORD=${secret[admin]} MIZAN_WORKER_PASSWORD=${secret[worker]} \
			MIZAN_WATCHDOG_PASSWORD=${secret[watchdog]} \
			PGHOST=$real/sock PGUSER=postgres PGPASSWORD=${secret[postgres]} "$here/db_init" 2>&1) ||
			{ printf '%s\n' "$said" >&2; fail postgres "roles and database could not be made"; }
	fi
	if [ -n "$url_owner" ]; then
		said=$(DATABASE_OWNER_URL=$url_owner "$here/migrate" --sql "$from/sql" 2>&1) ||
			{ printf '%s\n' "$said" >&2; fail '' "the migrations failed ('$0 down --purge' starts over with an empty database)"; }
		step database "$(tail -n 1 <<<"$said")"
	else
		step database "DATABASE_OWNER_URL is not set: no migrations"
	fi
}
