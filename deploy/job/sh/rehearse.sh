# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Rehearse: what would be relied on is tried before production is touched. The backup restores, and the pending files run on
# what was restored, and run again.

# restore_copy SIDE: the backup that was just written, as a scratch database with the live one's own properties
restore_copy() {
  restored_file=$written_backup
  restored_sum=$dump_sum
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  open_backup "$restored_file"
  cp "$job/dump" "$job/restored_dump" || fail_for_space
  require_needs
  create_side "$1"
  restore_side
  compare_side
  check_side
  dress_side
  emit "{\"event\":\"copied\",\"tables\":$dump_tables,\"rows\":$dump_rows}"
}

# rehearse COUNT: run the files twice, each time in a session of its own; nothing may have moved after the second
rehearse() {
  apply_database=$side
  application="deploy:$job_id:rehearse"
  pg_options_before=$pg_options
  apply_options_before=$apply_options
  apply_options="$apply_options -c synchronous_commit=off"
  list_shortfalls >"$job/shortfalls.before"
  : >"$job/watching"
  watch_locks 7>&- 8>&- 9>&- &
  watcher=$!
  run_rehearsal 1
  rm -f "$job/watching"
  if [ "$settled_count" -ne "$1" ] || [ "$settled_unfinished" -gt 0 ]; then fail rehearsal_run "psql ended before the last file"; fi
  wait "$watcher"
  report_times
  list_shortfalls >"$job/shortfalls.after"
  warn_of_shortfalls
  take_state 1
  run_rehearsal 2
  take_state 2
  compare_states
  apply_options=$apply_options_before
  settled_rows=
  emit '{"event":"rehearsed"}'
}

# run_rehearsal RUN
run_rehearsal() {
  refuse_if_cancelled
  emit "{\"event\":\"rehearsing\",\"run\":$1}"
  run_migrations 1 "$1"
  rehearsed_status=$?
  settle || fail database "the database doesn't answer"
  refuse_if_cancelled
  if [ "$rehearsed_status" -ne 0 ]; then fail rehearsal_run "psql ended with status $rehearsed_status"; fi
}

# watch_locks: twenty times a second, until the run or the job is over
watch_locks() {
  {
    cat "$job/sql/watch_locks.sql"
    while [ -e "$job/watching" ] && kill -0 $$ 2>/dev/null; do
      echo 'EXECUTE look;'
      sleep 0.05
    done
    echo 'SELECT relation, mode, since, until FROM held;'
  } | query "$maintenance" -v side="$side" >"$job/held_locks" 2>/dev/null
}

report_times() {
  { cat "$job/sql/timed.sql" "$job/held_locks" && printf '\\.\n' && cat "$job/sql/timed_end.sql"; } |
    query "$side" -v ledger_schema="$ledger_schema" -v deploy_id="$job_id" >"$job/timed" 7>&- || fail database "the times could not be read"
  emit "$(cat "$job/timed")"
}

list_shortfalls() {
  query "$side" <"$job/sql/shortfalls.sql" 7>&- || fail database "the copy can't be read"
}

warn_of_shortfalls() {
  awk 'FILENAME == ARGV[1] {before[$0]; next} !($0 in before)' "$job/shortfalls.before" "$job/shortfalls.after" | while read -r shortfall; do
    emit "{\"event\":\"warning\",\"text\":\"after these migrations $(json "$shortfall")\"}"
  done
}

# take_state RUN: the schema as pg_dump writes it, and the rows
take_state() {
  pg "$side" pg_dump --schema-only --exclude-schema="$(ledger_pattern)" </dev/null >"$job/schema.$1.sql" 7>&- || fail database "the copy's schema can't be read"
  grep -v -e '^--' -e '^$' -e '^\\restrict' -e '^\\unrestrict' "$job/schema.$1.sql" | sed 's/,$//' >"$job/schema.$1"
  query "$side" -F "$(printf '\t')" -v ledger_schema="$ledger_schema" <"$job/sql/contents.sql" >"$job/contents.$1" 7>&- ||
    fail database "the copy's rows can't be counted"
}

# ledger_pattern: the ledger's schema, as pg_dump takes a name that is no pattern
ledger_pattern() { printf '"%s"' "$(printf '%s' "$ledger_schema" | sed 's/"/""/g')"; }

# compare_states: what the second run did that it shouldn't have; contents alone may well move, as updated_at = now() does
compare_states() {
  moved=$(lines_beyond "$job/schema.1" "$job/schema.2" '+')
  moved=${moved:-$(lines_beyond "$job/schema.2" "$job/schema.1" '-')}
  if [ -n "$moved" ]; then fail rehearsal_moved "the schema: $moved"; fi
  moved=$(awk -F '\t' 'FILENAME == ARGV[1] {rows[$1] = $2; next} rows[$1] != $2 {print $1 " has " $2 " rows instead of " rows[$1]; exit}' \
    "$job/contents.1" "$job/contents.2")
  if [ -n "$moved" ]; then fail rehearsal_moved "$moved"; fi
  awk -F '\t' 'FILENAME == ARGV[1] {sum[$1] = $3; next} sum[$1] != $3 {print $1}' "$job/contents.1" "$job/contents.2" | while read -r table; do
    emit "{\"event\":\"warning\",\"text\":\"run a second time, these migrations change rows of $(json "$table") again\"}"
  done
}

# lines_beyond ONE OTHER SIGN: the first line that OTHER has more often than ONE
lines_beyond() {
  awk -v sign="$3" 'FILENAME == ARGV[1] {n[$0]++; next} n[$0]-- > 0 {next} {sub(/^ +/, ""); print sign " " $0; exit}' "$1" "$2"
}
