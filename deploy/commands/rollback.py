"""Put a backup in place of the database: all that can fail comes before the question, and the question before the swap."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.job.compile import Setting, compile_rollback
from deploy.job.outcome import Record, explain
from deploy.job.runner import start
from deploy.job.scripts import stem
from deploy.model.errors import ConnectionLost, DeployError, NoTerminal, OutcomeUnknown
from deploy.model.event import ConfirmationAwaited
from deploy.plan.backup import choose_backup
from deploy.plan.fitness import require_workplace
from deploy.plan.rollback import RollbackPlan, plan_rollback
from deploy.project import author

if TYPE_CHECKING:
    from deploy.model.job import Job
    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """How a rollback ended; `outcome` is `rolled_back`, `refused`, `failed`, `unknown`, or `planned` for a dry run."""

    host: str
    outcome: str
    backup: str
    safety_backup: str | None = None
    replaced_database: str | None = None
    pending_again: tuple[str, ...] = ()
    outage_ms: int | None = None
    duration_s: float = 0.0
    error: DeployError | None = None


def rollback(server: Server, wanted: str, console: Console, *, assume_yes: bool, dry_run: bool) -> RollbackResult:
    """Roll one server back.

    Raises:
        DeployError: something was found wrong before anything was touched.
    """
    seen = server.observe()
    if dry_run and seen.database:
        choose_backup(wanted, seen.backups, now=seen.time)
    database = require_workplace(seen, server.settings, server.remote_dir)
    plan = plan_rollback(wanted, seen, database, server.settings, stem=stem(server.settings.database))
    if not (assume_yes or dry_run or sys.stdin.isatty()):
        raise NoTerminal(
            "a rollback asks before it swaps the databases, and there is no terminal to ask on",
            hint="Run it in a terminal, or add --yes.",
        )
    console.rollback_plan(server.name, plan, seen, dry_run=dry_run)
    if dry_run:
        return RollbackResult(server.name, "planned", plan.backup.name)
    at = Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    result = _run(server, plan, compile_rollback(plan, at, assume_yes=assume_yes), console)
    console.rollback_result(result)
    return result


def _run(server: Server, plan: RollbackPlan, job: Job, console: Console) -> RollbackResult:
    began = time.monotonic()
    record = Record()
    error: DeployError | None
    try:
        for event in start(server.shell, job, server.remote_dir):
            record.take(event)
            console.event(event)
            if isinstance(event, ConfirmationAwaited):
                _answer(
                    server, job.id, yes=console.ask(f"Put {plan.backup.name} in place of {server.settings.database}?")
                )
        error = explain(record, server.name)
    except (OutcomeUnknown, ConnectionLost) as lost:
        error = lost
    ended = record.ended
    return RollbackResult(
        server.name,
        _outcome(record, error),
        plan.backup.name,
        safety_backup=record.backup.name if record.backup else None,
        replaced_database=ended.replaced_database if ended else None,
        pending_again=ended.pending_again if ended else (),
        outage_ms=ended.outage_ms if ended else None,
        duration_s=time.monotonic() - began,
        error=error,
    )


def _answer(server: Server, job_id: str, *, yes: bool) -> None:
    """Hand the operator's answer to the job that waits for it."""
    path = f"{server.remote_dir}/.deploy/jobs/{job_id}/answer"
    server.shell.run(
        [
            "sh",
            "-c",
            'umask 077; printf "%s\\n" "$1" >"$2.part" && mv "$2.part" "$2"',
            "answer",
            "yes" if yes else "no",
            path,
        ]
    )


def _outcome(record: Record, error: DeployError | None) -> str:
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    if error is None:
        return "rolled_back"
    refused = (
        record.refused
        or isinstance(error, ConnectionLost)
        or (record.failed and record.failed.reason == "not_confirmed")
    )
    return "refused" if refused else "failed"
