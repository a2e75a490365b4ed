"""What has happened, as the job on the server tells it; `report/` has the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobBegun:
    """The job holds the lock."""

    job: str
    command: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A named step of the job."""

    name: str


@dataclass(frozen=True, slots=True)
class BackupStarted:
    """pg_dump is about to run."""

    name: str


@dataclass(frozen=True, slots=True)
class BackupTaken:
    """A verified backup stands in `backups/`. `bytes` compressed; `rows` of all tables."""

    name: str
    bytes: int
    sha256: str
    tables: int
    rows: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a dump or a restore has come. `bytes` is None at its end; `of` is what it will come to, about."""

    bytes: int | None
    of: int | None


@dataclass(frozen=True, slots=True)
class MigrationStarted:
    """psql begins with a file; `run` is 1 or 2 in a rehearsal, else 0."""

    name: str
    run: int = 0


@dataclass(frozen=True, slots=True)
class MigrationApplied:
    """A file and its ledger row are committed, in a rehearsal's `run` on the copy alone."""

    name: str
    run: int = 0


@dataclass(frozen=True, slots=True)
class CopyRestored:
    """The backup was restored into a scratch database, and every row is there."""

    tables: int
    rows: int


@dataclass(frozen=True, slots=True)
class RehearsalStarted:
    """The pending files are about to run on the copy, for the first or the second time."""

    run: int


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock on a table that was there before the file. `mode` as pg_locks has it; `ms` None where it was too short to be watched."""

    table: str
    mode: str
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Rows of a table that was there before the file."""

    table: str
    inserted: int
    updated: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A table that was written anew as a whole, or an index that was built, and its size."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class FileMeasured:
    """What one file did to the copy, as seen at its end; of tables that were there before it. `made` are those that weren't.

    Of a file outside a transaction (not `open`) no locks and rows are seen at its end.
    """

    name: str
    open: bool
    made: tuple[str, ...]
    locks: tuple[HeldLock, ...]
    written: tuple[WrittenRows, ...]
    rewritten: tuple[Stored, ...]
    indexes: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class FileTimed:
    """How long one file took on the copy, and the locks that a watcher saw, whose `ms` is right to about 50."""

    name: str
    ms: int
    held: tuple[HeldLock, ...]


