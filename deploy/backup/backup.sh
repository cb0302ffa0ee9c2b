#!/bin/sh
# Dumps both databases into a folder: backup.sh FOLDER. For cron or a timer, each night; PITR of the server is better still.
#
# Addresses: DATABASE_URL (the owner's, who reads all) and DAGSTER_POSTGRES_URL, or the files that *_FILE names. pg_dump
# must be of the server's version or later. The raw archive is not in here: versions and a copy of its bucket keep it.
# A dump appears under its name once it is whole and can be read; the DEPLOY_BACKUPS_KEPT (14) newest stay.
set -eu
. "$(dirname "$0")/address.sh"
folder=${1:?the folder of the dumps}
kept=${DEPLOY_BACKUPS_KEPT:-14}
case $kept in
'' | 0* | *[!0-9]*)
    echo "backup.sh: DEPLOY_BACKUPS_KEPT is \"$kept\": how many dumps stay is a whole number of at least 1; nothing was done" >&2
    exit 2
    ;;
esac
umask 077
mkdir -p "$folder"
stamp=$(date -u +%Y%m%dT%H%M%SZ)
half="$folder/.$stamp.half"
trap 'rm -rf "$half"' EXIT
mkdir "$half"
for of in DATABASE_URL:warehouse DAGSTER_POSTGRES_URL:dagster; do
    login "${of%%:*}"
    # What a superuser has made for the readers, `minerecon db upgrade` says anew; restored, it would be the owner's.
    pg_dump --format=custom --no-password --exclude-schema=minerecon_guard --file="$half/${of##*:}.dump"
    pg_restore --list "$half/${of##*:}.dump" >/dev/null
done
(cd "$half" && sha256sum ./*.dump >SHA256SUMS)
mv "$half" "$folder/$stamp"
find "$folder" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*T[0-9]*Z' | sort -r | tail -n "+$((kept + 1))" |
    while read -r old; do rm -rf "$old"; done
echo "$folder/$stamp"
