# Sourced, never run: the certificate and the nginx of scripts/stack.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what one of its files sets, others use

# A certificate authority for one certificate; its key is thrown away, so that nobody who
# comes to trust it has to trust anything else.
make_certificate() {
	local tls=$real/tls
	if ! openssl x509 -in "$tls/server.pem" -noout -checkend 604800 >/dev/null 2>&1; then
		(
			cd "$tls"
			umask 077
			openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 800 \
				-subj "/CN=Mizan local CA" -addext basicConstraints=critical,CA:true,pathlen:0 \
				-addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
				-keyout server.key -out server.csr
			openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days 800 -out server.pem \
				-extfile <(printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
					'basicConstraints=critical,CA:false' 'extendedKeyUsage=serverAuth' 'keyUsage=critical,digitalSignature')
			rm ca.key server.csr
			cat /etc/ssl/certs/ca-certificates.crt ca.pem >bundle.pem 2>/dev/null || cp ca.pem bundle.pem
			chmod 644 ca.pem server.pem bundle.pem
		) 2>"$real/conf/openssl.log" || { cat "$real/conf/openssl.log" >&2; die "no certificate could be made"; }
		own "$tls/server.key"
		step certificate "new, for localhost"
	fi
}

listen_lines() {
	printf 'listen 127.0.0.1:%s ssl http2 default_server backlog=1024;' "$1"
	! grep -qs '^00000000000000000000000000000001 ' /proc/net/if_inet6 ||
		printf ' listen [::1]:%s ssl http2 default_server backlog=1024;' "$1"
}

# nginx serves a copy, like the programs one, whole at any time; a changed page needs no other nginx.
copy_html() {
	local new old
	new=$(mktemp -d "$real/html.XXXXXX")
	cp -r "$from/nginx/html/." "$from/docs/openapi.yaml" "$new/"
	chmod -R a+rX "$new"
	old=$(readlink "$real/html" || true)
	[ -L "$real/html" ] || rm -rf "$real/html"
	ln -sfn "${new##*/}" "$real/html.link"
	mv -T "$real/html.link" "$real/html"
	[ -z "$old" ] || rm -rf "${real:?}/$old"
}

write_nginx_conf() {
	local conf=$real/nginx.conf.d workers upload
	settings_of nginx
	mkdir -p "$conf"
	workers=$(nproc)
	workers=$((workers > 4 ? 4 : workers))
	upload=$(number MAX_UPLOAD_BYTES 10485760)
	cp "$from"/nginx/mizan-*.conf "$conf/"
	copy_html
	"$here/render" "$from/nginx/mizan.conf.in" CONF_DIR="$conf" SOCKET_DIR="$real/sock" HTML_DIR="$real/html" \
		LISTEN="$(listen_lines "$port")" ACCESS_LOG="$real/log/access.log" UPLOAD_DIR="$real/nginx/uploads" \
		TLS_CERT="$real/tls/server.pem" TLS_KEY="$real/tls/server.key" \
		MAX_UPLOAD_BYTES="$upload" CLIENT_MAX_BODY=$((upload + 65536)) \
		READ_TIMEOUT=$(($(number SYNC_WAIT_MS 30000) / 1000 + 15)) \
		RATE_LIMIT_RPS="$(number RATE_LIMIT_RPS 100000)" RATE_LIMIT_BURST="$(number RATE_LIMIT_BURST 100000)" \
		CONN_LIMIT="$(number CONN_LIMIT 10000)" >"$conf/mizan.conf"
	"$here/render" "$from/nginx/nginx.conf.in" CONF_DIR="$conf" DIR="$real" NGINX_WORKERS="$workers" >"$conf/nginx.conf"
	chmod -R a+rX "$conf"
	nginx_is=$(cat "$conf"/*.conf "$real/tls/server.pem" | sha256sum)
}

# Reloads where its files alone changed: the port stays open, requests under way are finished.
start_nginx() {
	local nginx=("$(command -v nginx)" -p "$real/nginx" -e stderr -c "$real/nginx.conf.d/nginx.conf") was
	if running nginx && [ "$nginx_is" != "$(cat "$real/conf/nginx.files" 2>/dev/null)" ]; then
		(bare_environment; cd "$real"; "${as[@]}" "${nginx[@]}" -t -q) 2>"$real/conf/nginx-t.log" || {
			cat "$real/conf/nginx-t.log" >&2
			fail '' "nginx does not take its configuration"
		}
		was=$(pgrep -P "$(pid_of nginx)" | sort)
		kill -s HUP "$(pid_of nginx)"
		wait_until 10 nginx_reloaded "$was" || fail nginx "nginx does not reload"
		step nginx reloaded
	fi
	printf '%s\n' "$nginx_is" >"$real/conf/nginx.files"
	start nginx QUIT 12 bare_environment "${nginx[@]}"
}
nginx_reloaded() { [ -n "$(comm -13 <(printf '%s\n' "$1") <(pgrep -P "$(pid_of nginx)" | sort))" ]; }
