#!/bin/sh
# same.sh LIVE REPLAY: compares the ledgers in two state directories, of a live capture and of a replay
# of the same packets. Where nothing has the kernel stamp packets as they come in (send does), two sockets
# stamp the same packet one after the other: some hundred nanoseconds apart, and 10 ms where another machine
# took the processor between them. An estimate from the length of an answer shows that: tokens are
# compared to 0.5 %, those of ChatGPT, which may be read by the seconds, also to 50 ms of 88 tokens a second (five
# times what was seen, as that was once); everything else exactly.
# (That the same packets with the same times give the same bits, tests/capture/test_metering.c shows.)
# Packets are not compared: the two captures do not begin and end at the same instant.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
rows() { # STATE
    sqlite3 -readonly -separator ' ' "$1/ledger.db" "
        SELECT 'exact', interval_start, code, name, activity.grade, flows, bytes_up, bytes_down,
               bytes_other, requests_low, requests_central, requests_high, tokens_in_central
        FROM activity JOIN direction ON direction.id = activity.direction
        JOIN service ON service.id = activity.service ORDER BY 2, 3, 4;
        SELECT 'exact', interval_start, flows, names_seen FROM coverage WHERE flows > 0 ORDER BY 2;
        SELECT 'close', interval_start, code, name, tokens_out_low, tokens_out_central, tokens_out_high
        FROM activity JOIN direction ON direction.id = activity.direction
        JOIN service ON service.id = activity.service ORDER BY 2, 3, 4"
}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
rows "$1" >"$directory/live"
rows "$2" >"$directory/replay"
paste -d ' ' "$directory/live" "$directory/replay" | awk '
    { half = NF / 2 }
    $1 == "close" { for (i = 5; i <= half; i++) { difference = $i - $(half + i)
        if (difference < 0) difference = -difference
        if (difference > 5e-3 * ($i + 1) + ($4 == "chatgpt-web" ? 0.05 * 88 : 0)) { print "FAILED " $0; failed = 1 } } }
    { for (i = 1; i <= ($1 == "close" ? 4 : half); i++)
        if ($i != $(half + i)) { print "FAILED " $0; failed = 1; next } }
    END { exit failed || NR == 0 }' || { echo "live and replay differ" >&2; exit 1; }
