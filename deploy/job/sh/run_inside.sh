# shellcheck shell=sh
# Inside the container: unpack the run, believe only what is complete, and apply it in one psql session.
# Arguments: the first file to run, the prefix of psql, the key of the advisory lock, which run of a rehearsal it is, else 0.
# Input: the run as a tar.
set -eu
umask 077
dir=$(mktemp -d /tmp/deploy.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM
cd "$dir"
tar -xf -
sha256sum -c SHA256SUMS >/dev/null
{
  sed -n '1,/^-- files$/p' main.sql
  sed "1,/^-- file $1\$/d" main.sql
} | sed -e "s,@DIR@,$dir,g" -e "s,@RUN@,$4,g" -e "s,^-- in run $4: ,," >run.sql
mkdir -p migrations # there are none where all that is done is to record a baseline
cd migrations
"$2psql" -X -q -w -v ON_ERROR_STOP=1 -v apply_key="$3" -f "$dir/run.sql"