@dataclass(frozen=True, slots=True)
class RehearsalTimed:
    """The first run is over."""

    files: tuple[FileTimed, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Every file has run twice on the copy, and the second run moved nothing."""


@dataclass(frozen=True, slots=True)
class InvalidIndexes:
    """A file left indexes that PostgreSQL won't use."""

    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The session that applies waits for another's lock. `since` is when that one's transaction began."""

    pid: int
    application: str
    user: str
    state: str
    since: str
    query: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A lock was not had in time; the file was rolled back and is tried again."""

    in_s: int
    attempt: int
    of: int


@dataclass(frozen=True, slots=True)
class TableChange:
    """Rows of one table in the live database and in the backup; None where there is no such table."""

    table: str
    now: int | None
    then: int | None


@dataclass(frozen=True, slots=True)
class ChangesShown:
    """What a rollback would change. `written_since`: rows written since the backup was taken, None where that isn't known."""

    rows: tuple[TableChange, ...]
    pending_again: tuple[str, ...]
    written_since: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmationAwaited:
    """The job waits for the operator's `yes`."""


@dataclass(frozen=True, slots=True)
class BackupsPruned:
    """Old backups were removed."""

    count: int


@dataclass(frozen=True, slots=True)
class DatabaseForgotten:
    """A replaced database was dropped."""

    name: str


@dataclass(frozen=True, slots=True)
class BackupProven:
    """A backup was restored completely; its manifest says so. `restored_at` is ISO 8601, UTC."""

    name: str
    restored_at: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that doesn't stop the job but should be known."""

    text: str


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job stops; `reason` is a word of the catalogue in job/outcome.py."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RowSettled:
    """What the ledger says of one migration of this deploy."""

    name: str
    finished: bool
    ms: int | None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The job's last word. `outcome` is `done`, `failed` or `cancelled`."""

    outcome: str
    reason: str
    rows: tuple[RowSettled, ...] = ()
    replaced_database: str | None = None
    pending_again: tuple[str, ...] = ()
    outage_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JobNotStarted:
    """What was sent up was refused before it began; `reason` is `upload` or `directory`."""

    reason: str


@dataclass(frozen=True, slots=True)
class LockRefused:
    """Another job holds the lock. All but `step` are UNKNOWN while it has not yet said who it is."""

    by: str
    source: str
    command: str
    since: str
    step: str


@dataclass(frozen=True, slots=True)
class ServerSaid:
    """A line that a program on the server printed."""

    line: str


@dataclass(frozen=True, slots=True)
class ConnectionDropped:
    """The connection is gone; the job goes on without it, and we try to come back for `for_s` seconds."""

    for_s: float


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """We follow on from where we were."""


Event = (
    JobBegun
    | StepStarted
    | BackupStarted
    | BackupTaken
    | Progressed
    | MigrationStarted
    | MigrationApplied
    | CopyRestored
    | RehearsalStarted
    | FileMeasured
    | RehearsalTimed
    | Rehearsed
    | InvalidIndexes
    | Waiting
    | Retrying
    | ChangesShown
    | ConfirmationAwaited
    | BackupsPruned
    | DatabaseForgotten
    | BackupProven
    | Warned
    | JobFailed
    | JobEnded
    | JobNotStarted
    | LockRefused
    | ServerSaid
    | ConnectionDropped
    | ConnectionRestored
)


def event_from(found: Mapping[str, Any]) -> Event:
    """Read an event of the job's log.

    Raises:
        ValueError, KeyError, TypeError: it isn't one; the server is lying.
    """
    return _READERS[str(found["event"])](found)


def _rows(found: Mapping[str, Any]) -> tuple[RowSettled, ...]:
    return tuple(RowSettled(str(r["name"]), bool(r["finished"]), r["ms"]) for r in found.get("rows", []))


def _count(found: Any) -> int | None:  # noqa: ANN401 - JSON
    if found is not None and not (type(found) is int and 0 <= found < 2**63):
        raise ValueError(f"no count: {found!r}")
    return found


def _name(found: Any) -> str | None:  # noqa: ANN401 - JSON
    return None if found is None else str(found)


def _words(found: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    return tuple(str(word) for word in found)


def _locks(found: Any) -> tuple[HeldLock, ...]:  # noqa: ANN401 - JSON
    return tuple(HeldLock(str(k["table"]), str(k["mode"]), int(k["ms"]) if "ms" in k else None) for k in found)


def _stored(found: Any) -> tuple[Stored, ...]:  # noqa: ANN401 - JSON
    return tuple(Stored(str(s["table"]), int(s["bytes"])) for s in found)


def _lock_refused(found: Mapping[str, Any]) -> LockRefused:
    holder = dict(found["holder"] or {})
    by, source, command, since = (str(holder.get(key, UNKNOWN)) for key in ("by", "from", "command", "since"))
    return LockRefused(by, source, command, since, str(found["step"]))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "begun": lambda e: JobBegun(str(e["job"]), str(e["command"])),
    "step": lambda e: StepStarted(str(e["name"])),
    "backing_up": lambda e: BackupStarted(str(e["backup"])),
    "backed_up": lambda e: BackupTaken(
        str(e["backup"]), int(e["bytes"]), str(e["sha256"]), int(e["tables"]), int(e["rows"])
    ),
    "progress": lambda e: Progressed(_count(e["bytes"]), _count(e["of"])),
    "migration": lambda e: MigrationStarted(str(e["name"]), int(e.get("run", 0))),
    "applied": lambda e: MigrationApplied(str(e["name"]), int(e.get("run", 0))),
    "copied": lambda e: CopyRestored(int(e["tables"]), int(e["rows"])),
    "rehearsing": lambda e: RehearsalStarted(int(e["run"])),
    "measured": lambda e: FileMeasured(
        str(e["name"]),
        bool(e["open"]),
        _words(e["made"]),
        _locks(e["locks"]),
        tuple(
            WrittenRows(str(w["table"]), int(w["inserted"]), int(w["updated"]), int(w["deleted"])) for w in e["written"]
        ),
        _stored(e["rewritten"]),
        _stored(e["indexes"]),
    ),
    "timed": lambda e: RehearsalTimed(
        tuple(FileTimed(str(f["name"]), int(f["ms"]), _locks(f["held"])) for f in e["files"])
    ),
    "rehearsed": lambda _: Rehearsed(),
    "invalid_indexes": lambda e: InvalidIndexes(_words(e["indexes"])),
    "waiting": lambda e: Waiting(
        int(e["pid"]), str(e["application"]), str(e["user"]), str(e["state"]), str(e["since"]), str(e["query"])
    ),
    "retrying": lambda e: Retrying(int(e["in_s"]), int(e["try"]), int(e["of"])),
    "changes": lambda e: ChangesShown(
        tuple(TableChange(str(r["table"]), _count(r["now"]), _count(r["then"])) for r in e["rows"]),
        _words(e["pending_again"]),
        _count(e.get("written_since")),
    ),
    "confirm": lambda _: ConfirmationAwaited(),
    "pruned": lambda e: BackupsPruned(int(e["count"])),
    "forgotten": lambda e: DatabaseForgotten(str(e["database"])),
    "proven": lambda e: BackupProven(str(e["backup"]), str(e["restored_at"])),
    "warning": lambda e: Warned(str(e["text"])),
    "failed": lambda e: JobFailed(str(e["reason"]), str(e["detail"])),
    "ended": lambda e: JobEnded(
        str(e["outcome"]),
        str(e["reason"]),
        _rows(e),
        _name(e.get("replaced_database")),
        _words(e.get("pending_again", [])),
        _count(e.get("outage_ms")),
    ),
    "not_started": lambda e: JobNotStarted(str(e["reason"])),
    "lock_held": _lock_refused,
}
