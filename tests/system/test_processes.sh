#!/bin/sh
# The daemon as processes: replays that agree to the bit; and live on a veth, what it does when it is
# told to stop or to read its files again, when one of its processes is killed, when the interface goes
# away, and which rights each process has.
# Runs first: it takes long.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
gateway=${IAGMETER_NETNS_PREFIX:-iagm-proc$$-}gateway
client=${IAGMETER_NETNS_PREFIX:-iagm-proc$$-}client
daemon=
server=
cleanup() {
    for process in $daemon $server; do
        kill -KILL "$process" 2>/dev/null || true
    done
    for namespace in "$gateway" "$client"; do
        [ ! -e "/run/netns/$namespace" ] || ip netns delete "$namespace"
    done
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# -- Replays ----------------------------------------------------------------------------------------

replay() { # NAME CAPTURE...
    name=$1
    shift
    configure "$directory/$name"
    for capture in "$@"; do
        expect 0 "$build/iagmeterd" -c "$directory/$name/iagmeter.conf" -r "$capture"
        [ ! -s "$directory/err" ] || fail "$name: a replay says something"
    done
    intact "$directory/$name/state"
}

replay one "$demo"
replay two "$demo"
measures "$directory/one/state" >"$directory/tables-one"
measures "$directory/two/state" >"$directory/tables-two"
cmp "$directory/tables-one" "$directory/tables-two" || fail "two replays give different ledgers"
[ "$(grep -c '^INSERT INTO activity' "$directory/tables-one")" -ge 10 ] || fail "nothing was recorded"
(cd "$directory/one/state/rrd" && find . -name '*.rrd' | sort) >"$directory/files-one"
(cd "$directory/two/state/rrd" && find . -name '*.rrd' | sort) >"$directory/files-two"
cmp "$directory/files-one" "$directory/files-two" || fail "two replays give different databases"
"$build/iagmeter" status -c "$directory/one/iagmeter.conf" | grep -q '^daemon *not running' ||
    fail "status takes a replay that ended for a daemon"

# The demonstration, and again two minutes later: in one file, and in two. What is measured is the
# same; only how long was observed differs, as nobody watched between two files.
command -v perl >/dev/null || skip "perl is not installed"
perl -e 'binmode STDIN; binmode STDOUT; local $/; my $d = <STDIN>;
    for (my $at = 24; $at < length $d;) {
        my ($s, $ns, $captured) = unpack "V3", substr $d, $at, 12;
        substr($d, $at, 4) = pack "V", $s + 120;
        $at += 16 + $captured;
    }
    print $d' <"$demo" >"$directory/later.pcap"
{ cat "$demo"; tail -c +25 "$directory/later.pcap"; } >"$directory/whole.pcap"
replay whole "$directory/whole.pcap"
replay parts "$demo" "$directory/later.pcap"
for table in direction service activity impact device_day; do
    tables "$directory/whole/state" "$table" >"$directory/tables-one"
    tables "$directory/parts/state" "$table" >"$directory/tables-two"
    cmp "$directory/tables-one" "$directory/tables-two" ||
        fail "a capture in two files gives another table $table"
done
for state in whole parts; do
    query "$directory/$state/state" 'SELECT interval_start, packets, bytes, flows, names_seen
        FROM coverage WHERE packets > 0' >"$directory/coverage-$state"
done
cmp "$directory/coverage-whole" "$directory/coverage-parts" || fail "packets were counted differently"
[ "$(wc -l <"$directory/coverage-whole")" -ge 2 ] || fail "the two parts are in one minute"

# The later one first: the graphs have both all the same.
replay backwards "$directory/later.pcap" "$demo"
if command -v rrdtool >/dev/null; then
    "$here/bench/rrd.sh" "$directory/backwards/state" ||
        fail "graphs lack what is later than the last replay"
else
    skip_part "rrdtool is not installed: no graphs"
fi

# From a pipe, and into a ledger that already has it: sums, in the same interval.
expect 0 "$build/iagmeterd" -c "$directory/two/iagmeter.conf" -r - <"$demo"
[ "$(query "$directory/two/state" 'SELECT sum(flows) FROM activity')" -eq \
    "$((2 * $(query "$directory/one/state" 'SELECT sum(flows) FROM activity')))" ] ||
    fail "a second replay was not added"
echo "replays: the same to the bit"

# One that waits for its first packet can be told to stop, and has changed nothing.
if command -v pgrep >/dev/null; then
    measures "$directory/one/state" >"$directory/tables-one"
    mkfifo "$directory/pipe"
    sleep 1000 >"$directory/pipe" &
    holder=$!
    "$build/iagmeterd" -c "$directory/one/iagmeter.conf" -r - <"$directory/pipe" 2>"$directory/err" &
    daemon=$!
    until pgrep -P "$daemon" -x iagmeterd >/dev/null; do
        kill -0 "$daemon" 2>/dev/null || fail "a replay of a pipe ended before it began"
        sleep 0.1
    done
    kill -TERM "$daemon"
    status=0
    wait "$daemon" || status=$?
    daemon=
    kill "$holder"
    [ "$status" -eq 0 ] || fail "a replay that was told to stop ended with $status"
    measures "$directory/one/state" >"$directory/tables-two"
    cmp "$directory/tables-one" "$directory/tables-two" || fail "a replay of nothing changed the ledger"
    echo "replays: one that waits can be stopped"
else
    skip_part "pgrep is not installed: stopping a replay"
fi

# -- Live: what it takes ----------------------------------------------------------------------------

replays_only() {
    skip_part "$*: nothing live"
    echo "processes: passed$skipped_parts"
    exit 0
}
[ "$(id -u)" -eq 0 ] || replays_only "network namespaces need root"
for program in ip openssl pgrep setpriv; do
    command -v "$program" >/dev/null || replays_only "$program is not installed"
done
ip netns add "$gateway" 2>/dev/null || replays_only "ip netns does not work here"
ip netns add "$client"

connect_interface() {
    ip link add lan netns "$gateway" type veth peer name lan netns "$client"
    ip -n "$gateway" link set lan up
    ip -n "$client" link set lan up
    ip -n "$gateway" address add 203.0.113.130/24 dev lan
    ip -n "$gateway" route add 198.51.100.0/24 dev lan
    ip -n "$client" address add 198.51.100.1/24 dev lan # of DSN
    ip -n "$client" route add 203.0.113.0/24 dev lan
}
connect_interface
# Answers what it can without a certificate, an alert: the name was sent before.
ip netns exec "$gateway" openssl s_server -accept 443 -nocert -quiet </dev/null >/dev/null 2>&1 &
server=$!

hello() { # NAME: one connection with that server name
    tries=50
    until ip netns exec "$client" timeout 5 openssl s_client -connect 203.0.113.130:443 \
        -servername "$1" </dev/null 2>&1 | grep -q 'alert\|CONNECTED'; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "no connection to the test's own server"
        sleep 0.1
    done
}

live=$directory/live
configure "$live" lan
cp "$root/conf/services.conf" "$live/services.conf"
sed -i "s|^services = .*|services = \"services.conf\";|" "$live/iagmeter.conf"
log=$live/log

wait_for() { # PATTERN [COUNT]: until the log has so many lines of it
    tries=300
    until [ "$(grep -c -e "$1" "$log")" -ge "${2:-1}" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$log" >&2; fail "the log does not say \"$1\" ${2:-1} time(s)"; }
        sleep 0.1
    done
}
wait_gone() { # PID...
    for process in "$@"; do
        tries=100
        while [ -d "/proc/$process" ] && ! grep -q '^State:.*Z' "/proc/$process/status" 2>/dev/null; do
            tries=$((tries - 1))
            [ "$tries" -gt 0 ] || fail "process $process does not end"
            sleep 0.1
        done
    done
}
launch() { # [COMMAND...]: how to run the daemon
    : >"$log"
    ip netns exec "$gateway" "$@" "$build/iagmeterd" -c "$live/iagmeter.conf" 2>>"$log" &
    daemon=$!
    wait_for 'metering 1 interface'
    meter=$(pgrep -P "$daemon" -x iagmeter-meter) || fail "there is no meter process"
    capture=$(pgrep -P "$daemon" -x iagmeterd) || fail "there is no capture process"
}
finish() { # STATUS
    status=0
    wait "$daemon" || status=$?
    daemon=
    [ "$status" -eq "$1" ] || { cat "$log" >&2; fail "the daemon ended with $status, not $1"; }
}
still_running() {
    kill -0 "$daemon" 2>/dev/null || { cat "$log" >&2; fail "the daemon ended: $*"; }
}
interfaces() { # TEXT: until the status tells it of them
    tries=300
    until "$build/iagmeter" status -c "$live/iagmeter.conf" | grep -qx "interfaces  *$1"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$log" >&2; fail "the status does not say \"$1\" of interfaces"; }
        sleep 0.1
    done
}
of() { # PID FIELD of /proc/PID/status
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# -- Two names of one interface ---------------------------------------------------------------------

if ip -n "$gateway" link property add dev lan altname lan-too 2>/dev/null; then
    cp "$live/iagmeter.conf" "$directory/once.conf"
    sed -i 's/^interfaces: ( \(.*\)name = "lan"\(.*\) );/interfaces: ( \1name = "lan"\2, \1name = "lan-too"\2 );/' \
        "$live/iagmeter.conf"
    launch # waits until one is metered
    grep -q 'warning: interface lan-too is lan under another name, and is captured once' "$log" ||
        fail "it is not told that an interface has two names"
    kill -TERM "$daemon"
    finish 0
    cp "$directory/once.conf" "$live/iagmeter.conf"
    echo "two names: one capture"
else
    skip_part "ip knows no alternative names"
fi

# -- Rights -----------------------------------------------------------------------------------------

none=0000000000000000
net_raw=0000000000002000
check_rights() {
    for field in CapEff CapPrm CapInh CapAmb; do
        [ "$(of "$capture" "$field")" = "$none" ] || fail "the capture process has $field"
        [ "$(of "$meter" "$field")" = "$none" ] || fail "the meter has $field"
    done
    for process in "$capture" "$meter"; do
        [ "$(of "$process" Seccomp)" = 2 ] || fail "a process is not in a sandbox"
        [ "$(of "$process" NoNewPrivs)" = 1 ] || fail "a process can gain rights"
    done
    for process in "$daemon" "$capture"; do
        if grep 'lib\(rrd\|sqlite\|cairo\|pango\|xml2\)' "/proc/$process/maps" >&2; then
            fail "a library of the meter is loaded outside of it"
        fi
    done
    grep -q librrd "/proc/$meter/maps" || fail "the search for libraries does not work"
    if readlink "/proc/$capture/fd/"* | grep "$live/state" >&2; then
        fail "the capture process holds a file of the state directory"
    fi
    # Standard streams, the two sockets, the packet socket, and what libpcap wakes itself with.
    [ "$(find "/proc/$capture/fd" -type l | wc -l)" -le 8 ] || fail "the capture process holds too much"
}

launch
check_rights
"$build/iagmeter" status -c "$live/iagmeter.conf" >"$directory/out"
grep -q '^daemon *running' "$directory/out" || fail "status does not say that the daemon runs"
grep -q '^mode *live' "$directory/out" || fail "status does not say that it is live"

expect 2 ip netns exec "$gateway" "$build/iagmeterd" -c "$live/iagmeter.conf"
sentence "$live/state" 'another iagmeterd'
expect 2 "$build/iagmeterd" -c "$live/iagmeter.conf" -r "$demo"
sentence "$live/state" 'another iagmeterd'
expect 2 "$build/iagmeter" rebuild -c "$live/iagmeter.conf"
sentence "$live/state" 'another iagmeterd'
still_running "another one was started"
echo "live: rights, status, one daemon for a ledger"

# -- Files that are read again ----------------------------------------------------------------------

new_service='{ id = "new-thing"; label = "New"; operator = "New"; country = "FR"; hosting = "eu";
    modality = [ "text" ]; provider = "openai"; estimator = "chatgpt-web";
    hosts = { inference = [ "new-thing.example" ]; }; },'
