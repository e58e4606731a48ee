#!/bin/sh
# `iagmeter impact` and `iagmeter factors`: what they answer, and with which exit status.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT

conf=$directory/conf
cp -r "$root/conf" "$conf"
tab=$(printf '\t')

ask() { # STATUS ARGUMENT...
    status=$1
    shift
    expect "$status" "$build/iagmeter" impact -c "$conf/iagmeter.conf" "$@"
}

# told FRAGMENT...: some line on standard error has them all, in this order.
told() {
    pattern=$(printf '.*%s' "$@")
    grep -q "$pattern" "$directory/err" || fail "not told: $*"
}

# ---- One use ----

ask 0 --provider openai --model gpt-4o --tokens-out 250
grep -q 'kgCO₂e$' "$directory/out" || fail "no greenhouse gases"
grep -q 'calculé chez openai' "$directory/out" || fail "the answer is not in French"
ask 0 --provider openai --model gpt-4o --tokens-out 250 --lang en
grep -q 'computed at openai' "$directory/out" || fail "the answer is not in English"
ask 0 --provider openai --model gpt-4o --tokens-out 250 --sensitivity --format json
grep -q '"sensitivity":' "$directory/out" || fail "no sensitivity"
ask 0 --provider openai --model gpt-4o --tokens-out 250 --zone FRA --latency 2 --method B --format tsv
[ "$(wc -l <"$directory/out")" -eq 2 ] || fail "a table of one use has not two lines"
ask 1 --provider openai --model gpt-0 --tokens-out 250
told 'gpt-0'
ask 1 --provider openai --model gpt-4o --tokens-out -5
told 'tokens_out'
ask 1 --provider openai --model gpt-4o --tokens-out 250 --format xml
told 'xml'
ask 1 --provider openai --model gpt-4o --tokens-out 250 --tokens 3
echo "impact: one use"

# ---- A table ----

cat >"$directory/uses.tsv" <<END
zone${tab}tokens_out${tab}model${tab}provider
${tab}250${tab}gpt-4o${tab}openai
FRA${tab}250${tab}gpt-4o${tab}openai
END
ask 0 --batch "$directory/uses.tsv"
cp "$directory/out" "$directory/answers"
[ "$(wc -l <"$directory/answers")" -eq 3 ] || fail "two uses have not two answers"
expect 0 sh -c "'$build/iagmeter' impact --factors '$conf/factors/2026' --batch - <'$directory/uses.tsv'"
cmp -s "$directory/out" "$directory/answers" || fail "standard input has another answer"
ask 0 --batch "$directory/uses.tsv" --format json
[ "$(grep -c '^{.*}$' "$directory/out")" -eq 2 ] || fail "two uses are not two objects"
printf 'ATL\t250\tgpt-4o\topenai\n' >>"$directory/uses.tsv"
ask 2 --batch "$directory/uses.tsv"
told "$directory/uses.tsv:4: " ATL
[ "$(wc -l <"$directory/out")" -eq 4 ] || fail "a bad row has no place in the answer"
head -n 3 "$directory/out" | cmp -s - "$directory/answers" || fail "a bad row changed the others"
# An option that no row can have is its own mistake, in one line.
for option in "--zone ATL" "--method Q" "--provider nobody" "--latency soon"; do
    # shellcheck disable=SC2086 # two words
    ask 1 --batch "$directory/uses.tsv" $option
    told "${option#* }"
    [ "$(wc -l <"$directory/err")" -eq 1 ] || fail "$option is told more than once"
    [ ! -s "$directory/out" ] || fail "$option has answers"
done
ask 2 --batch "$directory/absent.tsv"
expect 2 sh -c "'$build/iagmeter' impact --factors '$conf/factors/2026' --batch '$directory/uses.tsv' >/dev/full"
echo "impact: a table"

# ---- In constant memory ----

{
    printf 'provider\tmodel\ttokens_out\n'
    yes "openai${tab}gpt-4o${tab}250" | head -n 60000
} >"$directory/many.tsv"
# Address sanitizers reserve more than any limit that would tell.
limit=
[ -n "${IAGMETER_TEST_SANITIZED:-}" ] || limit='ulimit -v 200000; '
expect 0 sh -c "$limit'$build/iagmeter' impact --factors '$conf/factors/2026' \
    --batch '$directory/many.tsv' | tail -n 1 | cut -f 1-3"
[ "$(cat "$directory/out")" = "openai${tab}gpt-4o${tab}250" ] || fail "the last row is not there"
echo "impact: many rows"

# ---- A vintage ----

expect 0 "$build/iagmeter" factors check "$conf/factors/2026"
expect 0 "$build/iagmeter" factors check -c "$conf/iagmeter.conf"
expect 0 "$build/iagmeter" factors table -c "$conf/iagmeter.conf"
# Three slips, of which all are told by line, and nothing is computed.
sed -i 's/^    licence = .*//' "$conf/factors/2026/media.conf"
sed -i 's/id = "openai"; zone = "USA"/id = "openai"; zone = "ATL"/' "$conf/factors/2026/providers.conf"
sed -i 's/year = "2011"/year = "2111"/' "$conf/factors/2026/zones.conf"
expect 1 "$build/iagmeter" factors check "$conf/factors/2026"
told "media.conf:" 'missing key "licence"'
told "providers.conf:" 'unknown zone "ATL"'
told "zones.conf:" 'year 2111 is in the future'
expect 1 "$build/iagmeterd" -t -c "$conf/iagmeter.conf"
told "zones.conf:" 'year 2111 is in the future'
ask 1 --provider openai --model gpt-4o --tokens-out 250
[ ! -s "$directory/out" ] || fail "something was computed from a bad vintage"
expect 1 "$build/iagmeter" factors
expect 1 "$build/iagmeter" factors check "$conf/factors/2026" more
echo "impact: passed"
