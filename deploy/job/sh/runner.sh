# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# What every job stands on: its log, its steps, its lock, and its end. Sourced first; the steps follow.
# A job's stderr is its log. A line that begins with the mark is an event of ours, any other line was said by a program.
# Rendered before it: mark, job_id, command, remote_dir, base, job and the settings.

umask 077
backups="$remote_dir/backups"
application="deploy:$job_id"
outcome=failed
exit_status=1
failed_reason=
at_end=
written="0 none"

emit() { printf '@%s %s\n' "$mark" "$*" >&2; }

# any text as the inside of a JSON string
json() { printf '%s' "$1" | tr '\n\t\r' '   ' | tr -d '\000-\037\177' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'; }

# fail REASON [DETAIL]: stop here; the reason is a word of the client's catalogue
fail() {
  failed_reason=$1
  emit "{\"event\":\"failed\",\"reason\":\"$1\",\"detail\":\"$(json "${2-}")\"}"
  exit 1
}

heed_signals() { trap 'fail interrupted "the server stopped the job"' HUP INT TERM; }

# put_off_signals: until heed_signals, because what happens now is decided by its end alone
put_off_signals() { trap ':' HUP INT TERM; }

# wait_for PID: a signal that was put off ends a wait before its time. Sets waited_status
wait_for() {
  while :; do
    wait "$1"
    waited_status=$?
    kill -0 "$1" 2>/dev/null || return 0
  done
}

refuse_if_cancelled() {
  if [ -e "$job/cancel" ] && [ -z "${too_late_to_cancel-}" ]; then fail cancelled; fi
}

# step NAME COMMAND...: one thing that the operator sees
step() {
  step_name=$1
  shift
  refuse_if_cancelled
  printf '%s\n' "$step_name" >"$base/step"
  emit "{\"event\":\"step\",\"name\":\"$step_name\"}"
  "$@" || fail step_failed "$step_name ended with status $?"
}

# at_end COMMAND: what has to be put right however the job ends, the last one first
do_at_end() { at_end="$1 $at_end"; }

begin_job() {
  started_s=$(date +%s)
  started_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  trap end_job EXIT
  heed_signals
  printf '{"job":"%s","command":"%s","since":"%s",%s}\n' "$job_id" "$command" "$started_at" "$who_json" >"$base/holder"
  printf '%s %s\n' "$job_id" "$mark" >"$base/last"
  audit "\"event\":\"started\",$plan_json"
  emit "{\"event\":\"begun\",\"job\":\"$job_id\",\"command\":\"$command\"}"
}

# audit FIELDS: one line of the append-only record
audit() {
  printf '{"v":1,"job":"%s","command":"%s","at":"%s",%s,%s}\n' \
    "$job_id" "$command" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$who_json" "$1" >>"$remote_dir/deploys.jsonl"
}

succeed() {
  outcome=$1
  exit_status=0
}

end_job() {
  trap '' HUP INT TERM
  trap - EXIT
  # another name: cancel goes on ending the job's sessions, and must not end those that clean up
  application="deploy:$job_id:end"
  for action in $at_end; do "$action" || true; done
  release_database
  if [ "$exit_status" -ne 0 ] && [ -e "$job/cancel" ] && [ -z "${too_late_to_cancel-}" ]; then
    case $failed_reason in *_unknown) ;; *) outcome=cancelled ;; esac
  fi
  seconds=$(($(date +%s) - started_s))
  audit "\"event\":\"finished\",\"outcome\":\"$outcome\",\"reason\":\"$failed_reason\",\"seconds\":$seconds${ended_json:+,$ended_json}" ||
    emit "{\"event\":\"warning\",\"text\":\"the audit line could not be written\"}"
  rm -f "$base/holder" "$base/step"
  emit "{\"event\":\"ended\",\"outcome\":\"$outcome\",\"reason\":\"$failed_reason\"${ended_json:+,$ended_json}}"
  exit "$exit_status"
}

# What a killed job leaves. Nobody else is at work: the lock is ours.
tidy() {
  rm -f "$backups"/.*.part "$backups"/.*.part.json
  find "$base/jobs" -maxdepth 1 -name '.*.part' -mmin +60 -exec rm -rf {} +
  if [ ! -d "$remote_dir/migrations" ] && [ -d "$base/migrations.previous" ]; then
    mv "$base/migrations.previous" "$remote_dir/migrations"
  fi
  # their names begin with the time, so the pattern gives the oldest first; ours may be among them where the clock was set back
  set -- "$base"/jobs/2*
  while [ $# -gt 20 ]; do
    if [ "$1" != "$job" ]; then rm -rf "$1"; fi
    shift
  done
}
