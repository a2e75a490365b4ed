"""How a backup takes the place of the database, decided before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.model.backup import STAMP, Backup
from deploy.model.errors import (
    BackupUnusable,
    DatabaseRightsLacking,
    NoSpace,
    NothingReplaced,
    RollbackBlocked,
)
from deploy.plan.backup import choose_backup, megabytes, name_backup, require_format
from deploy.plan.retention import plan_retention, replaced_at

if TYPE_CHECKING:
    from deploy.model.observation import Database, Observation
    from deploy.model.settings import Settings


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """A rollback, decided.

    `side` and `replaced` are names of databases; `safety` is the backup taken just before the swap. `in_place` drops and restores
    everything in one transaction instead of swapping.
    """

    backup: Backup
    side: str
    replaced: str
    safety: str
    in_place: bool
    prune: tuple[str, ...]
    last_applied: str | None
    ledger_fingerprint: str


def plan_rollback(  # noqa: PLR0913 - what a rollback is decided from
    wanted: str, seen: Observation, database: Database, settings: Settings, *, stem: str, in_place: bool = False
) -> RollbackPlan:
    """Decide how a backup takes the place of the database.

    Args:
        wanted: what `--backup` says.
        seen: the server.
        database: as `require_workplace` returned it.
        settings: of its environment.
        stem: what the names of side and replaced databases begin with.
        in_place: the operator takes the way that needs no right to create databases.

    Raises:
        BackupNotFound, BackupUnusable, DatabaseRightsLacking, RollbackBlocked, NoSpace: nothing has been touched.
    """
    backup = choose_backup(wanted, seen)
    if in_place:
        _require_usable(backup, database)
        require_space_for_rollback(backup, seen, database)
    else:
        require_restorable(backup, seen, database)
        require_swappable(database)
    require_format(seen, settings)
    safety = name_backup("pre_rollback", seen, settings)
    stamp = safety.removeprefix("pre_rollback_").split(".")[0]
    return RollbackPlan(
        backup=backup,
        side=f"{stem}_side_{stamp}",
        replaced=f"{stem}_replaced_{stamp}",
        safety=safety,
        in_place=in_place,
        prune=plan_retention(seen, settings, taking="pre_rollback", needed=backup.name),
        last_applied=seen.ledger.last,
        ledger_fingerprint=seen.ledger.fingerprint,
    )


def require_restorable(backup: Backup, seen: Observation, database: Database) -> None:
    """Refuse what can be told not to restore beside the live database.

    Raises:
        BackupUnusable, DatabaseRightsLacking, NoSpace: nothing has been touched.
    """
    _require_usable(backup, database)
    require_rights(database)
    require_space_for_rollback(backup, seen, database)


def require_copy(seen: Observation, database: Database, backup_bytes: int) -> None:
    """Refuse what can be told to stand against a copy of the database beside it, made from a backup that is still to be taken.

    Raises:
        DatabaseRightsLacking, RollbackBlocked, NoSpace: nothing has been touched.
    """
    require_rights(database)
    if database.subscriptions:
        raise RollbackBlocked(
            f"{database.name} subscribes to another server, and its copy would too",
            hint="Rehearse where there is no subscription, and deploy here with --rehearse=never.",
        )
    _require_disk(seen, backup_bytes, database.bytes * 5 // 4, "a copy to rehearse on and a backup")


def _require_usable(backup: Backup, database: Database) -> None:
    if backup.bytes == 0:
        raise BackupUnusable(f"{backup.name} is empty", hint="Choose another; `fab -H … backups` lists them.")
    manifest = backup.manifest
    if manifest and manifest.server_version // 10_000 > database.major:
        raise BackupUnusable(
            f"{backup.name} is of PostgreSQL {manifest.server_version // 10_000}, the server is {database.major}",
            hint="Restore it on a server of that version, or choose another backup.",
        )


def require_rights(database: Database) -> None:
    """Refuse where databases can't be created and renamed.

    Raises:
        DatabaseRightsLacking: with what gives them.
    """
    if not (database.superuser or (database.createdb and database.owns)):
        raise DatabaseRightsLacking(
            f"{database.user} may not create databases or doesn't own {database.name}",
            hint=f"As a superuser: ALTER ROLE {database.user} CREATEDB; ALTER DATABASE {database.name} OWNER TO {database.user};"
            " or roll back with --in-place: clients then block until the restore is over.",
        )


def require_swappable(database: Database) -> None:
    """Refuse where something holds on to the database that would go with it.

    Raises:
        RollbackBlocked: names it.
    """
    if database.prepared:
        raise RollbackBlocked(
            f"{database.prepared} prepared transactions are open in {database.name}",
            hint="COMMIT PREPARED or ROLLBACK PREPARED each of pg_prepared_xacts; they stand against renaming it.",
        )
    if database.slots:
        raise RollbackBlocked(
            f"the replication slot {database.slots[0]} belongs to {database.name}, and would follow the replaced database",
            hint="Stop its reader and drop it (pg_drop_replication_slot), then roll back and let the reader begin anew.",
        )
    if database.subscriptions:
        raise RollbackBlocked(
            f"{database.name} subscribes to another server, and its worker would go on writing into the replaced database",
            hint="ALTER SUBSCRIPTION … DISABLE, set its slot to NONE and drop it; make it anew after the rollback.",
        )


SAME_DISK_BYTES = 64 * 2**20
"""Two directories whose disks have as much free space as each other, but for this, are taken to share one."""


def require_space_for_rollback(backup: Backup, seen: Observation, database: Database) -> None:
    """Refuse when the disk can't take a side database and a safety backup.

    Raises:
        NoSpace: with the numbers.
    """
    _require_disk(seen, backup.bytes * 2, database.bytes * 5 // 4, "a side database and a safety backup")


def _require_disk(seen: Observation, for_backups: int, for_database: int, what: str) -> None:
    """A backup beside the others, another database and its WAL where the live one is; often that is one disk."""
    there = seen.free_bytes if seen.database_free_bytes is None else seen.database_free_bytes
    if abs(there - seen.free_bytes) < SAME_DISK_BYTES:
        _require_bytes(there, for_backups + for_database, what)
    else:
        database, _, backup = what.partition(" and ")
        _require_bytes(seen.free_bytes, for_backups, backup)
        _require_bytes(there, for_database, database)


def _require_bytes(free: int, needed: int, what: str) -> None:
    if free < needed:
        raise NoSpace(
            f"{what} may need {megabytes(needed)}, {megabytes(free)} are free on the server",
            hint="Free space there: replaced databases and old backups are what usually can go.",
        )


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """An undo, decided: `source` comes back, what is live now is kept as `replaced`."""

    source: str
    replaced: str
    ledger_fingerprint: str


def plan_undo(seen: Observation, database: Database, *, stem: str) -> UndoPlan:
    """Decide which replaced database comes back: the newest.

    Raises:
        NothingReplaced, DatabaseRightsLacking, RollbackBlocked: nothing has been touched.
    """
    if not database.replaced:
        raise NothingReplaced(
            "there is no replaced database to swap back",
            hint="`fab -H … rollback --backup=` lists the backups that you can go to.",
        )
    require_rights(database)
    require_swappable(database)
    return UndoPlan(
        source=max(database.replaced, key=replaced_at).name,
        replaced=free_replaced_name(seen, database, stem),
        ledger_fingerprint=seen.ledger.fingerprint,
    )


def free_replaced_name(seen: Observation, database: Database, stem: str) -> str:
    """Return a name that no replaced database has, whatever the server's clock does."""
    now = seen.time
    taken = {r.name for r in database.replaced}
    while (name := f"{stem}_replaced_{now.strftime(STAMP)}") in taken:
        now += timedelta(seconds=1)
    return name
