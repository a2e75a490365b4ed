"""Give back the rows that a rollback took away: those of the replaced database that the live one lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.commands.fetch import make_directory
from deploy.commands.running import begun, run_job
from deploy.job.build import Setting
from deploy.job.compile_salvage import compile_salvage
from deploy.job.runner import UNREADABLE, json_from
from deploy.model.errors import DatabaseUnreachable, DeployError, ServerTalksNonsense, UsageError
from deploy.plan.fitness import require_workplace
from deploy.plan.salvage import choose_replaced, require_format
from deploy.plan.transfer import table_file
from deploy.project import author
from deploy.server.transfer import RemoteFile, download

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.report.console import Console
    from deploy.server.target import Server


@dataclass(frozen=True, slots=True)
class SalvagedTable:
    """A table that was looked at; `rows` is None, with the reason, where it couldn't be compared."""

    table: str
    rows: int | None
    path: Path | None
    columns_left_out: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SalvageResult:
    """The tables that lack rows and those that were not compared, parents before their children."""

    host: str
    database: str
    tables: tuple[SalvagedTable, ...]
    error: DeployError | None = None


def salvage(  # noqa: PLR0913 - the flags of the command
    server: Server, console: Console, *, table: str, form: str, output: str, database: str
) -> SalvageResult:
    """Find the rows, and bring them here as files.

    Raises:
        DeployError: something was found wrong, or the job failed.
    """
    require_format(form)
    directory = make_directory(output)
    seen = server.observe()
    live = require_workplace(seen, server.settings, server.remote_dir)
    replaced = choose_replaced(database, live)
    console.note(f"{server.name}: looking for the rows of {replaced} that {live.name} lacks")
    at = Setting(seen, live, server.settings, server.remote_dir, author(server.settings.migrations_dir))
    job = compile_salvage(replaced, table, form, at)
    _, error = run_job(server, job, console)
    if error:
        raise error
    there = f"{server.remote_dir}/.deploy/jobs/{job.id}/salvage"
    with begun():
        report = _report(server, f"{there}/report")
        if table and not report:
            raise UsageError(
                f"{replaced} has no table {table}", hint="Write it as in SQL, with its schema: --table=public.orders"
            )
        tables = tuple(
            _bring(server, line, there, directory / table_file(line["table"], form), console) for line in report
        )
        server.shell.run(["rm", "-rf", "--", there])
    shown = tuple(t for t in tables if t.rows != 0 or table)
    return SalvageResult(server.name, replaced, shown, _failure(report))


def _report(server: Server, path: str) -> list[dict[str, Any]]:
    done = server.shell.run(["cat", "--", path])
    text = done.stdout.decode(errors="replace") if done.status == 0 else "it is gone\n"
    try:
        return [
            {
                **found,
                "n": int(found["n"]),
                "table": str(found["table"]),
                "rows": None if found["rows"] is None else int(found["rows"]),
                "bytes": int(found.get("bytes") or 0),
                "sha256": str(found.get("sha256")),
                "columns_left_out": tuple(str(c) for c in found["columns_left_out"]),
                "reason": str(found["reason"] or found["failed"]),
            }
            for found in map(json_from, text.split("\n")[:-1])
        ]
    except UNREADABLE as error:
        raise ServerTalksNonsense(
            "what the server says about the salvaged rows can't be read", hint="Run the command again."
        ) from error


def _bring(server: Server, found: dict[str, Any], there: str, target: Path, console: Console) -> SalvagedTable:
    if found["rows"]:
        source = RemoteFile(f"{there}/{found['n']}.rows", found["bytes"], found["sha256"])
        with console.progress(source.bytes, "fetching") as progress:
            # the rows may stand in another order than those of an earlier try
            download(server.shell, source, target, progress, resume=False)
    path = target if found["rows"] else None
    return SalvagedTable(found["table"], found["rows"], path, found["columns_left_out"], found["reason"])


def _failure(report: list[dict[str, Any]]) -> DeployError | None:
    failed = next((found for found in report if found["failed"]), None)
    if failed is None:
        return None
    return DatabaseUnreachable(
        f"{failed['table']} could not be compared: {failed['reason']}",
        hint="The other tables are here. Mend what psql says, and run it with --table for this one.",
    )
