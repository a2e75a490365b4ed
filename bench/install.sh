#!/bin/sh
# Installs the peers that registries offer: into .venv/bench from npm and PyPI, and sqitch from Debian. Who can't be had sits out.
# A fresh clone needs this once; the second run takes a moment.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
peers="$root/.venv/bench"
stamp="$peers/stamp"

[ ! "$stamp" -nt "$0" ] || exit 0

say() {
  printf 'bench: %s\n' "$*"
}

mkdir -p "$peers"
"${PYTHON:-python3}" -m venv "$peers"
"$peers/bin/python" -m pip install -qq --disable-pip-version-check \
  'alembic>=1.13,<2' 'yoyo-migrations>=9,<10' 'psycopg[binary]>=3.2,<4' 'setuptools<81' || say "alembic and yoyo sit out"
if command -v npm >/dev/null; then
  (cd "$peers" && npm install --silent --no-audit --no-fund --prefix "$peers" dbmate@2 node-pg-migrate@8 pg@8 >/dev/null) ||
    say "dbmate and node-pg-migrate sit out"
else
  say "there is no npm: dbmate and node-pg-migrate sit out"
fi
if ! command -v sqitch >/dev/null || ! command -v psql >/dev/null; then
  as_root=
  if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
  # shellcheck disable=SC2086 # words
  { command -v apt-get >/dev/null && $as_root apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends sqitch libdbd-pg-perl postgresql-client >/dev/null; } ||
    say "sqitch sits out"
fi
touch "$stamp"
