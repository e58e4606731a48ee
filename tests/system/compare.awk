# Compares what keys.awk says of the sources (the first file, each line after the name of the source) with what
# items.awk says of the pages (the second one), and prints what differs, a line each. Lines of the test's own, in the
# first file, too, begin with SOURCE and
#   elsewhere KEY                  a key that is required by the code, not by its table
#   range TABLE KEY LEAST MOST     the same of a range
#   said TABLE KEY WORDS           a sentence that the item must have, and no other one of that table that begins so
#   beside TABLE KEY OTHER         which it must name
#   names ARRAY VALUES             of an enum, in another file
# SPDX-License-Identifier: GPL-3.0-or-later
BEGIN { FS = OFS = "\t" }

function complain(text) { print text }

# An item's text without macros, as it is read.
function plain(text) {
    gsub(/ \.?(Ic|Ql|Pa|Xr|Sx|Em|Pq|Li|It) /, " ", text)
    gsub(/ \.?(Ic|Ql|Pa|Xr|Sx|Em|Pq|Li|It) /, " ", text)
    gsub(/\\&/, "", text)
    gsub(/ \./, ".", text)
    gsub(/ ,/, ",", text)
    gsub(/ ;/, ";", text)
    gsub(/ :/, ":", text)
    gsub(/ \)/, ")", text)
    return text " "
}

# A word without what stands around it.
function bare(word) {
    gsub(/^[(]+|[].,;:)]+$/, "", word)
    return word
}

# Whether TEXT has LEAST to MOST; or, of a whole number that may be any, LEAST or more. Numbers are compared, not texts.
function has_range(text, least, most,    word, count, i, from, excluded) {
    if (most == 4294967295) return least == 0 || index(text, " " least " or more")
    count = split(text, word, " ")
    for (i = 2; i < count; i++) {
        if (word[i] != "to") continue
        excluded = word[i - 1] == "(excluded)"
        from = bare(word[i - 1 - excluded])
        if (from !~ /^-?[0-9]/ || bare(word[i + 1]) !~ /^-?[0-9]/) continue
        if (bare(word[i + 1]) + 0 != most + 0) continue
        if (excluded != (least + 0 > 0 && least + 0 < 1e-300)) continue
        if (excluded ? from + 0 == 0 : from + 0 == least + 0) return 1
    }
    return 0
}

function states_range(text,    word, count, i) {
    count = split(text, word, " ")
    for (i = 2; i < count; i++)
        if (word[i] == "to" && bare(word[i - 1]) ~ /^-?[0-9]/ && bare(word[i + 1]) ~ /^-?[0-9]/) return 1
    return 0
}

function has_word(text, name,    word, count, i) {
    count = split(text, word, " ")
    for (i = 1; i <= count; i++)
        if (bare(word[i]) == name) return 1
    return 0
}

# NAMES of an enum, each in the text, and nothing else as a literal. "A to E" are the grades.
function check_names(where, raw, text, names,    name, count, i, literal) {
    if (sub(/^\?/, "", names)) names = array[names]
    count = split(names, name, " ")
    if (count == 0) complain(where ": its values were not found")
    if (index(text, "A to E")) text = text "B C D "
    if (index(text, "B to E")) text = text "C D "
    for (i = 1; i <= count; i++)
        if (!has_word(text, name[i])) complain(where ": the value " name[i] " is not told")
    count = split(raw, literal, " ")
    for (i = 1; i < count; i++)
        if (literal[i] == ".Ql" && index(" " names " ", " " literal[i + 1] " ") == 0)
            complain(where ": " literal[i + 1] " is none of its values")
}

function check_type(where, type, text, page) {
    if (type == "CONFREAD_TRIPLE" && text !~ /[Bb]and/ || type == "CONFREAD_RANGE" && text !~ /[Rr]ange/ ||
        type == "CONFREAD_GROUP" && text !~ /[Gg]roup/ || type == "CONFREAD_LIST" && text !~ /[Ll]ist|[Aa]rray/ ||
        type == "CONFREAD_BOOL" && text !~ /true|false/ ||
        type ~ /UINT|DOUBLE/ && text ~ /[.:] ([Bb]ands?|[Rr]ange)[ ,]/ ||
        type == "CONFREAD_DOUBLE" && text ~ /[Ww]hole number/ ||
        type == "CONFREAD_UINT" && text !~ /[Ww]hole/ && page !~ /iagmeter\.conf\.5$/)
        complain(where ": its type, " type ", is not told, or another one")
}

