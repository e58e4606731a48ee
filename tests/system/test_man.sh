#!/bin/sh
# The manual pages say what the programs take, no more and no less: commands and options beside --help, keys, their
# ranges and defaults beside the tables of the parser and the sample. And each command has a help of its own.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

cd "$root"
help=$directory/help
part=$directory/part
: >"$directory/offered"

# same WHAT: $directory/page has the lines of $directory/program, in any order.
same() {
    sort -u -o "$directory/page" "$directory/page"
    sort -u -o "$directory/program" "$directory/program"
    [ -s "$directory/program" ] || fail "$1: nothing was found to compare"
    diff "$directory/page" "$directory/program" >"$directory/out" ||
        fail "$1: the page (<) and the program (>) differ"
}

# section PAGE MACRO NAME: from that heading to the next one of its level, or above.
section() {
    awk -v macro=".$2" -v name="$3" '
        $1 == ".Sh" || $1 == macro { on = $1 == macro && substr($0, length(macro) + 2) == name; next }
        on' "man/$1"
}

# Of lines of mdoc, the options that they name: "Fl -lang" is --lang.
flags() {
    grep -oE 'Fl -?[A-Za-z][A-Za-z-]*' | sed 's/Fl /-/' || true
}

# Of a help, those that stand before their explanations.
listed() {
    sed -n 's/^  \(-.*[^ ]\)  .*/\1/p' | grep -oE -e '--?[A-Za-z][A-Za-z-]*' || true
}

narrow() {
    awk 'length($0) > 80 { wide = 1 } END { exit wide }' "$1" || fail "a line of more than 80 columns"
}

# ---- The daemon
expect 0 "$build/iagmeterd" --help
narrow "$directory/out"
listed <"$directory/out" >"$directory/program"
section iagmeterd.8 Sh OPTIONS | grep '^\.It Fl' | flags >"$directory/page"
same "options of iagmeterd(8)"
expect 0 "$build/iagmeterd" --version

# ---- The command
expect 0 "$build/iagmeter" --help
cp "$directory/out" "$help"
narrow "$help"
grep -qF 'man iagmeter' "$help" || fail "the help does not name the manual"
listed <"$help" >"$directory/program"
grep -oE -e '--[a-z-]+' "$directory/program" >>"$directory/offered"
section iagmeter.1 Sh OPTIONS | grep '^\.It Fl' | flags >"$directory/page"
same "options of iagmeter(1)"
sed -n '/^Commands:$/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$help" >"$directory/program"
section iagmeter.1 Sh COMMANDS | sed -n 's/^\.Ss //p' >"$directory/page"
same "commands of iagmeter(1)"
cp "$directory/program" "$directory/commands"

# Each command: its own part alone, and all that this offers in its section, as a form and as an item.
while read -r command; do
    expect 0 "$build/iagmeter" "$command" --help
    [ ! -s "$directory/err" ] || fail "$command --help complains"
    narrow "$directory/out"
    cp "$directory/out" "$part"
    expect 1 "$build/iagmeter" "$command" --no-such-option
    grep -vF 'no-such-option' "$directory/err" | cmp -s - "$part" || fail "$command: wrong usage does not show its part"
    sed '/^$/,$d' "$part" >"$directory/forms"
    sed -n 's/.*iagmeter \([a-z-]*\).*/\1/p' "$directory/forms" | sort -u >"$directory/named"
    echo "$command" | cmp -s - "$directory/named" || fail "$command --help shows other commands, or none"

    section iagmeter.1 Ss "$command" >"$directory/section"
    for of in form item; do
        grep -oE -e '--[a-z][a-z-]*' "$directory/forms" >"$directory/program" || [ "$?" -eq 1 ]
        cat "$directory/program" >>"$directory/offered"
        case $of in
            form) sed '/^\.Ed/,$d' "$directory/section" | flags >"$directory/page" ;;
            item) grep '^\.It Fl' "$directory/section" | flags >"$directory/page" || true ;;
        esac
        echo "$command" | tee -a "$directory/program" >>"$directory/page" # there may be no option
        same "options of iagmeter $command, each as $of"
    done
    # The words that may be typed: idle, weights, json... Those that name a month are told of all commands together.
    section iagmeter.1 Sh OPTIONS >>"$directory/section"
    sed 's/--[a-z-]*//g; s/usage: iagmeter//' "$directory/forms" | grep -oE '\b[a-z][a-z0-9.-]+' >"$directory/words" || true
    while read -r word; do
        grep -qwF -e "$word" "$directory/section" || fail "iagmeter(1) does not tell of $command $word"
    done <"$directory/words"
