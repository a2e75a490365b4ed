# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# What the migrations make of an empty database, beside what the live one is: both schemas as pg_dump writes them.

# create_scratch SIDE
create_scratch() {
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  create_side "$1"
  dress_side
}

# initialize_scratch: by the script that once made the first schema
initialize_scratch() {
  query "$side" <"$job/init.sql" >>"$job/output" 7>&- || fail scratch_failed "psql ended with status $?"
}

# migrate_scratch COUNT
migrate_scratch() {
  apply_database=$side
  application="deploy:$job_id:rehearse"
  run_rehearsal 1
  if [ "$settled_count" -ne "$1" ] || [ "$settled_unfinished" -gt 0 ]; then fail rehearsal_run "psql ended before the last file"; fi
  settled_rows=
}

# save_schemas: drift.tar.gz has expected.sql and actual.sql
save_schemas() {
  save_schema "$side" expected
  save_schema "$database" actual
  same_schemas || respell_schemas
  tar -cf - -C "$job" expected.sql actual.sql | gzip >"$job/drift.tar.gz" || fail_for_space
}

same_schemas() {
  for schema in expected actual; do grep -v '^\\\(un\)\{0,1\}restrict ' "$job/$schema.sql" >"$job/$schema.plain"; done
  cmp -s "$job/expected.plain" "$job/actual.plain"
}

# respell_schemas: PostgreSQL writes some expressions in other words once they were restored, as a rollback does. So both schemas
# are restored, or none is.
respell_schemas() {
  for schema in expected actual; do
    drop_side
    create_scratch "$side"
    query "$side" <"$job/$schema.sql" >>"$job/output" 2>&1 7>&- || return 0
    pg "$side" pg_dump --schema-only --no-owner </dev/null >"$job/$schema.respelled" 2>>"$job/output" 7>&- || return 0
  done
  for schema in expected actual; do mv "$job/$schema.respelled" "$job/$schema.sql"; done
}

# save_schema DATABASE NAME
save_schema() {
  pg "$1" pg_dump --schema-only --no-owner --lock-wait-timeout=60000 --exclude-schema="$(ledger_pattern)" </dev/null >"$job/$2.sql" 7>&- ||
    fail database "the schema of $1 can't be read"
}