# Where a structure with defaults is named.
function check_default(where, file, variable, key, type, text,    known, told) {
    if (variable == "-") return
    known = value[file, variable, key]
    if (type == "CONFREAD_BOOL" && known == 1) known = "true"
    if (type == "CONFREAD_BOOL" && known == 0) known = "false"
    if (match(text, /Default: [^ ]+ /)) told = bare(substr(text, RSTART + 9, RLENGTH - 10))
    if (known != "" && told != known && !index(text, " " known " (default)"))
        complain(where ": the default, " known ", is not told")
    if (known == "" && told ~ /^[0-9]/) complain(where ": the default " told " is none")
}

function check_sentences(where, of, text,    i) {
    for (i = 1; i <= sentences[of]; i++)
        if (!index(text, " " sentence[of, i])) complain(where ": \"" sentence[of, i] "\" is not told")
    for (i = 1; i <= others[of]; i++)
        if (!has_word(text, beside[of, i])) complain(where ": " beside[of, i] ", which goes with it, is not told")
}

function check_item(    where, table, text, raw, of) {
    where = $1 ", " $5 " (" $2 ", " $3 ")"
    table = $2 SUBSEP $3
    raw = $6
    text = plain(raw)
    of = table SUBSEP $5
    marked[table] = 1
    if ($4 != "-" && !(($2, $4) in variables)) complain(where ": there is no " $4)
    if (of in told) complain(where ": told twice")
    told[of] = 1
    if (!(of in type)) { complain(where ": there is no such key"); return }
    if ((text ~ /^ Required\. /) != (required[of] == "true" || ($2, $5) in elsewhere))
        complain(where ": whether it is required is not told, or wrong")
    check_type(where, type[of], text, $1)
    if (type[of] ~ /UINT|DOUBLE|TRIPLE|RANGE/) {
        if (!(least[of] == 0 && most[of] == 0) && least[of] ~ /^[-0-9]/ && !has_range(text, least[of], most[of]))
            complain(where ": " least[of] " to " most[of] " is not told")
        if (least[of] == 0 && most[of] == 0 && states_range(text)) complain(where ": it has no range")
    }
    if (of in more_least && !has_range(text, more_least[of], more_most[of]))
        complain(where ": " more_least[of] " to " more_most[of] " is not told")
    if (type[of] == "CONFREAD_ENUM") check_names(where, raw, text, names[of])
    check_default(where, $2, $4, $5, type[of], text)
    for (begins in begun)
        if (begun[begins] == table && index(text, " " substr(begins, length(table) + 2)) && !((of, begins) in said))
            complain(where ": \"" substr(begins, length(table) + 2) "\" is not so")
    check_sentences(where, of, text)
}

NR == FNR && $2 == "key" {
    of = $1 SUBSEP $3 SUBSEP $4
    type[of] = $5; required[of] = $6; least[of] = $7; most[of] = $8; names[of] = $9
    next
}
NR == FNR && $2 == "default" { value[$1, $3, $4] = $5; variables[$1, $3] = 1; next }
NR == FNR && $2 == "elsewhere" { elsewhere[$1, $3] = 1; next }
NR == FNR && $2 == "range" { more_least[$1, $3, $4] = $5; more_most[$1, $3, $4] = $6; next }
NR == FNR && $2 == "names" { array[$3] = $4; next }
NR == FNR && $2 == "said" {
    of = $1 SUBSEP $3 SUBSEP $4
    sentence[of, ++sentences[of]] = $5
    split($5, word, " ")
    begins = $1 SUBSEP $3 SUBSEP ($5 ~ /reply_s$/ ? $5 : word[1] " " word[2])
    said[of, begins] = 1
    begun[begins] = $1 SUBSEP $3
    next
}
NR == FNR && $2 == "beside" { of = $1 SUBSEP $3 SUBSEP $4; beside[of, ++others[of]] = $5; next }
NR == FNR { next }
{ check_item() }

END {
    for (of in type) {
        split(of, part, SUBSEP)
        if (!((part[1], part[2]) in marked)) unmarked[part[1] ", " part[2]] = 1
        else if (!(of in told)) complain(part[3] " (" part[1] ", " part[2] "): no page tells of it")
    }
    for (table in unmarked) complain(table ": no page has this table")
}