hello new-thing.example # nobody knows it yet
cp "$live/services.conf" "$live/good.conf"
echo 'services = ( {' >>"$live/services.conf"
kill -HUP "$daemon"
wait_for 'the old one stays'
grep -q "$live/services.conf:[0-9]*: " "$log" || fail "the log does not say where the error is"
still_running "its configuration is broken"
cp "$live/good.conf" "$live/services.conf"
# Nor one with which the next start would fail.
cp "$live/iagmeter.conf" "$directory/good-main.conf"
sed -i 's/mode = "immediate";/& filter = "tcp prot 443";/' "$live/iagmeter.conf"
kill -HUP "$daemon"
wait_for 'the old one stays' 2
grep -q "$live/iagmeter.conf:[0-9]*: interface lan: filter \"tcp prot 443\": " "$log" ||
    fail "the log does not say that the filter is wrong"
grep -v '^interfaces' "$directory/good-main.conf" >"$live/iagmeter.conf"
kill -HUP "$daemon"
wait_for 'the old one stays' 3
grep -q 'nothing to meter' "$log" || fail "the log does not say that the next start would fail"
{ cat "$directory/good-main.conf"; echo 'rrd_years = 9;'; } >"$live/iagmeter.conf"
kill -HUP "$daemon"
wait_for 'rrd_years.* take effect at the next restart only'
wait_for 'read again'
cp "$directory/good-main.conf" "$live/iagmeter.conf"

