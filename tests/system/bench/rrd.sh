#!/bin/sh
# rrd.sh STATE_DIRECTORY: checks that every round-robin database holds the sums of the ledger.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
database=$1/ledger.db
query() { sqlite3 -readonly -separator ' ' "$database" "$1"; }

# Unwraps rows of `rrdtool fetch` (a header of names, then "end: rate rate ...") into sums per name.
sums() {
    awk 'NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }
         NF > 1 { for (i = 2; i <= NF; i++) if ($i !~ /nan/) sum[name[i - 1]] += $i * 60 }
         END { for (n in sum) printf "%s %.12g\n", n, sum[n] }'
}

first=$(query "SELECT min(interval_start) FROM coverage")
last=$(query "SELECT max(interval_start) + 60 FROM coverage")
checked=0
query "SELECT DISTINCT direction.code, service.name FROM activity
       JOIN direction ON direction.id = activity.direction
       JOIN service ON service.id = activity.service" | while read -r direction service; do
    file=$1/rrd/$direction/$service.rrd
    [ -f "$file" ] || { echo "FAILED $file is missing"; exit 1; }
    rrdtool fetch "$file" AVERAGE -r 60 -s "$first" -e "$last" | sums >"$1/fetched"
    for name in requests_central tokens_out_central bytes_down flows; do
        expected=$(query "SELECT printf('%.17g', sum($name)) FROM activity
            JOIN direction ON direction.id = activity.direction
            JOIN service ON service.id = activity.service
            WHERE code = '$direction' AND name = '$service'")
        awk -v name="$name" -v expected="$expected" -v file="$file" '
            $1 == name { found = 1; difference = $2 - expected
                if (difference < 0) difference = -difference
                if (difference > 1e-9 * (expected > 1 ? expected : 1)) {
                    print "FAILED " file ": " name " is " $2 ", in the ledger " expected; exit 1 } }
            END { if (!found && expected != 0) { print "FAILED " file ": no " name; exit 1 } }' "$1/fetched"
    done
    checked=$((checked + 1))
    echo "$checked" >"$1/checked"
done
echo "$(cat "$1/checked") round-robin databases hold the sums of the ledger"
rm -f "$1/checked" "$1/fetched"
