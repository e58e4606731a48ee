#!/bin/sh
# Replays the recorded capture (tests/fixtures/demo) and compares the ledger with the truth.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bench=$here/bench
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
demo=$root/tests/fixtures/demo
. "$bench/names.sh"
for program in sqlite3 node; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
for program in iagmeterd iagmeter; do
    [ -x "$build/$program" ] || skip "$build/$program is not built"
done

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
"$bench/configuration.sh" "$directory"
conf=$directory/iagmeter.conf

"$build/iagmeterd" -c "$conf" -r "$demo/demo.pcap"
"$bench/ledger.sh" "$directory/state" >"$directory/ledger.tsv"
node "$bench/compare.mjs" "$demo/truth.tsv" "$directory/ledger.tsv" --requests
"$bench/rrd.sh" "$directory/state"

# The same to the bit, whether a thread reads ahead (as above, where there are processors enough) or not.
records() { # all of the ledger but when the daemon started, and what is drawn at random
    sqlite3 "$1/ledger.db" .dump | grep -v -e "'started'" -e 'INSERT INTO day_revision'
}
cp -r "$directory/state" "$directory/ahead"
rm -r "$directory/state"
mkdir "$directory/state"
"$build/iagmeterd" -c "$conf" -r "$demo/demo.pcap" -w 1
records "$directory/ahead" >"$directory/ahead.sql"
records "$directory/state" >"$directory/alone.sql"
grep -q 'INSERT INTO device_day' "$directory/ahead.sql"
cmp "$directory/ahead.sql" "$directory/alone.sql"

# A capture so large that mapping it is tried gives what it does from a pipe, which cannot be mapped.
repeated() {
    cat "$demo/demo.pcap"
    for _ in 1 2 3 4 5; do
        tail -c +25 "$demo/demo.pcap"
    done
}
repeated >"$directory/large.pcap"
[ "$(wc -c <"$directory/large.pcap")" -gt 16777216 ]
for way in tried piped; do
    rm -r "$directory/state"
    mkdir "$directory/state"
    case $way in
    tried) "$build/iagmeterd" -c "$conf" -r "$directory/large.pcap" ;;
    piped) repeated | "$build/iagmeterd" -c "$conf" -r - ;;
    esac
    records "$directory/state" >"$directory/$way.sql"
done
cmp "$directory/tried.sql" "$directory/piped.sql"

# And when several processes share it: the same use, connection by connection.
for workers in 2 3 5 8; do
    rm -r "$directory/state"
    mkdir "$directory/state"
    timeout 60 "$build/iagmeterd" -c "$conf" -r "$demo/demo.pcap" -w "$workers"
    "$bench/ledger.sh" "$directory/state" >"$directory/shared.tsv"
    cmp "$directory/ledger.tsv" "$directory/shared.tsv"
done

# And when it is cut in three anywhere, and the parts, in three formats, are not given in order.
for seed in 1 2 3; do
    SEED=$seed node "$here/cut.mjs" "$demo/demo.pcap" "$directory/cap.pcap" "$directory/cap2.pcapng" \
        "$directory/cap10.pcapng.gz"
    rm -r "$directory/state"
    mkdir "$directory/state"
    "$build/iagmeterd" -c "$conf" -r "$directory/cap10.pcapng.gz" -r "$directory/cap.pcap" "$directory/cap2.pcapng" \
        2>"$directory/warnings"
    records "$directory/state" >"$directory/cut.sql"
    cmp "$directory/ahead.sql" "$directory/cut.sql"
    [ ! -s "$directory/warnings" ] || { cat "$directory/warnings" >&2; exit 1; }
    rm -r "$directory/state"
    mkdir "$directory/state"
    "$build/iagmeter" inspect -c "$conf" --all "$demo/demo.pcap" >"$directory/inspected"
    "$build/iagmeter" inspect -c "$conf" --all "$directory"/cap*.pcap* | cmp "$directory/inspected" -
    timeout 60 "$build/iagmeterd" -c "$conf" -w 2 -r "$directory"/cap*.pcap*
    "$bench/ledger.sh" "$directory/state" >"$directory/shared.tsv"
    cmp "$directory/ledger.tsv" "$directory/shared.tsv"
