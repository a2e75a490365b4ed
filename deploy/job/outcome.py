"""From a job's events to how it ended, in words that the operator can act on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deploy.model.errors import (
    BackupFailed,
    BackupUnusable,
    BackupUnverified,
    DatabaseBusy,
    DatabaseChanged,
    DatabaseLost,
    DatabaseUnreachable,
    DeployError,
    DirectoryUnusable,
    JobCancelled,
    JobDied,
    LockHeld,
    MigrationFailed,
    MigrationInvalid,
    MigrationUnfinished,
    NoSpace,
    NotConfirmed,
    OutcomeUnknown,
    RestoreFailed,
    SwapFailed,
    UploadDamaged,
)
from deploy.model.event import (
    UNKNOWN,
    BackupStarted,
    BackupTaken,
    ChangesShown,
    Event,
    FileMeasured,
    FileTimed,
    HeldLock,
    InvalidIndexes,
    JobEnded,
    JobFailed,
    JobNotStarted,
    LockRefused,
    MigrationApplied,
    MigrationStarted,
    RehearsalStarted,
    RehearsalTimed,
    Rehearsed,
    RowSettled,
    ServerSaid,
    StepStarted,
    Stored,
    Waiting,
    WrittenRows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_LINES = 200
"""Of what programs said in a step."""

COPY = "restore a copy"
"""The step in which a failure says nothing about the backup that an operator chose."""


@dataclass(slots=True)
class Record:
    """What a job's events add up to. `said` are the lines of the step or file that is at work, `run` the rehearsal's that is going on."""

    backup: BackupTaken | None = None
    applied: list[str] = field(default_factory=list)
    at_work: str | None = None
    step: str = ""
    said: list[str] = field(default_factory=list)
    waiting: Waiting | None = None
    invalid: InvalidIndexes | None = None
    changes: ChangesShown | None = None
    failed: JobFailed | None = None
    ended: JobEnded | None = None
    refused: LockRefused | JobNotStarted | None = None
    run: int = 0
    measured: dict[str, FileMeasured] = field(default_factory=dict)
    tried: tuple[FileTried, ...] = ()
    rehearsed: bool = False

    def take(self, event: Event) -> None:  # noqa: C901, PLR0912 - one branch a kind of event
        """Add an event."""
        match event:
            case StepStarted(name):
                self.step = name
                self.said = []
                self.run = 0
            case BackupStarted():
                self.said = []
            case BackupTaken():
                self.backup = event
            case MigrationStarted(name):
                self.at_work = name
                self.said = []
            case MigrationApplied(name, run):
                if not run:
                    self.applied.append(name)
                self.at_work = None
            case RehearsalStarted(run):
                self.run = run
            case FileMeasured(name):
                self.measured[name] = event
            case RehearsalTimed(files):
                self.tried = tuple(tried(file, self.measured.get(file.name)) for file in files)
            case Rehearsed():
                self.rehearsed = True
            case ServerSaid(line):
                self.said = [*self.said, line][-KEPT_LINES:]
            case Waiting():
                self.waiting = event
            case InvalidIndexes():
                self.invalid = event
            case ChangesShown():
                self.changes = event
            case JobFailed():
                self.failed = event
            case JobEnded():
                self.ended = event
            case LockRefused() | JobNotStarted():
                self.refused = event
            case _:
                pass


@dataclass(frozen=True, slots=True)
class FileTried:
    """What one file did to the copy: how long it took, and what happened to tables that were there before it."""

    name: str
    ms: int
    locks: tuple[HeldLock, ...] = ()
    written: tuple[WrittenRows, ...] = ()
    rewritten: tuple[Stored, ...] = ()
    indexes: tuple[Stored, ...] = ()


def tried(timed: FileTimed, measured: FileMeasured | None) -> FileTried:
    """Put what was seen at a file's end and what was watched from outside together.

    At its end a file in a transaction still holds all that it had; one outside of a transaction has given it back.
    """
    watched = {(lock.table, lock.mode): lock.ms for lock in timed.held}
    if measured is None:
        return FileTried(timed.name, timed.ms, timed.held)
    if measured.open:
        locks = tuple(replace(lock, ms=watched.get((lock.table, lock.mode))) for lock in measured.locks)
    else:
        locks = tuple(lock for lock in timed.held if lock.table not in measured.made)
    return FileTried(timed.name, timed.ms, locks, measured.written, measured.rewritten, measured.indexes)


@dataclass(frozen=True, slots=True)
class PsqlError:
    """The first error that psql printed. `line` is where the statement ends in the file; `excerpt` is LINE and caret."""

    file: str
    line: int
    sqlstate: str | None
    message: str
    excerpt: tuple[str, ...]


_PSQL = re.compile(r"psql:(?:.*/)?([^/:]+):([0-9]{1,9}): (?:(?:ERROR|FATAL|PANIC):  (?:([0-9A-Z]{5}): )?|error: )(.*)")
_AFTER_THE_ERROR = re.compile(r"psql:|(?:SCHEMA|TABLE|COLUMN|DATATYPE|CONSTRAINT) NAME:|LOCATION:|Time:|@")
"""What VERBOSITY verbose says for programs, and what isn't about the error any more."""


