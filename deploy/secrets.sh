#!/bin/sh
# Makes what of deploy/secrets/ is not there: passwords, and the addresses with them. What is there stays. The certificate,
# the key, the file of passwords of the UI and AWS' credentials are yours; empty files stand for what is not used.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
made() { [ -e "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in postgres owner worker dagster api minio; do
    made "${name}_password" "$(password)"
done
made owner_database_url "postgresql://minerecon_owner:$(cat secrets/owner_password)@postgres:5432/minerecon"
made database_url "postgresql://minerecon_worker:$(cat secrets/worker_password)@postgres:5432/minerecon"
made dagster_postgres_url "postgresql://minerecon_dagster:$(cat secrets/dagster_password)@postgres:5432/dagster"
made api_database_url "postgresql://minerecon_api:$(cat secrets/api_password)@postgres:5432/minerecon"
made minio_user minerecon
made serve_token "$(password)"
for name in alert_webhook_url aws_credentials tls_certificate tls_key ui_passwords; do
    made "$name" ""
done
# A container sees a file as it is here, with another user: the folder keeps this machine's users out. Files stay writable
# for their owner, who copies certificate, key and credentials over them.
chmod 0700 secrets
chmod 0644 secrets/*
