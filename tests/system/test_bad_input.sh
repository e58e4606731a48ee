#!/bin/sh
# Bad captures, configurations, ledgers, permissions and arguments: each is answered by one clear
# sentence and the right exit status, and costs nothing that was recorded before.
# Runs first: it takes long.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
mounted=
cleanup() {
    [ -z "$mounted" ] || umount "$mounted"
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

daemon=$build/iagmeterd
tool=$build/iagmeter
captures=$directory/captures
mkdir "$captures"
base=$directory/base
configure "$base"
expect 0 "$daemon" -c "$base/iagmeter.conf" -r "$demo"
[ ! -s "$directory/err" ] || fail "a good replay says something"
tables "$base/state" >"$directory/before"
[ "$(query "$base/state" 'SELECT sum(flows) FROM activity')" -gt 0 ] || fail "nothing was recorded"

untouched() {
    tables "$base/state" >"$directory/after"
    cmp -s "$directory/before" "$directory/after" || fail "the ledger was changed by: $*"
    intact "$base/state"
}

# -- Captures that hold nothing to record ---------------------------------------------------------

size=$(wc -c <"$demo")
: >"$captures/empty.pcap"
head -c 24 "$demo" >"$captures/none.pcap"
head -c 10 "$demo" >"$captures/header.pcap"
{ printf 'XXXX'; tail -c +5 "$demo"; } >"$captures/magic.pcap"
{ head -c 20 "$demo"; printf '\162\000\000\000'; tail -c +25 "$demo"; } >"$captures/link.pcap"
head -c 30 "$demo" >"$captures/first.pcap"
{ head -c 24 "$demo"; head -c 4000 /dev/zero | tr '\0' '\356'; } >"$captures/garbage-first.pcap"
mkdir "$captures/directory"

refuse() { # CAPTURE FRAGMENT: refused by the daemon and by inspect, and nothing is recorded
    expect 2 "$daemon" -c "$base/iagmeter.conf" -r "$captures/$1"
    sentence "$captures/$1" "$2"
    untouched "$1"
    expect 2 "$tool" inspect -c "$base/iagmeter.conf" "$captures/$1"
    sentence "$captures/$1" "$2"
}

refuse empty.pcap 'the file is empty'
refuse none.pcap 'holds no packet'
refuse header.pcap 'not a capture that can be read'
refuse magic.pcap 'not a capture that can be read'
refuse link.pcap 'link type LTALK'
refuse first.pcap 'damaged after packet 0'
refuse garbage-first.pcap 'damaged after packet 0'
refuse missing.pcap 'No such file or directory'
refuse directory 'Is a directory'
expect 2 "$daemon" -c "$base/iagmeter.conf" -r - <"$captures/empty.pcap"
untouched "an empty standard input"
echo "captures that hold nothing: refused"

# -- Damaged captures: what came before the damage counts -------------------------------------------

# The reference: the same packets, in a file that ends properly. They are counted by the sentence.
damaged() { # NAME
    configure "$directory/$1"
    expect 2 "$daemon" -c "$directory/$1/iagmeter.conf" -r "$captures/$1.pcap"
    sentence "$captures/$1.pcap" 'damaged after packet' 'what came before was read'
    packets=$(sed 's/.*damaged after packet \([0-9]*\).*/\1/' "$directory/err")
    [ "$(query "$directory/$1/state" 'SELECT sum(packets) FROM coverage')" = "$packets" ] ||
        fail "$1: not the $packets packets before the damage were recorded"
    [ "$(query "$directory/$1/state" 'SELECT sum(flows) FROM activity')" -gt 10 ] ||
        fail "$1: the connections before the damage were not recorded"
    intact "$directory/$1/state"
    expect 2 "$tool" inspect -c "$base/iagmeter.conf" "$captures/$1.pcap"
    sentence "$captures/$1.pcap" 'damaged after packet'
    [ "$(wc -l <"$directory/out")" -gt 10 ] || fail "$1: inspect does not show what came before"
}

head -c $((size / 2 + 5)) "$demo" >"$captures/cut.pcap"
damaged cut
{ head -c $((size / 2)) "$demo"; head -c 4000 /dev/zero | tr '\0' '\356'
    tail -c $((size / 2 - 4000)) "$demo"; } >"$captures/garbage.pcap"
damaged garbage
head -c $((size - 3)) "$demo" >"$captures/end.pcap"
damaged end
configure "$directory/pipe"
expect 2 "$daemon" -c "$directory/pipe/iagmeter.conf" -r - <"$captures/cut.pcap"
measures "$directory/cut/state" >"$directory/one"
measures "$directory/pipe/state" >"$directory/two"
cmp -s "$directory/one" "$directory/two" || fail "standard input and a file give different ledgers"
echo "damaged captures: what came before is recorded"

# -- Configurations ---------------------------------------------------------------------------------

conf=$directory/conf
fresh_conf() {
    rm -rf "$conf"
    cp -r "$root/conf" "$conf"
    sed -e '/^ *#/d' -e "s|^state_directory = .*|state_directory = \"$base/state\";|" \
        "$root/conf/iagmeter.conf" >"$conf/iagmeter.conf"
}

line_of() { # PATTERN FILE: number of the first line that matches
    grep -n -m 1 -e "$1" "$2" | cut -d : -f 1
}

# Each program says it, with file and line, and does nothing.
wrong() { # FILE LINE FRAGMENT
    for command in "$daemon -t" "$daemon" "$daemon -r $demo" "$tool status" \
        "$tool rebuild" "$tool report month $month --output $directory/reports"; do
        # shellcheck disable=SC2086
        expect 1 $command -c "$conf/iagmeter.conf"
        grep -F "$conf/$1:$2: " "$directory/err" | grep -qF -e "$3" ||
            fail "$command: no \"$1:$2: ... $3\""
    done
    untouched "$1: $3"
}

fresh_conf
expect 0 "$daemon" -t -c "$conf/iagmeter.conf"
grep -q 'no error' "$directory/out" || fail "-t does not say that all is well"
[ ! -s "$directory/err" ] || fail "the shipped configuration is complained about"
grep -q 'neither an interface' "$directory/out" || fail "-t does not say that there is nothing to meter yet"
expect 1 "$daemon" -c "$conf/iagmeter.conf"
sentence "$conf/iagmeter.conf" 'neither an interface'
# The first example of each list can be put in force alone, as it stands.
sed -e "s|^state_directory = .*|state_directory = \"$base/state\";|" \
    -e 's/^\( *\)# \({ name = "eth1"\)/\1\2/' "$root/conf/iagmeter.conf" >"$conf/iagmeter.conf"
sed -i -e 's/^\( *\)# \({ year = 2026; energy_kwh\)/\1\2/' -e 's/^\( *\)#   \(source = "EXAMPLE: deliberation\)/\1\2/' \
    "$conf/objectives.conf"
expect 0 "$daemon" -t -c "$conf/iagmeter.conf"
grep -q ' 1 interface(s): no error' "$directory/out" || fail "not the first example alone"
fresh_conf

main=$conf/iagmeter.conf
append() { # TEXT: to the main file, as its last line
    fresh_conf
    echo "$1" >>"$main"
    last=$(wc -l <"$main")
}
append 'colour = "red";'
wrong iagmeter.conf "$last" colour
append 'interfaces = ( { name = "eth1"; speed = 3; } );'
sed -i '/^interfaces = ($/,/^);$/d' "$main"
wrong iagmeter.conf "$(wc -l <"$main")" speed
append 'report = {'
wrong iagmeter.conf "$last" ''
fresh_conf
sed -i 's/^timezone = .*/timezone = 5;/' "$main"
wrong iagmeter.conf "$(line_of '^timezone' "$main")" timezone
sed -i 's|^timezone = .*|timezone = "Europe/Atlantis";|' "$main"
wrong iagmeter.conf "$(line_of '^timezone' "$main")" Atlantis
fresh_conf
sed -i 's/^rrd_years = .*/rrd_years = 51;/' "$main"
wrong iagmeter.conf "$(line_of '^rrd_years' "$main")" rrd_years
sed -i 's/^rrd_years = .*/rrd_years = 0;/' "$main"
wrong iagmeter.conf "$(line_of '^rrd_years' "$main")" rrd_years

# A user that is not there is an error for root, who would have to become it; commands do without.
fresh_conf
sed -i 's/^user = .*/user = "no-such-user";/' "$main"
if [ "$(id -u)" -eq 0 ]; then
    for command in "$daemon -t" "$daemon -r $demo" "$daemon"; do
        # shellcheck disable=SC2086
        expect 1 $command -c "$main"
        grep -qF "$main:$(line_of '^user' "$main"): user \"no-such-user\" does not exist" "$directory/err" ||
            fail "$command: it is not told that the user does not exist"
    done
    untouched "a user that does not exist"
    if setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$main" -a -r "$root/conf/services.conf"; then
        expect 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$daemon" -t -c "$main"
        grep -qF "$main:$(line_of '^user' "$main"): warning: user \"no-such-user\" does not exist" "$directory/err" ||
            fail "it is not told to others that the user does not exist"
        # Root's check is that of the user whom the daemon becomes.
        sed -i 's/^user = .*/user = "nobody";/' "$main"
        expect 0 "$daemon" -t -c "$main"
        grep -q "^$main: warning: state_directory: $base/state cannot be written by this user" "$directory/err" ||
            fail "it is not told that the user may not write the state directory"
        chmod 600 "$conf/services.conf"
        # So is its start refused: who may not read the files would have no other luck the next time.
        for command in "$daemon -t" "$daemon -r $demo"; do
            # shellcheck disable=SC2086
            expect 1 $command -c "$main"
            sentence "$conf/services.conf: cannot read: Permission denied to user $(id -u nobody)"
        done
        { sed '/^interfaces = ($/,/^);$/d' "$main" && echo 'interfaces = ( { name = "lo"; } );'; } >"$conf/live.conf"
        expect 1 "$daemon" -c "$conf/live.conf"
        grep -qF "$conf/services.conf: cannot read: Permission denied to user $(id -u nobody)" "$directory/err" ||
            fail "it is not told which file the user may not read"
        rm "$conf/live.conf"
        untouched "files that the user may not read"
        chmod 644 "$conf/services.conf"
        sed -i 's/^user = .*/user = "no-such-user";/' "$main"
    fi
fi
expect 0 "$tool" status -c "$main"

# A filter is no more than a text until it is tried: at a check as at a start.
append 'interfaces = ( { name = "nflog:1";
    filter = "tcp prot 443"; } );'
