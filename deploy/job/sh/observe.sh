# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Print all that a decision needs to know about this server, one fact a line, in one execution. Changes nothing.
# Rendered before it: the settings, `engine` and `inside`; after it: the facts that are asked for.
application=deploy:observe
pg_options=

one_line() { tr '\n\t\r' '   ' | tr -d '\000-\010\013-\037\177' | cut -c 1-600 | sed 's/ *$//'; }

# with_errors NAME COMMAND...: its stdout as it is, what it says on stderr as one fact
with_errors() {
  with_errors_name=$1
  shift
  { with_errors_said=$("$@" 2>&1 >&5 5>&-); } 5>&1
  if [ -n "$with_errors_said" ]; then
    printf '%s_error %s\n' "$with_errors_name" "$(printf '%s' "$with_errors_said" | one_line)"
  fi
}

observe_server() {
  printf 'time %s\n' "$(date -u +%Y%m%d_%H%M%S)"
  printf 'user %s\n' "$(id -un)"
  printf 'kernel %s\n' "$(uname -srm)"
  lacks=
  for program in awk flock gzip setsid sha256sum stat tar; do
    command -v "$program" >/dev/null || lacks="$lacks $program"
  done
  printf 'lacks %s\n' "$lacks"
  if command -v zstd >/dev/null; then printf 'zstd yes\n'; fi
}

observe_directory() {
  nearest=$remote_dir
  while [ ! -d "$nearest" ]; do nearest=$(dirname "$nearest"); done
  if [ -w "$nearest" ] && [ -x "$nearest" ]; then writable=yes; else writable=no; fi
  if [ -d "$remote_dir" ]; then present=yes; else present=no; fi
  printf 'directory %s %s\n' "$present" "$writable"
  printf 'free_kb %s\n' "$(df -Pk "$nearest" | awk 'NR == 2 {print $4}')"
  if [ -d "$remote_dir/migrations" ]; then
    printf 'migrations_sum %s\n' "$(
      cd "$remote_dir/migrations" && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2 | sha256sum | cut -d ' ' -f 1
    )"
  fi
}

observe_backups() {
  cd "$remote_dir/backups" 2>/dev/null || return 0
  set --
  for file in * .*.part; do
    case $file in
      *[[:cntrl:]]* | *.json) continue ;;
    esac
    if [ -f "$file" ] && [ ! -L "$file" ]; then set -- "$@" "$file"; fi
  done
  if [ $# -gt 0 ]; then stat -c 'backup %s %Y %n' -- "$@"; fi
  set -- *.json
  # the rows per table are for those who restore it, and may be longer than all the rest
  if [ -f "$1" ]; then
    awk 'FNR == 1 && FILENAME !~ /[[:cntrl:]]/ {sub(/"tables":[{].*[}][}]$/, "\"tables\":{}}"); print "manifest " FILENAME "\t" $0}' ./*.json
  fi
}

# Asking takes the lock for a moment, shared; whoever wants it for real tries more than once.
observe_lock() {
  if [ -f "$base/lock" ] && ! flock -n -s "$base/lock" true; then
    printf 'lock held\n'
    if [ -f "$base/holder" ]; then printf 'holder %s\n' "$(one_line <"$base/holder")"; fi
    if [ -f "$base/step" ]; then printf 'step %s\n' "$(one_line <"$base/step")"; fi
  fi
  if [ -f "$base/last" ]; then printf 'last_job %s\n' "$(one_line <"$base/last")"; fi
}

observe_audit() {
  if [ -f "$remote_dir/deploys.jsonl" ]; then tail -n "$1" "$remote_dir/deploys.jsonl" | sed 's/^/audit /'; fi
}

ask_database() {
  query "$database" -v ledger_schema="$ledger_schema" -v lock_key="$lock_key" -v apply_key="$apply_key" -v stem="$stem"
}

# What docker thinks of the container matters only where the database doesn't answer.
observe_database() {
  # not by a pipe, behind which what was said would be lost
  with_errors database ask_database <<EOF
$observe_sql
EOF
  if [ -n "$with_errors_said" ] && [ -n "$container" ]; then
    with_errors container engine inspect --type container --format 'container {{.State.Status}}' "$container"
  fi
}
