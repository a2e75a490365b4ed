"""What people read of each command, from the first line to the last."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from deploy.commands.backups import back_up, backups, verify
from deploy.commands.drift import drift
from deploy.commands.look import entries, history, status
from deploy.commands.release import ReleaseResult, directory_sum, release
from deploy.commands.repair import repair
from deploy.commands.rollback import forget, rollback, undo
from deploy.commands.watch import cancel, watch
from deploy.job.by_hand import SCRIPTS
from deploy.model.errors import (
    ConnectionLost,
    ContainerDown,
    DeployError,
    DirectoryUnusable,
    JobDied,
    LockHeld,
    LoginRefused,
    MigrationFailed,
    NoJob,
    NotConfirmed,
    NoTerminal,
    NothingReplaced,
    OutcomeUnknown,
    ServerUnreachable,
)
from deploy.model.ledger import Ledger
from deploy.model.observation import FOREIGN, Replaced
from deploy.plan.release import Wish
from deploy.project import read_sources
from deploy.report import document
from deploy.report.console import Console
from deploy.server.shell import Completed
from tests.screen import Screen
from tests.unit.commands.server import Log, Paper, ScriptedShell, SeenServer
from tests.unit.report.test_terminal import UTF8, Tty
from tests.unit.values import (
    HOLDER,
    MOVED,
    STAGING,
    a_backup,
    a_database,
    a_migration,
    a_row,
    an_observation,
    ledger_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from syrupy.assertion import SnapshotAssertion

    from deploy.model.backup import Origin
    from deploy.model.observation import Holder, Observation

ONE, TWO, THREE = (a_migration(n) for n in range(1, 4))
THEIRS = dict.fromkeys(SCRIPTS, FOREIGN)
REPLACED = Replaced("backtester_replaced_20261121_080000", 29_000_000)
TAKEN = {
    "event": "backed_up",
    "backup": "pre_deploy_20261122_120000.sql.gz",
    "bytes": 4_200_000,
    "sha256": "0a",
    "tables": 4,
    "rows": 9000,
}


Line = str | dict[str, Any]


def event(kind: str, **fields: object) -> dict[str, Any]:
    return {"event": kind, **fields}


BEGUN = event("begun", job="20261122_120000_c0ffee00", command="deploy")
BACKUP: list[Line] = [event("step", name="back up"), event("backing_up", backup=TAKEN["backup"]), TAKEN]
APPLIED: list[Line] = [
    event("step", name="apply"),
    event("migration", name=ONE.name),
    "NOTICE:  relation exists, skipping",
    event("applied", name=ONE.name),
    event("migration", name=TWO.name),
]


def settled(**finished: bool) -> list[dict[str, object]]:
    return [{"name": f"{name[1:]}_step.sql", "finished": done, "ms": 12} for name, done in finished.items()]


@pytest.fixture
def project(tmp_path: Path) -> str:
    for migration in (ONE, TWO):
        (tmp_path / migration.name).write_bytes(migration.content)
    return str(tmp_path)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sit somebody down at a terminal, who answers."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


def told(paper: Paper, error: DeployError | None, host: str = "prod") -> str:
    if error:
        paper.error(error, host)
    return paper.read()


AUDIT = [
    {"event": "finished", "job": "gone", "outcome": "done"},
    {
        "event": "started",
        "job": "a",
        "command": "deploy",
        "at": "2026-11-20T09:00:00Z",
        "by": "alice",
        "from": "laptop",
        "commit": "c0ffee" + "0" * 34 + "+",
        "plan": {"backup": "pre_deploy_20261120_090000.sql.gz"},
        "database_bytes": 30_000_000,
    },
    {
        "event": "finished",
        "job": "a",
        "outcome": "done",
        "reason": "",
        "seconds": 4,
        "rows": settled(_001=True, _002=False),
    },
    {"unreadable": "{"},
    {
        "event": "started",
        "job": "b",
        "command": "backup",
        "at": "2026-11-21T09:00:00Z",
        "by": "cron",
        "from": "db",
        "commit": None,
        "plan": {"backup": "b.sql.gz"},
        "database_bytes": 10**30,
    },
    {"event": "finished", "job": "b", "outcome": "failed", "reason": "no_space", "seconds": "?"},
    {"event": "started", "job": "c"},
    {"event": "started", "job": "d", "plan": "none", "at": 5},
    {"event": "finished", "job": "d", "rows": ["x", 5, {"name": "003_c.sql", "finished": True}], "seconds": True},
    {"event": "started", "job": "e", "plan": []},
    {"event": "finished", "job": "e", "rows": "many"},
]


class TestADeploy:
    def test_that_goes_well(self, project: str, snapshot: SnapshotAssertion) -> None:
        server = SeenServer(migrations_dir=project).says(
            BEGUN,
            event("step", name="tidy up"),
            *BACKUP,
            event("step", name="install migrations"),
            *APPLIED,
            event("waiting", pid=7, application="", user="app", state="active", since="noon", query="SELECT 1"),
            event("retrying", in_s=2, **{"try": 2, "of": 5}),
            event("applied", name=TWO.name),
            event("pruned", count=3),
            event("forgotten", database=REPLACED.name),
            event("warning", text="the audit line could not be written"),
            event("ended", outcome="done", reason="", rows=settled(_001=True, _002=True)),
        )
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert told(paper, result.error) == snapshot
        assert document.release_document(replace(result, duration_s=1.2)) == snapshot(name="JSON")

    def test_that_fails(self, project: str, snapshot: SnapshotAssertion) -> None:
        server = SeenServer(migrations_dir=project).says(
            BEGUN,
            *BACKUP,
            *APPLIED,
            'psql:/tmp/deploy.1/migrations/002_step.sql:7: ERROR:  42601: syntax error at or near "SELEKT"',
            "LINE 1: SELEKT 1;",
            "        ^",
            "LOCATION:  scanner_yyerror, scan.l:1244",
            event("failed", reason="migration", detail="psql ended with status 3"),
            event("ended", outcome="failed", reason="migration", rows=settled(_001=True)),
        )
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert isinstance(result.error, MigrationFailed)
        assert told(paper, result.error) == snapshot
        assert document.release_document(replace(result, duration_s=1.2)) == snapshot(name="JSON")

    def test_that_has_nothing_to_do(self, project: str, snapshot: SnapshotAssertion) -> None:
        there = directory_sum(read_sources(project))
        server = SeenServer(
            an_observation(ledger=ledger_of(ONE, TWO), migrations_sum=there, scripts=THEIRS), migrations_dir=project
        )
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert result.outcome == "nothing_pending"
        assert paper.read() == snapshot

    def test_that_only_copies_files(self, project: str, snapshot: SnapshotAssertion) -> None:
        server = SeenServer(an_observation(ledger=ledger_of(ONE, TWO)), migrations_dir=project)
        server.says(BEGUN, event("ended", outcome="done", reason=""))
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert result.outcome == "nothing_pending"
        assert paper.read() == snapshot

    def test_that_is_only_shown(self, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
        for migration in (ONE, TWO, a_migration(4, text="VACUUM;")):
            (tmp_path / migration.name).write_bytes(migration.content)
        many = tuple(a_backup(age=timedelta(days=n)) for n in range(1, 13))
        old = a_database(replaced=(Replaced("backtester_replaced_20261101_080000", 5),))
        server = SeenServer(an_observation(backups=many, database=old, locked=True), migrations_dir=str(tmp_path))
        paper = Paper()
        (result,) = release([server], Wish(baseline="1"), paper, dry_run=True)
        assert paper.read() == snapshot
        assert document.release_document(result) == snapshot(name="JSON")
        assert server.script.told == []

    def test_that_is_only_shown_where_there_is_nothing_to_do(self, project: str, snapshot: SnapshotAssertion) -> None:
        there = directory_sum(read_sources(project))
        server = SeenServer(
            an_observation(ledger=ledger_of(ONE, TWO), migrations_sum=there, scripts=THEIRS), migrations_dir=project
        )
        paper = Paper()
        release([server], Wish(), paper, dry_run=True)
        assert paper.read() == snapshot

    def test_to_several_servers_stops_at_the_first_that_fails(self, project: str, snapshot: SnapshotAssertion) -> None:
        done = SeenServer(host="db1", migrations_dir=project).says(
            BEGUN, *BACKUP, event("ended", outcome="done", reason="", rows=settled(_001=True, _002=True))
        )
        failing = SeenServer(host="db2", migrations_dir=project).says(event("not_started", reason="upload"), status=3)
        last = SeenServer(host="db3", migrations_dir=project)
        paper = Paper()
        results = release([done, failing, last], Wish(), paper, dry_run=False)
        paper.release_table(results)
        assert [r.outcome for r in results] == ["applied", "refused", "not_started"]
        assert told(paper, results[1].error, "db2") == snapshot

    def test_to_several_servers_starts_none_after_the_first_has_failed(self, project: str) -> None:
        failing = SeenServer(host="db1", migrations_dir=project).says(event("not_started", reason="upload"), status=3)
        others = [SeenServer(host=host, migrations_dir=project) for host in ("db2", "db3", "db4")]
        results = release([failing, *others], Wish(), Paper(), dry_run=False)
        assert [r.outcome for r in results] == ["refused", "not_started", "not_started", "not_started"]

    @pytest.mark.parametrize(
        ("says", "status"),
        [({"lines": [], "status": 127}, 66), ({"lines": [], "refused": LoginRefused("none", hint="Mend.")}, 63)],
        ids=["no program starts", "no channel opens"],
    )
    def test_to_several_servers_tells_of_those_before_one_that_starts_no_job(
        self, project: str, says: dict[str, Any], status: int
    ) -> None:
        done = SeenServer(host="db1", migrations_dir=project).says(
            BEGUN, event("ended", outcome="done", reason="", rows=settled(_001=True, _002=True))
        )
        failing = SeenServer(host="db2", migrations_dir=project)
        failing.script.logs.append(Log(**says))
        last = SeenServer(host="db3", migrations_dir=project)
        results = release([done, failing, last], Wish(), Paper(), dry_run=False)
        assert [r.outcome for r in results] == ["applied", "refused", "not_started"]
        assert results[0].applied == (ONE.name, TWO.name)
        assert results[1].error
        assert (results[1].error.status, results[1].error.host) == (status, "db2")

    def test_touches_no_server_where_one_of_them_is_unfit(self, project: str) -> None:
        fit, unfit = SeenServer(migrations_dir=project), SeenServer(an_observation(locked=True), migrations_dir=project)
        with pytest.raises(LockHeld):
            release([fit, unfit], Wish(), Paper(), dry_run=False)
        assert fit.script.told == []

    def test_of_a_job_that_was_killed_looks_what_it_did(self, project: str, snapshot: SnapshotAssertion) -> None:
        def what_it_did(script: ScriptedShell) -> Observation:
            rows = (a_row(ONE, deploy_id=script.job_id), a_row(TWO, deploy_id="of another deploy"))
            return an_observation(ledger=Ledger(exists=True, rows=rows))

        server = SeenServer(an_observation(), what_it_did, migrations_dir=project)
        server.says(BEGUN, *BACKUP, *APPLIED)
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert isinstance(result.error, JobDied)
        assert result.applied == (ONE.name,)
        assert told(paper, result.error) == snapshot

    @pytest.mark.parametrize("second_look", [ServerUnreachable("away", hint="Wait."), an_observation(database=None)])
    def test_of_a_job_that_was_killed_may_not_be_able_to_look(self, project: str, second_look: Any) -> None:  # noqa: ANN401 - a look or its error
        server = SeenServer(an_observation(), second_look, migrations_dir=project).says(BEGUN, *BACKUP, *APPLIED)
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert isinstance(result.error, JobDied)
        assert result.applied == (ONE.name,), "it was told as applied, and is"
        assert "nothing was applied" not in told(paper, result.error)

    def test_of_a_job_that_was_killed_waits_for_the_session_that_only_held_the_lock(
        self, project: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        naps: list[float] = []
        monkeypatch.setattr(time, "sleep", naps.append)
        held = an_observation(database=a_database(locked_by="deploy:x, pid 76, since 2026-11-22T12:00:00Z"))
        server = SeenServer(an_observation(), held, an_observation(), migrations_dir=project).says(BEGUN, *BACKUP)
        (result,) = release([server], Wish(), Paper(), dry_run=False)
        assert isinstance(result.error, JobDied)
        assert len(naps) == 1
        server = SeenServer(an_observation(), held, migrations_dir=project).says(BEGUN, *BACKUP)
        (result,) = release([server], Wish(), Paper(), dry_run=False)
        assert isinstance(result.error, OutcomeUnknown), "or it isn't only that"

    def test_of_a_job_that_was_killed_may_go_on_in_the_database(
        self, project: str, snapshot: SnapshotAssertion
    ) -> None:
        """The job and its docker client are gone, psql in the container isn't: nobody knows yet what it will have applied."""

        def at_work(script: ScriptedShell) -> Observation:
            holder = f"deploy:{script.job_id}:apply, pid 77, since 2026-11-22T12:00:05Z"
            rows = (a_row(ONE, deploy_id=script.job_id),)
            return an_observation(database=a_database(locked_by=holder), ledger=Ledger(exists=True, rows=rows))

        server = SeenServer(an_observation(), at_work, migrations_dir=project).says(BEGUN, *BACKUP, *APPLIED)
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert isinstance(result.error, OutcomeUnknown)
        assert (result.outcome, result.applied, result.failed) == ("unknown", (ONE.name,), None)
        assert told(paper, result.error).replace(server.script.job_id, "JOB") == snapshot

    def test_whose_connection_is_lost_for_good_is_of_unknown_outcome(
        self, project: str, snapshot: SnapshotAssertion
    ) -> None:
        lost = ConnectionLost("the connection broke", hint="Try again.")
        server = SeenServer(migrations_dir=project).says(BEGUN, *BACKUP, *APPLIED, lost=lost)
        paper = Paper()
        (result,) = release([server], Wish(), paper, dry_run=False)
        assert isinstance(result.error, OutcomeUnknown)
        assert (result.outcome, result.failed) == ("unknown", None)
        assert told(paper, result.error) == snapshot

    def test_on_this_machine_needs_no_copy_of_its_own_files(self, tmp_path: Path) -> None:
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations" / ONE.name).write_bytes(ONE.content)
        server = SeenServer(host=None, migrations_dir=str(tmp_path / "migrations"), at=str(tmp_path))
        (result,) = release([server], Wish(), Paper(), dry_run=True)
        assert result.plan
        assert not result.plan.upload


