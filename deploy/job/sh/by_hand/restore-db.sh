#!/bin/sh
# written by backtester-deploy; a deploy keeps it up to date. Without this line it is your own, and left alone.
# Put a backup in place of the database, and keep the replaced one: the same job as `fab -H prod rollback --backup=…`.
# shellcheck disable=SC2034,SC2154 # by_hand.sh reads and sets them
set -u
usage='usage: ./restore-db.sh backups/NAME.sql.gz ENVIRONMENT [--yes]'
here=$(dirname "$(readlink -f "$0")")
command=rollback
# each environment that shares this directory has a library of its own; where no word names one, any of them refuses
for lib in "$here"/.deploy/lib/*/settings.sh; do
  lib=${lib%/settings.sh}
  for word in "$@"; do
    if [ "${lib##*/}" = "$word" ]; then break 2; fi
  done
done
if [ ! -r "$lib/sh/by_hand.sh" ]; then
  echo "❌ $here/.deploy/lib can't be read: run this as the user that deploys, or deploy once more" >&2
  exit 58
fi
# shellcheck source=/dev/null
. "$lib/sh/by_hand.sh"

if [ "${YES-}" = 1 ]; then assume_yes=yes; fi
for word in "$@"; do
  case $word in
    --yes) assume_yes=yes ;;
    -*) refuse "$usage" ;;
    *)
      if [ -z "$wanted" ]; then
        wanted=$word
      elif [ "$word" = "$environment" ] && [ "$named" = no ]; then
        named=yes
      else
        refuse "$usage"
      fi
      ;;
  esac
done
[ "$named" = yes ] || refuse "$usage"
find_backup
require_terminal
run_job