awk -v new="$new_service" '{ print } /^services *= *\(/ { print new }' "$live/good.conf" \
    >"$live/services.conf"
"$build/iagmeterd" -t -c "$live/iagmeter.conf" >/dev/null || fail "the new services.conf is wrong"
kill -HUP "$daemon"
wait_for 'read again' 2
[ "$(pgrep -P "$daemon" -x iagmeterd)" = "$capture" ] || fail "another capture process after SIGHUP"
hello new-thing.example
kill -TERM "$daemon"
finish 0
intact "$live/state"
[ "$(query "$live/state" "SELECT sum(flows) FROM activity JOIN service ON id = service
    WHERE name = 'new-thing'")" = 1 ] || fail "the new host was not recognised, or before it was known"
[ "$(query "$live/state" "SELECT group_concat(DISTINCT code) FROM activity
    JOIN direction ON id = direction")" = DSN ] ||
    fail "the connection is not of its direction"
[ "$(query "$live/state" "SELECT max(interval_start) FROM coverage")" -ge $(($(date +%s) - 130)) ] ||
    fail "the running interval was not recorded"
grep -q 'ended by signal\|impossible' "$log" && fail "a process did not end by itself: $(cat "$log")"
echo "live: files are read again, the running interval is recorded"

# -- Processes that are killed ----------------------------------------------------------------------

