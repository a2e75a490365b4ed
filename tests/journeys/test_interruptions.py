"""Killed, cut off, unplugged, out of power or out of disk: the database is before or after a whole file, and the rest follows.

Each of these at a moment of its own, as a story; at any moment, in any command, and with many more troubles: tests/faults.
"""

from __future__ import annotations

import random
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import (
    assert_nothing_is_locked,
    assert_sound,
    assert_the_next_deploy_finishes,
    backups,
    done_in_the_database,
    is_partial,
    job_processes,
    leftovers,
    replaced_databases,
    say,
    sessions,
    short_waits,
    wait_until,
    wait_until_nobody_works,
    whole,
    write_work,
)
from tests.server.machine import as_root, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.server import Proxy, ServerUnderTest, Site

BEGINNING = "▶ job "
BACKING_UP = "🔒 Creating"
SECOND_FILE = "📄 Applying migration: 002_work.sql"
SWAPPING = "🔁 Swapping"


@pytest.fixture
def at_work(site: Site) -> Site:
    """A site with data, one applied migration, and three pending ones that take their time."""
    site.psql("CREATE TABLE clients AS SELECT i AS id, md5(i::text) AS name FROM generate_series(1, 5000) AS i")
    write_work(site, 1)
    site.fab("deploy", check=0)
    write_work(site, 2, 3, 4, pause_s=0.25)
    return site


def wait_for_line(client: subprocess.Popen[str], start: str) -> list[str]:
    """Read the client's lines until one begins so."""
    assert client.stdout is not None
    lines = []
    for line in client.stdout:
        lines.append(line)
        if line.startswith(start):
            return lines
    raise AssertionError(f"it ended without {start!r}:\n{''.join(lines)}")


def end_of(client: subprocess.Popen[str], *, timeout: float = 60) -> tuple[int, str]:
    """Return exit status and what was still said."""
    said, _ = client.communicate(timeout=timeout)
    return client.returncode, said


class TestAClientThatIsKilled:
    @pytest.mark.parametrize("line", [BEGINNING, BACKING_UP, SECOND_FILE], ids=["begun", "backing up", "applying"])
    def test_doesnt_end_its_job(self, at_work: Site, line: str) -> None:
        """The job goes on to its end, and `follow` tells the whole story to somebody else."""
        client = at_work.spawn("deploy")
        wait_for_line(client, line)
        client.kill()
        client.wait()
        followed = at_work.fab("follow", check=0).stdout
        assert "004_work.sql applied successfully" in followed
        assert len(done_in_the_database(at_work)) == 4
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
    def test_politely_says_what_goes_on(self, at_work: Site, number: signal.Signals, status: int) -> None:
        client = at_work.spawn("deploy")
        wait_for_line(client, SECOND_FILE)
        client.send_signal(number)
        found, said = end_of(client, timeout=30)
        assert found == status
        if number == signal.SIGINT:
            assert "fab -H prod follow" in said
            assert "fab -H prod cancel" in said
        wait_until_nobody_works(at_work)
        assert len(done_in_the_database(at_work)) == 4
        assert_sound(at_work)

    def test_during_a_rollback_doesnt_stop_it(self, at_work: Site) -> None:
        at_work.fab("deploy", check=0)
        client = at_work.spawn("rollback", "--backup=latest", "--yes")
        wait_for_line(client, BACKING_UP)
        client.kill()
        client.wait()
        at_work.fab("follow", check=0)
        assert done_in_the_database(at_work) == {"001_work.sql"}
        assert len(replaced_databases(at_work)) == 1
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)


