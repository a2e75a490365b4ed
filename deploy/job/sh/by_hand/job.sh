# shellcheck shell=sh disable=SC2154,SC2034,SC2015,SC1090,SC1091,SC2086
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# The job of backup-db.sh and restore-db.sh: the steps that compile_backups.py has, with names that were found here.
# In its environment: command, job_id, mark, origin, and what look and decide in by_hand.sh found out.
set -u
. ./settings.sh
job="$base/jobs/$job_id"
ended_json=
for part in $job_parts; do . "./sh/$part"; done
. ./sh/origin.sh
who_json="\"by\":\"$(json "${SUDO_USER:-$(id -un)}")\",\"from\":\"$(json "$origin")\",\"commit\":null,\"tool\":\"$tool_version\""

# keep_newest PREFIX: as plan/retention.py has it: only verified ones of this very database count and go, and of those not what is younger than
# keep_days, stands behind a replaced database, or was read by this job
keep_newest() {
  prefix=$1
  oldest=$(date -u -d "@$(($(date +%s) - keep_days * 86400))" +%Y%m%d%H%M%S)
  set --
  for path in "$backups/${prefix}_"????????_??????.*; do
    if grep -qs '"verified":true' "$path.json" && is_of_this "$path.json"; then set -- "$@" "${path##*/}"; fi
  done
  going=
  while [ $# -gt "$keep_backups" ]; do
    stamp=${1#"${prefix}_"}
    stamp=${stamp%%.*}
    case " $replaced_stamps$replaced " in *"$stamp "*) stamp= ;; esac
    if [ -n "$stamp" ] && [ "$1" != "${file##*/}" ] && [ "$(printf %s "$stamp" | tr -d _)" -lt "$oldest" ]; then going="$going $1"; fi
    shift
  done
  if [ -n "$going" ]; then prune $going; fi
}

plan_json="\"plan\":{\"backup\":\"$(json "${file:+${file##*/}}")\",\"safety_backup\":\"$taken\",\"replaced_database\":\"$(json "$replaced")\"}"
if [ "$command" = backup ]; then plan_json="\"plan\":{\"backup\":\"$taken\"}"; fi
begin_job
step 'tidy up' tidy
case $command in
  backup)
    step 'lock the database' hold_database any
    step 'back up' back_up "$taken" backup
    step 'prune backups' keep_newest "backup_$environment"
    ;;
  rollback)
    step 'lock the database' hold_database "$ledger"
    step 'check the backup' check_backup "$file" "$file_sum"
    step 'create the side database' create_side "$side"
    step 'restore' restore_side
    step 'compare' compare_side
    step "give it the live database's properties" dress_side
    step 'show what changes' show_changes
    step 'ask' confirm
    step 'back up what is live' back_up "$taken" pre_rollback
    step 'swap' swap "$replaced"
    step 'prune backups' keep_newest pre_rollback
    ;;
esac
succeed 'done'
