"""Two people, one server: exactly one works, and the other is told who does."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import (
    assert_sound,
    assert_the_next_deploy_finishes,
    done_in_the_database,
    done_in_the_ledger,
    job_processes,
    leftovers,
    say,
    wait_until,
    wait_until_nobody_works,
    whole,
    write_work,
)
from tests.journeys.test_rollback import QUESTION
from tests.server.machine import as_root, run
from tests.server.terminal import a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.server import ServerUnderTest, Site

LOCK_KEY = int.from_bytes(b"deploy", "big")
WHO_AND_SINCE = re.compile(
    r"another job is at work: deploy by \S+ from \S+ since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, at: "
)
"""Who, from where, since when, and at which step."""


def deploys_at_once(site: Site, count: int) -> list[tuple[int, str]]:
    """Start deploys together and return how each ended, those that worked first."""
    clients = [site.spawn("deploy") for _ in range(count)]
    return sorted((said, client.wait(timeout=60))[::-1] for client in clients for said, _ in [client.communicate()])


def audit(site: Site) -> list[dict[str, object]]:
    return [json.loads(line) for line in site.read_remote("deploys.jsonl").splitlines()]


class TestDeploysAtOnce:
    @pytest.mark.parametrize("count", [2, 5])
    def test_are_one_that_works_and_others_that_are_told(self, site: Site, count: int) -> None:
        """The others learn it from the lock (53), or find that the ledger isn't what they planned for (33)."""
        write_work(site, 1, 2, pause_s=1)
        ended = deploys_at_once(site, count)
        assert [status for status, _ in ended if status == 0] == [0], ended
        for status, said in ended[1:]:
            assert status in (53, 33), said
            if status == 53:
                assert WHO_AND_SINCE.search(said), said
                assert "fab -H prod follow" in said
            assert "applied successfully" not in said
        assert any(status == 53 for status, _ in ended[1:])
        applied = [line for _, said in ended for line in said.splitlines() if "applied successfully" in line]
        assert len(applied) == 2
        assert len([line for line in audit(site) if line["event"] == "started"]) == 1
        assert_sound(site)
        assert_the_next_deploy_finishes(site)

    def test_one_after_the_other_find_that_all_is_done(self, site: Site) -> None:
        """Planned at the same time, run one after the other: the second sees that the ledger isn't what it was."""
        write_work(site, 1)
        with pausing_between_plan_and_job(site):
            late = site.spawn("deploy")
            wait_until((site.project / "planned").exists)
            site.fab("deploy", check=0, env={"GOES_FIRST": "yes"})
            (site.project / "go").write_text("")
            said, _ = late.communicate(timeout=60)
        assert late.returncode == 33, said
        assert "somebody else deployed" in said
        assert done_in_the_database(site) == {"001_work.sql"}
        assert_sound(site)

    def test_after_a_killed_one_wait_for_its_session_and_are_not_told_of_the_dead(self, site: Site) -> None:
        """All that ran on the server is gone, and psql in the container goes on: who deploys now is told of that session."""
        write_work(site, 1, pause_s=10)
        client = site.spawn("deploy")
        wait_until(lambda: working(site))
        for job in job_processes(site):
            run(as_root("pkill", "-9", "-s", str(job)))
        said, _ = client.communicate(timeout=30)
        assert client.returncode == 59, said
        assert "is still applying" in said
        refused = site.fab("deploy", check=53)
        assert "a session holds the deploy lock" in refused.stdout
        wait_until_nobody_works(site)
        assert done_in_the_database(site) == {"001_work.sql"}
        assert_sound(site)


def working(site: Site) -> bool:
    return site.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'deploy:%:apply' AND query LIKE '%pg_sleep%' AND datname = current_database()") != "0"  # fmt: skip


@contextmanager
def pausing_between_plan_and_job(site: Site) -> Iterator[None]:
    """Give the project a fabfile that waits, once it has its plan, until it is told to go on."""
    fabfile = site.project / "fabfile.py"
    as_it_is = fabfile.read_text("utf-8")
    fabfile.write_text(PAUSING + as_it_is, "utf-8")
    yield
    fabfile.write_text(as_it_is, "utf-8")


PAUSING = """\
import os
import pathlib
import time

import deploy.commands.running

as_it_is = deploy.commands.running.start


def start(*args):
    if "GOES_FIRST" not in os.environ:
        pathlib.Path("planned").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
    return as_it_is(*args)


deploy.commands.running.start = start
"""


class TestADeployWhileARollbackAsks:
    def test_is_refused_with_who_and_at_which_step(self, site: Site) -> None:
        write_work(site, 1)
        site.fab("deploy", check=0)
        write_work(site, 2)
        with a_terminal(site, "rollback", "--backup=latest") as terminal:
            terminal.wait_for(QUESTION)
            refused = site.fab("deploy", check=53)
            assert re.search(r"rollback by \S+ from \S+ since \S+, at: ask", refused.stdout)
            lock = json.loads(site.fab("status", "--json", check=0).stdout)["lock"]
            assert lock["command"] == "rollback"
            assert lock["step"] == "ask"
            terminal.type("no\n").ends_with(12)
        assert_sound(site)
        assert_the_next_deploy_finishes(site)


