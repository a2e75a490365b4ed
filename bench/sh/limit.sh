#!/bin/sh
# As little as can be done: one connection, one psql session, no ledger, no backup, no check. It can't tell what is pending.
# Arguments: as in loop.sh.
set -eu
tar -C "$2" -cf - . | ssh -F "$1" prod \
  "mkdir -p $3 && tar -C $3 -xf - && cat $3/*.sql | docker exec -i $4 psql -q -v ON_ERROR_STOP=1 -U $5 -d $6"
