# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# The way back for a role that may not create databases: everything is dropped and restored in one transaction. Clients block
# until it is over; what fails leaves everything as it was.

# show_in_place_changes: the rows that the dump has, beside those that are live
show_in_place_changes() {
  awk -F '\t' -v OFS='\t' '$1 == "table" {print $2, $3}' "$job/restored_dump" >"$job/side_rows"
  awk -F '\t' '$1 == "applied" {print $2}' "$job/restored_dump" >"$job/then_applied"
  show_changes
}

# lock_in_place: begin the transaction that restores, with all tables open to readers only: what is written from here on is in no
# safety backup. It ends with us: without a COMMIT, everything is as it was.
lock_in_place() {
  mkfifo "$job/in_place_sql" || fail directory "can't make a fifo in $job"
  query "$database" <"$job/in_place_sql" >"$job/in_place" 7>&- &
  in_place_pid=$!
  exec 6>"$job/in_place_sql"
  cat "$job/sql/lock_tables.sql" >&6
  until grep -q '^transaction ' "$job/in_place"; do
    kill -0 "$in_place_pid" 2>/dev/null || fail tables_busy "psql ended before it had them"
    sleep 0.1
  done
}

# restore_in_place: COMMIT is sent only when all of the dump was read and its rows were counted in the same transaction
restore_in_place() {
  release_database
  send_restore >&6 &
  sending=$!
  exec 6>&-
  wait "$sending"
  wait "$in_place_pid"
  in_place_status=$?
  transaction=$(awk '$1 == "transaction" {print $2; exit}' "$job/in_place")
  tries=0
  until transaction_status=$(query "$database" -c "SELECT pg_catalog.pg_xact_status('$transaction')" </dev/null 2>/dev/null) &&
    [ "$transaction_status" != 'in progress' ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ]; then fail outcome_unknown "the database doesn't answer"; fi
    sleep 0.5
  done
  if [ "$transaction_status" != committed ]; then fail restore_failed "psql ended with status $in_place_status and everything was rolled back"; fi
  too_late_to_cancel=yes
  ended_json="\"replaced_database\":null,\"pending_again\":[$pending_again],\"outage_ms\":$(outage_in_place)"
}

# send_restore: what stands in the transaction. It may end at any line, if psql has
send_restore() {
  cat "$job/sql/wipe.sql"
  if has_extension timescaledb; then printf 'CREATE EXTENSION IF NOT EXISTS timescaledb;\nSELECT timescaledb_pre_restore();\n'; fi
  if grep -q '^creates' "$job/restored_dump"; then printf 'DROP SCHEMA public;\n'; fi
  : >"$job/damage"
  { read_backup "$restored_file" || echo damaged >>"$job/damage"; } | fit_for_side yes
  if [ -s "$job/damage" ]; then return 1; fi
  printf '\nRESET ALL;\n'
  printf 'CREATE TEMP TABLE deploy_expected (name text, rows bigint) ON COMMIT DROP;\nCOPY pg_temp.deploy_expected FROM stdin;\n'
  awk -F '\t' '$1 == "table" {gsub(/\\/, "\\\\&"); print $2 "\t" $3}' "$job/restored_dump"
  printf '\\.\n'
  cat "$job/sql/compare_rows.sql"
  if has_extension timescaledb; then printf 'SELECT timescaledb_post_restore();\n'; fi
  printf "COMMIT;\nSELECT 'ended ' || pg_catalog.clock_timestamp();\nANALYZE;\n"
}

outage_in_place() {
  query "$database" -c "SELECT (extract(epoch FROM timestamptz '$(sed -n 's/^ended //p' "$job/in_place")' - timestamptz '$(sed -n 's/^began //p' "$job/in_place")') * 1000)::int" \
    </dev/null 2>/dev/null || printf 'null'
}
