#!/bin/sh
# live.sh DIRECTORY [quick]: plays the bench of the APIs (lib-plan.mjs) live, in network namespaces, and leaves what a
# gateway saw of it and what was true in DIRECTORY: capture.pcap, truth.jsonl. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
[ $# -ge 1 ] || { echo "usage: live.sh DIRECTORY [quick]" >&2; exit 2; }
. "$(dirname "$0")/lib.sh"
plan="{\"seed\": \"${BENCH_SEED:-2026}\", \"quick\": $([ "${2:-}" = quick ] && echo true || echo false), \"h3\": false}"
live_start "$1" generativelanguage.googleapis.com
live_servers node "$live_here/api-servers.mjs" "$live/certificates" "$live/truth.jsonl" "$plan"
live_capture
live_client env NODE_EXTRA_CA_CERTS="$live/certificates/ca.pem" node "$live_here/api-clients.mjs" "$live/certificates/ca.pem" "$plan"
live_stop