def find_psql_error(said: list[str]) -> PsqlError | None:
    """Find the first error in what psql said: those after it are its consequences."""
    for number, line in enumerate(said):
        if match := _PSQL.fullmatch(line):
            excerpt: list[str] = []
            for following in said[number + 1 :]:
                if _AFTER_THE_ERROR.match(following) or len(excerpt) >= 4:  # noqa: PLR2004 - about six lines in all
                    break
                excerpt.append(following)
            return PsqlError(match[1], int(match[2]), match[3], match[4], tuple(excerpt))
    return None


def explain(record: Record, host: str) -> DeployError | None:
    """Return None for a job that did all that it should, else the error that tells what happened.

    Args:
        record: all of its events.
        host: what stands behind -H in the commands that a hint names.
    """
    if record.refused:
        return _explain_refusal(record.refused, host)
    if record.ended and record.ended.outcome == "done":
        return None
    if record.step in EXCHANGES and record.ended is None:
        return OutcomeUnknown(
            f"the job was killed at: {record.step}, and what it had begun in the database may go on",
            hint=f"Let everybody in again with `fab -H {host} repair`; `fab -H {host} status` then says which database is live.",
            details=tuple(record.said[-3:]),
        )
    if record.failed is None or record.ended is None:
        return JobDied(
            f"the job was killed at: {record.step or 'its start'}",
            hint=f"See where the database stands with `fab -H {host} status`; the next deploy finishes the work.",
            details=tuple(record.said[-3:]),
        )
    return _explain_failure(record, record.failed, host)


def _explain_failure(record: Record, failed: JobFailed, host: str) -> DeployError:
    if record.ended and record.ended.outcome == "cancelled":
        return JobCancelled(
            f"the job was cancelled at: {record.step or 'its start'}; {_standing(record)}",
            hint="Deploy again when you are ready.",
        )
    if failed.reason == "migration":
        return _explain_migration(record, failed, host)
    if failed.reason == "database_busy":
        return _explain_busy(record)
    if failed.reason == "rehearsal_run":
        return _explain_rehearsal(record, failed)
    reasons = {**_REASONS, **_OF_A_COPY} if record.step == COPY else _REASONS
    kind, message, hint = reasons.get(failed.reason, reasons["step_failed"])
    return kind(
        message.format(detail=failed.detail or "it didn't say why"),
        hint=hint.format(host=host),
        details=_first_error(record.said),
    )


_ERROR = re.compile(r"(?:[^ ]+: )*(?:ERROR|FATAL|PANIC|error): ")


def _first_error(said: list[str]) -> tuple[str, ...]:
    """Return the first error and what belongs to it: a long statement that psql shows behind it would hide it."""
    first = next((number for number, line in enumerate(said) if _ERROR.match(line)), max(len(said) - 4, 0))
    return tuple(said[first : first + 4])


