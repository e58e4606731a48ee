#!/bin/sh
# `iagmeter calibrate service` on a capture of known record sizes, and the daemon with the file that it writes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
command -v node >/dev/null || skip "node is not installed"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
configure "$directory/run"
conf=$directory/run/iagmeter.conf
client=198.51.100.10

cp "$root/tests/system/calibrate/session.mjs" "$directory/make.mjs"
node "$directory/make.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/session.pcap"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$i	$((40 * i))	20"; done >"$directory/truth.tsv"
calibrate() {
    "$build/iagmeter" calibrate service "$@" -c "$conf"
}
last() { # FRAGMENT: of the last line on standard error
    tail -n 1 "$directory/err" | grep -qF -e "$1" || fail "\"$1\" is not what it says last"
}

expect 0 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/truth.tsv"
file=$(head -n 1 "$directory/out")
[ -s "$file" ] || fail "no file"
grep -qF 'bytes_per_token = [ 250.000000, 250.000000, 250.000000 ]' "$file" || fail "bytes per token"
grep -qF 'n = 12;' "$file" && grep -qF 'transport = "tcp"' "$file" && grep -qF 'grade = "B"' "$file" || fail "the file"
expect 0 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/truth.tsv"
[ "$(head -n 1 "$directory/out")" != "$file" ] || fail "the file was overwritten"
! grep -qF 198.51.100 "$directory/err" "$directory/out" "$file" || fail "an address was written"
# All prompts have the same size: their tokens cannot be told from their bytes, and the file says so.
grep -q 'input tokens were not fitted: a flat line: all requests' "$file" || fail "nothing is said of input tokens"

# Typed instead.
expect 0 sh -c "umask 077; (cut -f 2,3 '$directory/truth.tsv'; echo end) | '$build/iagmeter' calibrate service openai-api -c '$conf' \
    --read '$directory/session.pcap' --client $client --output '$directory/typed.conf'"
[ "$(stat -c %a "$directory/typed.conf")" = 644 ] || fail "the daemon's user could not read the calibration"
cmp "$file" "$directory/typed.conf" || fail "typed counts give another file"

# Refusals.
expect 2 calibrate openai-api --read "$directory/session.pcap" --truth "$directory/truth.tsv"
last 'states the tokens of 12 exchanges, but 13 were seen'
expect 2 calibrate mistral-api --read "$directory/session.pcap" --truth "$directory/truth.tsv"
last 'no exchange of mistral-api was seen, but 13 of other services'
expect 2 calibrate openai-api --read "$directory/session.pcap" --client 192.0.2.1 --truth "$directory/truth.tsv"
last 'no traffic'
expect 2 sh -c "(head -n 5 '$directory/truth.tsv' | cut -f 2; echo end) | '$build/iagmeter' calibrate service openai-api -c '$conf' \
    --read '$directory/session.pcap' --client $client"
last 'too few prompts: 5'
sed 's/	[0-9]*	20$/	100/' "$directory/truth.tsv" >"$directory/flat.tsv"
expect 2 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/flat.tsv"
last 'a flat line'
printf '1\t40\n2\tmany\n' >"$directory/wrong.tsv"
expect 1 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/wrong.tsv"
sentence 'wrong.tsv:2: '
printf '1\t40\n3\t80\n' >"$directory/wrong.tsv"
expect 1 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/wrong.tsv"
sentence 'wrong.tsv:2: exchanges must be numbered'
expect 1 calibrate openai-api --read "$directory/session.pcap" --client $client --truth "$directory/missing.tsv"
sentence 'missing.tsv: No such file'
expect 1 calibrate nothing --read "$directory/session.pcap"
sentence 'there is no service "nothing"'
expect 1 calibrate openai-api --interface lo
sentence '--client'

# Before and after: the sum of the tokens is the truth, and the earlier rows stay as they are.
tokens() { # INTERVALS
    query "$directory/run/state" "SELECT CAST(round(sum(tokens_out_central)) AS INTEGER) FROM activity"
}
"$build/iagmeterd" -c "$conf" -r "$directory/session.pcap"
before=$(tokens)
rm -r "$directory/run/state" && mkdir "$directory/run/state"
printf 'calibrations = [ "%s" ];\n' "$file" >>"$conf"
"$build/iagmeterd" -c "$conf" -t
"$build/iagmeterd" -c "$conf" -r "$directory/session.pcap"
truth=$((40 * 91)) # 1 to 13, times 40
[ "$(tokens)" -eq "$truth" ] || fail "calibrated: $(tokens) tokens, not $truth"
[ "$before" -ne "$truth" ] || fail "the shipped estimator was right already: the test proves nothing"
expect 0 "$build/iagmeter" status -c "$conf"
grep -q 'openai-api .*tcp.*n = 12' "$directory/out" || fail "status does not list it"

