#!/bin/sh
# written by backtester-deploy; a deploy keeps it up to date. Without this line it is your own, and left alone.
# Take a backup and prove it: the same job as `fab -H prod backup`, for the night when only ssh works.
# shellcheck disable=SC2034,SC2154 # by_hand.sh reads and sets them
set -u
usage='usage: ./backup-db.sh ENVIRONMENT [--wait]      (--wait: up to 30 minutes for another job to end)'
here=$(dirname "$(readlink -f "$0")")
command=backup
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

for word in "$@"; do
  case $word in
    "$environment") named=yes ;;
    --wait) wait_s=1800 ;;
    *) refuse "$usage" ;;
  esac
done
[ "$named" = yes ] || refuse "$usage"
run_job
