# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Print a job's log from an offset on, until the job ends; a dot on stderr now and then says that somebody is there.
# Rendered before it: job, offset. Exit status 0: that was all of it; 4: there is no such job.
# The job holds `alive`: whether it lives is asked before its log is read, so that nothing that it wrote is missed.
[ -f "$job/log" ] || exit 4
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