class TestAConnection:
    def test_that_is_cut_is_made_again_and_followed_on(self, at_work: Site, proxy: Proxy) -> None:
        client = at_work.through(proxy).spawn("deploy")
        wait_for_line(client, SECOND_FILE)
        proxy.cut()
        time.sleep(0.3)
        proxy.heal()
        status, said = end_of(client)
        assert status == 0, said
        assert "connected again" in said
        assert said.count("004_work.sql applied successfully") == 1
        assert "003_work.sql applied successfully" in said
        assert_sound(at_work)

    def test_that_stays_away_leaves_the_outcome_unknown(self, at_work: Site, proxy: Proxy) -> None:
        """Never called failed, and the command that tells is named; it then tells."""
        with short_waits(at_work, runner__COME_BACK_FOR_S=2):
            client = at_work.through(proxy).spawn("deploy", "--json")
            wait_for_line(client, SECOND_FILE)
            proxy.cut()
            status, said = end_of(client)
        assert status == 59, said
        assert '"outcome": "unknown"' in said
        assert "fab -H prod follow" in said
        assert "004_work.sql applied successfully" in at_work.fab("follow", check=0).stdout
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)

    def test_that_falls_silent_is_noticed_within_30_seconds(self, at_work: Site, proxy: Proxy) -> None:
        client = at_work.through(proxy).spawn("deploy")
        wait_for_line(client, SECOND_FILE)
        proxy.vanish()
        began = time.monotonic()
        wait_for_line(client, "🔌 the connection is lost")
        noticed_s = time.monotonic() - began
        say(f"noticed after {noticed_s:.1f} s")
        proxy.heal()
        status, said = end_of(client, timeout=90)
        assert noticed_s < 30
        assert status == 0, said
        assert "004_work.sql applied successfully" in said
        assert_sound(at_work)

    def test_that_is_cut_during_the_upload_starts_nothing(self, at_work: Site, proxy: Proxy) -> None:
        """Half of a job that arrived is none."""
        at_work.write_migration("005_big.sql", "-- " + random.Random(1).randbytes(3_000_000).hex() + "\n")  # noqa: S311
        with short_waits(at_work, runner__COME_BACK_FOR_S=5):
            client = at_work.through(proxy).spawn("deploy")
            wait_until(lambda: proxy.traffic.sent > 500_000)
            proxy.cut()
            proxy.heal()
            status, said = end_of(client)
        assert status == 64, said
        assert "nothing was changed" in said
        assert done_in_the_database(at_work) == {"001_work.sql"}
        assert not job_processes(at_work)
        (at_work.project / "migrations" / "005_big.sql").unlink()
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)


# the server


@contextmanager
def sabotage(site: Site, word: str) -> Iterator[None]:
    """Put a docker on the server that is killed in the middle of the call that has this word among its arguments."""
    script = Path(__file__).with_name("sabotage.sh").read_bytes()
    site.write_remote("sabotage/docker.sh", script)
    site.write_remote("sabotage/plan", f"{word}\n".encode())
    site.env["FABRIC_DEPLOY_DOCKER"] = f"sh {site.remote_dir}/sabotage/docker.sh"
    yield
    del site.env["FABRIC_DEPLOY_DOCKER"]
    site.ssh(f"rm -r {site.remote_dir}/sabotage")


def was_hurt(site: Site) -> bool:
    return "sabotage/hurt" in site.remote_files()


class TestAJobThatIsKilled:
    @pytest.mark.parametrize("word", ["deploy.mark", "pg_dump"], ids=["applying", "dumping"])
    def test_of_the_docker_client_alone_is_noticed(self, at_work: Site, word: str) -> None:
        """What it ran in the container goes on for a while; nobody believes it to have ended well."""
        write_work(at_work, 2, 3, 4, pause_s=0.6)
        at_work.psql("CREATE TABLE bulk AS SELECT i, md5(random()::text) FROM generate_series(1, 300000) AS i")
        at = "run" if word != "pg_dump" else "pg_dump"
        with sabotage(at_work, at):
            done = at_work.fab("deploy")
            assert was_hurt(at_work), done.stdout
        assert done.returncode == (40 if at == "pg_dump" else 36), done.stdout
        if at == "pg_dump":
            assert done_in_the_database(at_work) == {"001_work.sql"}
            assert len(backups(at_work)) == 1
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)

    def test_tells_who_looks_that_it_was(self, at_work: Site) -> None:
        client = at_work.spawn("deploy")
        wait_for_line(client, SECOND_FILE)
        (job,) = job_processes(at_work)
        run(as_root("kill", "-9", str(job)))
        status, said = end_of(client)
        assert status == 55
        assert "the job was killed at: apply" in said
        assert "applied: 002_work.sql, 003_work.sql, 004_work.sql" in said, "its psql went on to the end"
        assert at_work.fab("follow").returncode == 55
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)


