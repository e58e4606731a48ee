#!/bin/sh
# The manual pages say what the programs take, no more and no less: commands and options beside --help, keys, their
# types, ranges and defaults beside the tables of the parsers and the sample; and what is an example is no error. And
# each command has a help of its own.
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
    # Nor does it take what only others have, and do without.
    for option in --sensitivity --assume-idle --list --exchanges; do
        grep -qF -e "$option" "$part" && continue
        expect 1 "$build/iagmeter" "$command" "$option"
        grep -qxF "iagmeter: $command has no option $option" "$directory/err" || fail "$command takes $option"
    done
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
sed -n 's/^ *{"\([a-z-]*\)", \(no\|required\)_argument.*/--\1/p' daemon/commandline.c >"$directory/program"
echo --version >>"$directory/program"
cp "$directory/offered" "$directory/page"
same "options that any help of iagmeter offers"

# ---- Keys
# What the preprocessor leaves of a source, as keys.awk tells it.
flags=$(pkg-config --cflags libconfig jansson libcurl netsnmp)
told() {
    # shellcheck disable=SC2086
    ${CC:-cc} -E -std=c11 -D_GNU_SOURCE -I. $flags "$1" | awk -v source="$1" -f "$here/keys.awk"
}

# What the code asks for beside its tables: keys that are required, ranges of the figures of host.conf, values of enums
# that another file has.
more() {
    grep -oE 'missing key \\"[a-z_]+\\":' "$1" | sed 's/.*\\"\(.*\)\\":/elsewhere	\1/' || true
    sed -n 's/.* read_quantity(group, "\([a-z_]*\)", "[^"]*", \([0-9.]*\), \([0-9.]*\), .*/range	read_host	\1	\2	\3/p' "$1"
    sed -n 's/^key	.*	?//p' "$part" | while read -r array; do
        values=$(find daemon collectors -name '*.c' -exec sed -n "/ $array\[.*= {/,/};/p" '{}' + | grep -oE '"[^"]+"')
        echo "names	$array	$(echo "$values" | tr -d '"' | tr '\n' ' ')"
    done
}

# said TABLE WORDS NAMES <ROWS: of each key and its bits in C, a sentence with those of NAMES that they are.
said() {
    while IFS='	' read -r key bits; do
        mask=$(($(echo "$bits" | sed 's/< </<</g; s/1U/1/g')))
        list='' number=0
        for name in $3; do
            [ $((mask >> number & 1)) -eq 0 ] || list="$list${list:+, }$name"
            number=$((number + 1))
        done
        echo "said	$1	$key	$2 $list."
    done
}

# sentences TABLE: by which methods, and with which other keys, those of estimators are used.
sentences() {
    number=0
    for name in $(sed -n '/^enum estimator_method {/,/^};/p' collectors/capture/estimator.h | grep -oE '\bMETHOD_[A-Z0-9]+'); do
        eval "$name=$number"
        number=$((number + 1))
    done
    # shellcheck disable=SC2034
    INPUT_PRIOR=0 INPUT_BODY=1
    methods=$(sed -n 's/^row	method_names	//p' "$directory/estimators")
    sed -n 's/^row	method_parameters	//p; s/^row	uses	//p' "$part" | said "$1" 'Required by' "$methods"
    sed -n 's/^row	shapes	//p' "$part" | said "$1" 'Used by' "$methods"
    sed -n 's/^row	input_parameters	//p' "$part" | said "$1" 'Required by' 'prior body'
    sed -n "s/^row	parameters	\(.*\)	1\$/said	$1	\1	Required with reply_s/p
        s/^row	parameters	\(.*\)	0\$/said	$1	\1	Only with reply_s/p" "$part"
    sed -n 's/^row	of_programs	//p' "$part" | tr ' ' '\n' | sed "s/.*/said	$1	&	Not with reply_s/"
    sed -n "s/^row	pairs	\(.*\)	\(.*\)	./beside	$1	\1	\2/p; s/^row	pairs	\(.*\)	\(.*\)	1/beside	$1	\2	\1/p" "$part"
}

