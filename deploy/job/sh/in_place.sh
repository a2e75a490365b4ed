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
  do_at_end end_in_place
  cat "$job/sql/lock_tables.sql" >&6
  waited=0
  until grep -q '^transaction ' "$job/in_place"; do
    refuse_if_cancelled
    if ! kill -0 "$in_place_pid" 2>/dev/null || [ "$waited" -ge 1200 ]; then
      fail_for_space
      fail tables_busy "somebody goes on writing"
    fi
    waited=$((waited + 1))
    sleep 0.1
  done
}

# end_in_place: whatever ended the job, its transaction holds no lock any longer; one that is committed is none any more
end_in_place() {
  exec 6>&-
  query "$database" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy:$job_id'" \
    </dev/null >/dev/null 2>&1 7>&-
}

# restore_in_place: COMMIT is sent only when all of the dump was read and its rows were counted in the same transaction. Who tells us
# to stop meanwhile is answered when it is known what became of it.
restore_in_place() {
  put_off_signals
  send_restore >&6 7>&- &
  sending=$!
  exec 6>&-
  wait_for "$sending"
  wait_for "$in_place_pid"
  in_place_status=$waited_status
  transaction=$(awk '$1 == "transaction" {print $2; exit}' "$job/in_place")
  tries=0
  until transaction_status=$(query "$database" -c "SELECT pg_catalog.pg_xact_status('$transaction')" </dev/null 2>/dev/null) &&
    [ "$transaction_status" != 'in progress' ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ]; then fail outcome_unknown "the database doesn't answer"; fi
    sleep 0.5
  done
  heed_signals
  if [ "$transaction_status" != committed ]; then
    if ! grep -q '^taken$' "$job/in_place"; then fail tables_busy "somebody goes on reading"; fi
    fail restore_failed "psql ended with status $in_place_status and everything was rolled back"
  fi
  too_late_to_cancel=yes
  ended_json="\"replaced_database\":null,\"pending_again\":[$pending_again],\"outage_ms\":$(outage_in_place)"
}

# send_restore: what stands in the transaction. It may end at any line, if psql has
send_restore() {
  cat "$job/sql/take_tables.sql" "$job/sql/wipe.sql"
  if has_extension timescaledb; then printf 'CREATE EXTENSION IF NOT EXISTS timescaledb;\nSELECT timescaledb_pre_restore();\n'; fi
  if grep -q '^creates' "$job/restored_dump"; then printf 'DROP SCHEMA public;\n'; fi
  rm -f "$job/damaged"
  { read_backup "$restored_file" || : >"$job/damaged"; } | fit_for_side yes
  if [ -e "$job/damaged" ]; then return 1; fi
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