class TestADatabaseThatGoesAway:
    def test_in_the_middle_of_a_file_comes_back_with_whole_files(self, server: ServerUnderTest) -> None:
        """The power goes, an admin stops it, its container is restarted: each while a migration runs."""
        with server.fresh(private=True) as site:
            site.write_migration("001_first.sql", "CREATE TABLE IF NOT EXISTS first (id int);\n")
            (site.project / "migrations" / "001_first.sql").unlink()
            ways: list[Callable[[], None]] = [site.kill, site.stop, lambda: restart(site)]
            for turn, go_away in enumerate(ways):
                write_work(site, 3 * turn + 1, 3 * turn + 2, 3 * turn + 3, pause_s=0.7)
                client = site.spawn("deploy")
                wait_for_line(client, f"📄 Applying migration: {3 * turn + 2:03}")
                time.sleep(0.2)
                go_away()
                if go_away in (site.kill, site.stop):
                    time.sleep(1)
                    site.start()
                status, said = end_of(client)
                assert status == 36, said
                assert f"{3 * turn + 2:03}_work.sql" in said
                assert f"{3 * turn + 1:03}_work.sql" in done_in_the_database(site)
                assert f"{3 * turn + 2:03}_work.sql" not in done_in_the_database(site)
                assert_sound(site)
                assert_the_next_deploy_finishes(site)

    def test_in_the_middle_of_the_backup_applies_nothing(self, at_work: Site) -> None:
        """Somebody ends pg_dump's session, and pg_dump's own exit status says so."""
        with slow_dump(at_work) as client:
            wait_until(lambda: dumping(at_work))
            at_work.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'COPY%clients%'"
            )
            status, said = end_of(client)
        assert status == 40, said
        assert "nothing was applied" in said
        assert done_in_the_database(at_work) == {"001_work.sql"}
        assert len(backups(at_work)) == 1
        assert not [path for path in at_work.remote_files() if path.startswith("backups/") and is_partial(path)]
        assert_sound(at_work)
        assert_the_next_deploy_finishes(at_work)


def restart(site: Site) -> None:
    run(["docker", "restart", "--time", "5", site.container])
    site.postgres.wait_until_ready()


