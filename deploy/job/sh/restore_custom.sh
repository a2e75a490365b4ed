# shellcheck shell=sh
# Inside the container: restore a custom archive in parallel, which takes a file that can be sought in.
# Arguments: the prefix of pg_restore, the connection string. Input: the archive.
set -eu
umask 077
file=$(mktemp /tmp/deploy.XXXXXX)
trap 'rm -f "$file"' EXIT
trap 'exit 130' HUP INT TERM
cat >"$file"
jobs=$(nproc 2>/dev/null || echo 1)
"$1pg_restore" --exit-on-error -w -j "$jobs" -d "$2" "$file"
