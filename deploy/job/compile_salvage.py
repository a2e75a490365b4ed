"""The salvage of rows, compiled to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.job.build import BEGIN, Build
from deploy.job.compile_backups import ANY_LEDGER
from deploy.job.scripts import sql
from deploy.model.job import Job, Step

if TYPE_CHECKING:
    from deploy.job.build import Setting

SALVAGE_SQL = ("salvage_session", "salvage_tables", "salvage_load", "salvage_plan", "salvage_lost")


def compile_salvage(replaced: str, table: str, form: str, at: Setting) -> Job:
    """Compile the search for rows that `replaced` has and the live database lacks; an empty `table` means all."""
    build = Build("salvage", at)
    build.add({f"sql/{name}.sql": sql(name).encode() for name in SALVAGE_SQL})
    steps = [
        BEGIN,
        Step("lock the database", ("hold_database", ANY_LEDGER)),
        Step("open the replaced database", ("open_replaced", replaced)),
        Step("list the tables", ("plan_salvage", table, form)),
        Step("compare", ("save_tables",)),
    ]
    return build.job(steps, {"source": replaced, "table": table, "format": form})
