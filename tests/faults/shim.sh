#!/bin/sh
# Stands first in the server's PATH in place of a program, so that a fault can strike at that program's call: `armed` beside it
# holds the call's number, and whether the call is held until the fault has done its work. It is counted only while it is armed.
here=${0%/*}
name=${0##*/}
state=$here/state
# each time that it is armed has a folder of its own: who comes late strikes nothing of the next time, and is never held
if read -r at how time 2>/dev/null <"$state/armed"; then
  echo "$name" >>"$state/$time/calls"
  number=$(wc -l <"$state/$time/calls")
  if [ "$number" -ge "$at" ] && "$here/real/mkdir" "$state/$time/struck" 2>/dev/null; then
    printf '%s %s\n' "$number" "$name" >"$state/$time/where"
    : >"$state/$time/reached"
    while [ "$how" = held ] && [ ! -e "$state/$time/go" ]; do sleep 0.01; done
  fi
fi
if [ "$name" = docker ] && [ -s "$state/spoil" ]; then
  case " $* " in
  *" pg_dump "*)
    read -r how one two <"$state/spoil"
    exec sh "$here/spoil.sh" "$here/real/docker" "$state" "$how" "$one" "$two" "$@"
    ;;
  esac
fi
if [ "$name" = date ] && [ -s "$state/clock" ]; then
  read -r offset <"$state/clock"
  exec "$here/real/date" -d "@$(($("$here/real/date" +%s) + offset))" "$@"
fi
exec "$here/real/$name" "$@"