class TestALockThatSomebodyElseHolds:
    def test_in_the_database_is_respected_and_named(self, site: Site) -> None:
        """Another folder on another server deploys to the same database: only the database knows."""
        write_work(site, 1)
        with a_foreign_session(site, f"SELECT pg_advisory_lock({LOCK_KEY})") as pid:
            refused = site.fab("deploy", check=53)
            assert f"pid {pid}" in refused.stdout
            assert "since" in refused.stdout
            assert done_in_the_ledger(site) == {}
            assert not [path for path in site.remote_files() if path.startswith("backups/")]
        assert_the_next_deploy_finishes(site)

    def test_by_whom_a_rollback_asks_too(self, site: Site) -> None:
        write_work(site, 1)
        site.fab("deploy", check=0)
        before = whole(site)
        with a_foreign_session(site, f"SELECT pg_advisory_lock({LOCK_KEY})"):
            site.fab("rollback", "--backup=latest", "--yes", check=53)
        assert whole(site) == before
        assert not leftovers(site)

    def test_with_another_key_is_none_of_ours(self, site: Site) -> None:
        write_work(site, 1)
        with a_foreign_session(site, "SELECT pg_advisory_lock(1), pg_advisory_lock(100, 111), pg_advisory_lock(2, 3)"):
            site.fab("deploy", check=0)
        assert done_in_the_database(site) == {"001_work.sql"}

    def test_from_two_folders_works_once(self, site: Site, server: ServerUnderTest) -> None:
        """Two settings of remote_dir, one database: flock can't tell, the advisory lock can."""
        write_work(site, 1, pause_s=1)
        with server.fresh() as other:
            env = {"FABRIC_DEPLOY_REMOTE_DIR": str(other.remote_dir)}
            one, two = site.spawn("deploy"), site.spawn("deploy", env=env)
            said = [client.communicate(timeout=60)[0] for client in (one, two)]
            statuses = sorted([one.returncode, two.returncode])
        assert statuses[0] == 0, said
        assert statuses[1] in (53, 33), said
        wait_until_nobody_works(site)
        assert_sound(site)


@contextmanager
def a_foreign_session(site: Site, sql: str) -> Iterator[int]:
    """Keep a session open that has run this, and give its pid."""
    argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", site.user, "-d", site.database]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as psql:
        assert psql.stdin
        assert psql.stdout
        psql.stdin.write(f"{sql} \\g /dev/null\nSELECT pg_backend_pid();\n")
        psql.stdin.flush()
        pid = int(psql.stdout.readline())
        try:
            yield pid
        finally:
            psql.stdin.close()
            psql.wait(timeout=10)


# round trips

MOST = 15
"""Round trips of a whole deploy, connection and login included."""


class TestRoundTrips:
    def test_of_one_new_file_dont_grow_with_the_applied_ones(self, server: ServerUnderTest) -> None:
        few, many = (round_trips(server, applied=count, pending=1) for count in (10, 500))
        say(f"round trips of one new file: {few} beside 10 applied ones, {many} beside 500")
        assert many <= MOST
        assert abs(many - few) <= 1, "what streams may turn once more or less"

    def test_of_many_new_files_are_hardly_more(self, server: ServerUnderTest) -> None:
        one, many = (round_trips(server, applied=0, pending=count) for count in (1, 500))
        say(f"round trips of a first deploy: {one} with one file, {many} with 500")
        assert many <= one + 5


def round_trips(server: ServerUnderTest, *, applied: int, pending: int) -> float:
    """Deploy over a slow line and count how often it had to wait for it."""
    with server.fresh() as site, server.proxy(delay_s=0.1) as network:
        write_small(site, range(1, applied + 1))
        if applied:
            site.fab("deploy", check=0)
        write_small(site, range(applied + 1, applied + pending + 1))
        site.through(network).fab("deploy", check=0)
        assert len(done_in_the_ledger(site)) == applied + pending
        assert network.traffic.connections == 1
        return network.traffic.turns / 2


def write_small(site: Site, numbers: Sequence[int]) -> None:
    for number in numbers:
        site.write_migration(f"{number:03}_small.sql", f"CREATE TABLE IF NOT EXISTS small_{number} (id int);\n")


def databases(site: Site) -> set[str]:
    return set(site.psql("SELECT datname FROM pg_database", "postgres").splitlines())


class TestARepair:
    def test_leaves_alone_what_is_of_others(self, site: Site) -> None:
        """Of a deploy from another directory, and of a database whose name only begins like ours."""
        ours, neighbours = (f"{site.database}_{kind}_20261122_000000" for kind in ("side", "side_side"))
        for name in (ours, neighbours):
            site.psql(f"CREATE DATABASE {name}", "postgres")
        hold = f"SET application_name = 'deploy:another'; SELECT pg_advisory_lock({LOCK_KEY}); SELECT pg_sleep(60)"
        run(["docker", "exec", "-d", site.container, "psql", "-XqU", site.user, "-d", site.database, "-c", hold])
        held = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deploy:another' AND wait_event = 'PgSleep'"
        )
        wait_until(lambda: site.psql(held) == "1")

        site.fab("repair", check=53)

        assert site.psql(held) == "1"
        assert {ours, neighbours} <= databases(site)
        site.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy:another'")
        assert f"removed the side database {ours}" in site.fab("repair", check=0).stdout
        assert databases(site) & {ours, neighbours} == {neighbours}
        site.psql(f"DROP DATABASE {neighbours}", "postgres")
