"""A backup: a finished dump in `backups/`, with a manifest beside it where this tool took it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS = re.compile(
    r"(?:(pre_deploy|pre_rollback)|backup_([A-Za-z0-9-]+))_([0-9]{8}_[0-9]{6})\.(?:sql\.gz|sql\.zst|dump)"
)

STAMP = "%Y%m%d_%H%M%S"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was proven about a backup when it was taken. `rows` are rows per table, named as pg_dump names them."""

    sha256: str
    taken_at: str
    migration: str | None
    database: str
    server_version: int
    verified: bool
    restored_at: str | None
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backup:
    """One file in `backups/`. `bytes` is its size; `modified_at` the server's clock when it was written."""

    name: str
    bytes: int
    modified_at: datetime
    manifest: Manifest | None = None

    @property
    def kind(self) -> str:
        """`pre_deploy`, `pre_rollback`, `backup`, or `foreign` for a name that isn't ours."""
        match = _OURS.fullmatch(self.name)
        if not match:
            return "foreign"
        return match[1] or "backup"

    @property
    def stamp(self) -> str | None:
        """The time in a name of ours, as STAMP writes it."""
        match = _OURS.fullmatch(self.name)
        return match[3] if match else None

    @property
    def taken_at(self) -> datetime:
        """When it was taken: its manifest's word, else its name's, else the file's time."""
        if self.manifest:
            return datetime.fromisoformat(self.manifest.taken_at)
        match = _OURS.fullmatch(self.name)
        if match:
            try:
                return datetime.strptime(match[3], STAMP).replace(tzinfo=UTC)
            except ValueError:
                return self.modified_at
        return self.modified_at

    @property
    def verified(self) -> bool:
        """Was its content read back and proven when it was taken?"""
        return self.manifest is not None and self.manifest.verified
