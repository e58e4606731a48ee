#!/bin/sh
# Local inference servers, metered by the daemon: recordings give what the server counted, by direction;
# live, also after a reload that adds servers, models and keys.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
command -v node >/dev/null || skip "node is not installed"
daemon=
server=
namespace=${bench_prefix}local
cleanup() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    ip netns delete "$namespace" 2>/dev/null || true
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fixtures=$root/tests/fixtures/inference
run=$directory/run
conf=$run/iagmeter.conf

# setup DIRECTORY INFERENCE [INTERFACE]
setup() {
    rm -rf "$1"
    configure "$1" ${3:+"$3"}
    cat >"$1/directions.conf" <<'END'
directions = (
    { code = "DSN"; label = "a"; prefixes = [ "127.0.1.0/24" ]; },
    { code = "DRH"; label = "b"; prefixes = [ "127.0.2.0/24" ]; },
    { code = "DCE"; label = "c"; prefixes = [ "127.0.3.0/24" ]; }
);
END
    sed -i "s|^directions = .*|directions = \"directions.conf\";|" "$1/iagmeter.conf"
    printf '%064d\n' 4711 >"$1/secret"
    chmod 640 "$1/secret"
    echo "inference = { $2 };" >>"$1/iagmeter.conf"
}

# Of one service: DIRECTION REQUESTS IN OUT; exact ones of grade A alone.
recorded() {
    query "$run/state" "SELECT code, sum(requests_central), sum(tokens_in_central), sum(tokens_out_central)
        FROM activity JOIN direction d ON d.id = direction JOIN service s ON s.id = service WHERE s.name = '$1'
        AND requests_low = requests_high AND tokens_in_low = tokens_in_high AND tokens_out_low = tokens_out_high
        AND grade = 1 AND requests_central > 0 GROUP BY code ORDER BY code" | tr '|' ' ' | sed 's/\.0\b//g'
}
used() {
    query "$run/state" "SELECT code, round(sum(requests), 6), round(sum(tokens_in), 6), round(sum(tokens_out), 6)
        FROM local_use JOIN direction d ON d.id = direction JOIN service s ON s.id = service WHERE s.name = '$1'
        GROUP BY code ORDER BY code" | tr '|' ' ' | sed 's/\.0\b//g'
}

# -- Recordings -------------------------------------------------------------------------------------

replayed=0
while read -r capture port; do
    node "$here/local.mjs" expected "$capture" >"$directory/expected"
    [ -s "$directory/expected" ] || fail "the truth has nothing of $capture"
    for workers in '' '-w 1' '-w 3'; do
        setup "$run" "servers = ( { port = $port; service = \"local-llama\"; } );"
        # shellcheck disable=SC2086
        expect 0 "$build/iagmeterd" -c "$conf" -r "$fixtures/$capture" $workers
        [ ! -s "$directory/err" ] || fail "$capture: the daemon says something"
        recorded local-llama >"$directory/recorded"
        used local-llama >"$directory/used"
        cmp "$directory/expected" "$directory/recorded" >&2 || fail "$capture $workers: activity"
        cmp "$directory/expected" "$directory/used" >&2 || fail "$capture $workers: use"
    done
    replayed=$((replayed + 1))
done <<'END'
01_nonstream_close.pcap 8080
03_stream_with_usage.pcap 8080
04_stream_without_usage.pcap 8080
05_stream_keepalive_mixed.pcap 8080
07_dialects.pcap 8080
10_expect_100_continue.pcap 8080
11_prompt_cache_hit.pcap 8080
14_chunked_request_body.pcap 8080
20_slow_interleaved_3_departments.pcap 8081
24_tls_h1_reverse_proxy_both_sides.pcap 8081
25_tls_h2_curl.pcap 8081
40_SYNTH_ollama_ndjson.pcap 11434
END
echo "local: $replayed recordings give what the server counted, with one worker or more"

# The other port of the same traffic is none that is configured: nothing of it is counted.
setup "$run" 'servers = ( { port = 8080; service = "local-llama"; } );'
expect 0 "$build/iagmeterd" -c "$conf" -r "$fixtures/20_slow_interleaved_3_departments.pcap"
[ -z "$(query "$run/state" 'SELECT * FROM activity UNION SELECT * FROM activity')" ] ||
    fail "a port that is not configured is metered"

