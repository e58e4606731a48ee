#!/bin/sh
# The recogniser on live traffic of real programs: DNS, QUIC, proxies, tunnels, names that are hidden or
# missing, connections that began before. The ledger is compared with what the services' and proxies' own
# sockets carried, each cell (direction and service) standing for a way to find a name; the coverage with
# what the clients did; a replay of the same packets with the live capture.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
bench_requirements
for program in tcpdump dnsmasq gtlsclient gtlsserver; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
programs=$here/recognition
prefix=${IAGMETER_NETNS_PREFIX:-iagm-recog$$-}
clients=${prefix}clients
proxies=${prefix}proxies
servers=${prefix}servers
switch=${prefix}switch # its bridge carries everything, as the port that a switch mirrors to does
running=
stamps=
cleanup() {
    for job in $running $stamps; do
        kill "$job" 2>/dev/null || true
    done
    for namespace in "$clients" "$proxies" "$servers" "$switch"; do
        if [ -e "/run/netns/$namespace" ]; then
            ip netns pids "$namespace" | xargs --no-run-if-empty kill 2>/dev/null || true
            ip netns delete "$namespace"
        fi
    done
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# -- The network ------------------------------------------------------------------------------------

join_switch() { # NAMESPACE INTERFACE ADDRESS...
    ip link add "$2" netns "$1" type veth peer name "to-$2" netns "$switch"
    ip -n "$switch" link set "to-$2" master lan up
    ip -n "$1" link set lo up
    ip -n "$1" link set "$2" up
    namespace=$1 interface=$2
    shift 2
    for address in "$@"; do
        case $address in
        *:*) ip -n "$namespace" address add "$address/128" dev "$interface" nodad ;;
        *) ip -n "$namespace" address add "$address/32" dev "$interface" ;;
        esac
    done
    # Everybody is a neighbour; the default addresses are the first ones.
    ip -n "$namespace" route add 198.51.100.0/24 dev "$interface"
    ip -n "$namespace" route add 203.0.113.0/24 dev "$interface"
    ip -n "$namespace" route add 2001:db8::/32 dev "$interface"
}

for name in "$clients" "$proxies" "$servers" "$switch"; do
    ip netns add "$name"
done
ip netns exec "$switch" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip -n "$switch" link add lan type bridge 2>/dev/null || skip "no bridge can be made here"
ip -n "$switch" link set lan up
join_switch "$clients" lan 198.51.100.1 198.51.100.2 198.51.100.33 198.51.100.34 198.51.100.65 \
    198.51.100.66 198.51.100.67 198.51.100.161 198.51.100.190 2001:db8:1::1 2001:db8:3::1
join_switch "$proxies" dmz 198.51.100.193
join_switch "$servers" wan 203.0.113.130 203.0.113.140 203.0.113.150 203.0.113.160 203.0.113.200 \
    2001:db8:ffff::140 2001:db8:ffff::160 2001:db8:ffff::200
# Clients of the load balancers, where nobody sees them.
ip -n "$proxies" address add 198.51.100.97/32 dev lo
ip -n "$proxies" address add 2001:db8:2::97/128 dev lo nodad
# Clients send segments as a wire has them, so that a long ClientHello takes two; the servers' large
# ones come as segmentation offload makes them.
ip -n "$clients" link set lan gso_max_segs 1 gso_max_size 1514

# -- The programs -----------------------------------------------------------------------------------

wait_for() { # PATTERN FILE
    tries=400
    until grep -q -e "$1" "$2" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$2" >&2 || true; fail "no \"$1\" in $2"; }
        sleep 0.05
    done
}

logs=$directory/logs
mkdir "$logs" "$directory/pages"
"$here/bench/certificates.sh" "$directory"

# What a front that can encrypt the ClientHello publishes (RFC 9460; draft-ietf-tls-esni, 4): ALPN h2,
# a hint of its IPv4 address, and one ECH configuration whose outer name is cloudflare-ech.com.
https_record=$(printf '0001''00''0001000302''6832''00040004''cb007196''00050047''0045''fe0d0041'
    printf '01''0020''0020%064d''0004''00010001''00''12' 7
    printf cloudflare-ech.com | od -A n -t x1 | tr -d ' \n'
    printf 0000)
