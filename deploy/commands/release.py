"""The main job: back up, apply, report; one server after another, and none before all are planned."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.commands.running import outcome_of, run_job
from deploy.job.build import Setting
from deploy.job.by_hand import by_hand_files, is_outdated
from deploy.job.compile import compile_release
from deploy.model.errors import DeployError, JobDied, OutcomeUnknown
from deploy.plan.fitness import require_primary, require_workplace
from deploy.plan.release import plan_release
from deploy.project import Author, Sources, author, read_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.job.outcome import FileTried, Record
    from deploy.model.observation import Observation
    from deploy.plan.release import ReleasePlan, Wish
    from deploy.report.console import Console
    from deploy.server.target import Server


LOOKS = 6
"""At a database whose lock is held by what a killed job left: a session that only held it ends by itself, within a second or two."""


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """How a deploy of one server ended; `outcome` as the contract's JSON has it, or `planned` for a dry run."""

    host: str
    outcome: str
    applied: tuple[str, ...] = ()
    failed: str | None = None
    backup: str | None = None
    duration_s: float = 0.0
    error: DeployError | None = None
    plan: ReleasePlan | None = None
    rehearsed: bool = False
    tried: tuple[FileTried, ...] = ()


@dataclass(frozen=True, slots=True)
class _Planned:
    server: Server
    seen: Observation
    sources: Sources
    plan: ReleasePlan


def release(servers: Sequence[Server], wish: Wish, console: Console, *, dry_run: bool) -> list[ReleaseResult]:
    """Deploy to each server in turn; stop at the first failure.

    Raises:
        DeployError: something was found wrong before any server was touched.
        KeyboardInterrupt: somebody leaves, or asked to and there are servers left.
    """
    who = author(servers[0].settings.migrations_dir)
    planned = [_plan(server, wish, who, dry_run=dry_run) for server in servers]
    results: list[ReleaseResult] = []
    for item in planned:
        console.release_plan(item.server.name, item.plan, item.seen, dry_run=dry_run)
        if dry_run:
            results.append(ReleaseResult(item.server.name, "planned", plan=item.plan))
        elif any(r.error for r in results) or (results and console.asked_to_leave):
            results.append(ReleaseResult(item.server.name, "not_started"))
        else:
            results.append(_tried(item, who, console))
            console.release_result(results[-1])
    if console.asked_to_leave and results[-1].outcome == "not_started" and not any(r.error for r in results):
        console.release_table(results)
        raise KeyboardInterrupt
    return results


def directory_sum(sources: Sources) -> str:
    """Sum up the migrations directory as observe.sh does on the server."""
    files = sorted((f"./{f.path}".encode(), f.content) for f in sources.files)
    lines = b"".join(sha256(content).hexdigest().encode() + b"  " + path + b"\n" for path, content in files)
    return sha256(lines).hexdigest()


def _plan(server: Server, wish: Wish, who: Author, *, dry_run: bool) -> _Planned:
    sources = read_sources(server.settings.migrations_dir)
    seen = server.observe()
    if dry_run:
        require_primary(seen, server.settings)
    else:
        require_workplace(seen, server.settings, server.remote_dir)
    ours = directory_sum(sources)
    if server.holds_sources:
        seen = replace(seen, migrations_sum=ours)
    plan = plan_release(sources.migrations, ours, seen, server.settings, wish)
    scripts = by_hand_files(server.settings, server.remote_dir, who.version)
    return _Planned(server, seen, sources, replace(plan, install=is_outdated(seen, scripts)))


def _tried(item: _Planned, who: Author, console: Console) -> ReleaseResult:
    """Deploy to one server; that its job can't be started is a result too, beside those of the servers before it."""
    try:
        return _run(item, who, console)
    except DeployError as refused:
        refused.host = refused.host or item.server.name
        return ReleaseResult(item.server.name, refused.outcome, error=refused)


def _run(item: _Planned, who: Author, console: Console) -> ReleaseResult:
    began = time.monotonic()
    if item.plan.does_nothing:
        return ReleaseResult(item.server.name, "nothing_pending", duration_s=time.monotonic() - began)
    database = require_primary(item.seen, item.server.settings)
    job = compile_release(
        item.plan, Setting(item.seen, database, item.server.settings, item.server.remote_dir, who), item.sources.files
    )
    record, error = run_job(item.server, job, console)
    applied = _applied(record)
    if isinstance(error, JobDied):
        error, applied = _look_again(item, job.id, error, applied)
        error.host = item.server.name
        error.outcome = outcome_of(record, error, "")
    return ReleaseResult(
        item.server.name,
        outcome_of(record, error, "applied" if item.plan.pending or item.plan.baseline else "nothing_pending"),
        applied,
        failed=record.at_work if error and not isinstance(error, OutcomeUnknown) else None,
        backup=record.backup.name if record.backup else None,
        duration_s=time.monotonic() - began,
        error=error,
        rehearsed=record.rehearsed,
        tried=record.tried,
    )


def _applied(record: Record) -> tuple[str, ...]:
    """What the ledger says, where it was asked; else what psql said."""
    if record.ended and record.ended.rows:
        return tuple(row.name for row in record.ended.rows if row.finished)
    return tuple(record.applied)


def _look_again(
    item: _Planned, job_id: str, error: JobDied, shown: tuple[str, ...]
) -> tuple[DeployError, tuple[str, ...]]:
    """A killed job can't say what it did; the ledger can, once no session of the job is at work any more.

    Args:
        item: where it ran.
        job_id: which it was.
        error: that it was killed.
        shown: what it said it had applied, which stands.
    """
    seen = _settled(item.server)
    if seen is None or seen.database is None:
        said = f"applied before: {', '.join(shown)}" if shown else "nothing was seen to be applied"
        more = "the ledger can't be read now, which would say the rest"
        return JobDied(error.message, hint=error.hint, details=(*error.details, said, more)), shown
    applied = tuple(row.name for row in seen.ledger.applied if row.deploy_id == job_id)
    if seen.database.locked_by:
        said = f"applied so far: {', '.join(applied)}" if applied else "nothing is applied so far"
        return OutcomeUnknown(
            f"{error.message}, and its session in the database is still applying",
            hint="See where it stands with `fab -H … status`, and deploy again once that session has ended.",
            details=(*error.details, f"the session: {seen.database.locked_by}", said),
        ), applied
    said = f"applied: {', '.join(applied)}" if applied else "nothing was applied"
    return JobDied(error.message, hint=error.hint, details=(*error.details, said)), applied


def _settled(server: Server) -> Observation | None:
    """Look until no session of a killed job is left, or one that applies is seen; None where it can't be looked at."""
    for _ in range(LOOKS):
        try:
            seen = server.observe()
        except DeployError:
            return None
        if seen.database is None or not seen.database.locked_by or ":apply," in seen.database.locked_by:
            break
        time.sleep(0.5)
    return seen
