# Of manual pages, what they have of the keys of configuration: of each list that follows a comment
#   .\" keys: FILE TABLE [DEFAULTS]
# a line for each key: PAGE, FILE, TABLE, DEFAULTS or "-", the key, and the text of its item, with tabs between. An item
# may have several keys.
# SPDX-License-Identifier: GPL-3.0-or-later
BEGIN { OFS = "\t" }

function end_item(    i) {
    for (i = 1; i <= keys; i++) print page, file, table, defaults, key[i], text
    keys = 0
}

FNR == 1 { end_item(); page = FILENAME; on = 0 }
/^\.\\" keys: / { file = $3; table = $4; defaults = NF > 4 ? $5 : "-"; depth = 0; on = 1; next }
/^\.\\"/ { next }
!on { next }
/^\.Bl/ { depth++ }
/^\.El/ && --depth == 0 { end_item(); on = 0; next }
depth == 1 && /^\.It Ic / {
    end_item()
    text = ""
    for (i = 3; i <= NF; i++)
        if ($i != ",") key[++keys] = $i
    next
}
{ text = text " " $0 }
