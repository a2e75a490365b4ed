"""The sh and SQL files of this package, and the settings rendered in front of them.

This is the one place where words of ours become shell: every value is quoted by shlex.
"""

from __future__ import annotations

import shlex
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.model.settings import Settings

LOCK_KEY = int.from_bytes(b"deploy", "big")
"""The advisory lock that spans a job."""

APPLY_KEY = LOCK_KEY + 1
"""The advisory lock of the one session that applies migrations; it outlives a job that was killed."""

PLAIN_OPTIONS = "-c statement_timeout=0 -c quote_all_identifiers=off"
"""What a database or a role may set for its applications, and a job's own questions can't do with. Migrations keep it."""

SIDE_STEM_BYTES = 38
"""What is left of a database's name in those of its side and replaced databases: PostgreSQL cuts names at 63 bytes, and
`_replaced_20261122_115500` are 25 of them."""


@cache
def script(name: str) -> str:
    """Return the text of `job/sh/NAME`."""
    return resources.files("deploy.job").joinpath("sh", name).read_text("utf-8")


@cache
def sql(name: str) -> str:
    """Return the text of `postgres/sql/NAME.sql`."""
    return resources.files("deploy.postgres").joinpath("sql", f"{name}.sql").read_text("utf-8")


def stem(database: str) -> str:
    """Return what the names of a database's side and replaced databases begin with; no two databases share one."""
    name = database.encode()
    if len(name) <= SIDE_STEM_BYTES:
        return database
    told_apart = "_" + sha256(name).hexdigest()[:8]
    return name[: SIDE_STEM_BYTES - len(told_apart)].decode(errors="ignore") + told_apart


def assignments(values: Mapping[str, object]) -> str:
    """Render shell variables, one a line."""
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())


def function(name: str, argv: Sequence[str]) -> str:
    """Render a shell function that runs argv with its own arguments behind it."""
    return f'{name}() {{ {shlex.join(argv)}{" " if argv else ""}"$@"; }}\n'


def settings_head(settings: Settings, remote_dir: str) -> str:
    """Render what every script needs to know about a server."""
    docker = list(settings.docker)
    return (
        assignments(
            {
                "remote_dir": remote_dir,
                "base": f"{remote_dir}/.deploy",
                "environment": settings.environment,
                "container": settings.container,
                "database": settings.database,
                "user": settings.user,
                "pg_bin": f"{settings.postgres_bin}/" if settings.postgres_bin else "",
                "pg_options": PLAIN_OPTIONS,
                "ledger_schema": settings.ledger_schema,
                "lock_key": LOCK_KEY,
                "apply_key": APPLY_KEY,
                "stem": stem(settings.database),
            }
        )
        + function("engine", ["command", *docker])
        + function("inside", ["command", *docker, "exec", "-i", settings.container] if settings.container else [])
    )
