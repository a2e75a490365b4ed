"""Results as the one JSON document that `--json` prints; the keys are the contract's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploy.report.console import for_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.commands.backups import BackupResult
    from deploy.commands.drift import DriftResult
    from deploy.commands.fetch import FetchResult
    from deploy.commands.look import Entry, Status
    from deploy.commands.rehearse import RehearsalResult
    from deploy.commands.release import ReleaseResult
    from deploy.commands.report import Report, Written
    from deploy.commands.rollback import RollbackResult
    from deploy.commands.salvage import SalvageResult
    from deploy.commands.schedule import ScheduleResult
    from deploy.job.outcome import FileTried
    from deploy.model.backup import Backup
    from deploy.model.errors import DeployError
    from deploy.model.examination import Check


def document_text(document: object) -> str:
    """Render a document; GitHub's runner, which reads along, finds no command of its own in it, and its meaning is the same."""
    return json.dumps(document, ensure_ascii=False, indent=2).replace("##[", "#\\u0023[")


def error_document(error: DeployError | None, host: str) -> dict[str, Any] | None:
    """An error, or null."""
    if error is None:
        return None
    return {
        "status": error.status,
        "name": type(error).__name__,
        "message": for_host(error.message, host),
        "hint": for_host(error.hint, host),
        "details": [for_host(detail, host) for detail in error.details],
    }


def refusal_document(error: DeployError, host: str) -> dict[str, Any]:
    """A command of which there is nothing to tell but its error; it was refused, if it hadn't begun anything."""
    return {"host": host, "outcome": error.outcome, "error": error_document(error, host)}


def release_document(result: ReleaseResult) -> dict[str, Any]:
    """A deploy; a dry run has its plan too."""
    document: dict[str, Any] = {
        "host": result.host,
        "outcome": result.outcome,
        "applied": list(result.applied),
        "failed": result.failed,
        "backup": result.backup,
        "rehearsed": result.rehearsed,
        "rehearsal": rehearsal_document(result.tried),
        "duration_s": round(result.duration_s, 3),
        "error": error_document(result.error, result.host),
    }
    if result.plan:
        document["plan"] = {
            "baseline": [m.name for m in result.plan.baseline],
            "pending": [p.migration.name for p in result.plan.pending],
            "backup": result.plan.backup,
            "upload": result.plan.upload,
            "rehearse": result.plan.rehearsal.runs > 0,
            "prune": list(result.plan.prune),
            "warnings": list(result.plan.warnings),
        }
    return document


def rehearsal_result_document(result: RehearsalResult) -> dict[str, Any]:
    """A rehearsal alone."""
    return {
        "host": result.host,
        "outcome": result.outcome,
        "pending": list(result.pending),
        "failed": result.failed,
        "rehearsal": rehearsal_document(result.tried),
        "duration_s": round(result.duration_s, 3),
        "error": error_document(result.error, result.host),
    }


def drift_document(result: DriftResult) -> dict[str, Any]:
    """How a database differs from its migrations."""
    return {
        "host": result.host,
        "outcome": "drifted" if result.drift.differences else "same",
        "migrations": result.files,
        "init": result.init,
        "ignored": result.drift.ignored,
        "differences": [
            {"type": d.what.type, "schema": d.what.schema, "name": d.what.name, "how": d.how, "diff": list(d.diff)}
            for d in result.drift.differences
        ],
        "error": error_document(result.error, result.host),
    }


def rehearsal_document(tried: Sequence[FileTried]) -> list[dict[str, Any]]:
    """What each file did to the copy in its first run; `ms` of a lock is null where it was too short to be watched."""
    return [
        {
            "file": file.name,
            "ms": file.ms,
            "locks": [{"table": lock.table, "mode": lock.mode, "ms": lock.ms} for lock in file.locks],
            "written": [
                {"table": w.table, "inserted": w.inserted, "updated": w.updated, "deleted": w.deleted}
                for w in file.written
            ],
            "rewritten": [{"table": s.name, "bytes": s.bytes} for s in file.rewritten],
            "indexes": [{"index": s.name, "bytes": s.bytes} for s in file.indexes],
        }
        for file in tried
    ]


def rollback_document(result: RollbackResult) -> dict[str, Any]:
    """A rollback."""
    return {
        "host": result.host,
        "outcome": result.outcome,
        "backup": result.backup,
        "safety_backup": result.safety_backup,
        "replaced_database": result.replaced_database,
        "pending_again": list(result.pending_again),
        "outage_ms": result.outage_ms,
        "duration_s": round(result.duration_s, 3),
        "error": error_document(result.error, result.host),
    }


