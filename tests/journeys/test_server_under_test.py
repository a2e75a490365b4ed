"""The journeys prove nothing unless the server that they run against is a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.server import CommandFailed, Proxy, ServerUnderTest, Site
from tests.server.machine import as_root, run

ECHO_FABFILE = """\
from fabric import Connection, task


@task
def whoami(c):
    c.run("id -un", in_stream=False)


@task
def sleep(c):
    c.run("echo started; sleep 60", in_stream=False)


@task
def fail(c):
    c.run("exit 7", in_stream=False)
"""


@pytest.fixture
def with_own_tasks(site: Site) -> Site:
    """A site whose project has three tasks of its own, so that no test here needs the tool."""
    (site.project / "fabfile.py").write_text(ECHO_FABFILE, encoding="utf-8")
    return site


class TestTheLogin:
    def test_is_a_user_without_power_who_may_use_docker(self, site: Site) -> None:
        assert site.ssh("id -un") == b"deployer\n"
        assert site.ssh("id -u") != b"0\n"
        assert site.ssh(f"docker inspect -f '{{{{.State.Status}}}}' {site.container}") == b"running\n"

    def test_may_write_its_folder_and_nothing_beside_it(self, site: Site) -> None:
        site.ssh(f"mkdir {site.remote_dir}/backups && echo x >{site.remote_dir}/backups/one")
        site.write_remote("deeper/two", b"\x00two")
        assert site.remote_files() == ["backups/one", "deeper/two"]
        assert site.read_remote("deeper/two") == b"\x00two"
        with pytest.raises(CommandFailed, match="ermission denied"):
            site.ssh("touch /etc/not-mine")

    def test_offers_no_sftp(self, site: Site) -> None:
        """The tool promises to need a shell alone."""
        argv = ["sftp", "-b", "/dev/null", "-F", str(site.ssh_config), site.host]
        assert subprocess.run(argv, capture_output=True, check=False).returncode != 0


class TestTheDatabase:
    @pytest.mark.parametrize("version", [15, 17])
    def test_is_of_the_version_that_was_asked_for(self, server: ServerUnderTest, version: int) -> None:
        with server.fresh(version) as site:
            assert site.psql("SHOW server_version_num").startswith(str(version))
            assert site.psql("SELECT current_user, current_database()") == f"backtester|{site.database}"
            assert f"(PostgreSQL) {version}." in site.ssh(f"docker exec {site.container} pg_dump --version").decode()

    def test_answers_the_command_of_the_guide(self, site: Site) -> None:
        """Input by a pipe, as root, without a password."""
        command = f"docker exec -i {site.container} psql -U backtester -d {site.database}"
        assert b"42" in site.ssh(command, stdin=b"SELECT 6 * 7;")

    def test_is_each_tests_own(self, site: Site, server: ServerUnderTest) -> None:
        site.psql("CREATE TABLE mine ()")
        with server.fresh() as other:
            assert other.container == site.container
            assert b"mine" in site.dump()
            assert b"mine" not in other.dump()

    def test_gives_equal_dumps_of_equal_databases(self, site: Site) -> None:
        site.psql("CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE SCHEMA deploy CREATE TABLE ledger ()")
        assert site.dump() == site.dump()
        assert b"restrict" not in site.dump()
        assert b"ledger" in site.dump()
        assert b"ledger" not in site.dump(without_ledger=True)

    def test_tells_why_a_statement_failed(self, site: Site) -> None:
        with pytest.raises(CommandFailed, match='relation "nowhere" does not exist'):
            site.psql("SELECT * FROM nowhere")


class TestAPrivateContainer:
    def test_can_be_paused_killed_stopped_and_started(self, server: ServerUnderTest) -> None:
        with server.fresh(private=True, settings={"max_connections": "7"}) as site:
            assert site.psql("SHOW max_connections") == "7"
            site.psql("CREATE TABLE kept ()")
            site.pause()
            assert site.ssh(f"docker inspect -f '{{{{.State.Paused}}}}' {site.container}") == b"true\n"
            site.unpause()
            site.kill()
            with pytest.raises(CommandFailed, match="not running"):
                site.psql("SELECT 1")
            site.start()
            site.stop()
            site.start()
            assert b"kept" in site.dump()

    def test_is_the_only_one_that_can(self, site: Site) -> None:
        with pytest.raises(ValueError, match="share this container"):
            site.stop()


class TestTheProject:
    def test_runs_the_real_fab_on_the_server(self, with_own_tasks: Site) -> None:
        assert with_own_tasks.fab("whoami", check=0).stdout == "deployer\n"

    def test_shows_both_streams_of_a_run_that_ended_otherwise_than_expected(self, with_own_tasks: Site) -> None:
        assert with_own_tasks.fab("fail").returncode == 7
        with pytest.raises(CommandFailed, match=r"exited with 7, not 0\n--- stdout"):
            with_own_tasks.fab("fail", check=0)

    def test_keeps_the_files_of_a_migration_as_they_are(self, site: Site) -> None:
        assert site.write_migration("001_a.sql", "SELECT 1;\r\n").read_bytes() == b"SELECT 1;\r\n"

    def test_knows_nothing_of_whoever_runs_the_tests(self, with_own_tasks: Site) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FABRIC_RUN_HIDE", "both")
            assert with_own_tasks.fab("whoami", check=0).stdout == "deployer\n"

    def test_lets_the_client_be_killed(self, with_own_tasks: Site) -> None:
        client = with_own_tasks.spawn("sleep")
        assert client.stdout is not None
        assert client.stdout.readline() == "started\n"
        client.kill()
        assert client.wait(timeout=10) == -9

    def test_kills_the_client_that_a_test_leaves_behind(self, with_own_tasks: Site) -> None:
        client = with_own_tasks.spawn("sleep")
        with_own_tasks.close()
        assert client.returncode == -9


class TestASmallDisk:
    def test_fills_up_and_goes_away(self, server: ServerUnderTest) -> None:
        with server.fresh() as site:
            site.small_disk(2)
            site.ssh(f"head -c 1M /dev/zero >{site.remote_dir}/half")
            with pytest.raises(CommandFailed, match="No space left on device"):
                site.ssh(f"head -c 3M /dev/zero >{site.remote_dir}/too-much")
        assert not os.path.ismount(site.remote_dir)


class TestTheProxy:
    def test_counts_what_goes_through(self, site: Site, proxy: Proxy) -> None:
        near = site.through(proxy)
        near.ssh("cat >/dev/null", stdin=b"x" * 1_000_000)
        assert 1_000_000 < proxy.traffic.sent < 1_200_000
        assert 1_000 < proxy.traffic.received < 100_000
        assert proxy.traffic.turns > 10
        assert proxy.traffic.connections == 1

    def test_delays_each_direction(self, site: Site, server: ServerUnderTest) -> None:
        with server.proxy(delay_s=0.05) as slow:
            started = time.monotonic()
            site.through(slow).ssh("true")
            took_s = time.monotonic() - started
        # OpenSSH waits for some eight round trips of 0.1 s until a command has run.
        assert 0.4 < took_s < 4

    def test_does_not_slow_down_what_streams(self, site: Site, server: ServerUnderTest) -> None:
        """A long way is not a narrow one."""
        with server.proxy(delay_s=0.05) as slow:
            started = time.monotonic()
            site.through(slow).ssh("cat >/dev/null", stdin=b"x" * 8_000_000)
            assert time.monotonic() - started < 5

    def test_cuts_and_refuses_until_it_is_healed(self, with_own_tasks: Site, proxy: Proxy) -> None:
        near = with_own_tasks.through(proxy)
        client = near.spawn("sleep")
        assert client.stdout is not None
        assert client.stdout.readline() == "started\n"
        proxy.cut()
        assert client.wait(timeout=10) != 0
        with pytest.raises(CommandFailed, match="Connection refused"):
            near.ssh("true")
        proxy.heal()
        near.ssh("true")

    @pytest.mark.parametrize("trouble", [Proxy.blackhole, Proxy.vanish], ids=["stalled", "vanished"])
    def test_holds_a_connection_up_and_lets_it_go_on(self, site: Site, proxy: Proxy, trouble: object) -> None:
        assert callable(trouble)
        near = site.through(proxy)
        near.ssh("true")
        trouble(proxy)
        with pytest.raises(subprocess.TimeoutExpired):
            near.ssh("true", timeout=2)
        proxy.heal()
        near.ssh("true", timeout=20)


class TestTheEnd:
    @pytest.mark.parametrize("way", ["returns", "interrupted"])
    def test_leaves_nothing_behind(self, way: str) -> None:
        """Not even a job that has detached itself from its connection."""
        assert left_by(a_session_that(way)) == set()

    def test_of_a_killed_session_is_made_up_for_by_the_next(self) -> None:
        killed = a_session_that("killed")
        assert left_by(killed) == {"container", "disk", "process", "folder"}
        a_session_that("returns")
        assert left_by(killed) == set()


SESSION = """
import os, signal, sys
from tests.server import ServerUnderTest

with ServerUnderTest.running() as server:
    site = server.fresh()
    site.small_disk(1)
    site.ssh("setsid sleep 1000 >/dev/null 2>&1 </dev/null &")
    print(server.session, flush=True)
    match sys.argv[1]:
        case "interrupted": os.kill(os.getpid(), signal.SIGINT)
        case "killed": os.kill(os.getpid(), signal.SIGKILL)
"""


def a_session_that(end: str) -> str:
    """Run a session of its own, which is not this one, to its end, and return its name."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SESSION, end], cwd=root, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode().strip()


def left_by(session: str) -> set[str]:
    label = f"label=deploy-test-session={session}"
    mark = f"DEPLOY_TEST_SESSION={session}"
    found = {
        "container": run(["docker", "ps", "--all", "--quiet", "--filter", label]),
        "disk": b"".join(line for line in Path("/proc/mounts").read_bytes().splitlines() if session.encode() in line),
        "process": run(as_root("sh", "-c", 'grep -slzxF "$0" /proc/[0-9]*/environ || true', mark)),
        "folder": run(["sh", "-c", 'ls -d "$0" 2>/dev/null || true', f"{tempfile.gettempdir()}/{session}"]),
    }
    return {what for what, words in found.items() if words}
