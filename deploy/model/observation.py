"""What was seen on a server, in one look, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.model.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.model.backup import Backup, Origin


NO_JOB = "-"
"""The id of who holds the lock without being a job: an upload, which lives and dies with its client."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is at work: the job's own words, and the step that it is at."""

    job: str
    command: str
    by: str
    source: str
    since: str
    step: str

    def __str__(self) -> str:
        """As the one who is refused reads it."""
        return f"{self.command} by {self.by} from {self.source} since {self.since}, at: {self.step or 'the start'}"


@dataclass(frozen=True, slots=True)
class Replaced:
    """A database that a rollback put aside."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Database:
    """The live database. `version` as server_version_num (150020), `bytes` its size on disk, `extensions` those that could be made."""

    name: str
    version: int
    standby: bool
    bytes: int
    owner: str
    user: str
    superuser: bool
    createdb: bool
    owns: bool
    encoding: str
    system: str
    tables: int
    prepared: int
    slots: tuple[str, ...]
    subscriptions: int
    replaced: tuple[Replaced, ...]
    scratch: tuple[str, ...]
    locked_by: str | None
    extensions: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """The part before the dot: 15, 16, 17."""
        return self.version // 10_000


FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a server. `time` is its own clock, UTC; a `database` of None comes with the reason in `database_error`.

    `scripts` has the sums of `backup-db.sh`, `restore-db.sh` and their library `lib`, or FOREIGN for a script that isn't ours.
    `here` is what a backup taken now would be of. `free_bytes` is for backups, `database_free_bytes` on the disk of the data directory, where that can be seen.
    """

    time: datetime
    here: Origin
    user: str
    kernel: str
    lacks: tuple[str, ...]
    directory_exists: bool
    directory_writable: bool
    free_bytes: int
    has_zstd: bool = False
    database_free_bytes: int | None = None
    migrations_sum: str | None = None
    backups: tuple[Backup, ...] = ()
    partial: tuple[str, ...] = ()
    locked: bool = False
    holder: Holder | None = None
    last_job: str | None = None
    audit: tuple[Mapping[str, Any], ...] = ()
    database: Database | None = None
    database_error: str = ""
    container_state: str | None = None
    container_error: str = ""
    foreign_ledger: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    scripts: Mapping[str, str] = field(default_factory=dict)
