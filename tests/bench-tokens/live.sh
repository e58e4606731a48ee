#!/bin/sh
# live.sh DIRECTORY [quick|media]: plays the bench of the APIs (lib-plan.mjs) live, in network namespaces, and leaves what a
# gateway saw of it and what was true in DIRECTORY: capture.pcap, truth.jsonl. quick: a few exchanges; media: what is no text
# (lib-media.mjs) instead, in a run of its own, since megabytes would delay the others' prompts. BENCH_SEED: what its chance comes from;
# BENCH_FASTER: so many times the pace of usual models. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
case "$#:${2:-}" in
1: | 2:quick | 2:media) ;;
*)
    echo "usage: live.sh DIRECTORY [quick|media]" >&2
    exit 2
    ;;
esac
. "$(dirname "$0")/lib.sh"
h3=false
if [ "${2:-}" != quick ] && command -v caddy >/dev/null && command -v gtlsclient >/dev/null; then
    h3=true
else
    [ "${2:-}" = quick ] || echo "HTTP/3: skipped, caddy or ngtcp2-client is not installed" >&2
fi
plan="{\"seed\": \"${BENCH_SEED:-2026}\", \"mode\": \"${2:-}\", \"h3\": $h3, \"faster\": ${BENCH_FASTER:-1}}"
live_start "$1" generativelanguage.googleapis.com api.together.xyz
live_servers node "$live_here/api-servers.mjs" "$live/certificates" "$live/truth.jsonl" "$plan"
[ $h3 = false ] || live_servers "$live_here/http3.sh" "$live/certificates" api.openai.com api.anthropic.com api.mistral.ai \
    generativelanguage.googleapis.com
live_capture
# The proxy's address, for the client of HTTP/3; the others have a table. In a mount namespace: "ip netns exec" makes one.
for name in api.openai.com api.anthropic.com api.mistral.ai generativelanguage.googleapis.com; do
    echo "203.0.113.200 $name"
done >"$live/hosts"
# shellcheck disable=SC2016
live_client sh -c 'mount --bind "$1" /etc/hosts; shift; exec "$@"' - "$live/hosts" \
    env NODE_EXTRA_CA_CERTS="$live/certificates/ca.pem" node "$live_here/api-clients.mjs" "$live/certificates/ca.pem" "$plan"
live_stop
