# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Print what the doctor wants to know beyond what every command looks at, one fact a line. Changes nothing.
# Rendered before it: the settings, `engine` and `inside`; behind it: what is to be examined. Where the files lie can be set for tests.
application=deploy:doctor
pg_options=
: "${cgroup_file:=/proc/self/cgroup}" "${logind_files:=/etc/systemd/logind.conf /run/systemd/logind.conf.d/*.conf /usr/lib/systemd/logind.conf.d/*.conf /etc/systemd/logind.conf.d/*.conf}"
: "${processes:=/proc}"

one_line() { tr '\n\t\r' '   ' | tr -d '\000-\010\013-\037\177' | cut -c 1-300 | sed 's/ *$//'; }

fact() { printf '%s %s\n' "$1" "$(printf '%s' "$2" | one_line)"; }

examine_system() {
  fact system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null)"
  nearest=$remote_dir
  while [ ! -d "$nearest" ]; do nearest=$(dirname "$nearest"); done
  fact free_inodes "$(df -Pi "$nearest" 2>/dev/null | awk 'NR == 2 && $2 > 0 {print $4}')"
}

# A login manager may end whatever a session has started once it is over; only a session of its own can be hit by that.
examine_login() {
  session=$(sed -n 's,.*/\(session-[^/]*\.scope\).*,\1,p' "$cgroup_file" 2>/dev/null | head -n 1)
  if [ -z "$session" ]; then return; fi
  fact session "$session"
  for name in KillUserProcesses KillExcludeUsers KillOnlyUsers; do
    value=$(busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager "$name" 2>/dev/null)
    # without busctl, as logind reads its files: the last word counts
    if [ -z "$value" ]; then
      # shellcheck disable=SC2086 # a list of patterns
      value=$(cat $logind_files 2>/dev/null | sed -n "s/^[[:space:]]*${name}[[:space:]]*=[[:space:]]*//p" | tail -n 1)
    fi
    fact "$name" "$value"
  done
}

examine_cron() {
  running=
  for process in "$processes"/[0-9]*/comm; do
    read -r name 2>/dev/null <"$process" || continue
    case $name in cron | crond | fcron | dcron) running=$name ;; esac
  done
  if [ -n "$running" ]; then
    fact cron "$running"
  elif [ -r "$processes/1/comm" ]; then
    fact cron none
  fi
}

examine_docker() {
  if [ -n "$container" ]; then fact docker "$(engine version --format '{{.Server.Version}}' 2>/dev/null)"; fi
}

# shellcheck disable=SC2016 # it is expanded where it runs
in_there='for program in mktemp sed sha256sum tar; do command -v "$program" >/dev/null || printf "lacks_there %s\n" "$program"; done
if dir=$(mktemp -d /tmp/deploy.XXXXXX); then rmdir "$dir" && printf "tmp yes\n"; else printf "tmp no\n"; fi
for program in psql pg_dump pg_restore; do printf "%s " "$program"; "$1$program" --version 2>/dev/null || printf "\n"; done'

examine_where_the_database_is() { inside sh -c "$in_there" examine "$pg_bin" 2>/dev/null </dev/null; }

examine_replaced() {
  query "$database" -v stem="$stem" 2>/dev/null <<'EOF'
SELECT 'open_replaced ' || datname FROM pg_database
WHERE datallowconn AND right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_replaced_' || right(datname, 15);
EOF
}
