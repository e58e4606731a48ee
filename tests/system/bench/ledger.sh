#!/bin/sh
# ledger.sh STATE_DIRECTORY: sums of the ledger by direction and service, as compare.mjs reads them.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
columns=
# Sums of workers are added in another order than those of one: 12 digits of the same are the same.
for name in flows bytes_up bytes_down; do
    columns="$columns, sum($name) AS $name"
done
for name in requests tokens_in tokens_out; do
    for part in low central high; do
        columns="$columns, printf('%.12g', sum(${name}_$part)) AS ${name}_$part"
    done
done
sqlite3 -readonly -header -tabs "$1/ledger.db" "
    SELECT direction.code AS direction, service.name AS service $columns
    FROM activity JOIN direction ON direction.id = activity.direction
                  JOIN service ON service.id = activity.service
    GROUP BY 1, 2 ORDER BY 1, 2"
