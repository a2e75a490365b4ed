"""What a new backup is called, and which old one a name means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.model.backup import STAMP
from deploy.model.errors import BackupNotFound, BackupStale, NoSpace, SettingsInvalid, UsageError
from deploy.model.settings import SUFFIXES
from deploy.plan.retention import KINDS, plan_retention

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deploy.model.backup import Backup, Origin
    from deploy.model.observation import Observation
    from deploy.model.settings import Settings

ZSTD_SINCE = 16
"""The first pg_dump that compresses with zstd itself."""

ASSUMED_RATIO = 3
"""A gzipped dump of unknown data is taken to need a third of the database's size on disk; measured: a quarter or less."""

LATEST = ("pre_deploy", "backup")
"""The kinds that `latest` means: those taken before a change, not what a rollback threw out."""


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """A backup, decided: its name, what goes afterwards, and the last migration that will be in it."""

    name: str
    prune: tuple[str, ...]
    last_applied: str | None


def plan_backup(seen: Observation, settings: Settings) -> BackupPlan:
    """Decide what a backup on its own is called, and which old ones it lets go.

    Raises:
        NoSpace: with the numbers.
    """
    require_format(seen, settings)
    require_space_for_backup(seen)
    name = name_backup("backup", seen, settings)
    return BackupPlan(name, plan_retention(seen, settings, taking="backup"), seen.ledger.last)


def explain_staleness(seen: Observation, max_age: timedelta) -> BackupStale | None:
    """Return what is wrong when no verified backup of this database is younger than `max_age`: backups have stopped."""
    now, verified = seen.time, own(seen)
    if not verified:
        return BackupStale(
            "there is no verified backup of this database",
            hint="Take one with `fab -H … backup`, and schedule a nightly one.",
        )
    newest = verified[0]
    if now - newest.taken_at <= max_age:
        return None
    return BackupStale(
        f"the newest verified backup is {age(now, newest.taken_at)} old: {newest.name}",
        hint="Look why they have stopped, and take one with `fab -H … backup`.",
    )


def name_backup(kind: str, seen: Observation, settings: Settings) -> str:
    """Return a free name such as `pre_deploy_20261122_115500.sql.gz`; a clock that was set back never overwrites."""
    stem = f"backup_{settings.environment}" if kind == "backup" else kind
    names = {b.name for b in seen.backups}
    now = seen.time
    while (name := f"{stem}_{now.strftime(STAMP)}{SUFFIXES[settings.backup_format]}") in names:
        now += timedelta(seconds=1)
    return name


def require_format(seen: Observation, settings: Settings) -> None:
    """Refuse a format that the server's own programs can't write and read.

    Raises:
        SettingsInvalid: names what is missing.
    """
    if settings.backup_format != "sql.zst":
        return
    if seen.database and seen.database.major < ZSTD_SINCE:
        raise SettingsInvalid(
            f"backup_format sql.zst needs PostgreSQL {ZSTD_SINCE}, the server is {seen.database.major}",
            hint="Set backup_format to sql.gz or custom.",
        )
    if not seen.has_zstd:
        raise SettingsInvalid(
            "backup_format sql.zst needs the program zstd on the server",
            hint="Install zstd there, or set another format.",
        )


def require_space_for_backup(seen: Observation) -> None:
    """Refuse when the disk can't take another backup.

    Raises:
        NoSpace: with the numbers.
    """
    needed = expected_bytes(seen)
    if seen.free_bytes < needed:
        raise NoSpace(
            f"a backup needs about {megabytes(needed)}, {megabytes(seen.free_bytes)} are free on the server",
            hint="Free space there; old backups go by deleting them and their .json in backups/, `fab -H … backups` lists them.",
        )


def expected_bytes(seen: Observation) -> int:
    """Guess the size of a backup that is still to be taken, rather too big than too small: from the last one, else from the database."""
    earlier = own(seen)
    if earlier:
        return earlier[0].bytes * 3 // 2
    return seen.database.bytes // ASSUMED_RATIO if seen.database else 0


def megabytes(count: int) -> str:
    """Say a number of bytes as people do."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{max(count, 0) / 1000:.0f} kB"


KINDS_MEANT = {"latest": LATEST} | {kind: (kind,) for kind in KINDS}
"""What `--backup` takes in place of a name."""


def choose_backup(wanted: str, seen: Observation) -> Backup:
    """Return the backup that `--backup` means.

    `latest` is the newest that was taken before a change (so never a pre_rollback one, which holds what a rollback threw out),
    `pre_deploy`, `pre_rollback` and `backup` the newest of their kind; none of them ever means a backup of another database or of
    another server. Anything else is a file name in `backups/`, and may be of any.

    Raises:
        BackupNotFound: nothing fits; the candidates are listed.
    """
    if wanted in KINDS_MEANT:
        fitting = newest_first(seen, KINDS_MEANT[wanted])
    else:
        fitting = [b for b in seen.backups if b.name == wanted.removeprefix("backups/")]
    if not fitting:
        raise _not_found(wanted, seen)
    return fitting[0]


def _not_found(wanted: str, seen: Observation) -> BackupNotFound:
    message = f"there is no backup {wanted!a}" if wanted else "--backup says which one, and is empty"
    hint = "Name one of these, latest, or pre_deploy."
    if not seen.backups:
        hint = "There is none; `fab -H … backup` takes one."
    elif wanted in KINDS_MEANT:
        message += f" of {seen.here.name} on this server"
        hint = "Name one of these in full, whoever's it is; or take one with `fab -H … backup`."
    newest = sorted(seen.backups, key=lambda b: b.taken_at, reverse=True)[:20]
    return BackupNotFound(message, hint=hint, details=tuple(candidate(b, seen) for b in newest))


def own(seen: Observation) -> list[Backup]:
    """Return the verified backups of this database, newest first: those that count."""
    return sorted(
        (b for b in seen.backups if b.verified and b.is_of(seen.here)), key=lambda b: (b.taken_at, b.name), reverse=True
    )


def newest_first(seen: Observation, kinds: Sequence[str]) -> list[Backup]:
    """Return the verified backups of this database that are of these kinds."""
    return [b for b in own(seen) if b.kind in kinds]


def whose(backup: Backup, here: Origin) -> str | None:
    """Say of which database a backup is that isn't this one's; None of this one's, and where nobody knows."""
    if backup.origin is None or backup.is_of(here):
        return None
    if backup.origin.name != here.name:
        return backup.origin.name
    return "another server"


def candidate(backup: Backup, seen: Observation) -> str:
    """Describe a backup in one line."""
    last = backup.manifest.migration if backup.manifest else None
    words = [
        "verified" if backup.verified else "not verified",
        f"up to {last}" if last else "",
        f"of {other}" if (other := whose(backup, seen.here)) else "",
    ]
    described = ", ".join(word for word in words if word)
    return f"{backup.name}  {age(seen.time, backup.taken_at)} old  {megabytes(backup.bytes)}  {described}"


def age_limit(typed: str) -> timedelta:
    """Read `26h`, `90min` or `7d`.

    Raises:
        UsageError: anything else.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,5})(min|h|d)", typed)
    if not match:
        raise UsageError(f"--max-age={typed} is no age", hint="Write 90min, 26h or 7d.")
    count = int(match[1])
    return {"min": timedelta(minutes=count), "h": timedelta(hours=count), "d": timedelta(days=count)}[match[2]]


def age(now: datetime, then: datetime) -> str:
    """Say how long ago something was, roughly."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
