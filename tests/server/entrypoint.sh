#!/bin/sh
# Starts PostgreSQL in a container the way the official image does, for the variables and folders that the tests use:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA and /docker-entrypoint-initdb.d/*.sql.
set -eu

case "${1:-postgres}" in
-*) set -- postgres "$@" ;;
postgres) [ $# -gt 0 ] || set -- postgres ;;
*) exec "$@" ;;
esac

as_postgres() {
    setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
}

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

mkdir -p "$PGDATA" /var/run/postgresql
chown postgres:postgres "$PGDATA" /var/run/postgresql
chmod 0700 "$PGDATA"
chmod 3777 /var/run/postgresql

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?is not set}" >"$password"
    chown postgres: "$password"
    as_postgres initdb --pgdata="$PGDATA" --username="$user" --pwfile="$password" \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-sync
    rm "$password"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # Each build of libpq looks for the socket in a folder of its own: Debian's in the first, others in the second.
    printf '%s\n' "listen_addresses = '*'" "unix_socket_directories = '/var/run/postgresql, /tmp'" \
        >>"$PGDATA/postgresql.conf"

    # No TCP until it is ready, so that whoever waits for the port never meets the first, temporary server.
    as_postgres pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses='' -c fsync=off" --wait --silent start
    if [ "$database" != postgres ]; then
        psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$user" -d postgres -v name="$database" <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$file" ] || continue
        psql --no-psqlrc -v ON_ERROR_STOP=1 -U "$user" -d "$database" -f "$file"
    done
    as_postgres pg_ctl --pgdata="$PGDATA" --mode=fast --wait --silent stop
fi

exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
