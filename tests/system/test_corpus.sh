#!/bin/sh
# Every name that tshark found in the captures of ../shared/data/corpus, flow by flow, and no other:
# `iagmeter inspect` beside sni.tsv (ClientHellos) and http.tsv (CONNECT). docs/coverage.md lists the
# differences there are, each with its reason: one that is not listed fails, and so does one that is
# listed and is not found.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
LC_ALL=C
export LC_ALL

corpus=${IAGMETER_CORPUS:-$root/../shared/data/corpus}
[ -r "$corpus/sni.tsv" ] || skip "$corpus is not here"
configure "$directory"

# -- What we say: capture, name, client, port, server, port ---------------------------------------

# Names from plain HTTP requests have no table to be compared with.
inspect() { # CAPTURE
    status=0
    "$build/iagmeter" inspect -c "$directory/iagmeter.conf" --all --addresses "$corpus/$1" \
        >"$directory/out" 2>"$directory/err" || status=$?
    # 2: the capture is damaged, or of a kind that we do not read; what is missing then will show.
    [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || fail "exit status $status: inspect $1"
    awk -F '\t' -v OFS='\t' -v capture="$1" '
        FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        $column["name"] != "-" && $column["transport"] != "http" {
            print capture, $column["name"], $column["client"], $column["client_port"],
                  $column["server"], $column["server_port"] }' "$directory/out"
}

find "$corpus" -type f ! -name '*.tsv' ! -name '*.md' | sed "s|^$corpus/||" | sort \
    >"$directory/captures"
while read -r capture; do
    inspect "$capture"
done <"$directory/captures" >"$directory/ours"

# -- What tshark says -----------------------------------------------------------------------------

# One row for each ClientHello: a repeated one is no second flow, hence the numbers.
awk -F '\t' -v OFS='\t' 'FNR > 1 { print $1, $8, $3, $4, $5, $6 }' "$corpus/sni.tsv" \
    >"$directory/theirs"
# The authority form is HOST:PORT (RFC 9112, 3.2.3). The name in a ClientHello that follows counts.
awk -F '\t' -v OFS='\t' '
    FNR == 1 { file++ }
    { flow = $3 OFS $4 OFS $5 OFS $6 }
    file == 1 { named[$1, flow]; next }
    FNR > 1 && $8 == "CONNECT" && $9 ~ /^[^\/:]+:[0-9]+$/ && !(($1, flow) in named) {
        sub(/:[0-9]+$/, "", $9)
        print $1, $9, flow }' "$corpus/sni.tsv" "$corpus/http.tsv" >>"$directory/theirs"

# -- Both, and the differences that are known -----------------------------------------------------

awk -F '\t' -v OFS='\t' '
    FNR == 1 { file++ }
    { row = $1 OFS $2 }
    file == 1 { theirs[$0]++; next }
    ++ours[$0] > theirs[$0] { found[row OFS "iagmeter"] }
    END {
        for (flow in theirs)
            if (!(flow in ours)) {
                split(flow, part, OFS)
                found[part[1] OFS part[2] OFS "tshark"]
            }
        for (row in found)
            print row }' "$directory/theirs" "$directory/ours" | sort >"$directory/differences"

# The rows of the table: | capture | name | who finds it | why |
awk -F ' *[|] *' -v OFS='\t' '
    /^\|/ && $2 != "capture" && $2 !~ /^:?-+:?$/ {
        gsub(/`/, "")
        if (NF != 6 || $5 == "") { print "no reason: " $0 >"/dev/stderr"; exit 1 }
        print $2, $3, $4 }' "$root/docs/coverage.md" >"$directory/listed" ||
    fail "a row of docs/coverage.md is not of the form | capture | name | who finds it | why |"
sort "$directory/listed" >"$directory/known"
[ -z "$(uniq -d "$directory/known")" ] || fail "docs/coverage.md lists a difference twice"

comm -23 "$directory/differences" "$directory/known" >"$directory/new"
comm -13 "$directory/differences" "$directory/known" >"$directory/gone"
sed 's/^/not in docs\/coverage.md (capture, name, who finds it): /' "$directory/new"
sed 's/^/in docs\/coverage.md, but not found: /' "$directory/gone"
echo "corpus: $(wc -l <"$directory/captures") captures, $(wc -l <"$directory/ours") named flows," \
    "$(sort -u "$directory/theirs" | wc -l) of tshark's," \
    "$(wc -l <"$directory/differences") differences, $(wc -l <"$directory/known") of them known"
[ -s "$directory/ours" ] && [ -s "$directory/theirs" ] || fail "nothing was compared"
[ ! -s "$directory/new" ] && [ ! -s "$directory/gone" ]
