"""Where things stand, what was deployed, and whether a server is fit: looks that change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.commands.schedule import scheduled
from deploy.job.by_hand import SCRIPTS
from deploy.model.errors import DeployError, UsageError
from deploy.model.observation import FOREIGN
from deploy.plan.backup import LATEST, age, megabytes, newest_first
from deploy.plan.fitness import explain_database_error, require_database, require_primary, require_unlocked
from deploy.plan.release import Standing, compare
from deploy.project import read_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.model.backup import Backup
    from deploy.model.observation import Database, Observation
    from deploy.server.target import Server

HISTORY_LINES = 400
"""Of deploys.jsonl; two a job."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where one server stands."""

    host: str
    database: Database
    standing: Standing
    seen: Observation
    latest_backup: Backup | None


def status(server: Server) -> Status:
    """Compare the files here with the ledger there.

    Raises:
        DeployError: the server or the files can't be read.
    """
    sources = read_sources(server.settings.migrations_dir)
    seen = server.observe()
    database = require_database(seen, server.settings)
    latest = newest_first(seen.backups, LATEST)
    return Status(server.name, database, compare(sources.migrations, seen.ledger), seen, latest[0] if latest else None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One job of the audit; `outcome` is None while it runs, or when it was killed and could not say."""

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
    commit, plan, rows, seconds = line.get("commit"), line.get("plan"), end.get("rows"), end.get("seconds")
    settled = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return Entry(
        job=job,
        command=str(line.get("command")),
        by=str(line.get("by")),
        source=str(line.get("from")),
        commit=str(commit) if commit else None,
        started_at=str(line.get("at")),
        seconds=seconds if type(seconds) is int else None,
        outcome=str(end["outcome"]) if "outcome" in end else None,
        reason=str(end.get("reason", "")),
        plan=plan if isinstance(plan, dict) else {},
        rows=tuple(str(row.get("name")) for row in settled if row.get("finished")),
    )


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the doctor looked at; `mend` is empty where all is well."""

    name: str
    found: str
    mend: str = ""

    @property
    def well(self) -> bool:
        """Is there nothing to mend?"""
        return not self.mend


def doctor(server: Server) -> list[Check]:
    """Look at all that can be wrong on a server, and say what mends it; never stops at the first."""
    seen = server.observe()
    checks = [
        Check("connection", f"{server.name} as {seen.user}, {seen.kernel}"),
        _programs(seen),
        _directory(server, seen),
        _database(server, seen),
    ]
    if seen.database:
        checks += [_primary(server, seen), _rights(seen.database), _leftovers(seen), _swap_obstacles(seen.database)]
    return [*checks, _lock(seen), _space(seen), _backups(seen), _schedule(server), _by_hand(seen)]


def _programs(seen: Observation) -> Check:
    if seen.lacks:
        return Check(
            "programs", f"the server lacks {', '.join(seen.lacks)}", "Install them with the server's package manager."
        )
    return Check("programs", "sh, tar, gzip, sha256sum, awk, stat, flock and setsid are there")


def _directory(server: Server, seen: Observation) -> Check:
    if not seen.directory_writable:
        return Check(
            "directory",
            f"{server.remote_dir} can't be written by {seen.user}",
            f"As root on the server: install -d -o {seen.user} -m 755 {server.remote_dir}",
        )
    return Check(
        "directory",
        server.remote_dir if seen.directory_exists else f"{server.remote_dir} will be made by the first deploy",
    )


def _database(server: Server, seen: Observation) -> Check:
    if seen.database is None:
        error = explain_database_error(seen, server.settings)
        return Check("database", error.message, error.hint)
    where = f"in container {server.settings.container}" if server.settings.container else "on the server itself"
    database = seen.database
    return Check("database", f"{database.name}, {megabytes(database.bytes)}, PostgreSQL {database.major} {where}")


def _primary(server: Server, seen: Observation) -> Check:
    try:
        require_primary(seen, server.settings)
    except DeployError as error:
        return Check("primary", error.message, error.hint)
    return Check("primary", "it takes changes")


def _rights(database: Database) -> Check:
    if database.superuser or (database.createdb and database.owns):
        return Check("rights", f"{database.user} may create databases: a rollback can swap")
    return Check(
        "rights",
        f"{database.user} may not create databases or doesn't own {database.name}: a rollback can't swap",
        f"As a superuser: ALTER ROLE {database.user} CREATEDB; ALTER DATABASE {database.name} OWNER TO {database.user};",
    )


def _leftovers(seen: Observation) -> Check:
    left = [*(seen.database.scratch if seen.database else ()), *seen.partial]
    if left and not seen.locked:
        return Check("leftovers", f"a killed job left {', '.join(left)}", "fab -H … repair")
    return Check("leftovers", "none")


def _swap_obstacles(database: Database) -> Check:
    obstacles = []
    if database.prepared:
        obstacles.append(f"{database.prepared} prepared transactions")
    if database.slots:
        obstacles.append(f"replication slots {', '.join(database.slots)}")
    if database.subscriptions:
        obstacles.append(f"{database.subscriptions} subscriptions")
    if obstacles:
        return Check(
            "rollback", f"{' and '.join(obstacles)} stand against a swap", "Look at them before you need a rollback."
        )
    return Check("rollback", "nothing stands against a swap")


def _lock(seen: Observation) -> Check:
    try:
        require_unlocked(seen)
    except DeployError as error:
        return Check("lock", error.message, error.hint)
    return Check("lock", "free")


def _space(seen: Observation) -> Check:
    needed = (seen.database.bytes if seen.database else 0) * 2
    if seen.free_bytes < needed:
        return Check(
            "disk",
            f"{megabytes(seen.free_bytes)} are free; a rollback needs about {megabytes(needed)}",
            "Free space on the server before you need a rollback.",
        )
    return Check("disk", f"{megabytes(seen.free_bytes)} are free")


def _schedule(server: Server) -> Check:
    try:
        line = scheduled(server)
    except DeployError as error:
        return Check("schedule", f"no backup by cron: {error.message}")
    if line is None:
        return Check("schedule", "cron takes no backup; the command `schedule` lets it")
    return Check("schedule", line.partition(" cd ")[0])


def _by_hand(seen: Observation) -> Check:
    """A team may well keep scripts of its own."""
    foreign = [name for name in SCRIPTS if seen.scripts.get(name) == FOREIGN]
    missing = [name for name in (*SCRIPTS, "lib") if name not in seen.scripts]
    if foreign:
        return Check("by hand", f"the team's own, so ours stay away: {', '.join(foreign)}")
    if missing:
        return Check("by hand", "the next deploy installs backup-db.sh and restore-db.sh")
    return Check("by hand", "backup-db.sh and restore-db.sh are there, for when only ssh works")


def _backups(seen: Observation) -> Check:
    verified = [b for b in seen.backups if b.verified]
    if not verified:
        return Check("backups", "there is none yet; every deploy takes one first")
    newest = max(verified, key=lambda b: b.taken_at)
    return Check(
        "backups", f"{len(verified)} verified, the newest is {age(seen.time, newest.taken_at)} old: {newest.name}"
    )
