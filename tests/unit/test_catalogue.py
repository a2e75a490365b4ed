"""Every way in which the tool stops, as the operator reads it: none is there that the code never takes, or that nobody has read."""

from __future__ import annotations

import io
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.commands.running import require_terminal
from deploy.commands.watch import cancel
from deploy.job.outcome import Record, explain
from deploy.job.runner import come_back
from deploy.model.event import JobEnded, JobFailed, JobNotStarted, MigrationStarted, RowSettled, ServerSaid
from deploy.model.settings import settings_from
from deploy.plan.backup import choose_backup, explain_staleness, require_space_for_backup
from deploy.plan.drift import Difference, Drift, SchemaObject, explain_drift
from deploy.plan.fitness import explain_database_error, require_primary, require_unlocked, require_workplace
from deploy.plan.release import Wish, plan_release
from deploy.plan.rollback import plan_undo, require_restorable, require_rights, require_swappable
from deploy.project import read_sources
from deploy.report.console import Console
from deploy.server.dial import unreachable
from deploy.server.flow import connection_broke, too_much
from deploy.server.known_hosts import Host, HostKey, KnownHosts, KnownKey
from deploy.server.login import require_files
from deploy.server.ssh_config import Address, destination_of
from deploy.server.target import hosts_of
from tests.screen import Screen
from tests.unit.commands.server import Paper, SeenServer
from tests.unit.model.test_errors import in_the_catalogue
from tests.unit.report.test_terminal import POOR, Tty
from tests.unit.values import HOLDER, a_backup, a_database, a_migration, an_observation, ledger_of, some_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from syrupy.assertion import SnapshotAssertion

    from deploy.model.errors import DeployError
    from deploy.model.event import Event
    from deploy.model.ledger import Ledger
    from deploy.model.migration import Migration
    from deploy.model.observation import Observation

ONE, TWO = a_migration(1), a_migration(2)
TABLE = SchemaObject("TABLE", "public", "orders", ())
OURS = HostKey(b"\0\0\0\x0bssh-ed25519ours")
THEIRS = HostKey(b"\0\0\0\x0bssh-ed25519theirs")
DB = Host("db.example.com", 22)
KNOWN = KnownHosts((Path("known_hosts"),), (KnownKey("db.example.com", OURS, "known_hosts:3"),))


def a_job(*events: Event) -> DeployError | None:
    record = Record()
    for event in events:
        record.take(event)
    return explain(record, "prod")


def a_failed_job(reason: str, detail: str, *before: Event, **ended: object) -> DeployError | None:
    rows = (RowSettled(ONE.name, finished=False, ms=None),) if ended.get("unfinished") else ()
    outcome = str(ended.get("outcome", "failed"))
    return a_job(*before, JobFailed(reason, detail), JobEnded(outcome, reason, rows))


def said(line: str) -> tuple[Event, ...]:
    return MigrationStarted(ONE.name), ServerSaid(f"psql:/tmp/deploy.1/migrations/{ONE.name}:7: {line}")


def planning(*found: Migration, ledger: Ledger | None = None, seen: Observation | None = None) -> object:
    there = seen or an_observation(ledger=ledger or ledger_of())
    return plan_release(found, "sum", there, some_settings(), Wish())


def nobody_to_ask() -> None:
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        require_terminal(Paper(), "a rollback asks before it swaps the databases")
    finally:
        sys.stdin = stdin


def a_project(name: str) -> object:
    return read_sources(str(Path(__file__).parent / "check" / name))


SYNTAX = 'ERROR:  42601: syntax error at or near "SELEKT"'
ENDED = "FATAL:  57P01: terminating connection due to administrator command"