sed -i '/^interfaces = ($/,/^);$/d' "$main"
line=$(line_of 'tcp prot 443' "$main")
for command in "$daemon -t" "$daemon" "$daemon -r $demo"; do
    # shellcheck disable=SC2086
    expect 1 $command -c "$main"
    sentence "$main:$line: interface nflog:1: filter \"tcp prot 443\": "
done
untouched "a wrong filter"

# How much memory the limits can take is told, and said when it is more than there may be.
fresh_conf
expect 0 "$daemon" -t -c "$main"
grep -Eq '^limits: up to [1-9][0-9] MiB of memory for each capture process, [1-9][0-9] MiB for all$' "$directory/out" ||
    fail "-t does not tell how much memory the limits can take"
sed -i '/^interfaces = ($/,/^);$/d; s/max_hints = .*/max_hints = 16777216;/' "$main"
# No interfaces of the machine, of which it would be said that it lacks them.
echo 'interfaces = ( { name = "nflog:1"; workers = 3; }, { name = "nflog:2"; } );' >>"$main"
expect 0 "$daemon" -t -c "$main"
grep -Eq '^limits: up to [3-9][0-9][0-9] MiB of memory for each capture process, [6-9][0-9][0-9] MiB for all$' "$directory/out" ||
    fail "-t does not tell how much several processes can take"
