"""Is what was seen a server that can be worked on? Every refusal says what mends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.model.errors import (
    ContainerDown,
    DatabaseFenced,
    DatabaseStandby,
    DatabaseTooOld,
    DatabaseUnreachable,
    DeployError,
    DirectoryUnusable,
    DockerUnusable,
    LockHeld,
    ServerUnfit,
    SettingsInvalid,
)
from deploy.model.observation import NO_JOB

if TYPE_CHECKING:
    from deploy.model.observation import Database, Observation
    from deploy.model.settings import Settings

OLDEST = 13
"""psql has \\warn, pg_dump reads what it must, and the server knows pg_current_xact_id()."""


def require_database(seen: Observation, settings: Settings) -> Database:
    """Return the database as it was seen.

    Raises:
        DeployError: of the 30s or 50s: what is missing, and what mends it.
    """
    if seen.lacks:
        raise ServerUnfit(
            f"the server lacks {', '.join(seen.lacks)}",
            hint="Install it: on Debian and Ubuntu the packages tar, gzip, coreutils, util-linux and mawk have them all.",
        )
    if seen.database is None:
        raise explain_database_error(seen, settings)
    if seen.database.major < OLDEST:
        raise DatabaseTooOld(
            f"the server is PostgreSQL {seen.database.major}, the oldest that works is {OLDEST}",
            hint="Upgrade PostgreSQL; it has no security fixes any more.",
        )
    return seen.database


def require_primary(seen: Observation, settings: Settings) -> Database:
    """Return the database if it can be changed.

    Raises:
        DatabaseStandby, SettingsInvalid, and all that `require_database` raises.
    """
    database = require_database(seen, settings)
    if database.standby:
        raise DatabaseStandby(
            f"{database.name} is on a standby, which takes no changes",
            hint="Deploy to the primary; a standby follows it by itself.",
        )
    if seen.foreign_ledger:
        raise SettingsInvalid(
            f"the table {settings.ledger_schema}.migrations is there but isn't this tool's ledger",
            hint="Set ledger_schema to the name of a schema that nobody uses.",
        )
    return database


def require_workplace(seen: Observation, settings: Settings, remote_dir: str) -> Database:
    """Return the database if a job can start: a directory to work in, and nobody at work.

    Raises:
        DirectoryUnusable, LockHeld, and all that `require_primary` raises.
    """
    database = require_primary(seen, settings)
    if not seen.directory_writable:
        raise DirectoryUnusable(
            f"{remote_dir} can't be {'written' if seen.directory_exists else 'made'} by {seen.user}",
            hint=f"As root on the server: install -d -o {seen.user} -m 755 {remote_dir}",
        )
    require_unlocked(seen)
    return database


def require_unlocked(seen: Observation) -> None:
    """Refuse while somebody is at work.

    Raises:
        LockHeld: with who, since when, from where and at which step.
    """
    if seen.locked:
        raise LockHeld(
            f"another job is at work: {seen.holder or 'it has just begun'}",
            hint="Wait: it ends by itself, or when the client that runs it is stopped."
            if seen.holder and seen.holder.job == NO_JOB
            else "Watch it with `fab -H … follow`, or stop it with `fab -H … cancel`.",
        )
    if seen.database and seen.database.locked_by:
        raise LockHeld(
            f"a session holds the deploy lock in the database: {seen.database.locked_by}",
            hint="Wait for it; if nobody needs it any more, end that session with pg_terminate_backend(pid).",
        )


def explain_database_error(seen: Observation, settings: Settings) -> DeployError:
    """Turn what psql, docker and sh said into the error that the operator should see."""
    said = seen.database_error or seen.container_error or "psql said nothing"
    docker = " ".join(settings.docker)
    words = {
        "said": said,
        "docker": docker,
        "program": settings.docker[0],
        "user": seen.user,
        "container": settings.container,
        "state": seen.container_state or "stopped",
        "database": settings.database,
    }
    for pattern, kind, message, hint in _EXPLANATIONS:
        if match := re.search(pattern, said):
            return kind(message.format(*match.groups(), **words), hint=hint.format(*match.groups(), **words))
    if settings.container and re.search(rf"{re.escape(settings.docker[0])}: (command )?not found", said):
        return DockerUnusable(
            f"the server has no {settings.docker[0]}",
            hint="Install Docker there, or set docker (podman, sudo -n docker), or container to an empty text.",
        )
    return DatabaseUnreachable(
        f"the database doesn't answer: {said}", hint="`fab -H … doctor` looks at each part of the way there."
    )


_EXPLANATIONS: tuple[tuple[str, type[DeployError], str, str], ...] = (
    (
        r"permission denied.*[Dd]ocker",
        DockerUnusable,
        "{user} may not use {docker}",
        "As root on the server: usermod -aG docker {user} (and log in again), or set docker to `sudo -n docker`.",
    ),
    (
        r"Cannot connect to the Docker daemon|Is the docker daemon running",
        DockerUnusable,
        "the Docker engine doesn't run on the server",
        "As root on the server: systemctl start docker",
    ),
    (
        r"^sudo: |a password is required",
        DockerUnusable,
        "sudo refuses {docker}: {said}",
        "Allow {user} to run docker without a password in sudoers.",
    ),
    (
        r"[Nn]o such container|no container with name",
        ContainerDown,
        "there is no container {container}",
        "Start it, or set container; `{docker} ps -a` on the server lists them.",
    ),
    (
        r"is restarting",
        ContainerDown,
        "the container {container} is restarting, again and again",
        "Look why on the server: {docker} logs --tail 50 {container}",
    ),
    (
        r"is paused",
        ContainerDown,
        "the container {container} is paused",
        "On the server: {docker} unpause {container}",
    ),
    (
        r"is not running|container state improper",
        ContainerDown,
        "the container {container} isn't running: {state}",
        "On the server: {docker} start {container}",
    ),
    (
        r"not currently accepting connections",
        DatabaseFenced,
        "{database} takes no connections: a rollback was cut off in the middle",
        "Run `fab -H … repair`: it lets connections in again and removes what was left.",
    ),
    (
        r'database "(.*?)" does not exist',
        DatabaseUnreachable,
        'there is no database "{0}"',
        "Set database to the right name, or create it.",
    ),
    (
        r'role "(.*?)" does not exist',
        DatabaseUnreachable,
        'there is no role "{0}"',
        "Set user to a role of that server (POSTGRES_USER).",
    ),
    (
        r"the database system is (starting up|shutting down|in recovery mode)",
        DatabaseUnreachable,
        "PostgreSQL is {0}",
        "Wait until it is up, and run it again.",
    ),
    (
        r"psql: (?:command )?not found|executable file not found|no such file or directory: unknown",
        ServerUnfit,
        "there is no psql where the database is",
        "Set postgres_bin to the directory that has psql and pg_dump.",
    ),
    (
        r"connection to server .* failed: (?:No such file or directory|Connection refused)",
        DatabaseUnreachable,
        "PostgreSQL isn't up: {said}",
        "Wait some seconds if it was just started; if it stays so, its log says why (`{docker} logs`, where it is in a container).",
    ),
    (
        r"connection to server .* failed|authentication failed",
        DatabaseUnreachable,
        "psql can't connect: {said}",
        "Check user and database, and what pg_hba.conf lets in.",
    ),
)