told collectors/capture/estimator_config.c >"$directory/estimators"
find daemon collectors -name '*.c' -exec grep -lE 'struct confread_key [a-z_]+\[\] = ' '{}' + | sort >"$directory/files"
[ "$(wc -l <"$directory/files")" -ge 13 ] || fail "sources with tables of keys were not found"
while read -r file; do
    told "$file" >"$part"
    grep -q '^key' "$part" || fail "keys.awk finds no key in $file"
    {
        cat "$part"
        more "$file"
        case $file in
            collectors/capture/estimator_config.c) sentences estimator_keys ;;
            daemon/servicecalibration.c) sentences keys ;;
        esac
    } | sed "s|^|$file	|"
done <"$directory/files" >"$directory/keys"
for word in key default elsewhere range names said beside; do
    cut -f 2 "$directory/keys" | grep -qx "$word" || fail "the sources tell nothing of the kind \"$word\""
done
awk -f "$here/items.awk" man/* >"$directory/items"
awk -f "$here/compare.awk" "$directory/keys" "$directory/items" >"$directory/out"
[ ! -s "$directory/out" ] || fail "what the pages and the sources say of keys differs"
# And it would be told, were one there: of a key that is new, one that is gone, and a range.
sed 's/	rest_s	/	new_s	/; s/	rrd_years	CONFREAD_UINT	false	1	50	/	rrd_years	CONFREAD_UINT	false	1	51	/' \
    "$directory/keys" >"$directory/other"
awk -f "$here/compare.awk" "$directory/other" "$directory/items" >"$directory/told"
for complaint in '^man/iagmeter-services.conf.5, rest_s .*: there is no such key' '^new_s .*: no page tells of it' \
    '^man/iagmeter.conf.5, rrd_years .*: 1 to 51 is not told'; do
    grep -q "$complaint" "$directory/told" || fail "compare.awk does not see what differs"
done

# The sample shows defaults.
sed -n 's/^ *\([a-z_]*\) = \([0-9][0-9]*\);$/\1 \2/p' conf/iagmeter.conf >"$directory/defaults"
[ "$(wc -l <"$directory/defaults")" -ge 9 ] || fail "defaults were not found"
while read -r key value; do
    grep -A 12 "^\.It Ic $key\$" man/iagmeter.conf.5 | sed '2,${/^\.It/,$d}' |
        grep -q "^Default: $value\.\$" || fail "$key: the default, $value, is not in iagmeter.conf(5)"
done <"$directory/defaults"

# ---- Examples
# example PAGE: what stands there as an example, as it is printed.
example() {
    section "$1" Sh EXAMPLES | sed -n '/^\.Bd/,/^\.Ed/p' | sed "/^\./d; s/\\\\('e/e/g"
}

cp -r conf "$directory/etc"
mkdir "$directory/etc/services.d"
example iagmeter-services.conf.5 >"$directory/etc/services.d/own.conf"
example iagmeter-host.conf.5 >"$directory/etc/host.conf"
{
    example iagmeter-factors.5
    echo ,
} >"$directory/provider"
sed -i "/^providers = (/r $directory/provider" "$directory/etc/factors/2026/providers.conf"
example iagmeter.conf.5 >"$directory/etc/iagmeter.conf"
echo 'host = "host.conf";' >>"$directory/etc/iagmeter.conf"
expect 0 "$build/iagmeterd" -c "$directory/etc/iagmeter.conf" -t
for file in services.d/own.conf host.conf factors/2026/providers.conf; do # each was read
    cp "$directory/etc/$file" "$directory/whole"
    echo '}' >>"$directory/etc/$file"
    expect 1 "$build/iagmeterd" -c "$directory/etc/iagmeter.conf" -t
    grep -qF "$file" "$directory/err" || fail "$file is not checked"
    cp "$directory/whole" "$directory/etc/$file"
done

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
