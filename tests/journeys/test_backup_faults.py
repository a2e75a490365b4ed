"""A backup that is not what it should be never gets its name, whatever pg_dump's exit status says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server import ServerUnderTest

STAND_IN = r"""#!/bin/sh
# Stands in for docker, and hurts what pg_dump says.
how=$(cat "$(dirname "$0")/how")
case " $* " in
*/pg_dump\ * | *" pg_dump "*) ;;
*) exec docker "$@" ;;
esac
case $how in
cut) docker "$@" | head -c 5000 ;;
flipped) docker "$@" | { head -c 3000; dd bs=1 count=1 of=/dev/null 2>/dev/null; printf x; cat; } ;;
empty) docker exec -i "$3" pg_dump -U backtester -Z1 template1 ;;
killed) docker "$@" | head -c 5000; exit 137 ;;
altered) docker "$@"; sleep 0.3; printf x | dd of="$(ls "$(dirname "$0")"/../backups/.*.part)" bs=1 seek=3000 conv=notrunc 2>/dev/null ;;
esac
"""

SAYS = {
    "cut": "the dump is damaged",
    "flipped": "the dump is damaged",
    "empty": "the dump lacks the table public.t: is it of another database?",
    "killed": "pg_dump ended with status 137",
    "altered": "the file isn't what pg_dump wrote",
}


@pytest.mark.parametrize("form", ["sql.gz", "custom"])
def test_a_hurt_backup_stops_the_deploy_and_leaves_nothing(server: ServerUnderTest, form: str) -> None:
    with server.fresh(17) as site:
        site.psql("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 3000) AS n")
        site.write_migration("001_new.sql", "CREATE TABLE new (id int);")
        site.write_remote("hurt/docker.sh", STAND_IN.encode())
        site.env["FABRIC_DEPLOY_DOCKER"] = f"sh {site.remote_dir}/hurt/docker.sh"
        site.env["FABRIC_DEPLOY_BACKUP_FORMAT"] = form
        for how, said in SAYS.items():
            if (how, form) == ("empty", "custom"):
                continue  # the stand-in dumps it as SQL
            site.write_remote("hurt/how", how.encode())
            assert said in site.fab("deploy", check=40 if how == "killed" else 41).stdout, how
            assert not [file for file in site.remote_files() if file.startswith("backups/")]
        assert site.psql("SELECT to_regclass('new')") == ""