class TestARollback:
    SEEN = an_observation(backups=(a_backup(),), ledger=ledger_of(ONE, TWO, THREE))
    ASKED: ClassVar = [
        event("begun", job="20261122_120000_c0ffee00", command="rollback"),
        event("step", name="check the backup"),
        event("step", name="restore"),
        event("step", name="compare"),
        event(
            "changes",
            rows=[
                *({"table": f"public.t{n}", "now": n, "then": n + 1} for n in range(12)),
                {"table": "public.new", "now": 5, "then": None},
            ],
            pending_again=[THREE.name],
            written_since=17,
        ),
        event("confirm"),
    ]
    ENDED = event(
        "ended",
        outcome="done",
        reason="",
        replaced_database="backtester_replaced_20261122_120000",
        pending_again=[THREE.name],
        outage_ms=83,
    )

    @pytest.mark.parametrize("origin", [STAGING, MOVED], ids=["staging", "moved"])
    @pytest.mark.parametrize("in_place", [True, False])
    def test_to_a_backup_of_another_database_says_so_before_anything_else(
        self, origin: Origin, snapshot: SnapshotAssertion, *, in_place: bool
    ) -> None:
        backup, paper = a_backup(origin=origin), Paper()
        seen = an_observation(backups=(backup,))
        rollback(SeenServer(seen), backup.name, paper, assume_yes=True, dry_run=True, in_place=in_place)
        assert paper.read() == snapshot

    def test_that_goes_well(self, typing: Callable[[str], None], snapshot: SnapshotAssertion) -> None:
        typing("yes\n")
        server = SeenServer(self.SEEN).says(
            *self.ASKED,
            event("backing_up", backup="pre_rollback_20261122_120000.sql.gz"),
            TAKEN | {"backup": "pre_rollback_20261122_120000.sql.gz"},
            event("step", name="swap"),
            self.ENDED,
        )
        paper = Paper()
        result = rollback(server, "latest", paper, assume_yes=False, dry_run=False)
        assert told(paper, result.error) == snapshot
        assert document.rollback_document(replace(result, duration_s=1.2)) == snapshot(name="JSON")
        (answer,) = server.script.told
        assert answer[-1].endswith("/answer.yes")

    @pytest.mark.parametrize("answer", ["no\n", "", "YES\n", "y\n"])
    def test_goes_nowhere_without_the_very_word(self, typing: Callable[[str], None], answer: str) -> None:
        typing(answer)
        server = SeenServer(self.SEEN).says(
            *self.ASKED,
            event("failed", reason="not_confirmed", detail=""),
            event("ended", outcome="failed", reason="not_confirmed"),
        )
        result = rollback(server, "latest", Paper(), assume_yes=False, dry_run=False)
        assert isinstance(result.error, NotConfirmed)
        assert result.outcome == "refused"
        assert server.script.told[0][-1].endswith("/answer.no")

    def test_tells_where_the_answer_could_not_be_handed_over(
        self, typing: Callable[[str], None], snapshot: SnapshotAssertion
    ) -> None:
        typing("yes\n")
        server = SeenServer(self.SEEN).says(*self.ASKED)
        server.script.status = 1
        result = rollback(server, "latest", Paper(), assume_yes=False, dry_run=False)
        assert isinstance(result.error, DirectoryUnusable)
        message = result.error.message.replace(server.script.job_id, "ID")
        assert (message, result.error.hint) == snapshot

    @pytest.mark.parametrize("times", [3, 99])
    def test_hands_the_answer_over_however_often_it_takes(
        self, typing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, times: int
    ) -> None:
        """The job waits for it: that no channel can be opened is no refusal any more."""
        typing("yes\n")
        monkeypatch.setattr(time, "sleep", lambda _: None)
        ended = event("ended", outcome="done", reason="", replaced_database=REPLACED.name)
        server = SeenServer(self.SEEN).says(*self.ASKED, ended)
        refusals = [LoginRefused("it runs no program", hint="Check MaxSessions.")] * times

        def run(*_: object, **__: object) -> Completed:
            if refusals:
                raise refusals.pop()
            return Completed(0, b"", b"")

        monkeypatch.setattr(server.script, "run", run)
        monkeypatch.setattr(server.script, "reopen", lambda: None, raising=False)
        result = rollback(server, "latest", Paper(), assume_yes=False, dry_run=False)
        assert result.outcome == ("rolled_back" if times == 3 else "unknown")

    def test_takes_ctrl_c_for_a_no(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def impatient() -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr(sys, "stdin", SimpleNamespace(readline=impatient))
        assert not Paper().ask("Put it in place?")

    def test_has_nobody_to_ask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        server = SeenServer(self.SEEN)
        with pytest.raises(NoTerminal):
            rollback(server, "latest", Paper(), assume_yes=False, dry_run=False)
        assert server.script.told == []

    @pytest.mark.parametrize(
        "backup",
        [
            pytest.param(a_backup(), id="known"),
            pytest.param(a_backup(migration=None), id="without migrations"),
            pytest.param(a_backup(proven=False, name="old.sql"), id="unproven"),
        ],
    )
    def test_that_is_only_shown(self, backup: Any, snapshot: SnapshotAssertion) -> None:  # noqa: ANN401 - a Backup
        paper = Paper()
        server = SeenServer(replace(self.SEEN, backups=(backup,)))
        result = rollback(server, backup.name, paper, assume_yes=False, dry_run=True)
        assert result.outcome == "planned"
        assert paper.read() == snapshot

    def test_in_place_says_what_it_does_to_clients(self, snapshot: SnapshotAssertion) -> None:
        weak = replace(self.SEEN, database=a_database(createdb=False))
        safety = "pre_rollback_20261122_120000.sql.gz"
        ended = event("ended", outcome="done", reason="", replaced_database=None, pending_again=[], outage_ms=900)
        server = SeenServer(weak).says(event("backing_up", backup=safety), TAKEN | {"backup": safety}, ended)
        paper = Paper()
        result = rollback(server, "latest", paper, assume_yes=True, dry_run=False, in_place=True)
        assert told(paper, result.error) == snapshot

    def test_that_fails_leaves_the_live_database_as_it_was(self, snapshot: SnapshotAssertion) -> None:
        server = SeenServer(self.SEEN).says(
            event("step", name="restore"),
            "psql:<stdin>:9: ERROR:  42704: role missing",
            event("failed", reason="restore_failed", detail="psql ended with status 3"),
            event("ended", outcome="failed", reason="restore_failed"),
        )
        paper = Paper()
        result = rollback(server, "latest", paper, assume_yes=True, dry_run=False)
        assert result.outcome == "failed"
        assert told(paper, result.error) == snapshot


class TestAnUndo:
    SEEN = an_observation(database=a_database(replaced=(REPLACED,)))

    def test_that_goes_well(self, snapshot: SnapshotAssertion) -> None:
        ended = event("ended", outcome="done", reason="", replaced_database="b_replaced_20261122_120000", outage_ms=80)
        server = SeenServer(self.SEEN).says(event("changes", rows=[], pending_again=[]), ended)
        paper = Paper()
        result = undo(server, paper, assume_yes=True)
        assert told(paper, result.error) == snapshot

    def test_asks_somebody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(NoTerminal):
            undo(SeenServer(self.SEEN), Paper(), assume_yes=False)

    def test_that_fails_says_no_more_than_that(self) -> None:
        server = SeenServer(self.SEEN).says(event("step", name="swap"))
        paper = Paper()
        assert isinstance(undo(server, paper, assume_yes=True).error, OutcomeUnknown)
        assert "✅" not in paper.read()


class TestForgetting:
    SEEN = an_observation(database=a_database(replaced=(REPLACED,)))

    def test_drops_every_replaced_database(self, snapshot: SnapshotAssertion) -> None:
        server = SeenServer(self.SEEN).says(
            event("forgotten", database=REPLACED.name), event("ended", outcome="done", reason="")
        )
        paper = Paper()
        assert forget(server, paper, assume_yes=True) == (REPLACED.name,)
        assert paper.read() == snapshot

    def test_needs_something_to_forget(self) -> None:
        with pytest.raises(NothingReplaced):
            forget(SeenServer(), Paper(), assume_yes=True)

    def test_asks_somebody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(NoTerminal):
            forget(SeenServer(self.SEEN), Paper(), assume_yes=False)

    def test_says_why_it_failed(self) -> None:
        with pytest.raises(JobDied):
            forget(SeenServer(self.SEEN).says(), Paper(), assume_yes=True)


class TestBackups:
    def test_are_taken(self, snapshot: SnapshotAssertion) -> None:
        name = "backup_prod_20261122_120000.sql.gz"
        server = SeenServer().says(
            event("backing_up", backup=name), TAKEN | {"backup": name}, event("ended", outcome="done", reason="")
        )
        paper = Paper()
        result = back_up(server, paper)
        paper.backup_result(result)
        assert (result.outcome, result.backup) == ("backed_up", name)
        assert paper.read() == snapshot

    def test_that_fail_are_told_by_their_error(self) -> None:
        paper = Paper()
        result = back_up(SeenServer().says(), paper)
        paper.backup_result(result)
        assert isinstance(result.error, JobDied)
        assert paper.read() == ""

    def test_are_listed(self, snapshot: SnapshotAssertion) -> None:
        proven = a_backup(age=timedelta(days=3))
        assert proven.manifest
        restored = replace(proven, manifest=replace(proven.manifest, restored_at="2026-11-22T09:00:00+00:00"))
        found = (a_backup(name="old.sql", proven=False, age=timedelta(minutes=1)), restored, a_backup(migration=None))
        paper = Paper()
        seen, listed, stale = backups(SeenServer(an_observation(backups=found)), timedelta(hours=26))
        paper.backups("prod", seen, listed)
        assert stale is None
        assert paper.read() == snapshot
        assert [document.backup_document(b) for b in listed] == snapshot(name="JSON")

    def test_of_several_databases_are_listed_with_whose_they_are(self, snapshot: SnapshotAssertion) -> None:
        unknown = a_backup(name="old.sql", proven=False, age=timedelta(minutes=1))
        theirs = (a_backup("backup_staging", origin=STAGING, age=timedelta(hours=1)), a_backup(origin=MOVED))
        paper = Paper()
        seen, listed, stale = backups(
            SeenServer(an_observation(backups=(unknown, *theirs, a_backup(age=timedelta(days=2))))), timedelta(hours=26)
        )
        paper.backups("prod", seen, listed)
        assert stale
        assert paper.read() == snapshot

    @pytest.mark.parametrize("found", [(), (a_backup(name="old.sql", proven=False),)], ids=["none", "none verified"])
    def test_may_be_none_that_counts(self, found: Any, snapshot: SnapshotAssertion) -> None:  # noqa: ANN401 - backups
        paper = Paper()
        seen, listed, stale = backups(SeenServer(an_observation(backups=found)), None)
        paper.backups("prod", seen, listed)
        assert stale is None
        assert paper.read() == snapshot

    def test_are_proven_one_after_another(self, snapshot: SnapshotAssertion) -> None:
        found = (a_backup(), a_backup(age=timedelta(days=2)))
        server = SeenServer(an_observation(backups=found))
        server.says(event("step", name="restore"), event("ended", outcome="done", reason=""))
        server.says(
            event("step", name="restore"),
            event("failed", reason="restore_failed", detail="psql ended with status 3"),
            event("ended", outcome="failed", reason="restore_failed"),
        )
        paper = Paper()
        results = verify(server, "", paper, every=True)
        assert [r.outcome for r in results] == ["verified", "failed"]
        assert told(paper, results[-1].error) == snapshot

    def test_are_proven_one_by_name(self) -> None:
        server = SeenServer(an_observation(backups=(a_backup(),))).says(event("ended", outcome="done", reason=""))
        (result,) = verify(server, "latest", Paper(), every=False)
        assert document.backup_result_document(result) == {
            "host": "prod",
            "outcome": "verified",
            "backup": a_backup().name,
            "error": None,
        }


class TestStatus:
    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(an_observation(ledger=ledger_of(ONE), backups=(a_backup(),)), id="healthy"),
            pytest.param(an_observation(ledger=replace(ledger_of(), exists=False)), id="fresh"),
            pytest.param(
                an_observation(
                    ledger=ledger_of(ONE, TWO),
                    backups=(a_backup(migration=None, age=timedelta(days=2)),),
                    database=a_database(replaced=(REPLACED, Replaced("backtester_replaced_20261101_080000", 5))),
                    audit=tuple(AUDIT[:3]),
                ),
                id="nothing pending",
            ),
            pytest.param(
                an_observation(
                    backups=(a_backup(),),
                    database=a_database(
                        createdb=False, replaced=(REPLACED,), scratch=("backtester_side_20261121_080000",)
                    ),
                    partial=(".a.part", ".b.part"),
                    audit=(
                        {"event": "started", "job": "x", "command": "deploy", "by": "al", "from": "here", "at": "noon"},
                    ),
                ),
                id="no way back",
            ),
            pytest.param(
                an_observation(
                    backups=(a_backup(size=0),), database=a_database(createdb=False, replaced=(REPLACED,), slots=("s",))
                ),
                id="no way back twice",
            ),
            pytest.param(
                an_observation(
                    ledger=ledger_of(a_migration(1, text="old"), THREE, unfinished=[a_migration(2, name="other")]),
                    database=a_database(standby=True, replaced=(REPLACED,), locked_by="psql, pid 7, since noon"),
                ),
                id="in a mess",
            ),
            pytest.param(an_observation(ledger=ledger_of(TWO)), id="late"),
            pytest.param(
                an_observation(backups=(a_backup(origin=STAGING), a_backup(proven=False, name="x.sql"))),
                id="beside another",
            ),
            pytest.param(an_observation(locked=True, holder=HOLDER), id="at work"),
            pytest.param(an_observation(locked=True), id="just begun"),
        ],
    )
    def test_says_where_things_stand(self, project: str, seen: Observation, snapshot: SnapshotAssertion) -> None:
        found = status(SeenServer(seen, migrations_dir=project))
        paper = Paper()
        paper.status(found)
        assert paper.read() == snapshot
        assert document.status_document(found) == snapshot(name="JSON")

    @pytest.mark.parametrize("columns", [80, 60])
    def test_fits_one_screen_whatever_is_wrong(
        self, project: str, monkeypatch: pytest.MonkeyPatch, columns: int
    ) -> None:
        """Twenty pending files, everything wrong that can be, and a long name for all of it."""
        names = [a_migration(n, name="a_rather_long_description_of_what_it_does") for n in range(1, 41)]
        for migration in names[10:]:
            Path(project, migration.name).write_bytes(migration.content)
        edited = [a_migration(n, name="a_rather_long_description_of_what_it_does", text="old") for n in range(11, 16)]
        seen = an_observation(
            ledger=ledger_of(*names[:5], *edited, *names[30:35], unfinished=names[5:10]),
            backups=(a_backup(),),
            partial=(".x.part", ".y.part"),
            database=a_database(
                standby=True, createdb=False, replaced=(REPLACED,), scratch=("backtester_side_20261121_080000",)
            ),
            audit=tuple(AUDIT[:3]),
            holder=HOLDER,
        )
        monkeypatch.setenv("COLUMNS", str(columns))
        stream = Tty()
        Console(stream, UTF8).status(status(SeenServer(seen, migrations_dir=project)))
        screen = Screen(columns, 24)
        screen.feed(stream.written())
        assert len(screen.lines) < 24, str(screen)
        assert screen.lines[0].startswith("prod: backtester")
        for word in (
            "edited",
            "missing",
            "late",
            "started, not finished",
            "standby",
            "no rollback",
            "repair",
        ):
            assert word in " ".join(screen.lines)