# What was cut off and what is lost has a band, and is said.
setup "$run" 'servers = ( { port = 8081; service = "local-llama"; } );'
expect 0 "$build/iagmeterd" -c "$conf" -r "$fixtures/21_client_abort_midstream.pcap"
[ "$(query "$run/state" 'SELECT requests_central = 1 AND tokens_in_low < 47 AND tokens_in_high > 47
    AND tokens_out_low = 12 AND tokens_out_high > 12 AND grade > 2 FROM activity')" = 1 ] ||
    fail "an answer that was cut off is not estimated"
"$build/iagmeter" status -c "$conf" >"$directory/out"
grep -q '^exchanges in clear *1$' "$directory/out" || fail "status counts no exchange"
grep -q '^  tokens not stated *1 (100.00 %)$' "$directory/out" || fail "status does not say what was not stated"

setup "$run" 'servers = ( { port = 8080; service = "local-vllm"; models = ( { name = "tiny-random"; service = "local-llama"; } ); } );'
expect 0 "$build/iagmeter" inspect -c "$conf" "$fixtures/05_stream_keepalive_mixed.pcap"
[ "$(cut -f 5 "$directory/out" | grep -c '^local-llama$')" -eq 5 ] || fail "inspect does not show the model's service"
echo "local: ports, models, what is not known"

# -- Live -------------------------------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! ip netns add "$namespace" 2>/dev/null; then
    skip_part "network namespaces need root"
    echo "local: passed$skipped_parts"
    exit 0
fi
ip -n "$namespace" link set lo up
setup "$run" 'secret = "secret";' lo
log=$directory/log
: >"$log"
ip netns exec "$namespace" node "$here/local.mjs" serve 8000 "$directory/stated" >"$directory/server" 2>&1 &
server=$!
ip netns exec "$namespace" "$build/iagmeterd" -c "$conf" 2>>"$log" &
daemon=$!
await() { # FILE PATTERN
    tries=300
    until grep -q -e "$2" "$1"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$1" >&2; fail "no \"$2\""; }
        sleep 0.1
    done
}
await "$directory/server" listening
await "$log" 'metering 1 interface'
ask() {
    ip netns exec "$namespace" node "$here/local.mjs" ask 8000 "$@"
}
ask 2 # no server is configured yet
hash=$(echo sk-dir-DRH-0002 | "$build/iagmeter" hash-key -c "$conf")
sed -i "s|^inference = .*|inference = { secret = \"secret\"; direction_by = [ \"key\", \"address\" ];\
 servers = ( { port = 8000; service = \"local-vllm\"; models = ( { name = \"qwen3-8b\"; service = \"local-llama\"; } ); } );\
 keys = ( { direction = \"DRH\"; hash = \"$hash\"; users = 30; } ); };|" "$conf"
expect 0 "$build/iagmeterd" -t -c "$conf"
: >"$directory/stated"
kill -HUP "$daemon"
await "$log" 'read again'
ask 5
ask 3 127.0.3.4 other
sed -i 's|"qwen3-8b"; service = "local-llama"|"qwen3-8b"; service = "local-ollama"|; s|users = 30;||; s|"key", "address"|"address"|' "$conf"
kill -HUP "$daemon"
tries=100
until [ "$(grep -c 'read again' "$log")" -ge 2 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the files were not read again"
    sleep 0.1
done
ask 4
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
[ "$status" -eq 0 ] || { cat "$log" >&2; fail "the daemon ended with $status"; }
stated() { # FIRST LAST: of the lines of the server's own account
    sed -n "$1,$2p" "$directory/stated" | awk -v code="$3" '{ n++; i += $2; o += $3 } END { print code, n, i, o }'
}
[ "$(recorded local-llama)" = "$(stated 1 5 DRH)" ] || fail "live: $(recorded local-llama)"
[ "$(recorded local-vllm)" = "$(stated 6 8 DRH)" ] || fail "live: $(recorded local-vllm)"
[ "$(recorded local-ollama)" = "$(stated 9 12 DSN)" ] || fail "live: $(recorded local-ollama)"
for service in local-llama local-vllm local-ollama; do
    [ "$(recorded $service)" = "$(used $service)" ] || fail "live: $service was used $(used $service)"
done
[ "$(query "$run/state" 'SELECT group_concat(devices) FROM (SELECT devices FROM device_day ORDER BY devices)')" = 1,30,30 ] ||
    fail "users: $(query "$run/state" 'SELECT * FROM device_day')"
[ "$(query "$run/state" 'SELECT sum(local_exchanges) FROM coverage')" = 12 ] || fail "what came before the reload is counted"
if grep -r -a -q 'sk-dir-DRH\|qwen3-8b' "$run/state" "$log"; then
    fail "a key or a model is kept"
fi
echo "local: live, with a reload that adds servers, models and keys"
echo "local: passed$skipped_parts"
