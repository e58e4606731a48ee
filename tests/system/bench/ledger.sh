#!/bin/sh
# ledger.sh STATE_DIRECTORY: sums of the ledger by direction and service, as compare.mjs reads them.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
columns=
for name in flows bytes_up bytes_down; do
    columns="$columns, sum($name) AS $name"
done
for name in requests tokens_in tokens_out; do
    for part in low central high; do
        columns="$columns, sum(${name}_$part) AS ${name}_$part"
    done
done
# To be settled with daemon/ledger.c, which did not exist when this was written: names of the tables
# of directions and services, and of the columns of activity.
sqlite3 -readonly -header -tabs "$1/ledger.db" "
    SELECT directions.code AS direction, services.name AS service $columns
    FROM activity JOIN directions ON directions.id = activity.direction
                  JOIN services ON services.id = activity.service
    GROUP BY 1, 2 ORDER BY 1, 2"
