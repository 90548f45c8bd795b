# Sourced, never run: what deploy and rollback share, after common.sh.
# shellcheck shell=bash
#
#   ROOT/releases/NAME  a release, whole and never changed; NAME is its build id with "-" for ":"
#   ROOT/current        link to the one that runs, or is to
#   ROOT/previous       link to the one that `rollback` goes back to
#   ROOT/history        a line for each change: when, who, what, from, to

here=${here:?}
if [[ $here =~ ^(.*)/releases/[^/]+/scripts$ ]]; then releases_root=${BASH_REMATCH[1]}; else releases_root=/opt/mizan; fi
releases_root=${MIZAN_ROOT:-$releases_root}
manager=systemd
etc=${sysconfdir:-/etc}/mizan
units=(mizan-admin mizan-health mizan-full-process 'mizan-worker@*' mizan-watchdog) # it, who may have asked, last
release_programs=(full_process.fcgi health.fcgi admin.fcgi worker watchdog)

valid_build() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$ ]]; }
name_of() { printf '%s' "${1//:/-}"; }
manifest() { jq -er ".$2" "$1/manifest.json"; } # FOLDER FIELD
build_of() { if [ -n "$1" ]; then manifest "$releases_root/releases/$1" build_id; else say none; fi; }

# The release that ROOT/current or ROOT/previous names; nothing where there is none.
linked() {
	local name
	name=$(basename "$(readlink "$releases_root/$1" || true)")
	[ -z "$name" ] || [ ! -e "$releases_root/releases/$name/manifest.json" ] || printf '%s' "$name"
}
link_to() { # LINK NAME: at once, there is no moment without it
	ln -sfn "releases/$2" "$releases_root/.$1.new"
	mv -T "$releases_root/.$1.new" "$releases_root/$1"
}

# FOLDER holds what its manifest lists, and nothing else.
verify_release() {
	local folder=$1
	valid_build "$(manifest "$folder" build_id 2>/dev/null || true)" || die "$folder is no release: its manifest.json names no build"
	(cd "$folder" && jq -r '.files | to_entries[] | "\(.value)  \(.key)"' manifest.json | sha256sum --check --quiet --strict) >&2 ||
		die "$folder is damaged: the files above are not those of its manifest"
	[ -z "$(comm -3 <(jq -r '.files | keys[]' "$folder/manifest.json" | LC_ALL=C sort) \
		<(cd "$folder" && find . ! -type d ! -path ./manifest.json -printf '%P\n' | LC_ALL=C sort))" ] ||
		die "$folder is damaged: it holds other files than its manifest says"
}

# --- Steps: one line when it begins, what there is to say indented, one with the time it took.

steps=0 step_number=0 step_began=0
begin_step() {
	step_number=$((step_number + 1)) step_began=${EPOCHREALTIME/./}
	printf '[%d/%d] %s\n' "$step_number" "$steps" "$1"
}
end_step() {
	local us=$((${EPOCHREALTIME/./} - step_began))
	printf '      %s (%d.%d s)\n' "${1:-done}" $((us / 1000000)) $((us / 100000 % 10))
}
indented() { sed -u 's/^/      /'; }

# One deploy or rollback at a time; it is let go when this process ends, however it does.
lock_releases() { # SECONDS
	exec 8>"$releases_root/lock"
	flock -w "$1" 8 || die "another deploy or rollback is at work under $releases_root"
}

# --- The manager: what keeps the programs running

check_manager() {
	case $manager in
	systemd)   need systemctl ;;
	stack:?*)  stack_dir=$(realpath "${manager#stack:}")
	           [ -x "$here/stack" ] || die "--manager stack: is for the scripts of a checkout" 2
	           [ -e "$stack_dir/env" ] || die "no stack in $stack_dir; scripts/stack up makes one" ;;
	*)         die "--manager is systemd or stack:DIR" 2 ;;
	esac
}