_REASONS: Mapping[str, tuple[type[DeployError], str, str]] = {
    "step_failed": (JobDied, "the job failed: {detail}", "See where the database stands with `fab -H {host} status`."),
    "interrupted": (
        JobDied,
        "{detail}",
        "See where the database stands with `fab -H {host} status`, and run it again.",
    ),
    "directory": (DirectoryUnusable, "{detail}", "Mend the directory's owner or its disk, and run it again."),
    "database": (
        DatabaseUnreachable,
        "the database doesn't answer: {detail}",
        "Nothing was changed; look at it with `fab -H {host} doctor`.",
    ),
    "database_lock": (
        LockHeld,
        "another session holds the deploy lock in the database",
        "Wait for it; `fab -H {host} status` says who it is.",
    ),
    "ledger_changed": (
        DatabaseChanged,
        "somebody else deployed since the plan was made: nothing was changed",
        "Run the command again; `fab -H {host} history` says who it was.",
    ),
    "backup_failed": (
        BackupFailed,
        "the backup failed: {detail}; nothing was applied",
        "Mend what pg_dump says above, and run it again.",
    ),
    "backup_unverified": (
        BackupUnverified,
        "the backup doesn't prove itself: {detail}; nothing was applied",
        "Run it again; if it fails again, look at the server's disk and log.",
    ),
    "no_space": (
        NoSpace,
        "the server's disk is full: {detail}; nothing was changed",
        "Free space there, and run it again.",
    ),
    "outcome_unknown": (
        OutcomeUnknown,
        "the database went away and didn't come back: it isn't known what was applied",
        "Bring it up, then look with `fab -H {host} status`; the next deploy finishes the work.",
    ),
    "swap_unknown": (
        OutcomeUnknown,
        "the database went away while it was exchanged, and didn't come back: it isn't known which of the two is live",
        "Bring it up and run `fab -H {host} repair`, which lets everybody in again; `status` then says which.",
    ),
    "backup_unusable": (
        BackupUnusable,
        "the backup can't be used: {detail}; the live database is untouched",
        "Choose another; `fab -H {host} rollback --backup=` lists them.",
    ),
    "restore_failed": (
        RestoreFailed,
        "the backup doesn't restore: {detail}; the live database is untouched",
        "Choose another; `fab -H {host} rollback --backup=` lists them.",
    ),
    "scratch_failed": (
        MigrationInvalid,
        "the script of --init doesn't run in an empty database: {detail}",
        "Mend what psql says above, or give --init another script.",
    ),
    "rehearsal_moved": (
        MigrationFailed,
        "run a second time on a copy, these migrations moved {detail}; nothing was applied",
        "Make them safe to repeat (IF NOT EXISTS, ON CONFLICT, a guard), or deploy them as they are with --rehearse=never.",
    ),
    "tables_busy": (
        DatabaseBusy,
        "the tables can't be locked: {detail}; nothing was changed",
        "Run it again when less is going on, or end what holds them; pg_stat_activity names it.",
    ),
    "swap_failed": (
        SwapFailed,
        "the databases could not be exchanged: {detail}; the live one is as it was",
        "Mend what psql says above, and run it again.",
    ),
    "not_confirmed": (
        NotConfirmed,
        "nothing was changed: the answer was not yes",
        "Run it again, and answer yes, or add --yes.",
    ),
}


_OF_A_COPY: Mapping[str, tuple[type[DeployError], str, str]] = {
    "backup_unusable": (
        BackupUnusable,
        "the backup just taken can't be used: {detail}; nothing was applied",
        "Mend that on the server, or deploy without this proof: --rehearse=never.",
    ),
    "restore_failed": (
        RestoreFailed,
        "the backup just taken doesn't restore: {detail}; nothing was applied",
        "A rollback would fail like this too: mend it in the database, or deploy without this proof: --rehearse=never.",
    ),
}
"""The reasons that mean something else in the step COPY."""


EXCHANGES = ("swap", "restore in place")
"""The steps in which the live database becomes another one."""

UPLOAD = "upload"
"""The step of who takes a file up: no job, so it can be neither followed nor cancelled."""


def _explain_refusal(refused: LockRefused | JobNotStarted, host: str) -> DeployError:
    if isinstance(refused, LockRefused):
        known = f"{refused.command} by {refused.by} from {refused.source} since {refused.since}"
        return LockHeld(
            f"another job is at work: {known}, at: {refused.step or 'the start'}"
            if refused.by != UNKNOWN
            else "another job is at work: it has just begun",
            hint="It ends by itself, at the latest a minute after its client; run it again then."
            if refused.step == UPLOAD
            else f"Watch it with `fab -H {host} follow`, or stop it with `fab -H {host} cancel`.",
        )
    if refused.reason == "upload":
        return UploadDamaged(
            "what arrived on the server isn't what was sent; nothing was started",
            hint=f"Run it again; if it says so again, the server's disk may be full: `fab -H {host} doctor` looks.",
        )
    return DirectoryUnusable(
        "the job's directory can't be made on the server", hint="Look at the owner and the disk of remote_dir."
    )


def _explain_busy(record: Record) -> DeployError:
    name = record.at_work or "the migration"
    waiting = record.waiting
    details: tuple[str, ...] = ()
    if waiting:
        details = (f"it has been in its transaction since {waiting.since}: {waiting.query}",)
    return DatabaseBusy(
        f"{name} didn't get its lock: {_blocker(waiting)} is in the way; {_standing(record)}",
        hint=f"End that session (SELECT pg_terminate_backend({waiting.pid if waiting else 'pid'})) or wait for it, and deploy again.",
        details=details,
    )


def _blocker(waiting: Waiting | None) -> str:
    if waiting is None:
        return "somebody"
    return f"pid {waiting.pid} ({waiting.application or 'no name'}, user {waiting.user}, {waiting.state})"