done

# A damaged part ends it: it is named, and what was not read is told.
SEED=4 node "$here/cut.mjs" "$demo/demo.pcap" "$directory/cap.pcap" "$directory/cap2.pcap" "$directory/cap10.pcap"
truncate -s -7 "$directory/cap2.pcap"
for workers in '' '-w 1' '-w 2'; do
    rm -r "$directory/state"
    mkdir "$directory/state"
    status=0
    # shellcheck disable=SC2086
    timeout 60 "$build/iagmeterd" -c "$conf" $workers -r "$directory/cap10.pcap" "$directory/cap2.pcap" \
        "$directory/cap.pcap" 2>"$directory/refusal" || status=$?
    [ "$status" -eq 2 ] && [ "$(wc -l <"$directory/refusal")" -eq 1 ] || exit 1
    grep -q '/cap2.pcap: damaged after packet .* 1 file after it was not$' "$directory/refusal"
    "$bench/ledger.sh" "$directory/state" >"$directory/damaged.tsv"
    [ "$(wc -l <"$directory/damaged.tsv")" -gt 1 ] || exit 1
done

rm -r "$directory/state"
cp -r "$directory/ahead" "$directory/state"

# The month of the recording, from the recording itself: nanosecond pcap, little endian, first packet.
seconds=$(od -A n -t u4 -j 24 -N 4 "$demo/demo.pcap" | tr -d ' ')
month=$(TZ=Europe/Paris date -d "@$seconds" +%Y-%m)
"$build/iagmeter" report month "$month" -c "$conf" >"$directory/report"
# DRH has two devices: under the threshold, so it must be folded.
if grep -q 'DRH' "$directory/report"; then
    echo "DRH, with two devices, is shown in the report" >&2
    exit 1
fi

# Every row of the CSV is what its name explains, digit for digit, and the impact is found again.
# tests/system/test_figures.sh looks at the figures that are computed from these.
csv=$(grep '\.csv$' "$directory/report")
explained=0
for figure in $(awk -F , 'NR > 1 && $NF !~ /@/ { print $NF }' "$csv"); do
    "$build/iagmeter" explain -c "$conf" --lang en "$figure" >"$directory/explained"
    grep -q '^Each minute, recomputed, gives the ledger.* to 1e-12' "$directory/explained"
    indicator=${figure##*/}
    printed=$(sed -n "s/^  $indicator  *\([^ ]* \/ [^ ]* \/ [^ ]*\).*/\1/p" "$directory/explained" | head -n 1)
    [ "$printed" = "$(awk -F , -v figure="$figure" '
        $NF == figure { print $(NF - 4) " / " $(NF - 3) " / " $(NF - 2) }' "$csv")" ] || {
        echo "$figure is explained as $printed" >&2
        exit 1
    }
    explained=$((explained + 1))
done
[ "$explained" -gt 50 ] || exit 1
"$build/iagmeter" explain -c "$conf" --format html "$month" >"$directory/page.html"
grep -q '^<footer>.*iagmeter' "$directory/page.html" || exit 1
status=0
"$build/iagmeter" explain -c "$conf" "$month" DRH 2>"$directory/refusal" || status=$?
[ "$status" -eq 2 ] && [ "$(wc -l <"$directory/refusal")" -eq 1 ] || exit 1

"$build/iagmeter" inspect -c "$conf" "$demo/demo.pcap" >"$directory/inspect"
# No tool prints an address unless it is asked to.
if grep -E '198\.51\.100\.|203\.0\.113\.|2001:db8:' "$directory/inspect" "$directory/report"; then
    echo "an address was printed" >&2
    exit 1
fi
echo "replay: the ledger agrees with the truth"
