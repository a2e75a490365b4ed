"""Where things stand, and what was deployed: looks that change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from deploy.job.scripts import stem
from deploy.model.errors import DeployError, NothingReplaced, UsageError
from deploy.model.event import UNKNOWN
from deploy.plan.backup import LATEST, newest_first
from deploy.plan.fitness import require_database
from deploy.plan.release import Standing, compare
from deploy.plan.rollback import RollbackPlan, UndoPlan, plan_rollback, plan_undo
from deploy.project import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deploy.model.backup import Backup
    from deploy.model.observation import Database, Observation
    from deploy.server.target import Server

Plan = TypeVar("Plan")

LARGEST_COUNT = 2**53
"""What every reader of JSON takes for a whole number."""

HISTORY_LINES = 400
"""Of deploys.jsonl; two a job."""


AUDIT_LINES = 60
"""Enough to find the last change behind a month of nightly backups."""

CHANGES = ("deploy", "rollback", "undo")


@dataclass(frozen=True, slots=True)
class WaysBack:
    """Where a rollback and an undo would lead, or why they would be refused; None of an undo where nothing was replaced."""

    rollback: RollbackPlan | DeployError
    undo: UndoPlan | DeployError | None


@dataclass(frozen=True, slots=True)
class Status:
    """Where one server stands. `last_change` is what changed its database last, as the audit has it."""

    host: str
    database: Database
    standing: Standing
    seen: Observation
    latest_backup: Backup | None
    ways_back: WaysBack
    last_change: Entry | None


def status(server: Server) -> Status:
    """Compare the files here with the ledger there.

    Raises:
        DeployError: the server or the files can't be read.
    """
    sources = read_sources(server.settings.migrations_dir)
    seen = server.observe(audit_lines=AUDIT_LINES)
    database = require_database(seen, server.settings)
    latest = newest_first(seen, LATEST)
    return Status(
        server.name,
        database,
        compare(sources.migrations, seen.ledger),
        seen,
        latest[0] if latest else None,
        _ways_back(server, seen, database),
        next((entry for entry in entries(seen.audit) if entry.command in CHANGES), None),
    )


def _ways_back(server: Server, seen: Observation, database: Database) -> WaysBack:
    """Decide as the commands themselves would."""
    name = stem(server.settings.database)
    rollback = _decided(lambda: plan_rollback("latest", seen, database, server.settings, stem=name))
    undo = _decided(lambda: plan_undo(seen, database, stem=name))
    return WaysBack(rollback, None if isinstance(undo, NothingReplaced) else undo)


def _decided(plan: Callable[[], Plan]) -> Plan | DeployError:
    try:
        return plan()
    except DeployError as refusal:
        return refusal


@dataclass(frozen=True, slots=True)
class Entry:
    """One job of the audit; `outcome` is None while it runs, or when it was killed and could not say.

    `database_bytes` is how big the database was before, None where that wasn't written down.
    """

    job: str
    command: str
    by: str
    source: str
    commit: str | None
    started_at: str
    seconds: int | None
    outcome: str | None
    reason: str
    plan: Mapping[str, Any]
    rows: tuple[str, ...]
    database_bytes: int | None = None


def history(server: Server, *, limit: int) -> list[Entry]:
    """Read the newest jobs from the audit, newest first.

    Raises:
        UsageError: the limit is no number above 0.
    """
    if limit < 1:
        raise UsageError(f"--limit={limit} lists nothing", hint="Give a number above 0.")
    return entries(server.observe(audit_lines=HISTORY_LINES).audit)[:limit]


def entries(audit: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Put the two lines of each job together, newest first; lines that can't be read are left out."""
    started: dict[str, Mapping[str, Any]] = {}
    finished: dict[str, Mapping[str, Any]] = {}
    for line in audit:
        kind = {"started": started, "finished": finished}.get(str(line.get("event")))
        if kind is not None:
            kind[str(line.get("job"))] = line
    return [_entry(job, line, finished.get(job, {})) for job, line in reversed(started.items())]


def _entry(job: str, line: Mapping[str, Any], end: Mapping[str, Any]) -> Entry:
    commit, plan, rows = line.get("commit"), line.get("plan"), end.get("rows")
    settled = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return Entry(
        job=job,
        command=str(line.get("command") or UNKNOWN),
        by=str(line.get("by") or UNKNOWN),
        source=str(line.get("from") or UNKNOWN),
        commit=str(commit) if commit else None,
        started_at=str(line.get("at") or UNKNOWN),
        seconds=_count(end.get("seconds")),
        outcome=str(end["outcome"]) if "outcome" in end else None,
        reason=str(end.get("reason", "")),
        plan=plan if isinstance(plan, dict) else {},
        rows=tuple(str(row.get("name")) for row in settled if row.get("finished")),
        database_bytes=_count(line.get("database_bytes")),
    )


def _count(found: object) -> int | None:
    """Read a number of an audit that anybody may have edited: one that is no count tells nothing."""
    return found if type(found) is int and 0 <= found < LARGEST_COUNT else None
