# shellcheck shell=sh disable=SC2154,SC2034,SC2015,SC1090,SC1091
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# What backup-db.sh and restore-db.sh do around their job: look, refuse what the tool would refuse, start it apart from this
# terminal, tell how it goes, and exit with the tool's own status. Set before it: here, command, usage, and lib, where this file stands.
umask 077
# cron's PATH is short, and docker may be elsewhere
PATH="$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin:/snap/bin"
export PATH
. "$lib/settings.sh"
. "$lib/sh/postgres.sh"
. "$lib/sh/tell.sh"
. "$lib/sh/origin.sh"
backups="$remote_dir/backups"
application=deploy:look
named=no
wanted=
assume_yes=no
wait_s=0
file=
file_sum=
side=
replaced=
replaced_stamps=

# stop STATUS MESSAGE [HINT]
stop() {
  printf '❌ %s\n' "$2" >&2
  if [ -n "${3-}" ]; then printf '   👉 %s\n' "$3" >&2; fi
  exit "$1"
}

refuse() {
  known=
  for each in "$here"/.deploy/lib/*/settings.sh; do
    each=${each%/settings.sh}
    known="$known${known:+ or }${each##*/}"
  done
  stop 10 "$1" "The environment here is $known."
}

# find_backup: the operator's word is a path from where they stand, from here, or a name in backups/
find_backup() {
  for candidate in "$wanted" "$remote_dir/$wanted" "$backups/$wanted"; do
    if [ -f "$candidate" ]; then
      file=$(readlink -f "$candidate")
      file_sum=$(sed -n 's/^{"manifest":1,.*"sha256":"\([0-9a-f]*\)".*/\1/p' "$file.json" 2>/dev/null)
      return
    fi
  done
  # shellcheck disable=SC2012 # ours have plain names
  ls -t "$backups" 2>/dev/null | sed '/\.json$/d' | head -n 20
  stop 42 "there is no backup $wanted" "Name one of these: ./restore-db.sh backups/NAME $environment"
}

# warn_of_another: before anything is asked, whatever the operator meant by its name
warn_of_another() {
  origin=$(sed -nE 's/^\{"manifest":1,.*"environment":"([^"]*)",.*"database":"(([^"\\]|\\.)*)","system":"([0-9]+)",.*/\2 of \1 (system \4)/p' "$file.json" 2>/dev/null)
  if [ -z "$origin" ] || is_of_this "$file.json"; then return; fi
  say "⚠️  THIS BACKUP IS OF ANOTHER DATABASE: of $origin, not of $database of $environment (system $system)"
  say "   all that is in $database now makes way for what is in that one"
}

require_terminal() {
  if [ "$assume_yes" = no ] && [ ! -t 0 ]; then
    stop 13 "restoring asks before it swaps the databases, and there is no terminal to ask on" \
      "Run it in a terminal (ssh -t), or add --yes."
  fi
}

# require_fit: whatever would make a job fail, or leave what the next deploy can't use
require_fit() {
  for program in awk flock gzip setsid sha256sum stat tar; do
    command -v "$program" >/dev/null || stop 50 "the server lacks $program" "Install it with the server's package manager."
  done
  owner=$(stat -c %U "$lib")
  if [ "$(id -un)" != "$owner" ]; then
    stop 58 "backups and locks here belong to $owner" "sudo -u $owner $here/${0##*/} …"
  fi
}

# look: what the job has to know; refuses what the tool would refuse
look() {
  facts=$(query "$database" -v ledger_schema="$ledger_schema" -v stem="$stem" <"$lib/sql/by_hand.sql" 2>&1) || explain_no_answer
  server_version=$(fact server_version)
  system=$(fact system)
  ledger=$(fact ledger)
  migration_json=$(fact last)
  replaced_stamps=$(fact replaced_at | tr '\n' ' ')
  if [ "${server_version:-0}" -lt 130000 ]; then stop 35 "the server is older than PostgreSQL 13" "Upgrade it."; fi
  if [ "$(fact standby)" = t ]; then stop 31 "$database is on a standby, which takes no changes" "Go to the primary."; fi
  if [ "$ledger" = foreign ]; then
    stop 11 "the table $ledger_schema.migrations isn't this tool's ledger" "Set ledger_schema, and deploy."
  fi
}

fact() { printf '%s\n' "$facts" | sed -n "s/^$1 //p"; }

explain_no_answer() {
  said=$(printf '%s\n' "$facts" | tail -n 1)
  case $facts in
    *'ermission denied'*ocker* | *'docker daemon'* | *'docker: not found'*) stop 51 "docker can't be used: $said" ;;
    *'o such container'* | *'is not running'* | *'is paused'* | *'is restarting'*)
      stop 52 "the container $container isn't running: $said" "Start it: docker start $container" ;;
    *'not currently accepting connections'*)
      stop 34 "$database takes no connections: a rollback was cut off in the middle" \
        "\`fab -H … repair\`, or as $user in the database postgres: ALTER DATABASE \"$database\" WITH ALLOW_CONNECTIONS true" ;;
    *) stop 30 "the database doesn't answer: $said" "Look at its log: docker logs --tail 50 $container" ;;
  esac
}

