"""A nightly backup by the server's own cron: one line of ours in the crontab, and no byte of another's changed."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import backups, manifest_of
from tests.journeys.watching import refusal_of
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import Site

STOCK = "CREATE TABLE IF NOT EXISTS stock (id int PRIMARY KEY);\n"
FOREIGN = b"# ours\nMAILTO=ops@example.com\n\n0 5 * * * echo 100\\%  # keep\n#0 3 * * * ./backup-db.sh prod # backtester-deploy\n"


@pytest.fixture(autouse=True)
def crontab_before(site: Site) -> Iterator[None]:
    """The login user has one crontab, whatever the site, and whoever else runs these tests at the same time."""
    with (Path(tempfile.gettempdir()) / "deploy-test-crontab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield from an_empty_crontab(site)


def an_empty_crontab(site: Site) -> Iterator[None]:
    before = site.ssh("crontab -l 2>/dev/null || true")
    site.ssh("crontab -r 2>/dev/null || true")
    yield
    site.ssh("crontab -" if before else "crontab -r 2>/dev/null || true", stdin=before)


def crontab_of(site: Site) -> bytes:
    return site.ssh("crontab -l 2>/dev/null || true")


def our_line(site: Site) -> str:
    (line,) = [line for line in crontab_of(site).decode().splitlines() if line.endswith(f" {site.remote_dir}")]
    return line


def run_as_cron_does(site: Site, line: str, *, check: int = 0) -> None:
    """Give the command to sh as cron does: with next to no environment, and from the home directory."""
    # a bare % would end the command and begin its input
    command = re.split(r"(?<!\\)%", line.split(" ", 5)[5])[0].replace("\\%", "%")
    argv = ["runuser", "-u", "deployer", "--", "env", "-i", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "LOGNAME=deployer"]
    done = subprocess.run(
        as_root(*argv, "/bin/sh", "-c", command), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (check, b"", b"")


class TestASchedule:
    def test_takes_a_backup_every_night_by_itself(self, site: Site) -> None:
        site.write_migration("001_stock.sql", STOCK)
        site.fab("deploy", check=0)
        assert "cron takes a backup from now on" in site.fab("schedule", check=0).stdout
        line = our_line(site)
        assert line.startswith(f"0 3 * * * cd {site.remote_dir} && ./backup-db.sh prod --wait")
        run_as_cron_does(site, line)
        names = [name for name in backups(site, "backup_prod") if "latest" not in name]
        assert manifest_of(site, names[0])["verified"] is True
        assert f"✅ backups/{names[0]}" in site.read_remote("backup.log").decode()
        assert "deployer (cron or a script on" in site.fab("history", check=0).stdout
        assert "schedule: 0 3 * * *" in site.fab("doctor").stdout  # which also says where no cron runs
        listed = json.loads(site.fab("backups", "--json", check=0).stdout)
        assert "backup.log" not in {backup["name"] for backup in listed}

    def test_brings_the_scripts_where_nothing_was_deployed_yet(self, site: Site) -> None:
        site.fab("schedule", check=0)
        run_as_cron_does(site, our_line(site))
        assert backups(site, "backup_prod")

    def test_changes_no_line_of_anybody_else(self, site: Site) -> None:
        site.ssh("crontab -", stdin=FOREIGN)
        site.fab("schedule", check=0)
        assert crontab_of(site) == our_line(site).encode() + b"\n" + FOREIGN
        site.fab("schedule", "--remove", check=0)
        assert crontab_of(site) == FOREIGN

    def test_may_be_asked_for_again(self, site: Site) -> None:
        site.fab("schedule", check=0)
        before = crontab_of(site)
        assert json.loads(site.fab("schedule", "--json", check=0).stdout)["outcome"] == "unchanged"
        assert crontab_of(site) == before
        document = json.loads(site.fab("schedule", "--at=@weekly", "--json", check=0).stdout)
        assert document["outcome"] == "scheduled"
        assert document["line"] == our_line(site)
        assert our_line(site).startswith("@weekly cd ")

    def test_may_be_removed_again(self, site: Site) -> None:
        site.fab("schedule", check=0)
        assert json.loads(site.fab("schedule", "--remove", "--json", check=0).stdout)["outcome"] == "removed"
        assert json.loads(site.fab("schedule", "--remove", "--json", check=0).stdout)["outcome"] == "unchanged"
        assert crontab_of(site) == b""
        assert "cron takes no backup" in site.fab("doctor", check=0).stdout

    def test_is_quoted_for_cron_and_for_sh(self, site: Site) -> None:
        odd = site.remote_dir / "it's 100% $(here)"
        site.ssh(f"mkdir {shlex.quote(str(odd))}")
        site = replace(site, remote_dir=odd, env=site.env | {"FABRIC_DEPLOY_REMOTE_DIR": str(odd)})
        site.fab("schedule", check=0)
        (line,) = crontab_of(site).decode().splitlines()
        run_as_cron_does(site, line)
        assert backups(site, "backup_prod")
        assert "schedule: 0 3 * * *" in site.fab("doctor").stdout  # which also says where no cron runs
        site.fab("schedule", "--remove", check=0)
        assert crontab_of(site) == b""

    def test_of_a_failing_backup_exits_so_and_says_why_in_the_log(self, site: Site) -> None:
        site.fab("schedule", check=0)
        site.psql("CREATE SCHEMA deploy; CREATE TABLE deploy.migrations (id int)")
        run_as_cron_does(site, our_line(site), check=11)
        assert "isn't this tool's ledger" in site.read_remote("backup.log").decode()


class TestASchedulesRefusal:
    @pytest.mark.parametrize("at", ["3:00", "0 25 * * *", "@reboot", "0 3 * * * rm -rf /", ""])
    def test_of_a_time_that_is_none(self, site: Site, at: str) -> None:
        assert "--at=" in refusal_of(site.fab("schedule", f"--at={at}", check=10)).message
        assert crontab_of(site) == b""
        assert site.remote_files() == []

    def test_of_a_script_that_is_the_teams_own(self, site: Site) -> None:
        site.write_remote("backup-db.sh", b"#!/bin/sh\necho own\n")
        assert "is the team's own" in refusal_of(site.fab("schedule", check=50)).message
        assert crontab_of(site) == b""

    def test_where_the_user_may_not_use_cron(self, site: Site) -> None:
        before = run(as_root("sh", "-c", "cat /etc/cron.deny 2>/dev/null || true"))
        run(as_root("tee", "-a", "/etc/cron.deny"), stdin=b"deployer\n")
        try:
            refusal = refusal_of(site.fab("schedule", check=50))
        finally:
            run(as_root("tee", "/etc/cron.deny") if before else as_root("rm", "/etc/cron.deny"), stdin=before)
        assert "crontab refuses: " in refusal.message

    def test_where_there_is_no_cron(self, site: Site) -> None:
        """On this machine, whose PATH can be one without crontab."""
        bare = site.home / "bare"
        bare.mkdir()
        env = {"PATH": str(bare), "FABRIC_DEPLOY_REMOTE_DIR": str(bare)}
        assert (
            "no crontab program"
            in refusal_of(site.fab("schedule", "--remove", check=50, env=env, remote=False)).message
        )