new_flows() {
    query "$live/state" "SELECT coalesce(sum(flows), 0) FROM activity JOIN service ON id = service
        WHERE name = 'new-thing'"
}
launch
kill -KILL "$capture"
wait_for 'capture of lan was ended by signal 9'
wait_for 'capture of lan works again'
[ "$(pgrep -P "$daemon" -x iagmeterd)" != "$capture" ] || fail "no new capture process"
capture=$(pgrep -P "$daemon" -x iagmeterd)
check_rights
hello new-thing.example

# The interface goes away, for longer than one attempt, and comes back.
ip -n "$gateway" link delete lan
wait_for 'capture of lan stopped: trying again' 2
wait_for 'interface lan: there is no such interface'
still_running "its interface is gone"
sleep 5
[ "$(grep -c 'no such interface' "$log")" -eq 1 ] || fail "what is known is said again"
connect_interface
wait_for 'capture of lan works again' 2
hello new-thing.example
kill -TERM "$daemon"
finish 0
intact "$live/state"
# One before, one after the capture process was killed, one after the interface came back.
[ "$(new_flows)" -eq 3 ] || fail "$(new_flows) connections recorded, not 3"
echo "live: a capture process is started again, an interface that comes back is captured again"

# One that dies again and again: the third time is counted and not said, the fourth is.
launch
for count in 1 2 3; do
    kill -KILL "$capture"
    wait_gone "$capture"
    interfaces "lan (ended $count time(s))"
    capture=$(pgrep -P "$daemon" -x iagmeterd) || fail "there is no new capture process"