if [ -z "${IAGMETER_TEST_SANITIZED:-}" ]; then
    expect 0 sh -c "ulimit -v 200000; '$daemon' -t -c '$main'"
    sentence "$main" 'there is not as much memory'
fi
group=$(sed -n 's/^0::\/*//p' /proc/self/cgroup)
expect 0 sh -c "unshare -m sh -c 'mount -t tmpfs tmpfs /sys/fs/cgroup 2>/dev/null' || echo no"
if [ ! -s "$directory/out" ] && grep -q '^0::/' /proc/self/cgroup; then
    inside() { # COMMAND: where all processes may use 64 MiB
        unshare -m sh -c "mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir -p '/sys/fs/cgroup/$group' &&
            echo 67108864 >'/sys/fs/cgroup/$group/memory.max' && $1"
    }
    expect 0 inside "'$daemon' -t -c '$main'"
    sentence "$main" 'of the 64 MiB of memory that all processes together may use (MemoryMax)'
    sed -i 's|^state_directory = .*|state_directory = "/proc/none";|' "$main" # so it ends at once
    expect 2 inside "'$daemon' -c '$main'"
    grep -q 'of the 64 MiB of memory that all processes together may use' "$directory/err" || fail "nothing is said at start"
    fresh_conf
    expect 0 inside "'$daemon' -t -c '$main'"
    [ ! -s "$directory/err" ] || fail "limits that fit are complained about"
else
    skip_part "control groups: no memory.max can be put in place"
fi

fresh_conf
sed -i 's/^services = .*/services = "nothing.conf";/' "$main"
expect 1 "$daemon" -t -c "$main"
grep -qF nothing.conf "$directory/err" || fail "the missing file is not named"
untouched "a missing services.conf"

