# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Exchange the live database with the side database: nothing before this has touched the live one.

# show_changes: what a yes would change
show_changes() {
  query "$database" -F "$(printf '\t')" <"$job/sql/count_rows.sql" >"$job/live_rows" 7>&- || fail database "the live rows could not be counted"
  awk -F '\t' '
    function escaped(s) { gsub(/\\/, "\\\\&", s); gsub(/"/, "\\\"", s); return s }
    FILENAME == ARGV[1] {then_rows[$1] = $2; next}
    {now[$1] = $2}
    END {
      for (t in then_rows) all[t]; for (t in now) all[t]
      for (t in all) if (!(t in then_rows) || !(t in now) || then_rows[t] != now[t]) {
        printf "%s{\"table\":\"%s\",\"now\":%s,\"then\":%s}", (n++ ? "," : ""), escaped(t),
          (t in now ? now[t] : "null"), (t in then_rows ? then_rows[t] : "null")
        if (n == 200) break
      }
    }' "$job/side_rows" "$job/live_rows" >"$job/changes"
  if [ ! -f "$job/then_applied" ]; then
    query "$side" -v ledger_schema="$ledger_schema" <"$job/sql/ledger_names.sql" >"$job/then_applied" 7>&- || : >"$job/then_applied"
  fi
  query "$database" -v ledger_schema="$ledger_schema" <"$job/sql/ledger_names.sql" >"$job/now_applied" 7>&- || : >"$job/now_applied"
  pending_again=$(awk 'FILENAME == ARGV[1] {then_has[$0]; next} !($0 in then_has) {printf "%s\"%s\"", (n++ ? "," : ""), $0}' \
    "$job/then_applied" "$job/now_applied")
  emit "{\"event\":\"changes\",\"written_since\":$(written_since),\"rows\":[$(cat "$job/changes")],\"pending_again\":[$pending_again]}"
}

