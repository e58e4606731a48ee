#!/bin/sh
# run.sh LOG: plays the scenario on a bench that is up, and writes the services' log (JSON lines).
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/names.sh"
[ $# -eq 1 ] || { echo "usage: run.sh LOG" >&2; exit 2; }
bench_requirements
[ -e "/run/netns/$bench_server" ] || { echo "run.sh: the bench is not up (up.sh)" >&2; exit 1; }

directory=$(mktemp -d)
server=
clients=
stop() {
    for process in $server $clients; do
        kill "$process" 2>/dev/null || true
    done
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM

: >"$1"
"$here/certificates.sh" "$directory"
ip netns exec "$bench_server" node "$here/server.mjs" "$directory" "$1" >"$directory/server.out" &
server=$!
tries=100
until grep -q listening "$directory/server.out"; do
    kill -0 "$server" 2>/dev/null || { echo "run.sh: the services did not start" >&2; exit 1; }
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "run.sh: the services do not answer" >&2; exit 1; }
    sleep 0.1
done

ip netns exec "$bench_client" node "$here/clients.mjs" "$here/scenario.tsv" "$directory/ca.pem" \
    "$directory" & # a shell answers signals while it waits, not while a command runs
clients=$!
wait "$clients"
clients=
sleep 0.5 # lets the last connections close, hence be logged
