#!/bin/sh
# Stands in for docker on the server, and hurts the job at one of its calls: `plan` beside it holds the call's number (or a word of
# its arguments) and what to do. Calls that only look, or that stop a job, are let through and not counted.
here=$(dirname "$0")
case " $* " in
*" deploy:observe "* | *" deploy:cancel "* | *" inspect "*) exec docker "$@" ;;
esac
number=$(($(cat "$here/calls" 2>/dev/null || echo 0) + 1))
echo "$number" >"$here/calls"
printf '%s %s\n' "$number" "$(printf '%s' "$*" | tr '\n' ' ')" >>"$here/calls.log"
read -r at how <"$here/plan"
if [ "$at" != "$number" ]; then
  case " $* " in
  *" $at "*) ;;
  *) exec docker "$@" ;;
  esac
  if [ -e "$here/hurt" ]; then exec docker "$@"; fi
fi
: >"$here/hurt"
session=$(ps -o sid= -p $$ | tr -d ' ')
case $how in
shell_before) kill -9 "$session" && exec docker "$@" ;;
all_before) pkill -9 -s "$session" ;;
shell_during)
  exec 3<&0
  docker "$@" <&3 &
  sleep 0.05
  kill -9 "$session"
  wait $!
  ;;
all_during)
  exec 3<&0
  docker "$@" <&3 &
  sleep 0.15
  pkill -9 -s "$session"
  ;;
all_after)
  docker "$@"
  pkill -9 -s "$session"
  ;;
docker_during)
  exec 3<&0
  docker "$@" <&3 &
  sleep 0.4
  kill -9 $!
  wait $!
  exit 137
  ;;
wait)
  : >"$here/reached"
  until [ -e "$here/go" ]; do sleep 0.05; done
  exec docker "$@"
  ;;
esac