ip netns exec "$servers" dnsmasq --keep-in-foreground --conf-file=/dev/null --local=/#/ --no-resolv \
    --no-hosts --user=root --pid-file= --bind-interfaces \
    --listen-address=203.0.113.200,2001:db8:ffff::200 \
    --host-record=api.openai.com,203.0.113.130 \
    --host-record=www.rennes.example,203.0.113.130,2001:db8:ffff::200 \
    --host-record=api.mistral.ai,203.0.113.140,2001:db8:ffff::140 \
    --dns-rr="api.anthropic.com,65,$https_record" \
    --host-record=front.delivery.example,203.0.113.160 \
    --cname=albert.api.etalab.gouv.fr,edge.delivery.example,front.delivery.example \
    2>"$directory/dnsmasq.log" &
ip netns exec "$servers" node "$programs/servers.mjs" "$directory" "$logs/servers" \
    >"$directory/servers.out" &
server=$!
ip netns exec "$proxies" node "$programs/proxies.mjs" "$logs/proxies" >"$directory/proxies.out" &
quic_server() { # NAME ADDRESS PORT OPTION...
    name=$1 address=$2 port=$3
    shift 3
    ip netns exec "$servers" gtlsserver --no-quic-dump --no-http-dump --htdocs="$directory/pages" "$@" \
        "$address" "$port" "$directory/$name.key" "$directory/$name.pem" >"$logs/$name.quic" 2>&1 &
}
quic_server api.mistral.ai 203.0.113.140 443
quic_server albert.api.etalab.gouv.fr 2001:db8:ffff::160 443
quic_server api.anthropic.com 203.0.113.150 8443 --validate-addr
: >"$logs/servers"
: >"$logs/proxies"
: >"$directory/waiting"
for name in api.mistral.ai albert.api.etalab.gouv.fr api.anthropic.com; do
    wait_for 'document root' "$logs/$name.quic"
done
wait_for listening "$directory/servers.out"
wait_for listening "$directory/proxies.out"

printf '{"model":"some","stream":true,"messages":[{"role":"user","content":"%0400d"}]}' 1 \
    >"$directory/body"
body_of() { # BYTES: a request as a program sends it
    printf 'POST /v1/chat HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%0*d' "$1" "$1" 1
}

# call FROM NAME OPTION... URL...
call() {
    from=$1 name=$2
    shift 2
    ip netns exec "$clients" curl --silent --show-error --fail --max-time 20 \
        --interface "$from" --cacert "$directory/ca.pem" --header "X-Client: $from" --http1.1 \
        --data-binary "@$directory/body" "$@" >/dev/null || fail "curl to $name from $from"
}

# talk FROM TO:PORT OPTION...: one request, or those of the function $requests, by openssl. It
# closes when the answers to all are there, before the server does.
talk() {
    from=$1 to=$2 out=$(mktemp -p "$directory")
    shift 2
    "$requests" "$out" | ip netns exec "$clients" openssl s_client -quiet -no_ign_eof \
        -bind "$from:0" -connect "$to" "$@" >"$out" 2>"$out.err" || { cat "$out.err"; fail "openssl $to $*"; }
}
answered() { # COUNT FILE
    tries=400
    until [ "$(grep -c DONE "$2")" -eq "$1" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] && [ -e "$2" ] || fail "no answer in $2"
        sleep 0.05
    done
}
one_request() {
    body_of 400
    answered 1 "$1"
}
two_requests() { # the second one when $directory/go is there
    body_of 400
    answered 1 "$1"
    echo >>"$directory/waiting"
    while [ ! -e "$directory/go" ] && [ -e "$out" ]; do sleep 0.05; done
    body_of 500
    answered 2 "$1"
}

asked=0
ask() { # FROM udp|tcp TYPE NAME...: the last of the addresses is then in $told
    asked=$((asked + $# - 3))
    case $1 in *:*) resolver=2001:db8:ffff::200 ;; *) resolver=203.0.113.200 ;; esac
    from=$1
    shift
    told=$(ip netns exec "$clients" node "$programs/ask.mjs" "$from" "$resolver" "$@" | tail -n 1)
    [ -n "$told" ] || fail "the DNS told nothing: $*"
}

