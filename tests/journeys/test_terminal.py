"""Somebody sits at a terminal: what stands on the screen while a job runs, and after it; and what Ctrl-C does."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.journeys.invariants import assert_nothing_is_locked, wait_until, wait_until_nobody_works, write_work
from tests.server.terminal import CTRL_C, a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server import Site

POOR = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}


@pytest.fixture
def held(site: Site) -> Iterator[Site]:
    """A site with two migrations, whose dump waits until somebody lets go of a table."""
    site.psql("CREATE TABLE held (id int)")
    write_work(site, 1, 2)
    yield site
    wait_until_nobody_works(site)


class Hold:
    """A session that keeps pg_dump waiting."""

    def __init__(self, site: Site) -> None:
        argv = ["docker", "exec", "-i", site.container, "psql", "-XqAt", "-U", site.user, "-d", site.database]
        self._psql = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._psql.stdin
        self._psql.stdin.write(b"BEGIN; LOCK TABLE held; SELECT 'held';\n")
        self._psql.stdin.flush()
        assert self._psql.stdout
        assert self._psql.stdout.readline() == b"held\n"

    def let_go(self) -> None:
        self._psql.communicate(timeout=20)


def without_times(lines: list[str]) -> list[str]:
    """Leave out what is another in each run: ids, names with a time, sizes, durations."""
    text = "\n".join(lines)
    text = re.sub(r"\d{8}_\d{6}(_[0-9a-f]{8})?", "TIME", text)
    text = re.sub(r"\d+(\.\d+)? kB, \d+ tables, \d+ rows", "SIZE", text)
    return re.sub(r"  \d+(\.\d)? s\n", "  TOOK\n", re.sub(r"in \d+\.\d s", "in TOOK", text) + "\n").splitlines()


class TestADeploy:
    def test_shows_what_goes_on_and_leaves_the_lines_of_the_guide(self, held: Site) -> None:
        hold = Hold(held)
        with a_terminal(held, "deploy") as terminal:
            terminal.wait_to_see("dumping  0:02  0 kB  0 kB/s")
            hold.let_go()
            said = terminal.ends_with(0)
        assert without_times(terminal.screen.lines) == [
            "▶ prod: deploying",
            "▶ job TIME",
            "🔒 Creating pre-deployment backup...",
            "  ✅ pre_deploy_TIME.sql.gz: SIZE, verified  TOOK",
            "📄 Applying migration: 001_work.sql",
            "  ✅ 001_work.sql applied successfully  TOOK",
            "📄 Applying migration: 002_work.sql",
            "  ✅ 002_work.sql applied successfully  TOOK",
            "✅ prod: 2 migrations applied in TOOK, backup pre_deploy_TIME.sql.gz",
        ]
        assert "\033[?25l" not in said
        assert "\033[3" not in said, "NO_COLOR"

    def test_is_read_on_60_poor_columns_too(self, held: Site) -> None:
        with a_terminal(held, "deploy", columns=60, env=POOR) as terminal:
            assert terminal.ends_with(0).isascii()
        lines = without_times(terminal.screen.lines)
        assert "* Creating pre-deployment backup..." in lines
        assert "  ok 002_work.sql applied successfully  TOOK" in lines
        assert " ".join(lines[-2:]).startswith("ok prod: 2 migrations applied in TOOK,")
        assert all(len(line) <= 60 for line in terminal.screen.lines)

    def test_writes_no_more_into_a_file_than_before(self, held: Site) -> None:
        """No line a second, no time behind a line, nothing that moves."""
        hold = Hold(held)
        client = held.spawn("deploy")
        assert client.stdout
        lines = [client.stdout.readline() for _ in range(3)]
        wait_until(lambda: b'"progress"' in held.ssh(f"cat {held.remote_dir}/.deploy/jobs/*/log"))
        hold.let_go()
        said, _ = client.communicate(timeout=60)
        assert "\033" not in "".join(lines) + said
        assert without_times([*"".join(lines).splitlines(), *said.splitlines()]) == [
            "▶ prod: deploying",
            "▶ job TIME",
            "🔒 Creating pre-deployment backup...",
            "  ✅ pre_deploy_TIME.sql.gz: SIZE, verified",
            "📄 Applying migration: 001_work.sql",
            "  ✅ 001_work.sql applied successfully",
            "📄 Applying migration: 002_work.sql",
            "  ✅ 002_work.sql applied successfully",
            "✅ prod: 2 migrations applied in TOOK, backup pre_deploy_TIME.sql.gz",
        ]


class TestCtrlC:
    def test_once_says_that_the_job_goes_on_and_follows_it(self, held: Site) -> None:
        hold = Hold(held)
        with a_terminal(held, "deploy") as terminal:
            terminal.wait_to_see("dumping  0:01").type(CTRL_C).wait_to_see("the job goes on")
            hold.let_go()
            terminal.ends_with(0)
        lines = terminal.screen.lines
        assert "▶ the job goes on; Ctrl-C again leaves it. Watch it with `fab -H prod follow`," in lines
        assert "  stop it with `fab -H prod cancel`" in lines
        assert lines[-1].startswith("✅ prod: 2 migrations applied")

    def test_twice_leaves_the_job_to_itself(self, held: Site) -> None:
        hold = Hold(held)
        with a_terminal(held, "deploy") as terminal:
            terminal.wait_to_see("dumping  0:01").type(CTRL_C).wait_to_see("the job goes on").type(CTRL_C)
            terminal.ends_with(130)
        assert "left; a job that was started goes on" in str(terminal.screen)
        assert "Traceback" not in str(terminal.screen)
        hold.let_go()
        assert "002_work.sql applied successfully" in held.fab("follow", check=0).stdout
        assert_nothing_is_locked(held)

    def test_once_leaves_where_nobody_is_there_for_a_second(self, held: Site) -> None:
        """GitHub sends one to a workflow that is cancelled, and kills what is still there 7.5 s later."""
        hold = Hold(held)
        client = held.spawn("deploy")
        assert client.stdout
        while "Creating" not in client.stdout.readline():
            pass
        client.send_signal(signal.SIGINT)
        said, _ = client.communicate(timeout=15)
        assert client.returncode == 130
        assert "left; a job that was started goes on" in said
        hold.let_go()
        held.fab("follow", check=0)


class TestAReaderThatLeaves:
    @pytest.mark.parametrize("command", ["deploy", "status"])
    def test_changes_no_exit_status(self, held: Site, command: str) -> None:
        """As `| head -1`, or a `tee` that Ctrl-C ended: the job is followed to its end all the same."""
        client = held.spawn(command)
        assert client.stdout
        client.stdout.readline()
        client.stdout.close()
        assert client.wait(timeout=60) == 0


class TestATrace:
    def test_says_what_was_executed_and_keeps_secrets(self, site: Site) -> None:
        """On stderr, so that a document stays one; and what programs print, which may be data, is not in it."""
        write_work(site, 1)
        site.write_migration("002_loud.sql", "DO $$ BEGIN RAISE NOTICE 'card number 4711'; END $$;\n")
        (site.project / "fabric.yml").write_text("connect_kwargs:\n  password: hunter2\n")
        env = {"FABRIC_DEPLOY_DOCKER": "env SOME_TOKEN=hunter3 docker"}
        done = site.fab("-d", "deploy", "--json", check=0, env=env)
        assert json.loads(done.stdout)["outcome"] == "applied"
        for line in (
            r"backtester-deploy \S+, fabric \S+, paramiko \S+, invoke \S+, Python ",
            r"fab -S \S+ -H prod -d deploy --json",
            r"prod: Settings\(.*SOME_TOKEN=\[REDACTED\]",
            r"prod: the way is deployer@127.0.0.1:\d+",
            r"deployer@127.0.0.1:\d+: logged in by \S+client_key",
            r"prod: runs sh -c <\d+ characters of sh>",
            r"prod: status 0 after \d+\.\d+ s, \d+ bytes on stdout",
            r"prod: MigrationApplied\(name='002_loud.sql', run=0\)",
            r"prod: \d+ characters were printed",
        ):
            assert re.search(rf"^debug +\d+\.\d+ s  {line}", done.stderr, re.MULTILINE), line
        assert "hunter" not in done.stderr
        assert "card number" not in done.stderr

    def test_says_where_an_error_arose(self, site: Site) -> None:
        env = {"FABRIC_DEPLOY_DEBUG": "1", "FABRIC_DEPLOY_CONTAINER": "no-such-container"}
        done = site.fab("backups", "--max-age=1h", env=env, check=47)
        assert "no verified backup" in done.stdout
        done = site.fab("backup", env=env, check=52)
        assert done.stdout.startswith("❌ ")
        assert re.search(r"^debug .*deploy\.model\.errors\.ContainerDown: ", done.stderr, re.MULTILINE)
        assert site.fab("backup", env=env | {"FABRIC_DEPLOY_DEBUG": "0"}, check=52).stderr == ""