class TestHistory:
    def test_puts_the_two_lines_of_each_job_together_newest_first(self, snapshot: SnapshotAssertion) -> None:
        """Whatever else has got into the file."""
        paper = Paper()
        found = history(SeenServer(an_observation(audit=tuple(AUDIT))), limit=20)
        paper.history("prod", found)
        assert paper.read() == snapshot
        assert json.dumps(document.history_document(found), indent=1) == snapshot(name="JSON")

    def test_stops_where_it_is_told_to(self) -> None:
        assert [e.job for e in history(SeenServer(an_observation(audit=tuple(AUDIT))), limit=2)] == ["e", "d"]

    def test_says_so_where_nobody_was_written_down(self) -> None:
        (found,) = entries([{"event": "started", "job": "j"}])
        assert (found.by, found.source) == ("unknown", "unknown")

    @pytest.mark.parametrize("columns", [80, 60])
    def test_fits_a_narrow_terminal(self, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
        started = {"event": "started", "command": "rollback", "by": "alice", "from": "GitHub Actions, acme/shop run 7"}
        audit = [
            line
            for n, seconds in enumerate((3600, 60, 3, 0))
            for line in (
                started | {"job": str(n), "at": f"2026-11-2{n}T09:00:00Z", "commit": "c0ffee0011223344"},
                {"event": "finished", "job": str(n), "outcome": "cancelled", "seconds": seconds},
            )
        ]
        monkeypatch.setenv("COLUMNS", str(columns))
        stream = Tty()
        Console(stream, UTF8).history("prod", entries(audit))
        screen = Screen(columns)
        screen.feed(stream.written())
        assert len(screen.lines) == 5
        assert [line.count("█") for line in screen.lines[1:]] == [0, 1, 1, 8 if columns == 80 else 4]
        assert "1:00:00" in screen.lines[4]

    def test_may_be_empty(self, snapshot: SnapshotAssertion) -> None:
        paper = Paper()
        paper.history("prod", entries([]))
        assert paper.read() == snapshot


class TestRepair:
    def test_says_that_nothing_is_left(self, snapshot: SnapshotAssertion) -> None:
        fenced = an_observation(database=None, database_error='database "b" is not currently accepting connections')
        paper = Paper()
        repair(
            SeenServer(fenced).says(event("warning", text="dropped b_side"), event("ended", outcome="done", reason="")),
            paper,
        )
        assert paper.read() == snapshot

    @pytest.mark.parametrize(
        ("seen", "kind"),
        [
            (an_observation(locked=True), LockHeld),
            (an_observation(database=None, database_error="No such container: x"), ContainerDown),
            (an_observation(directory_writable=False), DirectoryUnusable),
            (an_observation(), JobDied),
        ],
    )
    def test_is_refused_where_it_could_do_harm(self, seen: Observation, kind: type[DeployError]) -> None:
        with pytest.raises(kind):
            repair(SeenServer(seen).says(), Paper())


class TestFollowing:
    SEEN = an_observation(last_job=f"{HOLDER.job} 0123456789abcdef", locked=True, holder=HOLDER)

    def test_shows_a_job_to_its_end_but_asks_nothing(self, snapshot: SnapshotAssertion) -> None:
        ended = event("ended", outcome="done", reason="")
        server = SeenServer(self.SEEN).says(BEGUN, *BACKUP, event("confirm"), ended, mark="0123456789abcdef")
        paper = Paper()
        assert watch(server, paper).ended
        assert paper.read() == snapshot

    def test_ends_as_the_job_ended(self) -> None:
        server = SeenServer(self.SEEN).says(BEGUN, mark="0123456789abcdef")
        with pytest.raises(JobDied):
            watch(server, Paper())

    def test_needs_a_job(self) -> None:
        with pytest.raises(NoJob, match="none was ever started"):
            watch(SeenServer(), Paper())

    def test_shows_the_last_job_where_nobody_is_at_work(self) -> None:
        over = replace(self.SEEN, locked=False, holder=None)
        ended = event("ended", outcome="done", reason="")
        assert watch(SeenServer(over).says(BEGUN, ended, mark="0123456789abcdef"), Paper()).ended

    @pytest.mark.parametrize("command", [watch, cancel])
    @pytest.mark.parametrize(
        ("holder", "words", "do"),
        [
            (None, "a job has just begun", "Run the command again."),
            (replace(HOLDER, job="20261122_120000_0badcafe"), "a job has just begun", "Run the command again."),
            (
                replace(HOLDER, job="-", command="the upload of x.sql.gz", step="upload"),
                "no job: the upload of x.sql.gz by alice from laptop since 2026-11-22T11:55:00Z, at: upload",
                "Wait: it ends by itself",
            ),
        ],
        ids=["nobody yet", "another than the last", "an upload"],
    )
    def test_is_not_of_an_older_job_than_the_one_at_work(
        self,
        command: Callable[[SeenServer, Paper], object],
        holder: Holder | None,
        words: str,
        do: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The last one that was written down may be over for long: to stop that would say that nobody is at work any more."""
        monkeypatch.setattr(time, "sleep", lambda _: None)
        server = SeenServer(replace(self.SEEN, holder=holder)).says(BEGUN, mark="0123456789abcdef")
        with pytest.raises(NoJob, match=words) as none:
            command(server, Paper())
        assert none.value.hint.startswith(do)
        assert server.script.told == []

    def test_is_of_the_job_that_says_its_name_a_moment_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        naps: list[float] = []
        monkeypatch.setattr(time, "sleep", naps.append)
        server = SeenServer(replace(self.SEEN, holder=None), self.SEEN)
        cancel(server, Paper())
        assert len(naps) == 1
        assert any(HOLDER.job in word for word in server.script.told[0])

    def test_can_be_cancelled(self, snapshot: SnapshotAssertion) -> None:
        server, paper = SeenServer(self.SEEN), Paper()
        cancel(server, paper)
        assert paper.read() == snapshot
        assert len(server.script.told) == 1

    def test_cant_be_cancelled_where_nobody_is_at_work(self) -> None:
        with pytest.raises(NoJob, match="none is running"):
            cancel(SeenServer(), Paper())

    def test_cant_be_cancelled_where_it_doesnt_end(self) -> None:
        server = SeenServer(self.SEEN)
        server.script.status = 1
        with pytest.raises(JobDied, match="didn't end within"):
            cancel(server, Paper())


def drop(server: SeenServer, console: Paper) -> None:
    forget(server, console, assume_yes=True)


def compare(server: SeenServer, console: Paper) -> None:
    drift(server, "", console)


class TestAnErrorOfAJob:
    """A command that raises it has nothing else to tell."""

    COMMANDS = pytest.mark.parametrize("command", [drop, repair, compare])
    SEEN = an_observation(database=a_database(replaced=(REPLACED,)))

    def raised(self, command: Callable[[SeenServer, Paper], object], server: SeenServer) -> str:
        with pytest.raises(DeployError) as raised:
            command(server, Paper())
        return str(document.refusal_document(raised.value, "prod")["outcome"])

    @COMMANDS
    @pytest.mark.parametrize(
        ("lines", "outcome"),
        [
            (
                [BEGUN, event("failed", reason="database", detail="x"), event("ended", outcome="failed", reason="x")],
                "failed",
            ),
            ([BEGUN], "failed"),
            (
                [
                    BEGUN,
                    event("failed", reason="outcome_unknown", detail=""),
                    event("ended", outcome="failed", reason="x"),
                ],
                "unknown",
            ),
            ([event("not_started", reason="upload")], "refused"),
        ],
        ids=["failed", "killed", "unknown", "not started"],
    )
    def test_is_no_refusal_where_it_had_begun(
        self, project: str, command: Callable[[SeenServer, Paper], object], lines: list[Line], outcome: str
    ) -> None:
        assert self.raised(command, SeenServer(self.SEEN, migrations_dir=project).says(*lines)) == outcome

    @COMMANDS
    def test_is_unknown_where_nobody_saw_its_end(
        self, project: str, command: Callable[[SeenServer, Paper], object]
    ) -> None:
        lost = ConnectionLost("the connection broke", hint="Try again.")
        assert self.raised(command, SeenServer(self.SEEN, migrations_dir=project).says(BEGUN, lost=lost)) == "unknown"

    @COMMANDS
    def test_is_a_refusal_where_nothing_was_begun(
        self, project: str, command: Callable[[SeenServer, Paper], object]
    ) -> None:
        seen = replace(self.SEEN, locked=True)
        assert self.raised(command, SeenServer(seen, migrations_dir=project)) == "refused"

    def test_that_is_followed_is_the_jobs_own(self) -> None:
        for reason, outcome in [("database", "failed"), ("outcome_unknown", "unknown"), ("not_confirmed", "refused")]:
            ended = [event("failed", reason=reason, detail=""), event("ended", outcome="failed", reason=reason)]
            server = SeenServer(TestFollowing.SEEN).says(BEGUN, *ended, mark="0123456789abcdef")
            assert self.raised(watch, server) == outcome

    def test_comes_after_the_job_where_its_result_cant_be_read(self, project: str) -> None:
        server = SeenServer(self.SEEN, migrations_dir=project).says(BEGUN, event("ended", outcome="done", reason=""))
        assert self.raised(compare, server) == "failed"

    def test_says_that_a_job_goes_on_that_should_have_been_cancelled(self) -> None:
        server = SeenServer(TestFollowing.SEEN)
        server.script.status = 1
        assert self.raised(cancel, server) == "failed"


class TestAResult:
    def test_of_a_refused_command_is_one_json_document(self, snapshot: SnapshotAssertion) -> None:
        error = LockHeld("busy: `fab -H … follow`", hint="`fab -H … cancel`", details=("`fab -H … status`",))
        assert document.refusal_document(error, "prod") == snapshot

    def test_of_several_is_a_table(self, snapshot: SnapshotAssertion) -> None:
        paper = Paper()
        paper.release_table(
            [ReleaseResult("db1", "applied", ("a", "b"), backup="x.sql.gz"), ReleaseResult("db2", "unknown")]
        )
        assert paper.read() == snapshot