WAYS: dict[str, Callable[[], object]] = {
    "UsageError": lambda: hosts_of("db1,db1"),
    "SettingsInvalid": lambda: settings_from({"keep_backups": "many", "contianer": "x"}, {}, "prod"),
    "NotConfirmed": lambda: a_failed_job("not_confirmed", ""),
    "NoTerminal": nobody_to_ask,
    "HostNeeded": lambda: hosts_of(""),
    "MigrationsNotFound": lambda: read_sources("nowhere"),
    "MigrationEdited": lambda: planning(a_migration(1, text="new"), ledger=ledger_of(ONE)),
    "MigrationMissing": lambda: planning(TWO, ledger=ledger_of(ONE, TWO)),
    "MigrationLate": lambda: planning(ONE, TWO, ledger=ledger_of(TWO)),
    "MigrationDuplicate": lambda: planning(ONE, a_migration(1, name="other")),
    "MigrationMisnamed": lambda: a_project("corpus"),
    "MigrationUnreadable": lambda: planning(a_migration(1, text=b"a\n\0")),
    "MigrationInvalid": lambda: planning(a_migration(1, text="SELECT 1;\n  SELECT 'a")),
    "MigrationFailed": lambda: a_failed_job("migration", "psql ended with status 3", *said(SYNTAX)),
    "MigrationUnfinished": lambda: a_failed_job("migration", "status 3", *said(SYNTAX), unfinished=True),
    "DatabaseUnreachable": lambda: explain_database_error(
        an_observation(database=None, database_error='FATAL:  role "postgres" does not exist'), some_settings()
    ),
    "DatabaseStandby": lambda: require_primary(an_observation(database=a_database(standby=True)), some_settings()),
    "DatabaseBusy": lambda: a_failed_job("database_busy", "", MigrationStarted(ONE.name)),
    "DatabaseChanged": lambda: a_failed_job("ledger_changed", ""),
    "DatabaseFenced": lambda: explain_database_error(
        an_observation(database=None, database_error='database "b" is not currently accepting connections'),
        some_settings(),
    ),
    "DatabaseTooOld": lambda: require_primary(an_observation(database=a_database(version=120_010)), some_settings()),
    "DatabaseLost": lambda: a_failed_job("migration", "psql ended with status 2", *said(ENDED)),
    "DatabaseRightsLacking": lambda: require_rights(a_database(createdb=False)),
    "ExtensionLacking": lambda: planning(
        a_migration(1, text="-- deploy: requires-extension timescaledb\nSELECT 1;\n"),
        seen=an_observation(database=a_database(extensions=("plpgsql",))),
    ),
    "SchemaDrifted": lambda: explain_drift(Drift((Difference(TABLE, "only_in_database", ()),), 0)),
    "BackupFailed": lambda: a_failed_job("backup_failed", "pg_dump ended with status 1"),
    "BackupUnverified": lambda: a_failed_job("backup_unverified", "the dump has no end: it was cut off"),
    "BackupNotFound": lambda: choose_backup("pre_depoy", an_observation(backups=(a_backup(),))),
    "BackupUnusable": lambda: require_restorable(a_backup(size=0), an_observation(), a_database()),
    "NoSpace": lambda: require_space_for_backup(an_observation(free_bytes=5_000)),
    "RestoreFailed": lambda: a_failed_job("restore_failed", "psql ended with status 3"),
    "RollbackBlocked": lambda: require_swappable(a_database(prepared=2)),
    "BackupStale": lambda: explain_staleness(
        an_observation(backups=(a_backup(age=timedelta(days=3)),)), timedelta(hours=26)
    ),
    "SwapFailed": lambda: a_failed_job("swap_failed", "psql ended with status 3"),
    "NothingReplaced": lambda: plan_undo(an_observation(), a_database(), stem="backtester"),
    "ServerUnfit": lambda: require_workplace(an_observation(lacks=("flock",)), some_settings(), "/opt/backtester"),
    "DockerUnusable": lambda: explain_database_error(
        an_observation(database=None, database_error="permission denied while trying to connect to the Docker daemon"),
        some_settings(),
    ),
    "ContainerDown": lambda: explain_database_error(
        an_observation(database=None, database_error="No such container: x"), some_settings()
    ),
    "LockHeld": lambda: require_unlocked(an_observation(locked=True, holder=HOLDER)),
    "UploadDamaged": lambda: a_job(JobNotStarted("upload")),
    "JobDied": a_job,
    "NoJob": lambda: cancel(SeenServer(), Paper()),
    "JobCancelled": lambda: a_failed_job("cancelled", "", outcome="cancelled"),
    "DirectoryUnusable": lambda: require_workplace(
        an_observation(directory_writable=False), some_settings(), "/opt/backtester"
    ),
    "OutcomeUnknown": lambda: come_back(SeenServer().shell, connection_broke("prod"), started=True),
    "ServerUnreachable": lambda: unreachable(DB, ConnectionRefusedError(), 15.0),
    "HostKeyUnknown": lambda: KnownHosts((Path("known_hosts"),), ()).verify(DB, OURS),
    "HostKeyChanged": lambda: KNOWN.verify(DB, THEIRS),
    "LoginRefused": lambda: require_files((Path("no-such-key"),)),
    "ConnectionLost": lambda: connection_broke("prod"),
    "SshConfigInvalid": lambda: destination_of(
        {"revokedhostkeys": ["/etc/ssh/revoked"]}, Address("prod"), environment={}, exists=lambda _: False
    ),
    "ServerTalksNonsense": lambda: too_much("prod", 64),
}
"""For each class, a way by which the code itself comes to it."""


def shown(error: DeployError, console: Console) -> None:
    console.error(error, "prod")


def stopped_by(way: Callable[[], object]) -> object:
    """Give the error that a way raises, or returns."""
    from deploy.model.errors import DeployError  # noqa: PLC0415 - only here it is more than a type

    try:
        return way()
    except DeployError as error:
        return error


class TestTheCatalogue:
    def test_has_a_way_to_each_of_its_errors(self) -> None:
        """An error that no way leads to is removed, or the way is added here."""
        assert set(WAYS) == set(in_the_catalogue())

    @pytest.mark.parametrize("name", WAYS)
    def test_is_read_as(self, name: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir("/")
        error = stopped_by(WAYS[name])
        assert type(error) is in_the_catalogue()[name]
        paper = Paper()
        paper.error(error, "prod")
        lines = paper.read().splitlines()
        assert re.match(r"❌ \S", lines[0])
        assert re.fullmatch(r"   👉 .{5,}", lines[-1])
        assert "…" not in paper.read().replace("001_….sql", ""), "a command that can be typed"
        assert paper.read() == snapshot

    @pytest.mark.parametrize("columns", [60, 80])
    @pytest.mark.parametrize("name", WAYS)
    def test_is_legible_on_a_poor_terminal(self, name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without colour and UTF-8: no line is longer than the screen, and no word is broken that fits."""
        monkeypatch.chdir("/")
        monkeypatch.setenv("COLUMNS", str(columns))
        error = stopped_by(WAYS[name])
        assert type(error) is in_the_catalogue()[name]
        paper, stream = Paper(), Tty("ascii")
        paper.error(error, "prod")
        Console(stream, POOR).error(error, "prod")
        screen = Screen(columns)
        screen.feed(stream.written())
        assert screen.lines[0].startswith("ERROR ")
        assert any(line.startswith("   -> ") for line in screen.lines)
        on_screen = " ".join(screen.lines)
        for word in paper.read().split():
            if word.isascii() and len(word) < columns - 10:
                assert word in on_screen, str(screen)
