#!/bin/sh
# web.sh DIRECTORY [usual|more|others|office]: web applications of generative AI, and people who use them in headless Chromiums, over HTTP/2,
# WebSocket and HTTP/3: ChatGPT, claude.ai, Gemini and Copilot; Le Chat and DeepSeek; Perplexity and Grok; or Microsoft 365 Copilot
# (over HTTP/3 only what else its host carries) and the assistant of the French state. Leaves what a gateway saw of it and what was true in DIRECTORY: capture.pcap, truth.jsonl.
# BENCH_SEED, BENCH_WEB_SECONDS and BENCH_WEB_PEOPLE (per application and transport) make the scenario.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
applications=${2:-usual}
case $#$applications in 1usual | 2usual | 2more | 2others | 2office) ;; *)
    echo "usage: web.sh DIRECTORY [usual|more|others|office]" >&2
    exit 2
    ;;
esac
IAGMETER_NETNS_PREFIX=${IAGMETER_NETNS_PREFIX:-iagt-}web- # beside the bench of the APIs
. "$(dirname "$0")/lib.sh"
for program in chromium caddy; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
mkdir -p "$1"
directory=$(cd "$1" && pwd)
temporary=$(mktemp -d) # profiles of the browsers
trap 'rm -rf "$temporary"' EXIT
live_temporary=$temporary
# The first addresses are of applications over HTTP/2, those from 220 on belong to the proxy that speaks QUIC.
if [ "$applications" = usual ]; then
    names="gemini.google.com copilot.microsoft.com files.oaiusercontent.com lh3.googleusercontent.com
        sdmntprwestus.oaiusercontent.com"
    known="chatgpt.com claude.ai"
    addresses="203.0.113.210 203.0.113.211 203.0.113.212 203.0.113.213"
    quic="chatgpt.com=203.0.113.220 files.oaiusercontent.com=203.0.113.220 sdmntprwestus.oaiusercontent.com=203.0.113.220
        claude.ai=203.0.113.221 gemini.google.com=203.0.113.222 lh3.googleusercontent.com=203.0.113.222"
    places="h2:chatgpt-web=203.0.113.210 h2:claude-web=203.0.113.211 h2:gemini-web=203.0.113.212 h2:copilot-web=203.0.113.213
        h3:chatgpt-web=203.0.113.220 h3:claude-web=203.0.113.221 h3:gemini-web=203.0.113.222"
elif [ "$applications" = more ]; then
    names="chat.deepseek.com"
    known="chat.mistral.ai"
    addresses="203.0.113.214 203.0.113.215"
    quic="chat.mistral.ai=203.0.113.224 chat.deepseek.com=203.0.113.225"
    places="h2:mistral-web=203.0.113.214 h2:deepseek-web=203.0.113.215 h3:mistral-web=203.0.113.224 h3:deepseek-web=203.0.113.225"
elif [ "$applications" = office ]; then
    names="m365.cloud.microsoft substrate.svc.cloud.microsoft assistant.numerique.gouv.fr"
    known=
    addresses="203.0.113.218 203.0.113.219"
    quic="m365.cloud.microsoft=203.0.113.228 substrate.svc.cloud.microsoft=203.0.113.228"
    places="h2:copilot-m365=203.0.113.218 h2:albert-chat=203.0.113.219 h3:copilot-m365=203.0.113.228"
else
    names="www.perplexity.ai grok.com"
    known=
    addresses="203.0.113.216 203.0.113.217"
    quic="www.perplexity.ai=203.0.113.226"
    places="h2:perplexity-web=203.0.113.216 h2:grok-web=203.0.113.217 h3:perplexity-web=203.0.113.226"
fi
# shellcheck disable=SC2086
live_start "$directory" $names
for address in $addresses $(printf '%s\n' $quic | sed 's/.*=//' | sort -u); do
    ip -n "$bench_server" address add "$address/24" dev wan
done
spki=
for name in $known $names; do
    digest=$(openssl x509 -in "$live/certificates/$name.pem" -noout -pubkey |
        openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
    spki=$spki${spki:+,}$digest
done
# shellcheck disable=SC2086
live_servers node "$live_here/web-server.mjs" "$live/certificates" "$live/truth.jsonl" $addresses
# shellcheck disable=SC2086
live_servers "$live_here/web-proxy.sh" "$live/certificates" "$temporary" $quic
live_capture
# shellcheck disable=SC2086
live_client env HOME="$temporary" node "$live_here/web-browser.mjs" "$temporary" "${BENCH_SEED:-2026}" \
    "${BENCH_WEB_SECONDS:-70}" "${BENCH_WEB_PEOPLE:-3}" "$spki" $places
live_stop