services=$conf/services.conf
fresh_conf
line=$(line_of '^ *{ *id = \|^ *id = ' "$services")
sed -i "${line}s/id = /colour = \"red\"; id = /" "$services"
wrong services.conf "$line" colour
fresh_conf
host=chat.openai.com
grep -q "^ *\"$host\"" "$services" || fail "$host is not in the catalogue any more: choose another"
twice="{ id = \"twice\"; label = \"x\"; operator = \"x\"; country = \"FR\"; hosting = \"eu\";
    modality = [ \"text\" ]; provider = \"openai\"; estimator = \"chatgpt-web\";
    hosts = { inference = [ \"$host\" ]; }; },"
awk -v new="$twice" '{ print } /^services *= *\(/ { print new }' "$root/conf/services.conf" >"$services"
expect 1 "$daemon" -t -c "$main"
grep "^$services:[0-9]*: " "$directory/err" | grep -F "$host" | grep -q 'duplicate' ||
    fail "a host that stands twice is not said"
untouched "a host that stands twice"

directions=$conf/directions.conf
fresh_conf
prefix=$(sed -n 's/^[^#]*prefixes = \[ *"\([^"]*\)".*/\1/p' "$directions" | head -n 1)
line=$(grep -n '^[^#]*prefixes = \[' "$directions" | sed -n '2s/:.*//p')
sed -i "${line}s|prefixes = \[|prefixes = [ \"$prefix\",|" "$directions"
wrong directions.conf "$line" "$prefix"
fresh_conf
sed -i "${line}s|prefixes = \[|prefixes = [ \"192.0.2.1/24\",|" "$directions"
wrong directions.conf "$line" '192.0.2.1/24'
fresh_conf
line=$(grep -n '^[^#]*vlans = \[' "$directions" | sed -n '1s/:.*//p')
sed -i "${line}s/vlans = \[.*\]/vlans = [ 4095 ]/" "$directions"
wrong directions.conf "$line" ''

providers=$conf/factors/2026/providers.conf
fresh_conf
line=$(line_of 'id = "openai"' "$providers")
sed -i "${line}s/pue = [^;]*; *//" "$providers"
wrong factors/2026/providers.conf "$line" pue
fresh_conf
sed -i "${line}s/pue = [^;]*;/pue = 0.5;/" "$providers"
wrong factors/2026/providers.conf "$line" pue
fresh_conf
sed -i "${line}s/zone = \"[^\"]*\"/zone = \"ATL\"/" "$providers"
wrong factors/2026/providers.conf "$line" ATL
fresh_conf
rm "$conf/factors/2026/zones.conf"
expect 1 "$daemon" -t -c "$main"
grep -qF zones.conf "$directory/err" || fail "the missing zones.conf is not named"

expect 1 "$daemon" -t -c "$directory/not-there.conf"
sentence "$directory/not-there.conf"
expect 1 "$daemon" -t -c "$directory"
sentence "$directory"
head -c 2000 /dev/urandom >"$directory/noise.conf"
expect 1 "$daemon" -t -c "$directory/noise.conf"
grep -qF "$directory/noise.conf" "$directory/err" || fail "noise is not named"
untouched "configurations"
echo "configurations: each error has its file and line"

# -- Arguments --------------------------------------------------------------------------------------

usage() { # COMMAND...
    expect 1 "$@"
    grep -q '^usage: ' "$directory/err" || fail "no usage: $*"
    [ ! -s "$directory/out" ] || fail "usage on standard output: $*"
}
usage "$tool"
usage "$tool" frobnicate
usage "$tool" status --frobnicate
usage "$tool" status extra
usage "$tool" report
usage "$tool" report month
usage "$tool" inspect
usage "$build/iagmeter-views" status # which is not done there
usage "$daemon" -x
usage "$daemon" extra
usage "$daemon" -t -r "$demo"
usage "$daemon" -r
usage "$daemon" -t "$demo"
usage "$daemon" -t -r "$demo" "$demo"
usage "$daemon" -w 2 "$demo"
# Several are one capture: all of it, or none.
: >"$directory/second.pcap"
for workers in 1 2; do
    expect 2 "$daemon" -c "$base/iagmeter.conf" -w "$workers" -r "$demo" -r "$directory/second.pcap"
    sentence "$directory/second.pcap: the file is empty"
    expect 2 "$daemon" -c "$base/iagmeter.conf" -w "$workers" -r "$demo" "$directory/third.pcap"
    sentence "$directory/third.pcap: No such file"
    expect 2 "$daemon" -c "$base/iagmeter.conf" -w "$workers" -r "$demo" -
    sentence 'standard input can only be read alone'
done
head -c 24 "$demo" >"$directory/second.pcap"
expect 2 "$daemon" -c "$base/iagmeter.conf" -r "$directory/second.pcap" "$directory/second.pcap"
sentence "$directory/second.pcap and 1 more: the capture holds no packet"
rm "$directory/second.pcap"
expect 1 "$tool" inspect -c "$base/iagmeter.conf" --metrics "$demo" "$demo"
sentence "$demo is a second one"
# What two files have in common would be counted twice in any order: it is told.
head -c 1000000 "$demo" >"$directory/second.pcap"
configure "$directory/overlap"
expect 2 "$daemon" -c "$directory/overlap/iagmeter.conf" -w 2 -r "$demo" "$directory/second.pcap"
grep -q "warning: .* begins .* s before .* ends: .*mergecap" "$directory/err" || fail 'no warning of an overlap'
rm "$directory/second.pcap"
# shellcheck disable=SC2046
expect 1 "$daemon" -c "$base/iagmeter.conf" -r $(yes "$demo" | head -n 1025)
sentence 'at most 1024 files' mergecap
expect 1 "$tool" report year "$month" -c "$base/iagmeter.conf"
sentence year
for text in 2026-13 2026-00 2026 26-10 2026-1x '' '2026-10 ' next; do
    expect 1 "$tool" report month "$text" -c "$base/iagmeter.conf"
    sentence 'is not a month' "\"$text\""
done
expect 1 "$tool" status --format xml -c "$base/iagmeter.conf"
sentence 'xml' 'text or json'
expect 1 "$tool" report month "$month" --lang de -c "$base/iagmeter.conf"
sentence '"de"'
expect 2 "$tool" report month 1999-01 -c "$base/iagmeter.conf" --output "$directory/reports"
sentence '1999-01'
[ ! -e "$directory/reports" ] || fail "a report without data leaves files"
expect 0 "$tool" --help
expect 0 "$daemon" -h
expect 0 "$daemon" -V
expect 1 "$build/iagmeter-meter"
sentence 'iagmeterd'
untouched "arguments"
echo "arguments: usage and exit status"

# lasting COMMAND: the status of what no new start mends; the unit makes none after the daemon's.
lasting() {
    case $1 in
    "$daemon "*) echo 3 ;;
    *) echo 2 ;;
    esac
}

# -- Interfaces and permissions -----------------------------------------------------------------------

# One that is not there may come: the daemon would wait (test_processes.sh).
configure "$directory/interface" no-such0
expect 0 "$daemon" -t -c "$directory/interface/iagmeter.conf"
sentence no-such0 'is not there now'
configure "$directory/interface" lo
expect 0 "$daemon" -t -c "$directory/interface/iagmeter.conf"
[ ! -s "$directory/err" ] || fail "an interface that is there is warned of"

as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all \
        --bounding-set=-all "$@"
}
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    as_nobody test -x "$daemon" && as_nobody test -r "$root/conf/iagmeter.conf"; then
    configure "$directory/nobody" lo
    chown -R 65534:65534 "$directory/nobody"
    expect 2 as_nobody "$daemon" -c "$directory/nobody/iagmeter.conf"
    sentence 'interface lo' 'no permission' CAP_NET_RAW
    # Nor does it wait for one that it may not look for.
    sed -i 's/name = "lo"/name = "no-such0"/' "$directory/nobody/iagmeter.conf"
    expect 2 as_nobody "$daemon" -c "$directory/nobody/iagmeter.conf"
    sentence 'interface no-such0' 'no permission' CAP_NET_RAW
    # The same user may replay: that takes no right at all.
    expect 0 as_nobody "$daemon" -c "$directory/nobody/iagmeter.conf" -r "$demo"

    cp "$demo" "$captures/private.pcap"
    chmod 600 "$captures/private.pcap"
    expect 2 as_nobody "$daemon" -c "$directory/nobody/iagmeter.conf" -r "$captures/private.pcap"
    sentence private.pcap 'Permission denied'

    # A state directory that is not ours: nothing is written there, reading works.
    for command in "$daemon -r $demo" "$tool rebuild"; do
        # shellcheck disable=SC2086
        expect "$(lasting "$command")" as_nobody $command -c "$base/iagmeter.conf"
        grep -q "$base/state.*ermission denied to user 65534" "$directory/err" || fail "$command: no reason"
    done
    sed "s|$base/state|$directory/no/where|" "$base/iagmeter.conf" >"$directory/nowhere.conf"
    expect 2 as_nobody "$daemon" -c "$directory/nowhere.conf" -r "$demo"
    sentence "$directory/no/where"
    untouched "another user"

    cp "$root/conf/services.conf" "$directory/private.conf"
    chmod 600 "$directory/private.conf"
    sed "s|^services = .*|services = \"$directory/private.conf\";|" "$base/iagmeter.conf" \
        >"$directory/unreadable.conf"
    expect 1 as_nobody "$daemon" -t -c "$directory/unreadable.conf"
    grep -q 'private.conf.*ermission denied' "$directory/err" || fail "an unreadable file is not named"
    echo "permissions: said, and nothing is changed"
