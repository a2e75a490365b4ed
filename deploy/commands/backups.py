"""Take a backup now, list them, prove one by restoring it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.commands.running import outcome_of, run_job
from deploy.commands.upload import send_up, upload_meant
from deploy.job.build import Setting
from deploy.job.compile_backups import compile_backup, compile_verify
from deploy.job.scripts import stem
from deploy.model.backup import STAMP
from deploy.plan.backup import choose_backup, explain_staleness, plan_backup
from deploy.plan.fitness import require_workplace
from deploy.plan.rollback import require_restorable
from deploy.project import author

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from deploy.model.backup import Backup
    from deploy.model.errors import DeployError
    from deploy.model.observation import Observation
    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class BackupResult:
    """How taking or proving a backup ended; `outcome` is `backed_up`, `verified`, `refused`, `failed` or `unknown`."""

    host: str
    outcome: str
    backup: str | None
    error: DeployError | None = None


def back_up(server: Server, console: Console) -> BackupResult:
    """Take a backup of one server.

    Raises:
        DeployError: something was found wrong before anything was touched.
    """
    seen = server.observe()
    database = require_workplace(seen, server.settings, server.remote_dir)
    at = Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    record, error = run_job(server, compile_backup(plan_backup(seen, server.settings), at), console)
    name = record.backup.name if record.backup else None
    return BackupResult(server.name, outcome_of(record, error, "backed_up"), name, error)


def backups(server: Server, max_age: timedelta | None) -> tuple[Observation, list[Backup], DeployError | None]:
    """List what stands in `backups/`, newest first, and say whether the newest verified one is too old."""
    seen = server.observe()
    stale = explain_staleness(seen, max_age) if max_age is not None else None
    return seen, sorted(seen.backups, key=lambda b: (b.taken_at, b.name), reverse=True), stale


def verify(server: Server, wanted: str, console: Console, *, every: bool) -> list[BackupResult]:
    """Prove one backup, or each, by restoring it; stop at the first that fails.

    Raises:
        DeployError: something was found wrong before anything was touched.
    """
    seen = server.observe()
    if not every and (upload := upload_meant(wanted, seen)):
        require_restorable(upload.backup, seen, require_workplace(seen, server.settings, server.remote_dir))
        send_up(server, upload, seen, console)
        wanted, seen = upload.backup.name, server.observe()
    chosen = newest_last(seen.backups) if every else [choose_backup(wanted, seen)]
    results: list[BackupResult] = []
    for backup in chosen:
        seen = server.observe()
        database = require_workplace(seen, server.settings, server.remote_dir)
        require_restorable(backup, seen, database)
        at = Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
        side = f"{stem(server.settings.database)}_side_{seen.time.strftime(STAMP)}"
        console.note(f"{server.name}: {backup.name}")
        record, error = run_job(server, compile_verify(backup, side, at), console)
        results.append(BackupResult(server.name, outcome_of(record, error, "verified"), backup.name, error))
        if error:
            break
        console.line(f"  ✅ {backup.name} restores, and every row is there")
    return results


def newest_last(found: Sequence[Backup]) -> list[Backup]:
    """In the order in which they were taken."""
    return sorted(found, key=lambda b: (b.taken_at, b.name))
