#!/bin/bash
# Makes the database if there is none and becomes the server. It asks of its image
# only bash and Postgres 15 or newer, where Debian or the official image put it.
set -euo pipefail
for bin in /usr/lib/postgresql/*/bin; do PATH=$bin:$PATH; done

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made beside its place and moved there whole: a half made one is never started.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --auth=scram-sha-256 \
    --pwfile=<(head -c 32 /dev/urandom | base64) --data-checksums --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo "create role bank_owner login createrole" | postgres --single -D "$PGDATA.new" postgres >/dev/null
  echo "create database quittance owner bank_owner" | postgres --single -D "$PGDATA.new" postgres >/dev/null
  mv "$PGDATA.new" "$PGDATA"
fi
# The owner's password is what its Secret says now. It is of hexadecimal digits.
password=$(cat /secrets/owner/password)
[[ $password =~ ^[0-9a-f]+$ ]] || { echo "the owner's password must be hexadecimal" >&2; exit 1; }
echo "alter role bank_owner password '$password'" | postgres --single -D "$PGDATA" postgres >/dev/null

exec postgres -D "$PGDATA" \
  -c listen_addresses='*' -c unix_socket_directories=/run/postgresql -c hba_file=/etc/quittance/pg_hba.conf \
  -c ssl=on -c ssl_cert_file=/secrets/tls/tls.crt -c ssl_key_file=/secrets/tls/tls.key \
  -c shared_buffers=64MB -c max_connections=100 -c shared_preload_libraries=plpgsql
