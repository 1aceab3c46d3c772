#!/bin/sh
# Run once by the database image, on an empty data folder, as its superuser: roles and database.
# Passwords come from files and go through the environment, so that they stand in no process list.
set -eu
OWNER_PASSWORD=$(cat /run/secrets/owner_password)
SERVICE_PASSWORD=$(cat /run/secrets/service_password)
export OWNER_PASSWORD SERVICE_PASSWORD
psql --username "$POSTGRES_USER" --dbname postgres <<'END'
\getenv owner_password OWNER_PASSWORD
\getenv service_password SERVICE_PASSWORD
\i /straja/roles.sql
\connect straja
CREATE EXTENSION IF NOT EXISTS timescaledb;
END
