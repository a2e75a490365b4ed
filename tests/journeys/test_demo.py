"""The demo, as somebody who has just installed the tool runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FABFILE = """\
from deploy.tasks import ns

__all__ = ["ns"]
"""
GONE_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody in an empty folder, with a temporary folder of their own."""

    folder: Path
    temporary: Path

    @contextmanager
    def running(self, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Run `fab demo`, and see to it that it ends."""
        with subprocess.Popen(
            [sys.executable, "-m", "fabric", "demo", *words],
            cwd=self.folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONIOENCODING": "utf-8", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        ) as demo:
            try:
                yield demo
            finally:
                if demo.poll() is None:
                    demo.terminate()

    def left_behind(self) -> list[str]:
        """Return the folders and processes of demos that have ended, after a moment for the kernel."""
        until = time.monotonic() + GONE_WITHIN_S
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def _left(self) -> list[str]:
        mark = os.fsencode(self.temporary / "deploy-demo-")
        left = [str(path) for path in self.temporary.iterdir()]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                if mark in words + (process / "environ").read_bytes():
                    left.append(words.replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return left


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    # where nobody may go, too, and with a short path: pytest's own folder is neither
    root = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    root.chmod(0o755)
    (root / "t").mkdir()
    (root / "project").mkdir()
    (root / "project" / "fabfile.py").write_text(FABFILE, encoding="utf-8")
    yield Newcomer(root / "project", root / "t")
    shutil.rmtree(root)


def read_until(demo: subprocess.Popen[str], line: str) -> str:
    assert demo.stdout
    said = ""
    for each in demo.stdout:
        said += each
        if line in each:
            return said
    pytest.fail(f"{line!r} was never said:\n{said}")


class TestTheDemo:
    def test_tells_the_whole_story_and_leaves_nothing(self, newcomer: Newcomer) -> None:
        """Whatever the user's own settings say, which are about other servers."""
        foreign = {"FABRIC_DEPLOY_DATABASE": "other", "PGHOST": "/nowhere", "GITHUB_ACTOR": "someone"}
        with newcomer.running(**foreign) as demo:
            said, _ = demo.communicate(timeout=120)
        assert demo.returncode == 0, said
        lines = iter(said.split("\n"))
        for told in (
            r"\$ fab -H prod deploy",
            "🔒 Creating pre-deployment backup...",
            "📄 Applying migration: 001_add_optimizer_tables.sql",
            "  ✅ 003_add_performance_indexes.sql applied successfully",
            r"\$ fab -H prod status",
            r"  applied  3, .*",
            r"── 3/7 .*",
            r"❌ 004_add_price_alerts\.sql.*trade.*",
            r"prod\$ psql -c .*004.*",
            r" +0",
            r"── 4/7 .*",
            "  ✅ 004_add_price_alerts.sql applied successfully",
            r"── 5/7 .*",
            r" +3 \| +167",
            "  ✅ 005_remove_test_trades.sql applied successfully",
            r"── 6/7 .*",
            r"\$ fab -H prod rollback --backup=pre_deploy --yes",
            r" +3 \| +167",
            r"── 7/7 .*",
            r"  pending  1: 005_remove_test_trades\.sql",
            r"\$ fab -H prod history",
            r".* rollback +done .*",
        ):
            assert any(re.fullmatch(told, line) for line in lines), f"{told} isn't said, or not in this order:\n{said}"
        assert "\033" not in said
        assert "someone" not in said
        assert newcomer.left_behind() == []

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_takes_everything_away_when_it_is_stopped_in_a_deploy(
        self, newcomer: Newcomer, number: signal.Signals
    ) -> None:
        """Ctrl-C, kill, a closed terminal: the job on the server would go on alone, that's what it is made for."""
        with newcomer.running() as demo:
            said = read_until(demo, "Creating pre-deployment backup")
            os.killpg(demo.pid, number)
            rest, _ = demo.communicate(timeout=30)
        assert demo.returncode == 130, said + rest
        assert "Traceback" not in rest
        assert "everything that the demo started is gone" in rest
        assert newcomer.left_behind() == []

    def test_stays_for_whoever_wants_to_play_on(self, newcomer: Newcomer) -> None:
        """With a server that answers ssh as any other does."""
        with newcomer.running("--keep") as demo:
            said = read_until(demo, "Ctrl-C here ends it")
            (config,) = newcomer.temporary.glob("deploy-demo-*/ssh_config")
            ssh = ["ssh", "-F", str(config), "prod"]
            noise = bytes(range(256)) * 4096
            copied = subprocess.run(
                [*ssh, "cat; echo aside >&2; exit 7"], input=noise, capture_output=True, check=False
            )
            unfed = subprocess.run([*ssh, "psql -U backtester -Atc 'SELECT 6 * 7'"], capture_output=True, check=True)
            with subprocess.Popen([*ssh, "trap 'echo hung up >hup' HUP; sleep 30 & wait"]) as left:
                time.sleep(1)
                left.kill()
            with subprocess.Popen([*ssh, "setsid sh -c 'sleep 2; echo survived >job' </dev/null >/dev/null 2>&1 &"]):
                pass
            time.sleep(3)
            seen = subprocess.run([*ssh, "cat hup job"], capture_output=True, check=True)
            subprocess.run([*ssh, "setsid sleep 300 </dev/null >/dev/null 2>&1 &"], check=True)
            status = subprocess.run(
                [sys.executable, "-m", "fabric", "-S", str(config), "-H", "prod", "status"],
                cwd=config.with_name("project"),
                capture_output=True,
                check=True,
            )
            demo.send_signal(signal.SIGINT)
            rest, _ = demo.communicate(timeout=30)
        assert demo.returncode == 0, said + rest
        assert (copied.returncode, copied.stdout, copied.stderr) == (7, noise, b"aside\n")
        assert unfed.stdout == b"42\n"
        assert seen.stdout == b"hung up\nsurvived\n"
        assert b"pending  1: 005_remove_test_trades.sql" in status.stdout
        assert newcomer.left_behind() == []


class TestWhatTheDemoDeploys:
    def test_is_what_the_project_begins_with(self) -> None:
        """The package has its own copies, since it is installed without the project."""
        project = Path(__file__).parents[2]
        story = resources.files("deploy.demo").joinpath("sql")
        pairs = [(story.joinpath("init-db.sql"), project / "init-db.sql")]
        pairs += [(file, project / "migrations" / file.name) for file in story.joinpath("first").iterdir()]
        for copy, original in pairs:
            assert copy.read_text("utf-8") == original.read_text("utf-8"), f"{copy} differs from {original}"
