"""Ctrl-C: the first is told that the job goes on, the second leaves."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from deploy.commands.backups import verify
from deploy.commands.patience import patient
from deploy.commands.release import release
from deploy.commands.rollback import rollback
from deploy.model.errors import NotConfirmed
from deploy.plan.release import Wish
from tests.unit.commands.server import Paper, SeenServer
from tests.unit.commands.test_stories import BACKUP, BEGUN, event, settled
from tests.unit.values import a_backup, a_migration, an_observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Seat(Paper):
    """Somebody sits at a terminal, and presses Ctrl-C when the job says something."""

    can_ask = True

    def __init__(self, *presses_at: str) -> None:
        super().__init__()
        self._presses_at = list(presses_at)

    def event(self, event: Any) -> None:  # noqa: ANN401 - any event
        super().event(event)
        if self._presses_at and type(event).__name__ == self._presses_at[0]:
            self._presses_at.pop(0)
            press()
            wait_for(lambda: self.asked_to_leave)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _handler_of_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def project(tmp_path: Path) -> str:
    for migration in (a_migration(1), a_migration(2)):
        (tmp_path / migration.name).write_bytes(migration.content)
    return str(tmp_path)


ENDED = event("ended", outcome="done", reason="", rows=settled(_001=True, _002=True))


def a_deploy(project: str, host: str = "prod") -> SeenServer:
    return SeenServer(host=host, migrations_dir=project).says(BEGUN, *BACKUP, ENDED)


class TestTheFirst:
    def test_says_that_the_job_goes_on_and_follows_it_to_its_end(self, project: str) -> None:
        seat = Seat("BackupStarted")
        (result,) = release([a_deploy(project)], Wish(), seat, dry_run=False)
        assert result.outcome == "applied"
        assert (
            "▶ the job goes on; Ctrl-C again leaves it. Watch it with `fab -H prod follow`, stop it with `fab -H prod cancel`\n"
            in seat.read()
        )

    def test_begins_no_other_server(self, project: str) -> None:
        seat = Seat("BackupStarted")
        with pytest.raises(KeyboardInterrupt):
            release([a_deploy(project, "db1"), a_deploy(project, "db2")], Wish(), seat, dry_run=False)
        seat.left("db2")
        assert [line.split()[:2] for line in seat.read().splitlines()[-5:-1]] == [
            ["host", "outcome"],
            ["db1", "done"],
            ["db2", "not"],
            [],
        ]
        assert seat.read().endswith("▶ left; no job of this command is running\n")

    def test_begins_no_other_job(self) -> None:
        found = (a_backup(), a_backup(name="pre_deploy_20261101_120000.sql.gz"))
        server = SeenServer(an_observation(backups=found)).says(BEGUN, event("ended", outcome="done", reason=""))
        with pytest.raises(KeyboardInterrupt):
            verify(server, "", Seat("JobBegun"), every=True)

    def test_comes_from_another_thread_so_that_nothing_is_written_twice_at_once(self) -> None:
        said: list[threading.Thread] = []
        with patient(lambda: said.append(threading.current_thread()), somebody_is_there=True):
            press()
            wait_for(lambda: bool(said))
        assert said[0] is not threading.main_thread()


class TestTheSecond:
    def test_leaves(self, project: str) -> None:
        seat = Seat("BackupStarted", "BackupTaken")
        with pytest.raises(KeyboardInterrupt):
            release([a_deploy(project)], Wish(), seat, dry_run=False)
        seat.left("prod")
        assert "▶ left; a job that was started goes on. Watch it with `fab -H prod follow`" in seat.read()

    def test_of_a_local_job_is_told_the_command_that_can_be_typed(self) -> None:
        paper = Paper()
        paper.goes_on("local")
        assert "`fab follow`" in paper.read()


class TestWhereNobodyIs:
    def test_the_first_leaves_at_once(self, project: str) -> None:
        """A workflow that is cancelled sends one, and kills soon after."""
        seat = Seat("BackupStarted")
        seat.can_ask = False
        with pytest.raises(KeyboardInterrupt):
            release([a_deploy(project)], Wish(), seat, dry_run=False)

    def test_one_that_was_ignored_from_the_start_stays_so(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with patient(lambda: None, somebody_is_there=True) as patience:
                assert patience is None
                assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGINT, before)


class TestAQuestion:
    @pytest.mark.parametrize("earlier", [True, False])
    def test_takes_it_for_a_no(self, monkeypatch: pytest.MonkeyPatch, earlier: bool) -> None:
        class Hand:
            def readline(self) -> str:
                press()
                raise AssertionError("it was not interrupted")

        monkeypatch.setattr(sys, "stdin", Hand())
        server = SeenServer(an_observation(backups=(a_backup(),))).says(
            BEGUN,
            event("confirm"),
            event("failed", reason="not_confirmed", detail=""),
            event("ended", outcome="failed", reason="not_confirmed"),
        )
        seat = Seat(*(["JobBegun"] if earlier else []))
        result = rollback(server, "latest", seat, assume_yes=False, dry_run=False)
        assert isinstance(result.error, NotConfirmed)
        assert server.script.told[0][-1].endswith("/answer.no")
        assert ("the job goes on" in seat.read()) is earlier