else
    skip_part "what needs root, setpriv, and a tree that others can read: permissions"
fi

# -- A disk that is full ------------------------------------------------------------------------------

# The demonstration, and a disk that is full before its end: sums come when nothing can be written.
fill() {
    head -c 100m /dev/zero >"$mounted/filler" 2>/dev/null || true
}
demo_then_fill() {
    # Packets may be read before the ledger is open; here it is to be open when the disk is full.
    for _ in $(seq 100); do
        [ ! -e "$full/state/ledger.db-shm" ] || break
        sleep 0.1
    done
    sleep 1
    head -c "$((size / 2))" "$demo"
    fill
    tail -c "+$((size / 2 + 1))" "$demo"
}
# Room again, once it was said that there is none.
empty_when_said() {
    for _ in $(seq 200); do
        ! grep -q 'wait in memory' "$directory/err" 2>/dev/null || break
        sleep 0.1
    done
    rm "$mounted/filler"
}

mkdir "$directory/tiny"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=24m tmpfs "$directory/tiny" 2>/dev/null; then
    mounted=$directory/tiny
    full=$mounted/full
    configure "$full"
    fill
    expect 2 "$daemon" -c "$full/iagmeter.conf" -r "$demo"
    sentence "$full/state"
    rm "$mounted/filler"

    # Full later, and for too long: what was recorded before stays.
    rm -r "$full/state"
    mkdir "$full/state"
    expect 0 "$daemon" -c "$full/iagmeter.conf" -r "$demo"
    measures "$full/state" >"$directory/one"
    demo_then_fill | expect 2 "$daemon" -c "$full/iagmeter.conf" -r -
    grep -q "$full/state/ledger.db.*full.*wait in memory" "$directory/err" || fail "a full disk is not said"
    grep -q 'could not be recorded' "$directory/err" || fail "what is lost is not said"
    rm "$mounted/filler"
    measures "$full/state" >"$directory/two"
    cmp -s "$directory/one" "$directory/two" || fail "a full disk changed what was recorded"
    intact "$full/state"

    # Full for some seconds: nothing is lost.
    : >"$directory/err"
    empty_when_said &
    demo_then_fill | expect 0 "$daemon" -c "$full/iagmeter.conf" -r -
    wait
    grep -q 'nothing was lost' "$directory/err" || fail "that the disk has room again is not said"
    intact "$full/state"
    [ "$(query "$full/state" 'SELECT sum(flows) FROM activity')" -eq \
        "$((2 * $(query "$base/state" 'SELECT sum(flows) FROM activity')))" ] ||
        fail "something was lost while the disk was full"
    umount "$mounted"
    mounted=
    echo "a full disk: said, and what was recorded is kept"
