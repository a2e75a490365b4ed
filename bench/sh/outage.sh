#!/bin/sh
# A client that connects anew again and again, in the container: prints when each answer came, in nanoseconds.
# Arguments: user, database. It ends when the file /tmp/stop is there.
rm -f /tmp/stop
until [ -e /tmp/stop ]; do
  if psql -XqAt -U "$1" -d "$2" -c 'SELECT 1' >/dev/null 2>&1; then date +%s%N; fi
done