# quic FROM NAME ADDRESS PORT OPTION...: HTTP/3. The client takes its address from the routes, and the
# server's name from a file of hosts.
quic() {
    from=$1 name=$2 address=$3 port=$4
    shift 4
    ip -n "$clients" route replace "$address" dev lan src "$from"
    echo "$address $name" >"$directory/hosts"
    # shellcheck disable=SC2016
    ip netns exec "$clients" sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh \
        "$directory/hosts" timeout 20 gtlsclient --exit-on-all-streams-close --no-quic-dump \
        --no-http-dump --http-method=POST --data="$directory/body" \
        "$@" "$name" "$port" "https://$name/4000" >"$directory/quic.out" 2>&1 ||
        { tail -n 5 "$directory/quic.out"; fail "gtlsclient to $name from $from"; }
}

# -- What is encapsulated ---------------------------------------------------------------------------

# Each kind of tunnel leads from a client of its own to an address of its own.
tunnels=
number=0
add_tunnel() { # KIND OPTION...
    kind=$1
    shift
    number=$((number + 1))
    if ! ip -n "$clients" link add "$kind-1" type "$kind" "$@" 2>/dev/null; then
        skip_part "this kernel has no $kind"
        return
    fi
    ip -n "$clients" link delete "$kind-1"
    client=198.51.100.$((128 + number)) service=203.0.113.$((230 + number))
    tunnel_end "$clients" 198.51.100.1 203.0.113.130 "$client" "$service" "$kind" "$@"
    tunnel_end "$servers" 203.0.113.130 198.51.100.1 "$service" "$client" "$kind" "$@"
    tunnels="$tunnels $number"
}
tunnel_end() { # NAMESPACE LOCAL REMOTE OWN-ADDRESS OTHER-ADDRESS KIND OPTION...
    namespace=$1 local=$2 remote=$3 own=$4 other=$5 kind=$6
    shift 6
    [ "$kind" = geneve ] || set -- "$@" local "$local"
    ip -n "$namespace" link add "in-$kind" type "$kind" "$@" remote "$remote"
    ip -n "$namespace" link set "in-$kind" up
    ip -n "$namespace" address add "$own/32" dev "in-$kind"
    ip -n "$namespace" route add "$other/32" dev "in-$kind" src "$own"
}
add_tunnel vxlan id 7 dstport 4789
add_tunnel geneve id 7
add_tunnel gretap
add_tunnel gre
add_tunnel ipip

# -- Connections that are there before the meter ------------------------------------------------------

