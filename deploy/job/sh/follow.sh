# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Print a job's log from an offset on, until the job ends; a dot on stderr now and then says that somebody is there.
# Rendered before it: job, offset. Exit status 0: that was all of it; 4: there is no such job.
# The job holds `alive`: whether it lives is asked before its log is read, so that nothing that it wrote is missed.
# Whoever comes back to a job that never said anything waits for one that is still being taken up, for 10 s; then it is stopped, so
# that "there is no such job" stays true.
part="${job%/*}/.${job##*/}.part"
arriving=0
until [ -f "$job/log" ]; do
  if [ ! -d "$part" ] && [ ! -d "$job" ]; then exit 4; fi
  arriving=$((arriving + 1))
  if [ "$arriving" -gt 100 ]; then rm -rf "$part"; fi
  if [ "$arriving" -gt 200 ]; then exit 4; fi
  sleep 0.1
done
ended=
quiet=0
while :; do
  if flock -n -s "$job/alive" true; then ended=yes; fi
  size=$(wc -c <"$job/log") || exit 1
  if [ "$size" -gt "$offset" ]; then
    tail -c +$((offset + 1)) "$job/log" | head -c $((size - offset))
    offset=$size
    quiet=0
  fi
  if [ -n "$ended" ]; then exit 0; fi
  quiet=$((quiet + 1))
  if [ $((quiet % 40)) -eq 0 ]; then printf . >&2; fi
  if [ "$quiet" -lt 40 ]; then sleep 0.05; else sleep 0.1; fi
done
