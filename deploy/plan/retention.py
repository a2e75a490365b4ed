"""Which backups may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.model.backup import Backup

KINDS = ("pre_deploy", "pre_rollback", "backup")


def plan_retention(
    backups: Sequence[Backup], *, keep: int, taking: str | None, needed: frozenset[str]
) -> tuple[str, ...]:
    """Return the names of the backups to remove after the job has succeeded.

    Only verified backups count, and only they go: a failed, foreign or unproven file is nobody's to delete.

    Args:
        backups: what stands in `backups/`.
        keep: how many of each kind stay, the one being taken included.
        taking: the kind of the backup that this job adds, or None.
        needed: names that stay whatever their age.
    """
    going: list[str] = []
    for kind in KINDS:
        ours = sorted(
            (b for b in backups if b.kind == kind and b.verified), key=lambda b: (b.taken_at, b.name), reverse=True
        )
        room = keep - 1 if kind == taking else keep
        going += [b.name for b in ours[room:] if b.name not in needed]
    return tuple(sorted(going))
