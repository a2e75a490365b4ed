"""Take away what a killed server left: a fence, side databases, partial files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.commands.running import run_job
from deploy.job.build import Setting
from deploy.job.compile_backups import compile_repair
from deploy.model.errors import DatabaseFenced, DirectoryUnusable
from deploy.plan.fitness import explain_database_error, require_unlocked
from deploy.project import author

if TYPE_CHECKING:
    from deploy.report.console import Console
    from deploy.server.target import Server


def repair(server: Server, console: Console) -> None:
    """Mend a server, if nobody is at work there.

    Raises:
        LockHeld: a job is alive.
        DeployError: the server can't be reached, or what the job ran into.
    """
    seen = server.observe()
    if seen.locked:
        require_unlocked(seen)
    if seen.database is None:
        error = explain_database_error(seen, server.settings)
        if not isinstance(error, DatabaseFenced):
            raise error
    if not seen.directory_writable:
        raise DirectoryUnusable(f"{server.remote_dir} can't be written by {seen.user}", hint="Run `fab -H … doctor`.")
    at = Setting(seen, seen.database, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    _, failure = run_job(server, compile_repair(at), console)
    if failure:
        raise failure
    console.line(f"✅ {server.name}: nothing is left behind")