# Reports of that month cite it; a month before does not.
sqlite3 "$directory/run/state/ledger.db" "SELECT value FROM fact WHERE name LIKE 'calibration_used openai-api tcp %'" >"$directory/fact"
grep -q '^17900[0-9]* calibration of .*, n = 12$' "$directory/fact" || fail "the ledger does not tell of the replay: $(cat "$directory/fact")"
cited='openai-api (tcp): calibration of [0-9-]*, n = 12'
sed 's/threshold = [0-9]*/threshold = 1/' "$conf" >"$directory/run/shown.conf"
grep -q 'threshold' "$directory/run/shown.conf" || echo 'report: { threshold = 1; };' >>"$directory/run/shown.conf"
"$build/iagmeter" explain 2026-09/./openai-api/tokens_out -c "$directory/run/shown.conf" --lang en >"$directory/out" 2>"$directory/err" || fail "explain"
grep -q "$cited" "$directory/out" || fail "explain does not cite it"

"$build/iagmeter" report month 2026-09 -c "$directory/run/shown.conf" >"$directory/out" 2>"$directory/err" || fail "report"
report=$(sed -n 's/\.csv$//p' "$directory/out")
grep -q '^2026-09,calibration,openai-api/tcp/[.a-z0-9-]*/[0-9-]*/17900000[0-9]*,"tcp: calibration of [0-9-]*, n = 12",from_s,s,17900000[0-9]*,' "$report.csv" || fail "the CSV does not cite it"
grep -q '"source": "calibration of [0-9-]*, n = 12"' "$report.json" || fail "the JSON does not cite it"
for form in html json; do
    "$build/iagmeter" explain 2026-09/./openai-api/tokens_out -c "$directory/run/shown.conf" --format $form >"$directory/out" 2>"$directory/err" ||
        fail "explain in $form"
    grep -q 'calibration of [0-9-]*, n = 12' "$directory/out" || fail "explain does not cite it in $form"
done

# The service changes: events of 450 bytes instead of 250, of no other way of streaming, in more exchanges than a window has.
sed 's/i <= 13/i <= 60/; s/SERVER, 255/SERVER, 455/; s/40 \* i;/40;/' "$directory/make.mjs" >"$directory/drifted.mjs"
node "$directory/drifted.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/drifted.pcap"
! grep -q 'no longer' "$directory/out" || fail "status warns too early"
expect 0 "$build/iagmeterd" -c "$conf" -r "$directory/drifted.pcap" -w 1
[ "$(grep -c 'openai-api, tcp: its answers no longer have the shape' "$directory/err")" -eq 1 ] || fail "one warning"
! grep -q 198.51.100 "$directory/err" || fail "an address was logged"
expect 0 "$build/iagmeter" status -c "$conf"
grep -q 'The answers of openai-api (tcp) no longer have' "$directory/out" || fail "status does not warn"
expect 0 "$build/iagmeter" status -c "$conf" --format json
grep -q '"drifted": true' "$directory/out" || fail "status does not warn in JSON"
expect 0 "$build/iagmeter" metrics capture -c "$conf"
grep -q '^iagmeter_calibration_drifted{service="openai-api",transport="tcp"} 1$' "$directory/out" || fail "metrics do not warn"
grep -q '^iagmeter_calibration_timestamp_seconds{service="openai-api",transport="tcp"} [0-9]*00$' "$directory/out" || fail "metrics do not tell its day"

# Replayed without it: no use of it, and reports say until when it was in use before.
query "$directory/run/state" "SELECT name, value FROM fact WHERE name LIKE 'calibration_used %'" >"$directory/used"
sed 's/1790000000/1790100000/' "$directory/make.mjs" >"$directory/later.mjs"
node "$directory/later.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/later.pcap"
sed '/^calibrations/d' "$conf" >"$directory/run/without.conf"
expect 0 "$build/iagmeterd" -c "$directory/run/without.conf" -r "$directory/later.pcap" -w 1
query "$directory/run/state" "SELECT name, value FROM fact WHERE name LIKE 'calibration_used %'" | cmp - "$directory/used" ||
    fail "a replay changed the period of another one"
"$build/iagmeter" explain 2026-09/./openai-api/tokens_out -c "$directory/run/shown.conf" --lang en >"$directory/out" 2>"$directory/err" || fail "explain"
grep -q "$cited (from 2026-09-21 [0-9:]* until 2026-09-21 [0-9:]*)" "$directory/out" || fail "explain does not tell from when until when"
expect 0 "$build/iagmeter" status -c "$directory/run/without.conf"
! grep -q 'calibrat' "$directory/out" || fail "status lists what is not in force"

