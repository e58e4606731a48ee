#!/bin/sh
# The demonstration: runs the daemon on a recorded capture, writes the month's report, and shows what was
# estimated beside what the servers counted. Output goes to demo-output/, made anew each time.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
fixture=$root/tests/fixtures/demo
output=$root/demo-output
conf=$output/iagmeter.conf

rm -rf "$output"
mkdir -p "$output"
# Of six devices of a direction, four have an address of IPv4 and two of IPv6: there are surely four. Hence the threshold
# of 4, where 5 is usual.
cat >"$conf" <<EOF
state_directory = "$output/state";
timezone = "Europe/Paris";
services = "$root/conf/services.conf";
directions = "$root/conf/directions.conf";
factors = "$root/conf/factors/2026";
rrd_years = 2;
report: { organisation = "Démonstration"; directory = "$output/report"; threshold = 4; };
EOF

echo "Metering $fixture/demo.pcap: 25 s of real TLS traffic, several directions and services"
"$build/iagmeterd" -c "$conf" -r "$fixture/demo.pcap"
"$build/iagmeter" inspect -c "$conf" "$fixture/demo.pcap" >"$output/inspect.tsv"

echo
echo "Estimated beside what the servers counted (requests; output tokens as low/central/high):"
awk -F '\t' '
    function show(a, b, c, d, e) { printf "  %-12s %-14s %8s %8s   %22s %8s\n", a, b, c, d, e, $6 }
    FNR == 1 { next }
    FILENAME ~ /inspect/ {
        split($11, t, "/"); cell = $6 "\t" $5
        requests[cell] += $9; low[cell] += t[1]; central[cell] += t[2]; high[cell] += t[3]
        next
    }
    !header++ { printf "  %-12s %-14s %8s %8s   %22s %8s\n",
        "direction", "service", "requests", "counted", "output tokens", "counted" }
    { cell = $1 "\t" $2
      show($1, $2, requests[cell], $4, low[cell] "/" central[cell] "/" high[cell]) }
' "$output/inspect.tsv" "$fixture/truth.tsv"

month=$(TZ=Europe/Paris date -d "@$(awk -F '[\t.]' 'NR == 2 { print $1 }' "$output/inspect.tsv")" +%Y-%m)
echo
"$build/iagmeter" report month "$month" -c "$conf" >"$output/report.txt"
sed '/^\//d' "$output/report.txt"
echo
echo "The monthly report: $output/report/$month.fr.html"
