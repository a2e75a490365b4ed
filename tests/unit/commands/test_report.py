"""Where the page of a report goes, and what people read about it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.commands import report as commands
from deploy.commands.report import report, target_of, write_page
from deploy.model.errors import DatabaseUnreachable, UsageError
from tests.unit.commands.server import Paper, SeenServer
from tests.unit.values import NOW, an_observation, ledger_of

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

LINES = tuple(
    {"event": event, "job": f"job-{n}", "command": "deploy", "at": NOW.isoformat(), "outcome": "done"}
    for n in range(4)
    for event in ("started", "finished")
)


class TestAReport:
    def test_is_one_page_of_all_servers(self, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        target, paper = tmp_path / "deploys.html", Paper()
        servers = [SeenServer(an_observation(audit=LINES, ledger=ledger_of()), host=host) for host in ("db1", "db2")]
        found, written = report(servers, str(target), paper)
        assert [(each.host, len(each.jobs), each.complete, each.error) for each in found] == [
            ("db1", 4, True, None),
            ("db2", 4, True, None),
        ]
        assert "<h1>Deploys of db1, db2</h1>" in target.read_text("utf-8")
        assert written.bytes == target.stat().st_size
        assert paper.read().replace(str(tmp_path), "HERE") == snapshot

    def test_knows_that_there_may_be_older_jobs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "JOBS", 4)
        (found,), _ = report([SeenServer(an_observation(audit=LINES))], str(tmp_path / "x.html"), Paper())
        assert (len(found.jobs), found.complete) == (4, False)

    def test_is_written_with_a_gap_where_the_database_doesnt_answer(
        self, tmp_path: Path, snapshot: SnapshotAssertion
    ) -> None:
        down = an_observation(database=None, database_error="x", container_state="exited", audit=LINES)
        paper = Paper()
        (found,), _ = report([SeenServer(down)], str(tmp_path / "deploys.html"), paper)
        assert isinstance(found.error, DatabaseUnreachable)
        assert found.error.host == "prod"
        assert (tmp_path / "deploys.html").exists()
        assert paper.read().replace(str(tmp_path), "HERE") == snapshot


class TestTheFile:
    def test_is_for_nobody_else_and_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        target = tmp_path / "deploys.html"
        target.write_text("an older one, open to all")
        assert write_page("ü", target) == 2
        assert target.read_bytes() == b"\xc3\xbc"
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [target]

    def test_stays_as_it_was_where_the_new_one_cant_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "deploys.html"
        target.write_text("old")

        def full(*_: object) -> None:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(UsageError, match="No space left on device"):
            write_page("new", target)
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]

    def test_may_be_stdout(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        assert target_of("-") is None
        assert write_page("ü", None) == 2
        assert capfdbinary.readouterr().out == b"\xc3\xbc"

    def test_may_be_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real.html").touch()
        (tmp_path / "link.html").symlink_to("real.html")
        assert target_of(str(tmp_path / "link.html")) == tmp_path / "real.html"

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ("{}", "is no file"),
            ("{}/fifo", "is no file"),
            ("/dev/null", "is no file"),
            ("{}/missing/deploys.html", "stands in no directory"),
            ("{}/file/deploys.html", "stands in no directory"),
            ("{}/loop", "can't be a file|is no file|in no directory"),
            ("a\0b", "can't be a file"),
            ("{}/" + "x" * 300, "can't be a file"),
            ("", "is no file"),
        ],
    )
    def test_is_never_put_where_no_file_belongs(self, tmp_path: Path, output: str, words: str) -> None:
        """A directory, or as root /dev/null, would be replaced."""
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "file").touch()
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(UsageError, match=words):
            target_of(output.format(tmp_path))