def backup_document(backup: Backup | None) -> dict[str, Any] | None:
    """One backup, or null."""
    if backup is None:
        return None
    manifest, origin = backup.manifest, backup.origin
    return {
        "name": backup.name,
        "kind": backup.kind,
        "environment": origin.environment if origin else None,
        "database": origin.database if origin else None,
        "system": origin.system if origin else None,
        "bytes": backup.bytes,
        "taken_at": backup.taken_at.isoformat(),
        "sha256": manifest.sha256 if manifest else None,
        "migration": manifest.migration if manifest else None,
        "verified": backup.verified,
        "restored_at": manifest.restored_at if manifest else None,
    }


def backup_result_document(result: BackupResult) -> dict[str, Any]:
    """A backup that was taken or proven."""
    return {
        "host": result.host,
        "outcome": result.outcome,
        "backup": result.backup,
        "error": error_document(result.error, result.host),
    }


def schedule_document(result: ScheduleResult) -> dict[str, Any]:
    """A backup that cron takes."""
    return {
        "host": result.host,
        "outcome": result.outcome,
        "line": result.line,
        "error": None,
    }


def fetch_document(result: FetchResult) -> dict[str, Any]:
    """A backup that was brought here."""
    return {
        "host": result.host,
        "outcome": result.outcome,
        "backup": result.backup,
        "path": str(result.path),
        "bytes": result.bytes,
        "sha256": result.sha256,
        "error": error_document(result.error, result.host),
    }


def salvage_document(result: SalvageResult) -> list[dict[str, Any]]:
    """The tables that lack rows, and those that were not compared."""
    return [
        {
            "table": t.table,
            "rows": t.rows,
            "path": str(t.path) if t.path else None,
            "columns_left_out": list(t.columns_left_out),
            "reason": t.reason or None,
        }
        for t in result.tables
    ]


def status_document(status: Status) -> dict[str, Any]:
    """Where a server stands."""
    standing, seen = status.standing, status.seen
    return {
        "host": status.host,
        "database": status.database.name,
        "database_bytes": status.database.bytes,
        "server_version": status.database.version,
        "standby": status.database.standby,
        "applied": list(standing.applied),
        "pending": [m.name for m in standing.pending],
        "changed": list(standing.changed),
        "missing": list(standing.missing),
        "late": [m.name for m in standing.late],
        "unfinished": list(standing.unfinished),
        "latest_backup": backup_document(status.latest_backup),
        "replaced": [{"name": r.name, "bytes": r.bytes} for r in status.database.replaced],
        "lock": None if not seen.locked else _holder(status),
    }


def _holder(status: Status) -> Mapping[str, str | None]:
    holder = status.seen.holder
    if holder is None:
        return {"job": None, "command": None, "by": None, "from": None, "since": None, "step": None}
    return {
        "job": holder.job,
        "command": holder.command,
        "by": holder.by,
        "from": holder.source,
        "since": holder.since,
        "step": holder.step,
    }


def history_document(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What was deployed, newest first."""
    return [
        {
            "job": e.job,
            "command": e.command,
            "by": e.by,
            "from": e.source,
            "commit": e.commit,
            "started_at": e.started_at,
            "seconds": e.seconds,
            "outcome": e.outcome,
            "applied": list(e.rows),
            "backup": str(e.plan["backup"]) if e.plan.get("backup") else None,
            "database_bytes": e.database_bytes,
        }
        for e in entries
    ]


def report_document(report: Report, written: Written) -> dict[str, Any]:
    """What a page was made of."""
    return {
        "host": report.host,
        "outcome": "incomplete" if report.error else "written",
        "path": str(written.path),
        "bytes": written.bytes,
        "jobs": history_document(report.jobs),
        "migrations": [
            {
                "name": row.name,
                "way": row.way,
                "started_at": row.started_at,
                "finished_at": row.finished_at,
                "duration_ms": row.duration_ms,
            }
            for row in report.seen.ledger.rows
        ],
        "backups": [backup_document(b) for b in report.seen.backups],
        "database_bytes": report.seen.database.bytes if report.seen.database else None,
        "error": error_document(report.error, report.host),
    }


def doctor_document(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """What was looked at; `side` is `here` or `server`."""
    return [
        {"name": c.name, "side": c.side, "well": c.well, "found": c.found, "details": list(c.details), "mend": c.mend}
        for c in checks
    ]