else
    skip_part "mounting a small disk"
fi

# -- Ledgers and round-robin databases ----------------------------------------------------------------

foreign() { # NAME FRAGMENT: a ledger.db that is none is refused, and left as it is
    cp "$directory/$1/state/ledger.db" "$directory/foreign"
    for command in "$daemon -r $demo" "$tool rebuild" "$tool status" \
        "$tool report month $month --output $directory/reports"; do
        # shellcheck disable=SC2086
        expect "$(lasting "$command")" $command -c "$directory/$1/iagmeter.conf"
        grep -F "$directory/$1/state/ledger.db" "$directory/err" | grep -q "$2" ||
            fail "$1: $command: no \"$2\""
        cmp -s "$directory/foreign" "$directory/$1/state/ledger.db" || fail "$1: $command changed it"
    done
}
for name in text cut-ledger other; do
    configure "$directory/$name"
done
i=0
while [ "$i" -lt 500 ]; do
    echo "this is not a ledger, but somebody's notes, line $i"
    i=$((i + 1))
done >"$directory/text/state/ledger.db"
foreign text 'is not an iagmeter ledger'
sqlite3 "$directory/other/state/ledger.db" 'CREATE TABLE accounts (name TEXT)'
foreign other 'is not an iagmeter ledger'
head -c 20000 "$base/state/ledger.db" >"$directory/cut-ledger/state/ledger.db"
foreign cut-ledger ''
configure "$directory/no-ledger"
expect 2 "$tool" status -c "$directory/no-ledger/iagmeter.conf"
sentence "$directory/no-ledger/state/ledger.db"
expect 2 "$tool" report month "$month" -c "$directory/no-ledger/iagmeter.conf"
sentence "$directory/no-ledger/state/ledger.db"
echo "what is no ledger: refused, and left as it is"

totals() { # every sum that the round-robin databases of a state directory hold
    (cd "$1/rrd" && find . -name '*.rrd' | sort | while read -r file; do
        echo "$file"
        rrdtool fetch "$file" AVERAGE --resolution 60 --start $((first - 120)) --end $((first + 180))
    done)
}
if command -v rrdtool >/dev/null; then
    first=$(query "$base/state" 'SELECT min(interval_start) FROM coverage')
    totals "$base/state" >"$directory/totals"
    [ "$(grep -c '^[0-9]*: .*[1-9]\.[0-9]*e' "$directory/totals")" -ge 14 ] ||
        fail "the round-robin databases hold nothing"
    rm -r "$base/state/rrd"
    expect 0 "$tool" rebuild -c "$base/iagmeter.conf"
    totals "$base/state" >"$directory/rebuilt"
    cmp -s "$directory/totals" "$directory/rebuilt" || fail "rebuilt databases have other totals"
    untouched "iagmeter rebuild"

    # One that is none, and one that was cut: replaced at the next start, which records all the same.
    configure "$directory/rrd"
    mkdir -p "$directory/rrd/state/rrd/DSN"
    echo "not a database" >"$directory/rrd/state/rrd/DSN/chatgpt-web.rrd"
    echo "not a database" >"$directory/rrd/state/rrd/coverage.rrd"
    head -c 5000 "$base/state/rrd/DSN/openai-api.rrd" >"$directory/rrd/state/rrd/DSN/openai-api.rrd"
    expect 0 "$daemon" -c "$directory/rrd/iagmeter.conf" -r "$demo"
    totals "$directory/rrd/state" >"$directory/rebuilt"
    cmp -s "$directory/totals" "$directory/rebuilt" || fail "damaged databases were not replaced"
    measures "$base/state" >"$directory/one"
    measures "$directory/rrd/state" >"$directory/two"
    cmp -s "$directory/one" "$directory/two" || fail "damaged databases changed the ledger"
    echo "round-robin databases: rebuilt with equal totals"
