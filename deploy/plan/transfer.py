"""Which file of this machine goes up to a server, and which name a file of a server may have here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.model.backup import Backup
from deploy.model.errors import NoSpace, ServerTalksNonsense, UsageError
from deploy.plan.backup import megabytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from deploy.model.observation import Observation

KINDS = ("latest", "pre_deploy", "pre_rollback", "backup")
"""What `--backup` takes for the newest of a kind, so no file can be called so."""


LONGEST_NAME = 200
"""Bytes; a file system takes 255, and a partial file has a longer name."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of this machine that is to stand in `backups/`; `manifest_text` is one line of JSON, or empty."""

    path: Path
    backup: Backup
    sha256: str
    manifest_text: bytes = b""

    def announced_in(self, seen: Observation) -> Observation:
        """Return what will be seen once it is there, so that a plan can refuse it before it has travelled."""
        others = tuple(b for b in seen.backups if b.name != self.backup.name)
        return replace(seen, backups=(*others, self.backup))


def is_file_here(wanted: str, backups: Sequence[Backup], *, exists: bool) -> bool:
    """Tell whether `--backup` means a file of this machine; what the server has by that name comes first.

    Args:
        wanted: what `--backup` says.
        backups: of the server.
        exists: is there a file here by that name?
    """
    name = wanted.removeprefix("backups/")
    if wanted in KINDS or any(b.name == name for b in backups):
        return False
    return exists or "/" in name


def plan_upload(name: str, size: int, modified_at: datetime, seen: Observation) -> Backup:
    """Return the backup that a file would be.

    Raises:
        UsageError: by that name it can't stand in `backups/`.
        NoSpace: with the numbers.
    """
    fits = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}", name)
    if not fits or name in KINDS or name.endswith((".json", ".part")) or "_latest." in name:
        raise UsageError(
            f"{name!a} is no name that a backup can have on the server",
            hint="Rename the file: letters, digits, dots, - and _, such as before_the_accident.sql.gz.",
        )
    if any(b.name == name and b.bytes != size for b in seen.backups):
        raise other_content(name)
    if not any(b.name == name for b in seen.backups) and seen.free_bytes < size:
        raise NoSpace(
            f"{name} has {megabytes(size)}, {megabytes(seen.free_bytes)} are free on the server",
            hint="Free space there, and run it again.",
        )
    return Backup(name, size, modified_at)


def other_content(name: str) -> UsageError:
    """Return the refusal of a name that is taken on the server."""
    return UsageError(
        f"the server has another backup by the name of {name}",
        hint=f"Rename the file here, or leave the path out to mean the server's: --backup={name}",
    )


def name_here(name: str) -> str:
    """Return a server's file name if it can't lead anywhere but into the directory that it is put in.

    Raises:
        ServerTalksNonsense: it might.
    """
    if (
        not name.isprintable()
        or name.startswith(".")
        or not 0 < len(name.encode()) <= LONGEST_NAME
        or set(name) & set("/\\")
    ):
        raise ServerTalksNonsense(
            f"the server has a backup by the name of {name!a}, which is no name for a file here",
            hint="Rename it on the server, in backups/.",
        )
    return name


def table_file(table: str, form: str) -> str:
    """Return the file name of a table's salvaged rows, such as `salvage_public.orders.csv`.

    Args:
        table: as PostgreSQL quotes it, with its schema.
        form: `csv` or `sql`.
    """
    plain = re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", table)
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", table).strip("_")[:100]
    return f"salvage_{table if plain else f'{safe}-{sha256(table.encode()).hexdigest()[:8]}'}.{form}"
