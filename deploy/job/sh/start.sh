# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Take a job up, believe nothing that isn't verified, start it apart from this connection, and follow it.
# Exit status 3: not started, and an event says why. follow.sh is rendered behind it.
# Arguments: base directory, job id, sha256 of its list of sums, mark. Input: the job as a gzipped tar.
set -u
umask 077
base=$1 id=$2 sum=$3 mark=$4
say() { printf '@%s %s\n' "$mark" "$1"; }
give_up() {
  rm -rf "$part"
  say "{\"event\":\"not_started\",\"reason\":\"$1\"}"
  exit 3
}
part="$base/jobs/.$id.part"
trap 'rm -rf "$part"; exit 1' HUP INT TERM
mkdir -p "$base/jobs" && chmod 700 "$base" && mkdir "$part" && cd "$part" || give_up directory
gzip -dc | tar -xf - || give_up upload
printf '%s  SHA256SUMS\n' "$sum" | sha256sum -c >/dev/null 2>&1 || give_up upload
sha256sum -c SHA256SUMS >/dev/null 2>&1 || give_up upload

# The job inherits the open lock and keeps it for as long as it, or a program it started, lives: it can't go stale.
exec 9>>"$base/lock"
tries=0
until flock -n 9; do
  tries=$((tries + 1))
  if [ "$tries" -ge 5 ]; then
    if [ -s "$base/holder" ]; then
      say "{\"event\":\"lock_held\",\"holder\":$(head -n 1 "$base/holder"),\"step\":\"$(head -n 1 "$base/step" | tr -d '\042\134')\"}"
    else
      say '{"event":"lock_held","holder":null,"step":""}'
    fi
    rm -rf "$part"
    exit 3
  fi
  sleep 0.1
done
# whoever is refused from now on must not be told of a job that was killed
rm -f "$base/holder" "$base/step"
job="$base/jobs/$id"
mv "$part" "$job" && cd "$job" || give_up directory
# the log comes last: whoever sees it may ask whether the job is alive
exec 8>>alive
flock -n 8 || give_up directory
: >log
setsid sh job.sh </dev/null >>log 2>&1 &
exec 8>&- 9>&-
offset=0
