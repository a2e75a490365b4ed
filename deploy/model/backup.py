"""A backup: a finished dump in `backups/`, with a manifest beside it where this tool took it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS = re.compile(
    r"(?:(pre_deploy|pre_rollback)|backup_([A-Za-z0-9-]+))_([0-9]{8}_[0-9]{6})\.(?:sql\.gz|sql\.zst|dump)"
)

STAMP = "%Y%m%d_%H%M%S"


@dataclass(frozen=True, slots=True)
class Origin:
    """The database that a backup was taken of.

    `system` is the cluster's system identifier, of pg_control_system(). A volume that was copied has that of its model, so the
    environment counts as well; and a server that was set up anew has another, whatever its name. Empty: the database can't be asked.
    """

    environment: str
    database: str
    system: str

    @property
    def name(self) -> str:
        """As people tell databases apart."""
        return f"{self.database} of {self.environment}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was proven about a backup when it was taken.

    `rows` are rows per table, named as pg_dump names them. `origin` is None where nobody knows of which database it is: a file
    that came without a manifest, and got one when it was verified.
    """

    sha256: str
    taken_at: str
    migration: str | None
    origin: Origin | None
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
    def origin(self) -> Origin | None:
        """The database that it was taken of, where that is known."""
        return self.manifest.origin if self.manifest else None

    def is_of(self, here: Origin) -> bool:
        """Was it taken of this very database? A system that can't be asked is given the benefit of the doubt."""
        return self.origin is not None and here in {self.origin, replace(self.origin, system="")}

    @property
    def verified(self) -> bool:
        """Was its content read back and proven when it was taken?"""
        return self.manifest is not None and self.manifest.verified