@contextmanager
def slow_dump(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Start a deploy whose pg_dump takes long: a table of some size, with a policy that sleeps for each of some rows."""
    site.psql(
        "ALTER TABLE clients ADD COLUMN IF NOT EXISTS slow text;"
        "INSERT INTO clients (id, name) SELECT i, repeat(md5(i::text), 40) FROM generate_series(1, 400000) AS i"
    )
    client = site.spawn("deploy")
    wait_for_line(client, BACKING_UP)
    yield client
    site.psql("DELETE FROM clients WHERE id > 5000")


def dumping(site: Site) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%clients%'"
    return site.psql(query) != "0"


class TestADisk:
    def test_that_fills_up_in_the_backup_stops_the_deploy(self, server: ServerUnderTest) -> None:
        """Half a dump is never counted, and goes; with room again the deploy goes through."""
        with server.fresh() as site:
            site.small_disk(12)
            site.psql(
                "CREATE TABLE noise AS SELECT n, (SELECT string_agg(decode(md5(n::text || m), 'hex'), '')"
                " FROM generate_series(1, 120) AS m) FROM generate_series(1, 7500) AS n"
            )
            write_work(site, 1, 2)
            done = site.fab("deploy", check=44)
            assert "nothing was changed" in done.stdout
            assert "disk is full" in done.stdout, "it was not the plan that saw it, but pg_dump that ran into it"
            assert done_in_the_database(site) == set()
            assert not [path for path in site.remote_files() if path.startswith("backups/")]
            assert_sound(site)
            site.psql("TRUNCATE noise")
            assert_the_next_deploy_finishes(site)


class TestCancel:
    def test_stops_a_migration_and_rolls_it_back(self, at_work: Site) -> None:
        """Also one that would have run for an hour."""
        write_work(at_work, 3, pause_s=3600)
        client = at_work.spawn("deploy")
        wait_for_line(client, "📄 Applying migration: 003_work.sql")
        time.sleep(0.3)
        began = time.monotonic()
        at_work.fab("cancel", check=0)
        assert time.monotonic() - began < 10
        status, said = end_of(client)
        assert status == 57, said
        assert "003_work.sql was rolled back" in said
        assert done_in_the_database(at_work) == {"001_work.sql", "002_work.sql"}
        assert_sound(at_work)
        write_work(at_work, 3)
        assert_the_next_deploy_finishes(at_work)

    def test_stops_a_rehearsal_and_keeps_the_lock_until_then(self, at_work: Site) -> None:
        write_work(at_work, 3, pause_s=3600)
        client = at_work.spawn("deploy", "--rehearse=always")
        wait_for_line(client, "🧪 Rehearsing")
        rehearsing = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name LIKE 'deploy:%'"
        )
        wait_until(lambda: at_work.psql(rehearsing, "postgres") == "1")
        at_work.fab("cancel", check=0)
        status, said = end_of(client)
        assert status == 57, said
        assert done_in_the_database(at_work) == {"001_work.sql"}
        assert_sound(at_work)
        assert not leftovers(at_work)

    def test_stops_a_backup_and_removes_its_half(self, at_work: Site) -> None:
        with slow_dump(at_work) as client:
            wait_until(lambda: dumping(at_work))
            at_work.fab("cancel", check=0)
            status, said = end_of(client)
        assert status == 57, said
        assert done_in_the_database(at_work) == {"001_work.sql"}
        assert len(backups(at_work)) == 1
        assert_sound(at_work)
        assert not leftovers(at_work)
        assert_the_next_deploy_finishes(at_work)

    def test_stops_a_restore_and_removes_the_side_database(self, at_work: Site) -> None:
        at_work.psql(
            "CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.2); RETURN $1; END';"
            "CREATE TABLE slow (id int CHECK (public.slowly(id) = id)); INSERT INTO slow SELECT generate_series(1, 5);"
        )
        at_work.fab("deploy", check=0)
        at_work.psql("TRUNCATE slow")
        before = whole(at_work)
        at_work.psql("INSERT INTO slow VALUES (1)")
        at_work.psql("TRUNCATE slow")
        client = at_work.spawn("rollback", "--backup=latest", "--yes")
        wait_for_line(client, "📦 Restoring")
        wait_until(lambda: any("_side_" in each for each in sessions(at_work)))
        at_work.fab("cancel", check=0)
        status, said = end_of(client)
        assert status == 57, said
        assert whole(at_work) == before
        wait_until_nobody_works(at_work)
        assert not leftovers(at_work), "also the side database is gone, though cancel ends the job's sessions"
        assert_nothing_is_locked(at_work)

    def test_has_nothing_to_stop_where_nobody_works(self, site: Site) -> None:
        assert "none is running" in site.fab("cancel", check=56).stdout


class TestFollow:
    def test_shows_a_running_job_to_somebody_else(self, at_work: Site) -> None:
        """From its beginning, and to the same end, with the same words."""
        client = at_work.spawn("deploy")
        wait_for_line(client, SECOND_FILE)
        follower = at_work.spawn("follow")
        status, said = end_of(client)
        follower_status, followed = end_of(follower)
        assert (status, follower_status) == (0, 0)
        assert "🔒 Creating pre-deployment backup..." in followed
        assert [line for line in followed.splitlines() if "applied successfully" in line] == [
            f"  ✅ 00{n}_work.sql applied successfully" for n in (2, 3, 4)
        ]
        assert "004_work.sql applied successfully" in said

    def test_needs_a_job(self, site: Site) -> None:
        assert "none was ever started" in site.fab("follow", check=56).stdout