done
[ "$(grep -c 'capture of lan was ended by signal 9' "$log")" -eq 2 ] || fail "not two ends are said: $(cat "$log")"
[ "$(grep -c 'capture of lan stopped' "$log")" -eq 2 ] || fail "not two stops are said: $(cat "$log")"
[ "$(grep -c 'capture of lan works again' "$log")" -eq 2 ] || fail "that it works is said of what was not: $(cat "$log")"
"$build/iagmeter" metrics capture -c "$live/iagmeter.conf" | grep -qx 'iagmeter_capture_ends_total{interface="lan"} 3' ||
    fail "the metrics do not count how often it ended"
kill -KILL "$capture"
wait_for 'capture of lan was ended by signal 9 (Killed); 4 times by now'
wait_for 'capture of lan stopped: trying again, with growing delay; 4 times by now'
kill -TERM "$daemon"
finish 0
echo "live: that a capture process dies over and over is said ever more rarely, and counted"

tables "$live/state" >"$directory/tables-one"
launch
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
daemon=
wait_gone "$capture" "$meter"
intact "$live/state"
"$build/iagmeter" status -c "$live/iagmeter.conf" | grep -q '^daemon *not running' ||
    fail "something still holds the ledger"
launch
hello new-thing.example
kill -TERM "$daemon"
finish 0
[ "$(new_flows)" -eq 4 ] || fail "$(new_flows) connections recorded, not 4"
echo "live: without the start-up process the others end, and it starts again"

launch
kill -KILL "$meter"
finish 2
grep -q 'the meter ended' "$log" || fail "the log does not say that the meter ended"
wait_gone "$capture"
intact "$live/state"
[ "$(new_flows)" -eq 4 ] || fail "the ledger changed"
echo "live: without the meter the daemon ends, with status 2"

# A ledger that is put in the place of one that is in use: it would be written into a file without a name.
launch
sqlite3 "$live/state/ledger.db" ".backup $directory/restored.db"
rm "$live/state/ledger.db-wal" "$live/state/ledger.db-shm"
mv "$directory/restored.db" "$live/state/ledger.db"
finish 2
grep -q "$live/state/ledger.db was moved, deleted or replaced while in use: to be opened anew" "$log" ||
    fail "it is not told that the ledger was replaced"
intact "$live/state"
[ "$(new_flows)" -eq 4 ] || fail "the ledger that was put in place changed"
echo "live: a ledger that was replaced is not written to unseen"

# One of two interfaces is not there yet: the other one is captured meanwhile.
cp "$live/iagmeter.conf" "$directory/one-interface.conf"
sed -i '/^interfaces/d' "$live/iagmeter.conf"
echo 'interfaces: ( { name = "lan"; mode = "immediate"; }, { name = "second"; } );' >>"$live/iagmeter.conf"
launch
wait_for 'metering 1 interface(s); trying the others again'
interfaces 'lan; second never opened: no such interface'
hello new-thing.example
ip -n "$gateway" link add second type veth peer name other
ip -n "$gateway" link set second up
wait_for 'capture of second works now'
interfaces 'lan; second'
kill -TERM "$daemon"
finish 0
[ "$(new_flows)" -eq 5 ] || fail "$(new_flows) connections recorded, not 5"
echo "live: an interface that comes later is captured later"

# Both an interface and what is made of it: what passes counts twice, which is told before.
ip -n "$gateway" link add bridge0 type bridge
ip -n "$gateway" link set second master bridge0
sed 's/{ name = "lan"[^}]*}/{ name = "bridge0"; }/' "$live/iagmeter.conf" >"$live/bridge.conf"
expect 0 ip netns exec "$gateway" "$build/iagmeterd" -t -c "$live/bridge.conf"
sentence 'interface bridge0 carries what passes second, too: it counts twice'
ip -n "$gateway" link delete bridge0
expect 0 ip netns exec "$gateway" "$build/iagmeterd" -t -c "$live/bridge.conf"
sentence 'interface bridge0 is not there now' # and of two interfaces of their own nothing else is said
ip -n "$gateway" link delete second

