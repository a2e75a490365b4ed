# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Stop a running job. It looks for the file before each step; what it waits for now is ended in the database, which rolls back.
# Rendered before it: the settings, job_id, job.
umask 077
: >"$job/cancel"
tries=0
until flock -n -s "$job/alive" true; do
  # the session that holds the lock goes last, with the job
  query "$database" </dev/null >/dev/null 2>&1 -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity a
    WHERE application_name IN ('deploy:$job_id', 'deploy:$job_id:apply', 'deploy:$job_id:rehearse') AND backend_type = 'client backend'
      AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND (l.classid::bigint << 32) + l.objid::bigint = $lock_key)"
  tries=$((tries + 1))
  if [ "$tries" -ge 120 ]; then exit 1; fi
  sleep 0.5
done