else
    skip_part "rrdtool is not installed: totals of rebuilt databases"
fi

# -- Inspect ------------------------------------------------------------------------------------------

tab=$(printf '\t')
columns=$(echo '#time transport name ech service direction up_bytes down_bytes requests tokens_in' \
    'tokens_out' | tr ' ' '\t')
grounds=$(printf '\tcached\tbasis\tdirection_by\tunits\tscatter')
expect 0 "$tool" inspect -c "$base/iagmeter.conf" "$demo"
[ "$(head -n 1 "$directory/out")" = "$columns$grounds" ] || fail "other columns than documented"
cp "$directory/out" "$directory/known"
awk -F '\t' 'NF != 16 { exit 1 }' "$directory/known" || fail "a line has another number of columns"
expect 0 "$tool" inspect --all --addresses "$demo" -c "$base/iagmeter.conf"
[ "$(head -n 1 "$directory/out")" = "$columns${tab}client${tab}client_port${tab}server${tab}server_port$grounds" ] ||
    fail "other columns than documented, with addresses"
cp "$directory/out" "$directory/flows"
awk -F '\t' 'NF != 20 { exit 1 }' "$directory/flows" || fail "a line has another number of columns"
[ "$(wc -l <"$directory/flows")" -gt "$(wc -l <"$directory/known")" ] || fail "--all shows no more"
if grep -q 'www.rennes.example' "$directory/known"; then
    fail "a service that is not in the catalogue is listed without --all"
fi
grep -q 'www.rennes.example' "$directory/flows" || fail "--all does not list every flow"
# Somebody who controls a server name must not control our terminal.
LC_ALL=C sed 's/www\.rennes\.example/w\x1b[2J\x07\t.ab.example/g' "$demo" >"$captures/odd.pcap"
[ "$(wc -c <"$captures/odd.pcap")" -eq "$size" ] || fail "the odd capture has another length"
expect 0 "$tool" inspect --all "$captures/odd.pcap" -c "$base/iagmeter.conf"
grep -qF 'w\x1b[2J\x07\x09.ab.example' "$directory/out" || fail "control bytes are not escaped"
if LC_ALL=C grep -q '[^[:print:]	]' "$directory/out"; then
    fail "control bytes are printed"
fi
untouched inspect
echo "inspect: columns, --all, odd names"

metrics=tests/fixtures/metrics
code=$(sed -n 's/^[^#]*code = "\([^"]*\)".*/\1/p' conf/directions.conf | head -n 1)
{
    cat "$base/iagmeter.conf"
    printf 'inference = { servers = ( { port = 4000; service = "local-vllm"; dialect = "litellm";\n'
    printf 'metrics = "http://127.0.0.1:4000/metrics/";\n'
    printf 'teams = ( { label = "DSN"; direction = "%s"; } ); } ); };\n' "$code"
} >"$base/teams.conf"
expect 0 "$tool" inspect --metrics $metrics/litellm_FROM_SOURCE.txt -c "$base/teams.conf"
grep -q "^mistral-small${tab}DSN${tab}$code${tab}-${tab}10321${tab}100${tab}2210\$" "$directory/out" ||
    fail "a team is not its direction"
if grep -q 'default_user_id' "$directory/out"; then
    fail "a user is shown"
fi
expect 0 "$tool" inspect --metrics - --dialect vllm -c "$base/iagmeter.conf" <$metrics/vllm_FROM_SOURCE.txt
expect 1 "$tool" inspect --metrics - --dialect ollama -c "$base/iagmeter.conf"
expect 2 "$tool" inspect --metrics - --dialect tgi -c "$base/iagmeter.conf" <$metrics/vllm_FROM_SOURCE.txt
untouched inspect --metrics
echo "inspect --metrics: teams, dialects"

# -- Privacy ------------------------------------------------------------------------------------------

