"""The night when only ssh works: `./backup-db.sh prod` and `./restore-db.sh backups/X.sql.gz prod` on the server itself."""

# ruff: noqa: S608 - what is put into these statements are names of the tests' own

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.invariants import (
    assert_every_backup_restores,
    assert_nothing_is_locked,
    backups,
    is_worked_on,
    job_processes,
    leftovers,
    manifest_of,
    replaced_databases,
    wait_until,
    wait_until_nobody_works,
    whole,
)
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import ServerUnderTest, Site

MARK = b"# written by backtester-deploy"

STOCK = "CREATE TABLE IF NOT EXISTS stock (id int PRIMARY KEY, name text);\nINSERT INTO stock SELECT i, 'n' || i FROM generate_series(1, 100) AS i ON CONFLICT DO NOTHING;\n"


def by_hand(site: Site, command: str, *, check: int | None = 0, typed: str | None = None) -> str:
    """Run a command in remote_dir, with a terminal where something is typed; return all that it said."""
    done = subprocess.run(
        _ssh(site, command, terminal=typed is not None),
        input=typed or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert check is None or done.returncode == check, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout.replace("\r\n", "\n")


def start_by_hand(site: Site, command: str, *, terminal: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _ssh(site, command, terminal=terminal),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ssh(site: Site, command: str, *, terminal: bool) -> list[str]:
    there = f"cd {shlex.quote(str(site.remote_dir))} && {command}"
    return ["ssh", *(["-tt"] if terminal else ["-T"]), "-F", str(site.ssh_config), site.host, there]


def audit(site: Site) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.read_remote("deploys.jsonl").splitlines()]


def nightly(site: Site) -> list[str]:
    """Return the names of the backups that were taken on their own, the oldest first."""
    return [name for name in backups(site, "backup_prod") if "latest" not in name]


def finished(site: Site) -> set[str]:
    """Return the names of all that stands in backups/."""
    return {path.removeprefix("backups/") for path in site.remote_files() if path.startswith("backups/")}


@contextmanager
def nobody_reads_the_stock(site: Site) -> Iterator[None]:
    """Lock a table, so that pg_dump waits."""
    holder = subprocess.Popen(
        ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", site.user, "-d", site.database],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin
    with holder:
        holder.stdin.write("BEGIN; LOCK TABLE stock;\n")
        holder.stdin.flush()
        granted = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'stock'::regclass AND granted"
        wait_until(lambda: site.psql(granted) == "1")
        yield
        holder.stdin.close()


def is_dumping(site: Site) -> bool:
    return (
        site.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        != "0"
    )


@pytest.fixture
def stocked(site: Site) -> Site:
    """A site after its first deploy."""
    return deployed(site)


def deployed(site: Site) -> Site:
    site.write_migration("001_stock.sql", STOCK)
    site.fab("deploy", check=0)
    return site


@pytest.fixture(scope="module")
def steady(server: ServerUnderTest) -> Iterator[Site]:
    """One such site for all that is refused: nothing in it may change."""
    with server.fresh(15) as site:
        yield deployed(site)


class TestTheFirstDeploy:
    def test_leaves_both_scripts_there(self, stocked: Site) -> None:
        """They can be run by their names, as the guide has them."""
        for name in ("backup-db.sh", "restore-db.sh"):
            assert stocked.read_remote(name).splitlines()[1].startswith(MARK)
            assert run(as_root("stat", "-c", "%a %U", str(stocked.remote_dir / name))) == b"755 deployer\n"
        assert "are there, for when only ssh works" in stocked.fab("doctor", check=0).stdout

    def test_is_followed_by_one_that_has_nothing_to_do(self, stocked: Site) -> None:
        before = audit(stocked)
        assert "nothing pending" in stocked.fab("deploy", check=0).stdout
        assert audit(stocked) == before

    def test_says_so_before(self, site: Site) -> None:
        site.write_migration("001_stock.sql", STOCK)
        assert "install backup-db.sh and restore-db.sh" in site.fab("deploy", "--dry-run", check=0).stdout

    def test_never_takes_the_place_of_the_teams_own(self, site: Site) -> None:
        own = b"#!/bin/sh\necho the team's own\n"
        site.write_remote("backup-db.sh", own)
        deployed(site)
        assert site.read_remote("backup-db.sh") == own
        assert site.read_remote("restore-db.sh").splitlines()[1].startswith(MARK)
        assert "by hand: the team's own, so ours stay away: backup-db.sh\n" in site.fab("doctor", check=0).stdout
        site.fab("deploy", check=0)
        assert site.read_remote("backup-db.sh") == own

    def test_never_writes_through_a_link(self, site: Site) -> None:
        site.write_remote("tools/own.sh", b"#!/bin/sh\n" + MARK + b"\n")
        site.ssh(f"ln -s tools/own.sh {site.remote_dir}/restore-db.sh")
        deployed(site)
        assert site.read_remote("tools/own.sh") == b"#!/bin/sh\n" + MARK + b"\n"


class TestALaterDeploy:
    def test_brings_the_scripts_what_the_settings_say_now(self, stocked: Site) -> None:
        stocked.fab("deploy", check=0, env={"FABRIC_DEPLOY_KEEP_BACKUPS": "3"})
        assert b"keep_backups=3\n" in stocked.read_remote(".deploy/lib/prod/settings.sh")

    @pytest.mark.parametrize(
        "harm", ["rm .deploy/lib/prod/sh/tell.sh", "rm -r .deploy/lib", "rm restore-db.sh", "chmod -x backup-db.sh"]
    )
    def test_mends_them(self, stocked: Site, harm: str) -> None:
        by_hand(stocked, harm)
        stocked.fab("deploy", check=0)
        by_hand(stocked, "./backup-db.sh prod")
        assert "backups/NAME" in by_hand(stocked, "./restore-db.sh", check=10)


class TestABackup:
    def test_is_the_same_as_the_tools(self, stocked: Site) -> None:
        said = by_hand(stocked, "./backup-db.sh prod")
        (name,) = nightly(stocked)
        assert f"✅ backups/{name}: " in said
        assert "verified" in said
        stocked.fab("backup", check=0)
        other = nightly(stocked)[1]
        mine, tools = manifest_of(stocked, name), manifest_of(stocked, other)
        own = ("name", "taken_at", "sha256", "bytes", "job", "written", "counter")
        assert {k: v for k, v in mine.items() if k not in own} == {k: v for k, v in tools.items() if k not in own}
        assert mine.keys() == tools.keys()
        assert mine["migration"] == "001_stock.sql"
        assert_every_backup_restores(stocked)
        assert_nothing_is_locked(stocked)

    def test_is_what_latest_points_to(self, stocked: Site) -> None:
        by_hand(stocked, "./backup-db.sh prod")
        (name,) = nightly(stocked)
        assert stocked.ssh(f"readlink {stocked.remote_dir}/backups/backup_prod_latest.sql.gz").decode().strip() == name

    def test_is_told_to_the_tool(self, stocked: Site) -> None:
        by_hand(stocked, "./backup-db.sh prod")
        (name,) = nightly(stocked)
        (line,) = [line for line in stocked.fab("history", check=0).stdout.splitlines() if " backup " in line]
        assert "deployer (by hand on " in line
        assert name in line
        assert f"✅ {name}" in stocked.fab("follow", check=0).stdout
        documents = json.loads(stocked.fab("backups", "--json", check=0).stdout)
        assert next(d for d in documents if d["name"] == name)["verified"] is True

    @pytest.mark.parametrize(
        "command",
        [
            "cd / && {dir}/backup-db.sh prod",
            "cd .. && sh {dir}/backup-db.sh prod",
            "sh backup-db.sh prod",
            "ln -s {dir}/backup-db.sh ../nightly && cd / && {dir}/../nightly prod && rm {dir}/../nightly",
            "cd / && env -i PATH=/usr/bin:/bin {dir}/backup-db.sh prod",
            "CDPATH=/ LC_ALL=POSIX umask 000 && ./backup-db.sh prod",
        ],
    )
    def test_is_taken_from_wherever_it_is_called(self, stocked: Site, command: str) -> None:
        by_hand(stocked, command.format(dir=stocked.remote_dir))
        assert len(nightly(stocked)) == 1
        assert run(as_root("sh", "-c", f"stat -c %a {stocked.remote_dir}/backups/backup_prod_2*")) == b"600\n600\n"

    def test_is_in_the_format_that_the_settings_say(self, site: Site) -> None:
        site = replace(site, env=site.env | {"FABRIC_DEPLOY_BACKUP_FORMAT": "custom"})
        deployed(site)
        by_hand(site, "./backup-db.sh prod")
        before = whole(site)
        site.psql("DELETE FROM stock")
        by_hand(site, "./restore-db.sh backups/backup_prod_latest.dump prod --yes")
        assert whole(site) == before

    @pytest.mark.parametrize("words", ["", "local", "prod prod2", "Prod", "--help", "prod --yes", "prod$(reboot)"])
    def test_is_refused_for_any_word_but_the_environments_name(self, steady: Site, words: str) -> None:
        said = by_hand(steady, f"./backup-db.sh {shlex.quote(words) if '$' in words else words}", check=10)
        assert "usage: ./backup-db.sh ENVIRONMENT" in said
        assert "The environment here is prod." in said
        assert not nightly(steady)

    def test_is_refused_to_another_user(self, steady: Site) -> None:
        """What root writes the login user could never replace: the next deploy would fail."""
        done = subprocess.run(
            as_root(str(steady.remote_dir / "backup-db.sh"), "prod"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 58
        assert "sudo -u deployer" in done.stderr
        assert run(as_root("find", str(steady.remote_dir), "-user", "root")) == b""

    def test_keeps_the_newest_that_are_proven(self, site: Site) -> None:
        site = replace(site, env=site.env | {"FABRIC_DEPLOY_KEEP_BACKUPS": "2"})
        deployed(site)
        by_hand(site, "./backup-db.sh prod")
        (taken,) = nightly(site)
        old = ["20200101_000000", "20200102_000000", "20200103_000000"]
        for stamp in old:
            by_hand(
                site,
                f"cd backups && cp {taken} backup_prod_{stamp}.sql.gz && cp {taken}.json backup_prod_{stamp}.sql.gz.json",
            )
        others = [
            "backup_staging_20200101_000000.sql.gz",
            "pre_deploy_20200101_000000.sql.gz",
            "mine_20200101_000000.sql.gz",
        ]
        for name in others:
            by_hand(site, f"cd backups && cp {taken} {name} && cp {taken}.json {name}.json")
        by_hand(site, "cd backups && echo unproven >backup_prod_20190101_000000.sql.gz")
        assert "3 old backups removed" in by_hand(site, "./backup-db.sh prod")
        files = site.remote_files()
        assert nightly(site)[:2] == ["backup_prod_20190101_000000.sql.gz", taken]
        assert len(nightly(site)) == 3
        assert all(f"backups/{name}" in files for name in others)

    def test_keeps_what_is_younger_than_keep_days(self, site: Site) -> None:
        site = replace(site, env=site.env | {"FABRIC_DEPLOY_KEEP_BACKUPS": "1", "FABRIC_DEPLOY_KEEP_DAYS": "7"})
        deployed(site)
        for _ in range(3):
            by_hand(site, "./backup-db.sh prod")
        assert len(nightly(site)) == 3


class TestARestore:
    def test_is_asked_for_and_puts_everything_back(self, stocked: Site) -> None:
        by_hand(stocked, "./backup-db.sh prod")
        (backup,) = nightly(stocked)
        before = whole(stocked)
        stocked.write_migration("002_more.sql", "CREATE TABLE IF NOT EXISTS more (id int);\n")
        stocked.fab("deploy", check=0)
        stocked.psql("DELETE FROM stock WHERE id > 7")
        said = by_hand(stocked, f"./restore-db.sh backups/{backup} prod", typed="yes\n")
        assert "public.stock: 7 rows now, 100 then" in said
        assert "public.more: 0 rows now, no table then" in said
        assert "pending again: 002_more.sql" in said
        assert "Type yes to go on" in said
        assert re.search(rf"✅ rolled back to {backup}; no connections for \d+ ms", said)
        assert whole(stocked) == before
        (replaced,) = replaced_databases(stocked)
        assert stocked.psql(f"SELECT datallowconn FROM pg_database WHERE datname = '{replaced}'", "postgres") == "f"
        (safety,) = backups(stocked, "pre_rollback")
        assert manifest_of(stocked, safety)["tables"]["public.stock"] == 7
        assert leftovers(stocked) == []
        assert stocked.fab("undo", "--yes", check=0)
        assert stocked.psql("SELECT count(*) FROM stock") == "7"

    @pytest.mark.parametrize("answer", ["no\n", "\n", "YES\n", "\x04", "yes please\n"])
    def test_changes_nothing_without_yes(self, steady: Site, answer: str) -> None:
        before = whole(steady)
        said = by_hand(steady, "./restore-db.sh backups/pre_deploy_*.sql.gz prod", typed=answer, check=12)
        assert "the answer was not yes" in said
        assert whole(steady) == before
        assert leftovers(steady) == []
        assert replaced_databases(steady) == []
        assert not backups(steady, "pre_rollback")

    def test_is_refused_where_nobody_can_answer(self, steady: Site) -> None:
        before = audit(steady)
        assert "add --yes" in by_hand(steady, "echo yes | ./restore-db.sh backups/pre_deploy_*.sql.gz prod", check=13)
        assert audit(steady) == before

    @pytest.mark.parametrize("words", ["{} prod --yes", "--yes {} prod", "YES=1 {} prod"])
    def test_takes_yes_beforehand(self, stocked: Site, words: str) -> None:
        (backup,) = backups(stocked)
        variable, _, rest = words.rpartition("YES=1 ")
        command = f"{'YES=1 ' if variable or words.startswith('YES') else ''}./restore-db.sh {rest.format('backups/' + backup)}"
        by_hand(stocked, command)
        assert stocked.psql("SELECT to_regclass('stock')") == ""

    @pytest.mark.parametrize("path", ["{dir}/backups/{name}", "backups/{name}", "{name}"])
    def test_finds_the_file_from_another_directory(self, stocked: Site, path: str) -> None:
        (backup,) = backups(stocked)
        word = path.format(dir=stocked.remote_dir, name=backup)
        by_hand(stocked, f"cd / && {stocked.remote_dir}/restore-db.sh {word} prod --yes")

    def test_lists_what_there_is_when_the_file_is_not(self, steady: Site) -> None:
        (backup,) = backups(steady)
        said = by_hand(steady, "./restore-db.sh backups/nope.sql.gz prod --yes", check=42)
        assert backup in said
        assert f"{backup}.json" not in said

    @pytest.mark.parametrize("words", ["", "prod", "{} local", "{} prod more", "{} prod --force", "prod {}"])
    def test_is_refused_for_words_that_it_does_not_know(self, steady: Site, words: str) -> None:
        (backup,) = backups(steady)
        assert "usage: ./restore-db.sh" in by_hand(
            steady, f"./restore-db.sh {words.format(f'backups/{backup}')}", check=10
        )

    @pytest.mark.parametrize(
        ("harm", "status", "said"),
        [
            ("head -c 300 $b >x && mv x $b", 43, "it is damaged"),
            ("gzip -dc $b | head -c 300 | gzip >x && mv x $b && rm $b.json", 43, "it has no end"),
            ("gzip -dc $b | gzip -9 >x && mv x $b", 43, "its sha256 isn't the one in its manifest"),
            (": >$b", 43, "is empty"),
            (
                "gzip -dc $b | sed '/dump complete/i SELECT no_such_function();' | gzip >x && mv x $b && rm $b.json",
                45,
                "doesn't restore",
            ),
        ],
    )
    def test_of_a_bad_file_touches_nothing(self, stocked: Site, harm: str, status: int, said: str) -> None:
        (backup,) = backups(stocked)
        before = whole(stocked)
        by_hand(stocked, f"b=backups/{backup}; {harm}")
        assert said in by_hand(stocked, f"./restore-db.sh backups/{backup} prod --yes", check=status)
        assert whole(stocked) == before
        assert leftovers(stocked) == []
        assert_nothing_is_locked(stocked)

    def test_keeps_the_safety_backups_behind_replaced_databases(self, site: Site) -> None:
        site = replace(site, env=site.env | {"FABRIC_DEPLOY_KEEP_BACKUPS": "1"})
        deployed(site)
        for _ in range(3):
            by_hand(site, "./restore-db.sh backups/pre_deploy_*.sql.gz prod --yes")
        assert len(backups(site, "pre_rollback")) == 3
        site.fab("forget", "--yes", check=0)
        by_hand(site, "./restore-db.sh backups/pre_deploy_*.sql.gz prod --yes")
        assert len(backups(site, "pre_rollback")) == 1


class TestWhatTheToolRefuses:
    def test_a_foreign_ledger(self, stocked: Site) -> None:
        stocked.psql("ALTER TABLE deploy.migrations RENAME COLUMN sha256 TO checksum")
        assert "isn't this tool's ledger" in by_hand(stocked, "./backup-db.sh prod", check=11)

    def test_a_database_that_is_fenced(self, stocked: Site) -> None:
        stocked.psql(f"ALTER DATABASE {stocked.database} WITH ALLOW_CONNECTIONS false", "postgres")
        said = by_hand(stocked, "./restore-db.sh backups/pre_deploy_*.sql.gz prod --yes", check=34)
        command = re.search(r"ALTER DATABASE .* true", said)
        assert command
        stocked.psql(command[0], "postgres")
        by_hand(stocked, "./backup-db.sh prod")

    def test_a_container_that_is_down(self, server: ServerUnderTest) -> None:
        with server.fresh(private=True) as site:
            deployed(site)
            site.stop()
            assert "docker start" in by_hand(site, "./backup-db.sh prod", check=52)

    def test_a_prepared_transaction(self, server: ServerUnderTest) -> None:
        with server.fresh(private=True, settings={"max_prepared_transactions": "5"}) as site:
            deployed(site)
            site.psql("BEGIN; INSERT INTO stock VALUES (200); PREPARE TRANSACTION 'open'")
            said = by_hand(site, "./restore-db.sh backups/pre_deploy_*.sql.gz prod --yes", check=46)
            assert "the prepared transaction open" in said
            by_hand(site, "./backup-db.sh prod")

    def test_a_role_that_may_not_create_databases(self, stocked: Site) -> None:
        role = f"plain_{stocked.database}"
        stocked.psql(f"CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON SCHEMA deploy TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA deploy TO {role}")  # fmt: skip
        stocked.fab("deploy", check=0, env={"FABRIC_DEPLOY_USER": role})
        said = by_hand(stocked, "./restore-db.sh backups/pre_deploy_*.sql.gz prod --yes", check=37)
        assert f'ALTER ROLE "{role}" CREATEDB' in said
        stocked.psql(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def test_a_full_disk(self, site: Site) -> None:
        site.small_disk(8)
        deployed(site)
        site.psql(
            "CREATE TABLE noise AS SELECT md5(i::text) || md5((i + 1)::text) AS m FROM generate_series(1, 200000) AS i"
        )
        kept = [path for path in site.remote_files() if path.startswith("backups/")]
        said = by_hand(site, "./backup-db.sh prod", check=44)
        assert re.search(r"MB are needed|disk is full", said)
        assert [path for path in site.remote_files() if path.startswith("backups/")] == kept

    def test_a_disk_that_fills_all_the_same(self, site: Site) -> None:
        site.small_disk(6)
        deployed(site)
        site.psql(
            "CREATE TABLE noise AS SELECT md5(i::text) || md5((i + 1)::text) AS m FROM generate_series(1, 60000) AS i"
        )
        by_hand(site, "head -c 3500000 /dev/urandom >filler")
        kept = [path for path in site.remote_files() if path.startswith("backups/")]
        said = by_hand(site, "./backup-db.sh prod", check=44)
        assert re.search(r"MB are needed|disk is full", said)
        assert [path for path in site.remote_files() if path.startswith("backups/")] == kept
        by_hand(site, "rm filler")
        by_hand(site, "./backup-db.sh prod")

    def test_a_library_that_was_edited(self, stocked: Site) -> None:
        by_hand(stocked, "echo 'rm -rf /' >>.deploy/lib/prod/sh/backup.sh")
        said = by_hand(stocked, "./backup-db.sh prod", check=54)
        assert "A deploy puts" in said
        assert not nightly(stocked)


class TestTwoAtOnce:
    def test_one_works_and_the_other_is_told_who(self, stocked: Site) -> None:
        with nobody_reads_the_stock(stocked):
            first = start_by_hand(stocked, "./backup-db.sh prod")
            wait_until(lambda: is_dumping(stocked))
            said = by_hand(stocked, "./backup-db.sh prod", check=53)
            assert re.search(
                r"another job is at work: backup by deployer from by hand on .* since .*, at: back up", said
            )
            refused = stocked.fab("deploy", "--always-backup", check=53)
            assert "backup by deployer from by hand on" in refused.stdout
        assert first.communicate()[0].count("verified") == 1
        assert first.returncode == 0
        assert len(nightly(stocked)) == 1

    def test_the_other_can_wait(self, stocked: Site) -> None:
        with nobody_reads_the_stock(stocked):
            deploy = stocked.spawn("deploy", "--always-backup")
            wait_until(lambda: is_dumping(stocked))
            waiting = start_by_hand(stocked, "./backup-db.sh prod --wait")
            time.sleep(2)
            assert waiting.poll() is None
        deploy.communicate()
        said = waiting.communicate()[0]
        assert "waiting up to 30 minutes for its end" in said
        assert waiting.returncode == 0
        assert manifest_of(stocked, nightly(stocked)[0])["migration"] == "001_stock.sql"

    def test_who_waits_in_vain_says_so(self, stocked: Site) -> None:
        by_hand(stocked, "sed -i s/wait_s=1800/wait_s=2/ backup-db.sh")
        with nobody_reads_the_stock(stocked):
            first = start_by_hand(stocked, "./backup-db.sh prod")
            wait_until(lambda: is_dumping(stocked))
            assert "another job is at work: backup by deployer" in by_hand(
                stocked, "./backup-db.sh prod --wait", check=53
            )
        first.communicate()


class TestWhatIsKilled:
    def test_the_script_leaves_its_job_to_finish(self, stocked: Site) -> None:
        """As with the tool: a lost connection changes nothing."""
        with nobody_reads_the_stock(stocked):
            script = start_by_hand(stocked, "./backup-db.sh prod")
            wait_until(lambda: is_dumping(stocked))
            for pid in _scripts_of(stocked):
                run(as_root("kill", "-9", str(pid)))
            script.kill()
            script.communicate()
            assert is_worked_on(stocked)
        wait_until_nobody_works(stocked)
        assert len(nightly(stocked)) == 1
        assert leftovers(stocked) == []

    def test_the_job_leaves_nothing_that_counts(self, stocked: Site) -> None:
        with nobody_reads_the_stock(stocked):
            script = start_by_hand(stocked, "./backup-db.sh prod")
            wait_until(lambda: is_dumping(stocked))
            (job,) = job_processes(stocked)
            run(as_root("kill", "-9", str(job)))
        said = script.communicate(timeout=60)[0]
        assert script.returncode == 55
        assert "the job was killed" in said
        assert not nightly(stocked)
        wait_until_nobody_works(stocked)
        by_hand(stocked, "./backup-db.sh prod")
        assert leftovers(stocked) == []

    @pytest.mark.parametrize("moment", ["dump", "question"])
    def test_ctrl_c_stops_the_job_at_a_safe_point(self, stocked: Site, moment: str) -> None:
        before = whole(stocked)
        (backup,) = backups(stocked)
        if moment == "dump":
            with nobody_reads_the_stock(stocked):
                script = start_by_hand(stocked, "exec ./backup-db.sh prod", terminal=True)
                wait_until(lambda: is_dumping(stocked))
                said = script.communicate("\x03")[0]
        else:
            script = start_by_hand(stocked, f"exec ./restore-db.sh backups/{backup} prod", terminal=True)
            wait_until(lambda: is_asking(stocked))
            said = script.communicate("\x03")[0]
        assert script.returncode == 57, said
        assert "stopping at a safe point" in said
        assert said.count("the job was stopped") == 1
        assert whole(stocked) == before
        assert leftovers(stocked) == []
        assert_nothing_is_locked(stocked)


def is_asking(site: Site) -> bool:
    return (
        run(as_root("sh", "-c", f"cat {shlex.quote(str(site.remote_dir))}/.deploy/step 2>/dev/null || true"))
        == b"ask\n"
    )


def _scripts_of(site: Site) -> list[int]:
    """Return the shells that run a script of ours by hand in this site."""
    listing = run(as_root("sh", "-c", 'for p in /proc/[0-9]*; do printf "%s %s %s\\n" "${p#/proc/}" "$(readlink "$p/cwd")" "$(tr "\\0" " " <"$p/cmdline")"; done'))  # fmt: skip
    lines = [(line + "  ").split(" ", 2) for line in listing.decode(errors="replace").splitlines()]
    return [int(pid) for pid, cwd, words in lines if cwd == str(site.remote_dir) and "backup-db.sh" in words]


class TestAnOddPlace:
    def test_is_quoted_everywhere(self, site: Site) -> None:
        odd = site.remote_dir / "it's 100% $(here) `now`"
        site.ssh(f"mkdir {shlex.quote(str(odd))}")
        site = replace(site, remote_dir=odd, env=site.env | {"FABRIC_DEPLOY_REMOTE_DIR": str(odd)})
        deployed(site)
        by_hand(site, "./backup-db.sh prod")
        site.psql("DELETE FROM stock")
        by_hand(site, "./restore-db.sh backups/backup_prod_latest.sql.gz prod", typed="yes\n")
        assert site.psql("SELECT count(*) FROM stock") == "100"

    def test_may_be_an_odd_database(self, site: Site) -> None:
        odd = f'{site.database} it\'s "100%"'
        site.psql('CREATE DATABASE "{}"'.format(odd.replace('"', '""')), "postgres")
        site = replace(site, database=odd, env=site.env | {"FABRIC_DEPLOY_DATABASE": odd})
        deployed(site)
        by_hand(site, "./backup-db.sh prod")
        site.psql("DELETE FROM stock", odd)
        by_hand(site, "./restore-db.sh backups/backup_prod_latest.sql.gz prod --yes")
        assert site.psql("SELECT count(*) FROM stock", odd) == "100"
        for name in site.psql(
            f"SELECT datname FROM pg_database WHERE starts_with(datname, '{site.database.split()[0]} ')", "postgres"
        ).splitlines():
            site.psql('DROP DATABASE "{}"'.format(name.replace('"', '""')), "postgres")

    def test_may_be_this_machine(self, site: Site) -> None:
        """A local deploy has scripts for the local environment."""
        here = site.project / "server"
        here.mkdir()
        site = replace(site, env=site.env | {"FABRIC_DEPLOY_REMOTE_DIR": str(here)})
        site.write_migration("001_stock.sql", STOCK)
        site.fab("deploy", check=0, remote=False)
        assert (
            "usage"
            in subprocess.run([here / "backup-db.sh", "prod"], capture_output=True, text=True, check=False).stderr
        )
        run([str(here / "backup-db.sh"), "local"])
        site.psql("DELETE FROM stock")
        run([str(here / "restore-db.sh"), "backups/backup_local_latest.sql.gz", "local", "--yes"])
        assert site.psql("SELECT count(*) FROM stock") == "100"


def test_two_environments_in_one_directory_leave_each_others_backups_alone(
    stocked: Site, server: ServerUnderTest
) -> None:
    """By the tool and by hand: what is pruned, what a kind means, and which settings a script takes."""
    with server.fresh(15) as other:
        shared = {"FABRIC_DEPLOY_REMOTE_DIR": str(stocked.remote_dir), "FABRIC_DEPLOY_KEEP_BACKUPS": "1"}
        staging = replace(other, remote_dir=stocked.remote_dir, env=other.env | shared)
        (staging.project / "fabric.yml").write_text("deploy: {environments: {staging: {hosts: [prod]}}}", "utf-8")
        (ours,) = backups(stocked, "pre_deploy")
        deployed(staging)
        (theirs,) = (name for name in backups(stocked, "pre_deploy") if name != ours)

        by_hand(stocked, "./backup-db.sh prod")
        assert "The environment here is prod or staging" in by_hand(stocked, "./backup-db.sh local", check=10)
        stocked.psql("DROP TABLE stock")
        back = json.loads(stocked.fab("rollback", "--backup=pre_deploy", "--yes", "--json", check=0).stdout)
        assert back["backup"] == ours
        kept = {ours, theirs, back["safety_backup"], *nightly(stocked)}

        staging.fab("backup", check=0)
        by_hand(stocked, "./backup-db.sh staging")
        by_hand(stocked, "./restore-db.sh backups/backup_staging_latest.sql.gz staging --yes")
        assert kept < finished(stocked)
        assert len([name for name in backups(stocked, "backup_staging") if "latest" not in name]) == 1

        warning = f"OF ANOTHER DATABASE: of {staging.database} of staging"
        assert warning in stocked.fab("rollback", f"--backup={theirs}", "--dry-run", check=0).stdout
        assert warning in by_hand(stocked, f"./restore-db.sh backups/{theirs} prod", check=None, typed="no\n")
        assert f"{staging.database} of staging" in stocked.fab("backups", check=0).stdout

    # as it would be after a move: the same names, another PostgreSQL
    by_hand(stocked, r"""sed -i 's/"system":"[0-9]*"/"system":"7"/' backups/*.json""")
    assert "of another server" in stocked.fab("rollback", "--backup=latest", "--yes", check=42).stdout
    stocked.fab("backup", check=0, env={"FABRIC_DEPLOY_KEEP_BACKUPS": "1"})
    assert kept < finished(stocked)
    assert "OF ANOTHER DATABASE" in stocked.fab("rollback", f"--backup={ours}", "--yes", check=0).stdout