also() {
    "$@" &
    running="$running $!"
}
requests=two_requests
also talk 198.51.100.161 203.0.113.160:443 -servername albert.api.etalab.gouv.fr
also talk 198.51.100.190 203.0.113.160:443 -servername albert.api.etalab.gouv.fr
requests=one_request
tries=400
until [ "$(wc -l <"$directory/waiting")" -eq 2 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the first connections do not come about"
    sleep 0.05
done

# -- The meters -------------------------------------------------------------------------------------

meter() { # DIRECTORY
    ip netns exec "$switch" "$build/iagmeterd" -c "$1/iagmeter.conf" 2>"$1/log" &
}
finish() { # PID DIRECTORY
    kill -TERM "$1"
    wait "$1" || { cat "$2/log" >&2; fail "iagmeterd ended with an error"; }
}
configure "$directory/live" lan
configure "$directory/one-way" lan
# What clients send: to the services, and to the proxies.
upwards='dst net 203.0.113.0/24 or dst net 2001:db8:ffff::/48 or
    (dst host 198.51.100.193 and src net 198.51.100.0/24)'
sed -i "s|mode = \"immediate\"|&; filter = \"$(echo $upwards)\"|" "$directory/one-way/iagmeter.conf"
# So that tcpdump and the daemons see the same times.
ip netns exec "$switch" "$build/tests/bench/send" lan >"$directory/stamps.log" 2>&1 &
stamps=$!
wait_for stamping "$directory/stamps.log"
ip netns exec "$switch" tcpdump -i lan -s 0 -B 16384 -Z root --time-stamp-precision=nano \
    -w "$directory/live.pcap" 2>"$directory/tcpdump.log" &
recorder=$!
wait_for 'listening' "$directory/tcpdump.log"
meter "$directory/live"
live=$!
meter "$directory/one-way"
one_way=$!
wait_for 'metering 1 interface' "$directory/live/log"
wait_for 'metering 1 interface' "$directory/one-way/log"
kill -USR1 "$server"
wait_for '"begin"' "$logs/servers"

# -- What the clients do ----------------------------------------------------------------------------

# DSN, openai-api: TLS by its name, on any port, in one segment or several; a long request; HTTP in clear;
# and the extension for ECH with a name that is not an outer one, as browsers send it (GREASE).
openai='api.openai.com:443:203.0.113.130'
also call 198.51.100.1 api.openai.com --resolve "$openai" https://api.openai.com/ https://api.openai.com/
for port in 4433 8080; do
    also call 198.51.100.2 api.openai.com --resolve "api.openai.com:$port:203.0.113.130" \
        "https://api.openai.com:$port/"
done
also call 198.51.100.2 api.openai.com --resolve api.openai.com:80:203.0.113.130 http://api.openai.com/
head -c 200000 /dev/zero >"$directory/long"
# TLS 1.2: of 1.3, the tickets come in the middle of what goes up, and look like an answer.
also call 198.51.100.1 api.openai.com --resolve "$openai" --tls-max 1.2 --insecure \
    --data-binary "@$directory/long" https://api.openai.com/
padding=$(printf '%0250d' 1)
also talk 198.51.100.1 203.0.113.130:443 -servername api.openai.com \
    -alpn "http/1.1,$padding,$padding,$padding,$padding,$padding,$padding,$padding"
also talk 198.51.100.2 203.0.113.130:443 -servername api.openai.com -serverinfo 65037
# To resolvers that hide what they are asked.
also talk 198.51.100.1 203.0.113.200:443 -servername dns.google
also talk 198.51.100.1 203.0.113.200:853 -servername dns.google

# SDTIG: through the HTTP proxy, which asks for a password first (openai-api), and by SOCKS (anthropic-api).
proxy=198.51.100.193
also call 198.51.100.33 api.openai.com --proxy "http://agent:secret@$proxy:3128" --proxy-anyauth \
    https://api.openai.com/ https://api.openai.com/
also call 198.51.100.34 api.openai.com --proxy "http://agent:secret@$proxy:3128" https://api.openai.com/
also call 198.51.100.33 api.anthropic.com --proxy "socks5h://$proxy:1080" https://api.anthropic.com/
also call 198.51.100.33 api.anthropic.com --proxy "socks5h://agent:secret@$proxy:1080" \
    https://api.anthropic.com/
also call 198.51.100.34 api.anthropic.com --proxy "socks5://$proxy:1080" \
    --resolve api.anthropic.com:443:203.0.113.150 https://api.anthropic.com/
also call 198.51.100.34 api.anthropic.com --proxy "socks4a://$proxy:1080" https://api.anthropic.com/

# COPROD, openai-api; SDTIG, albert-api: what a load balancer says of its clients (PROXY protocol 1 and 2).
balanced() { # FROM NAME ADDRESS PORT
    ip netns exec "$proxies" curl --silent --show-error --fail --output /dev/null --max-time 20 \
        --interface "$1" --cacert "$directory/ca.pem" --header "X-Client: $1" --http1.1 \
        --data-binary "@$directory/body" --connect-to "$2:443:$3:$4" "https://$2/" ||
        fail "curl through the balancer from $1"
}
also balanced 198.51.100.97 api.openai.com 198.51.100.193 8001
also balanced 2001:db8:2::97 albert.api.etalab.gouv.fr '[::1]' 8002

# DPO, mistral-api: in tunnels.
for number in $tunnels; do
    also call "198.51.100.$((128 + number))" api.mistral.ai \
        --resolve "api.mistral.ai:443:203.0.113.$((230 + number))" https://api.mistral.ai/
done

# DIGICOM: no name at all, but the DNS was asked, over UDP (openai-api), over TCP and IPv6 (mistral-api), with
# an alias of an alias (albert-api); or an outer name and the address that an HTTPS record hints at
# (anthropic-api).
ask 198.51.100.65 udp A api.openai.com
also talk 198.51.100.65 "$told:443" -noservername
ask 2001:db8:3::1 tcp AAAA www.rennes.example api.mistral.ai
also talk '[2001:db8:3::1]' "[$told]:443" -noservername
ask 198.51.100.66 udp A albert.api.etalab.gouv.fr
also talk 198.51.100.66 "$told:443" -noservername
ask 198.51.100.67 udp HTTPS api.anthropic.com
also talk 198.51.100.67 "$told:443" -servername cloudflare-ech.com -serverinfo 65037

# Somebody of whom the DNS told nothing, or two things: no cell.
also talk 198.51.100.190 203.0.113.150:443 -servername cloudflare-ech.com -serverinfo 65037
also talk 198.51.100.190 203.0.113.150:443 -noservername
ask 198.51.100.190 udp A api.openai.com
ask 198.51.100.190 udp A www.rennes.example
also talk 198.51.100.190 "$told:443" -noservername

# HTTP/3. DSN: QUIC v1, over IPv6, with a Retry on another port; SDTIG: the draft of v2; DRH: the client's
# port changes on the way, as behind a translation of addresses.
quic 198.51.100.1 api.mistral.ai 203.0.113.140 443
quic 2001:db8:1::1 albert.api.etalab.gouv.fr 2001:db8:ffff::160 443
quic 198.51.100.1 api.anthropic.com 203.0.113.150 8443
quic 198.51.100.33 api.mistral.ai 203.0.113.140 443 --version=v2draft
ask 198.51.100.161 udp A api.mistral.ai
quic 198.51.100.161 api.mistral.ai "$told" 443 --delay-stream=600ms --change-local-addr=300ms \
    --nat-rebinding

# DRH, albert-api: the connection that began before the meter, once the client asked the DNS again.
ask 198.51.100.161 udp A albert.api.etalab.gouv.fr
: >"$directory/go"
for job in $running; do
    wait "$job" || exit 1
done
sleep 1
kill -TERM "$recorder"
wait "$recorder" || true
finish "$live" "$directory/live"
finish "$one_way" "$directory/one-way"

# -- Live, and the truth ----------------------------------------------------------------------------

state=$directory/live/state
intact "$state"
node "$programs/truth.mjs" "$logs"/* >"$directory/truth.tsv"
"$here/bench/ledger.sh" "$state" >"$directory/ledger.tsv"
compare() { # [OPTION]
    node "$here/bench/compare.mjs" "$directory/truth.tsv" "$directory/ledger.tsv" "$@" \
        >"$directory/out" || fail "the ledger is not what the sockets carried"
}
compare
[ "$(wc -l <"$directory/truth.tsv")" -ge 16 ] || fail "the truth lacks cells"
# What QUIC sends around its handshake may look like a request; the more so when a Retry asks for it again,
# or a client tries another port out.
sed -E -i '/^(DSN|SDTIG|DRH).mistral-api|^DSN.(albert|anthropic)-api/d' "$directory/truth.tsv" \
    "$directory/ledger.tsv"
compare --requests
echo "live: flows and bytes are those of the sockets, requests by TCP are all found"

coverage_is() { # WHERE NAME WANTED: in $directory/coverage, JSON
    found=$(sed -n "s/^ *\"$2\": \([0-9]*\)[.0]*,*$/\1/p" "$directory/coverage")
    [ "$found" = "$3" ] || fail "$1: $2 is $found, not $3"
}
all_is_told() { # WHERE
    # Six of DSN by TLS, six through proxies, two balanced, two to resolvers, five by QUIC; tunnels.
    coverage_is "$1" names_seen $((21 + $(echo "$tunnels" | wc -w)))
    coverage_is "$1" names_quic 5
    # Four of DIGICOM; of DRH, the connection from before, and the one from the other port.
    coverage_is "$1" names_hinted 6
    coverage_is "$1" names_encrypted 1
    # Of somebody of whom the DNS told nothing, or two things, and that one's connection from before.
    coverage_is "$1" names_missing 3
    coverage_is "$1" flows_resolver 2
    coverage_is "$1" dns_answers "$asked"
    for name in flows_one_way flows_evicted flows_untracked packets_dropped packets_undecodable \
        bytes_lost; do
        coverage_is "$1" "$name" 0
    done
}
status() { # DIRECTORY
    "$build/iagmeter" status --format json -c "$1/iagmeter.conf" >"$directory/coverage"
}
status "$directory/live"
all_is_told status
# A report leaves out the minute that is not over: it is told that all was an hour before.
configure "$directory/before"
cp "$state/ledger.db" "$directory/before/state/"
for table in activity impact coverage; do
    query "$directory/before/state" "UPDATE $table SET interval_start = interval_start - 3600"
done
month=$(TZ=Europe/Paris date -d "@$(query "$directory/before/state" \
    'SELECT max(interval_start) FROM coverage')" +%Y-%m)
expect 0 "$build/iagmeter" report month "$month" -c "$directory/before/iagmeter.conf" \
    --output "$directory/reports"
sed -n '/"coverage"/,/}/p' "$directory/reports/$month.json" >"$directory/coverage"
all_is_told report
echo "status and report: what was named, hinted and hidden is told"

# -- One way only -----------------------------------------------------------------------------------

named() { # STATE: what flows of named services carried upwards, in directions that need no hint
    query "$1" "SELECT sum(bytes_up) FROM activity JOIN direction ON id = direction
        WHERE code IN ('DSN', 'SDTIG', 'COPROD', 'DPO')"
}
[ "$(named "$directory/one-way/state")" = "$(named "$state")" ] ||
    fail "upwards alone: other bytes than when both ways are seen"
# What came down is what clients acknowledge, over TCP: not the servers' first words, and no more than there was.
down() { # STATE WHAT
    query "$1" "SELECT CAST(sum($2) AS INTEGER) FROM activity"
}
unseen=$(down "$directory/one-way/state" bytes_down)
[ "$unseen" -gt 0 ] && [ "$unseen" -lt "$(down "$state" bytes_down)" ] ||
    fail "upwards alone: $unseen B came down of $(down "$state" bytes_down)"
found=$(down "$directory/one-way/state" requests_central)
[ "$found" -gt 0 ] && [ "$found" -le "$(down "$state" requests_central)" ] ||
    fail "upwards alone: $found requests of $(down "$state" requests_central)"
[ "$(query "$directory/one-way/state" "SELECT count(*) FROM activity WHERE bytes_down > 0 AND grade < 5")" = 0 ] ||
    fail "upwards alone: a grade better than E"
echo "upwards alone: $unseen B of $(down "$state" bytes_down), $found requests of $(down "$state" requests_central)"
at_least_one() { # NAME
    [ "$(sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" "$directory/coverage")" -ge 1 ] || fail "no $1"
}
status "$directory/one-way"
at_least_one flows_one_way
coverage_is upwards names_hinted 0

replay() { # NAME [SETTINGS]
    configure "$directory/$1"
    echo "${2-}" >>"$directory/$1/iagmeter.conf"
    expect 0 "$build/iagmeterd" -c "$directory/$1/iagmeter.conf" -r "$directory/$1.pcap"
}
expect 0 tcpdump -r "$directory/live.pcap" -w "$directory/down.pcap" \
    'src net 203.0.113.0/24 or src net 2001:db8:ffff::/48'
# Answers without their questions, which anyone may have sent, are believed when the configuration says so.
cp "$directory/down.pcap" "$directory/unasked.pcap"
replay unasked
status "$directory/unasked"
at_least_one dns_unasked
coverage_is "downwards, unasked" names_hinted 0
grep -qF 'dns_answers = \"any\"' "$directory/coverage" || fail "what to do about it is not said"
replay down 'trust: { dns_answers = "any"; };'
status "$directory/down"
at_least_one flows_one_way
coverage_is downwards names_seen 0
# As before, and the first half of the connection by QUIC whose port changed.
coverage_is downwards names_hinted 7
[ "$(query "$directory/down/state" 'SELECT sum(bytes_up) FROM activity')" = 0 ] ||
    fail "downwards alone: something went up"
echo "one way only: named or hinted, counted, and said"

# -- The same packets again -------------------------------------------------------------------------

grep -q '^0 packets dropped by kernel' "$directory/tcpdump.log" ||
    fail "tcpdump lost packets: nothing to compare the replay with"
mv "$directory/live.pcap" "$directory/replay.pcap"
replay replay
"$here/bench/same.sh" "$state" "$directory/replay/state" || fail "live and replay differ"
echo "live and replay: the same"
echo "recognition: passed$skipped_parts"
