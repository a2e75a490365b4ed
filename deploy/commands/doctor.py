"""Look at all that can be wrong on both sides, and say what mends it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from deploy.commands.schedule import scheduled
from deploy.job.by_hand import SCRIPTS
from deploy.model.errors import DeployError
from deploy.model.examination import HERE, Check, Examination, Handshake
from deploy.plan.doctor import check_connection, check_migrations, check_schedule, check_server, check_way_in, failing
from deploy.project import read_sources
from deploy.server.examination import examine as look_closer

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.model.examination import WayIn
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings
    from deploy.server.target import Server

THIS_CLOCK = partial(datetime.now, UTC)


def examine(  # noqa: PLR0913 - each thing that it looks at comes by a function
    name: str,
    settings_of: Callable[[], Settings],
    way_in: Callable[[Settings], WayIn | None],
    connect: Callable[[], Server],
    *,
    ask_ssh: Callable[[Settings], str | None] = lambda _: None,
    now: Callable[[], datetime] = THIS_CLOCK,
) -> tuple[list[Check], DeployError | None]:
    """Look at one server and at the way to it; what fails is a line of the table.

    Args:
        name: as tables show it.
        settings_of: reads the settings of its environment.
        way_in: says how it is reached; None on this machine.
        connect: opens it.
        ask_ssh: lets ssh log in the same way, at the same time: a server that is out of reach is waited for once.
        now: this machine's clock.

    Returns:
        All that was looked at, and why the rest could not be.
    """
    try:
        settings = settings_of()
    except DeployError as error:
        return [failing("settings", error, side=HERE)], error
    checks = [_settings(settings), check_migrations(lambda: _migrations(settings.migrations_dir))]
    way = way_in(settings)
    if way:
        checks += check_way_in(way)
        if way.error:
            return checks, way.error
    with ThreadPoolExecutor(1) as pool:
        ssh_says = pool.submit(ask_ssh, settings)
        lost, server, took_s = _connect(connect)
    way = replace(way, ssh_says=ssh_says.result()) if way else None
    if server is None:
        return [*checks, *check_connection(name, way, None, lost)], lost
    try:
        seen, handshake = _observe(server, took_s, now)
    except DeployError as error:
        return [*checks, *check_connection(name, way, None, error)], error
    checks += check_connection(name, way, handshake if way else None, None)
    try:
        closer = look_closer(server.shell, settings, server.remote_dir, database_answers=seen.database is not None)
    except DeployError as error:
        # what hangs here is docker: the rest has been seen
        checks.append(failing("a closer look", error, side="server"))
        closer = Examination()
    checks += check_server(seen, closer, settings, server.remote_dir, scripts=SCRIPTS)
    return [*checks, _schedule(server, closer)], None


def _connect(connect: Callable[[], Server]) -> tuple[DeployError | None, Server | None, float]:
    """Return why it failed, or the server; and how long it took, in seconds."""
    began = time.monotonic()
    try:
        return None, connect(), time.monotonic() - began
    except DeployError as error:
        return error, None, time.monotonic() - began


def _settings(settings: Settings) -> Check:
    where = f"in {settings.container}" if settings.container else "on the server itself"
    return Check("settings", f"{settings.environment}: {settings.database} {where}, {settings.remote_dir}", side=HERE)


def _migrations(directory: str) -> str:
    found = read_sources(directory).migrations
    return f"{len(found)} in {directory}/, the last is {found[-1].name}"


def _observe(server: Server, took_s: float, now: Callable[[], datetime]) -> tuple[Observation, Handshake]:
    before = now()
    seen = server.observe()
    middle = before + (now() - before) / 2
    # the server's time is cut to whole seconds
    ahead = seen.time + timedelta(seconds=0.5) - middle
    key = getattr(server.shell, "host_key", None)
    return seen, Handshake(took_s, f"{key.fingerprint} ({key.type})" if key else None, ahead.total_seconds())


def _schedule(server: Server, closer: Examination) -> Check:
    try:
        line = scheduled(server)
    except DeployError as error:
        return check_schedule(None, closer, refusal=error)
    return check_schedule(line, closer)