# All that is kept and said of replays: state directory, reports in both languages, the log. In the
# demonstration names come in the ClientHellos of TCP, in the other capture in all the other ways.
private=$directory/private
configure "$private"
printf '%064d\n' 4711 >"$private/secret"
chmod 640 "$private/secret"
cat >>"$private/iagmeter.conf" <<'END'
inference = {
    servers = ( { port = 8000; service = "local-vllm"; } );
    users_by = [ "header", "key", "address" ];
    client_header = "X-Forwarded-For";
    secret = "secret";
};
END
"$daemon" -c "$private/iagmeter.conf" -r "$demo" >"$private/log" 2>&1 || fail "the replay failed"
command -v node >/dev/null || skip "node is not installed"
node "$here/personal.mjs" "$captures/personal.pcap" >"$directory/personal"
"$daemon" -c "$private/iagmeter.conf" -r "$captures/personal.pcap" >>"$private/log" 2>&1 ||
    fail "the replay failed"
[ "$(query "$private/state" 'SELECT sum(names_seen) || " " || sum(names_quic) || " " ||
    sum(names_hinted) || " " || sum(dns_answers) FROM coverage')" = '68 2 1 1' ] ||
    fail "the names to search for were not read"
[ "$(query "$private/state" 'SELECT sum(local_exchanges) || " " || sum(local_unassigned) FROM coverage')" = '1 1' ] ||
    fail "the exchange with a local server was not read"
for language in fr en; do
    "$tool" report month "$month" -c "$private/iagmeter.conf" --lang "$language" \
        --output "$private/$language" >>"$private/log" 2>&1 || fail "the report failed"
done
"$tool" status -c "$private/iagmeter.conf" >>"$private/log" 2>&1 || fail "status failed"

# What of a list of texts, or of patterns of bytes, is found anywhere in what is kept.
found_texts() {
    grep -r -a -i -o -F -f "$1" "$private/state" "$private/fr" "$private/en" "$private/log"
}
found_bytes() {
    LC_ALL=C grep -r -a -c -P -e "$(tr '\n' '|' <"$1" | sed 's/|$//')" \
        "$private/state" "$private/fr" "$private/en" | grep -v ':0$'
}

{ cut -f 12,14 "$directory/flows" | sed 1d | tr '\t' '\n'
    sed -n 's/^address //p' "$directory/personal"; } | sort -u >"$directory/addresses"
[ "$(wc -l <"$directory/addresses")" -gt 20 ] || fail "too few addresses to search for"
# IPv6: all of ours are of the form 2001:db8:a::b.
awk -F '[.:]' '
    function four(text) { return substr("0000" text, length(text) + 1) }
    /:/ { text = "20010db8" four($3) "0000000000000000" four($NF) }
    !/:/ { text = sprintf("%02x%02x%02x%02x", $1, $2, $3, $4) }
    { gsub(/../, "\\x&", text); print text }' "$directory/addresses" >"$directory/bytes"

# Names on the wire, but for those that a label of the catalogue holds.
cut -f 3 "$directory/flows" | sed 1d | sort -u | while read -r name; do
    grep -qi "label = \"[^\"]*$name" "$root/conf/services.conf" || echo "$name"
done >"$directory/names"
grep -q 'www.rennes.example' "$directory/names" || fail "the name to search for is not in the capture"
echo rennes.example >>"$directory/names"
sed -n 's/^name //p' "$directory/personal" >>"$directory/names"

# The search finds what is there: else it would find nothing anywhere.
for decoy in 'x198.51.100.1y' 'x2001:db8:3::6y' 'x203.0.113.75y' 'xAPI.openai.comy' \
    'xAnne-Leroy.chatgpt.comy'; do
    echo "$decoy" >"$private/state/decoy"
    found_texts "$directory/addresses" >/dev/null || found_texts "$directory/names" >/dev/null ||
        fail "the search does not find $decoy"
done
for decoy in '\306\063\144\001' '\040\001\015\270\0\3\0\0\0\0\0\0\0\0\0\6'; do
    # shellcheck disable=SC2059
    printf "x\n$decoy" >"$private/state/decoy"
    found_bytes "$directory/bytes" >/dev/null || fail "the search does not find $decoy"
done
rm "$private/state/decoy"

if found_texts "$directory/addresses" >&2 || found_bytes "$directory/bytes" >&2; then
    fail "an address is kept"
fi
if found_texts "$directory/names" >&2; then
    fail "a server name is kept"
fi
# Nor is anything left in a core file by whoever reads a capture.
mkfifo "$directory/fifo"
"$tool" inspect -c "$private/iagmeter.conf" "$directory/fifo" >/dev/null 2>&1 &
tries=100
until grep -q '^Max core file size  *0  *0 ' "/proc/$!/limits" 2>/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "inspect may leave a core file"
    sleep 0.1
done
kill "$!"
wait "$!" 2>/dev/null || true

echo "privacy: $(wc -l <"$directory/addresses") addresses, $(wc -l <"$directory/names") names, none kept"

echo "bad input: passed$skipped_parts"
