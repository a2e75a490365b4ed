# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# The lock in the database: a session that holds it until the job closes its input, in whatever way the job ends.

# hold_database LEDGER: refuse when another holds it, or when the ledger isn't what the plan was made from
hold_database() {
  mkfifo "$job/hold" || fail directory "can't make a fifo in $job"
  query "$database" -v ledger_schema="$ledger_schema" -v lock_key="$lock_key" -v apply_key="$apply_key" \
    <"$job/hold" >"$job/held" 2>"$job/hold.err" &
  hold_pid=$!
  exec 7>"$job/hold"
  cat "$job/sql/hold.sql" "$job/sql/written.sql" >&7
  waited=0
  until grep -q '^written ' "$job/held"; do
    if ! kill -0 "$hold_pid" 2>/dev/null || [ "$waited" -ge 600 ]; then fail database "$(tail -n 2 "$job/hold.err")"; fi
    waited=$((waited + 1))
    sleep 0.05
  done
  read -r _ held ledger <"$job/held"
  written=$(awk '$1 == "written" {print $2, $3}' "$job/held")
  if [ "$held" != t ]; then fail database_lock; fi
  if [ "$1" != any ] && [ "$ledger" != "$1" ]; then fail ledger_changed; fi
}

# release_database: the session ends before anybody can be told that the job is over
release_database() {
  if [ -n "${hold_pid-}" ]; then
    exec 7>&-
    tries=0
    while kill -0 "$hold_pid" 2>/dev/null && [ "$tries" -lt 40 ]; do
      tries=$((tries + 1))
      sleep 0.05
    done
    hold_pid=
  fi
}
