"""Which backups and replaced databases may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deploy.model.backup import STAMP

if TYPE_CHECKING:
    from deploy.model.observation import Observation, Replaced
    from deploy.model.settings import Settings

KINDS = ("pre_deploy", "pre_rollback", "backup")


def plan_retention(
    seen: Observation, settings: Settings, *, taking: str | None, needed: str | None = None
) -> tuple[str, ...]:
    """Return the names of the backups to remove after the job has succeeded.

    Only verified backups of this very database count, and only they go: a failed, foreign or unproven file is nobody's to delete,
    and one of another environment, database or server is another's, also where that other is what this one was before a move. The
    newest of all stays, and so does the one that was taken of a database which a rollback replaced and which is still there.

    Args:
        seen: the server.
        settings: `keep_backups` of each kind stay, and whatever is younger than `keep_days`.
        taking: the kind of the backup that this job adds, or None.
        needed: a name that this job reads.
    """
    if not seen.here.system:
        return ()
    ours = sorted(
        (b for b in seen.backups if b.verified and b.is_of(seen.here)), key=lambda b: (b.taken_at, b.name), reverse=True
    )
    kept = {needed} | {b.name for b in ours[:1]} | _behind_replaced(seen)
    oldest = seen.time - timedelta(days=settings.keep_days) if settings.keep_days else seen.time
    going: list[str] = []
    for kind in KINDS:
        room = settings.keep_backups - (kind == taking)
        going += [
            b.name for b in [b for b in ours if b.kind == kind][room:] if b.name not in kept and b.taken_at < oldest
        ]
    return tuple(sorted(going))


def plan_forgetting(seen: Observation, settings: Settings) -> tuple[str, ...]:
    """Return the names of the replaced databases that are older than `keep_replaced` days."""
    if seen.database is None or not settings.keep_replaced:
        return ()
    oldest = seen.time - timedelta(days=settings.keep_replaced)
    return tuple(r.name for r in seen.database.replaced if replaced_at(r) < oldest)


def replaced_at(replaced: Replaced) -> datetime:
    """When a rollback put it aside, by its name."""
    return datetime.strptime(replaced.name[-15:], STAMP).replace(tzinfo=UTC)


def _behind_replaced(seen: Observation) -> set[str]:
    """The safety backup of a rollback has the time of the replaced database in its name."""
    stamps = {r.name[-15:] for r in seen.database.replaced} if seen.database else set()
    return {b.name for b in seen.backups if b.kind == "pre_rollback" and b.stamp in stamps}
