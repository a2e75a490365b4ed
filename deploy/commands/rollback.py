"""Put a backup in place of the database: all that can fail comes before the question, and the question before the swap."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from deploy.commands.running import outcome_of, require_terminal, run_job
from deploy.commands.upload import send_up, upload_meant
from deploy.job.build import Setting
from deploy.job.compile_backups import compile_forget, compile_rollback, compile_undo
from deploy.job.scripts import stem
from deploy.model.errors import NothingReplaced
from deploy.plan.fitness import require_workplace
from deploy.plan.rollback import plan_rollback, plan_undo
from deploy.project import author

if TYPE_CHECKING:
    from deploy.job.outcome import Record
    from deploy.model.errors import DeployError
    from deploy.model.observation import Database, Observation
    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """How a rollback or an undo ended.

    `outcome` is `rolled_back`, `undone`, `refused`, `failed`, `unknown`, or `planned` for a dry run. `backup` is the file, or the
    replaced database, that took the place of the live one.
    """

    host: str
    outcome: str
    backup: str
    safety_backup: str | None = None
    replaced_database: str | None = None
    pending_again: tuple[str, ...] = ()
    outage_ms: int | None = None
    duration_s: float = 0.0
    error: DeployError | None = None


def rollback(  # noqa: PLR0913 - the flags of the command
    server: Server, wanted: str, console: Console, *, assume_yes: bool, dry_run: bool, in_place: bool = False
) -> RollbackResult:
    """Roll one server back.

    Raises:
        DeployError: something was found wrong before anything was touched.
    """
    seen, database = _look(server)
    upload = upload_meant(wanted, seen)
    wanted = upload.backup.name if upload else wanted
    announced = upload.announced_in(seen) if upload else seen
    decide = partial(
        plan_rollback, wanted, settings=server.settings, stem=stem(server.settings.database), in_place=in_place
    )
    plan = decide(seen=announced, database=database)
    if not (assume_yes or dry_run):
        require_terminal(console, "a rollback asks before it swaps the databases")
    console.rollback_plan(server.name, plan, announced, dry_run=dry_run)
    if dry_run:
        return RollbackResult(server.name, "planned", plan.backup.name)
    if upload:
        send_up(server, upload, seen, console)
        seen, database = _look(server)
        plan = decide(seen=seen, database=database)
    job = compile_rollback(plan, _at(server, seen, database), assume_yes=assume_yes)
    began = time.monotonic()
    question = f"Put {plan.backup.name} in place of {server.settings.database}?"
    record, error = run_job(server, job, console, question=question)
    result = _result(server, plan.backup.name, record, error, "rolled_back", began)
    console.rollback_result(result)
    return result


def undo(server: Server, console: Console, *, assume_yes: bool) -> RollbackResult:
    """Swap the newest replaced database back; what is live now is kept in its place.

    Raises:
        DeployError: something was found wrong before anything was touched.
    """
    seen, database = _look(server)
    plan = plan_undo(seen, database, stem=stem(server.settings.database))
    if not assume_yes:
        require_terminal(console, "an undo asks before it swaps the databases")
    console.undo_plan(server.name, plan)
    job = compile_undo(plan, _at(server, seen, database), assume_yes=assume_yes)
    began = time.monotonic()
    question = f"Put {plan.source} in place of {server.settings.database}?"
    record, error = run_job(server, job, console, question=question)
    result = _result(server, plan.source, record, error, "undone", began)
    console.undo_result(result)
    return result


def forget(server: Server, console: Console, *, assume_yes: bool) -> tuple[str, ...]:
    """Drop all replaced databases of one server.

    Raises:
        NothingReplaced: there is none.
        DeployError: something was found wrong, or the job failed.
    """
    seen, database = _look(server)
    names = tuple(r.name for r in database.replaced)
    if not names:
        raise NothingReplaced("there is no replaced database to drop", hint="There is nothing to do.")
    console.forget_plan(server.name, database.replaced)
    if not assume_yes:
        require_terminal(console, "dropping a replaced database asks first: it can't be undone")
    job = compile_forget(names, _at(server, seen, database), assume_yes=assume_yes)
    _, error = run_job(server, job, console, question=f"Drop {', '.join(names)} for good?")
    if error:
        raise error
    return names


def _look(server: Server) -> tuple[Observation, Database]:
    seen = server.observe()
    return seen, require_workplace(seen, server.settings, server.remote_dir)


def _at(server: Server, seen: Observation, database: Database) -> Setting:
    return Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))


def _result(  # noqa: PLR0913, PLR0917 - what a job's end is made of
    server: Server, backup: str, record: Record, error: DeployError | None, done: str, began: float
) -> RollbackResult:
    ended = record.ended
    return RollbackResult(
        server.name,
        outcome_of(record, error, done),
        backup,
        safety_backup=record.backup.name if record.backup else None,
        replaced_database=ended.replaced_database if ended else None,
        pending_again=ended.pending_again if ended else (),
        outage_ms=ended.outage_ms if ended else None,
        duration_s=time.monotonic() - began,
        error=error,
    )