# A setting as NAME of these files of ROOT's machine, in systemd's form; the last one holds.
from_files() { # KEY FILE...
	local key=$1 value=''
	shift
	value=$(sed -n "s/^$key=//p" "$@" 2>/dev/null | tail -n 1)
	[[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]] && value=${BASH_REMATCH[1]}
	printf '%s' "$value"
}
# How the installation is reached, and its owner's database: a stack's own, else as the caller says, else
# as configured.
managed() { # KEY
	if [ "$manager" != systemd ]; then
		# shellcheck source=/dev/null
		(. "$stack_dir/env"; printf '%s' "${!1:-}")
	elif [ -n "${!1:-}" ]; then
		printf '%s' "${!1}"
	else
		configured "$1"
	fi
}
configured() { from_files "$1" "$etc"/{mizan,migrate,watchdog}.env; } # KEY
find_installation() {
	url=$(managed MIZAN_URL)
	cacert=$(managed MIZAN_CACERT)
	[ -n "$url" ] || find_address
	# shellcheck disable=SC2034 # deploy's
	admin_key=$(managed ADMIN_API_KEY)
	owner_url=$(managed DATABASE_OWNER_URL)
}
# What the watchdog asks, with the certificates that it trusts for that; else what stands in its links.
find_address() {
	url=$(configured READY_URL)
	if [[ $url =~ ^https?://[^/?#]+ ]]; then
		url=${BASH_REMATCH[0]}
		cacert=${cacert:-$(configured READY_CA_FILE)}
	else
		url=$(configured PUBLIC_URL)
		url=${url%/}
		url=${url:-https://localhost}
	fi
}
# Whatever it answers: without an answer no build could ever be proved.
check_address() {
	local said
	said=$(curl -sS -o /dev/null --max-time 10 ${cacert:+--cacert "$cacert"} "$url/health" 2>&1) ||
		die "no answer from $url, so that the new build could not be verified: ${said%%$'\n'*}; MIZAN_URL, or READY_URL in $etc/watchdog.env, says where it is"
}

env_file_of() { case $1 in *.fcgi) printf '%s' "${1%.fcgi}.env" ;; *) printf '%s' "$1.env" ;; esac; }

# Would the programs of FOLDER start with the settings that they are going to have?  Their build
# must be the manifest's: BUILD_ID among the settings would hide it.
check_settings() { # FOLDER BUILD
	local program version
	if [ "$manager" != systemd ]; then
		version=$("$here/stack" check --dir "$stack_dir" --bin "$1/bin") || return 1
	else
		units_of_releases || return 1
		for program in "${release_programs[@]}"; do
			with_settings_of "$program" "$1/bin/$program" --check-config >/dev/null || return 1
		done
		version=$(with_settings_of health.fcgi "$1/bin/health.fcgi" --version)
	fi
	[[ $version == *" $2, schema "* ]] || { note "BUILD_ID is among the settings and hides the release's own: remove it"; return 1; }
}
with_settings_of() ( # PROGRAM COMMAND...
	set -- "$etc/$(env_file_of "$1")" "${@:2}"
	local line variables=()
	while IFS= read -r line; do
		[[ $line =~ ^[A-Z_]+= ]] && variables+=("${line%%=*}=$(from_files "${line%%=*}" "$etc/mizan.env" "$1")")
	done < <(cat "$etc/mizan.env" "$1")
	exec env -i "${variables[@]}" "${@:2}"
)
units_of_releases() {
	systemctl cat mizan-health.service 2>/dev/null | grep -qF "ExecStart=$releases_root/current/bin/" ||
		{ note "systemd's units do not run $releases_root/current: scripts/install --release $releases_root writes them"; return 1; }
}

# The programs of ROOT/current instead of those that run; sockets stay open, jobs are handed back.
restart_programs() {
	if [ "$manager" != systemd ]; then
		"$here/stack" restart programs --dir "$stack_dir" --bin "$releases_root/current/bin"
		return
	fi
	"$releases_root/current/scripts/install" --release "$releases_root" || return 1
	systemctl daemon-reload || return 1
	if command -v nginx >/dev/null; then
		nginx -t -q && systemctl reload nginx || return 1
	fi
	systemctl restart "${units[@]}"
}

# --- Proof and record

# The release that was switched on, until it is known to do its work.  Whoever ends meanwhile, whatever
# the reason, leaves a machine of which nobody knows that it works: exit status 5, or 130 when it was
# interrupted.
unproved='' switched=()
switch_to() { # ACTION FROM NAME: as record has them
	unproved=$3 switched=("$@")
	link_to current "$3"
}
proved() { unproved=''; }

guard_end() {
	trap 'end $?' EXIT
	trap 'note interrupted; exit 130' INT TERM HUP
}
end() { # STATUS
	local status=$1
	trap '' INT TERM HUP
	if [ -n "$unproved" ]; then
		act_now >&2
		if [ "$status" = 130 ]; then record "${switched[@]}" interrupted; else status=5; fi
	elif [ "$status" = 130 ]; then
		note "nothing is urgent: build $(build_of "$(linked current)") is switched on"
	fi
	[ -z "${fresh:-}" ] || rm -rf "$fresh"
	exit "$status"
}
act_now() {
	local others
	others=$(find "$releases_root/releases" -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name "$unproved" -printf '%f ')
	cat <<-TEXT

		*** ACT NOW: build $(build_of "$unproved") is switched on, and nobody has seen it work.
		***   does it?  curl -s $url/health/ready | jq '{status, build_id}'; if so, nothing is urgent
		***   if not    stop the pilot (docs/runbook.md), read the programs' logs, and go to another build:
		***             ${others:+scripts/rollback --to one of }${others:-there is none here, deploy one}
	TEXT
}

# GET /health/ready names BUILD, and says ready.
prove() { # BUILD SECONDS
	local deadline=$((SECONDS + $2)) answer='' build=''
	while :; do
		answer=$(curl -s --max-time 10 ${cacert:+--cacert "$cacert"} "$url/health/ready" || true)
		build=$(jq -r '.build_id // empty' <<<"$answer" 2>/dev/null || true)
		if [ "$build" = "$1" ] && [ "$(jq -r .status <<<"$answer")" = ready ]; then
			return 0
		fi
		[ $SECONDS -lt "$deadline" ] || break
		sleep 0.2
	done
	if [ "$build" = "$1" ]; then
		note "$url/health/ready is build $build, and not ready: $(jq -c .failing_checks <<<"$answer")"
	else
		note "$url/health/ready names build '${build:-none}', not $1"
	fi
	return 1
}

# In ROOT/history, and in the audit log as far as the database is there.
record() { # ACTION FROM TO OUTCOME
	local who=${MIZAN_WHO:-${SUDO_USER:-$(id -un)}@$(uname -n)}
	printf '%(%Y-%m-%dT%H:%M:%SZ)T %s %s %s %s %s\n' -1 "${who// /_}" "$1" "$2" "$3" "$4" >>"$releases_root/history" ||
		note "$releases_root/history takes no line"
	if [ -z "$owner_url" ]; then
		note "DATABASE_OWNER_URL is not set: this is not in the audit log"
	elif ! (
		pg_url "$owner_url"
		export PGCONNECT_TIMEOUT=5
		pg_run -v actor="$who" -v action="release.$1" -v from="$2" -v to="$3" -v outcome="$4" -f - <<-'SQL'
			insert into audit_log (actor, action, object, detail)
			values (:'actor', :'action', 'release:' || :'to', jsonb_build_object('from', :'from', 'to', :'to', 'outcome', :'outcome'));
		SQL
	); then
		note "the database took no entry for the audit log; $releases_root/history has it"
	fi
}

# The release that ran before NAME was deployed, if it is still there.
before() {
	local found
	found=$(awk -v name="$1" '$3 == "deploy" && $5 == name { from = $4 } END { print from }' "$releases_root/history" 2>/dev/null)
	if [ "$found" != "$1" ] && [ -e "$releases_root/releases/$found/manifest.json" ]; then
		printf '%s' "$found"
	fi
}

# Back to NAME, and proof that it runs.  What comes before NAME is what a next rollback goes to.
go_back() { # NAME
	local left older
	left=$(linked current)
	older=$(before "$1")
	switch_to rollback "$left" "$1"
	if [ -n "$older" ]; then link_to previous "$older"; else rm -f "$releases_root/previous"; fi
	restart_programs | indented || { record rollback "$left" "$1" restart_failed; return 1; }
	prove "$(build_of "$1")" 60 || { record rollback "$left" "$1" not_proved; return 1; }
	proved
	record rollback "$left" "$1" ok
}