# decide: names, and whether there is room; a name that is taken waits for the next second
decide() {
  case $command in
    backup) prefix="backup_$environment" ;;
    rollback) prefix=pre_rollback ;;
  esac
  stamp=$(date -u +%Y%m%d_%H%M%S)
  while [ -e "$backups/${prefix}_$stamp$backup_suffix" ] || [ "${replaced_stamps#*"$stamp "}" != "$replaced_stamps" ]; do
    sleep 1
    stamp=$(date -u +%Y%m%d_%H%M%S)
  done
  taken="${prefix}_$stamp$backup_suffix"
  needed=$(($(fact bytes) / 3))
  if [ "$command" = rollback ]; then
    side="${stem}_side_$stamp"
    replaced="${stem}_replaced_$stamp"
    needed=$(($(fact bytes) + $(wc -c <"$file") * 2))
    if [ ! -s "$file" ]; then stop 43 "$file is empty" "Choose another."; fi
    if [ -n "$(fact no_rights)" ]; then
      stop 37 "$user may not create databases or doesn't own $database" \
        "As a superuser: ALTER ROLE \"$user\" CREATEDB; ALTER DATABASE \"$database\" OWNER TO \"$user\";"
    fi
    if [ -n "$(fact obstacle)" ]; then
      stop 46 "$(fact obstacle | head -n 1) in $database, which stands against the swap" "End or drop it first."
    fi
  fi
  free=$(($(df -Pk "$remote_dir" | awk 'NR == 2 {print $4}') * 1024))
  if [ "$free" -lt "$needed" ]; then
    stop 44 "about $((needed / 1000000 + 1)) MB are needed, $((free / 1000000)) MB are free in $remote_dir" "Free space there."
  fi
}

# wait_for_lock: asking takes it for a moment, shared
wait_for_lock() {
  said=
  until flock -n -s "$base/lock" true 2>/dev/null || [ "$waited" -ge "$wait_s" ]; do
    if [ -z "$said" ]; then say "⏳ another job is at work; waiting up to $(((wait_s - waited) / 60)) minutes for its end"; fi
    said=yes
    waited=$((waited + 1))
    sleep 1
  done
}

# run_job: the lock is taken by start.sh, so between our look and the job nobody else's can have ended unseen
run_job() {
  require_fit
  if [ -t 0 ] || [ -n "${SSH_CLIENT-}" ]; then origin="by hand"; else origin="cron or a script"; fi
  origin="$origin on $(uname -n)${SSH_CLIENT:+, ssh from ${SSH_CLIENT%% *}}"
  exec 3<&0
  waited=0
  while :; do
    if [ "$wait_s" -gt 0 ]; then wait_for_lock; fi
    look
    if [ "$command" = rollback ]; then warn_of_another; fi
    decide
    mark=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    job_id="$(date -u +%Y%m%d_%H%M%S)_$(printf %.8s "$mark")"
    job="$base/jobs/$job_id"
    trap stop_job INT
    start_job 3<&- | tell &
    teller=$!
    wait "$teller"
    status=$?
    if [ "$status" -ne 53 ] || [ "$waited" -ge "$wait_s" ]; then exit "$status"; fi
    waited=$((waited + 5))
    sleep 5
  done
}

# start_job: the library is the job, but for what it finds in its environment; start.sh verifies every file
start_job() {
  export command job_id mark origin taken file file_sum side replaced replaced_stamps ledger migration_json system server_version assume_yes
  sum=$(sha256sum <"$lib/SHA256SUMS" | cut -d ' ' -f 1)
  (cd "$lib" && tar -cf - -- * | gzip -1) |
    sh -c "$(cat "$lib/sh/start.sh" "$lib/sh/follow.sh")" start "$base" "$job_id" "$sum" "$mark" 2>/dev/null
}

# stop_job: Ctrl-C. The job itself stops at a safe point; only then is it known how it ended.
stop_job() {
  trap '' INT
  if [ ! -d "$job" ]; then exit 130; fi
  say "
▶ stopping at a safe point..."
  (. "$lib/sh/cancel.sh") || stop 55 "the job doesn't end" "Look at $job/log."
  sleep 1
  # it stands at the question, or it has told all and ended
  if kill "$teller" 2>/dev/null; then
    grep -e '"event":"failed"' -e '"event":"ended"' "$job/log" | tell
  else
    wait "$teller"
  fi
  status=$?
  exit "$status"
}
