# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Apply migrations in one psql session, whose input is files that are complete and verified where psql reads them.

# install_migrations: the directory is replaced as a whole; the one before stays behind it
install_migrations() {
  rm -rf "$base/migrations.previous"
  if [ -d "$remote_dir/migrations" ]; then mv "$remote_dir/migrations" "$base/migrations.previous" || return 1; fi
  chmod -R u=rwX,go=rX "$job/migrations"
  if ! mv "$job/migrations" "$remote_dir/migrations"; then
    mv "$base/migrations.previous" "$remote_dir/migrations"
    return 1
  fi
}

# apply_migrations DATABASE COUNT: again where a lock was not had in time, from the file that didn't get it
apply_migrations() {
  apply_database=$1
  application="deploy:$job_id:apply"
  do_at_end settle_at_end
  tries=0
  done_before=0
  while :; do
    said=$(wc -c <"$job/log")
    watch_blockers 7>&- 8>&- 9>&- &
    watcher=$!
    run_migrations "$((done_before + 1))"
    applied_status=$?
    kill "$watcher" 2>/dev/null
    settle || fail outcome_unknown "the database doesn't answer"
    if [ "$applied_status" -eq 0 ] && [ "$settled_count" -eq "$2" ]; then return 0; fi
    sqlstate=$(tail -c +"$((said + 1))" "$job/log" | sed -n 's/^psql:.*: ERROR:  \([0-9A-Z]\{5\}\): .*/\1/p' | head -n 1)
    case $sqlstate in
      55P03 | 40P01) ;;
      DP003) fail database_lock ;;
      *) fail migration "psql ended with status $applied_status" ;;
    esac
    if [ "$settled_unfinished" -gt 0 ]; then fail migration "psql ended with status $applied_status"; fi
    tries=$((tries + 1))
    if [ "$tries" -ge "$lock_tries" ]; then fail database_busy; fi
    done_before=$settled_count
    pause=$((tries * 2))
    emit "{\"event\":\"retrying\",\"in_s\":$pause,\"try\":$((tries + 1)),\"of\":$lock_tries}"
    sleep "$pause"
    refuse_if_cancelled
  done
}

# run_migrations FIRST [RUN]: of a rehearsal its first or second run, else 0; everything happens inside one execution, so that what ends it ends all of it
run_migrations() {
  pg_options_before=$pg_options
  pg_options=$apply_options
  with_database "$apply_database" sh -c "$(cat "$job/sh/run_inside.sh")" run "$1" "$pg_bin" "$apply_key" "${2:-0}" <"$job/run.tar" >>"$job/output" 7>&-
  run_status=$?
  pg_options=$pg_options_before
  return "$run_status"
}

# settle: what the ledger says, once no session applies any more. A killed docker client leaves psql at work: it is waited for as
# long as it takes; only a database that doesn't answer is given up.
settle() {
  silences=0
  while [ "$silences" -lt 120 ]; do
    if query "$apply_database" -v ledger_schema="$ledger_schema" -v deploy_id="$job_id" -v apply_key="$apply_key" \
      -v application="$application" <"$job/sql/settle.sql" >"$job/settled" 2>"$job/settle.err" 7>&-; then
      read -r settled_alive settled_count settled_unfinished settled_rows <"$job/settled"
      if [ "$settled_alive" = f ]; then return 0; fi
      silences=0
    else
      silences=$((silences + 1))
    fi
    if [ -e "$job/cancel" ]; then cancel_sessions; fi
    sleep 0.5
  done
  return 1
}

cancel_sessions() {
  query "$apply_database" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'deploy:$job_id%' AND pid <> pg_backend_pid()" \
    </dev/null >/dev/null 2>&1 7>&-
}

settle_at_end() {
  if [ -n "${settled_rows-}" ]; then
    ended_json="${ended_json:+$ended_json,}\"rows\":$settled_rows"
  fi
}

# A lock_timeout hides who was in the way, so we look while it waits.
watch_blockers() {
  while sleep "$watch_s" && kill -0 $$ 2>/dev/null; do
    blocker=$(query "$apply_database" -v application="$application" <"$job/sql/blocker.sql" 2>/dev/null 7>&-)
    if [ -n "$blocker" ]; then emit "$blocker"; fi
  done
}