_LOST = ("57P01", "57P02", "57P03", "08006", "08003")
"""SQLSTATEs of a session that was ended, not of a statement that failed."""

_LOCKED = ("55P03", "40P01")
"""SQLSTATEs of a lock that was not had in time, or never would have been."""


def _explain_migration(record: Record, failed: JobFailed, host: str) -> DeployError:
    name = record.at_work or "the run"
    error = find_psql_error(record.said)
    unfinished = [row.name for row in _rows(record) if not row.finished]
    excerpt = record.said[-3:] if error is None else () if (error.sqlstate or "").startswith("DP") else error.excerpt
    details = (*excerpt, _standing(record, error))
    if (
        error is None
        or error.sqlstate in _LOST
        or re.match(r"server closed the conn|connection to server", error.message)
    ):
        return (MigrationUnfinished if unfinished else DatabaseLost)(
            f"{name}: the database's connection broke ({error.message if error else failed.detail})",
            hint=f"Look why with `fab -H {host} doctor`, and deploy again: it goes on where this one stopped.",
            details=details,
        )
    where = f"{name}:{error.line}" if error.file == name else f"{name}, at its end"
    sqlstate = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return (MigrationUnfinished if unfinished else MigrationFailed)(
        f"{where}: {error.message}{sqlstate}", hint=_migration_hint(record, error, name, host), details=details
    )


def _explain_rehearsal(record: Record, failed: JobFailed) -> DeployError:
    name = record.at_work or "the run"
    error = find_psql_error(record.said)
    run = "first" if record.run == 1 else "second"
    where, excerpt = f"{name}: {failed.detail}", tuple(record.said[-3:])
    if error:
        line = f":{error.line}" if error.file == name else ", at its end"
        sqlstate = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        where, excerpt = f"{name}{line}: {error.message}{sqlstate}", error.excerpt
    return MigrationFailed(
        where,
        hint=f"Mend {name} and deploy again."
        if record.run == 1
        else f"Make {name} safe to repeat (IF NOT EXISTS, OR REPLACE, a guard), or deploy it as it is with --rehearse=never.",
        details=(*excerpt, f"that was its {run} run on a scratch database: nothing was applied"),
    )


_HINTS: Mapping[str | None, str] = {
    "DP001": "Take COMMIT and ROLLBACK out of {name}, or write -- deploy: no-transaction in its first lines.",
    "DP004": "End it with COMMIT in {name}, and deploy again: the whole file is run again.",
    "2D000": "Write -- deploy: no-transaction in the first lines of {name}, and deploy again.",
}


def _migration_hint(record: Record, error: PsqlError, name: str, host: str) -> str:
    if error.sqlstate in _HINTS:
        return _HINTS[error.sqlstate].format(name=name)
    if error.sqlstate == "DP002" and record.invalid:
        broken = ", ".join(record.invalid.indexes)
        if any(not row.finished for row in _rows(record)):
            return f"Mend the data that stands against {broken}, and deploy again: it is then built anew."
        return f"Drop what an earlier try left behind (DROP INDEX {broken}), and deploy again."
    if error.sqlstate in _LOCKED and record.waiting:
        return f"End {_blocker(record.waiting)} or wait for it, and deploy again."
    changed = _rows(record) or record.applied
    rollback = (
        f", or go back: fab -H {host} rollback --backup={record.backup.name}" if record.backup and changed else ""
    )
    return f"Mend {name} and deploy again{rollback}"


NAMED = 3
"""How many applied files an error names before it counts them: it has about six lines."""


def _standing(record: Record, error: PsqlError | None = None) -> str:
    """Say what state the database is in."""
    finished = [row.name for row in _rows(record) if row.finished] or record.applied
    unfinished = [row.name for row in _rows(record) if not row.finished]
    before = f"applied before it: {', '.join(finished[-NAMED:])}" if finished else "nothing was applied"
    if len(finished) > NAMED:
        before += f" and {len(finished) - NAMED} more"
    if unfinished:
        return f"{before}; {unfinished[0]} is done in part (it runs outside a transaction)"
    if record.at_work and error and error.sqlstate == "DP001":
        return f"{before}; {record.at_work} was rolled back up to its own ROLLBACK, what it did after that stands"
    if record.at_work:
        return f"{before}; {record.at_work} was rolled back as a whole"
    return before


def reasons_table() -> str:
    """Render the catalogue for a shell: a reason, its exit status and what it says, a line each, parted by tabs."""
    return "".join(f"{reason}\t{kind.status}\t{message}\n" for reason, (kind, message, _) in _REASONS.items())


def _rows(record: Record) -> tuple[RowSettled, ...]:
    return record.ended.rows if record.ended else ()
