"""A deploy's rehearsal alone: what it would do, shown on a copy, while production stays as it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.commands.drift import read_init
from deploy.commands.embedded import embedded
from deploy.commands.release import directory_sum
from deploy.commands.running import outcome_of, run_job
from deploy.job.build import Setting
from deploy.job.compile import compile_rehearsal
from deploy.plan.fitness import require_workplace
from deploy.plan.release import Wish, plan_release
from deploy.project import author, read_sources

if TYPE_CHECKING:
    from deploy.job.outcome import FileTried
    from deploy.model.errors import DeployError
    from deploy.model.settings import Settings
    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """How a rehearsal ended; `outcome` is `rehearsed`, `nothing_pending`, `failed`, `refused` or `unknown`."""

    host: str
    outcome: str
    pending: tuple[str, ...]
    failed: str | None = None
    duration_s: float = 0.0
    tried: tuple[FileTried, ...] = ()
    error: DeployError | None = None


def rehearse(server: Server, wish: Wish, console: Console) -> RehearsalResult:
    """Restore a fresh backup into a scratch database, and run the pending files there twice.

    Raises:
        DeployError: something was found wrong before anything was done.
    """
    began = time.monotonic()
    sources = read_sources(server.settings.migrations_dir)
    seen = server.observe()
    database = require_workplace(seen, server.settings, server.remote_dir)
    plan = plan_release(
        sources.migrations, directory_sum(sources), seen, server.settings, replace(wish, rehearse="always")
    )
    pending = tuple(p.migration.name for p in plan.pending)
    for warning in plan.warnings:
        console.line(f"⚠️  {warning}")
    if not pending:
        return RehearsalResult(server.name, "nothing_pending", pending)
    at = Setting(seen, database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    record, error = run_job(server, compile_rehearsal(plan, at), console)
    return RehearsalResult(
        server.name,
        outcome_of(record, error, "rehearsed"),
        pending,
        failed=record.at_work if error else None,
        duration_s=time.monotonic() - began,
        tried=record.tried,
        error=error,
    )


def rehearse_embedded(settings: Settings, init: str, wish: Wish, console: Console) -> RehearsalResult:
    """Run every file twice on a throw-away PostgreSQL that has only what `init` made.

    Raises:
        DeployError: something was found wrong before anything was done.
    """
    path, script = read_init(init, contained=False)
    console.note(f"a PostgreSQL of its own{f', with {path}' if path else ''}")
    with embedded(settings, script or "") as server:
        return rehearse(server, replace(wish, throwaway=True), console)
