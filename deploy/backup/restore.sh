#!/bin/sh
# Restores both databases from a folder that backup.sh made, into databases that are empty: restore.sh FOLDER/STAMP.
#
# On a new server first: postgres/roles.psql, with the passwords of before. Addresses: as for backup.sh. Afterwards
# `minerecon db upgrade`, which grants anew and says what only a superuser may, and `minerecon status`.
# Without any dump: db upgrade, difficulty load, and `minerecon reingest FROM TO --from-archive`.
set -eu
. "$(dirname "$0")/address.sh"
folder=${1:?the folder of a dump}
(cd "$folder" && sha256sum -c SHA256SUMS >/dev/null) || { echo "restore: $folder is not as it was dumped" >&2; exit 1; }
count="SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
for name in DATABASE_URL DAGSTER_POSTGRES_URL; do
    login "$name"
    if [ "$(psql -XAtqc "$count")" != 0 ]; then
        echo "restore: the database of $name is not empty: nothing was restored" >&2
        exit 1
    fi
done
list=$(mktemp)
trap 'rm -f "$list"' EXIT
for of in DATABASE_URL:warehouse DAGSTER_POSTGRES_URL:dagster; do
    login "${of%%:*}"
    # Grants and owners name roles, which db upgrade sets up; event triggers are a superuser's.
    pg_restore --list "$folder/${of##*:}.dump" | grep -v -e 'EVENT TRIGGER' -e ' SCHEMA - public ' >"$list"
    pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --no-password --use-list="$list" \
        --dbname="$PGDATABASE" "$folder/${of##*:}.dump"
done
echo "restored from $folder; now: minerecon db upgrade, and minerecon status"