# written_since: rows written since the backup, or null where the server's counters began anew in between
written_since() {
  query "$database" <"$job/sql/written.sql" 2>/dev/null 7>&- |
    awk -v then_text="$(sed -n 's/.*"written":\([0-9]*\),"counter":"\([^"]*\)".*/\1 \2/p' "${restored_file-}.json" 2>/dev/null)" '
      {split(then_text, then_values, " "); if ($3 == then_values[2] && $2 >= then_values[1] + 0) {print $2 - then_values[1]; said = 1}}
      END {if (!said) print "null"}'
}

# confirm: ask whoever follows; silence is a no
confirm() {
  if [ "$assume_yes" = yes ]; then return 0; fi
  emit "{\"event\":\"confirm\"}"
  waited=0
  # the client's answer is a file without content, which a full disk takes too
  until [ -s "$job/answer" ] || [ -e "$job/answer.yes" ] || [ -e "$job/answer.no" ]; do
    refuse_if_cancelled
    if [ "$waited" -ge "$answer_within_s" ]; then fail not_confirmed "nobody answered within $answer_within_s s"; fi
    waited=$((waited + 1))
    sleep 1
  done
  if [ ! -e "$job/answer.yes" ] && [ "$(cat "$job/answer" 2>/dev/null)" != yes ]; then fail not_confirmed; fi
}

# swap REPLACED: fence, terminate, rename both in one transaction, unfence
swap() {
  replaced=$1
  release_database
  do_at_end unfence_if_unswapped
  # another name: cancel leaves it alone, since between fence and renaming there is no safe point
  application="$swap_application"
  put_off_signals
  query "$maintenance" -v live="$database" -v side="$side" -v replaced="$replaced" -v mark="@$mark" \
    <"$job/sql/swap.sql" >"$job/swapped"
  swap_status=$?
  if [ "$swap_status" -ne 0 ]; then settle_swap || fail swap_unknown "the database doesn't answer"; fi
  now_live=$(live_oid) || fail swap_unknown "the database doesn't answer"
  heed_signals
  if [ "$now_live" = "$side_oid" ]; then
    swapped=yes
    too_late_to_cancel=yes
    ended_json="${ended_json:+$ended_json,}\"replaced_database\":\"$(json "$replaced")\",\"pending_again\":[$pending_again],\"outage_ms\":$(
      awk '$1 == "outage_ms" {print $2; n = 1} END {if (!n) print "null"}' "$job/swapped"
    )"
    return 0
  fi
  fail swap_failed "psql ended with status $swap_status"
}

swap_application="deploy:$job_id:swap"

# settle_swap: a killed docker client leaves psql at work, which must not rename anything behind our back
settle_swap() {
  settle_tries=0
  while [ "$settle_tries" -lt 120 ]; do
    settle_tries=$((settle_tries + 1))
    left=$(query "$maintenance" -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE application_name = '$swap_application' AND pid <> pg_backend_pid()" </dev/null 2>/dev/null)
    if [ "$left" = 0 ]; then return 0; fi
    sleep 0.5
  done
  return 1
}

# live_oid: which database is the live one; no answer is none, however often it takes
live_oid() {
  oid_tries=0
  until found_oid=$(query "$maintenance" -v live="$database" <"$job/sql/oid.sql" 2>/dev/null) && [ -n "$found_oid" ]; do
    oid_tries=$((oid_tries + 1))
    if [ "$oid_tries" -ge 120 ]; then return 1; fi
    sleep 0.5
  done
  printf '%s\n' "$found_oid"
}

# unfence_if_unswapped: a database that is coming up is waited for, because nobody gets in until this is done
unfence_if_unswapped() {
  if [ "${swapped-}" = yes ]; then return 0; fi
  settle_swap
  unfence_tries=0
  until query "$maintenance" -v live="$database" <"$job/sql/unfence.sql" >/dev/null 2>&1; do
    unfence_tries=$((unfence_tries + 1))
    if [ "$unfence_tries" -eq 1 ]; then
      emit "{\"event\":\"warning\",\"text\":\"$(json "$database") takes no connections until the server answers again; it is waited for\"}"
    fi
    if [ "$unfence_tries" -ge 600 ]; then return 1; fi
    sleep 1
  done
}

# open_side NAME: let connections into a replaced database, until it is live or the undo has failed
open_side() {
  side=$1
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  do_at_end fence_side
  query "$maintenance" -v live="$side" <"$job/sql/unfence.sql" >/dev/null 7>&- || fail swap_failed "$side can't be opened"
  side_oid=$(query "$maintenance" -v live="$side" <"$job/sql/oid.sql" 7>&-) && [ -n "$side_oid" ] || fail database "$side can't be looked up"
  query "$side" -F "$(printf '\t')" <"$job/sql/count_rows.sql" >"$job/side_rows" 7>&- || fail database "the rows of $side could not be counted"
}

fence_side() {
  if [ "${swapped-}" != yes ]; then
    query "$maintenance" -v live="$side" <"$job/sql/fence.sql" >/dev/null 7>&-
  fi
}

# forget_replaced NAME...: each is a database that a rollback put aside
forget_replaced() {
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  for replaced in "$@"; do
    drop_replaced || fail step_failed "$replaced could not be dropped"
  done
}

# forget_old NAME...: the same at the end of a deploy, which succeeded whether they go now or with the next one
forget_old() {
  maintenance=$(maintenance_database)
  for replaced in "$@"; do
    drop_replaced || emit "{\"event\":\"warning\",\"text\":\"the replaced database $(json "$replaced") could not be dropped; the next deploy tries again\"}"
  done
}

drop_replaced() {
  query "$maintenance" -v side="$replaced" <"$job/sql/drop_side.sql" >/dev/null 7>&- || return 1
  emit "{\"event\":\"forgotten\",\"database\":\"$(json "$replaced")\"}"
}
