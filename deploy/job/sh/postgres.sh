# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# The door to PostgreSQL, in the container or on the server itself. `inside` and `engine` are rendered from the settings.

# shellcheck disable=SC2016 # it is expanded where it runs
pg_environment='export PGDATABASE="$1" PGUSER="$2" PGAPPNAME="$3" PGOPTIONS="$4" PGCLIENTENCODING=UTF8 PGCONNECT_TIMEOUT=15
export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
shift 4
exec "$@"'

# with_database DATABASE COMMAND...: the database goes by environment, because -d would read "a=b" as a connection string
with_database() {
  with_database_name=$1
  shift
  inside sh -c "$pg_environment" pg "$with_database_name" "$user" "$application" "$pg_options" "$@"
}

# pg DATABASE PROGRAM [ARGUMENT...]
pg() {
  pg_database=$1
  pg_program=$2
  shift 2
  with_database "$pg_database" "$pg_bin$pg_program" "$@"
}

# query DATABASE [PSQL ARGUMENT...] < SQL: bare rows on stdout
query() {
  query_database=$1
  shift
  pg "$query_database" psql -X -q -A -t -w -v ON_ERROR_STOP=1 "$@"
}

# The database to stand in while the live one is renamed.
maintenance_database() {
  for candidate in postgres template1; do
    if [ "$candidate" != "$database" ] && query "$candidate" -c 'SELECT 1' </dev/null >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}
