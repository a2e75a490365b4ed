# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Mend what a killed server or client left in the database. Nobody else is at work: the lock is ours.
repair_database() {
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  jobs=$(cd "$base/jobs" && printf '%s\n' * | grep -v "^$job_id\$" | tr '\n' ' ')
  query "$maintenance" -v live="$database" -v stem="$stem" -v jobs="$jobs" -v lock_key="$lock_key" -v apply_key="$apply_key" \
    <"$job/sql/repair.sql" >"$job/repaired" || fail database "the repair did not go through"
  if grep -q '^busy$' "$job/repaired"; then fail database_lock; fi
  while read -r line; do
    emit "{\"event\":\"warning\",\"text\":\"$(json "$line")\"}"
  done <"$job/repaired"
}