done <"$directory/commands"

# What the program takes, some help offers; and what is offered, it takes.
sed -n 's/^ *{"\([a-z-]*\)", \(no\|required\)_argument.*/--\1/p' daemon/iagmeter.c >"$directory/program"
echo --version >>"$directory/program"
cp "$directory/offered" "$directory/page"
same "options that any help of iagmeter offers"

# ---- Keys
# table FILE NAME: of each key its name, whether it is required, least and most.
table() {
    awk -v name="$2" '
        $0 ~ "confread_key " name "\\[\\] = \\{" { on = 1; next }
        on && /^};/ { exit }
        on && /SCRAPE_KEYS\(/ {
            while ((getline line < "daemon/scrapeconfig.h") > 0)
                if (line ~ /#define SCRAPE_KEYS\(/ || more) { print line; more = line ~ /\\$/ }
        }
        on' "$1" | tr '\n' ' ' |
        grep -oE '\{"[a-z0-9_]+", CONFREAD_[A-Z]+, (true|false), [^,]+, [^,]+,' |
        sed 's/^{"\([a-z0-9_]*\)", [A-Z_]*, \([a-z]*\), \([^,]*\), \([^,]*\),$/\1 \2 \3 \4/'
}

# items FILE NAME: what the page has of it, an item a line, with its text.
items() {
    awk -v mark="keys: $1 $2" '
        /^\.\\" keys: / { on = substr($0, 5) == mark; next }
        on && /^\.It Ic / { if (text) print text; text = $3 }
        on && /^\.El/ { if (text) print text; exit }
        on && !/^\.It/ && text { text = text " " $0 }' man/iagmeter.conf.5
}

for file in daemon/config.c daemon/inferenceconfig.c daemon/scrapeconfig.c daemon/directions.c daemon/objectives.c; do
    sed -n "s|.*confread_key \([a-z_]*\)\[\] = {.*|$file \1|p" "$file"
done >"$directory/tables"
[ "$(wc -l <"$directory/tables")" -ge 14 ] || fail "tables of keys were not found"
while read -r file name; do
    table "$file" "$name" >"$directory/keys"
    items "$file" "$name" >"$directory/items"
    cut -d ' ' -f 1 "$directory/keys" >"$directory/program"
    cut -d ' ' -f 1 "$directory/items" >"$directory/page"
    same "keys of $file, $name, in iagmeter.conf(5)"
    while read -r key required least most; do
        item=$(grep "^$key " "$directory/items") || fail "iagmeter.conf(5) says nothing of $key"
        case $item in
            "$key Required."*) [ "$required" = true ] || fail "$key is not required" ;;
            *) [ "$required" = false ] || fail "iagmeter.conf(5) does not say that $key is required" ;;
        esac
        case $least$most in
            00 | *[!0-9]*) ;;
            *) echo "$item" | grep -qE "[ (]$least to $most([ ,.;:)]|\$)" ||
                fail "$key: $least to $most is not in iagmeter.conf(5)" ;;
        esac
    done <"$directory/keys"
done <"$directory/tables"

# The sample shows defaults.
sed -n 's/^ *\([a-z_]*\) = \([0-9][0-9]*\);$/\1 \2/p' conf/iagmeter.conf >"$directory/defaults"
[ "$(wc -l <"$directory/defaults")" -ge 9 ] || fail "defaults were not found"
while read -r key value; do
    grep -A 12 "^\.It Ic $key\$" man/iagmeter.conf.5 | sed '2,${/^\.It/,$d}' |
        grep -q "^Default: $value\.\$" || fail "$key: the default, $value, is not in iagmeter.conf(5)"
done <"$directory/defaults"

# ---- The pages themselves
for document in $(cat man/* | grep -oE '[a-z-]+\.md' | sort -u); do
    [ -e "docs/$document" ] || fail "a page names $document, which is not there"
done
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning man/* >"$directory/out" 2>&1 || true
    [ ! -s "$directory/out" ] || fail "mandoc has something to say of the pages"
else
    skip_part "mandoc is not installed: the form of the pages"
fi
echo "man: passed"
