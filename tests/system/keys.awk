# What a source file says of its configuration, from what the preprocessor makes of it, so that every macro is resolved:
#   key TABLE NAME TYPE REQUIRED LEAST MOST NAMES   of struct confread_key TABLE[]; one that is called keys, within a
#                                                   function, has that function's name. NAMES: values of an enum, with
#                                                   blanks between; "?" and a name: those of an array of another file
#   default VARIABLE NAME VALUE                     of a structure that is initialised with numbers and texts
#   row TABLE FIELD...                              of other arrays of structures; and of arrays of texts, all in one
# with tabs between. -v source=FILE: of that file alone, not of what it includes.
# SPDX-License-Identifier: GPL-3.0-or-later
BEGIN { OFS = "\t" }

/^# [0-9]+ "/ { own = $3 == "\"" source "\""; next }
!own { next }
{ text = text $0 "\n" }

# Fills token[1] to token[count]. A number has its sign before it apart, that of its exponent not.
function cut(rest) {
    while (match(rest, /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|[A-Za-z_0-9.]+|[^ \t\n]/)) {
        token[++count] = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        if (token[count] ~ /^[0-9.]+[eE]$/ && match(rest, /^[-+][0-9]+[A-Za-z]*/)) {
            token[count] = token[count] substr(rest, 1, RLENGTH)
            rest = substr(rest, RLENGTH + 1)
        }
    }
}

# Whether the declaration that token AT is in has the word WORD.
function declares(at, word) {
    for (; at > 0 && token[at] !~ /^[;{}]$/; at--)
        if (token[at] == word) return 1
    return 0
}

# A constant, as a number where it is one.
function value(field) {
    gsub(/\( *double *\)|[() ]/, "", field)
    if (field in constant) field = constant[field]
    if (field ~ /^-?[0-9.]+([eE][-+]?[0-9]+)?[uUlLfF]*$/) {
        sub(/[uUlLfF]+$/, "", field)
        return sprintf("%.10g", field)
    }
    return field
}

function plain(field) {
    return field ~ /^".*"$/ ? substr(field, 2, length(field) - 2) : field
}

# WORD, behind what the last field has.
function add(word,    had) {
    had = entry[entries, fields[entries]]
    entry[entries, fields[entries]] = had (had == "" ? "" : " ") word
}

# Of an initialiser that begins behind token AT, the entries: entry[i, j], of fields[i]; texts alone are one of one
# field. Returns where it ends.
function read(at,    depth, round, i) {
    entries = 0
    for (depth = 1; depth > 0; at++) {
        i = token[at + 1]
        if (i == "(" || i == "[") round++
        if (i == ")" || i == "]") round--
        if (i == "}") depth--
        if (depth == 1 && i == "{") { fields[++entries] = 1; entry[entries, 1] = "" }
        else if (depth == 1 && i ~ /^"/) { fields[++entries] = 1; entry[entries, 1] = i }
        else if (depth == 2 && i == "," && !round) entry[entries, ++fields[entries]] = ""
        else if (depth >= 2) add(i)
        if (i == "{") depth++
    }
    return at
}

# The fields of entry I, by their order in struct confread_key or by their names.
function print_key(table, i,    j, field, word, names, required) {
    split("name type required min max offset size names", field, " ")
    key["required"] = key["min"] = key["max"] = 0
    key["names"] = "NULL"
    for (j = 1; j <= fields[i]; j++)
        if (entry[i, j] ~ /^\.[a-z]+ = /) {
            split(entry[i, j], word, " ")
            key[substr(word[1], 2)] = substr(entry[i, j], length(word[1]) + 4)
        } else if (entry[i, j] != "") key[field[j]] = entry[i, j]
    required = value(key["required"]) ~ /^(1|true)$/ ? "true" : "false"
    names = key["names"] !~ /^[a-z_]+$/ ? "-" : key["names"] in list ? list[key["names"]] : "?" key["names"]
    print "key", table, plain(key["name"]), key["type"], required, value(key["min"]), value(key["max"]), names
}

function print_rows(table,    i, j, line) {
    for (i = 1; i <= entries; i++) {
        line = "row" OFS table
        for (j = 1; j <= fields[i]; j++) line = line OFS plain(entry[i, j])
        if (fields[i] > 1 && entry[i, 1] ~ /^"/) print line
    }
    if (list[table] != "") print "row", table, list[table]
}

function keep_list(name,    i) {
    list[name] = ""
    for (i = 1; i <= entries; i++)
        if (fields[i] == 1 && entry[i, 1] ~ /^"/) list[name] = list[name] (i > 1 ? " " : "") plain(entry[i, 1])
}

function print_defaults(variable, from, to) {
    for (; from < to; from++)
        if (token[from] ~ /^\.[a-z]/ && token[from + 1] == "=" &&
            (token[from + 2] ~ /^"/ || value(token[from + 2]) ~ /^[0-9]/))
            print "default", variable, substr(token[from], 2), plain(value(token[from + 2]))
}

END {
    cut(text)
    for (i = 1; i < count; i++)
        if (token[i] == "=" && token[i + 1] ~ /^[0-9]/ && token[i - 2] ~ /^[{,]$/) constant[token[i - 1]] = token[i + 1]
    for (pass = 1; pass <= 2; pass++) {
        depth = round = 0
        of = ""
        for (i = 1; i < count; i++) {
            if (token[i] == "{" && !depth++ && token[i - 1] == ")") of = called
            if (token[i] == "}" && !--depth) of = ""
            if (token[i] == "(" && !depth && !round++) called = token[i - 1]
            if (token[i] == ")" && !depth) round--
            if (token[i] != "=" || token[i + 1] != "{") continue
            from = i + 1
            at = i - 1
            if (token[at] == "]")
                while (token[at + 1] != "[") at--
            name = token[at]
            if (name !~ /^[a-z]/) continue
            i = read(from)
            if (token[at + 1] != "[") { if (pass == 2) print_defaults(name, from, i) }
            else if (pass == 1) keep_list(name)
            else if (declares(at, "confread_key"))
                for (j = 1; j <= entries; j++) print_key(name == "keys" && of != "" ? of : name, j)
            else print_rows(name)
        }
    }
}
