#!/bin/sh
# Run once by PostgreSQL's image, on an empty volume.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -d postgres \
    -v owner_password="$(cat /run/secrets/owner_password)" \
    -v worker_password="$(cat /run/secrets/worker_password)" \
    -v dagster_password="$(cat /run/secrets/dagster_password)" \
    -f "$(dirname "$0")/roles.psql"