# None is there: the daemon waits, and says so once, also for one that is down.
sed -i '/^interfaces/d' "$live/iagmeter.conf"
echo 'interfaces: ( { name = "second"; } );' >>"$live/iagmeter.conf"
: >"$log"
ip netns exec "$gateway" "$build/iagmeterd" -c "$live/iagmeter.conf" 2>>"$log" &
daemon=$!
wait_for 'no interface can be metered yet: trying again'
interfaces 'second never opened: no such interface'
ip -n "$gateway" link add second type veth peer name other
interfaces 'second never opened: it is down'
ip -n "$gateway" link set second up
wait_for 'capture of second works now'
interfaces second
[ "$(wc -l <"$log")" -eq 3 ] || { cat "$log" >&2; fail "what is known is said again"; }
kill -TERM "$daemon"
finish 0
echo "live: without any interface the daemon waits for one"
ip -n "$gateway" link delete second

# No memory for the buffer: half of it may do, and what was got is said.
sed -i '/^interfaces/d' "$live/iagmeter.conf"
echo 'interfaces: ( { name = "lan"; buffer_mib = 8; } );' >>"$live/iagmeter.conf"
launch env LD_PRELOAD="$build/tests/system/lib_ring.so" RING_MIB=3
wait_for 'interface lan: the kernel has memory for a buffer of 2 MiB, not of 8'
hello new-thing.example
kill -TERM "$daemon"
finish 0
[ "$(new_flows)" -eq 6 ] || fail "$(new_flows) connections recorded, not 6"
cp "$directory/one-interface.conf" "$live/iagmeter.conf"
echo "live: a buffer for which there is no memory is a smaller one"

# -- Other users ------------------------------------------------------------------------------------

# Everything that is read must be readable by another user.
if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$root/conf/services.conf"; then
    skip_part "the tree cannot be read by others: nothing as another user"
    echo "processes: passed$skipped_parts"
    exit 0
fi
chown -R 65534:65534 "$live"
launch setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+net_raw \
    --ambient-caps=-all,+net_raw --bounding-set=-all,+net_raw
[ "$(of "$daemon" Uid | cut -f 1)" = 65534 ] || fail "the daemon is not nobody"
[ "$(of "$daemon" CapEff)" = "$net_raw" ] || fail "the start-up process has other rights than to capture"
check_rights
hello new-thing.example
kill -KILL "$capture" # a new one can capture again
wait_for 'capture of lan works again'
hello new-thing.example
kill -TERM "$daemon"
finish 0
[ "$(new_flows)" -ge 7 ] || fail "nothing was recorded with the right to capture alone"

# Root becomes somebody else.
before=$(new_flows)
chown -R root:root "$live"
chmod 755 "$live"
rm -r "$live/state"
echo 'user = "nobody";' >>"$live/iagmeter.conf"
launch
for process in "$daemon" "$capture" "$meter"; do
    for field in Uid Gid; do
        [ "$(of "$process" "$field" | tr '\t' ' ')" = '65534 65534 65534 65534' ] ||
            fail "a process is still root"
    done
    [ -z "$(of "$process" Groups | tr -d ' ')" ] || [ "$(of "$process" Groups | tr -d ' ')" = 65534 ] ||
        fail "a process is still in groups: $(of "$process" Groups)"
done
[ "$(of "$daemon" CapEff)" = "$net_raw" ] || fail "the start-up process has other rights than to capture"
[ "$(of "$daemon" CapPrm)" = "$net_raw" ] || fail "the start-up process can have other rights"
check_rights
[ "$(stat -c %U "$live/state")" = nobody ] || fail "the state directory is not nobody's"
hello new-thing.example
kill -HUP "$daemon"
wait_for 'read again'
kill -TERM "$daemon"
finish 0
[ "$(new_flows)" -eq 1 ] || fail "nothing was recorded as nobody (before: $before)"
echo "live: as another user, with the right to capture alone"

echo "processes: passed$skipped_parts"
