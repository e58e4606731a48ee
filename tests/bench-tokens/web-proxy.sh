#!/bin/sh
# web-proxy.sh CERTIFICATES DIRECTORY NAME=ADDRESS...: what speaks HTTP/3 in front of web-server.mjs: Caddy. Prints
# "listening". SPDX-License-Identifier: GPL-3.0-or-later
set -eu
certificates=$1
directory=$2
shift 2
{
    printf '{\n\tadmin off\n\tauto_https off\n\tocsp_stapling off\n\tservers {\n\t\tprotocols h1 h2 h3\n\t}\n}\n'
    for site in "$@"; do
        name=${site%=*}
        printf 'https://%s {\n\tbind %s\n\ttls %s/%s.pem %s/%s.key\n' "$name" "${site#*=}" "$certificates" "$name" "$certificates" "$name"
        printf '\treverse_proxy 127.0.0.1:8080 {\n\t\tflush_interval -1\n'
        printf '\t\theader_up x-bench-address {remote_host}\n\t\theader_up x-bench-port {remote_port}\n\t}\n}\n'
    done
} >"$directory/Caddyfile"
export HOME="$directory" # where it keeps its state
caddy run --config "$directory/Caddyfile" --adapter caddyfile 2>&1 |
    sed -u -n -e 's/.*serving initial configuration.*/listening/p' -e '/^\(Error\|run\): /p'
