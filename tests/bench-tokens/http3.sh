#!/bin/sh
# http3.sh CERTIFICATES NAME...: Caddy, which speaks HTTP/3 for the servers that listen in clear at 127.0.0.1:8080
# (lib-server.mjs); until it is killed. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
certificates=$1
shift
XDG_DATA_HOME=$certificates
XDG_CONFIG_HOME=$certificates
export XDG_DATA_HOME XDG_CONFIG_HOME
{
    printf '{\n admin off\n ocsp_stapling off\n auto_https disable_redirects\n log {\n level ERROR\n }\n}\n'
    for name in "$@"; do
        cat <<EOF
https://$name {
    bind 203.0.113.200
    tls $certificates/$name.pem $certificates/$name.key
    reverse_proxy 127.0.0.1:8080 {
        flush_interval -1
        header_up x-bench-address {http.request.remote.host}
        header_up x-bench-port {http.request.remote.port}
    }
}
EOF
    done
} >"$certificates/Caddyfile"
caddy run --config "$certificates/Caddyfile" --adapter caddyfile &
pid=$!
trap 'kill $pid' TERM
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    if ss -Hlun 'sport = :443' | grep -q 203.0.113.200; then
        echo listening
        break
    fi
    sleep 0.2
done
wait $pid || true
