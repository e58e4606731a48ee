#!/bin/sh
# Answers in zstd, made by somebody else's program: a local inference server behind Caddy, which compresses
# what it passes on, streams too; the clear leg behind it is not metered, so that nothing counts twice.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
for program in node caddy ip; do
    command -v $program >/dev/null || skip "$program is not installed"
done
daemon=
server=
caddy=
namespace=${bench_prefix}zstd
cleanup() {
    for pid in $daemon $caddy $server; do kill "$pid" 2>/dev/null || true; done
    ip netns delete "$namespace" 2>/dev/null || true
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ "$(id -u)" -ne 0 ] || ! ip netns add "$namespace" 2>/dev/null; then
    skip "network namespaces need root"
fi
ip -n "$namespace" link set lo up
run=$directory/run
conf=$run/iagmeter.conf
log=$directory/log

configure "$run" lo
cat >"$run/directions.conf" <<'END'
directions = ( { code = "DSN"; label = "a"; prefixes = [ "127.0.1.0/24" ]; } );
END
sed -i 's|^directions = .*|directions = "directions.conf";|' "$conf"
echo 'inference = { servers = ( { port = 8001; service = "local-vllm"; } ); };' >>"$conf"
cat >"$directory/Caddyfile" <<'END'
{
    admin off
    auto_https off
}
http://:8001 {
    encode zstd {
        minimum_length 1
        match header Content-Type *
    }
    reverse_proxy 127.0.0.1:8000 {
        flush_interval -1
    }
}
END
await() { # FILE PATTERN
    tries=300
    until grep -q -e "$2" "$1"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$1" >&2; fail "no \"$2\""; }
        sleep 0.1
    done
}
: >"$log"
ip netns exec "$namespace" node "$here/local.mjs" serve 8000 "$directory/stated" >"$directory/server" 2>&1 &
server=$!
XDG_DATA_HOME=$directory XDG_CONFIG_HOME=$directory ip netns exec "$namespace" \
    caddy run --config "$directory/Caddyfile" --adapter caddyfile >"$directory/caddy" 2>&1 &
caddy=$!
ip netns exec "$namespace" "$build/iagmeterd" -c "$conf" 2>>"$log" &
daemon=$!
await "$directory/server" listening
await "$directory/caddy" 'serving initial configuration'
await "$log" 'metering 1 interface'

asked=8
coded=$(ip netns exec "$namespace" node "$here/local.mjs" ask 8001 $asked 127.0.1.5 qwen3-8b zstd)
[ "$coded" = $asked ] || fail "$coded of $asked answers came in zstd"
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
[ "$status" -eq 0 ] || { cat "$log" >&2; fail "the daemon ended with $status"; }

stated=$(awk '{ n++; i += $2; o += $3 } END { print "DSN", n, i, o }' "$directory/stated")
used=$(query "$run/state" "SELECT code, round(sum(requests), 6), round(sum(tokens_in), 6), round(sum(tokens_out), 6)
    FROM local_use JOIN direction d ON d.id = direction GROUP BY code" | tr '|' ' ' | sed 's/\.0\b//g')
[ "$used" = "$stated" ] || fail "\"$used\" was read, \"$stated\" was stated"
[ "$(query "$run/state" 'SELECT count(*) FROM activity WHERE grade > 1')" = 0 ] || fail "not all of it is of grade A"
echo "zstd: $asked answers, half of them streams, gave the tokens that the server stated"
echo "zstd: passed"