# What -t says of a file that is wrong, with its line.
wrong() { # SED FRAGMENT
    sed "$1" "$file" >"$directory/wrong.conf"
    sed "s|^calibrations.*|calibrations = [ \"$directory/wrong.conf\" ];|" "$conf" >"$directory/run/wrong.conf"
    expect 1 "$build/iagmeterd" -c "$directory/run/wrong.conf" -t
    grep -F -e "$2" "$directory/err" | grep -q 'wrong.conf:[0-9]' || fail "-t does not say \"$2\" with file and line"
}
wrong 's/bytes_per_token = .*/bytes_per_token = [ 0, 1, 2 ];/' 'bytes_per_token'
wrong '/grade/d' 'missing key "grade"'
wrong 's/grade = "B"/grade = "A"/' 'grade'
wrong 's/service = "openai-api"/service = "nothing"/' 'there is no service "nothing"'
wrong 's/method = "M1"/method = "M4"/; /overhead/d' 'method is not M4'
wrong 's/date = "[0-9-]*"/date = "2999-01-01"/' 'in the future'
wrong 's/sigma = .*/sigma = -1.0;/' 'sigma'
wrong 's/n = 12;/n = 2;/' ' n '
wrong '/bytes_per_token/d' 'missing key "bytes_per_token", which M1 uses'
wrong 's/    n = 12;/    n = 12; tokens_per_second = 40.0;/' 'tokens_per_second is not used by M1'
wrong 's/    n = 12;/    n = 12; input_n = 12;/' 'missing key "input_bytes_per_token", which goes with "input_n"'
wrong 's/kind = "service"/kind = "idle"/' 'kind'
wrong 's/version = 2/version = 7/' 'version 7'
wrong 's/date = "[0-9-]*"/date = "2026-02-30"/' 'YYYY-MM-DD'
sed "s|^calibrations.*|calibrations = [ \"$file\", \"$directory/typed.conf\" ];|" "$conf" >"$directory/run/wrong.conf"
expect 1 "$build/iagmeterd" -c "$directory/run/wrong.conf" -t
grep -q 'a second calibration of' "$directory/err" || fail "two of one day"

# The estimators themselves: out of range, or without grade.
sed "s|^services = .*|services = \"$directory/services.conf\";|; /^calibrations/d" "$conf" >"$directory/run/wrong.conf"
wrong_estimator() { # SED FRAGMENT
    sed "$1" "$root/conf/services.conf" >"$directory/services.conf"
    ! cmp -s "$root/conf/services.conf" "$directory/services.conf" || fail "nothing was changed by $1"
    expect 1 "$build/iagmeterd" -c "$directory/run/wrong.conf" -t
    grep -F -e "$2" "$directory/err" | grep -q 'services.conf:[0-9]' || fail "-t does not say \"$2\" with file and line"
}
wrong_estimator '0,/method = "M1"; grade = "A";/s//method = "M1";/' 'missing key "grade"'
wrong_estimator '0,/grade = "A";/s//grade = "F";/' 'grade'
wrong_estimator '0,/answer_gap_s = 30.0/s//answer_gap_s = -1.0/' 'answer_gap_s'
wrong_estimator '0,/exchange_sigma = 0.02/s//exchange_sigma = 5.0/' 'exchange_sigma'
wrong_estimator '0,/bytes_per_token = \[ 305, 324, 340 \]/s//bytes_per_token = [ 340, 324, 305 ]/' 'bytes_per_token'
wrong_estimator '0,/input_bytes_per_token = \[ 2.15, 4.3, 10.75 \]/s//input_bytes_per_token = [ 0.0, 4.3, 10.75 ]/' 'input_bytes_per_token'
wrong_estimator '0,/method = "M1"/s//method = "M9"/' 'method'

# Of two ways of streaming, both are in force, and each drifts by itself: here the rate of one falls to a fifth.
configure "$directory/ways"
ways=$directory/ways/iagmeter.conf
sed 's/SERVER, 255/SERVER, 335/' "$directory/make.mjs" >"$directory/chat.mjs"
node "$directory/chat.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/chat.pcap"
expect 0 calibrate openai-api --read "$directory/chat.pcap" --client $client --truth "$directory/truth.tsv" --output "$directory/chat.conf"
grep -qF 'regime = "openai-chat"' "$directory/chat.conf" || fail "the way is not told"
printf 'calibrations = [ "%s", "%s" ];\n' "$directory/chat.conf" "$file" >>"$ways"
sed 's/i <= 13/i <= 60/; s/40 \* i;/40;/; s/0.02 \* token/0.1 * token/; s/0.6 + 0.8 \* i/9/' "$directory/chat.mjs" >"$directory/slow.mjs"
node "$directory/slow.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/slow.pcap"
expect 0 "$build/iagmeterd" -c "$ways" -r "$directory/slow.pcap" -w 1
grep -q 'openai-api, tcp, as openai-chat: its answers no longer have the shape' "$directory/err" || fail "the log does not tell the way"
expect 0 "$build/iagmeter" status -c "$ways"
grep -q 'The answers of openai-api (tcp, as openai-chat) no longer have' "$directory/out" || fail "status does not tell the way"
! grep -q 'The answers of openai-api (tcp) no longer have' "$directory/out" || fail "status warns of another way"
expect 0 "$build/iagmeter" metrics capture -c "$ways"
grep -q '^iagmeter_calibration_drifted{service="openai-api",transport="tcp",regime="openai-chat"} 1$' "$directory/out" || fail "metrics do not tell the way"
grep -q '^iagmeter_calibration_drifted{service="openai-api",transport="tcp"} 0$' "$directory/out" || fail "metrics warn of another way"
