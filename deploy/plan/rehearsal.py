"""How much of a deploy is tried on a copy of the database first, decided before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.model.errors import DatabaseRightsLacking, MigrationInvalid, RollbackBlocked, UsageError
from deploy.model.settings import REHEARSE
from deploy.plan.backup import expected_bytes, megabytes
from deploy.plan.rollback import require_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.observation import Observation
    from deploy.model.settings import Settings
    from deploy.plan.release import Pending

RUNS = 2
"""Once to see that the files run, and once more: a migration must be safe to repeat."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is tried on a copy.

    `restore`: whether the backup is restored beside the live database. `runs`: how often the pending files are run there. `less` says
    why that isn't everything, or is empty.
    """

    restore: bool
    runs: int
    less: str = ""


NONE = Rehearsal(restore=False, runs=0)


def rehearse_mode(typed: str, settings: Settings) -> str:
    """Return what `--rehearse` says, else the setting.

    Raises:
        UsageError: it says something else.
    """
    if typed and typed not in REHEARSE:
        raise UsageError(f"--rehearse={typed} is no way to rehearse", hint=f"Take one of {', '.join(REHEARSE)}.")
    return typed or settings.rehearse


def plan_rehearsal(
    pending: Sequence[Pending], seen: Observation, settings: Settings, mode: str, *, contained: bool = True
) -> Rehearsal:
    """Decide what of a deploy is tried on a copy.

    `contained`: what the files do must not be felt outside of it.

    `auto` does all that can be done up to `rehearse_limit`, and says what it leaves out; `always` refuses to do less.

    Raises:
        NoSpace: the disk can't take the copy; a rollback would not have the space either.
        DatabaseRightsLacking, RollbackBlocked, MigrationInvalid: `always` can't be done.
    """
    if mode == "never" or seen.database is None:
        return NONE
    if mode == "auto" and seen.database.bytes > settings.rehearse_limit:
        size, limit = megabytes(seen.database.bytes), megabytes(settings.rehearse_limit)
        return Rehearsal(restore=False, runs=0, less=f"{size} are beyond rehearse_limit ({limit})")
    try:
        require_copy(seen, seen.database, expected_bytes(seen))
    except (DatabaseRightsLacking, RollbackBlocked) as obstacle:
        if mode == "always":
            raise
        return Rehearsal(restore=False, runs=0, less=obstacle.message)
    for each in pending:
        if each.reach and contained:
            return _only_the_restore(each, mode)
    return Rehearsal(restore=True, runs=RUNS if pending else 0)


def _only_the_restore(reaching: Pending, mode: str) -> Rehearsal:
    less = f"{reaching.migration.name} reaches beyond its database ({reaching.reach})"
    if mode == "always":
        raise MigrationInvalid(less, hint="A copy can't keep that in; deploy with --rehearse=auto or never.")
    return Rehearsal(restore=True, runs=0, less=less)
